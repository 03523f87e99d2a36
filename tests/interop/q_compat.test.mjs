/* cartrita-q compat check: who wrote a queue, on queues of the real packages and on traces that old
 * versions leave. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Queue as MqQueue } from 'bullmq';

import { bullQueue, untilCounts } from '../lib/bull.mjs';
import { jsonOfQ, runQ } from '../lib/q.mjs';
import { startRedis } from '../lib/redis.mjs';
import { scopeOf } from '../lib/scope.mjs';

const signsOf = (entry, level) => entry.signs.filter((sign) => !level || sign.level === level).map(({ sign }) => sign);

async function check(t, redis, queue) {
  const { stdout } = await runQ(t, redis, 'compat', 'check', queue, '-o', 'json');
  return JSON.parse(stdout)[0];
}

test('Bull 4, Bull 3 and BullMQ are told apart, each queue by itself', async (t) => {
  const redis = await startRedis(t);
  const client = redis.client();
  const four = bullQueue(t, redis, 'four');
  await four.add({}, { debounce: { id: 'x' } });
  const plain = bullQueue(t, redis, 'plain');
  await plain.add('n', {});
  await client.hset('bull:three:1', { name: 'n', data: '{}', opts: '{"attempts":1,"delay":0,"timestamp":1}', timestamp: '1', delay: '0' });
  await client.lpush('bull:three:wait', '1');
  await client.set('bull:three:id', '1');
  const mq = new MqQueue('mq', { connection: redis.connection, prefix: 'bull' });
  scopeOf(t).defer(() => mq.close());
  await mq.add('n', {});

  const { code, stdout, stderr } = await runQ(t, redis, 'compat', 'check', '-o', 'json');
  const found = Object.fromEntries(JSON.parse(stdout).map((entry) => [entry.name, entry]));
  assert.equal(code, 0, stderr);
  assert.equal(found.four.writer, 'Bull 4');
  assert.equal(found.plain.writer, 'Bull 3 or 4');
  assert.equal(found.three.writer, 'Bull 3');
  assert.match(found.mq.writer, /^BullMQ \(bullmq:\d/);
  assert.deepEqual([found.four, found.three, found.mq].map((entry) => entry.isServed), [true, true, true]);
  for (const name of ['four', 'plain', 'three']) assert.deepEqual(signsOf(found[name], 'differs'), [], name);

  await client.set('bull:mq:meta-paused', '1');
  const both = await runQ(t, redis, 'compat', 'check');
  assert.equal(both.code, 4);
  assert.match(both.stderr, /1 of 4 queues cannot be served/);
  assert.equal((await check(t, redis, 'mq')).writer, 'both Bull and BullMQ');
});

test('what would differ is named, with an example', async (t) => {
  const redis = await startRedis(t);
  const client = redis.client();
  const queue = bullQueue(t, redis, 'q', { limiter: { max: 100, duration: 60_000 } });
  queue.process('*', 1, async () => {});
  await queue.add('n', {});
  await untilCounts(queue, { completed: 1 });
  await queue.pause(true, true);
  await queue.add('n', {}, { backoff: { type: 'mine' }, removeOnFail: 0, timeout: -1 });
  await queue.add('n', {}, { repeat: { cron: '0 9 * * *' } });
  await client.hset('bull:q:bad', { name: 'n', data: '{', opts: 'nothing', priority: 0 });
  await client.lpush('bull:q:wait', 'bad', 'gone');

  const entry = await check(t, redis, 'q');
  assert.equal(entry.isServed, true);
  assert.deepEqual(signsOf(entry, 'setting').sort(), ['backoff of its own', 'cron without zone', 'key limiter']);
  assert.deepEqual(signsOf(entry, 'differs').sort(),
    ['data no JSON', 'id without a job', 'opts no JSON', 'removeOnFail 0', 'timeout negative']);
  assert.equal(entry.signs.find(({ sign }) => sign === 'id without a job').example, 'gone');

  const table = await runQ(t, redis, 'compat', 'check', 'q');
  assert.equal(table.code, 0);
  assert.match(table.stdout, /dropped, and logged/);
});

test('a queue that is not there has no writer', async (t) => {
  const redis = await startRedis(t);
  assert.equal((await runQ(t, redis, 'compat', 'check', 'q')).code, 3);
  const none = await runQ(t, redis, 'compat', 'check');
  assert.equal(none.code, 0);
  assert.match(none.stderr, /no queues/);
});
