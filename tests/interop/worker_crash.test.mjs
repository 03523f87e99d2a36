/* Who pays when a runner dies: the job that was running, with signal and plugin in its reason; what was
 * fetched and not started goes back uncharged; the runner is replaced. */
import assert from 'node:assert/strict';
import test from 'node:test';

import { untilCounts, untilState } from '../lib/bull.mjs';
import { isAlive } from '../lib/processes.mjs';
import { until } from '../lib/wait.mjs';
import { failedReason, job, SKIP, startBench, untilRunning } from './naughty.mjs';

const options = { skip: SKIP, concurrency: true };

test('only the guilty job is charged for a segmentation fault', options, async (t) => {
  const bench = await startBench(t);
  const { queue } = bench;
  const good = [];
  const bad = await job(queue, 'segv', {}, { attempts: 1 });
  for (let i = 0; i < 20; i++) good.push(await job(queue, 'ok'));
  const worker = await bench.work();

  await untilCounts(queue, { completed: 20, failed: 1 });
  assert.match(await failedReason(queue, bad.id), /killed by signal 11 \(SIGSEGV.*, plugin naughty 1\.2/);
  for (const { id } of good) assert.equal((await queue.getJob(id)).attemptsMade, 0);
  assert.equal((await queue.getJob(bad.id)).attemptsMade, 1);
  await worker.stop();
});

test('a job that kills its runner is retried as often as its attempts say', options, async (t) => {
  const bench = await startBench(t);
  const bad = await job(bench.queue, 'segv', {}, { attempts: 3 });
  const worker = await bench.work();

  await untilState(bench.queue, bad.id, 'failed', { deadlineMs: 20_000 });
  assert.equal((await bench.queue.getJob(bad.id)).attemptsMade, 3);
  await job(bench.queue, 'ok');
  await untilCounts(bench.queue, { completed: 1, failed: 1 });
  await worker.stop();
});

test('jobs that crash one after another do not hold up the others for long', options, async (t) => {
  const bench = await startBench(t);
  for (let i = 0; i < 9; i++) await job(bench.queue, 'segv', {}, { attempts: 1 });
  await job(bench.queue, 'ok');
  const worker = await bench.work();

  await untilCounts(bench.queue, { completed: 1, failed: 9 }, { deadlineMs: 30_000 });
  const waits = worker.program.lines.map((line) => line.match(/started again.*in_ms=(\d+)/)?.[1]).filter(Boolean);
  assert.deepEqual(waits.slice(0, 3), ['200', '800', '1000'], 'for the 2nd, 4th and 8th in a row');
  await worker.stop();
});

test('a job whose id is long is charged like any other', options, async (t) => {
  const bench = await startBench(t);
  const [guilty, other] = ['x', 'y'].map((end) => 'i'.repeat(511) + end + 'j'.repeat(100));
  await job(bench.queue, 'segv', {}, { jobId: guilty });
  await job(bench.queue, 'ok', {}, { jobId: other });
  const worker = await bench.work();

  await untilCounts(bench.queue, { failed: 1, completed: 1 });
  assert.match(await failedReason(bench.queue, guilty), /SIGSEGV/);
  await worker.stop();
});

test('a runner that dies without a job is not said to have run one', options, async (t) => {
  const bench = await startBench(t);
  const worker = await bench.work();
  const [pid] = await until(async () => ((await worker.pids()).length === 1 ? worker.pids() : false), { what: 'the runner' });

  await worker.program.untilLine(/serving queue/);
  process.kill(pid, 'SIGKILL');
  await worker.program.untilLine(/runner died while it had no job: killed by signal 9/);
  await worker.stop();
});

test('an exit in the middle of a job names the status', options, async (t) => {
  const bench = await startBench(t);
  const bad = await job(bench.queue, 'exit3');
  const worker = await bench.work();

  await untilState(bench.queue, bad.id, 'failed');
  assert.match(await failedReason(bench.queue, bad.id), /exited with status 3, plugin naughty 1\.2/);
  await worker.stop();
});

test('the other jobs of a killed runner: running ones are charged, waiting ones are not', options, async (t) => {
  const bench = await startBench(t);
  const { queue } = bench;
  const held = [];
  for (let i = 0; i < 2; i++) held.push(await job(queue, 'hold', { file: bench.file('go') }, { attempts: 2 }));
  const rest = await job(queue, 'ok');
  const worker = await bench.work({ concurrency: 2 });

  await untilRunning(bench, 'go', 2);
  const [runner] = await worker.pids();
  process.kill(runner, 'SIGKILL');
  await until(async () => (await queue.getJob(held[0].id)).attemptsMade === 1 && (await queue.getJob(held[1].id)).attemptsMade === 1, {
    what: 'both running jobs to be charged',
    describe: () => worker.log,
  });
  bench.open('go');
  await untilCounts(queue, { completed: 3, failed: 0 });
  assert.equal((await queue.getJob(rest.id)).attemptsMade, 0);
  assert.ok(!isAlive(runner));
  await worker.stop();
});

test('a job that is not ended by its plugin fails and says so', options, async (t) => {
  const bench = await startBench(t);
  const bad = await job(bench.queue, 'noend');
  const worker = await bench.work();

  await untilState(bench.queue, bad.id, 'failed');
  assert.equal(await failedReason(bench.queue, bad.id), 'plugin naughty returned without ending job');
  await worker.stop();
});

test('a plugin enqueues a follow-up job', options, async (t) => {
  const bench = await startBench(t);
  await job(bench.queue, 'spawn');
  const worker = await bench.work();

  await untilCounts(bench.queue, { completed: 2 });
  const [follower] = (await bench.queue.getCompleted()).filter((one) => one.name === 'ok');
  assert.deepEqual(follower.data, { from: 'spawn' });
  await worker.stop();
});
