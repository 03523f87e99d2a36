/* Series of BullMQ's queues over time: what the script finds as the next slot, series of several versions
 * under workers of all kinds at once, daemons that are killed between two jobs, and a series that nobody
 * of today can go on with. What one iteration leaves is in bullmq_schedulers.test.mjs. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { mqQueue } from '../lib/bullmq.mjs';
import { ROOT } from '../lib/processes.mjs';
import { randomOf, SEED } from '../lib/random.mjs';
import { startRedis } from '../lib/redis.mjs';
import { until } from '../lib/wait.mjs';
import { startCartritaWorker, startMqWorker } from '../lib/workers.mjs';

const SETTINGS = { lockDuration: 2000, stalledInterval: 1000, maxStalledCount: 1000 };

/* Of the ids repeat:SERIES:SLOT of a state. */
async function slotsOf(client, state, series) {
  const ids = await client.zrange(`bull:q:${state}`, 0, -1);
  return ids.filter((id) => id.startsWith(`repeat:${series}:`)).map((id) => Number(id.split(':').pop())).sort((a, b) => a - b);
}

/* The protocol's table NEXT-EVERY, as it stands there. */
function nextEvery(prev, every, now, offset, start) {
  const aligned = Math.floor(now / every) * every + offset;
  let next = now;
  if (prev) {
    next = prev + every;
    if (next < now) next = aligned > now ? aligned : aligned + every;
  } else if (start) next = Math.max(start, now);
  else if (offset > 0) next = aligned <= now ? aligned + every : aligned;
  next = Math.floor(next);
  return [next, Math.floor(offset || next - Math.floor(next / every) * every)];
}

test('the next slot is that of the table, whatever was missed', async (t) => {
  const client = (await startRedis(t)).client();
  const text = readFileSync(join(ROOT, 'server/dialect/bullmq/inc/iteration.lua'), 'utf8');
  const script = `local now = ARGV[1] ${text}
    local a = {} for i = 2, 5 do a[i] = ARGV[i] ~= '' and tonumber(ARGV[i]) or nil end
    local slot, offset = next_every(a[2], a[3], a[4] or 0, a[5])
    return {string.format('%.0f', slot), string.format('%.0f', offset)}`;
  const draw = randomOf(SEED);
  const random = (below) => Math.floor(draw() * below);
  const now = 1774656000000 + random(1e9);
  for (let i = 0; i < 2000; i++) {
    const every = [1, 7, 100, 999, 1000, 60_000, 3_600_000, 86_400_000, 1 + random(1e7)][random(9)];
    const offset = random(2) ? 0 : random(every);
    const prev = random(3) ? now - random([3, every, 50 * every][random(3)]) + random(every) : 0;
    const start = random(4) ? 0 : now + random(1e9) - 5e8;
    const [slot, kept] = await client.eval(script, 0, now, prev || '', every, offset, start || '');
    const wanted = nextEvery(prev, every, now, offset, start);
    assert.deepEqual([Number(slot), Number(kept)], wanted, `${JSON.stringify({ prev, every, now, offset, start })} SEED=${SEED}`);
  }
  /* D14: an offset that is left from a longer interval puts nothing off by more than one of these. */
  const [late] = await client.eval(script, 0, now, now - 50_000, 1000, 86_000_000, '');
  assert.ok(late > now && late <= now + 1000, `${late - now}`);
});

test('series go on under workers of 5, of 6 and ours at once, each slot once', async (t) => {
  const redis = await startRedis(t);
  const client = redis.client();
  const [six, five] = [mqQueue(t, redis, 'q'), mqQueue(t, redis, 'q', { version: 5 })];
  await five.add('old', { result: 'kept' }, { repeat: { every: 150 } });
  await five.upsertJobScheduler('five', { every: 200 }, { data: { result: 5 } });
  await six.upsertJobScheduler('six', { every: 170, limit: 1000 }, { data: { result: 6 } });
  await six.upsertJobScheduler('cron', { pattern: '* * * * * *', tz: 'UTC' }, { data: { result: 7 } });
  await startCartritaWorker(t, redis, { dialect: 'bullmq', concurrency: 2, settings: SETTINGS });
  /* D9: ours makes the data of the repeatable those of the series. A worker of 6 that came first would not. */
  await until(async () => (await six.getCompleted()).some(({ name }) => name === 'old'), { what: 'the repeatable to have run' });
  for (const version of [5, 6]) await startMqWorker(t, redis, { version, concurrency: 2, settings: SETTINGS });
  const [old] = (await five.getRepeatableJobs()).filter(({ name }) => name === 'old').map(({ key }) => key);
  await until(async () => (await slotsOf(client, 'completed', 'cron')).length >= 4, { what: 'four seconds of cron' });
  for (const [series, every] of [[old, 150], ['five', 200], ['six', 170], ['cron', 1000]]) {
    await until(async () => (await slotsOf(client, 'completed', series)).length >= 4, { what: `four of ${series}` });
    const slots = await slotsOf(client, 'completed', series);
    for (let i = 1; i < slots.length; i++) {
      assert.equal((slots[i] - slots[0]) % every, 0, `${series}: ${slots}`);
      assert.ok(slots[i] > slots[i - 1]);
    }
  }
  const jobs = (await six.getCompleted(0, -1)).filter(({ repeatJobKey }) => repeatJobKey === old);
  assert.ok(jobs.every(({ data }) => data.result === 'kept'), 'with its data');
  const counts = jobs.map(({ opts }) => opts.repeat.count).sort((a, b) => a - b);
  assert.deepEqual(counts, counts.map((_, i) => counts[0] + i), 'one after the other');
});

