/* cartrita-q beside BullMQ's own getters, on queues that BullMQ 6 and 5 made. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { bullQueue } from '../lib/bull.mjs';
import { mqEvents, mqFlow, mqQueue, mqWorker, VERSIONS } from '../lib/bullmq.mjs';
import { jsonOfQ, runQ } from '../lib/q.mjs';
import { startRedis } from '../lib/redis.mjs';
import { until } from '../lib/wait.mjs';

const STATES = ['waiting', 'prioritized', 'active', 'delayed', 'waiting-children', 'paused', 'completed', 'failed'];

/* Some jobs in each state, and one flow whose child waits in another queue. Jobs are taken and ended by
 * hand, so that those that are active stay so. */
async function fill(t, redis, { version = 6, name = 'q' } = {}) {
  const queue = mqQueue(t, redis, name, { version });
  const worker = mqWorker(t, redis, name, { version, name: 'w1', autorun: false });
  for (let n = 0; n < 7; n++) await queue.add('n', { n }, { attempts: 1 });
  for (let n = 0; n < 7; n++) {
    const job = await worker.getNextJob('token');
    if (n < 3) await job.moveToCompleted({ answer: n }, 'token', false);
    else if (n < 5) await job.moveToFailed(new Error(`no ${n}\nin two lines`), 'token', false);
  }
  for (let n = 0; n < 4; n++) await queue.add('later', { n });
  for (const priority of [5, 2, 5]) await queue.add('urgent', { priority }, { priority });
  for (let n = 0; n < 2; n++) await queue.add('much later', { n }, { delay: 3600_000 + n });
  await mqFlow(t, redis, { version }).add({
    name: 'parent', queueName: name, data: {}, children: [{ name: 'child', queueName: `${name}-children`, data: {} }],
  });
  return queue;
}

for (const version of VERSIONS) {
  test(`BullMQ ${version}: queue ls and queue show count as getJobCounts does`, async (t) => {
    const redis = await startRedis(t);
    const queue = await fill(t, redis, { version });
    const theirs = await queue.getJobCounts(...STATES);

    const shown = await jsonOfQ(t, redis, 'queue', 'show', 'q');
    assert.equal(shown.dialect, 'bullmq');
    assert.deepEqual(shown.counts, theirs);
    assert.equal(shown.isPaused, false);
    const list = await jsonOfQ(t, redis, 'queue', 'ls');
    assert.deepEqual(list.map((entry) => [entry.name, entry.dialect]), [['q', 'bullmq'], ['q-children', 'bullmq']]);
    assert.deepEqual(list[0].counts, theirs);

    await queue.pause();
    assert.equal((await jsonOfQ(t, redis, 'queue', 'show', 'q')).isPaused, true);
    assert.deepEqual((await jsonOfQ(t, redis, 'queue', 'show', 'q')).counts, await queue.getJobCounts(...STATES));
  });

  test(`BullMQ ${version}: job ls pages as the getters do, in each state and both orders`, async (t) => {
    const redis = await startRedis(t);
    const queue = await fill(t, redis, { version });

    for (const state of STATES) {
      for (const [order, asc] of [['--asc', true], ['--desc', false]]) {
        for (const [offset, limit] of [[0, 100], [0, 1], [1, 1], [1, 2]]) {
          const theirs = await queue.getRanges([state], offset, offset + limit - 1, asc);
          const ours = await jsonOfQ(t, redis, 'job', 'ls', 'q', '--state', state, order, '--offset', offset, '--limit', limit);
          assert.deepEqual(ours.map((job) => job.id), theirs, `${state} ${order} ${offset}+${limit}`);
          assert.ok(ours.every((job) => job.state === state));
        }
      }
    }
    const urgent = await jsonOfQ(t, redis, 'job', 'ls', 'q', '--state', 'prioritized');
    assert.deepEqual(urgent.map((job) => job.priority), [2, 5, 5]);
    assert.match((await runQ(t, redis, 'job', 'ls', 'q', '--state', 'prioritized')).stdout, /priority 2\n.*priority 5\n.*priority 5\n$/);
    const delayed = await jsonOfQ(t, redis, 'job', 'ls', 'q', '--state', 'delayed');
    assert.deepEqual(delayed.map((job) => job.dueOn), (await queue.getDelayed()).map((job) => job.timestamp + job.delay));
  });

  test(`BullMQ ${version}: job show and Job.toJSON agree`, async (t) => {
    const redis = await startRedis(t);
    const queue = await fill(t, redis, { version });
    const jobs = (await queue.getJobs(STATES)).filter(Boolean);
    assert.equal(jobs.length, 17);

    for (const job of jobs) {
      const shown = await jsonOfQ(t, redis, 'job', 'show', 'q', job.id);
      const theirs = JSON.parse(JSON.stringify(job));
      assert.equal(shown.state, await job.getState(), `state of ${job.id}`);
      for (const name of ['id', 'name', 'data', 'timestamp', 'delay', 'priority', 'progress', 'attemptsMade', 'attemptsStarted', 'stalledCounter',
        'processedBy', 'stacktrace', 'returnvalue', 'failedReason', 'deduplicationId', 'repeatJobKey', 'parentKey', 'parent',
        'processedOn', 'finishedOn'])
        assert.deepEqual(shown[name] ?? undefined, theirs[name] ?? undefined, `${name} of job ${job.id}`);
    }
  });
}

