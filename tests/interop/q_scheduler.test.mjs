/* cartrita-q scheduler on queues of BullMQ, beside the package's own calls for job schedulers: what they
 * leave in Redis, what they list, what is refused; and series of older versions. */

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';

import { bullQueue } from '../lib/bull.mjs';
import { mqQueue, mqWorker } from '../lib/bullmq.mjs';
import { jsonOfQ, runQ } from '../lib/q.mjs';
import { startRedis } from '../lib/redis.mjs';
import { differences, dump, normalise } from '../lib/state.mjs';
import { until } from '../lib/wait.mjs';

const require = createRequire(import.meta.url);
const { CronExpressionParser } = createRequire(require.resolve('bullmq'))('cron-parser');

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const FAR = Date.UTC(2099, 0, 1);
const FAR_TEXT = '2099-01-01T00:00Z';

async function open(t) {
  const redis = await startRedis(t);
  const [ours, theirs] = ['ours', 'theirs'].map((name) => mqQueue(t, redis, name));
  await Promise.all([ours.waitUntilReady(), theirs.waitUntilReady()]);
  return {
    redis,
    ours,
    theirs,
    client: redis.client(),
    q: (...args) => runQ(t, redis, 'scheduler', ...args),
    json: (...args) => jsonOfQ(t, redis, 'scheduler', ...args),
  };
}

async function add(side, ...args) {
  const run = await side.q('add', 'ours', ...args);
  assert.equal(run.code, 0, run.stderr);
  return run;
}

async function sameState(side, what) {
  const states = await Promise.all(['ours', 'theirs'].map((name) => dump(side.client, name)));
  const [a, b] = states.map((state) => normalise(state, { sortJson: true, inOrder: true, withoutEvents: [] }));
  assert.deepEqual(differences(a, b), [], what);
}

const scoreOf = async (side, id, queue = 'ours') => Number(await side.client.zscore(`bull:${queue}:repeat`, id));

test('add leaves what upsertJobScheduler leaves', async (t) => {
  const side = await open(t);
  const template = { attempts: 3, backoff: 1000, priority: 2, removeOnComplete: 5, keepLogs: 4, deduplication: { id: 'x' } };
  const cases = [
    [['e', '--every', '1h'], { every: HOUR }, { name: 'e' }],
    [['o', '--every', '1d', '--offset', '1s', '--data', '{"a": [1]}'], { every: DAY, offset: 1000 }, { name: 'o', data: { a: [1] } }],
    [['l', '--every', '1h', '--limit', '3', '--name', 'nm', '--end', FAR_TEXT], { every: HOUR, limit: 3, endDate: FAR }, { name: 'nm' }],
    [['s', '--every', '1h', '--start', FAR_TEXT], { every: HOUR, startDate: FAR }, { name: 's' }],
    [['c', '--cron', '0 0 1 1 *', '--tz', 'Europe/Madrid'], { pattern: '0 0 1 1 *', tz: 'Europe/Madrid' }, { name: 'c' }],
    [['i', '--cron', '0 0 1 1 *', '--immediately'], { pattern: '0 0 1 1 *', immediately: true }, { name: 'i' }],
    [['t', '--every', '1h', '--opts', JSON.stringify(template)], { every: HOUR }, { name: 't', opts: template }],
    [['t', '--every', '2h'], { every: 2 * HOUR, offset: 5 }, { name: 't' }],
  ];
  for (const [args, repeat, { name, data, opts }] of cases.slice(0, -1)) {
    await side.theirs.upsertJobScheduler(args[0], repeat, { name, data, opts });
    const { stdout } = await add(side, ...args);
    assert.equal(stdout, `${args[0]}\n`);
    /* A backoff that is a number is made an object at once; BullMQ does it when a job makes the next one. */
    if (opts) {
      for (const key of ['repeat:t', `repeat:t:${await scoreOf(side, 't', 'theirs')}`]) {
        const text = await side.client.hget(`bull:theirs:${key}`, 'opts');
        await side.client.hset(`bull:theirs:${key}`, 'opts', text.replace('"backoff":1000', '"backoff":{"type":"fixed","delay":1000}'));
      }
    }
    await sameState(side, args.join(' '));
  }
  const slot = await scoreOf(side, 'o');
  assert.equal(slot % DAY, 1000, 'S101: the offset');
  const rule = await side.client.hgetall('bull:ours:repeat:e');
  assert.equal(Number(rule.offset), (await scoreOf(side, 'e')) % HOUR, 'S100: the offset of the first slot');
});

