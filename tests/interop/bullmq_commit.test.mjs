/* What a commit of the BullMQ dialect leaves in Redis, step by step (S15 to S60 of the protocol's scenarios,
 * and what happens to effects that are sent twice or meet keys of a foreign type). Whole workers beside
 * Node's: bullmq_*.test.mjs. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { mqEvents, mqQueue } from '../lib/bullmq.mjs';
import { missing } from '../lib/processes.mjs';
import { startRedis } from '../lib/redis.mjs';
import { Bench } from './bullmq_bench.mjs';
import { CLI } from './bull_sides.mjs';

const skip = missing(CLI);
const CODES = { ok: 0, lock: 13, missing: 14, inactive: 15, type: 24 };

const scenario = (name, settings, steps) => [name, settings, steps];

const scenarios = [
  scenario('S15 S16 an activation', { name: 'w1' }, async (b) => {
    await b.queue.add('n', { a: 1 });
    await b.client.del(b.key('marker'));
    const events = await b.eventsOf(async () => {
      const { jobs } = await b.fetch();
      assert.equal(jobs[0].started, 1);
      assert.equal(await b.client.get(b.key('1:lock')), jobs[0].token);
      const job = await b.job(1);
      assert.deepEqual([job.pb, job.ats, job.processedOn], ['w1', '1', String(jobs[0].processedOn)]);
    });
    assert.deepEqual(events, ['active jobId 1 prev waiting']);
    assert.ok((await b.client.pttl(b.key('1:lock'))) <= 30000);
    assert.deepEqual(await b.list('active'), ['1']);
    assert.equal(await b.client.zscore(b.key('marker'), '0'), '0');
    await b.queue.add('n', {});
    await b.another({}).fetch();
    assert.equal((await b.job(2)).pb, undefined);
  }),
  scenario('S20 S21 due jobs, in their order and not all at once', {}, async (b) => {
    const due = (i, opts) => ({ name: 'n', data: i, opts: { delay: 1000 + i, ...opts } });
    await b.queue.addBulk([due(0), due(1, { lifo: true }), due(2, { priority: 3 }), ...Array.from({ length: 600 }, (_, i) => due(i + 3))]);
    const now = Date.now() + 10_000;
    const { ids, more } = await b.fetch(1, { now });
    assert.deepEqual(ids, ['1']);
    assert.equal(more, true);
    assert.equal(await b.client.zcard(b.key('delayed')), 603 - 256);
    assert.deepEqual((await b.list('wait')).slice(-2), ['4', '2']);
    assert.equal(Math.floor((await b.client.zscore(b.key('prioritized'), '3')) / 2 ** 32), 3);
    assert.equal((await b.job(2)).delay, '0');
    assert.ok((await b.events()).includes('waiting jobId 2 prev delayed'));
    assert.ok(!(await b.events()).includes('waiting jobId 2'));
  }),
  scenario('S22 a paused queue promotes and activates nothing', {}, async (b) => {
    await b.queue.add('n', 1);
    await b.queue.add('n', 2, { delay: 10 });
    await b.queue.pause();
    const { ids, drained } = await b.fetch(4, { now: Date.now() + 1000 });
    assert.deepEqual([ids, drained], [[], true]);
    assert.deepEqual(await b.list('wait'), ['2', '1']);
    assert.equal(await b.exists('marker'), 0);
  }),
  scenario('S23 as many as all workers together may have', {}, async (b) => {
    await b.queue.setGlobalConcurrency(2);
    await b.queue.addBulk([1, 2, 3, 4].map((data) => ({ name: 'n', data })));
    assert.deepEqual((await b.fetch(4)).ids, ['1', '2']);
    assert.deepEqual((await b.fetch(4)).ids, []);
    await b.client.del(b.key('marker'));
    /* Nobody is told of the place that became free but by us: we do not fetch. */
    await b.commit([{ kind: 'complete', id: '1', value: '1' }]);
    assert.equal(await b.client.zscore(b.key('marker'), '0'), '0');
    assert.deepEqual((await b.commit([{ kind: 'complete', id: '2', value: '1' }], { fetch: 4 })).ids, ['3', '4']);
  }),
  scenario('S5 S24 by priority behind those that wait, and the count of the sequence', {}, async (b) => {
    await b.queue.addBulk([5, 2, 5, 0].map((priority) => ({ name: 'n', data: 1, opts: { priority } })));
    assert.deepEqual((await b.fetch(3)).ids, ['4', '2', '1']);
    assert.equal(await b.exists('pc'), 1);
    assert.deepEqual((await b.fetch(3)).ids, ['3']);
    assert.equal(await b.exists('pc'), 0);
    assert.deepEqual(await b.list('active'), ['3', '1', '2', '4']);
  }),
  scenario('S25 S26 what is no job', {}, async (b) => {
    await b.client.lpush(b.key('wait'), '0:1700000000000', 'gone', 'half');
    await b.client.hset(b.key('half'), 'processedOn', 1, 'ats', 1);
    await b.queue.add('n', 1);
    let answer = await b.fetch(1);
    while (!answer.drained) answer = await b.fetch(1);
    await b.fetch(4);
    assert.deepEqual(await b.list('wait'), []);
    assert.deepEqual(await b.list('active'), ['1']);
    assert.equal((await b.exists('half')) + (await b.exists('gone')), 0);
  }),
  scenario('S27 the worker\'s rate limit', { limiter: { max: 2, duration: 60_000 } }, async (b) => {
    await b.queue.addBulk([1, 2, 3, 4].map((data) => ({ name: 'n', data })));
    assert.deepEqual((await b.fetch()).ids, ['1']);
    const { ids, rest } = await b.fetch(3);
    assert.deepEqual(ids, ['2']);
    assert.ok(rest > 0 && rest <= 60_000);
    assert.equal(await b.client.get(b.key('limiter')), '2');
    assert.deepEqual(await b.list('wait'), ['4', '3']);
  }),
  scenario('S28 the queue\'s maximum, the worker\'s time', { limiter: { max: 100, duration: 20_000 } }, async (b) => {
    await b.queue.setGlobalRateLimit(2, 1_500_000);
    await b.queue.addBulk([1, 2, 3].map((data) => ({ name: 'n', data })));
    const { ids, rest } = await b.fetch(3);
    assert.deepEqual(ids, ['1', '2']);
    assert.ok(rest > 0 && rest <= 20_000);
  }),
  scenario('S29 S30 limited by hand', {}, async (b) => {
    await b.queue.rateLimit(5000);
    await b.queue.addBulk([1, 2].map((data) => ({ name: 'n', data })));
    assert.deepEqual((await b.fetch()).ids, ['1'], 'who has no maximum does not obey');
    const { ids, rest } = await b.another({ limiter: { max: 9, duration: 10 } }).fetch();
    assert.deepEqual(ids, []);
    assert.ok(rest > 1000 && rest <= 5000);
  }),
  scenario('S31 S57 a deferred failure', { limiter: { max: 1, duration: 60_000 } }, async (b) => {
    await b.queue.addBulk([1, 2].map((data) => ({ name: 'n', data, opts: { attempts: 5 } })));
    await b.client.hset(b.key(1), 'defa', 'child x failed');
    const { ids, jobs } = await b.fetch(2);
    assert.deepEqual(ids, ['1', '2']);
    assert.equal(await b.client.get(b.key('limiter')), '1');
    assert.deepEqual([jobs[0].broken, jobs[1].broken], ['child x failed', null]);
    const events = await b.eventsOf(() => b.judge('1', 'child x failed'));
    assert.deepEqual(events, ['failed jobId 1 failedReason child x failed prev active']);
    const job = await b.job(1);
    assert.deepEqual([job.defa, job.atm, job.ats], [undefined, '1', '1']);
  }),
  scenario('S32 S33 completed, in one step', {}, async (b) => {
    const events = await mqEvents(b.t, b.redis, 'q', { prefix: b.prefix });
    const jobs = await b.queue.addBulk([1, 2].map((data) => ({ name: 'n', data })));
    const ends = jobs.map((job) => job.waitUntilFinished(events));
    await b.fetch(2);
    const told = await b.eventsOf(() => b.commit([{ kind: 'complete', id: '1', value: '{"r":1}' }, { kind: 'complete', id: '2' }]));
    assert.deepEqual(await Promise.all(ends), [{ r: 1 }, null]);
    assert.deepEqual(told, ['completed jobId 1 returnvalue {"r":1} prev active', 'completed jobId 2 returnvalue null prev active', 'drained']);
    const job = await b.job(1);
    assert.equal(await b.client.zscore(b.key('completed'), '1'), job.finishedOn);
    assert.deepEqual([job.returnvalue, job.atm, await b.exists('1:lock'), (await b.job(2)).returnvalue], ['{"r":1}', '1', 0, 'null']);
  }),
  scenario('S34 S35 S36 nobody else\'s job', {}, async (b) => {
    await b.queue.addBulk([1, 2, 3].map((data) => ({ name: 'n', data })));
    await b.fetch(3);
    await b.client.del(b.key('1:lock'), b.key(3));
    await b.client.set(b.key('2:lock'), 'other');
    const events = await b.eventsOf(async () => {
      const { codes } = await b.commit(['1', '2', '3'].map((id) => ({ kind: 'complete', id, value: '1' })));
      assert.deepEqual(codes, [CODES.lock, CODES.lock, CODES.missing]);
    });
    assert.deepEqual(events, []);
    assert.deepEqual(await b.list('active'), ['3', '2', '1']);
  }),
  scenario('not in active: the lock goes, and nothing else', {}, async (b) => {
    await b.queue.add('n', 1);
    await b.fetch();
    await b.client.del(b.key('active'));
    assert.deepEqual((await b.commit([{ kind: 'complete', id: '1', value: '1' }])).codes, [CODES.inactive]);
    assert.deepEqual([await b.exists('1:lock'), await b.exists('completed')], [0, 0]);
  }),
  scenario('S37 S38 S39 what is next, and drained', {}, async (b) => {
    await b.queue.addBulk([1, 2].map((data) => ({ name: 'n', data })));
    await b.fetch();
    const first = await b.eventsOf(async () => assert.deepEqual((await b.commit([{ kind: 'complete', id: '1', value: '1' }], { fetch: 1 })).ids, ['2']));
    assert.deepEqual(first.map((event) => event.split(' ')[0]), ['completed', 'active']);
    await b.queue.add('n', 3, { delay: 50_000 });
    const second = await b.eventsOf(async () => {
      const { due } = await b.commit([{ kind: 'complete', id: '2', value: '1' }], { fetch: 1 });
      assert.equal(due, Math.floor((await b.client.zscore(b.key('delayed'), '3')) / 4096));
    });
    assert.deepEqual(second.map((event) => event.split(' ')[0]), ['completed']);
  }),
  scenario('S40 S41 S42 S43 what stays', { removeOnComplete: 0 }, async (b) => {
    const keep = [true, { count: 2 }, { count: 2 }, { count: 2 }, false, undefined];
    await b.queue.addBulk(keep.map((removeOnComplete) => ({ name: 'n', data: 1, opts: { removeOnComplete } })));
    await b.fetch(6);
    for (let id = 1; id <= 6; id++) {
      await b.client.rpush(b.key(`${id}:logs`), 'line');
      await b.commit([{ kind: 'complete', id: String(id), value: '1' }], { now: Date.now() + id });
    }
    assert.deepEqual(await b.client.zrange(b.key('completed'), 0, -1), ['3', '4', '5']);
    const left = await b.client.keys(b.key('[0-9]*'));
    assert.deepEqual(left.map((key) => key.slice(b.key('').length)).sort(), ['3', '3:logs', '4', '4:logs', '5', '5:logs']);
    assert.equal((await b.events()).filter((event) => event.startsWith('completed ')).length, 6);
  }),
  scenario('by age, the newest first, a bounded number', {}, async (b) => {
    const removeOnComplete = { age: 10, limit: 2 };
    await b.queue.addBulk([1, 2, 3, 4].map((data) => ({ name: 'n', data, opts: { removeOnComplete } })));
    await b.fetch(4);
    const now = Date.now();
    for (const [id, age] of [['1', 90_000], ['2', 80_000], ['3', 70_000]]) {
      await b.commit([{ kind: 'complete', id, value: '1' }], { now: now - age });
    }
    await b.commit([{ kind: 'complete', id: '4', value: '1' }], { now });
    assert.deepEqual(await b.client.zrange(b.key('completed'), 0, -1), ['4']);
  }),
  scenario('S44 S46 again later', {}, async (b) => {
    await b.queue.add('n', 1, { attempts: 3, backoff: { type: 'exponential', delay: 100 } });
    await b.fetch();
    let now = Date.now();
    const events = await b.eventsOf(() => b.judge('1', 'boom "x"', { now }));
    assert.deepEqual(events, [`delayed jobId 1 delay ${now + 100}`]);
    let job = await b.job(1);
    assert.deepEqual([job.atm, job.delay, job.failedReason, job.stacktrace], ['1', '100', 'boom "x"', '["Error: boom \\"x\\""]']);
    assert.equal(await b.client.zscore(b.key('delayed'), '1'), String((now + 100) * 4096));
    assert.equal(await b.client.zscore(b.key('marker'), '1'), String(now + 100));
    await b.fetch(1, { now: (now += 1000) });
    await b.judge('1', 'again', { now });
    job = await b.job(1);
    assert.deepEqual([job.atm, job.delay, JSON.parse(job.stacktrace).length], ['2', '200', 2]);
  }),
  scenario('S45 S53 again at once', {}, async (b) => {
    const opts = (more) => ({ attempts: 2, ...more });
    await b.queue.addBulk([{}, { lifo: true }, { priority: 4 }, {}].map((more) => ({ name: 'n', data: 1, opts: opts(more) })));
    await b.fetch(3); /* 2, 1, 4: then 3 */
    await b.fetch(1);
    await b.queue.add('n', 5);
    const events = await b.eventsOf(async () => {
      for (const id of ['1', '2', '3']) await b.judge(id, 'boom');
    });
    assert.deepEqual(events, ['1', '2', '3'].map((id) => `waiting jobId ${id} prev active`));
    assert.deepEqual(await b.list('wait'), ['1', '5', '2']);
    assert.equal(Math.floor((await b.client.zscore(b.key('prioritized'), '3')) / 2 ** 32), 4);
    assert.deepEqual([(await b.job(1)).atm, (await b.job(1)).failedReason], ['1', 'boom']);
  }),
  scenario('S47 S48 S49 the last attempt', {}, async (b) => {
    await b.queue.addBulk([{ attempts: 2 }, { attempts: 5 }, {}].map((opts) => ({ name: 'n', data: 1, opts })));
    await b.fetch(3);
    await b.judge('1', 'one');
    await b.fetch(1);
    assert.deepEqual(await b.eventsOf(() => b.judge('1', 'two')), [
      'failed jobId 1 failedReason two prev active',
      'retries-exhausted jobId 1 attemptsMade 2',
    ]);
    assert.deepEqual(await b.eventsOf(() => b.judge('2', 'no', { unrecoverable: true })), ['failed jobId 2 failedReason no prev active']);
    assert.deepEqual((await b.eventsOf(() => b.judge('3', 'no')))[1], 'retries-exhausted jobId 3 attemptsMade 1');
    assert.equal(JSON.parse((await b.job(1)).stacktrace).length, 2);
  }),
  scenario('S50 attempts that an older version has counted', {}, async (b) => {
    await b.queue.add('n', 1, { attempts: 3 });
    await b.client.hset(b.key(1), 'attemptsMade', 1);
    let runs = 0;
    for (; (await b.fetch()).ids.length > 0; runs++) await b.judge('1', 'boom');
    assert.equal(runs, 2);
    assert.deepEqual([(await b.job(1)).attemptsMade, (await b.job(1)).atm], ['1', '3']);
  }),
  scenario('S51 traces that are kept', {}, async (b) => {
    await b.queue.addBulk([1, 0].map((stackTraceLimit) => ({ name: 'n', data: 1, opts: { attempts: 3, stackTraceLimit } })));
    for (const text of ['one', 'two']) {
      await b.fetch(2);
      await b.judge('1', text);
      await b.judge('2', text);
    }
    assert.deepEqual([(await b.job(1)).stacktrace, (await b.job(2)).stacktrace], ['["Error: two"]', '[]']);
  }),
  scenario('S52 metrics', { metrics: { maxDataPoints: 5 } }, async (b) => {
    await b.queue.addBulk([1, 2, 3].map((data) => ({ name: 'n', data })));
    await b.fetch(3);
    const now = 1_795_000_000_000 - (1_795_000_000_000 % 60_000);
    for (const [id, minute] of [['1', 0], ['2', 0], ['3', 3]]) {
      await b.commit([{ kind: 'complete', id, value: '1' }], { now: now + minute * 60_000 });
    }
    assert.deepEqual(await b.list('metrics:completed:data'), ['0', '0', '2']);
    const { count, prevCount } = await b.client.hgetall(b.key('metrics:completed'));
    assert.deepEqual([count, prevCount], ['3', '2']);
  }),
  scenario('S54 S55 S57 S59 stalled', {}, async (b) => {
    await b.queue.addBulk([0, 7].map((priority) => ({ name: 'n', data: 1, opts: { priority } })));
    await b.fetch(2);
    await b.client.del(b.key('1:lock'), b.key('2:lock'));
    const sweep = () => b.driver.ask({ op: 'sweep' });
    await sweep();
    assert.deepEqual((await b.client.smembers(b.key('stalled'))).sort(), ['1', '2']);
    assert.deepEqual(await sweep(), { failed: 0, recovered: 0, dead: 0 });
    await b.client.del(b.key('stalled-check'));
    await b.client.hset(b.key(2), 'stc', 1);
    const events = await b.eventsOf(async () => assert.equal((await sweep()).recovered, 2));
    assert.deepEqual(events.filter((event) => event.includes('jobId 1')), ['waiting jobId 1 prev active', 'stalled jobId 1']);
    assert.deepEqual([await b.exists('active'), await b.exists('prioritized')], [0, 0]);
    assert.deepEqual((await b.list('wait')).sort(), ['1', '2']);
    assert.deepEqual([(await b.job(1)).stc, (await b.job(1)).defa], ['1', undefined]);
    assert.equal((await b.job(2)).defa, 'job stalled more than allowable limit');
    assert.deepEqual((await b.fetch(2)).jobs.find(({ id }) => id === '2').broken, 'job stalled more than allowable limit');
  }),
  scenario('S56 S60 renewed in time', {}, async (b) => {
    await b.queue.addBulk([1, 2].map((data) => ({ name: 'n', data })));
    await b.fetch(2);
    await b.client.sadd(b.key('stalled'), '1', '2');
    await b.client.set(b.key('2:lock'), 'other');
    await b.client.pexpire(b.key('1:lock'), 1000);
    const { codes } = await b.commit(['1', '2'].map((id) => ({ kind: 'renew', id })));
    assert.deepEqual(codes, [CODES.ok, CODES.lock]);
    assert.ok((await b.client.pttl(b.key('1:lock'))) > 20_000);
    assert.deepEqual(await b.client.smembers(b.key('stalled')), ['2']);
  }),
  scenario('S58 a job of a scheduler stalls as often as it likes', {}, async (b) => {
    await b.queue.upsertJobScheduler('s', { every: 60_000 });
    const [id] = (await b.fetch()).ids;
    await b.client.hset(b.key(id), 'stc', 5);
    await b.commit([{ kind: 'stall', id }]);
    assert.deepEqual([(await b.job(id)).stc, (await b.job(id)).defa], ['6', undefined]);
    await b.fetch();
    await b.client.del(b.key('repeat'), b.key('repeat:s'));
    await b.commit([{ kind: 'stall', id }]);
    assert.equal((await b.job(id)).defa, 'job stalled more than allowable limit');
  }),
  scenario('S77 S84 children that keep a job from completing', {}, async (b) => {
    await b.queue.addBulk([1, 2, 3].map((data) => ({ name: 'n', data })));
    await b.fetch(3);
    await b.client.sadd(b.key('1:dependencies'), 'x:y:1');
    await b.client.zadd(b.key('2:unsuccessful'), 1, 'x:y:2');
    const { results } = await b.commit(['1', '2', '3'].map((id) => ({ kind: 'complete', id, value: '1' })));
    assert.deepEqual(results.map(({ final }) => final), [false, true, false]);
    assert.match(results[0].refusal, /Job 1 .*pending/);
    assert.match(results[1].refusal, /Job 2 .*failed/);
    assert.equal(results[2].code, CODES.ok);
    assert.equal((await b.exists('1:lock')) + (await b.exists('2:lock')), 2);
    assert.deepEqual(await b.list('active'), ['2', '1']);
  }),
  scenario('S83 to wait for children', {}, async (b) => {
    await b.queue.addBulk([1, 2, 3].map((data) => ({ name: 'n', data })));
    await b.fetch(3);
    await b.client.sadd(b.key('1:dependencies'), 'x:y:1');
    await b.client.zadd(b.key('3:unsuccessful'), 1, 'x:y:2');
    const events = await b.eventsOf(async () => {
      const { results } = await b.commit(['1', '2', '3'].map((id) => ({ kind: 'await', id })));
      assert.deepEqual(results.map(({ ready, final }) => [ready, final]), [[false, false], [true, false], [false, true]]);
    });
    assert.deepEqual(events, ['waiting-children jobId 1 prev active', 'waiting jobId 2 prev active']);
    assert.ok(await b.client.zscore(b.key('waiting-children'), '1'));
    assert.deepEqual([await b.list('wait'), await b.list('active')], [['2'], ['3']]);
    assert.deepEqual([await b.exists('1:lock'), await b.exists('3:lock')], [0, 1]);
    assert.equal((await b.job(1)).atm, undefined);
  }),
  scenario('back to the front, put off, and the queue at rest', {}, async (b) => {
    await b.queue.addBulk([0, 4, 0].map((priority) => ({ name: 'n', data: 1, opts: { priority } })));
    await b.fetch(3);
    await b.queue.add('n', 1);
    await b.queue.add('n', 1, { priority: 4 });
    const now = Date.now();
    const { rest } = await b.commit([
      { kind: 'release', id: '1' },
      { kind: 'release', id: '2', started: true, due: 5000 },
      { kind: 'postpone', id: '3', due: now + 700 },
    ], { now });
    assert.equal(rest, 5000);
    assert.ok((await b.client.pttl(b.key('limiter'))) > 4000);
    assert.deepEqual(await b.list('wait'), ['4', '1']);
    assert.deepEqual(await b.client.zrange(b.key('prioritized'), 0, -1), ['2', '5']);
    assert.deepEqual([(await b.job(1)).ats, (await b.job(2)).ats, (await b.job(3)).ats], [undefined, '1', '1']);
    assert.deepEqual([(await b.job(3)).delay, (await b.job(3)).atm], ['700', undefined]);
  }),
  scenario('progress, logs and data', {}, async (b) => {
    await b.queue.add('n', 1, { keepLogs: 2 });
    await b.queue.add('n', 1);
    await b.fetch(2);
    const events = await b.eventsOf(() => b.commit([
      { kind: 'progress', id: '1', value: '{"a":1}' },
      ...['one', 'two', 'three'].flatMap((value) => ['1', '2'].map((id) => ({ kind: 'log', id, value }))),
      { kind: 'update', id: '1', value: '{"b":2}' },
    ]));
    assert.deepEqual(events, ['progress jobId 1 data {"a":1}']);
    assert.deepEqual([await b.list('1:logs'), (await b.list('2:logs')).length], [['two', 'three'], 3]);
    assert.deepEqual([(await b.job(1)).progress, (await b.job(1)).data], ['{"a":1}', '{"b":2}']);
  }),
  scenario('a wait, by its marker', { drainDelay: 0.05 }, async (b) => {
    const wait = () => b.driver.ask({ op: 'wait' });
    assert.deepEqual(await wait(), { id: null, work: false, due: -1 });
    await b.queue.add('n', 1, { delay: 50_000, timestamp: 1_795_000_000_000 });
    assert.deepEqual(await wait(), { id: null, work: false, due: 1_795_000_050_000 });
    await b.commit([{ kind: 'untake' }]);
    assert.deepEqual(await wait(), { id: null, work: true, due: -1 });
    await b.queue.pause();
    await b.another({}).commit([{ kind: 'untake' }]);
    assert.deepEqual(await wait(), { id: null, work: false, due: -1 });
  }),
  /* The reply was lost: the same effects again change nothing and are done. */
  scenario('effects that come twice', {}, async (b) => {
    await b.queue.addBulk(Array.from({ length: 8 }, (_, i) => ({ name: 'n', data: i, opts: { attempts: 2 } })));
    await b.fetch(8);
    const now = Date.now();
    const effects = [
      { kind: 'complete', id: '1', value: '1' },
      { kind: 'fail', id: '2', value: 'no', extra: '[]', attempts: 1 },
      { kind: 'retry', id: '3', value: 'no', extra: '[]', attempts: 1 },
      { kind: 'delay', id: '4', value: 'no', extra: '[]', attempts: 1, due: now + 1000 },
      { kind: 'postpone', id: '5', due: now + 1000 },
      { kind: 'release', id: '6' },
      { kind: 'stall', id: '7' },
      { kind: 'await', id: '8' },
    ];
    await b.client.sadd(b.key('8:dependencies'), 'x:y:1');
    await b.commit(effects, { now });
    const state = async () => [await b.list('wait'), await b.client.zrange(b.key('delayed'), 0, -1, 'WITHSCORES'), await b.events(), ...(await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map((id) => b.job(id))))];
    const before = await state();
    const again = await b.commit(effects.map((effect) => ({ ...effect, resent: true })), { now });
    assert.deepEqual(again.codes, Array(8).fill(CODES.ok));
    assert.deepEqual(await state(), before);
  }),
  /* Redis was away for longer than the lock lives, and nobody else had the job. */
  scenario('an outcome counts although the lock ran out', {}, async (b) => {
    await b.queue.addBulk([1, 2].map((data) => ({ name: 'n', data })));
    await b.fetch(2);
    await b.client.del(b.key('1:lock'), b.key('2:lock'));
    await b.client.hset(b.key(2), 'stc', 1);
    const { codes } = await b.commit(['1', '2'].map((id) => ({ kind: 'complete', id, value: '1', resent: true })));
    assert.deepEqual(codes, [CODES.ok, CODES.lock]);
  }),
  scenario('what a fetch took whose answer was lost', {}, async (b) => {
    await b.queue.addBulk([1, 2].map((data) => ({ name: 'n', data })));
    const { jobs } = await b.fetch(2);
    const { jobs: found } = await b.driver.ask({ op: 'reclaim' });
    assert.deepEqual(found.map(({ id, token, processedOn, started }) => [id, token, processedOn, started]).sort(), jobs.map(({ id, token, processedOn }) => [id, token, processedOn, 1]));
    const { results } = await b.another({}).commit([{ kind: 'adopt', id: '1', token: jobs[0].token }]);
    assert.equal(results[0].leased.processedOn, jobs[0].processedOn);
  }),
  ...[['completed', 'set'], ['events', 'hash'], ['stalled', 'list']].map(([name]) =>
    scenario(`${name} has a foreign type: nothing is lost`, {}, async (b) => {
      await b.queue.addBulk([1, 2, 3].map((data) => ({ name: 'n', data })));
      await b.fetch(2);
      await b.client.del(b.key(name));
      await b.client.set(b.key(name), 'foreign');
      const effects = ['1', '2'].map((id) => ({ kind: 'complete', id, value: '1' }));
      const answer = await b.commit(effects, { fetch: 1 });
      assert.ok(answer.obstacle.includes(b.key(name)), answer.obstacle);
      assert.deepEqual([answer.ids, (await b.list('active')).sort()], [[], ['1', '2']]);
      await b.client.del(b.key(name));
      assert.deepEqual((await b.commit(effects, { fetch: 1 })).codes, [CODES.ok, CODES.ok]);
    })),
  scenario('one job has a foreign type: the others go on', {}, async (b) => {
    await b.queue.addBulk([1, 2, 3].map((data) => ({ name: 'n', data })));
    await b.fetch(3);
    await b.client.del(b.key(2));
    await b.client.set(b.key(2), 'foreign');
    const answer = await b.commit(['1', '2', '3'].map((id) => ({ kind: 'complete', id, value: '1' })));
    assert.deepEqual(answer.codes.map((code) => code === CODES.ok), [true, false, true]);
    assert.deepEqual([answer.obstacle, await b.list('active')], ['', ['2']]);
  }),
  scenario('what fails for good becomes a dead letter', { deadLetterQueue: 'dead' }, async (b) => {
    await b.queue.addBulk([{ removeOnFail: true }, {}].map((opts) => ({ name: 'n', data: { a: 1 }, opts })));
    await b.fetch(2);
    const { dead } = await b.judge('1', 'boom');
    assert.equal(dead, 1);
    const letters = mqQueue(b.t, b.redis, 'dead', { prefix: b.prefix });
    const [letter] = await letters.getWaiting();
    assert.deepEqual([letter.data.queue, letter.data.id, letter.data.failedReason, letter.data.data], ['q', '1', 'boom', { a: 1 }]);
    assert.equal(await b.exists('1'), 0);
  }),
];

test('commits', { skip }, async (t) => {
  const redis = await startRedis(t);
  for (const [name, settings, steps] of scenarios) await t.test(name, (inner) => steps(new Bench(inner, redis, settings)));
});
