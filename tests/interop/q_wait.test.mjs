/* cartrita-q job wait and job logs, on jobs that Bull's own workers run. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { bullQueue, untilState } from '../lib/bull.mjs';
import { startProgram } from '../lib/processes.mjs';
import { jsonOfQ, runQ } from '../lib/q.mjs';
import { startRedis } from '../lib/redis.mjs';
import { until, within } from '../lib/wait.mjs';

/* A worker whose jobs end when the test says so: release.get(id)(value or Error). */
function heldWorker(t, redis) {
  const worker = bullQueue(t, redis);
  const release = new Map();
  worker.process('*', 10, (job) => new Promise((done, fail) => {
    release.set(String(job.id), (value) => (value instanceof Error ? fail(value) : done(value)));
  }));
  return { worker, release, held: (id) => until(() => release.get(String(id)), { what: `job ${id} to run` }) };
}

const startQ = (t, redis, ...args) => startProgram(t, 'cartrita-q', [...args, '--redis', redis.url]);

/* Once somebody listens to the ends of jobs, besides the queues that do. */
async function untilListening(client, count = 1) {
  await until(async () => (await client.pubsub('NUMSUB', 'bull:q:completed'))[1] >= count, { what: 'a listener' });
}

test('job wait prints the result when it comes, and exits 1 with the reason of a failure', async (t) => {
  const redis = await startRedis(t);
  const queue = bullQueue(t, redis);
  const { held } = heldWorker(t, redis);
  const good = await queue.add({});
  const bad = await queue.add({});

  const first = startQ(t, redis, 'job', 'wait', 'q', good.id);
  const second = startQ(t, redis, 'job', 'wait', 'q', bad.id, '-o', 'json');
  await untilListening(redis.client(), 2);
  assert.ok(first.isRunning);
  (await held(good.id))({ n: [1, 'two\u001b'] });
  (await held(bad.id))(new Error('no\nway'));
  await within(Promise.all([first.exited, second.exited]));
  assert.equal(first.code, 0);
  assert.deepEqual(JSON.parse(first.stdout), { n: [1, 'two\u001b'] });
  assert.equal(first.stdout, '{"n":[1,"two\\u001b"]}\n');
  assert.equal(second.code, 1);
  assert.deepEqual(JSON.parse(second.stdout), { queue: 'q', id: bad.id, state: 'failed', failedReason: 'no\nway' });
  assert.match(second.lines.join('\n'), /job "2" has failed/);

  /* What has ended already is told at once, and as Bull stores it. */
  await untilState(queue, bad.id, 'failed');
  const again = await runQ(t, redis, 'job', 'wait', 'q', bad.id);
  assert.equal(again.code, 1);
  assert.equal(again.stdout, 'no\\nway\n');
  assert.deepEqual((await jsonOfQ(t, redis, 'job', 'wait', 'q', good.id)).returnvalue, { n: [1, 'two\u001b'] });
});

test('job wait hears the end of a job that is removed with it, and of one without a result', async (t) => {
  const redis = await startRedis(t);
  const queue = bullQueue(t, redis);
  const { held } = heldWorker(t, redis);
  const job = await queue.add({}, { removeOnComplete: true });
  const other = await queue.add({}, { removeOnFail: true });

  const waits = [job, other].map(({ id }) => startQ(t, redis, 'job', 'wait', 'q', id));
  await untilListening(redis.client(), 2);
  (await held(job.id))(undefined);
  (await held(other.id))(new Error('gone'));
  await within(Promise.all(waits.map((wait) => wait.exited)));
  assert.deepEqual(waits.map((wait) => [wait.code, wait.stdout]), [[0, 'null\n'], [1, 'gone\n']]);
});

