/* What dies in the middle of a BullMQ job is recovered by the other kind; what has stalled too often, or was
 * started too often, fails without being run. */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import test from 'node:test';

import { untilState } from '../lib/bull.mjs';
import { mqQueue } from '../lib/bullmq.mjs';
import { runsOf, sameAsNode, until } from '../lib/e2e_mq.mjs';
import { isAlive } from '../lib/processes.mjs';
import { startRedis, temporaryDirectory } from '../lib/redis.mjs';
import { parseRecord } from '../lib/script.mjs';
import { startCartritaWorker, startMqProcess } from '../lib/workers.mjs';

const FAST = { lockDuration: 1000, lockRenewTime: 300, stalledInterval: 500 };
const RECOVERY_MS = 15_000;

const STARTS = {
  cartrita: (t, redis, options) => startCartritaWorker(t, redis, { dialect: 'bullmq', ...options }),
  bullmq: startMqProcess,
  bullmq5: (t, redis, options) => startMqProcess(t, redis, { ...options, version: 5 }),
};

for (const [victim, rescuer] of [
  ['cartrita', 'bullmq'],
  ['bullmq', 'cartrita'],
  ['bullmq5', 'cartrita'],
  ['cartrita', 'cartrita'],
]) {
  test(`a killed ${victim} worker's job is recovered by a ${rescuer} worker`, { concurrency: true }, async (t) => {
    const redis = await startRedis(t);
    const queue = mqQueue(t, redis);
    const client = redis.client();
    const dir = await temporaryDirectory(t);
    const [gate, record] = [`${dir}/gate`, `${dir}/record`];
    const runs = async () => parseRecord(await readFile(record, 'utf8').catch(() => ''));
    const first = await STARTS[victim](t, redis, { settings: FAST });
    await queue.add('x', { gate, record, result: 'done' }, { priority: 3 });
    await until(async () => (await runs()).length === 1, { what: 'the job to start' });
    const pids = await first.pids();
    first.kill();
    await until(() => !pids.some(isAlive), { what: 'the victim to be dead' });
    await writeFile(gate, '');
    const second = await STARTS[rescuer](t, redis, { settings: FAST });
    await untilState(queue, '1', 'completed', { deadlineMs: RECOVERY_MS, describe: () => second.log });
    assert.deepEqual(await client.hmget('bull:q:1', 'stc', 'ats', 'atm'), ['1', '2', '1']);
    assert.equal((await runs()).length, 2);
    assert.equal(await client.llen('bull:q:active'), 0);
    assert.equal(await client.exists('bull:q:1:lock'), 0);
    const events = (await client.xrange('bull:q:events', '-', '+')).map(([, fields]) => fields.join(' '));
    assert.ok(events.includes('event stalled jobId 1'), events.join('\n'));
    assert.ok(events.includes('event waiting jobId 1 prev active'), events.join('\n'));
    await second.stop();
  });
}

/* A job in active that nobody has a lock for, and that a check has marked before. */
async function abandon(side, id, fields = {}) {
  await side.client.lrem(side.key('wait'), 0, id);
  await side.client.zrem(side.key('prioritized'), id);
  await side.client.lpush(side.key('active'), id);
  await side.client.sadd(side.key('stalled'), id);
  if (Object.keys(fields).length > 0) await side.client.hset(side.key(id), fields);
}

const QUICK = { settings: { stalledInterval: 300 } };

sameAsNode('abandoned jobs are run again, prioritized ones and those with lifo, too', { versions: [5, 6], worker: QUICK }, async (side) => {
  for (const [id, opts] of [['a', {}], ['b', { priority: 2 }], ['c', { lifo: true }]]) {
    await side.queue.add(id, { result: id }, { ...opts, jobId: id });
    await abandon(side, id);
  }
  await side.work();
  await side.untilCounts({ completed: 3 });
});

sameAsNode('what has stalled too often fails without being run', { worker: QUICK }, async (side) => {
  const record = `${side.dir}/record`;
  await side.queue.add('x', { record }, { attempts: 5 });
  await side.queue.add('y', { record }, { removeOnFail: true });
  await abandon(side, '1', { stc: 1, ats: 1, processedOn: Date.now() });
  await abandon(side, '2', { stc: 7 });
  await side.work();
  await side.untilState('1', 'failed');
  await side.untilState('2', 'gone');
  assert.equal(await side.client.hget(side.key(1), 'failedReason'), 'job stalled more than allowable limit');
  assert.equal(await side.client.hexists(side.key(1), 'defa'), 0);
  return runsOf(record);
});

sameAsNode('maxStalledCount of the worker', { worker: { settings: { stalledInterval: 300, maxStalledCount: 3 } } }, async (side) => {
  await side.queue.add('x', { result: 1 });
  await abandon(side, '1', { stc: 2 });
  await side.queue.add('y', { result: 1 });
  await abandon(side, '2', { stc: 3 });
  await side.work();
  await side.untilCounts({ completed: 1, failed: 1 });
});

sameAsNode('an iteration of a scheduler may stall for ever', { worker: QUICK }, async (side) => {
  await side.queue.upsertJobScheduler('s', { every: 3_600_000 }, { name: 'tick', data: { result: 1 } });
  const [id] = await side.client.lrange(side.key('wait'), 0, -1);
  await abandon(side, id, { stc: 9 });
  await side.work();
  await side.untilState(id, 'completed');
});

sameAsNode('a job that carries a deferred failure fails with it', { versions: [5, 6] }, async (side) => {
  const record = `${side.dir}/record`;
  await side.queue.add('x', { record }, { attempts: 3 });
  await side.client.hset(side.key(1), 'defa', 'as told before');
  await side.work();
  await side.untilState('1', 'failed');
  assert.equal(await side.client.hget(side.key(1), 'failedReason'), 'as told before');
  return runsOf(record);
});

sameAsNode('a deferred failure does not count against a rate limit', { worker: { settings: { limiter: { max: 1, duration: 60_000 } } } }, async (side) => {
  await side.queue.add('x', { result: 1 });
  await side.client.hset(side.key(1), 'defa', 'as told before');
  await side.queue.add('y', { result: 1 });
  await side.work();
  await side.untilCounts({ failed: 1, completed: 1 });
});

for (const [ats, state] of [[0, 'retried'], [1, 'failed at its last start'], [4, 'not run']]) {
  sameAsNode(`a job that was started ${ats} times, with maxStartedAttempts 2: ${state}`, { worker: { settings: { maxStartedAttempts: 2 } } }, async (side) => {
    const record = `${side.dir}/record`;
    await side.queue.add('x', { record, error: 'no' }, { attempts: 9 });
    if (ats > 0) await side.client.hset(side.key(1), 'ats', ats);
    await side.work();
    await side.untilState('1', 'failed');
    return runsOf(record);
  });
}

sameAsNode('a job that runs for longer than its lock keeps it', { worker: { settings: { lockDuration: 600, lockRenewTime: 200, stalledInterval: 200 } } }, async (side) => {
  const gate = `${side.dir}/gate`;
  await side.queue.add('x', { gate });
  await side.work();
  await until(() => side.client.exists(side.key('1:lock')), { what: 'the job to run' });
  const token = await side.client.get(side.key('1:lock'));
  const since = Date.now();
  await until(async () => Date.now() - since > 1500 && (await side.client.get(side.key('1:lock'))) === token, { what: 'the lock to be kept' });
  writeFileSync(gate, '');
  await side.untilState('1', 'completed');
});
