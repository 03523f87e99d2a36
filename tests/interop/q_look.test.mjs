/* cartrita-q beside Bull's own getters, on queues that Bull made. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { bullQueue, untilCounts } from '../lib/bull.mjs';
import { jsonOfQ, runQ } from '../lib/q.mjs';
import { startRedis } from '../lib/redis.mjs';

const STATES = ['waiting', 'active', 'delayed', 'paused', 'completed', 'failed'];

/* Some jobs in each state: 2 active, 3 completed, 2 failed, 4 waiting, 2 delayed. */
async function fill(t, redis, name = 'q') {
  const worker = bullQueue(t, redis, name);
  const queue = bullQueue(t, redis, name);
  await worker.isReady();
  worker.process('*', 7, (job) => {
    if (job.name === 'good') return { answer: job.data.n };
    if (job.name === 'bad') throw new Error(`no ${job.data.n}\nin two lines`);
    return new Promise(() => {});
  });
  for (let n = 0; n < 3; n++) await queue.add('good', { n });
  for (let n = 0; n < 2; n++) await queue.add('bad', { n }, { attempts: 1 });
  for (let n = 0; n < 2; n++) await queue.add('slow', { n });
  await untilCounts(queue, { completed: 3, failed: 2, active: 2 });
  await worker.pause(true, true);
  for (let n = 0; n < 4; n++) await queue.add('later', { n }, { priority: n === 3 ? 1 : undefined });
  for (let n = 0; n < 2; n++) await queue.add('much later', { n }, { delay: 3600_000 + n });
  return queue;
}

test('queue ls and queue show count as getJobCounts does', async (t) => {
  const redis = await startRedis(t);
  const queue = await fill(t, redis);
  const other = bullQueue(t, redis, 'a queue: with [odd] name');
  await other.add({});
  await other.pause();

  const list = await jsonOfQ(t, redis, 'queue', 'ls');
  assert.deepEqual(list.map((entry) => entry.name), ['a queue: with [odd] name', 'q']);
  assert.deepEqual(list[1].counts, await queue.getJobCounts());
  assert.deepEqual(list[0].counts, await other.getJobCounts());
  assert.deepEqual(list.map((entry) => entry.isPaused), [true, false]);

  const shown = await jsonOfQ(t, redis, 'queue', 'show', 'q');
  assert.deepEqual(shown.counts, await queue.getJobCounts());
  assert.equal(shown.workers, (await queue.getWorkers()).length);
  assert.equal(shown.repeatable, 0);

  const table = await runQ(t, redis, 'queue', 'ls');
  assert.equal(table.code, 0);
  const [head, ...rows] = table.stdout.trimEnd().split('\n');
  assert.deepEqual(head.trim().split(/\s+/), ['queue', ...STATES]);
  assert.match(rows[0], /^a queue: with \[odd\] name .* paused$/);
  assert.match(rows[1], /^q +4 +2 +2 +0 +3 +2$/);
});

test('job ls pages as the getters do, in each state and both orders', async (t) => {
  const redis = await startRedis(t);
  const queue = await fill(t, redis);

  for (const state of STATES) {
    for (const [order, asc] of [['--asc', true], ['--desc', false]]) {
      for (const [offset, limit] of [[0, 100], [0, 1], [1, 1], [1, 2], [3, 2], [50, 5]]) {
        const theirs = await queue.getJobs([state], offset, offset + limit - 1, asc);
        const ours = await jsonOfQ(t, redis, 'job', 'ls', 'q', '--state', state, order, '--offset', offset, '--limit', limit);
        assert.deepEqual(ours.map((job) => job.id), theirs.map((job) => job.id), `${state} ${order} ${offset}+${limit}`);
        assert.ok(ours.every((job) => job.state === state));
      }
    }
  }
  /* Without an order: that of getWaiting, getCompleted and the others. */
  for (const [state, getter] of [['waiting', 'getWaiting'], ['active', 'getActive'], ['delayed', 'getDelayed'], ['completed', 'getCompleted'], ['failed', 'getFailed']]) {
    const ours = await jsonOfQ(t, redis, 'job', 'ls', 'q', '--state', state);
    assert.deepEqual(ours.map((job) => job.id), (await queue[getter]()).map((job) => job.id), state);
  }
  assert.equal((await jsonOfQ(t, redis, 'job', 'ls', 'q', '--state', 'active', '--state', 'failed')).length, 4);
  assert.equal((await jsonOfQ(t, redis, 'job', 'ls', 'q')).length, 13);
});

test('job ls gives more jobs than one call does, and all of a long list', async (t) => {
  const redis = await startRedis(t);
  const queue = bullQueue(t, redis);
  await queue.addBulk(Array.from({ length: 450 }, (_, n) => ({ name: 'n', data: { n } })));

  const ours = await jsonOfQ(t, redis, 'job', 'ls', 'q', '--limit', 1000);
  assert.deepEqual(ours.map((job) => job.data.n), Array.from({ length: 450 }, (_, n) => n));
  /* Bodies that pass the bound of bytes come in smaller calls. */
  await queue.addBulk(Array.from({ length: 12 }, () => ({ name: 'big', data: { text: 'x'.repeat(1 << 20) } })));
  const big = await jsonOfQ(t, redis, 'job', 'ls', 'q', '--desc', '--limit', 12);
  assert.equal(big.filter((job) => job.data.text?.length === 1 << 20).length, 12);
});