test('job wait finds an end whose message was lost, and gives up after --wait', async (t) => {
  const redis = await startRedis(t);
  const queue = bullQueue(t, redis);
  const client = redis.client();
  const job = await queue.add({});

  const late = await runQ(t, redis, 'job', 'wait', 'q', job.id, '--wait', '50ms');
  assert.equal(late.code, 7);
  assert.match(late.stderr, /neither completed nor failed after 50 ms/);

  const wait = startQ(t, redis, 'job', 'wait', 'q', job.id);
  await untilListening(client);
  await client.multi().lrem('bull:q:wait', 1, job.id).hset(`bull:q:${job.id}`, 'returnvalue', '7')
    .zadd('bull:q:completed', 1, job.id).exec();
  await within(wait.exited);
  assert.deepEqual([wait.code, wait.stdout], [0, '7\n']);

  /* Removed under its eyes: nothing can tell what became of it. */
  const next = await queue.add({});
  const orphan = startQ(t, redis, 'job', 'wait', 'q', next.id);
  await untilListening(client);
  await next.remove();
  await within(orphan.exited);
  assert.equal(orphan.code, 3);
  assert.match(orphan.lines.join('\n'), /is gone/);
  assert.equal((await runQ(t, redis, 'job', 'wait', 'q', 'none')).code, 3);
});

test('job wait looks where it may not listen', async (t) => {
  const redis = await startRedis(t, { acl: ['quiet on nopass ~* +@all resetchannels'] });
  const queue = bullQueue(t, redis);
  const { held } = heldWorker(t, redis);
  const job = await queue.add({});
  const url = redis.url.replace('redis://', 'redis://quiet:x@');

  const wait = startProgram(t, 'cartrita-q', ['job', 'wait', 'q', job.id, '--redis', url]);
  await wait.untilLine(/looking every 250 ms instead of listening/);
  (await held(job.id))(5);
  await within(wait.exited);
  assert.deepEqual([wait.code, wait.stdout], [0, '5\n']);
});

test('job logs prints what getJobLogs gives, and only the end of it', async (t) => {
  const redis = await startRedis(t);
  const queue = bullQueue(t, redis);
  const job = await queue.add({});
  const client = redis.client();
  await client.rpush(`bull:q:${job.id}:logs`, ...Array.from({ length: 1234 }, (_, n) => `line ${n}`));
  await job.log('evil \u001b[2J\nin two');

  const { logs } = await queue.getJobLogs(job.id);
  assert.deepEqual(await jsonOfQ(t, redis, 'job', 'logs', 'q', job.id), logs);
  for (const n of [0, 1, 600, 1235, 5000])
    assert.deepEqual(await jsonOfQ(t, redis, 'job', 'logs', 'q', job.id, '--tail', n), n ? logs.slice(-n) : [], `--tail ${n}`);
  const text = await runQ(t, redis, 'job', 'logs', 'q', job.id, '--tail', 2);
  assert.equal(text.stdout, 'line 1233\nevil \\x1b[2J\\nin two\n');
  assert.deepEqual(await jsonOfQ(t, redis, 'job', 'logs', 'q', (await queue.add({})).id), []);
  assert.equal((await runQ(t, redis, 'job', 'logs', 'q', 'none')).code, 3);

  /* Long lines come in several calls. */
  const big = await queue.add({});
  for (let n = 0; n < 12; n++) await client.rpush(`bull:q:${big.id}:logs`, String(n % 10).repeat(1 << 20));
  assert.equal((await jsonOfQ(t, redis, 'job', 'logs', 'q', big.id)).map((line) => line[0]).join(''), '012345678901');
});

test('job logs --follow prints lines as they come and ends with the job', async (t) => {
  const redis = await startRedis(t);
  const queue = bullQueue(t, redis);
  const { held } = heldWorker(t, redis);
  const job = await queue.add({});
  await job.log('one');
  await held(job.id);

  const follow = startQ(t, redis, 'job', 'logs', 'q', job.id, '--follow');
  await until(() => follow.stdout === 'one\n', { what: 'the first line' });
  await job.log('two');
  await until(() => follow.stdout === 'one\ntwo\n', { what: 'the second line' });
  await job.log('three');
  (await held(job.id))(1);
  await within(follow.exited);
  assert.deepEqual([follow.code, follow.stdout], [0, 'one\ntwo\nthree\n']);

  const gone = await queue.add({});
  const other = startQ(t, redis, 'job', 'logs', 'q', gone.id, '-f');
  await held(gone.id);
  await gone.log('x');
  await until(() => other.stdout === 'x\n', { what: 'its line' });
  await redis.client().del(`bull:q:${gone.id}`);
  await other.untilLine(/the job was removed/);
});
