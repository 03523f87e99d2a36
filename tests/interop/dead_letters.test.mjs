/* Dead letters: what has failed for good is also in the dead-letter queue, exactly once, as a job that
 * any Bull client reads; and all else in Redis is as it is without one. */

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';

import { bullQueue, recordMessages, untilCounts, untilMessages } from '../lib/bull.mjs';
import { isAlive, missing } from '../lib/processes.mjs';
import { cutProxy } from '../lib/proxy.mjs';
import { startRedis, temporaryDirectory } from '../lib/redis.mjs';
import { differences, dump, normalise } from '../lib/state.mjs';
import { until } from '../lib/wait.mjs';
import { startCartritaWorker, startDaemon } from '../lib/workers.mjs';
import { CLI, Driver } from './bull_sides.mjs';

const skip = missing(CLI);
const DEAD = { deadLetterQueue: 'dead' };
const SLOW_MS = 60_000;

async function open(t, settings = DEAD) {
  const redis = await startRedis(t);
  const driver = new Driver(t, redis, settings);
  return { redis, driver, client: redis.client(), queue: bullQueue(t, redis), dead: bullQueue(t, redis, 'dead') };
}

const commit = (side, effects, more = {}) => side.driver.ask({ op: 'commit', effects, ...more });
const fetch = (side, count) => side.driver.ask({ op: 'commit', fetch: count });
const judge = (side, id, reason, more = {}) => side.driver.ask({ op: 'judge', id, reason, stack: `Error: ${reason}`, ...more });

/* The dead letters that wait, oldest first, as a Bull client has them. */
async function letters(dead) {
  return (await dead.getJobs(['waiting'], 0, -1, true)).map((job) => job.data);
}

test('a failed job is put there as a Bull client adds a job', { skip }, async (t) => {
  const side = await open(t);
  const messages = await recordMessages(side.redis, 'dead');
  const job = await side.queue.add('resize', { big: 1 }, { attempts: 2, priority: 3 });
  /* Numbers must stay what they are, to the last digit. */
  await side.client.hset('bull:q:1', 'data', '{"big":12345678901234567890.10,"text":"é\\u0000\\"/"}');
  await side.dead.add('another', {});
  await fetch(side, 1);
  await judge(side, '1', 'first');
  assert.equal(await side.dead.count(), 1, 'it has an attempt left');
  await fetch(side, 1);
  const now = Date.now();
  const answer = await judge(side, '1', 'line 1\n"quoted" \\ é\u0001', { now });
  assert.equal(answer.dead, 1);

  const hash = await side.client.hgetall('bull:dead:2');
  const reference = await side.client.hgetall('bull:dead:1');
  assert.deepEqual(Object.keys(hash).sort(), Object.keys(reference).sort());
  assert.equal(hash.name, 'resize');
  assert.equal(hash.opts, `{"attempts":1,"delay":0,"timestamp":${now}}`);
  assert.deepEqual([hash.timestamp, hash.delay, hash.priority], [String(now), '0', '0']);
  assert.ok(hash.data.includes('"data":{"big":12345678901234567890.10,"text":"é\\u0000\\"/"},'), hash.data);
  const stored = await side.queue.getJob('1');
  assert.deepEqual(JSON.parse(hash.data), {
    queue: 'q',
    id: '1',
    name: 'resize',
    data: JSON.parse('{"big":12345678901234567890.10,"text":"é\\u0000\\"/"}'),
    opts: JSON.parse(await side.client.hget('bull:q:1', 'opts')),
    failedReason: 'line 1\n"quoted" \\ é\u0001',
    stacktrace: stored.stacktrace,
    attemptsMade: 2,
    timestamp: job.timestamp,
    processedOn: stored.processedOn,
    finishedOn: now,
  });
  assert.equal(stored.stacktrace.length, 2);
  assert.deepEqual(await side.client.lrange('bull:dead:wait', 0, -1), ['2', '1']);
  assert.deepEqual((await untilMessages(messages, 'waiting', 2)).map(({ message }) => message), ['1', '2']);
});