test('job show and Job.toJSON agree on every field', async (t) => {
  const redis = await startRedis(t);
  const queue = await fill(t, redis);
  const jobs = await queue.getJobs(STATES.filter((state) => state !== 'paused'));
  assert.equal(jobs.length, 13);

  for (const job of jobs) {
    const shown = await jsonOfQ(t, redis, 'job', 'show', 'q', job.id);
    assert.equal(shown.state, await job.getState());
    for (const [name, value] of Object.entries(JSON.parse(JSON.stringify(job))))
      assert.deepEqual(shown[name], value, `${name} of job ${job.id}`);
  }
});

test('job show tells lock, log and due time', async (t) => {
  const redis = await startRedis(t);
  const queue = await fill(t, redis);
  const [active] = await queue.getActive();
  const [delayed] = await queue.getDelayed();
  for (let n = 0; n < 30; n++) await active.log(`line ${n}`);

  const shown = await jsonOfQ(t, redis, 'job', 'show', 'q', active.id);
  assert.equal(shown.lock.token, await redis.client().get(`bull:q:${active.id}:lock`));
  assert.ok(shown.lock.expiresIn > 0 && shown.lock.expiresIn <= 30000);
  assert.equal(shown.logCount, 30);
  assert.deepEqual(shown.logs, Array.from({ length: 20 }, (_, n) => `line ${n + 10}`));
  assert.deepEqual((await jsonOfQ(t, redis, 'job', 'show', 'q', active.id, '--logs', 1)).logs, ['line 29']);
  assert.equal((await jsonOfQ(t, redis, 'job', 'show', 'q', delayed.id)).dueOn, delayed.timestamp + delayed.opts.delay);

  const sheet = await runQ(t, redis, 'job', 'show', 'q', active.id);
  assert.match(sheet.stdout, /^state +active$/m);
  assert.match(sheet.stdout, /^log +line 10$/m);
  assert.match(sheet.stderr, /the last 20 of 30 lines/);
});

test('a job is found in a list of ten thousand, and one that is nowhere is stuck', async (t) => {
  const redis = await startRedis(t);
  const queue = bullQueue(t, redis);
  const client = redis.client();
  await queue.add({}, { jobId: 'first' });
  for (let n = 0; n < 12; n++) await client.lpush('bull:q:wait', ...Array.from({ length: 1000 }, (_, i) => `${n}-${i}`));
  await queue.add({}, { jobId: 'last' });

  for (const id of ['first', 'last']) assert.equal((await jsonOfQ(t, redis, 'job', 'show', 'q', id)).state, 'waiting');
  await client.hset('bull:q:lost', 'data', '{}');
  assert.equal((await jsonOfQ(t, redis, 'job', 'show', 'q', 'lost')).state, 'stuck');
  const ghost = await runQ(t, redis, 'job', 'show', 'q', '3-3');
  assert.equal(ghost.code, 3);
  assert.match(ghost.stderr, /its hash is gone/);
  const [listed] = await jsonOfQ(t, redis, 'job', 'ls', 'q', '--offset', 1, '--limit', 1);
  assert.deepEqual(listed, { id: '0-0', state: 'waiting', isMissing: true });
});

test('what jobs hold cannot steer a terminal', async (t) => {
  const redis = await startRedis(t);
  const queue = bullQueue(t, redis);
  const client = redis.client();
  const evil = 'a\u001b[2J\u001b]0;owned\u0007\u009b31m\u202e\nb';
  const job = await queue.add(evil, { [evil]: evil }, { jobId: evil });
  await job.log(evil);
  await client.hset(`bull:q:${evil}`, 'failedReason', Buffer.from([0xff, 0x1b, 0x5b, 0x41]));

  for (const args of [['job', 'ls', 'q'], ['job', 'show', 'q', evil], ['job', 'ls', 'q', '-o', 'json'], ['job', 'show', 'q', evil, '-o', 'json']]) {
    const { code, stdout } = await runQ(t, redis, ...args);
    assert.equal(code, 0, args.join(' '));
    // eslint-disable-next-line no-control-regex
    assert.doesNotMatch(stdout, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\ufffd]/);
  }
  const shown = await jsonOfQ(t, redis, 'job', 'show', 'q', evil);
  assert.equal(shown.name, evil);
  assert.deepEqual(shown.data, { [evil]: evil });
  assert.deepEqual(shown.logs, [evil]);
  assert.equal(shown.failedReason, '\udcff\u001b[A');
});

test('broken fields are shown as they are and named', async (t) => {
  const redis = await startRedis(t);
  const queue = bullQueue(t, redis);
  const job = await queue.add({ n: 1 });
  await redis.client().hset(`bull:q:${job.id}`, 'data', '{"n":', 'delay', 'NaN');

  const shown = await jsonOfQ(t, redis, 'job', 'show', 'q', job.id);
  assert.equal(shown.data, '{"n":');
  assert.equal(shown.delay, 'NaN');
  assert.deepEqual(shown.broken, ['data', 'delay']);
});
