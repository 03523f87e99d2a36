/* What dies is replaced and what it held is run again: runners, daemons and Node workers killed with
 * SIGKILL in the middle of a job, each recovered by the other kind. */

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import test from 'node:test';

import { bullQueue, untilCounts, untilState } from '../lib/bull.mjs';
import { sameAsBull } from '../lib/e2e.mjs';
import { isAlive } from '../lib/processes.mjs';
import { startRedis, temporaryDirectory } from '../lib/redis.mjs';
import { parseRecord } from '../lib/script.mjs';
import { pause, until } from '../lib/wait.mjs';
import { KINDS, startBullProcess, startCartritaWorker, startDaemon } from '../lib/workers.mjs';

const FAST = { lockDuration: 1000, lockRenewTime: 300, stalledInterval: 500 };
const RECOVERY_MS = 15_000;

async function open(t) {
  const redis = await startRedis(t);
  const queue = bullQueue(t, redis);
  const dir = await temporaryDirectory(t);
  return { redis, queue, client: redis.client(), dir, gate: `${dir}/gate`, record: `${dir}/record` };
}

const startOf = (kind) => (kind === 'bull' ? startBullProcess : startCartritaWorker);
const runsOf = async (side) => parseRecord(await readFile(side.record, 'utf8').catch(() => ''));

for (const [victim, rescuer] of [
  ['cartrita', 'bull'],
  ['bull', 'cartrita'],
  ['cartrita', 'cartrita'],
  ['bull', 'bull'],
]) {
  if (!KINDS.includes(victim) || !KINDS.includes(rescuer)) continue;
  test(`a killed ${victim} worker's job is recovered by a ${rescuer} worker`, async (t) => {
    const side = await open(t);
    const first = await startOf(victim)(t, side.redis, { settings: FAST });
    await side.queue.add({ gate: side.gate, record: side.record, result: 'done' });
    await until(async () => (await runsOf(side)).length === 1, { what: 'the job to start' });
    const pids = await first.pids();
    first.kill();
    /* The kernel ends a runner after its supervisor: through an open gate it might still finish. */
    await until(() => !pids.some(isAlive), { what: 'the victim to be dead' });
    await writeFile(side.gate, '');
    const second = await startOf(rescuer)(t, side.redis, { settings: FAST });
    await untilState(side.queue, '1', 'completed', { deadlineMs: RECOVERY_MS, describe: () => second.log });
    assert.equal(await side.client.hget('bull:q:1', 'stalledCounter'), '1');
    assert.equal(await side.client.hexists('bull:q:1', 'attemptsMade'), 0, 'a stall is no attempt');
    assert.equal((await runsOf(side)).length, 2);
    assert.equal(await side.client.llen('bull:q:active'), 0);
    assert.equal(await side.client.exists('bull:q:1:lock'), 0);
    await second.stop();
  });
}