test('add again changes the series, with the job that waits', async (t) => {
  const side = await open(t);
  const both = async (args, id, repeat, data) => {
    await side.theirs.upsertJobScheduler(id, repeat, { name: id, data });
    await add(side, id, ...args, '--data', JSON.stringify(data));
  };
  await both(['--every', '1d', '--offset', '1s'], 'same', { every: DAY, offset: 1000 }, { n: 1 });
  const before = await scoreOf(side, 'same');
  await both(['--every', '1d', '--offset', '1s'], 'same', { every: DAY, offset: 1000 }, { n: 2 });
  await sameState(side, 'S106: the slot stays, the data is new');
  assert.equal(await scoreOf(side, 'same'), before);
  assert.equal(await side.ours.getDelayedCount(), 1);
  assert.deepEqual((await side.ours.getDelayed())[0].data, { n: 2 });

  await both(['--cron', '0 0 1 1 *'], 'cron', { pattern: '0 0 1 1 *' }, { n: 1 });
  await both(['--cron', '0 0 1 1 *'], 'cron', { pattern: '0 0 1 1 *' }, { n: 2 });
  await sameState(side, 'S108: the same with cron');
  await both(['--cron', '0 0 2 1 *'], 'cron', { pattern: '0 0 2 1 *' }, { n: 3 });
  await sameState(side, 'another pattern');
  assert.match((await add(side, 'cron', '--cron', '0 0 2 1 *')).stderr, /"cron" is there already: it is changed, with its next job/);

  /* S107, and D14: another interval has an offset of its own, where BullMQ keeps the old one. */
  await add(side, 'same', '--every', '1h');
  const slot = await scoreOf(side, 'same');
  assert.ok(Math.abs(slot - Date.now()) < 60_000, 'it begins anew');
  assert.equal(await side.client.hget('bull:ours:repeat:same', 'offset'), String(slot % HOUR));
  assert.equal(await side.client.exists(`bull:ours:repeat:same:${before}`), 0, 'the job of the old interval is gone');
  assert.equal((await side.ours.getJobs()).filter(({ name }) => name === 'same').length, 1);
});

test('D3: while a queue is paused its next job is found where it waits', async (t) => {
  const side = await open(t);
  await side.ours.pause();
  await add(side, 's', '--every', '1h', '--data', '{"n": 1}');
  await add(side, 's', '--every', '1h', '--data', '{"n": 2}');
  const [only, ...others] = await side.client.lrange('bull:ours:wait', 0, -1);
  assert.deepEqual(others, []);
  assert.deepEqual((await side.ours.getJob(only)).data, { n: 2 });
  /* 5.x moves what waits to another list when it pauses. */
  await side.client.rename('bull:ours:wait', 'bull:ours:paused');
  await add(side, 's', '--every', '1h', '--data', '{"n": 3}');
  assert.deepEqual(await side.client.lrange('bull:ours:paused', 0, -1), []);
  assert.equal(await side.client.llen('bull:ours:wait'), 1);
});

test('a job that is worked on is left, and slots that have jobs are passed over', async (t) => {
  const side = await open(t);
  await add(side, 's', '--every', '1h');
  const first = await scoreOf(side, 's');
  await side.client.rpoplpush('bull:ours:wait', 'bull:ours:active');
  await side.client.set(`bull:ours:repeat:s:${first}:lock`, 'mine');
  await side.client.hset(`bull:ours:repeat:s:${first + HOUR}`, 'name', 'in the way');
  await add(side, 's', '--every', '1h');
  assert.equal(await scoreOf(side, 's'), first + 2 * HOUR);
  assert.deepEqual(await side.client.lrange('bull:ours:active', 0, -1), [`repeat:s:${first}`]);
  for (let i = 3; i < 40; i++) await side.client.hset(`bull:ours:repeat:s:${first + i * HOUR}`, 'name', 'in the way');
  await side.client.zrem('bull:ours:delayed', `repeat:s:${first + 2 * HOUR}`);
  const before = await dump(side.client, 'ours');
  const busy = await side.q('add', 'ours', 's', '--every', '1h');
  assert.equal(busy.code, 4);
  assert.match(busy.stderr, /32 slots of series "s" have a job already/);
  assert.deepEqual(await dump(side.client, 'ours'), before);
});

