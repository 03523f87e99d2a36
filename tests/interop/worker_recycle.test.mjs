/* Runners that are replaced before anything is wrong. */
import assert from 'node:assert/strict';
import test from 'node:test';

import { untilCounts, untilState } from '../lib/bull.mjs';
import { isAlive } from '../lib/processes.mjs';
import { until } from '../lib/wait.mjs';
import { job, SKIP, startBench, untilRunning } from './naughty.mjs';

const options = { skip: SKIP, concurrency: true };

/* The runner is gone, another works, and nothing was charged. */
async function untilReplaced(worker, [old], why) {
  await worker.program.untilLine(new RegExp(`msg="replacing a runner" pool=q .*why=".*\\(${why}\\)"`));
  await until(() => !isAlive(old), { what: 'the old runner to be gone' });
  await until(async () => (await worker.pids()).length === 1, { what: 'one runner' });
}

test('after so many jobs another runner takes over, and the old one finishes what it has', options, async (t) => {
  const bench = await startBench(t);
  const { queue } = bench;
  const worker = await bench.work({ concurrency: 2, settings: { 'recycle-jobs': 10 } });
  const old = await worker.pids();
  const long = await job(queue, 'hold', { file: bench.file('go') });

  await untilRunning(bench, 'go');
  await queue.addBulk(Array.from({ length: 10 }, () => ({ name: 'ok', data: {} })));
  await untilCounts(queue, { completed: 10 });
  await until(async () => (await worker.pids()).length === 2, { what: 'both runners' });
  await job(queue, 'ok');
  await untilCounts(queue, { completed: 11, active: 1 }); /* by the new one, or by the old one: work goes on */
  bench.open('go');
  await untilReplaced(worker, old, 'recycle-jobs');
  await untilState(queue, long.id, 'completed');
  assert.equal((await queue.getJob(long.id)).attemptsMade, 0);
  await worker.stop();
});

test('a runner that has grown is replaced', options, async (t) => {
  const bench = await startBench(t);
  const { queue } = bench;
  const fat = await job(queue, 'leak', { file: bench.file('go') });
  const worker = await bench.work({ settings: { 'recycle-memory': 150 } });
  const old = await worker.pids();

  await worker.program.untilLine(/why="it has grown \(recycle-memory\)"/);
  bench.open('go');
  await untilState(queue, fat.id, 'completed');
  await untilReplaced(worker, old, 'recycle-memory');
  await worker.stop();
});

test('a runner that is old is replaced', options, async (t) => {
  const bench = await startBench(t);
  const worker = await bench.work({ settings: { 'recycle-after': '1500ms' } });
  const [old] = await worker.pids();

  await worker.program.untilLine(/why="it is old enough \(recycle-after\)"/);
  await until(() => !isAlive(old), { what: 'the old runner to be gone' });
  await worker.stop();
});