test('all else in Redis is as without a dead-letter queue', { skip }, async (t) => {
  const states = [];
  for (const settings of [DEAD, {}]) {
    const side = await open(t, { ...settings, maxStalledCount: 0, stalledInterval: 1 });
    await side.queue.add('a', {}, { removeOnFail: 1 });
    await side.queue.add('b', {}, { debounce: { id: 'x' } });
    await side.queue.add('c', {});
    await side.queue.add('d', {}, { removeOnFail: true });
    await side.queue.add('e', {}, { jobId: 'mine' });
    await fetch(side, 5);
    for (const id of ['1', '2', '4', 'mine']) await judge(side, id, 'boom', { now: 1_800_000_000_000 });
    await commit(side, [{ kind: 'stall', id: '3' }]);
    states.push(normalise(await dump(side.client, 'q')));
    assert.equal((await side.client.keys('bull:dead:*')).length, settings === DEAD ? 7 : 0);
  }
  assert.deepEqual(differences(states[0], states[1]), []);
});

test('removeOnFail hides no job from it, and a resent failure is no second letter', { skip }, async (t) => {
  const side = await open(t);
  for (const removeOnFail of [true, false]) {
    await side.queue.add('n', { removeOnFail }, { removeOnFail });
  }
  await fetch(side, 2);
  for (const resent of [false, true, true]) {
    const effects = ['1', '2'].map((id) => ({ kind: 'fail', id, value: 'boom', extra: '["s"]', attempts: 1, resent }));
    const answer = await commit(side, effects);
    assert.equal(answer.dead, resent ? 0 : 2);
  }
  const found = await letters(side.dead);
  assert.deepEqual(found.map(({ data }) => data.removeOnFail), [true, false]);
  assert.deepEqual(found.map(({ stacktrace }) => stacktrace), [['s'], ['s']]);
  assert.ok(found.every(({ failedReason, processedOn }) => failedReason === 'boom' && processedOn > 0));
  assert.equal(await side.client.exists('bull:q:1'), 0);
});

test('a job that has crashed as often as it may is put there', { skip }, async (t) => {
  const side = await open(t, { ...DEAD, maxCrashes: 2 });
  await side.queue.add('n', {}, { attempts: 9 });
  for (const dead of [0, 1]) {
    await fetch(side, 1);
    assert.equal((await judge(side, '1', 'killed by signal 11', { crash: true })).dead, dead);
  }
  const [{ failedReason, attemptsMade }] = await letters(side.dead);
  assert.match(failedReason, /killed by signal 11.*maxCrashes/);
  assert.equal(attemptsMade, 2);
});

test('a job that stalls too often is put there, by an effect and by the sweep', { skip }, async (t) => {
  const side = await open(t, { ...DEAD, maxStalledCount: 0, stalledInterval: 1, lockDuration: 20 });
  await side.queue.add('n', { by: 'effect' });
  await side.queue.add('n', { by: 'sweep' });
  await side.queue.add('n', {});
  await side.client.hset('bull:q:3', 'data', '{"line":"a\nb"}', 'opts', '{"priority":0x10}');
  await fetch(side, 3);
  await commit(side, [{ kind: 'stall', id: '1' }]);
  let failed = 0;
  let dead = 0;
  await until(async () => {
    const answer = await side.driver.ask({ op: 'sweep' });
    failed += answer.failed;
    dead += answer.dead;
    return failed === 2;
  });
  assert.equal(dead, 2);
  const found = Object.fromEntries((await letters(side.dead)).map((letter) => [letter.id, letter]));
  assert.deepEqual([found[1].data, found[2].data], [{ by: 'effect' }, { by: 'sweep' }]);
  assert.equal(found[2].failedReason, 'job stalled more than allowable limit');
  assert.deepEqual([found[2].stacktrace, found[2].attemptsMade], [[], 0]);
  assert.equal(found[2].unparsed, undefined);
  assert.equal(found[3].data, '{"line":"a\nb"}', 'broken JSON comes as the text that is stored');
  assert.equal(found[3].opts, '{"priority":0x10}');
  assert.deepEqual(found[3].unparsed, ['data', 'opts']);
});

test('a check for stalled jobs copies so many bytes, the next one goes on', { skip }, async (t) => {
  const side = await open(t, { ...DEAD, maxStalledCount: 0, stalledInterval: 1, lockDuration: 10 });
  for (let i = 0; i < 5; i++) await side.queue.add('n', { i, text: 'x'.repeat(900_000) });
  await fetch(side, 5);
  await fetch(side, 5);
  const found = [];
  await until(async () => {
    const { failed, dead } = await side.driver.ask({ op: 'sweep' });
    assert.equal(dead, failed);
    if (failed > 0) found.push(failed);
    return (await side.queue.getFailedCount()) === 5;
  });
  assert.deepEqual(found, [2, 2, 1]);
  const all = await letters(side.dead);
  assert.deepEqual(all.map(({ id }) => id).sort(), ['1', '2', '3', '4', '5']);
  assert.ok(all.every(({ unparsed }) => unparsed?.[0] === 'data'), 'what is too long to be checked is a string');
});

