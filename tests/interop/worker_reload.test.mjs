/* A reload that fails must not be the last one: the next configuration mends it. */
import assert from 'node:assert/strict';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';

import { untilCounts } from '../lib/bull.mjs';
import { isAlive } from '../lib/processes.mjs';
import { until } from '../lib/wait.mjs';
import { job, SKIP, startBench, untilRunning } from './naughty.mjs';

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

test('a reload to a plugin that can never load keeps the old runners', options, async (t) => {
  const bench = await startBench(t);
  const worker = await bench.work();
  const [old] = await worker.pids();
  const path = join(worker.dir, 'worker.yaml');
  const config = JSON.parse(readFileSync(path, 'utf8'));

  writeFileSync(path, JSON.stringify({ pools: [{ ...config.pools[0], plugin: bench.file('missing.so') }] }));
  worker.program.kill('SIGHUP');
  await worker.program.untilLine(/will be started again.*failures=2/);
  await job(bench.queue, 'ok');
  await untilCounts(bench.queue, { completed: 1 });
  assert.ok(isAlive(old));
  await worker.stop();
});

/* The file is replaced under a running worker, say by a half finished deployment. */
test('a pool that has worked goes on trying when its plugin is gone', options, async (t) => {
  const bench = await startBench(t);
  const worker = await bench.work();
  renameSync(bench.plugin, bench.file('kept.so'));
  process.kill((await worker.pids())[0], 'SIGKILL');
  await worker.program.untilLine(/will be started again.*failures=2/);
  renameSync(bench.file('kept.so'), bench.plugin);
  await job(bench.queue, 'ok');
  await untilCounts(bench.queue, { completed: 1 });
  await worker.stop();
});

/* With no grace at all a runner that is told to drain hands back what it runs. */
test('a replaced runner has the time that its job needs, through further reloads', options, async (t) => {
  const bench = await startBench(t);
  const held = await job(bench.queue, 'hold', { file: bench.file('go') });
  const worker = await bench.work({ args: ['--grace', '0'] });

  await untilRunning(bench, 'go');
  for (let i = 1; i <= 2; i++) {
    const before = await worker.pids();
    worker.program.kill('SIGHUP');
    await until(async () => (await worker.pids()).some((pid) => !before.includes(pid)), { what: 'a new runner' });
    await until(async () => (await worker.pids()).length === 2, { what: 'the runner without a job to end' });
    await job(bench.queue, 'ok');
    await untilCounts(bench.queue, { completed: i, active: 1 });
  }
  bench.open('go');
  await untilCounts(bench.queue, { completed: 3, failed: 0 });
  assert.doesNotMatch(worker.log, /handing back/);
  assert.equal((await bench.queue.getJob(held.id)).attemptsMade, 0);
  await until(async () => (await worker.pids()).length === 1, { what: 'the retired runner to end' });
  await worker.stop();
});

test('SIGTERM gives a retired runner the grace period', options, async (t) => {
  const bench = await startBench(t);
  await job(bench.queue, 'hold', { file: bench.file('never') });
  const worker = await bench.work({ args: ['--grace', '0'] });

  await untilRunning(bench, 'never');
  worker.program.kill('SIGHUP');
  await job(bench.queue, 'ok');
  await untilCounts(bench.queue, { completed: 1, active: 1 });
  await worker.stop();
  await untilCounts(bench.queue, { waiting: 1, active: 0, failed: 0 });
});
