/* cartrita-q tail and job wait on BullMQ's streams of events, beside QueueEvents and waitUntilFinished. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { bullQueue } from '../lib/bull.mjs';
import { mqEvents, mqFlow, mqQueue, mqWorker, PACKAGES, untilEvents, VERSIONS } from '../lib/bullmq.mjs';
import { connectionOf } from '../lib/mq_worker.mjs';
import { startProgram } from '../lib/processes.mjs';
import { runQ } from '../lib/q.mjs';
import { startRedis } from '../lib/redis.mjs';
import { until, within } from '../lib/wait.mjs';

const startTail = (t, redis, ...args) => startProgram(t, 'cartrita-q', ['tail', ...args, '-o', 'jsonl', '--redis', redis.url]);
const rows = (tail) => tail.stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
/* A reader that waits is past the place where it began. */
const untilReading = (client, count = 1) =>
  until(async () => (await client.client('LIST')).match(/cmd=xread\b/g)?.length >= count, { what: 'the reader' });

for (const version of VERSIONS) {
  test(`BullMQ ${version}: tail tells what QueueEvents tells, in its order`, async (t) => {
    const redis = await startRedis(t);
    const queue = mqQueue(t, redis, 'q', { version });
    await queue.add('before', {});
    await queue.remove('1');
    const tail = startTail(t, redis, 'q');
    await untilReading(redis.client());
    const events = await mqEvents(t, redis, 'q', { version });

    const worker = mqWorker(t, redis, 'q', { version, autorun: false });
    const take = () => worker.getNextJob('token');
    await queue.add('good', {}, { jobId: 'a' });
    const good = await take();
    await good.updateProgress({ half: true });
    await good.moveToCompleted({ r: 1 }, 'token', false);
    await queue.add('bad', {}, { jobId: 'b' });
    await (await take()).moveToFailed(new Error('no "luck"'), 'token', false);
    await queue.add('late', {}, { jobId: 'c', delay: 60_000 });
    await queue.add('good', {}, { jobId: 'a' });
    await queue.add('d', {}, { deduplication: { id: 'x' }, jobId: 'd' });
    await queue.add('d', {}, { deduplication: { id: 'x' } });
    await mqFlow(t, redis, { version }).add({ name: 'p', queueName: 'q', opts: { jobId: 'p' }, children: [{ name: 'c', queueName: 'q', opts: { jobId: 'k' } }] });
    await queue.remove('c');
    await queue.pause();
    await queue.resume();
    await queue.clean(0, 10, 'failed');
    const producer = new PACKAGES[version].QueueEventsProducer('q', { connection: connectionOf(redis) });
    t.after(() => producer.close());
    await producer.publishEvent({ eventName: 'mine', answer: '42' });

    await until(() => rows(tail).some((row) => row.event === 'mine'), { what: 'the last event', describe: () => tail.stdout });
    await untilEvents(events, ({ event }) => event === 'cleaned');
    const ours = rows(tail);
    const theirs = events.seen.filter(({ jobId }) => jobId !== '1');
    assert.deepEqual(ours.filter(({ event }) => event !== 'mine' && event !== 'debounced').map(({ event, id }) => [event, id]),
      theirs.map(({ event, jobId }) => [event, jobId ?? null]));
    assert.ok(ours.every(({ at, queue: name }) => name === 'q' && at > Date.now() - 60_000));
    const of = (event) => ours.find((row) => row.event === event);
    assert.deepEqual(of('completed').value, { r: 1 });
    assert.equal(of('completed').prev, 'active');
    assert.equal(of('failed').value, 'no "luck"');
    assert.deepEqual(of('progress').value, { half: true });
    assert.equal(of('added').value, 'good');
    assert.equal(Number(of('delayed').value) > Date.now(), true);
    assert.equal(of('retries-exhausted').value, '1');
    assert.equal(of('deduplicated').id, 'd');
    assert.equal(of('deduplicated').value.deduplicationId, 'x');
    assert.equal(of('removed').prev, 'delayed');
    assert.equal(of('cleaned').value, '1');
    assert.deepEqual(of('mine').value, { answer: '42' });
    tail.kill('SIGINT');
    await within(tail.exited);
    assert.equal(tail.code, 0);
  });
}

test('tail of all: of both dialects, of queues that come later, and from their beginning', async (t) => {
  const redis = await startRedis(t);
  const client = redis.client();
  const old = mqQueue(t, redis, 'old');
  await old.add('n', {}, { jobId: 'before' });
  const tail = startTail(t, redis, '--event', 'waiting', '--event', 'custom');
  await untilReading(client);
  await until(async () => (await client.pubsub('NUMPAT')) >= 1, { what: 'the pattern' });

  await old.add('n', {}, { jobId: 'a' });
  await bullQueue(t, redis, 'classic').add({}, { jobId: 'b' });
  const fresh = mqQueue(t, redis, 'fresh');
  for (const jobId of ['c', 'd']) await fresh.add('n', {}, { jobId });
  await until(() => rows(tail).length >= 4, { what: 'four events', describe: () => tail.stdout });
  assert.deepEqual(rows(tail).map(({ queue, id }) => `${queue} ${id}`).sort(), ['classic b', 'fresh c', 'fresh d', 'old a']);
});