if (KINDS.includes('cartrita')) {
  test('a killed runner is replaced and its job charged and run again at once', async (t) => {
    const side = await open(t);
    const worker = await startCartritaWorker(t, side.redis, {});
    await side.queue.add({ gate: side.gate, record: side.record, result: 'done' }, { attempts: 2 });
    await until(async () => (await runsOf(side)).length === 1, { what: 'the job to start' });
    const [runner] = await worker.pids();
    const killedAt = performance.now();
    process.kill(runner, 'SIGKILL');
    /* Through an open gate it might still finish. */
    await until(() => !isAlive(runner), { what: 'the runner to be dead' });
    await writeFile(side.gate, '');
    await untilState(side.queue, '1', 'completed');
    const took = performance.now() - killedAt;
    assert.ok(took < 5000, `running again and done after ${took} ms; defaults of Bull would need 30 s`);
    const job = await side.queue.getJob('1');
    assert.equal(job.attemptsMade, 1);
    assert.match(await side.client.hget('bull:q:1', 'failedReason'), /killed by signal 9 \(SIGKILL/);
    await worker.stop();
  });

  test('only the running job is charged for a crash, others go back', async (t) => {
    const side = await open(t);
    const worker = await startCartritaWorker(t, side.redis, { concurrency: 1 });
    await side.queue.add({ crash: 1, crashed: `${side.dir}/crashed`, result: 'first' }, { attempts: 3 });
    for (let i = 0; i < 20; i++) await side.queue.add({ record: side.record, result: i }, { attempts: 1 });
    await untilCounts(side.queue, { completed: 21, active: 0 }, { deadlineMs: RECOVERY_MS });
    assert.equal((await runsOf(side)).length, 20);
    for (let i = 2; i <= 21; i++) assert.equal(await side.client.hexists(`bull:q:${i}`, 'attemptsMade'), 0);
    assert.equal(await side.client.hget('bull:q:1', 'attemptsMade'), '1');
    await worker.stop();
  });

  test('a job that always kills its runner ends as failed with the signal in its reason', async (t) => {
    const side = await open(t);
    const worker = await startCartritaWorker(t, side.redis, { args: [], concurrency: 1 });
    await side.queue.add({ gate: side.gate, record: side.record }, { attempts: 2 });
    for (let run = 1; run <= 2; run++) {
      await until(async () => (await runsOf(side)).length === run, { what: `run ${run}` });
      const runners = await until(
        async () => {
          const pids = await worker.pids();
          return pids.length === 1 && pids;
        },
        { what: 'a runner' },
      );
      process.kill(runners[0], 'SIGKILL');
    }
    await untilState(side.queue, '1', 'failed');
    assert.match((await side.queue.getJob('1')).failedReason, /killed by signal 9 \(SIGKILL/);
    await worker.stop();
  });

  test('a runner outlives a killed daemon and keeps its job', async (t) => {
    const side = await open(t);
    const worker = await startCartritaWorker(t, side.redis, {});
    await side.queue.add({ gate: side.gate, record: side.record, result: 'kept' });
    await until(async () => (await runsOf(side)).length === 1, { what: 'the job to start' });
    const daemon = await until(() => worker.daemon(), { what: 'the private daemon' });
    process.kill(daemon, 'SIGKILL');
    await writeFile(side.gate, '');
    await untilState(side.queue, '1', 'completed', { deadlineMs: RECOVERY_MS, describe: () => worker.log });
    assert.equal((await runsOf(side)).length, 1, 'it ran once');
    await side.queue.add({ result: 2 });
    await untilState(side.queue, '2', 'completed');
    await worker.stop();
  });

  test('two daemons, one killed: its runners go on, its queue too', async (t) => {
    const side = await open(t);
    const daemons = [await startDaemon(t, side.redis), await startDaemon(t, side.redis)];
    const workers = [];
    for (const daemon of daemons) {
      workers.push(await startCartritaWorker(t, side.redis, { server: daemon.server, settings: FAST, concurrency: 2 }));
    }
    for (let i = 0; i < 4; i++) await side.queue.add({ gate: side.gate, record: side.record, result: i });
    await untilCounts(side.queue, { active: 4 });
    daemons[0].kill();
    await writeFile(side.gate, '');
    await untilCounts(side.queue, { completed: 4, active: 0 }, { deadlineMs: RECOVERY_MS });
    for (let i = 0; i < 10; i++) await side.queue.add({ result: i });
    await untilCounts(side.queue, { completed: 14, active: 0 }, { deadlineMs: RECOVERY_MS });
    await workers[1].stop();
  });

  test('SIGTERM: running jobs end, the others are left for the next', async (t) => {
    const side = await open(t);
    const worker = await startCartritaWorker(t, side.redis, { concurrency: 2 });
    for (let i = 0; i < 5; i++) await side.queue.add({ gate: side.gate, record: side.record, result: i });
    await untilCounts(side.queue, { active: 2, waiting: 3 });
    const stopped = worker.stop();
    await writeFile(side.gate, '');
    await stopped;
    const counts = await side.queue.getJobCounts();
    assert.equal(counts.active, 0);
    assert.equal(counts.completed + counts.waiting, 5);
    assert.equal((await runsOf(side)).length, counts.completed);
    assert.deepEqual(await side.client.keys('bull:q:*:lock'), []);
  });
}

sameAsBull(
  'a job that runs longer than its lock is not stalled',
  { worker: { settings: { lockDuration: 400, lockRenewTime: 100, stalledInterval: 150 } } },
  async (side) => {
    await side.work();
    await side.queue.add({ sleep: 1500, result: 'slow', record: `${side.dir}/record` });
    await untilState(side.queue, '1', 'completed');
    assert.equal(parseRecord(await readFile(`${side.dir}/record`, 'utf8')).length, 1);
  },
);

sameAsBull(
  'a job without a lock is recovered only after a whole interval',
  { worker: { settings: FAST } },
  async (side) => {
    await side.queue.add({ result: 1 });
    await side.client.rpoplpush('bull:q:wait', 'bull:q:active');
    const from = Date.now();
    await side.work();
    await untilState(side.queue, '1', 'completed');
    assert.ok(Date.now() - from >= FAST.stalledInterval * 0.9);
    assert.equal((await side.messagesOf('stalled')).length, 1);
  },
);

sameAsBull('a job that stalls too often fails', { worker: { settings: FAST } }, async (side) => {
  await side.queue.add({ result: 1 });
  await side.client.hset('bull:q:1', 'stalledCounter', 1);
  await side.client.rpoplpush('bull:q:wait', 'bull:q:active');
  await side.work();
  await untilState(side.queue, '1', 'failed');
  assert.equal((await side.queue.getJob('1')).failedReason, 'job stalled more than allowable limit');
  const [message] = await side.messagesOf('failed');
  assert.deepEqual(JSON.parse(message.message), { jobId: '1', val: 'job stalled more than maxStalledCount' });
});

sameAsBull('the interval is one for all workers', { worker: { settings: FAST } }, async (side) => {
  await side.queue.add({ result: 1 });
  await side.client.rpoplpush('bull:q:wait', 'bull:q:active');
  await side.client.set('bull:q:stalled-check', Date.now(), 'PX', 3_600_000);
  await side.client.sadd('bull:q:stalled', '1');
  await side.work();
  await pause(FAST.stalledInterval * 2); /* nothing must happen: the time is the subject */
  assert.equal(await side.client.llen('bull:q:active'), 1);
  await side.client.del('bull:q:stalled-check');
  await untilState(side.queue, '1', 'completed');
});

/* Bull overwrites failedReason and attemptsMade of a job that has become another's; ours leaves it. */
sameAsBull('a worker that has lost its lock changes nothing', { isOursAlone: true }, async (side) => {
  const gate = `${side.dir}/gate`;
  await side.work();
  await side.queue.add({ gate, error: 'from the loser' });
  await untilState(side.queue, '1', 'active');
  await side.client.set('bull:q:1:lock', 'another');
  await writeFile(gate, '');
  await side.queue.add({ result: 2 });
  await untilState(side.queue, '2', 'completed');
  assert.equal(await side.client.get('bull:q:1:lock'), 'another');
  assert.equal(await side.client.hexists('bull:q:1', 'failedReason'), 0);
  assert.deepEqual(await side.client.lrange('bull:q:active', 0, -1), ['1']);
});