test('a prefix with queues of both: each with its dialect, states and counts', async (t) => {
  const redis = await startRedis(t);
  const modern = mqQueue(t, redis, 'modern');
  const classic = bullQueue(t, redis, 'classic');
  await modern.add('n', {}, { priority: 3 });
  await classic.add('n', {}, { priority: 3 });

  const list = await jsonOfQ(t, redis, 'queue', 'ls');
  assert.deepEqual(list.map((entry) => [entry.name, entry.dialect]), [['classic', 'bull'], ['modern', 'bullmq']]);
  assert.deepEqual(list[0].counts, await classic.getJobCounts());
  assert.deepEqual(list[1].counts, await modern.getJobCounts(...STATES));
  const table = (await runQ(t, redis, 'queue', 'ls')).stdout.trimEnd().split('\n');
  assert.deepEqual(table[0].trim().split(/\s+/), ['queue', 'dialect', ...STATES]);
  assert.match(table[1], /^classic +bull +1 +0 +0 +0 +0 +0$/);
  assert.match(table[2], /^modern +bullmq +0 +1 +0 +0 +0 +0 +0 +0$/);

  const refused = await runQ(t, redis, 'job', 'ls', 'classic', '--state', 'prioritized');
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /a queue of the dialect bull has no such state/);
});

test('keys that are no queues are not shown as queues', async (t) => {
  const redis = await startRedis(t);
  const queue = mqQueue(t, redis, 'q');
  const client = redis.client();
  for (const id of ['id', 'meta']) {
    await queue.add('n', {}, { jobId: `a:b:${id}` });
    await queue.add('n', {}, { deduplication: { id } });
    await queue.upsertJobScheduler(id, { every: 60_000 }, { name: 'n' });
  }
  await client.zadd('bull::relay:namespaces', 1, 'x');
  await client.hset('bull::relay:{x}:meta', 'layout', 1, 'version', 1);
  await client.set('bull::relay:{x}:id', 7);

  assert.deepEqual((await jsonOfQ(t, redis, 'queue', 'ls')).map((entry) => entry.name), ['q']);
});

test('markers of version 4 are no jobs, and looking leaves them where they are', async (t) => {
  const redis = await startRedis(t);
  const queue = mqQueue(t, redis, 'q');
  const client = redis.client();
  await queue.waitUntilReady();
  await client.rpush('bull:q:wait', '0:1700000000000');
  assert.equal((await jsonOfQ(t, redis, 'queue', 'show', 'q')).counts.waiting, 0);
  assert.deepEqual(await jsonOfQ(t, redis, 'job', 'ls', 'q'), []);
  await queue.add('n', {}, { jobId: 'x' });
  assert.equal((await jsonOfQ(t, redis, 'queue', 'show', 'q')).counts.waiting, 1);
  for (const order of ['--asc', '--desc'])
    assert.deepEqual((await jsonOfQ(t, redis, 'job', 'ls', 'q', order)).map((job) => job.id), ['x']);
  assert.deepEqual((await jsonOfQ(t, redis, 'job', 'find', 'q')).map((job) => job.id), ['x']);
  assert.deepEqual(await client.lrange('bull:q:wait', 0, -1), ['x', '0:1700000000000']);
  await queue.add('n', {}, { jobId: 'y' });
  await client.lpush('bull:q:wait', '0:0');
  for (const [order, ids] of [['--asc', ['x', 'y']], ['--desc', ['y', 'x']]])
    assert.deepEqual((await jsonOfQ(t, redis, 'job', 'ls', 'q', order, '--limit', 2)).map((job) => job.id), ids);
  assert.equal((await jsonOfQ(t, redis, 'queue', 'show', 'q')).counts.waiting, 2);
});

test('job show: attempts of two ages, children, deferred failure, telemetry, deduplication', async (t) => {
  const redis = await startRedis(t);
  const queue = mqQueue(t, redis, 'q');
  const client = redis.client();
  await queue.add('n', {}, { jobId: 'x', deduplication: { id: 'd' }, telemetry: { metadata: '{"traceparent":"00-1-2-01"}' } });
  await client.hset('bull:q:x', { atm: 2, attemptsMade: 3, stalledCounter: 1, ats: 5, pb: 'w', defa: 'child bull:c:1 failed' });
  await client.hset('bull:q:x:processed', { 'bull:c:1': '1', 'bull:c:2': '2' });
  await client.sadd('bull:q:x:dependencies', 'bull:c:3');
  await client.zadd('bull:q:x:unsuccessful', 1, 'bull:c:4');

  const shown = await jsonOfQ(t, redis, 'job', 'show', 'q', 'x');
  assert.deepEqual(
    [shown.attemptsMade, shown.attemptsStarted, shown.stalledCounter, shown.processedBy, shown.deferredFailure, shown.deduplicationId],
    [3, 5, 1, 'w', 'child bull:c:1 failed', 'd'],
  );
  assert.deepEqual(shown.children, { processed: 2, unprocessed: 1, ignored: 0, failed: 1 });
  assert.equal(shown.telemetry, '{"traceparent":"00-1-2-01"}');
  const sheet = await runQ(t, redis, 'job', 'show', 'q', 'x');
  assert.match(sheet.stdout, /^children +2 processed, 1 unprocessed, 1 failed$/m);
  assert.match((await runQ(t, redis, 'job', 'ls', 'q')).stdout, /will fail: child bull:c:1 failed/);
});

