/* cartrita-q compat check on BullMQ's queues: who wrote them, how old the clients are, what breaks between
 * versions, and the way from Bull. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { bullQueue, untilCounts } from '../lib/bull.mjs';
import { mqFlow, mqQueue, mqWorker } from '../lib/bullmq.mjs';
import { runQ } from '../lib/q.mjs';
import { startRedis } from '../lib/redis.mjs';

const HOUR_MS = 3600_000;
const P = 'bull:q:';

async function check(t, redis, ...args) {
  const { code, stdout, stderr } = await runQ(t, redis, 'compat', 'check', 'q', '-o', 'json', ...args);
  assert.ok([0, 4].includes(code), stderr);
  return { ...JSON.parse(stdout)[0], code };
}
const signsOf = ({ signs }, level) => signs.filter((sign) => sign.level === level).map(({ sign }) => sign).sort();

for (const version of [5, 6]) {
  test(`a queue of ${version} fits`, async (t) => {
    const redis = await startRedis(t);
    const queue = mqQueue(t, redis, 'q', { version });
    mqWorker(t, redis, 'q', { version, name: 'mine' });
    await queue.addBulk([{ name: 'n', data: { result: 1 } }, { name: 'n', data: { error: 'no' } }, { name: 'n', data: { result: 1 }, opts: { priority: 1, deduplication: { id: 'd' } } }]);
    await queue.upsertJobScheduler('s', { every: HOUR_MS }, { name: 'tick' });
    await mqFlow(t, redis, { version }).add({ name: 'p', queueName: 'q', children: [{ name: 'c', queueName: 'elsewhere' }] });
    await untilCounts(queue, { completed: 3, failed: 1, delayed: 1 });
    const entry = await check(t, redis);
    assert.match(entry.writer, version === 5 ? /^BullMQ \(bullmq:5\.\d+\.\d+\)$/ : /^BullMQ \(bullmq:6\.\d+\.\d+\)$/);
    assert.deepEqual([entry.isServed, entry.code], [true, 0]);
    for (const level of ['differs', 'to do', 'setting', 'move', 'refused']) assert.deepEqual(signsOf(entry, level), [], level);
    for (const sign of ['scheduler', 'field pb', 'key waiting-children']) assert.ok(signsOf(entry, 'evidence').includes(sign), sign);
  });
}

/* name -> [make, level, signs, what the writer is called] */
const TRACES = {
  'flows and workers alone': [async (c) => { await c.hset(`${P}meta`, 'opts.maxLenEvents', 10000); await c.zadd(`${P}marker`, 0, '0'); }, 'evidence', ['key marker', 'maxLenEvents', 'no version'], /^BullMQ 5\.0 or newer$/],
  'a worker of 4': [async (c) => { await c.hset(`${P}meta`, 'opts.maxLenEvents', 10000); await c.lpush(`${P}wait`, '0:0'); }, 'to do', ['marker in a list'], /^BullMQ 4 or older$/],
  '4 beside 6': [async (c) => { await c.hset(`${P}meta`, { version: 'bullmq:6.7.0', 'opts.maxLenEvents': 10000 }); await c.zadd(`${P}marker`, 0, '0'); await c.lpush(`${P}wait`, '0:0'); },
    'to do', ['marker in a list'], /^BullMQ 4 or older, and 5\.0 or newer \(bullmq:6\.7\.0\)$/],
  '5.0': [async (c) => { await c.hset(`${P}meta`, 'opts.maxLenEvents', 10000); await c.zadd(`${P}marker`, 1700000000000, '0'); }, 'to do', ['marker of 5.0'], /^BullMQ 5\.0 or newer$/],
  'the .NET port': [(c) => c.hset(`${P}meta`, { version: 'bullmq:1.1.0', 'opts.maxLenEvents': 10000 }), 'to do', [], /^BullMQ \(bullmq:1\.1\.0, the number of the \.NET port\)$/],
  'attempts of old': [async (c) => { await c.hset(`${P}meta`, 'version', 'bullmq:5.1.0'); await c.lpush(`${P}wait`, 'a', 'b');
    for (const [id, more] of [['a', {}], ['b', { ats: 1, atm: 1 }]]) await c.hset(P + id, { name: 'n', data: '{}', opts: '{}', timestamp: 1, attemptsMade: 1, ...more }); },
  'to do', ['attempts of old', 'attempts of two kinds'], /^BullMQ/],
  repeatables: [async (c) => { await c.hset(`${P}meta`, 'version', 'bullmq:6.7.0'); await c.zadd(`${P}repeat`, 5, 'tick::::0 9 * * *', 6, '0123456789abcdef0123456789abcdef');
    await c.hset(`${P}repeat:0123456789abcdef0123456789abcdef`, { name: 'n', pattern: '0 9 * * *' }); },
  'to do', ['repeatable with a hash', 'repeatable without a hash'], /^BullMQ/],
};

