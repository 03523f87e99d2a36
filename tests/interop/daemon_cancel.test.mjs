/* Cancelling an active job at the daemon: by a message in Redis, by stop_job on the wire, here or in
 * another daemon. The runner is the test, so what it is told is seen. */
import assert from 'node:assert/strict';
import test from 'node:test';

import { bullQueue, untilState } from '../lib/bull.mjs';
import { missing } from '../lib/processes.mjs';
import { startRedis } from '../lib/redis.mjs';
import { until } from '../lib/wait.mjs';
import { openRunner, openSession, ROLE } from '../lib/wire.mjs';
import { startDaemon } from '../lib/workers.mjs';

const options = { skip: missing('cartrita-queued'), concurrency: true };

/* What a daemon needs, but for the channels. */
const ACL = 'on >pw ~bull:* resetchannels -@all +@read +@write +@scripting +@connection +@pubsub +@transaction';

const CODE = { OK: 0, INVALID: 1, NOT_FOUND: 3, TOO_LARGE: 5, REDIS_DOWN: 18, BAD_MESSAGE: 11, CANCELLED: 17 };
const STATE = { failed: 2 };
const CHANNEL = 'bull:q:cancel';

async function bench(t, { daemons = 1 } = {}) {
  const redis = await startRedis(t);
  const started = await Promise.all(Array.from({ length: daemons }, () => startDaemon(t, redis, { logLevel: 'debug' })));
  const queue = bullQueue(t, redis);
  await queue.isReady();
  return { redis, daemons: started, queue, client: redis.client() };
}

/* A runner that holds a fresh job. */
async function running(t, daemon, queue, opts) {
  const wire = await openRunner(t, daemon.server);
  const { id } = await queue.add('n', {}, opts);
  return { wire, job: await wire.take('job', { id }) };
}

const client = (t, daemon) => openSession(t, daemon.server, { role: ROLE.client });

async function stopJob(wire, fields, request = 1) {
  wire.send('stop_job', { request, queue: 'q', ...fields });
  return wire.take('done', { request });
}

test('a message in Redis: the runner is told, and the job fails for good', options, async (t) => {
  const { daemons, queue, client } = await bench(t);
  const { wire, job } = await running(t, daemons[0], queue, { attempts: 5 });

  assert.equal(await client.publish(CHANNEL, JSON.stringify({ id: job.id, reason: 'no longer needed' })), 1);
  const cancel = await wire.take('cancel');
  assert.deepEqual(cancel, { type: 'cancel', lease: job.lease, code: CODE.CANCELLED, reason: 'cancelled: no longer needed' });
  wire.send('failed', { lease: job.lease, reason: 'interrupted', stack: 'Error: interrupted\n    at work', delay_ms: 10 });
  assert.equal((await wire.take('ack')).state, STATE.failed);
  const failed = await queue.getJob(job.id);
  assert.equal(failed.failedReason, 'cancelled: no longer needed');
  assert.deepEqual(failed.stacktrace, ['Error: interrupted\n    at work']);
  assert.equal(failed.attemptsMade, 1);
  assert.equal(await queue.getFailedCount(), 1);
  assert.deepEqual(await client.keys('*cancel*'), []);
});

test('a plain id; a message that makes no sense is told of once', options, async (t) => {
  const { daemons, queue, client } = await bench(t);
  const { wire, job } = await running(t, daemons[0], queue, { jobId: 'a {"b"}:7\xff' });

  for (const nonsense of ['', '{}', '{oops', '{"id":[]}']) await client.publish(CHANNEL, nonsense);
  await client.publish(CHANNEL, 'a job that nobody has');
  await client.publish(CHANNEL, job.id);
  assert.equal((await wire.take('cancel')).reason, 'cancelled');
  assert.equal(daemons[0].program.log.match(/is not understood/g).length, 1);
  wire.send('released', { lease: job.lease, how: 1 });
  assert.equal((await wire.take('ack')).state, STATE.failed);
});

test('a completion that crossed the message stands', options, async (t) => {
  const { daemons, queue, client } = await bench(t);
  const { wire, job } = await running(t, daemons[0], queue);

  await client.publish(CHANNEL, job.id);
  await wire.take('cancel');
  wire.send('completed', { lease: job.lease, value: '1' });
  await wire.take('ack');
  await untilState(queue, job.id, 'completed');
});