for (const [text, fine] of [
  ['{"a":[1,-0.5e+3,true,null,"\\\\\\"\\u00e9"]}', true],
  ['{"a":NaN}', false],
  ['[01]', false],
  ['{"a":1', false],
  ['"a\tb"', false],
  ['{"a":"NaN, 0x1, \\"01\\": "}', true],
  [' {"a" : -Infinity}', false],
  ['nothing', false],
]) {
  test(`a text is a value only when it is JSON: ${JSON.stringify(text)}`, { skip }, async (t) => {
    const side = await open(t);
    await side.queue.add('n', {});
    await side.client.hset('bull:q:1', 'data', text);
    /* The broken one is found when it is fetched; the other text is then put in its place. */
    await fetch(side, 1);
    await judge(side, '1', 'boom');
    const [letter] = await letters(side.dead);
    assert.deepEqual(letter.data, fine ? JSON.parse(text) : text);
    assert.deepEqual(letter.unparsed, fine ? undefined : ['data']);
  });
}

test('the queue is bounded: the oldest letters go, with their logs', { skip }, async (t) => {
  const side = await open(t, { ...DEAD, deadLetterMax: 3 });
  for (let i = 1; i <= 6; i++) await side.queue.add('n', { i });
  await side.dead.add({}, { priority: 1 });
  await side.client.rpush('bull:dead:1:logs', 'x');
  await fetch(side, 6);
  await commit(side, ['1', '2', '3', '4', '5', '6'].map((id) => ({ kind: 'fail', id, value: 'boom' })));
  assert.deepEqual((await letters(side.dead)).map(({ data }) => data.i), [4, 5, 6]);
  assert.deepEqual((await side.client.keys('bull:dead:*')).sort(), ['bull:dead:5', 'bull:dead:6', 'bull:dead:7', 'bull:dead:id', 'bull:dead:wait']);
});

test('queues that lead to each other end after eight letters', { skip }, async (t) => {
  const redis = await startRedis(t);
  const sides = ['q', 'dead'].map((name, i) => ({ name, driver: new Driver(t, redis, { deadLetterQueue: ['dead', 'q'][i] }, name) }));
  const [q, dead] = [bullQueue(t, redis), bullQueue(t, redis, 'dead')];
  await q.add('n', { mine: 1 });
  for (let i = 1; i <= 9; i++) {
    const side = sides[(i + 1) % 2];
    const { jobs } = await fetch(side, 1);
    const answer = await commit(side, [{ kind: 'fail', id: jobs[0].id, value: 'boom' }]);
    assert.equal(answer.dead, i <= 8 ? 1 : 0, `letter ${i}`);
    if (i > 8) assert.match(answer.deadProblem, /lead to each other/);
  }
  let data = (await q.getFailed(0, 0))[0].data;
  for (let i = 0; i < 8; i++) ({ data } = data);
  assert.deepEqual(data, { mine: 1 });
  assert.deepEqual(await Promise.all([q.count(), dead.count()]), [0, 0]);
});

test('while it is paused letters go where its jobs wait, and taken ids are stepped over', { skip }, async (t) => {
  const side = await open(t);
  await side.dead.pause();
  await side.dead.add({}, { jobId: '2' });
  await side.queue.add('n', {});
  await fetch(side, 1);
  await judge(side, '1', 'boom');
  assert.deepEqual(await side.client.lrange('bull:dead:paused', 0, -1), ['3', '2']);
  assert.equal(await side.client.exists('bull:dead:wait'), 0);
});

test('a foreign key there is told and loses no failure', { skip }, async (t) => {
  const side = await open(t);
  await side.client.set('bull:dead:wait', 'mine');
  for (let i = 0; i < 3; i++) await side.queue.add('n', {});
  await fetch(side, 3);
  const answer = await commit(side, ['1', '2'].map((id) => ({ kind: 'fail', id, value: 'boom' })));
  assert.ok(answer.results.every(({ code }) => code === 0));
  assert.match(answer.deadProblem, /bull:dead:wait is a string, not a list/);
  assert.equal(answer.dead, 0);
  assert.equal(await side.queue.getFailedCount(), 2);
  await side.client.del('bull:dead:wait');
  assert.equal((await commit(side, [{ kind: 'fail', id: '3', value: 'boom' }])).dead, 1);
});

