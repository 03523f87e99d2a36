/* What a plugin can do with a BullMQ job beside completing it, on real queues: put it off, hand it back, limit its
 * queue, give it children and wait for them, read what they returned; and what it is told of the job. The plugin is
 * tests/plugins/steps.c. */

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { untilState } from '../lib/bull.mjs';
import { mqEvents, mqFlow, mqQueue, untilEvents } from '../lib/bullmq.mjs';
import { missing, pluginPath, programPath } from '../lib/processes.mjs';
import { startRedis, temporaryDirectory } from '../lib/redis.mjs';
import { until } from '../lib/wait.mjs';
import { startCartritaWorker } from '../lib/workers.mjs';

const PLUGIN = 'tests/plugins/steps.so';
const options = { skip: missing('cartrita-worker', 'cartrita-queued', 'plugins/exec.so', PLUGIN), concurrency: true };

async function bench(t, { settings, ...more } = {}) {
  const redis = await startRedis(t);
  const queue = mqQueue(t, redis);
  await queue.waitUntilReady();
  const worker = await startCartritaWorker(t, redis, {
    dialect: 'bullmq',
    plugin: programPath(PLUGIN),
    concurrency: 4,
    settings,
    ...more,
  });
  const end = async (job, state) => {
    await untilState(queue, job.id, state);
    return queue.getJob(job.id);
  };
  return { redis, queue, worker, client: redis.client(), end };
}

const names = (events, id) => events.seen.filter(({ jobId }) => jobId === id).map(({ event }) => event);

test('a job that goes in steps: later, then children, then their results', options, async (t) => {
  const { redis, queue, client, end } = await bench(t);
  const events = await mqEvents(t, redis);
  const began = Date.now();
  const added = await queue.add('steps', { step: 'begin', parts: 3, policy: '' }, { attempts: 2 });
  const result = await added.waitUntilFinished(events, 20000);

  assert.ok(Date.now() - began >= 300);
  assert.equal(Object.keys(result.processed).length, 3);
  assert.deepEqual(Object.values(result.processed).map(({ part }) => part.part).sort(), [0, 1, 2]);
  assert.equal(result.left, 0);
  const job = await end(added, 'completed');
  assert.equal(job.attemptsMade, 1);
  assert.equal(job.attemptsStarted, 3);
  assert.equal(job.data.step, 'join');
  assert.equal(job.failedReason, undefined);
  assert.deepEqual(names(events, added.id), [
    'added', 'waiting', 'active', 'delayed', 'waiting', 'active', 'waiting-children', 'waiting', 'active', 'completed',
  ]);
  for (const key of ['active', 'wait', 'waiting-children', 'delayed', `${added.id}:dependencies`, `${added.id}:lock`]) {
    assert.equal(await client.exists(`bull:q:${key}`), 0, key);
  }
});

test('no children: the step that waits for them goes on at once', options, async (t) => {
  const { queue, end } = await bench(t);
  const added = await queue.add('steps', { step: 'split', parts: 0, policy: '' });
  const { returnvalue, attemptsMade, attemptsStarted } = await end(added, 'completed');

  assert.deepEqual(returnvalue, { processed: {}, ignored: 0, left: 0 });
  assert.deepEqual([attemptsMade, attemptsStarted], [1, 2]);
});

test('more children than fit on a page', options, async (t) => {
  const { queue, end } = await bench(t);
  const added = await queue.add('steps', { step: 'split', parts: 130, policy: '' });
  const { returnvalue } = await end(added, 'completed');

  assert.equal(Object.keys(returnvalue.processed).length, 130);
});

test('a child that fails and is ignored', options, async (t) => {
  const { queue, end } = await bench(t);
  const added = await queue.add('steps', { step: 'split', parts: 3, policy: 'ignoreDependencyOnFailure' });
  const { returnvalue } = await end(added, 'completed');

  assert.equal(Object.keys(returnvalue.processed).length, 2);
  assert.equal(returnvalue.ignored, 1);
});

test('a child that fails its parent', options, async (t) => {
  const { queue, end } = await bench(t);
  const added = await queue.add('steps', { step: 'split', parts: 2, policy: 'failParentOnFailure' }, { attempts: 5 });
  const { failedReason } = await end(added, 'failed');

  assert.match(failedReason, /^child bull:q:\S+ failed$/);
});

