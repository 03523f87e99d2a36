/* What runners and their plugins write: read by the supervisor, said whose it is, bounded. */
import assert from 'node:assert/strict';
import test from 'node:test';

import { untilCounts, untilState } from '../lib/bull.mjs';
import { job, SKIP, startBench } from './naughty.mjs';

const options = { skip: SKIP, concurrency: true };

test('what a plugin prints becomes lines of the log that say whose they are', options, async (t) => {
  const bench = await startBench(t);
  await job(bench.queue, 'print');
  const worker = await bench.work();

  await untilCounts(bench.queue, { completed: 1 });
  const whose = /level=info msg="runner output" pool=q slot=0 pid=\d+/.source;
  await worker.program.untilLine(new RegExp(`${whose} text="on stdout \\\\x1b\\[31m"$`));
  await worker.program.untilLine(new RegExp(`${whose} text="on stderr"$`));
  await worker.stop();
});

test('the last that a dead runner wrote is said with its death', options, async (t) => {
  const bench = await startBench(t);
  const bad = await job(bench.queue, 'complain');
  const worker = await bench.work();

  await untilState(bench.queue, bad.id, 'failed');
  await worker.program.untilLine(/msg="runner died" .*output="first this\\nheap: corrupt chunk"/);
  await worker.stop();
});

test('a flood of output is dropped and counted, and holds nobody up', options, async (t) => {
  const bench = await startBench(t);
  await job(bench.queue, 'flood');
  await job(bench.queue, 'print');
  const worker = await bench.work({ settings: { 'stderr-rate': 8 } });

  await untilCounts(bench.queue, { completed: 2 }, { deadlineMs: 30_000 });
  const dropped = await worker.program.untilLine(/msg="runner output dropped" pool=q slot=0 pid=\d+ lines=\d+/);
  assert.ok(Number(dropped.match(/lines=(\d+)/)[1]) > 0);
  await worker.stop();
  assert.ok(worker.program.lines.some((line) => /program=q\/0 .*msg=plugin .*text=/.test(line)));
  const bytes = worker.program.lines.reduce((sum, line) => sum + line.length, 0);
  assert.ok(bytes < 2 << 20, `${bytes} bytes`);
});
