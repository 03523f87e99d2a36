/* Cancelling a job at the worker: what the plugin hears, and what becomes of one that does not. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import test from 'node:test';

import { cancelJob } from '../../examples/cancel-node/cancel.mjs';
import { untilCounts, untilState } from '../lib/bull.mjs';
import { isAlive, pluginPath } from '../lib/processes.mjs';
import { until } from '../lib/wait.mjs';
import { failedReason, job, SKIP, startBench, untilRunning } from './naughty.mjs';

const options = { skip: SKIP, concurrency: true };
const OTHER_ATTEMPTS = { attempts: 5, backoff: 10 };

test('a child of exec gets a cancel line; whatever it answers, the job has failed for good', options, async (t) => {
  const bench = await startBench(t);
  const child = bench.file('child.mjs');
  const lines = bench.file('lines');
  writeFileSync(lines, '');
  writeFileSync(
    child,
    `import { appendFileSync } from 'node:fs';
     import { createInterface } from 'node:readline';
     createInterface({ input: process.stdin }).on('line', (text) => {
       const { type, id } = JSON.parse(text);
       appendFileSync(process.env.LINES, text + '\\n');
       if (type === 'cancel') console.log(JSON.stringify({ type: 'completed', id, returnvalue: 'all the same' }));
     });`,
  );
  const worker = await bench.work({ plugin: pluginPath('exec'), set: { argv: [process.execPath, child] }, env: { LINES: lines } });
  const heard = () => readFileSync(lines, 'utf8').split('\n').filter(Boolean).map((text) => JSON.parse(text));
  const { id } = await job(bench.queue, 'long', {}, OTHER_ATTEMPTS);
  await until(() => heard().length === 1, { what: 'the child to have the job' });
  const pids = await worker.pids();

  await cancelJob(bench.queue, id, 'enough');
  await untilState(bench.queue, id, 'failed');
  assert.equal(await failedReason(bench.queue, id), 'cancelled: enough');
  assert.deepEqual(heard()[1], { type: 'cancel', id, reason: 'cancelled: enough' });
  assert.deepEqual(await worker.pids(), pids);
  await worker.stop();
});

test('a job that does not stop costs its runner, and only itself', options, async (t) => {
  const bench = await startBench(t);
  const { queue } = bench;
  const worker = await bench.work({ concurrency: 2, args: ['--cancel-grace', '200'] });
  const deaf = await job(queue, 'deaf', { file: bench.file('never') }, OTHER_ATTEMPTS);
  const other = await job(queue, 'hold', { file: bench.file('go') });
  await untilRunning(bench, 'never');
  await untilRunning(bench, 'go');
  const [runner] = await worker.pids();

  await cancelJob(queue, deaf.id);
  await untilState(queue, deaf.id, 'failed');
  assert.equal(await failedReason(queue, deaf.id), 'cancelled');
  bench.open('go');
  await untilCounts(queue, { completed: 1, failed: 1 });
  assert.equal((await queue.getJob(other.id)).attemptsMade, 0);
  await until(() => !isAlive(runner), { what: 'the old runner to be gone' });
  assert.equal((await queue.getJob(deaf.id)).attemptsMade, 1);
  await worker.stop();
});

test('a runner that hangs as it is told is ended from outside', options, async (t) => {
  const bench = await startBench(t);
  const { queue } = bench;
  const worker = await bench.work({ args: ['--cancel-grace', '100'] });
  const bad = await job(queue, 'blockloop', { file: bench.file('never') }, OTHER_ATTEMPTS);
  await untilRunning(bench, 'never');

  await cancelJob(queue, bad.id, 'enough');
  await untilState(queue, bad.id, 'failed', { deadlineMs: 20_000 });
  assert.equal(await failedReason(queue, bad.id), 'cancelled: enough');
  await job(queue, 'ok');
  await untilCounts(queue, { completed: 1, failed: 1 });
  await worker.stop();
});