/* --- the whole chain --------------------------------------------------------------------------- */

test('a worker fails jobs, a Bull worker reads their letters; the daemon warns once', async (t) => {
  const side = await open(t, {});
  const worker = await startCartritaWorker(t, side.redis, { settings: DEAD });
  await side.queue.add('n', { error: 'no' }, { attempts: 2 });
  await side.queue.add('n', { result: 'yes' });
  await untilCounts(side.queue, { failed: 1, completed: 1 }, { describe: () => worker.log });
  const read = [];
  side.dead.process('*', async (job) => read.push(job.data));
  await until(() => read.length === 1);
  assert.equal(read[0].failedReason, 'no');
  assert.equal(read[0].attemptsMade, 2);

  await side.dead.close();
  await side.client.del('bull:dead:wait');
  await side.client.hset('bull:dead:wait', 'a', 'b');
  for (let i = 0; i < 5; i++) await side.queue.add('n', { error: 'no' });
  await untilCounts(side.queue, { failed: 6 }, { describe: () => worker.log });
  assert.equal(worker.program.lines.filter((line) => /do not reach the dead-letter queue/.test(line)).length, 1, worker.log);
  await worker.stop();
});

test('a queue is refused as its own dead-letter queue', async (t) => {
  const redis = await startRedis(t);
  const worker = await startCartritaWorker(t, redis, { settings: { deadLetterQueue: 'q' }, waitReady: false });
  await worker.program.untilLine(/deadLetterQueue of queue 'q' is that queue itself/);
  const file = join(await temporaryDirectory(t), 'queued.yaml');
  await writeFile(file, 'queues: [{name: mail, deadLetterQueue: mail}]\n');
  await assert.rejects(startDaemon(t, redis, { args: ['--config', file] }), /deadLetterQueue of queue 'mail' is that queue itself/);
});

/* A job that a blocking wait took unheard is found by the check for stalled ones. */
const settings = { ...DEAD, lockDuration: 1000, lockRenewTime: 300, stalledInterval: 500, maxStalledCount: 1000 };

/* Each failed job of the queue has one letter, and nothing else has. */
async function assertEachOnce(side, count) {
  const found = await letters(side.dead);
  const ids = found.map(({ id }) => Number(id)).sort((a, b) => a - b);
  assert.deepEqual(ids, Array.from({ length: count }, (_, i) => i + 1));
  assert.equal(await side.queue.getFailedCount(), count);
}

const addMany = async (side, count) => {
  for (let i = 0; i < count; i += 250)
    await side.queue.addBulk(Array.from({ length: 250 }, (_, j) => ({ name: 'n', data: { error: `no ${i + j}` } })));
};

test('daemons killed while jobs fail: each has one letter', { timeout: SLOW_MS }, async (t) => {
  const side = await open(t, {});
  await addMany(side, 1000);
  let worker;
  for (const share of [100, 400, 700]) {
    worker = await startCartritaWorker(t, side.redis, { settings, concurrency: 20 });
    await until(async () => (await side.queue.getFailedCount()) >= share, { deadlineMs: SLOW_MS, describe: () => worker.log });
    const daemon = await worker.daemon();
    process.kill(daemon, 'SIGKILL');
    await worker.kill();
    await until(() => !isAlive(daemon));
  }
  worker = await startCartritaWorker(t, side.redis, { settings, concurrency: 20 });
  await untilCounts(side.queue, { failed: 1000, active: 0, waiting: 0 }, { deadlineMs: SLOW_MS, describe: () => worker.log });
  await worker.stop();
  await assertEachOnce(side, 1000);
});

test('replies lost while jobs fail: each has one letter', { timeout: SLOW_MS }, async (t) => {
  const side = await open(t, {});
  const proxy = await cutProxy(t, side.redis);
  await addMany(side, 2000);
  const worker = await startCartritaWorker(t, side.redis, { settings, concurrency: 20, via: proxy });
  for (let round = 1; round <= 8; round++) {
    const before = await side.queue.getFailedCount();
    await proxy.swallow(10);
    await until(async () => (await side.queue.getFailedCount()) > Math.min(before, 1999), { deadlineMs: SLOW_MS, describe: () => worker.log });
  }
  await untilCounts(side.queue, { failed: 2000, active: 0, waiting: 0 }, { deadlineMs: SLOW_MS, describe: () => worker.log });
  await worker.stop();
  await assertEachOnce(side, 2000);
});