test('completed with a child that is pending: it has failed, and says why', options, async (t) => {
  const { queue, end, client } = await bench(t);
  const added = await queue.add('early', {});
  const { failedReason, attemptsMade } = await end(added, 'failed');

  assert.match(failedReason, new RegExp(`${added.id}.*child`, 's'));
  assert.equal(attemptsMade, 1);
  assert.equal(await client.exists(`bull:q:${added.id}:lock`), 0);
  assert.equal(await client.llen('bull:q:active'), 0);
});

test('rate limited by its plugin: uncharged, and the queue rests', options, async (t) => {
  const { queue, client, end } = await bench(t, { settings: { limiter: { max: 1000, duration: 60000 } } });
  const first = await queue.add('limit', {});
  await until(async () => (await client.get('bull:q:limiter')) === '9007199254740991', { what: 'the limit' });
  const began = Date.now();
  const second = await queue.add('plain', {});
  const done = await end(second, 'completed');

  assert.ok(done.processedOn - began >= 300, `${done.processedOn - began} ms`); /* of 500, part of which is gone */
  assert.equal((await end(first, 'completed')).attemptsMade, 1);
});

test('handed back by its plugin: it begins again, uncharged', options, async (t) => {
  const { queue, end } = await bench(t);
  const job = await end(await queue.add('again', {}), 'completed');

  assert.deepEqual([job.attemptsMade, job.attemptsStarted], [1, 4]);
});

test('maxStartedAttempts bounds how often it begins', options, async (t) => {
  const { queue, end } = await bench(t, { settings: { maxStartedAttempts: 2 } });
  const job = await end(await queue.add('again', {}, { attempts: 10 }), 'failed');

  assert.equal(job.failedReason, 'job started more than allowable limit');
  assert.equal(job.attemptsStarted, 3);
});

test('telemetry and parent are handed to the plugin', options, async (t) => {
  const { redis, queue, end } = await bench(t);
  const metadata = JSON.stringify({ traceparent: '00-1-2-01' });
  const plain = await end(await queue.add('look', {}), 'completed');
  const traced = await end(await queue.add('look', {}, { telemetry: { metadata } }), 'completed');
  const { children } = await mqFlow(t, redis).add({
    name: 'plain',
    queueName: 'q',
    children: [{ name: 'look', queueName: 'q', data: {} }],
  });
  const child = await end(children[0].job, 'completed');

  assert.deepEqual(plain.returnvalue, { key: 'bull:q', parent: '', telemetry: null });
  assert.deepEqual(traced.returnvalue, { key: 'bull:q', parent: '', telemetry: { traceparent: '00-1-2-01' } });
  assert.match(child.returnvalue.parent, /^bull:q:/);
  assert.equal(child.returnvalue.parent, child.parentKey);
});

test('the name of a worker: on its jobs, and once in the list of workers', options, async (t) => {
  const { queue, end } = await bench(t, { settings: { name: 'wk1' } });
  const job = await end(await queue.add('plain', {}), 'completed');

  assert.equal(job.processedBy, 'wk1');
  const workers = await queue.getWorkers();
  assert.deepEqual(workers.map(({ name, rawname }) => [name, rawname]), [['q', 'bull:cQ==:w:wk1']]);
});

/* The same from another language: the child of exec, in its lines. */
const CHILD = `
import { createInterface } from 'node:readline';
const say = (line) => process.stdout.write(JSON.stringify(line) + '\\n');
const told = new Map();
createInterface({ input: process.stdin }).on('line', (text) => {
  const line = JSON.parse(text);
  const { id } = line;
  if (line.type === 'children') {
    const all = told.get(id);
    all.lines++;
    Object.assign(all.children, line.children);
    if (line.error) say({ type: 'failed', id, reason: line.error });
    else if (!line.more) say({ type: 'completed', id, returnvalue: { lines: all.lines, tm: all.tm, children: Object.fromEntries(
      Object.entries(all.children).map(([key, value]) => [key, value.size ? value.size.length : value])) } });
  } else if (line.type === 'job' && line.name === 'part') {
    say({ type: 'completed', id, returnvalue: { ...line.data, of: line.parentKey } });
  } else if (line.type === 'job' && line.data.step === 'join') {
    told.set(id, { lines: 0, children: {}, tm: line.tm });
    say({ type: 'children', id, which: 'processed' });
  } else if (line.type === 'job') {
    say({ type: 'update', id, data: { step: 'join' } });
    say({ type: 'waiting-children', id });
  }
});
`;

