/* Dead letters on BullMQ's queues: written by our workers as a BullMQ producer adds jobs, looked at, put back to
 * work and removed by cartrita-q dead, each exactly once. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { untilCounts } from '../lib/bull.mjs';
import { mqEvents, mqFlow, mqQueue, mqWorker, untilEvents } from '../lib/bullmq.mjs';
import { jsonOfQ, runQ } from '../lib/q.mjs';
import { startRedis } from '../lib/redis.mjs';
import { until } from '../lib/wait.mjs';
import { startCartritaWorker } from '../lib/workers.mjs';

const HOUR_MS = 3600_000;

async function open(t, version = 6) {
  const redis = await startRedis(t);
  const dead = mqQueue(t, redis, 'dead', { version });
  await dead.waitUntilReady();
  return { t, redis, client: redis.client(), dead, version, q: (...args) => runQ(t, redis, 'dead', ...args), json: (...args) => jsonOfQ(t, redis, 'dead', ...args) };
}

/* A letter as a program in Node would write it. */
const letter = (more = {}) => ({
  queue: 'mail', id: '7', name: 'send', data: { to: 'ada' }, opts: { attempts: 3, backoff: { type: 'fixed', delay: 100 }, kl: 5 },
  failedReason: 'no route to host', stacktrace: ['Error: no route to host\n    at send'], attemptsMade: 3,
  timestamp: Date.now() - 3 * HOUR_MS, processedOn: Date.now() - 2 * HOUR_MS, finishedOn: Date.now() - 2 * HOUR_MS, ...more,
});
const add = (side, more, opts) => side.dead.add('send', letter(more), opts);
const keysOf = async (side, queue) => (await side.client.keys(`bull:${queue}:*`)).map((key) => key.slice(`bull:${queue}:`.length)).sort();
const eventsOf = async (side, queue) => (await side.client.xrange(`bull:${queue}:events`, '-', '+')).map(([, fields]) => fields.slice(1).join(' '));

for (const version of [5, 6]) {
  test(`a failed job is put there as a producer of ${version} adds it, and comes back to work`, async (t) => {
    const side = await open(t, version);
    const queue = mqQueue(t, side.redis, 'q', { version });
    await side.dead.add('other', { no: 'letter' });
    const events = await mqEvents(t, side.redis, 'dead', { version });
    const worker = await startCartritaWorker(t, side.redis, { dialect: 'bullmq', settings: { deadLetterQueue: 'dead' } });
    const job = await queue.add('send', { error: 'no route' }, { attempts: 2, jobId: 'own', keepLogs: 3 });
    await queue.add('gone', { error: 'no way' }, { removeOnFail: true, priority: 2 });
    await untilEvents(events, ({ event, jobId }) => event === 'waiting' && jobId === '3');
    await worker.stop();

    const letters = await side.dead.getJobs(['waiting'], 0, -1, true);
    assert.deepEqual(letters.map(({ name }) => name).sort(), ['gone', 'other', 'send']);
    const one = letters.find(({ name }) => name === 'send');
    assert.deepEqual({ ...one.data, stacktrace: one.data.stacktrace.length, opts: one.data.opts.attempts, timestamp: 0, processedOn: 0, finishedOn: 0 },
      { queue: 'q', id: job.id, name: 'send', data: { error: 'no route' }, opts: 2, failedReason: 'no route', stacktrace: 2, attemptsMade: 2, timestamp: 0, processedOn: 0, finishedOn: 0 });
    const [reference, hash] = await Promise.all(['1', one.id].map((id) => side.client.hgetall(`bull:dead:${id}`)));
    assert.deepEqual(Object.keys(hash).sort(), Object.keys(reference).sort());
    assert.deepEqual((await eventsOf(side, 'dead')).filter((event) => event.endsWith(`jobId ${one.id}`) || event.includes(`jobId ${one.id} `)), [`added jobId ${one.id} name send`, `waiting jobId ${one.id}`]);
    assert.equal(await queue.getFailedCount(), 1);

    const moved = await side.json('redrive', 'dead', '--yes');
    assert.equal(moved.moved ?? moved.redriven ?? moved.done, 2, JSON.stringify(moved));
    /* "own" is taken by the job that failed. */
    assert.deepEqual((await queue.getJobs(['waiting', 'prioritized'])).map(({ name }) => name).sort(), ['gone', 'send']);
    const again = (await queue.getJobs(['waiting'])).find(({ name }) => name === 'send');
    assert.match(again.id, /^\d+$/);
    assert.deepEqual([again.opts.attempts, again.opts.keepLogs, again.attemptsMade, again.opts.redrivenFrom.id, again.opts.redrivenFrom.count], [2, 3, 0, 'own', 1]);
    const [urgent] = await queue.getPrioritized();
    assert.equal(urgent.priority, 2);
    assert.deepEqual((await keysOf(side, 'dead')).filter((key) => /^\d+$/.test(key)), ['1'], 'what is no letter stays');
    await Promise.all([again, urgent].map((each) => each.updateData({ result: 1 })));
    mqWorker(t, side.redis, 'q', { version });
    await untilCounts(queue, { completed: 2, waiting: 0 });
  });
}

