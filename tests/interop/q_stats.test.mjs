/* cartrita-q stats: its numbers against what is put into the queue, and what Redis says itself. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { bullQueue, untilCounts } from '../lib/bull.mjs';
import { startProgram } from '../lib/processes.mjs';
import { jsonOfQ, runQ } from '../lib/q.mjs';
import { startRedis } from '../lib/redis.mjs';
import { until, within } from '../lib/wait.mjs';

const untilPatterns = (client, count) => until(async () => (await client.pubsub('NUMPAT')) >= count, { what: 'listeners' });

test('stats counts what happens while it listens', async (t) => {
  const redis = await startRedis(t);
  const queue = bullQueue(t, redis);
  const other = bullQueue(t, redis, 'q:x');
  await queue.add({});
  await other.add({});
  await (await queue.getJob(1)).remove();
  const stats = startProgram(t, 'cartrita-q', ['stats', 'q', '--for', '3s', '-o', 'json', '--redis', redis.url]);
  await untilPatterns(redis.client(), 1);

  queue.process((job) => (job.data.bad ? Promise.reject(new Error('x')) : 1));
  for (let n = 0; n < 9; n++) await queue.add({ bad: n % 3 === 0 });
  await other.add({});
  await untilCounts(queue, { completed: 6, failed: 3 });
  await within(stats.exited);
  assert.equal(stats.code, 0, stats.log);
  const { perSecond, span, counts, backlog, isPaused, name } = JSON.parse(stats.stdout);
  assert.ok(span >= 3000);
  for (const [key, count] of [['waiting', 9], ['completed', 6], ['failed', 3]])
    assert.equal(Math.round(perSecond[key] * span / 1000), count, key);
  assert.deepEqual(counts, await queue.getJobCounts());
  assert.deepEqual([name, isPaused, backlog], ['q', false, { trend: 'empty', goneIn: null }]);
});

test('stats tells percentiles of the jobs that ended last', async (t) => {
  const redis = await startRedis(t);
  const queue = bullQueue(t, redis);
  const client = redis.client();
  await queue.add({});
  /* n = 1 to 250: waited 1000 + n, ran n; the newest 200 are those from 51 on. Every fifth was
   * delayed by an hour, and every tenth tried twice, whose wait is unknown. */
  for (let n = 1; n <= 250; n++) {
    const delay = n % 5 === 0 ? 3600_000 : 0;
    await client.hset(`bull:q:j${n}`, 'timestamp', 1e12, 'processedOn', 1e12 + delay + 1000 + n, 'finishedOn', 1e12 + delay + 1000 + 2 * n,
      'opts', JSON.stringify({ attempts: 2, delay }), ...(n % 10 === 0 ? ['attemptsMade', 1] : []));
    await client.zadd('bull:q:completed', n, `j${n}`);
  }
  await client.zadd('bull:q:completed', 1000, 'gone');

  const { run, wait } = await jsonOfQ(t, redis, 'stats', 'q', '--for', '100ms', '--last', 201);
  assert.deepEqual(run, { count: 200, p50: 150, p95: 240, p99: 248, max: 250 });
  assert.equal(wait.count, 180);
  assert.equal(wait.max, 1249);
  assert.equal((await jsonOfQ(t, redis, 'stats', 'q', '--for', '100ms', '--last', 0)).run.count, 0);
});

test('stats foretells when the backlog is gone, and how old it is', async (t) => {
  const redis = await startRedis(t);
  const queue = bullQueue(t, redis);
  const client = redis.client();
  const hour = Date.now() - 3600_000;
  await queue.add({}, { timestamp: hour });
  for (let n = 0; n < 99; n++) await queue.add({});

  assert.deepEqual((await jsonOfQ(t, redis, 'stats', 'q', '--for', '100ms')).backlog, { trend: 'steady', goneIn: null });
  const stats = startProgram(t, 'cartrita-q', ['stats', 'q', '--for', '2s', '-o', 'json', '--redis', redis.url]);
  await untilPatterns(client, 1);
  await client.ltrim('bull:q:wait', 20, -1);
  await within(stats.exited);
  const { backlog, span, oldest } = JSON.parse(stats.stdout);
  assert.equal(backlog.trend, 'shrinking');
  assert.ok(Math.abs(backlog.goneIn - 4 * span) <= 1, `${backlog.goneIn} of ${span}`);
  assert.ok(oldest >= 3600_000);
  await queue.pause();
  assert.equal((await jsonOfQ(t, redis, 'stats', 'q', '--for', '100ms')).backlog.trend, 'paused');
});

test('stats estimates memory by kinds of keys', async (t) => {
  const redis = await startRedis(t);
  const queue = bullQueue(t, redis);
  const client = redis.client();
  await queue.addBulk(Array.from({ length: 300 }, (_, n) => ({ name: 'n', data: { text: 'x'.repeat(100 + (n % 2) * 100) } })));
  await queue.add({}, { delay: 1e6 });
  for (const id of ['1', '2']) await client.rpush(`bull:q:${id}:logs`, 'y'.repeat(1000));

  const { memory } = await jsonOfQ(t, redis, 'stats', 'q', '--for', '100ms');
  let exact = 0;
  for (let id = 1; id <= 300; id++) exact += await client.memory('USAGE', `bull:q:${id}`);
  assert.equal(memory.waiting.keys, 300);
  assert.equal(memory.waiting.measured, 20);
  assert.ok(Math.abs(memory.waiting.bytes / exact - 1) < 0.2, `${memory.waiting.bytes} of ${exact}`);
  assert.equal(memory.delayed.bytes, await client.memory('USAGE', 'bull:q:301'));
  assert.equal(memory.order.bytes, (await client.memory('USAGE', 'bull:q:wait')) + (await client.memory('USAGE', 'bull:q:delayed')));
  assert.equal(memory.other.keys, 1);
  assert.ok(memory.logs.keys > 0 || memory.logs.bytes === 0);
});

test('stats as a table, and without rights to listen or to measure', async (t) => {
  const redis = await startRedis(t, { acl: ['quiet on nopass ~* +@all -memory resetchannels'] });
  const queue = bullQueue(t, redis);
  await bullQueue(t, redis, 'b').add({});
  await queue.add({});

  const table = await runQ(t, redis, 'stats', '--for', '100ms');
  assert.match(table.stdout, /^queue +waiting +active +delayed +failed +in +out +failing +oldest +wait p95 +run p95 +gone\nb +1 .* 0\.0\/s .*steady\nq +1 /);
  const sheet = await runQ(t, redis, 'stats', 'q', '--for', '100ms');
  assert.match(sheet.stdout, /^rates +0\.0\/s in, 0\.0\/s completed, 0\.0\/s failed$/m);
  assert.match(sheet.stdout, /^memory +waiting: \d+ KiB in 1 key$/m);

  const url = redis.url.replace('redis://', 'redis://quiet:x@');
  const quiet = await runQ(t, null, 'stats', 'q', '--for', '100ms', '-o', 'json', '--redis', url);
  assert.equal(quiet.code, 0, quiet.stderr);
  assert.match(quiet.stderr, /rates are unknown/);
  assert.match(quiet.stderr, /memory is unknown/);
  assert.equal(JSON.parse(quiet.stdout).perSecond.completed, null);
  assert.equal((await runQ(t, redis, 'stats', 'none')).code, 3);
});