test('the jobs that a client of version 5 left in its paused list are seen', async (t) => {
  const redis = await startRedis(t);
  const queue = mqQueue(t, redis, 'q', { version: 5 });
  await queue.add('n', {});
  assert.doesNotMatch((await runQ(t, redis, 'queue', 'show', 'q')).stdout, /^paused /m);
  await queue.pause();
  const shown = await jsonOfQ(t, redis, 'queue', 'show', 'q');
  assert.deepEqual([shown.isPaused, shown.counts.waiting, shown.counts.paused], [true, 0, 1]);
  assert.match((await runQ(t, redis, 'queue', 'show', 'q')).stdout, /^paused +1$/m);
  assert.equal((await jsonOfQ(t, redis, 'job', 'show', 'q', '1')).state, 'paused');
});

test('stats and top: queues of both dialects, each by its own', async (t) => {
  const redis = await startRedis(t);
  const modern = await fill(t, redis, { name: 'modern' });
  await bullQueue(t, redis, 'classic').add({});

  const all = await jsonOfQ(t, redis, 'stats', '--for', '100ms');
  assert.deepEqual(all.map(({ name, dialect }) => [name, dialect]), [['classic', 'bull'], ['modern', 'bullmq'], ['modern-children', 'bullmq']]);
  assert.deepEqual(all[1].counts, await modern.getJobCounts(...STATES));
  assert.equal(all[1].run.count, 5);
  const [, , row] = (await runQ(t, redis, 'stats', '--for', '100ms')).stdout.split('\n');
  assert.match(row, /^modern +7 +2 +2 +2 /); /* 4 plain and 3 prioritized ones wait */
  const { counts, memory } = await jsonOfQ(t, redis, 'stats', 'modern', '--for', '100ms');
  for (const [state, count] of Object.entries(counts)) assert.equal(memory[state].keys, count, state);
  assert.ok(memory.events.bytes > 0 && memory.order.bytes > 0 && memory.children.keys === 1);

  const { stdout, code } = await runQ(t, redis, 'top', '--count', '1');
  assert.equal(code, 0);
  assert.match(stdout, /^classic +0 +1 /m);
  assert.match(stdout, /^modern +1 +7 +2 +2 +2 +3 /m);
});

test('stats: rates are told from the stream of events', async (t) => {
  const redis = await startRedis(t);
  const queue = mqQueue(t, redis, 'q');
  await queue.add('n', {});
  const stats = jsonOfQ(t, redis, 'stats', 'q', '--for', '1s');
  await until(async () => (await redis.client().client('LIST')).includes('cmd=xread'), { what: 'the reader' });
  for (let n = 0; n < 5; n++) await queue.add('n', {});
  const { perSecond, span, backlog } = await stats;
  assert.equal(Math.round((perSecond.waiting * span) / 1000), 5);
  assert.deepEqual([perSecond.completed, backlog.trend], [0, 'growing']);
});

test('workers are counted as getWorkers does, with a name or without', async (t) => {
  const redis = await startRedis(t);
  const queue = mqQueue(t, redis, 'q');
  await queue.waitUntilReady();
  for (const name of ['w1', 'w-2', undefined]) await mqWorker(t, redis, 'q', { name }).waitUntilReady();
  await mqEvents(t, redis, 'q');
  await mqWorker(t, redis, 'qq', { name: 'other' }).waitUntilReady();
  await until(async () => (await queue.getWorkers()).length === 3, { what: 'three workers' });
  assert.equal((await jsonOfQ(t, redis, 'queue', 'show', 'q')).workers, 3);
});

test('the backlog of a queue: what can be fetched, and for how long the oldest has waited', async (t) => {
  const redis = await startRedis(t);
  const queue = mqQueue(t, redis, 'q');
  const oldest = async () => (await jsonOfQ(t, redis, 'stats', 'q', '--for', '100ms')).oldest;
  await queue.add('new', {});
  await queue.add('old', {}, { priority: 9, timestamp: Date.now() - 3600_000 });
  for (let n = 0; n < 3; n++) await queue.add('urgent', {}, { priority: 1 });
  assert.ok((await oldest()) >= 3600_000, 'the oldest of the least urgent ones');
  await queue.pause();
  const paused = await jsonOfQ(t, redis, 'stats', 'q', '--for', '100ms');
  assert.deepEqual([paused.oldest, paused.backlog.trend], [0, 'paused']);
});