test('all that is done to the job else is done without a dead-letter queue, too', async (t) => {
  const side = await open(t);
  const queue = mqQueue(t, side.redis, 'q');
  await startCartritaWorker(t, side.redis, { dialect: 'bullmq', settings: { deadLetterQueue: 'dead' } });
  const parents = mqQueue(t, side.redis, 'p');
  await mqFlow(t, side.redis).add({ name: 'parent', queueName: 'p', opts: { jobId: 'parent' }, children: [{ name: 'bad', queueName: 'q', data: { error: 'no' }, opts: { jobId: 'bad', failParentOnFailure: true } }] });
  await untilCounts(parents, { waiting: 1 });
  assert.equal(await side.client.hget('bull:p:parent', 'defa'), 'child bull:q:bad failed');
  assert.equal(await queue.getFailedCount(), 1);
  await untilCounts(side.dead, { waiting: 1 });
  assert.equal((await side.q('redrive', 'dead', '1', '--to', 'r', '--yes')).code, 0);
  const hash = await side.client.hgetall('bull:r:bad');
  assert.deepEqual([hash.parent, hash.parentKey], [undefined, undefined], 'its parent does not wait for it any more');
  const opts = JSON.parse(hash.opts);
  assert.deepEqual([opts.parent, opts.fpof, opts.jobId], [undefined, undefined, 'bad']);
});

test('it keeps the newest', async (t) => {
  const side = await open(t);
  const queue = mqQueue(t, side.redis, 'q');
  await queue.addBulk(Array.from({ length: 6 }, (_, i) => ({ name: 'n', data: { error: 'no', i } })));
  await side.client.rpush('bull:dead:1:logs', 'x');
  await startCartritaWorker(t, side.redis, { dialect: 'bullmq', settings: { deadLetterQueue: 'dead', deadLetterMax: 3 } });
  await untilCounts(queue, { failed: 6 });
  await until(async () => (await keysOf(side, 'dead')).filter((key) => /^\d/.test(key)).join() === '4,5,6', { describe: () => keysOf(side, 'dead') });
  assert.deepEqual((await side.dead.getJobs(['waiting'], 0, -1, true)).map(({ data }) => data.data.i), [3, 4, 5]);
});

test('it is found, shown and taken from every state that nobody works in', async (t) => {
  const side = await open(t);
  await add(side);
  await add(side, {}, { priority: 3 });
  await add(side, {}, { delay: HOUR_MS });
  await add(side, { queue: 'image', failedReason: 'bad magic' });
  await add(side);
  await side.client.lrem('bull:dead:wait', 0, '5');
  await side.client.lpush('bull:dead:active', '5');
  await side.client.set('bull:dead:5:lock', 'somebody');
  const ids = async (...args) => (await side.json('ls', 'dead', ...args)).map(({ id }) => id).sort();
  assert.deepEqual(await ids(), ['1', '2', '3', '4', '5']);
  assert.deepEqual(await ids('--origin', 'image'), ['4']);
  assert.match((await side.q('show', 'dead', '2')).stdout, /no route to host/);

  const refused = await side.q('redrive', 'dead', '5', '--yes');
  assert.equal(refused.code, 4);
  assert.equal((await side.q('rm', 'dead', '4', '--yes')).code, 0);
  assert.equal((await side.q('redrive', 'dead', '--yes')).code, 0);
  const mail = mqQueue(t, side.redis, 'mail');
  assert.equal((await mail.getJobs(['waiting'])).length, 3);
  assert.deepEqual(await keysOf(side, 'dead'), ['5', '5:lock', 'active', 'events', 'id', 'marker', 'meta', 'pc']);
  const [job] = await mail.getJobs(['waiting']);
  assert.deepEqual([job.data, job.opts.attempts, job.opts.keepLogs], [{ to: 'ada' }, 3, 5]);
  assert.deepEqual(await side.client.hmget('bull:mail:1', 'delay', 'priority'), ['0', '0']);
  assert.deepEqual((await eventsOf(side, 'mail')).slice(0, 2), ['added jobId 1 name send', 'waiting jobId 1']);
});

test('a foreign key there is told and loses nothing', async (t) => {
  const side = await open(t);
  await add(side);
  await side.client.set('bull:mail:events', 'mine');
  const { code, stderr } = await side.q('redrive', 'dead', '--yes');
  assert.equal(code, 4, stderr);
  assert.match(stderr, /bull:mail:events/);
  assert.deepEqual(await side.client.lrange('bull:dead:wait', 0, -1), ['1']);
  assert.deepEqual(await keysOf(side, 'mail'), ['events']);
});