test('rm leaves what removeJobScheduler leaves', async (t) => {
  const side = await open(t);
  for (const queue of [side.ours, side.theirs]) {
    await queue.upsertJobScheduler('delayed', { every: DAY, offset: 1000 }, { name: 'a', data: { x: 1 } });
    await queue.upsertJobScheduler('waits', { every: DAY });
    await queue.upsertJobScheduler('stays', { pattern: '0 0 1 1 *' });
    await queue.add('plain', {});
  }
  const done = await side.json('rm', 'ours', 'delayed', 'waits', '--yes');
  assert.deepEqual([done.removed, done.jobsRemoved], [2, 1]);
  for (const id of ['delayed', 'waits']) await side.theirs.removeJobScheduler(id);
  await sameState(side, 'S110');
});

test('ls, show and next tell what getJobSchedulers does', async (t) => {
  const side = await open(t);
  const { theirs } = side;
  await theirs.upsertJobScheduler('report', { pattern: '30 2 * * *', tz: 'Europe/Madrid', limit: 9 }, { name: 'r', data: { x: 1 }, opts: { attempts: 3 } });
  await theirs.upsertJobScheduler('tick', { every: HOUR, offset: 5000, endDate: FAR });
  const listed = await side.json('ls', 'theirs');
  const wanted = await theirs.getJobSchedulers(0, -1, true);
  assert.deepEqual(
    listed.map(({ key, name, next, iterationCount, limit, endDate, tz, cron, every, offset }) => ({ key, name, next, iterationCount, limit, endDate, tz, cron, every, offset })),
    wanted.map(({ key, name, next, iterationCount, limit = null, endDate = null, tz = null, pattern = null, every = null, offset }) => ({
      key, name, next, iterationCount, limit, endDate, tz, cron: pattern, every, offset: pattern ? null : offset,
    })),
  );
  const shown = await side.json('show', 'theirs', 'report');
  assert.deepEqual([shown.data, shown.opts, shown.count, shown.state], [{ x: 1 }, { attempts: 3 }, 1, 'delayed']);
  assert.match((await side.q('ls', 'theirs')).stdout, /^key +name +when +zone +next +state\n/);
  assert.match((await side.q('show', 'theirs', 'tick')).stdout, /^when +every 1h$/m);

  const cron = CronExpressionParser.parse('30 2 * * *', { tz: 'Europe/Madrid', currentDate: new Date() });
  const slots = Array.from({ length: 9 }, () => cron.next().getTime());
  assert.deepEqual((await side.json('next', 'theirs', 'report', '-n', '20')).map(({ at }) => at), slots, 'no more than its limit');
  const { next } = wanted.find(({ key }) => key === 'tick');
  assert.deepEqual((await side.json('next', 'theirs', 'tick', '-n', '3')).map(({ at }) => at), [0, 1, 2].map((i) => next + i * HOUR));
  const from = Date.UTC(2030, 5, 1);
  assert.deepEqual(
    (await side.json('next', 'theirs', 'tick', '-n', '2', '--from', '2030-06-01')).map(({ at }) => at),
    [0, 1].map((i) => from + 5000 + i * HOUR),
  );
  /* S112: clocks go forward at two. */
  const gap = await jsonOfQ(t, null, 'scheduler', 'next', '--dialect', 'bullmq', '--cron', '30 2 * * *', '--tz', 'Europe/Madrid', '--from', '2026-03-28', '-n', '3');
  assert.deepEqual(gap.map(({ at }) => new Date(at).toISOString()), ['2026-03-28T01:30:00.000Z', '2026-03-29T01:30:00.000Z', '2026-03-30T00:30:00.000Z']);
  const words = await jsonOfQ(t, null, 'schedule', 'next', '--dialect', 'bullmq', '--cron', '@weekends', '--tz', 'UTC', '--from', '2026-03-27', '-n', '2');
  assert.deepEqual(words.map(({ at }) => at), [Date.UTC(2026, 2, 28), Date.UTC(2026, 2, 29)], 'the second spelling, too');
});

