/* The daemon's end of the wire where jobs are moved and have children: released in each way, resumed or lost on the
 * way, and questions about children. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test from 'node:test';

import { bullQueue, untilState } from '../lib/bull.mjs';
import { mqFlow, mqQueue } from '../lib/bullmq.mjs';
import { missing } from '../lib/processes.mjs';
import { startRedis } from '../lib/redis.mjs';
import { until } from '../lib/wait.mjs';
import { openRunner } from '../lib/wire.mjs';
import { startDaemon } from '../lib/workers.mjs';

const options = { skip: missing('cartrita-queued'), concurrency: 2 };
const CODE = { INVALID: 1, NOT_FOUND: 3, TOO_LARGE: 5, UNSUPPORTED: 8, LOCK_LOST: 13 };
const STATE = { completed: 1, failed: 2, delayed: 3, waiting: 4, waitingChildren: 6 };
const WAITING = 3, POSTPONED = 4, AWAITING = 5;
const PROCESSED = 1, UNPROCESSED = 4;

async function bench(t, { args } = {}) {
  const redis = await startRedis(t);
  const daemon = await startDaemon(t, redis, { args, logLevel: 'debug' });
  const queue = mqQueue(t, redis);
  await queue.waitUntilReady();
  const runner = (more) => openRunner(t, daemon.server, 'q', { dialect: 'bullmq', ...more });
  return { redis, daemon, queue, runner, client: redis.client() };
}

const addFlow = (t, redis, count) =>
  mqFlow(t, redis).add({
    name: 'parent',
    queueName: 'q',
    children: Array.from({ length: count }, (_, i) => ({ name: 'part', queueName: 'parts', data: { i } })),
  });

async function answer(wire, request, fields) {
  wire.send('children', { request, ...fields });
  const end = await wire.take('children_end', { request });
  const children = wire.messages.filter((message) => message.type === 'child' && message.request === request);
  return { ...end, children };
}

test('postponed, awaiting and waiting: where the job is then', options, async (t) => {
  const { queue, runner, client } = await bench(t);
  const wire = await runner();
  const added = await queue.add('a', {});

  let job = await wire.take('job');
  const before = Date.now();
  wire.send('released', { lease: job.lease, how: POSTPONED, duration_ms: 400 });
  assert.equal((await wire.take('ack')).state, STATE.delayed);
  assert.ok((await client.zscore('bull:q:delayed', added.id)) / 4096 >= before + 400);
  job = await wire.take('job', { id: added.id });
  assert.ok(Date.now() >= before + 400);
  wire.send('released', { lease: job.lease, how: AWAITING }); /* it has none */
  assert.equal((await wire.take('ack')).state, STATE.waiting);
  job = await wire.take('job', { id: added.id });
  await queue.add('child', {}, { parent: { id: added.id, queue: 'bull:q' }, delay: 60_000 });
  wire.send('released', { lease: job.lease, how: AWAITING });
  const ack = await wire.take('ack');
  assert.deepEqual([ack.code, ack.state], [0, STATE.waitingChildren]);
  assert.equal(await queue.getJobState(added.id), 'waiting-children');
  assert.equal((await queue.getJob(added.id)).attemptsMade, 0);
});

test('a delay over the longest one counts as that', options, async (t) => {
  const { queue, runner } = await bench(t);
  const wire = await runner();
  const added = await queue.add('a', {});
  const { lease } = await wire.take('job');

  wire.send('released', { lease, how: POSTPONED, duration_ms: 2n ** 50n });
  assert.equal((await wire.take('ack')).state, STATE.delayed);
  const { delay } = await queue.getJob(added.id);
  assert.ok(delay > 0 && delay <= 10 * 366 * 24 * 3600 * 1000, `${delay}`);
});

test('completed with pending children: one answer, and why', options, async (t) => {
  const { redis, queue, runner, client } = await bench(t);
  const wire = await runner();
  const { job: parent } = await addFlow(t, redis, 1);

  /* Let go by hand, as a child that continues its parent would. */
  await client.multi().zrem('bull:q:waiting-children', parent.id).rpush('bull:q:wait', parent.id)
    .zadd('bull:q:marker', 0, '0').exec();
  const job = await wire.take('job');
  wire.send('completed', { lease: job.lease, value: '1' });
  const ack = await wire.take('ack');
  assert.deepEqual([ack.lease, ack.code, ack.state], [job.lease, 0, STATE.failed]);
  assert.match(ack.detail, new RegExp(parent.id));
  assert.equal((await queue.getJob(parent.id)).failedReason, ack.detail);
  assert.ok(!wire.messages.some(({ type }) => type === 'ack'));
});

