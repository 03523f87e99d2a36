/* Where the dialect does more than Bull: effects that are sent twice, jobs whose lock ran out, jobs
 * and keys that are broken, and the places where Bull itself loses jobs. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { recordMessages, untilMessages } from '../lib/bull.mjs';
import { missing } from '../lib/processes.mjs';
import { startRedis } from '../lib/redis.mjs';
import { dump } from '../lib/state.mjs';
import { until } from '../lib/wait.mjs';
import { BullSide, CLI, Driver, OurSide, published } from './bull_sides.mjs';

const skip = missing(CLI);
const P = 'bull:q:';
const OK = 0;
const LOCK_LOST = 13;
const MISSING = 14;
const NOT_ACTIVE = 15;
const REDIS_TYPE = 24;

let redis;
let client;

async function fresh(t, options) {
  await client.flushall();
  return new OurSide(t, redis, options);
}

const codes = ({ results }) => results.map((result) => result.code);
const effects = (side, ...list) => side.commit({ effects: list });

/* Everything but what a commit may touch without harm. */
async function snapshot() {
  const state = await dump(client);
  for (const entry of Object.values(state)) delete entry.expires;
  return state;
}

test('the dialect is safe where Bull is not', { skip }, async (t) => {
  redis = await startRedis(t);
  client = redis.client();

  await t.test('an effect that is sent again is carried out once', async (t) => {
    const cases = [
      ['complete', { value: '1' }, {}],
      ['complete', { value: '1' }, { removeOnComplete: true }],
      ['fail', { value: 'boom', extra: '["x"]', attempts: 1 }, {}],
      ['fail', { value: 'boom', extra: '["x"]', attempts: 1 }, { removeOnFail: true }],
      ['retry', { value: 'boom', extra: '["x"]', attempts: 1 }, { attempts: 3 }],
      ['retry', { value: 'boom', extra: '["x"]', attempts: 1 }, { attempts: 3, priority: 2 }],
      ['delay', { value: 'boom', extra: '["x"]', attempts: 1, due: Date.now() + 60000 }, { attempts: 3 }],
      ['release', {}, {}],
      ['postpone', { due: Date.now() + 60000 }, {}],
      ['stall', {}, {}],
    ];
    for (const [kind, more, opts] of cases) {
      const side = await fresh(t);
      await side.add([{ data: 1, opts }]);
      const effect = { kind, id: await side.take(), ...more };
      assert.deepEqual(codes(await effects(side, effect)), [OK], kind);
      const before = await snapshot();
      const { value, messages } = await published(redis, client, () => effects(side, { ...effect, resent: true }));
      assert.deepEqual(codes(value), [OK], kind);
      assert.deepEqual(await snapshot(), before, kind);
      assert.deepEqual(messages, [], kind);
    }
  });

  await t.test('an attempt that is counted is known even when the job runs again', async (t) => {
    const side = await fresh(t);
    await side.add([{ opts: { attempts: 3 } }]);
    const effect = { kind: 'retry', id: await side.take(), value: 'boom', extra: '[]', attempts: 1 };
    const other = new OurSide(t, redis);
    await effects(side, effect);
    await other.take();
    assert.deepEqual(codes(await effects(side, { ...effect, resent: true })), [OK]);
    assert.equal((await client.lrange(`${P}active`, 0, -1)).length, 1);
  });

  await t.test('an attempt that is not counted is not, when another has the job', async (t) => {
    const side = await fresh(t);
    await side.add([{ opts: { attempts: 3 } }]);
    const id = await side.take();
    await client.set(`${P}${id}:lock`, 'other');
    for (const kind of ['retry', 'delay', 'fail']) {
      const effect = { kind, id, value: 'boom', extra: '[]', attempts: 1, due: Date.now() + 60000, resent: true };
      assert.deepEqual(codes(await effects(side, effect)), [LOCK_LOST], kind);
    }
    assert.equal(await client.hexists(`${P}${id}`, 'failedReason'), 0);
  });

  await t.test('what leaves active leaves the marks of the check for stalled jobs', async (t) => {
    for (const kind of ['complete', 'fail', 'retry', 'delay', 'postpone', 'release', 'stall', 'renew']) {
      const side = await fresh(t);
      await side.add([{ opts: { attempts: 3 } }]);
      const id = await side.take();
      await client.sadd(`${P}stalled`, id);
      const effect = { kind, id, value: '1', extra: '[]', attempts: 1, due: Date.now() + 60000 };
      assert.deepEqual(codes(await effects(side, effect)), [OK], kind);
      assert.equal(await client.exists(`${P}stalled`), 0, kind);
    }
  });

  await t.test('notes are refused when another has the job, and taken when nobody has', async (t) => {
    const side = await fresh(t);
    await side.add([{ data: 1 }]);
    const id = await side.take();
    const notes = ['progress', 'log', 'update'].map((kind) => ({ kind, id, value: '5' }));
    await client.set(`${P}${id}:lock`, 'other');
    const before = await snapshot();
    assert.deepEqual(codes(await effects(side, ...notes)), notes.map(() => LOCK_LOST));
    assert.deepEqual(await snapshot(), before);
    await client.del(`${P}${id}:lock`);
    assert.deepEqual(codes(await effects(side, ...notes)), notes.map(() => OK));
    assert.deepEqual(await client.hmget(`${P}${id}`, 'progress', 'data'), ['5', '5']);
    assert.deepEqual(await client.lrange(`${P}${id}:logs`, 0, -1), ['5']);
  });

  await t.test('a resent outcome counts when the lock ran out and nobody else had the job', async (t) => {
    for (const kind of ['complete', 'fail', 'retry', 'delay', 'postpone', 'release', 'stall']) {
      const side = await fresh(t);
      await side.add([{ opts: { attempts: 3 } }]);
      const id = await side.take();
      await client.del(`${P}${id}:lock`);
      const effect = { kind, id, value: '1', extra: '[]', attempts: 1, due: Date.now() + 60000 };
      assert.deepEqual(codes(await effects(side, effect)), [LOCK_LOST], kind);
      assert.deepEqual(codes(await effects(side, { ...effect, resent: true })), [OK], kind);
      assert.equal(await client.llen(`${P}active`), 0, kind);
    }
  });

  await t.test('but not when it stalled meanwhile', async (t) => {
    const side = await fresh(t);
    await side.add([{ data: 1 }]);
    const id = await side.take();
    await client.del(`${P}${id}:lock`);
    await client.hincrby(`${P}${id}`, 'stalledCounter', 1);
    assert.deepEqual(codes(await effects(side, { kind: 'complete', id, value: '1', resent: true })), [LOCK_LOST]);
    assert.deepEqual(codes(await effects(side, { kind: 'renew', id })), [LOCK_LOST]);
  });

  await t.test('a lock that ran out is taken again, and adopted, only by whom it belongs to', async (t) => {
    const side = await fresh(t);
    await side.add([{ data: 1 }, { data: 2 }]);
    const [id, foreign] = [await side.take(), await side.take()];
    const token = await client.get(`${P}${id}:lock`);
    await client.del(`${P}${id}:lock`);
    await client.set(`${P}${foreign}:lock`, 'other');
    assert.deepEqual(codes(await effects(side, { kind: 'renew', id }, { kind: 'renew', id: foreign })), [OK, LOCK_LOST]);
    assert.equal(await client.get(`${P}${id}:lock`), token);
    const { results } = await effects(
      side,
      { kind: 'adopt', id, token },
      { kind: 'adopt', id: foreign, token },
      { kind: 'adopt', id: 'none', token },
    );
    assert.deepEqual(results.map((r) => r.code), [OK, LOCK_LOST, MISSING]);
    assert.equal(results[0].leased.token, token);
    assert.equal(results[0].leased.processedOn, Number(await client.hget(`${P}${id}`, 'processedOn')));
    await client.del(`${P}${id}:lock`);
    assert.deepEqual(codes(await effects(side, { kind: 'adopt', id, token })), [OK]);
    await client.del(`${P}${id}:lock`, `${P}active`);
    assert.deepEqual(codes(await effects(side, { kind: 'adopt', id, token })), [LOCK_LOST]);
  });

  await t.test('one bad job does not spoil the others of its commit', async (t) => {
    const side = await fresh(t);
    await side.add(Array.from({ length: 9 }, (_, i) => ({ data: i, opts: { attempts: 3 } })));
    const ids = [];
    for (let i = 0; i < 9; i++) ids.push(await side.take());
    await client.del(`${P}2`, `${P}7`);
    await client.set(`${P}3:lock`, 'other');
    await client.del(`${P}4:lock`);
    await client.lrem(`${P}active`, 0, '5');
    await client.rename(`${P}6`, 'kept');
    await client.lpush(`${P}6`, 'not a hash');
    const answer = await effects(
      side,
      ...['1', '2', '3', '4', '5', '6', '8'].map((id) => ({ kind: 'complete', id, value: '{}' })),
      { kind: 'retry', id: '7', value: 'x' },
      { kind: 'retry', id: '9', value: 'x', attempts: 1 },
    );
    assert.deepEqual(codes(answer), [OK, MISSING, LOCK_LOST, LOCK_LOST, NOT_ACTIVE, REDIS_TYPE, OK, MISSING, OK]);
    assert.equal(answer.obstacle, '', 'a key of one job is in the way of no other');
    assert.deepEqual(await client.zrange(`${P}completed`, 0, -1), ['1', '8']);
    assert.deepEqual((await client.lrange(`${P}active`, 0, -1)).sort(), ['2', '3', '4', '6', '7']);
    assert.equal(await client.exists(`${P}6:lock`), 1);
    assert.equal(await client.exists(`${P}2`), 0);
  });

  await t.test('a key of a foreign type refuses an effect before it changes anything', async (t) => {
    for (const [key, kind] of [['completed', 'complete'], ['failed', 'fail'], ['delayed', 'delay'], ['wait', 'retry'], ['stalled', 'complete'], ['priority', 'release']]) {
      const side = await fresh(t);
      await side.add([{ data: 1, opts: { attempts: 3 } }, { data: 2 }]);
      const id = await side.take();
      await client.set(`${P}${key}`, 'text');
      const effect = { kind, id, value: '1', extra: '[]', attempts: 1, due: Date.now() + 1000 };
      const before = await snapshot();
      const answer = await side.commit({ effects: [effect], fetch: 5 });
      assert.deepEqual(codes(answer), [REDIS_TYPE], key);
      assert.deepEqual(await snapshot(), before, `${key}: and nothing is fetched`);
      assert.match(answer.obstacle, new RegExp(`rename or delete it: ${P}${key} is a string, not a `));
    }
  });

  await t.test('effects are answered even when the fetch behind them cannot work', async (t) => {
    const side = await fresh(t);
    await side.add([{ data: 1 }]);
    const id = await side.take();
    await client.set(`${P}wait`, 'text');
    const answer = await side.commit({ effects: [{ kind: 'complete', id, value: '1' }], fetch: 5 });
    assert.deepEqual(codes(answer), [OK]);
    assert.ok(answer.rest > 0);
    await assert.rejects(side.commit({ fetch: 5 }), /foreign type/);
  });

  await t.test('without memory nothing is half done, and what frees memory still works', async (t) => {
    const side = await fresh(t);
    await side.add([{ data: 1 }, { data: 2, opts: { attempts: 2 } }, { data: 3 }]);
    const [one, two] = [await side.take(), await side.take()];
    await client.config('SET', 'maxmemory', 1);
    t.after(() => client.config('SET', 'maxmemory', 0));
    const before = await snapshot();
    await assert.rejects(side.commit({ fetch: 1 }), /memory limit/);
    await assert.rejects(effects(side, { kind: 'progress', id: one, value: '1' }), /memory limit/);
    assert.deepEqual(await snapshot(), before);
    assert.deepEqual(
      codes(await effects(side, { kind: 'complete', id: one, value: '1' }, { kind: 'retry', id: two, value: 'x', attempts: 1 })),
      [OK, OK],
    );
    assert.deepEqual(await client.lrange(`${P}wait`, 0, -1), ['2', '3']);
    await client.config('SET', 'maxmemory', 0);
  });

  await t.test('T41: an id without a job is dropped, wherever it is met', async (t) => {
    const side = await fresh(t);
    await client.rpush(`${P}wait`, 'gone', 'gone2');
    await side.add([{ data: 1 }]);
    const answer = await side.commit({ fetch: 5 });
    assert.deepEqual(answer.jobs.map((job) => job.id), ['1']);
    assert.deepEqual(await client.lrange(`${P}active`, 0, -1), ['1']);
    await client.rpush(`${P}active`, 'gone');
    assert.deepEqual(codes(await effects(side, { kind: 'take', id: 'gone' }, { kind: 'take', id: 'never' })), [MISSING, NOT_ACTIVE]);
    await client.zadd(`${P}delayed`, 1, 'gone');
    await side.promote();
    await client.rpush(`${P}active`, 'gone');
    await client.sadd(`${P}stalled`, 'gone');
    assert.deepEqual(await side.sweep(), { failed: 0, recovered: 0 });
    for (const id of ['gone', 'gone2', 'never']) assert.equal(await client.exists(`${P}${id}`), 0, id);
    assert.deepEqual(await client.lrange(`${P}active`, 0, -1), ['1']);
    assert.equal(await client.llen(`${P}wait`), 0);
  });

  await t.test('T16: a taken id that somebody works on is left alone', async (t) => {
    const side = await fresh(t);
    await side.add([{ data: 1 }]);
    const id = await side.take();
    const token = await client.get(`${P}${id}:lock`);
    assert.deepEqual(codes(await effects(side, { kind: 'take', id })), [LOCK_LOST]);
    assert.equal(await client.get(`${P}${id}:lock`), token);
    assert.deepEqual(codes(await effects(side, { kind: 'untake', id })), [LOCK_LOST]);
    await client.rpush(`${P}wait`, id); /* the same id twice, as retryJobs can leave it */
    assert.deepEqual((await side.commit({ fetch: 2 })).jobs, []);
    assert.deepEqual(await client.lrange(`${P}active`, 0, -1), [id]);
    assert.equal(await client.get(`${P}${id}:lock`), token);
  });

  await t.test('a lock that Bull 3 left on a waiting job does not keep it from running', async (t) => {
    const side = await fresh(t);
    await side.add([{ data: 1 }]);
    await client.set(`${P}1:lock`, 'old');
    assert.equal(await side.take(), '1');
  });

  await t.test('T7: a generated id that is taken is skipped', async (t) => {
    const side = await fresh(t);
    await side.add([{ data: 'mine', opts: { jobId: 3 } }]);
    assert.deepEqual(await side.add([{ data: 1 }, { data: 2 }]), ['2', '4']);
    assert.equal(await client.hget(`${P}3`, 'data'), '"mine"');
  });

  await t.test('T12: what cannot be read fails with a reason', async (t) => {
    const side = await fresh(t);
    await client.hmset(`${P}a`, 'name', 'n', 'data', '{broken', 'opts', '{}', 'timestamp', 1);
    await client.hmset(`${P}b`, 'name', 'n', 'data', '{}', 'opts', '[1]', 'timestamp', 1);
    await client.hmset(`${P}c`, 'name', 'n', 'data', '{}', 'opts', '{"attempts":null,"delay":null,"removeOnComplete":null}', 'timestamp', 1);
    await client.hmset(`${P}d`, 'name', 'n', 'data', 'raw', 'opts', '{"preventParsingData":true}', 'timestamp', 1);
    await client.lpush(`${P}wait`, 'a', 'b', 'c', 'd');
    const { jobs } = await side.commit({ fetch: 4 });
    assert.match(jobs[0].broken, /^The data of job a cannot be used: /);
    assert.match(jobs[1].broken, /^The options of job b cannot be used: /);
    assert.equal(jobs[2].broken, null);
    assert.deepEqual([jobs[3].broken, jobs[3].data], [null, '"raw"']);
    await side.driver.ask({ op: 'judge', id: 'a', reason: jobs[0].broken });
    assert.equal(await client.zscore(`${P}failed`, 'a') !== null, true);
    /* T13: null as a retention keeps the job. */
    assert.equal(await side.complete('c', 1), 'ok');
    assert.equal(await client.hget(`${P}c`, 'returnvalue'), '1');
    assert.notEqual(await client.zscore(`${P}completed`, 'c'), null);
  });

  await t.test('T12: an unknown backoff fails with its name', async (t) => {
    const side = await fresh(t);
    await side.add([{ opts: { attempts: 3, backoff: { type: 'mine', delay: 5 } } }]);
    await side.fail(await side.take(), 'boom');
    assert.match(await client.hget(`${P}1`, 'failedReason'), /^Unknown backoff strategy mine\..*boom$/);
    assert.notEqual(await client.zscore(`${P}failed`, '1'), null);
  });

  await t.test('backoff strategies of the queue go before those of the same name', async (t) => {
    const strategies = { fixed: { delays: [700000, -1] }, wild: { type: 'linear', delay: 100000 } };
    const side = await fresh(t, { ours: { backoffStrategies: strategies } });
    await side.add(['fixed', 'wild'].map((type) => ({ opts: { attempts: 5, backoff: { type, delay: 1 } } })));
    const [one, two] = [await side.take(), await side.take()];
    const begin = Date.now();
    await side.fail(one, 'x');
    await side.fail(two, 'x');
    const due = async (id) => Number(await client.zscore(`${P}delayed`, id)) / 4096 - begin;
    assert.ok(Math.abs((await due(one)) - 700000) < 5000);
    assert.ok(Math.abs((await due(two)) - 100000) < 5000);
    await side.promote(Date.now() + 800000);
    for (let id = await side.take(); id; id = await side.take()) if (id === one) await side.fail(id, 'x');
    assert.notEqual(await client.zscore(`${P}failed`, one), null);
  });

  await t.test('T14, T13, T20: options and ids that trip Bull over when a job stalls', async (t) => {
    const side = await fresh(t);
    const messages = await recordMessages(redis);
    await client.zadd(`${P}failed`, Date.now(), 'old');
    await client.hset(`${P}old`, 'data', '{}');
    const bad = ['{"removeOnFail":0}', '{"removeOnFail":null}', '{"removeOnFail":-3}', '{"removeOnFail":', '[]', ''];
    for (const [i, opts] of bad.entries()) {
      await client.hmset(`${P}q"${i}`, 'data', '{}', 'opts', opts, 'stalledCounter', i === 3 ? 'x' : 5);
      await client.rpush(`${P}active`, `q"${i}`);
      await client.sadd(`${P}stalled`, `q"${i}`);
    }
    assert.deepEqual(await side.sweep(), { failed: 5, recovered: 1 });
    assert.deepEqual(await client.zrange(`${P}failed`, 0, -1), ['old', 'q"1', 'q"2', 'q"4', 'q"5']);
    assert.equal(await client.exists(`${P}q"0`), 0);
    for (const { message } of await untilMessages(messages, 'failed', 5)) {
      assert.match(JSON.parse(message).jobId, /^q"\d$/);
    }
  });

  await t.test('T32: a job that the limiter bounces is not lost', async (t) => {
    const side = await fresh(t, { limiter: { max: 1, duration: 60000, bounceBack: true } });
    await side.add([{ data: 1 }, { data: 2 }, { data: 3 }]);
    assert.equal(await side.take(), '1');
    const answer = await side.commit({ fetch: 2 });
    assert.deepEqual(answer.jobs, []);
    assert.ok(answer.rest > 50000 && answer.rest <= 60000);
    assert.deepEqual(await client.lrange(`${P}wait`, 0, -1), ['3', '2']);
    await client.rpoplpush(`${P}wait`, `${P}active`);
    const taken = await effects(side, { kind: 'take', id: '2' });
    assert.deepEqual([codes(taken)[0], taken.results[0].leased, taken.rest > 50000], [OK, undefined, true]);
    assert.deepEqual(await client.lrange(`${P}wait`, 0, -1), ['3', '2']);
  });

  await t.test('T2: nothing is pushed to wait while the queue is paused', async (t) => {
    const side = await fresh(t);
    await side.add([1, 2, 3, 4].map((data) => ({ data, opts: { attempts: 3 } })).concat([{ data: 5, opts: { delay: 50 } }]));
    const ids = [];
    for (let i = 0; i < 4; i++) ids.push(await side.take());
    await client.set(`${P}meta-paused`, 1);
    await client.del(`${P}${ids[3]}:lock`);
    await effects(
      side,
      { kind: 'retry', id: ids[0], value: 'x', attempts: 1 },
      { kind: 'release', id: ids[1] },
      { kind: 'stall', id: ids[2] },
      { kind: 'untake', id: ids[3] },
    );
    await side.promote(Date.now() + 1000);
    await side.add([{ data: 6 }]);
    assert.equal(await client.exists(`${P}wait`), 0);
    assert.deepEqual((await client.lrange(`${P}paused`, 0, -1)).sort(), ['1', '2', '3', '4', '5', '6']);
  });

  await t.test('released jobs go to the front of their class, as if they had never been taken', async (t) => {
    const side = await fresh(t);
    await side.add([{ data: 0, opts: { priority: 1 } }, ...[2, 2, 3].map((priority) => ({ opts: { priority } })), { data: 4 }]);
    const before = await snapshot();
    await side.take();
    await side.take();
    const { messages } = await published(redis, client, () => effects(side, { kind: 'release', id: '2' }, { kind: 'release', id: '1' }));
    assert.deepEqual(messages, []);
    assert.deepEqual(await snapshot(), before);
    await side.take();
    await side.take();
    await side.take();
    await effects(side, { kind: 'release', id: '2' });
    assert.deepEqual(await client.lrange(`${P}wait`, 0, -1), ['5', '4', '2']);
  });

  await t.test('a fetch of many is a fetch of one, many times', async (t) => {
    const state = [];
    for (const step of [1, 7]) {
      const side = await fresh(t);
      await side.add(Array.from({ length: 12 }, (_, i) => ({ data: i, opts: i % 3 ? {} : { priority: i + 1 } })));
      const ids = [];
      for (let i = 0; i < 7; i += step) ids.push(...(await side.commit({ fetch: step })).jobs.map((job) => job.id));
      const lists = await Promise.all(['wait', 'active'].map((list) => client.lrange(`${P}${list}`, 0, -1)));
      state.push([ids, lists, await client.zrange(`${P}priority`, 0, -1)]);
    }
    assert.deepEqual(state[1], state[0]);
  });

  await t.test('a run of completions is a completion each, whatever their order', async (t) => {
    const opts = { removeOnComplete: 3 };
    for (const order of [(a) => a, (a) => a.reverse(), (a) => [...a.slice(3), ...a.slice(0, 3)]]) {
      const side = await fresh(t, { metrics: { maxDataPoints: 4 } });
      await side.add(Array.from({ length: 9 }, (_, i) => ({ data: i, opts })));
      const { jobs } = await side.commit({ fetch: 8 });
      const ids = order(jobs.map((job) => job.id).slice(0, 6));
      const { value, messages } = await published(redis, client, () => effects(side, ...ids.map((id) => ({ kind: 'complete', id, value: id }))));
      assert.deepEqual(codes(value), ids.map(() => OK));
      assert.deepEqual(messages.map((m) => JSON.parse(m.message).jobId), ids);
      assert.deepEqual(await client.lrange(`${P}active`, 0, -1), ['8', '7']);
      assert.deepEqual(await client.zrange(`${P}completed`, 0, -1), ['4', '5', '6']);
      assert.equal(await client.exists(...['1', '2', '3'].map((id) => P + id)), 0);
      assert.equal(await client.hget(`${P}metrics:completed`, 'count'), '6');
    }
  });

  await t.test('an id that is in active twice does not stand in for another', async (t) => {
    const side = await fresh(t);
    await side.add([{ data: 1 }, { data: 2 }, { data: 3 }]);
    await side.commit({ fetch: 3 });
    await client.lrem(`${P}active`, 0, '3');
    await client.rpush(`${P}active`, '1');
    const answer = await effects(side, ...['2', '3', '1'].map((id) => ({ kind: 'complete', id, value: '1' })));
    assert.deepEqual(codes(answer), [OK, NOT_ACTIVE, OK]);
    assert.deepEqual(await client.lrange(`${P}active`, 0, -1), ['1']);
  });

  await t.test('reclaim finds what a lost fetch took, and nothing else', async (t) => {
    const side = await fresh(t);
    const other = new OurSide(t, redis);
    await side.add([{ data: 1 }, { data: 2 }, { data: 3 }]);
    await side.take();
    await other.take();
    await client.rpoplpush(`${P}wait`, `${P}active`);
    const { jobs } = await side.driver.ask({ op: 'reclaim' });
    assert.deepEqual(jobs.map((job) => job.id), ['1']);
    assert.equal(jobs[0].token, await client.get(`${P}1:lock`));
    assert.equal(await side.complete('1', 1), 'ok');
  });

  await t.test('Bull and we check for stalled jobs as one', async (t) => {
    const side = await fresh(t);
    const bull = new BullSide(t, redis);
    await side.add([{ data: 1 }, { data: 2 }]);
    const [mine] = [await side.take(), await bull.take()];
    await client.del(`${P}1:lock`, `${P}2:lock`);
    await bull.sweep();
    assert.deepEqual(await side.sweep(), { failed: 0, recovered: 0 }); /* too early */
    await client.del(`${P}stalled-check`);
    await side.extend(mine);
    assert.deepEqual(await side.sweep(), { failed: 0, recovered: 1 });
    await client.del(`${P}stalled-check`, `${P}1:lock`);
    assert.deepEqual(await bull.sweep(), { failed: 0, recovered: 1 });
    assert.deepEqual(await client.lrange(`${P}wait`, 0, -1), ['2', '1']);
  });

  await t.test('a whole fleet that died is recovered in steps', async (t) => {
    const side = await fresh(t);
    for (let i = 0; i < 3; i++) await side.add(Array.from({ length: 200 }, (_, n) => ({ data: n })));
    const kept = [];
    for (let i = 0; i < 6; i++) kept.push(...(await side.commit({ fetch: 100 })).jobs.map((job) => job.id));
    await side.sweep();
    for (const id of kept) if (id % 50 !== 0) await client.del(`${P}${id}:lock`);
    await client.del(`${P}stalled-check`);
    assert.deepEqual(await side.sweep(), { failed: 0, recovered: 500 });
    assert.equal(await client.llen(`${P}active`), 100);
    await client.del(`${P}stalled-check`);
    assert.deepEqual(await side.sweep(), { failed: 0, recovered: 88 });
    const live = kept.filter((id) => id % 50 === 0).reverse();
    assert.deepEqual(await client.lrange(`${P}active`, 0, -1), live);
    assert.equal(await client.llen(`${P}wait`), 588);
  });

  await t.test('42: promotion is bounded and says so', async (t) => {
    const side = await fresh(t);
    for (let i = 0; i < 2; i++) {
      await side.add(Array.from({ length: 200 }, () => ({ data: 1, opts: { delay: 10 } })));
    }
    const first = await side.promote(Date.now() + 1000);
    const second = await side.promote(Date.now() + 1000);
    assert.deepEqual([first.more, second.more, second.due], [true, false, -1]);
    assert.equal(await client.llen(`${P}wait`), 400);
  });

  await t.test('adds that are wrong are refused by the name of what is wrong', async (t) => {
    const side = await fresh(t);
    const wrong = [
      [{ priority: 'high' }, /priority/],
      [{ removeOnComplete: null }, /removeOnComplete/],
      [{ removeOnFail: { count: '5' } }, /removeOnFail/],
      [{ backoff: { delay: 7 } }, /backoff needs a type/],
      [{ backoff: 'fast' }, /backoff/],
      [{ timeout: -1 }, /timeout/],
      [{ attempts: 'many' }, /attempts/],
      [{ jobId: 'wait' }, /jobId/],
      [{ jobId: 'x:lock' }, /jobId/],
      [{ debounce: { id: 'x', ttl: 0 } }, /debounce\.ttl/],
      [{ repeat: { cron: '* * * * *', every: 5 } }, /Both \.cron and \.every/],
      [{ repeat: { cron: '* * * *x *' } }, /repeat\.cron/],
      [{ repeat: { every: '1000' } }, /repeat\.every/],
      [{ repeat: {} }, /repeat needs/],
    ];
    for (const [opts, text] of wrong) await assert.rejects(side.add([{ data: 1, opts }]), text, JSON.stringify(opts));
    assert.deepEqual(await client.keys('*'), []);
  });
});

test('82: in a cluster every key of a queue is in one slot', { skip }, async (t) => {
  const cluster = await startRedis(t, { args: ['--cluster-enabled', 'yes'] });
  const admin = cluster.client();
  await admin.call('CLUSTER', 'ADDSLOTSRANGE', 0, 16383);
  await until(async () => /cluster_state:ok/.test(await admin.call('CLUSTER', 'INFO')), { what: 'the cluster' });
  const settings = { drainDelay: 1, limiter: { max: 9, duration: 1000, groupKey: 'g' }, metrics: { maxDataPoints: 3 } };
  const driver = new Driver(t, cluster, settings, 'q', '{bull}');
  const ask = async (request) => {
    const answer = await driver.ask(request);
    assert.equal(answer.error, undefined, answer.detail);
    return answer;
  };
  const adds = [{}, { priority: 2, attempts: 3, debounce: { id: 'd' } }, { delay: 5 }, { repeat: { every: 1000 } }, { removeOnComplete: 1 }];
  const { results } = await ask({ op: 'add', jobs: adds.map((opts) => ({ name: 'n', data: '{"g":"a"}', opts: JSON.stringify(opts) })) });
  assert.deepEqual(results.map((r) => r.code), adds.map(() => OK));
  const { jobs } = await ask({ op: 'commit', fetch: 9, promote: true, now: Date.now() + 5000 });
  assert.equal(jobs.length, 5);
  const ended = await ask({
    op: 'commit',
    effects: jobs.flatMap(({ id }) => [{ kind: 'progress', id, value: '1' }, { kind: 'renew', id }, { kind: 'complete', id, value: '1' }]),
  });
  assert.deepEqual(new Set(codes(ended)), new Set([OK]));
  for (const op of ['sweep', 'reclaim', 'wait', 'detect']) await ask({ op });
});