test('a runner that dies after it was told: not run again', options, async (t) => {
  const { daemons, queue, client } = await bench(t);
  const { wire, job } = await running(t, daemons[0], queue, { attempts: 5 });

  await client.publish(CHANNEL, job.id);
  await wire.take('cancel');
  wire.cut();
  await untilState(queue, job.id, 'failed');
  assert.equal((await queue.getJob(job.id)).failedReason, 'cancelled');
});

test('after Redis was away the channel is heard again', options, async (t) => {
  const { daemons, queue, client } = await bench(t);
  const { wire, job } = await running(t, daemons[0], queue);

  await client.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
  await until(async () => (await client.publish(CHANNEL, job.id)) === 1, { what: 'the daemon to listen again' });
  await wire.take('cancel');
});

test('stop_job: held here', options, async (t) => {
  const { daemons, queue } = await bench(t);
  const { wire, job } = await running(t, daemons[0], queue);
  const done = await stopJob(await client(t, daemons[0]), { id: job.id, reason: 'bye' });

  assert.deepEqual(done, { type: 'done', request: 1, code: CODE.OK });
  assert.equal((await wire.take('cancel')).reason, 'cancelled: bye');
});

test('stop_job: held by another daemon', options, async (t) => {
  const { daemons, queue } = await bench(t, { daemons: 2 });
  const { wire, job } = await running(t, daemons[0], queue);
  const done = await stopJob(await client(t, daemons[1]), { id: job.id, reason: 'bye' });

  assert.equal(done.code, CODE.OK);
  assert.match(done.detail, /passed on to 1 other daemon$/);
  assert.equal((await wire.take('cancel')).reason, 'cancelled: bye');
});

test('stop_job: held by nobody, and what cannot be', options, async (t) => {
  const { daemons, queue } = await bench(t);
  const { wire } = await running(t, daemons[0], queue);
  const asking = await client(t, daemons[0]);

  for (const fields of [{ id: '77' }, { id: '1', queue: 'other' }, { id: '1', prefix: 'other' }]) {
    const done = await stopJob(asking, fields);
    assert.equal(done.code, CODE.NOT_FOUND);
    assert.match(done.detail, /a Node worker has it/);
  }
  assert.equal((await stopJob(asking, { id: '' })).code, CODE.INVALID);
  assert.equal((await stopJob(asking, { id: '1', queue: '' })).code, CODE.INVALID);
  assert.equal((await stopJob(asking, { id: 'x'.repeat(65537) })).code, CODE.TOO_LARGE);
  wire.send('stop_job', { request: 1, queue: 'q', id: '1' });
  assert.equal((await wire.take('error')).code, CODE.BAD_MESSAGE); /* a runner does not ask */
});

test('stop_job: more than 256 at once are refused; while Redis is away it says so', options, async (t) => {
  const { redis, daemons } = await bench(t);
  const asking = await client(t, daemons[0]);

  redis.freeze();
  for (let request = 1; request <= 257; request++) asking.send('stop_job', { request, queue: 'q', id: String(request) });
  const refused = await asking.take('done', { request: 257 });
  assert.equal(refused.code, CODE.TOO_LARGE);
  assert.match(refused.detail, /CONN_STOPS_MAX/);
  redis.thaw();
  await asking.take('done', { request: 256 });
  await redis.kill();
  assert.equal((await stopJob(asking, { id: '1' }, 300)).code, CODE.REDIS_DOWN);
});

test('a user who may not hear the channel: warned, and the rest works', options, async (t) => {
  const redis = await startRedis(t, { acl: [`worker ${ACL} &bull:q:[abd-z]* &bull:q:completed*`] });
  const url = `redis://worker:pw@127.0.0.1:${redis.port}`;
  const daemon = await startDaemon(t, redis, { args: ['--redis', url], logLevel: 'debug' });
  const queue = bullQueue(t, redis);
  const wire = await openRunner(t, daemon.server);

  await daemon.program.untilLine(/level=warn.*refused a subscription: nobody can cancel.*channel=bull:q:cancel/);
  const { id } = await queue.add('n', {}, { delay: 20 });
  const job = await wire.take('job', { id }); /* woken by the other channel */
  assert.equal(await redis.client().publish(CHANNEL, id), 0);
  const done = await stopJob(await client(t, daemon), { id });
  assert.equal(done.code, CODE.OK); /* it has the job itself */
  assert.equal((await wire.take('cancel')).lease, job.lease);
});