/* The connection is lost with the answer: the job has been moved, once, and is nobody's any more. */
for (const [how, state] of [[POSTPONED, 'delayed'], [AWAITING, 'waiting-children']]) {
  test(`${state}: a lost answer loses nothing`, options, async (t) => {
    const { queue, runner, client } = await bench(t);
    const hello = { runner: randomUUID() };
    const wire = await runner({ hello });
    const added = await queue.add('a', {});
    await queue.add('child', {}, { parent: { id: added.id, queue: 'bull:q' }, delay: 60_000 });
    const job = await wire.take('job', { id: added.id });

    wire.send('released', { lease: job.lease, how, duration_ms: 60_000 });
    await until(async () => (await queue.getJobState(added.id)) === state, { what: `the job to be ${state}` });
    wire.cut();
    const again = await runner({ hello, window: 0 });
    again.send('resume', { sub: 1, id: job.id, token: job.token });
    assert.notEqual((await again.take('resumed')).code, 0);
    assert.equal(await queue.getJobState(added.id), state);
    assert.equal(await client.exists(`bull:q:${added.id}:lock`), 0);
    assert.equal((await queue.getJob(added.id)).attemptsMade, 0);
  });
}

test('children are told page by page', options, async (t) => {
  const { queue, runner, client } = await bench(t);
  const wire = await runner();
  const { id } = await queue.add('a', {});
  const { lease } = await wire.take('job');
  const count = 300;

  assert.deepEqual((await answer(wire, 1, { lease, which: PROCESSED })).children, []);
  await client.hset(`bull:q:${id}:processed`, ...Array.from({ length: count }, (_, i) => [`bull:p:${i}`, JSON.stringify({ i, text: 'x'.repeat(99) })]).flat());
  const found = new Map();
  let cursor, pages = 0;
  do {
    const page = await answer(wire, 2 + pages, { lease, which: PROCESSED, ...(cursor && { cursor }) });
    assert.equal(page.code, 0);
    for (const { key, value } of page.children) found.set(key, JSON.parse(value).i);
    ({ cursor } = page);
    pages++;
  } while (cursor);
  assert.equal(found.size, count);
  assert.ok(pages > 2, `${pages} pages`);
  const one = await answer(wire, 1000, { lease, which: PROCESSED, key: 'bull:p:7' });
  assert.deepEqual(one.children.map(({ key, value }) => [key, JSON.parse(value).i]), [['bull:p:7', 7]]);
});

test('a child that no frame can carry', options, async (t) => {
  const { queue, runner, client } = await bench(t, { args: ['--frame-max', '20000'] });
  const wire = await runner();
  const { id } = await queue.add('a', {});
  const { lease } = await wire.take('job');

  await client.hset(`bull:q:${id}:processed`, 'bull:p:1', JSON.stringify('x'.repeat(30_000)));
  const { code, detail } = await answer(wire, 1, { lease, which: PROCESSED });
  assert.equal(code, CODE.TOO_LARGE);
  assert.match(detail, /20000/);
  wire.send('completed', { lease });
  assert.equal((await wire.take('ack')).code, 0);
});

test('questions that cannot be answered', options, async (t) => {
  const { redis, daemon, queue, runner } = await bench(t);
  const wire = await runner();
  await queue.add('a', {});
  const { lease } = await wire.take('job');

  assert.equal((await answer(wire, 1, { lease: lease + 7, which: PROCESSED })).code, CODE.NOT_FOUND);
  for (const which of [0, 5, 2n ** 40n]) assert.equal((await answer(wire, 2, { lease, which })).code, CODE.INVALID);
  /* With Redis held, 64 wait for it (CONN_ASKINGS_MAX), and the rest is refused. */
  redis.freeze();
  for (let request = 10; request < 110; request++) wire.send('children', { request, lease, which: UNPROCESSED });
  for (let request = 74; request < 110; request++) {
    const { code, detail } = await wire.take('children_end', { request });
    assert.equal(code, CODE.TOO_LARGE);
    assert.match(detail, /CONN_ASKINGS_MAX/);
  }
  redis.thaw();
  for (let request = 10; request < 74; request++) assert.equal((await wire.take('children_end', { request })).code, 0);

  await bullQueue(t, redis, 'bulls').add({});
  const bull = await openRunner(t, daemon.server, 'bulls');
  const job = await bull.take('job');
  const { code, detail } = await answer(bull, 1, { lease: job.lease, which: PROCESSED });
  assert.equal(code, CODE.UNSUPPORTED);
  assert.match(detail, /dialect is bull/);
  bull.send('released', { lease: job.lease, how: AWAITING });
  assert.equal((await bull.take('ack')).state, STATE.failed);
});

/* It asks and is gone: the answer has nobody, and the daemon goes on. */
test('a runner that asks and is gone', options, async (t) => {
  const { queue, runner } = await bench(t);
  const wire = await runner();
  const { id } = await queue.add('a', {});
  const { lease } = await wire.take('job');

  for (let request = 1; request <= 20; request++) wire.send('children', { request, lease, which: PROCESSED });
  wire.send('bye');
  wire.cut();
  const other = await runner();
  const job = await other.take('job', { id });
  other.send('completed', { lease: job.lease });
  assert.equal((await other.take('ack')).code, 0);
  await untilState(queue, id, 'completed');
});

test('a lock that is lost: the job is not moved', options, async (t) => {
  const { queue, runner, client } = await bench(t);
  const wire = await runner();
  const added = await queue.add('a', {});
  const { lease } = await wire.take('job');

  await client.set(`bull:q:${added.id}:lock`, 'another');
  wire.send('released', { lease, how: WAITING });
  assert.equal((await wire.take('ack')).code, CODE.LOCK_LOST);
  assert.equal(await client.llen('bull:q:active'), 1);
});