test('series of older versions are shown for what they are, and break no listing', async (t) => {
  const side = await open(t);
  const five = mqQueue(t, side.redis, 'ours', { version: 5 });
  await five.add('md5', { old: 1 }, { repeat: { every: HOUR, limit: 4 }, attempts: 2 });
  await five.add('custom', {}, { repeat: { pattern: '0 0 1 1 *', key: 'mine' } });
  const [md5] = (await five.getRepeatableJobs()).filter(({ name }) => name === 'md5').map(({ key }) => key);
  await side.ours.upsertJobScheduler('new', { every: HOUR });
  await side.client.zadd('bull:ours:repeat', FAR, 'nm::::3600000', FAR + 1, 'nm:i1::Europe/Madrid:0 9 * * *', FAR + 2, 'bully:::60000', FAR + 3, 'lost');
  await side.client.zadd('bull:theirs:repeat', FAR, 'nm::::3600000');
  await assert.rejects(side.theirs.getJobSchedulers(), 'the package gives up on them');

  const before = await dump(side.client, 'ours');
  const run = await side.q('ls', 'ours');
  assert.equal(run.code, 0, run.stderr);
  assert.match(run.stderr, /^6 of an older version, or broken/m);
  const listed = Object.fromEntries((await side.json('ls', 'ours')).map((item) => [item.key, item]));
  assert.deepEqual(await dump(side.client, 'ours'), before, 'D12: reading takes nothing away');
  const told = (key, ...fields) => fields.map((field) => listed[key][field]);
  assert.deepEqual(told('new', 'legacy', 'every', 'iterationCount'), [null, HOUR, 1]);
  assert.deepEqual(told(md5, 'legacy', 'name', 'every', 'limit', 'state'), ['bullmq 5.10 to 5.81', 'md5', HOUR, 4, 'delayed']);
  assert.deepEqual(told('mine', 'legacy', 'name', 'cron', 'state'), ['bullmq 5.10 to 5.81', 'custom', '0 0 1 1 *', 'delayed']);
  assert.deepEqual(told('nm::::3600000', 'legacy', 'name', 'every', 'state'), ['bullmq before 5.10', 'nm', HOUR, 'stopped']);
  assert.deepEqual(told('nm:i1::Europe/Madrid:0 9 * * *', 'legacy', 'id', 'tz', 'cron'), ['bull, or bullmq before 5.10', 'i1', 'Europe/Madrid', '0 9 * * *']);
  assert.deepEqual(told('bully:::60000', 'legacy', 'name', 'every'), ['bull', 'bully', 60000]);
  assert.deepEqual(told('lost', 'legacy', 'name', 'state'), ['its hash is missing', 'lost', 'stopped']);
  const shown = await side.json('show', 'ours', 'md5');
  assert.deepEqual([shown.data, shown.opts.attempts], [{ old: 1 }, 2]);
  await side.json('rm', 'ours', md5, 'mine', 'nm::::3600000', 'nm:i1::Europe/Madrid:0 9 * * *', 'bully:::60000', 'lost', '--yes');
  assert.deepEqual((await side.json('ls', 'ours')).map(({ key }) => key), ['new']);
  assert.equal(await side.ours.getDelayedCount(), 0, 'with their jobs');
});

test('series of ours go on under a Node worker of either version', async (t) => {
  for (const version of [6, 5]) {
    const side = await open(t);
    await add(side, 'every', '--every', '200ms', '--limit', '3', '--data', '{"kept": 1}', '--opts', '{"attempts": 2}');
    await add(side, 'cron', '--cron', '* * * * * *', '--limit', '2');
    const ran = [];
    const worker = mqWorker(t, side.redis, 'ours', { version });
    worker.on('completed', (job) => ran.push([job.name, job.opts.repeat.count, job.data, job.opts.attempts ?? 0]));
    await until(() => ran.length === 5, { what: 'five jobs', describe: () => JSON.stringify(ran) });
    const of = (name) => ran.filter(([n]) => n === name).map(([, count, data, attempts]) => [count, data, attempts]);
    assert.deepEqual(of('every'), [1, 2, 3].map((count) => [count, { kept: 1 }, 2]));
    assert.deepEqual(of('cron').map(([count]) => count), [1, 2]);
    assert.deepEqual((await side.json('ls', 'ours')).map(({ state }) => state), ['stopped', 'stopped']);
    assert.match((await side.q('next', 'ours', 'every')).stderr, /has stopped/);
    assert.deepEqual(worker.errors, []);
  }
});