test('a series outlives daemons that are killed between its jobs, and in their midst', async (t) => {
  const redis = await startRedis(t);
  const client = redis.client();
  const queue = mqQueue(t, redis);
  const names = Array.from({ length: 8 }, (_, i) => `s${i}`);
  for (const [i, name] of names.entries()) {
    await queue.upsertJobScheduler(name, { every: 100 + 10 * i }, { data: { result: name }, opts: { attempts: 3 } });
  }
  const made = async () => Promise.all(names.map(async (name) => (await queue.getJobScheduler(name)).iterationCount));
  const start = () => startCartritaWorker(t, redis, { dialect: 'bullmq', concurrency: 4, settings: SETTINGS });
  for (let kill = 0; kill < 5; kill++) {
    const before = await made();
    const worker = await start();
    await until(async () => (await made()).every((count, i) => count > before[i] + 1), { what: `all series to go on after kill ${kill}` });
    worker.kill();
  }
  const before = await made();
  const last = await start();
  await until(async () => (await made()).every((count, i) => count > before[i] + 1), { what: 'all series to go on' });
  await last.stop();
  for (const name of names) {
    const { next } = await queue.getJobScheduler(name);
    const pending = await queue.getJob(`repeat:${name}:${next}`);
    assert.ok(pending, `${name} has its next job`);
    const slots = await slotsOf(client, 'completed', name);
    assert.equal(new Set(slots).size, slots.length);
  }
  assert.equal(await queue.getFailedCount(), 0);
});

test('a worker that was away makes up for nothing: one job, and the next slot to come', async (t) => {
  const redis = await startRedis(t);
  const client = redis.client();
  const queue = mqQueue(t, redis);
  await queue.upsertJobScheduler('s', { every: 200, offset: 30 }, { data: { result: 1 } });
  const first = (await queue.getJobScheduler('s')).next;
  await until(() => Date.now() > first + 10 * 200, { what: 'ten slots to pass' });
  const began = Date.now();
  await startCartritaWorker(t, redis, { dialect: 'bullmq', settings: SETTINGS });
  await until(async () => (await slotsOf(client, 'completed', 's')).length >= 3, { what: 'three jobs' });
  const slots = await slotsOf(client, 'completed', 's');
  assert.equal(slots[0], first);
  assert.ok(slots[1] > began - 1, 'missed slots stay missed');
  assert.ok(slots.every((slot) => slot % 200 === 30), `${slots}`);
});

test('a repeatable of before 5.10 runs once more, and it is said that it ends', async (t) => {
  const redis = await startRedis(t);
  const queue = mqQueue(t, redis);
  await queue.waitUntilReady();
  const client = redis.client();
  const [key, id] = ['nm:::Europe/Madrid:0 9 * * *', 'repeat:0a1b2c:1774656000000'];
  const opts = { repeat: { pattern: '0 9 * * *', tz: 'Europe/Madrid', count: 1 }, jobId: id, prevMillis: 1774656000000 };
  await client.zadd('bull:q:repeat', 1774656000000, key);
  await client.hset(`bull:q:${id}`, { name: 'nm', data: '{"result":1}', opts: JSON.stringify(opts), timestamp: 1774655000000, delay: 0, priority: 0, rjk: key });
  await client.zadd('bull:q:delayed', 1774656000000 * 4096, id);
  const worker = await startCartritaWorker(t, redis, { dialect: 'bullmq', settings: SETTINGS });
  await until(async () => (await queue.getCompletedCount()) === 1, { what: 'it to run' });
  await until(() => /repeatable job of BullMQ before 5\.10, which ends here/.test(worker.log), { what: 'a warning', describe: () => worker.log });
  assert.equal(await queue.getDelayedCount(), 0);
  assert.equal(await client.zscore('bull:q:repeat', key), '1774656000000', 'what is left is as it was');
});
