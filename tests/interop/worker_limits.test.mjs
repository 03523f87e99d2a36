/* Time and memory limits: ask, then replace the runner, from inside and, when its loop hangs, from
 * outside. */
import assert from 'node:assert/strict';
import test from 'node:test';

import { untilCounts, untilState } from '../lib/bull.mjs';
import { isAlive } from '../lib/processes.mjs';
import { until } from '../lib/wait.mjs';
import { failedReason, job, SKIP, startBench } from './naughty.mjs';

const options = { skip: SKIP, concurrency: true };

test('a job that stops when it is told has failed, and its runner lives on', options, async (t) => {
  const bench = await startBench(t);
  const late = await job(bench.queue, 'hold', {}, { timeout: 100 });
  const worker = await bench.work();
  const runners = await worker.pids();

  await untilState(bench.queue, late.id, 'failed');
  assert.equal(await failedReason(bench.queue, late.id), 'Promise timed out after 100 milliseconds');
  assert.deepEqual(await worker.pids(), runners);
  await worker.stop();
});

test('the limit of the pool holds for jobs without one', options, async (t) => {
  const bench = await startBench(t);
  const late = await job(bench.queue, 'hold');
  const worker = await bench.work({ timeout: 150 });

  await untilState(bench.queue, late.id, 'failed');
  assert.equal(await failedReason(bench.queue, late.id), 'Promise timed out after 150 milliseconds');
  await worker.stop();
});

test('a job that does not stop costs its runner, and only itself', options, async (t) => {
  const bench = await startBench(t);
  const { queue } = bench;
  const deaf = await job(queue, 'deaf', {}, { timeout: 100 });
  const other = await job(queue, 'hold', { file: bench.file('go') });
  const worker = await bench.work({ concurrency: 2, args: ['--cancel-grace', '200'] });
  const [runner] = await worker.pids();

  await untilState(queue, deaf.id, 'failed');
  assert.equal(await failedReason(queue, deaf.id), 'Promise timed out after 100 milliseconds');
  bench.open('go');
  await untilCounts(queue, { completed: 1, failed: 1 });
  assert.equal((await queue.getJob(other.id)).attemptsMade, 0);
  await until(() => !isAlive(runner), { what: 'the old runner to be gone' });
  await job(queue, 'ok');
  await untilCounts(queue, { completed: 2, failed: 1 });
  assert.equal((await queue.getJob(deaf.id)).attemptsMade, 1);
  await worker.stop();
});

test('a runner whose loop hangs is ended from outside', options, async (t) => {
  const bench = await startBench(t);
  const { queue } = bench;
  const bad = await job(queue, 'blockloop', {}, { timeout: 100 });
  const worker = await bench.work({ args: ['--cancel-grace', '100'] });

  await untilState(queue, bad.id, 'failed', { deadlineMs: 20_000 });
  assert.match(await failedReason(queue, bad.id), /Promise timed out after 100 milliseconds, and it did not stop/);
  await job(queue, 'ok');
  await untilCounts(queue, { completed: 1, failed: 1 });
  await worker.stop();
});

test('a runner over its memory limit is replaced, and its job charged', options, async (t) => {
  const bench = await startBench(t);
  const { queue } = bench;
  const fat = await job(queue, 'leak');
  const worker = await bench.work({ args: ['--memory-max', '100'] });

  await untilState(queue, fat.id, 'failed');
  assert.match(await failedReason(queue, fat.id), /it used \d+ MiB of memory, the limit is 100 MiB/);
  await job(queue, 'ok');
  await untilCounts(queue, { completed: 1, failed: 1 });
  await worker.stop();
});