test('what is wrong is said, and nothing is added', async (t) => {
  const side = await open(t);
  await side.ours.upsertJobScheduler('s', { every: HOUR });
  const bull = bullQueue(t, side.redis, 'bully');
  await bull.add('n', {}, { repeat: { every: HOUR } });
  await side.client.hset('bull:odd:meta', 'opts.maxLenEvents', 10000);
  await side.client.set('bull:odd:repeat:x', 'what is this');
  const before = await dump(side.client, 'ours');
  for (const [args, code, message] of [
    [['add', 'ours', 'n'], 2, /give either --cron EXPR or --every DURATION/],
    [['add', 'ours', 'n', '--every', '1s', '--tz', 'UTC'], 2, /--tz goes with --cron/],
    [['add', 'ours', 'n', '--cron', '* * * * *', '--offset', '1s'], 2, /--offset goes with --every/],
    [['add', 'ours', 'n', '--cron', '61 * * * *'], 2, /repeat\.pattern.*minute/],
    [['add', 'ours', 'n', '--cron', '1,1 * * * *'], 2, /listed twice/],
    [['add', 'ours', 'n', '--cron', '* * * * *', '--tz', 'Nowhere/Else'], 2, /unknown time zone/],
    [['add', 'ours', 'n', '--every', '1s', '--end', '2020-01-01'], 2, /nothing was added: the series has reached its endDate/],
    [['add', 'ours', 'n', '--cron', '0 0 30 2 *'], 2, /the month does not have this day/],
    [['add', 'ours', 'n', '--every', '1s', '--start', FAR_TEXT, '--immediately'], 2, /Both \.immediately and \.startDate/],
    [['add', 'ours', 'n', '--every', '1s', '--opts', '{"priority": -1}'], 2, /priority/],
    [['add', 'ours', 'n', '--every', '1s', '--opts', '{"parent": {"id": "1", "queue": "bull:ours"}}'], 2, /no parent/],
    [['add', 'ours', 'n', '--every', '1s', '--job-id', 'x'], 2, /--job-id is for queues of Bull/],
    [['add', 'ours', 'n::::500', '--every', '1s'], 2, /would take it for one/],
    [['add', 'bully', 'n', '--every', '1s', '--name', 'x'], 2, /--name is for queues of BullMQ/],
    [['add', 'bully', 'n', '--every', '1s', '--offset', '1s'], 2, /--offset goes with --every, in queues of BullMQ/],
    [['add', 'bully', 'n', '--cron', '* * * * *', '--immediately'], 2, /--immediately is for queues of BullMQ/],
    [['add', 'odd', 'x', '--every', '1s'], 4, /bull:odd:repeat:x is a string, not a hash/],
    [['show', 'ours', 'm'], 3, /has no series/],
    [['rm', 'ours', 's', 'x', '--yes'], 3, /has no series/],
  ]) {
    const run = await side.q(...args);
    assert.equal(run.code, code, `${args.join(' ')}: ${run.stderr}`);
    assert.match(run.stderr, message);
    assert.equal(run.stdout, '');
  }
  assert.deepEqual(await dump(side.client, 'ours'), before);
});

test('a next job that is deep in a very long list is left: the call is bounded', async (t) => {
  const side = await open(t);
  await add(side, 's', '--every', '1h');
  const first = await scoreOf(side, 's');
  const fill = (command) => side.client.eval(`for i = 1, 25000 do redis.call('${command}', 'bull:ours:wait', 'x' .. i) end`, 0);
  await fill('LPUSH');
  await fill('RPUSH');
  await add(side, 's', '--every', '1h');
  assert.equal(await scoreOf(side, 's'), first + HOUR, 'it has a successor, and runs once more');
  assert.equal(await side.client.exists(`bull:ours:repeat:s:${first}`), 1);
  /* Nearer to an end it is found. */
  await side.client.ltrim('bull:ours:wait', 0, 25_010);
  await side.client.zadd('bull:ours:repeat', first, 's');
  await side.client.del(`bull:ours:repeat:s:${first + HOUR}`, 'bull:ours:delayed');
  await add(side, 's', '--every', '1h', '--data', '{"n":2}');
  assert.equal(await scoreOf(side, 's'), first);
  assert.equal(await side.client.hget(`bull:ours:repeat:s:${first}`, 'data'), '{"n":2}');
});
