/* What keeps a runner apart: its supervisor connects for it, and takes nothing from it but lines. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import test from 'node:test';

import { untilCounts, untilState } from '../lib/bull.mjs';
import { failedReason, job, SKIP, startBench } from './naughty.mjs';

const options = { skip: SKIP, concurrency: true };
const descriptorsOf = (pid) => readdirSync(`/proc/${pid}/fd`).length;

test('a runner that sends its supervisor file descriptors is ended, and they are closed', options, async (t) => {
  const bench = await startBench(t);
  const worker = await bench.work();
  const before = descriptorsOf(worker.program.pid);
  const bad = await job(bench.queue, 'sendfd');

  await untilState(bench.queue, bad.id, 'failed');
  assert.match(await failedReason(bench.queue, bad.id), /it sent its supervisor a file descriptor/);
  await job(bench.queue, 'ok');
  await untilCounts(bench.queue, { completed: 1, failed: 1 });
  assert.equal(descriptorsOf(worker.program.pid), before);
  await worker.stop();
});
