/* A reload that fails must not be the last one: the next configuration mends it. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';

import { untilCounts } from '../lib/bull.mjs';
import { isAlive } from '../lib/processes.mjs';
import { until } from '../lib/wait.mjs';
import { job, SKIP, startBench } from './naughty.mjs';

const options = { skip: SKIP, concurrency: true };

test('a reload to a plugin that does not open is mended by the next one', options, async (t) => {
  const bench = await startBench(t);
  const worker = await bench.work();
  const [old] = await worker.pids();
  const path = join(worker.dir, 'worker.yaml');
  const config = JSON.parse(readFileSync(path, 'utf8'));
  const reload = (set) => {
    writeFileSync(path, JSON.stringify({ pools: [{ ...config.pools[0], set }] }));
    worker.program.kill('SIGHUP');
  };

  for (let i = 0; i < 2; i++) {
    reload({ refuse: '1' });
    await until(() => worker.program.lines.filter((line) => line.includes('asked to refuse')).length > i, {
      what: 'the new runner to be refused',
      describe: () => worker.log,
    });
    await job(bench.queue, 'ok');
    await untilCounts(bench.queue, { completed: i + 1 }); /* the old one serves meanwhile */
    assert.ok(isAlive(old));
  }
  reload({});
  await until(() => !isAlive(old), { what: 'the old runner to be replaced', describe: () => worker.log });
  await job(bench.queue, 'ok');
  await untilCounts(bench.queue, { completed: 3, failed: 0 });
  assert.equal((await worker.pids()).length, 1, 'nothing of the failed reloads is left');
  assert.doesNotMatch(worker.log, /reload refused/);
  await worker.stop();
});