for (const [name, [make, level, signs, writer]] of Object.entries(TRACES)) {
  test(`${name}: told by what is there`, async (t) => {
    const redis = await startRedis(t);
    await make(redis.client());
    const entry = await check(t, redis);
    assert.match(entry.writer, writer);
    assert.deepEqual(signsOf(entry, level), signs);
    assert.equal(entry.isServed, true);
  });
}

test('what 5 has put aside is told, with the command that brings it back', async (t) => {
  const redis = await startRedis(t);
  const queue = mqQueue(t, redis, 'q', { version: 5 });
  await queue.add('n', {});
  await queue.pause();
  const [sign] = (await check(t, redis)).signs.filter(({ level }) => level === 'to do');
  assert.deepEqual([sign.sign, sign.example], ['jobs put aside', '1 in paused']);
  assert.match(sign.meaning, /`cartrita-q queue resume QUEUE`/);
  assert.match((await runQ(t, redis, 'compat', 'check', 'q')).stdout, /`cartrita-q queue resume QUEUE`.*with 6\n/);
  assert.equal((await runQ(t, redis, 'queue', 'resume', 'q')).code, 0);
  assert.deepEqual(signsOf(await check(t, redis), 'to do'), []);
});

test('both on one queue are refused', async (t) => {
  const redis = await startRedis(t);
  await mqQueue(t, redis, 'q').add('n', {});
  await bullQueue(t, redis, 'q').add('n', {}, { priority: 1 });
  const entry = await check(t, redis);
  assert.deepEqual([entry.writer, entry.isServed, entry.code, signsOf(entry, 'refused').length], ['both Bull and BullMQ', false, 4, 1]);
});

test('--to bullmq says how a queue of Bull moves, with what is in its way', async (t) => {
  const redis = await startRedis(t);
  const queue = bullQueue(t, redis, 'q');
  await queue.add({ a: 1 }, { timeout: 1000, jobId: '77', debounce: { id: 'x' } });
  await queue.add('n', {}, { repeat: { cron: '0 9 * * *', tz: 'UTC' } });
  assert.deepEqual(signsOf(await check(t, redis), 'move'), []);
  const entry = await check(t, redis, '--to', 'bullmq');
  const moves = [...new Set(signsOf(entry, 'move'))];
  assert.deepEqual(moves, ['debounce', 'default name', 'id that BullMQ refuses', 'repeatable without a hash', 'step', 'timeout'].sort());
  const steps = entry.signs.filter(({ sign }) => sign === 'step');
  assert.ok(steps.length >= 4 && steps.some(({ meaning }) => /--dialect bullmq/.test(meaning)));
  assert.equal((await runQ(t, redis, 'compat', 'check', 'q', '--to', 'bee')).code, 2);
  /* A queue of BullMQ is there already. */
  await mqQueue(t, redis, 'mq').add('n', {});
  assert.doesNotMatch((await runQ(t, redis, 'compat', 'check', 'mq', '--to', 'bullmq')).stdout, / move /);
});