test('tail of a queue that is not there yet hears it, whichever it becomes; many at once', async (t) => {
  const redis = await startRedis(t);
  const names = Array.from({ length: 30 }, (_, n) => `q${n}`);
  const tail = startTail(t, redis, ...names, '--event', 'added', '--event', 'waiting', '--limit', 31);
  await tail.untilLine(/there is no queue "q29" yet/);
  await untilReading(redis.client());
  await until(async () => (await redis.client().pubsub('NUMPAT')) >= 30, { what: 'the patterns' });

  await bullQueue(t, redis, 'q0').add({}, { jobId: 'b' });
  for (const name of names.slice(1, 16)) await mqQueue(t, redis, name).add('n', {}, { jobId: name });
  await within(tail.exited);
  assert.deepEqual(rows(tail).filter(({ event }) => event === 'waiting').map(({ id }) => id).sort(), ['b', ...names.slice(1, 16)].sort());
});

test('tail goes on where it was when Redis comes back: nothing of a stream is missed', async (t) => {
  const redis = await startRedis(t);
  const queue = mqQueue(t, redis, 'q');
  await queue.add('n', {});
  const tail = startTail(t, redis, 'q', '--event', 'waiting');
  await untilReading(redis.client());

  const client = redis.client();
  await client.client('KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await tail.untilLine(/events come late: /);
  for (let n = 0; n < 20; n++) await client.xadd('bull:q:events', '*', 'event', 'waiting', 'jobId', `${n}`);
  await until(() => rows(tail).length >= 20, { what: 'all of them', describe: () => tail.stdout });
  assert.deepEqual(rows(tail).map(({ id }) => id), Array.from({ length: 20 }, (_, n) => `${n}`));
});

test('entries of a stream that are no events do no harm; a foreign key is told of', async (t) => {
  const redis = await startRedis(t);
  const queue = mqQueue(t, redis, 'q');
  const client = redis.client();
  await queue.add('n', {});
  const tail = startTail(t, redis, 'q');
  await untilReading(client);
  await client.xadd('bull:q:events', '*', 'odd', '1');
  await client.xadd('bull:q:events', '*', 'event', 'completed', 'jobId', '7', 'returnvalue', '{"broken');
  await client.xadd('bull:q:events', '*', 'event', 'progress');
  await until(() => rows(tail).length === 2, { what: 'two events', describe: () => tail.stdout });
  assert.deepEqual(rows(tail).map(({ event, id, value }) => [event, id, value]), [['completed', '7', '{"broken'], ['progress', null, null]]);

  await mqQueue(t, redis, 'bad').waitUntilReady();
  await client.set('bull:bad:events', 'x');
  const refused = await runQ(t, redis, 'tail', 'bad');
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /bull:bad:events|wrong kind|WRONGTYPE|type/);
});

test('tail in lines for people', async (t) => {
  const redis = await startRedis(t);
  const queue = mqQueue(t, redis, 'q');
  await queue.add('n', {});
  const tail = startProgram(t, 'cartrita-q', ['tail', 'q', '--limit', '2', '--redis', redis.url]);
  await untilReading(redis.client());
  await redis.client().xadd('bull:q:events', '*', 'event', 'completed', 'jobId', '7', 'returnvalue', '{"a":1}', 'prev', 'active');
  await redis.client().xadd('bull:q:events', '*', 'event', 'paused');
  await within(tail.exited);
  assert.match(tail.stdout, /^[\d:.]+ {2}q {2}completed {3}7 {2}\{"a":1\} {2}\(from active\)\n[\d:.]+ {2}q {2}paused\n$/);
});

/* --- job wait ------------------------------------------------------------------------------------------ */

const startWait = (t, redis, ...args) => startProgram(t, 'cartrita-q', ['job', 'wait', ...args, '--redis', redis.url]);

test('job wait: a result, a failure, a job that is removed as it ends, and one that has ended', async (t) => {
  const redis = await startRedis(t);
  const queue = mqQueue(t, redis, 'q');
  await queue.add('good', { result: { n: 1 } }, { jobId: 'good', removeOnComplete: true });
  await queue.add('none', {}, { jobId: 'none' });
  await queue.add('bad', { error: 'no luck' }, { jobId: 'bad', removeOnFail: true });
  const waits = ['good', 'none', 'bad'].map((id) => startWait(t, redis, 'q', id));
  await untilReading(redis.client(), 3);
  mqWorker(t, redis, 'q');

  await within(Promise.all(waits.map((wait) => wait.exited)));
  assert.deepEqual(waits.map((wait) => [wait.code, wait.stdout]), [[0, '{"n":1}\n'], [0, 'null\n'], [1, 'no luck\n']]);
  assert.equal(await queue.getJob('good'), undefined);
  const late = startWait(t, redis, 'q', 'none', '-o', 'json');
  await within(late.exited);
  assert.deepEqual(JSON.parse(late.stdout), { queue: 'q', id: 'none', state: 'completed', returnvalue: null });
  const gone = await runQ(t, redis, 'job', 'wait', 'q', 'good');
  assert.equal(gone.code, 3);
});

test('job wait: other events of the job are no end, and its wait has one', async (t) => {
  const redis = await startRedis(t);
  const queue = mqQueue(t, redis, 'q');
  await queue.add('n', {}, { jobId: 'a' });
  const wait = startWait(t, redis, 'q', 'a', '--wait', '2s');
  await untilReading(redis.client());
  const worker = mqWorker(t, redis, 'q', { autorun: false });
  await (await worker.getNextJob('token')).updateProgress(50);
  await within(wait.exited);
  assert.equal(wait.code, 7);
});