async function execBench(t) {
  const dir = await temporaryDirectory(t, 'cartrita-exec-');
  const file = join(dir, 'child.mjs');
  await writeFile(file, CHILD);
  return bench(t, { plugin: pluginPath('exec'), set: { argv: [process.execPath, file] } });
}

test('exec: children, waited for and read', options, async (t) => {
  const { redis, end } = await execBench(t);
  const metadata = 'trace me';
  const { job } = await mqFlow(t, redis).add({
    name: 'steps',
    queueName: 'q',
    data: {},
    opts: { telemetry: { metadata } },
    children: [1, 2, 3].map((n) => ({ name: 'part', queueName: 'q', data: { n } })),
  });
  const { returnvalue } = await end(job, 'completed');
  const parent = `bull:q:${job.id}`;

  assert.equal(returnvalue.tm, metadata);
  assert.equal(returnvalue.lines, 1);
  assert.deepEqual(Object.values(returnvalue.children).sort((a, b) => a.n - b.n), [1, 2, 3].map((n) => ({ n, of: parent })));
});

test('exec: an answer that is longer than a line goes on in the next', options, async (t) => {
  const { queue, client, end } = await execBench(t);
  const size = 'x'.repeat(400_000);
  await queue.pause();
  const added = await queue.add('steps', { step: 'join' });
  for (let i = 0; i < 7; i++) await client.hset(`bull:q:${added.id}:processed`, `bull:p:${i}`, JSON.stringify({ size }));
  await queue.resume();
  const { returnvalue } = await end(added, 'completed');

  assert.deepEqual(Object.values(returnvalue.children), Array(7).fill(size.length));
  assert.ok(returnvalue.lines >= 2, `${returnvalue.lines} lines`);
});

/* The daemon dies again and again while jobs are put off, wait and are released: whatever answer is lost, each comes
 * to its end, once, and nothing is left behind. */
test('steps go on under a daemon that is killed', options, async (t) => {
  const { queue, client, worker } = await bench(t, { settings: { lockDuration: 3000, stalledInterval: 1000 } });
  const count = 60;
  const kills = 4;
  await queue.addBulk(Array.from({ length: count }, (_, i) => ({
    name: 'steps',
    data: { step: 'begin', parts: 2, policy: '' },
    opts: { jobId: `s${i}`, attempts: 20 },
  })));
  const ended = () => client.zcard('bull:q:completed');

  for (let i = 1; i <= kills; i++) {
    const seen = Number(await ended());
    await until(async () => (await ended()) > seen || (await client.zcard('bull:q:delayed')) === 0, { what: 'jobs to go on', deadlineMs: 30_000 });
    process.kill(await until(() => worker.daemon(), { what: 'a daemon' }), 'SIGKILL');
  }
  const states = async () => Promise.all(Array.from({ length: count }, (_, i) => queue.getJobState(`s${i}`)));
  await until(async () => (await states()).every((state) => state === 'completed' || state === 'failed'), {
    what: 'all to end',
    deadlineMs: 60_000,
    describe: () => worker.log.slice(-3000),
  });
  const jobs = await Promise.all(Array.from({ length: count }, (_, i) => queue.getJob(`s${i}`)));
  for (const job of jobs) {
    /* A question to a daemon that dies fails its attempt; the next one ends it. */
    assert.ok(!job.failedReason || /daemon/.test(job.failedReason), job.failedReason);
    assert.equal(job.returnvalue?.left, 0, job.id);
    assert.ok(Object.keys(job.returnvalue.processed).length >= 1, job.id);
  }
  const left = () => queue.getJobCounts('active', 'wait', 'delayed', 'waiting-children', 'prioritized');
  await until(async () => Object.values(await left()).every((n) => n === 0), { what: 'nothing to be left' });
  assert.equal((await client.keys('bull:q:*:lock')).length, 0);
});
