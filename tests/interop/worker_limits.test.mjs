/* Limits of time, memory and processes: ask, then replace the runner, from inside and, when its loop
 * hangs, from outside. What a runner leaves behind does not live on. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import test from 'node:test';

import { untilCounts, untilState } from '../lib/bull.mjs';
import { childrenOf, isAlive } from '../lib/processes.mjs';
import { until } from '../lib/wait.mjs';
import { failedReason, job, SKIP, startBench, untilRunning } from './naughty.mjs';

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
  await job(queue, 'ok'); /* for the runner that has taken its place already */
  await untilCounts(queue, { completed: 1, failed: 1, active: 1 });
  bench.open('go');
  await untilCounts(queue, { completed: 2, failed: 1 });
  assert.equal((await queue.getJob(other.id)).attemptsMade, 0);
  await until(() => !isAlive(runner), { what: 'the old runner to be gone' });
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
  assert.match(await failedReason(queue, fat.id), /killed at \d+ MiB of memory, limit 100 MiB \(memory-max\)/);
  await job(queue, 'ok');
  await untilCounts(queue, { completed: 1, failed: 1 });
  await worker.stop();
});

/* The processes that a job has started by itself, once all of them have written their number. They
 * end with the test, also with one that fails. */
async function untilStrays(t, bench, name) {
  const pids = await until(
    () => {
      const found = bench.has(`${name}.pids`) ? readFileSync(bench.file(`${name}.pids`), 'utf8').trim().split('\n') : [];
      return found.length === 5 && found.map(Number);
    },
    { what: 'five strays' },
  );
  t.after(() => pids.filter(isAlive).forEach((pid) => process.kill(pid, 'SIGKILL')));
  return pids;
}

test('memory of a child of exec is its runner\'s, and so is its CPU time', options, async (t) => {
  const bench = await startBench(t);
  const { queue } = bench;
  const script = bench.file('child.mjs');
  writeFileSync(
    script,
    `import { createInterface } from 'node:readline';
     createInterface({ input: process.stdin }).on('line', (text) => {
       const line = JSON.parse(text);
       if (line.name === 'fat') globalThis.kept = Buffer.alloc(400 << 20, 1);
       if (line.name === 'busy') for (;;);
     });`,
  );
  const fat = await job(queue, 'fat');
  const busy = await job(queue, 'busy');
  const worker = await bench.work({
    plugin: 'exec',
    set: { command: `exec ${process.execPath} ${script}` },
    settings: { 'memory-max': 350, jobs: { busy: { 'cpu-max': '300ms' } } },
    args: ['--cancel-grace', '200'],
  });

  await untilCounts(queue, { failed: 2 }, { deadlineMs: 20_000 });
  assert.match(await failedReason(queue, fat.id), /killed at \d+ MiB of memory, limit 350 MiB \(memory-max\)/);
  assert.match(await failedReason(queue, busy.id), /^used \d+ ms of CPU time, limit 300 ms \(cpu-max\)$/);
  await worker.stop();
});

test('memory of a child that forked is not counted twice', options, async (t) => {
  const bench = await startBench(t);
  const { queue } = bench;
  /* 160 MiB, and a fork that shares them. */
  const shared = await job(queue, 'leakfork', { file: bench.file('go') });
  const worker = await bench.work({ args: ['--memory-max', '300'] });

  await untilRunning(bench, 'go');
  await until(() => bench.has('go.forked'), { what: 'the fork to have looked at its memory' });
  bench.open('go');
  await untilState(queue, shared.id, 'completed');
  await worker.stop();
});

test('what a job has started and let go dies with its runner', options, async (t) => {
  const bench = await startBench(t);
  const { queue } = bench;
  const bad = await job(queue, 'straysegv', { file: bench.file('bad') });
  const worker = await bench.work();
  const strays = await untilStrays(t, bench, 'bad');

  await untilState(queue, bad.id, 'failed');
  await until(() => !strays.some(isAlive), { what: 'the strays to be gone' });
  /* And they are reaped: the supervisor has its sweeper, its daemon and its runner, nothing else. */
  await until(async () => (await childrenOf(worker.program.pid)).length === 3, { what: 'nothing unreaped' });
  await worker.stop();
});

test('what a job has started and let go dies with a runner that ends in order', options, async (t) => {
  const bench = await startBench(t);
  const good = await job(bench.queue, 'strays', { file: bench.file('go') });
  const worker = await bench.work();
  const strays = await untilStrays(t, bench, 'go');

  assert.ok(strays.every(isAlive));
  bench.open('go');
  await untilState(bench.queue, good.id, 'completed');
  await worker.stop();
  await until(() => !strays.some(isAlive), { what: 'the strays to be gone' });
});

test('a fork bomb costs its runner, and leaves nothing behind', options, async (t) => {
  const bench = await startBench(t);
  const { queue } = bench;
  const bad = await job(queue, 'bomb');
  const worker = await bench.work({ args: ['--children-max', '20'] });

  await untilState(queue, bad.id, 'failed', { deadlineMs: 20_000 });
  assert.match(await failedReason(queue, bad.id), /killed at \d+( or more)? child processes, limit 20 \(children-max\)/);
  await until(async () => (await childrenOf(worker.program.pid)).length === 3, { what: 'nothing to be left', deadlineMs: 20_000 });
  await job(queue, 'ok');
  await untilCounts(queue, { completed: 1, failed: 1 });
  await worker.stop();
});

test('CPU time of a job and of what it started is limited, also by name', options, async (t) => {
  const bench = await startBench(t);
  const { queue } = bench;
  const spin = await job(queue, 'spin');
  const child = await job(queue, 'spinchild');
  const idle = await job(queue, 'hold', { file: bench.file('go') });
  const worker = await bench.work({
    settings: { 'cpu-max': '300ms', jobs: { spinchild: { 'cpu-max': '200ms' }, hold: { timeout: '1h' } } },
  });
  const runners = await worker.pids();

  await untilState(queue, spin.id, 'failed');
  assert.match(await failedReason(queue, spin.id), /^used \d+ ms of CPU time, limit 300 ms \(cpu-max\)$/);
  await untilState(queue, child.id, 'failed');
  assert.match(await failedReason(queue, child.id), /^used \d+ ms of CPU time, limit 200 ms \(cpu-max\)$/);
  /* It only waits, longer than the limit of CPU time. */
  await untilRunning(bench, 'go');
  await new Promise((done) => setTimeout(done, 600));
  bench.open('go');
  await untilState(queue, idle.id, 'completed');
  assert.deepEqual(await worker.pids(), runners);
  await worker.stop();
});

test('time and memory are limited by the name of the job', options, async (t) => {
  const bench = await startBench(t);
  const { queue } = bench;
  const late = await job(queue, 'hold');
  const own = await job(queue, 'hold', {}, { timeout: 50 });
  const fat = await job(queue, 'leak');
  const worker = await bench.work({
    timeout: 3_600_000,
    settings: { 'memory-max': 4000, jobs: { hold: { timeout: 120 }, leak: { 'memory-max': 100 } } },
  });

  await untilCounts(queue, { failed: 3 });
  assert.equal(await failedReason(queue, late.id), 'Promise timed out after 120 milliseconds');
  assert.equal(await failedReason(queue, own.id), 'Promise timed out after 50 milliseconds');
  assert.match(await failedReason(queue, fat.id), /killed at \d+ MiB of memory, limit 100 MiB \(memory-max\)/);
  await worker.stop();
});

test('a name may have more memory than its pool', options, async (t) => {
  const bench = await startBench(t);
  const { queue } = bench;
  const fat = await job(queue, 'leak', { file: bench.file('go') });
  const worker = await bench.work({ settings: { 'memory-max': 100, jobs: { leak: { 'memory-max': 4000 } } } });

  await untilRunning(bench, 'go');
  await new Promise((done) => setTimeout(done, 600)); /* two looks */
  bench.open('go');
  await untilState(queue, fat.id, 'completed');
  await worker.stop();
});

test('what a job writes beyond its limit is dropped, and its log says so', options, async (t) => {
  const bench = await startBench(t);
  const { queue } = bench;
  const loud = await job(queue, 'chatter');
  const large = await job(queue, 'bigresult');
  const worker = await bench.work({ settings: { 'output-max': 1, 'result-max': 2 } });

  await untilCounts(queue, { completed: 1, failed: 1 });
  const { logs } = await queue.getJobLogs(loud.id);
  assert.equal(logs.length, 17); /* 16 of 64 bytes */
  assert.match(logs[16], /dropped: it has written its limit of 1 KiB \(output-max\)/);
  assert.equal(await failedReason(queue, large.id), 'the result has 3000 bytes, over the limit of 2 KiB (result-max)');
  await worker.stop();
});

test('open files and the size of a file are limited, and the runner lives on', options, async (t) => {
  const bench = await startBench(t);
  const { queue } = bench;
  const hog = await job(queue, 'fdhog');
  const disk = await job(queue, 'disk', { file: bench.file('disk') });
  const worker = await bench.work({ settings: { 'files-max': 100, 'file-size-max': 1 } });
  const runners = await worker.pids();

  await untilCounts(queue, { completed: 2 });
  const { emfile } = (await queue.getJob(hog.id)).returnvalue;
  assert.ok(emfile > 0 && emfile < 100, `${emfile} files`);
  assert.deepEqual((await queue.getJob(disk.id)).returnvalue, { efbig: 1 << 20 });
  assert.deepEqual(await worker.pids(), runners);
  await worker.stop();
});

test('a runner that fills its temporary directory is ended, and the directory removed', options, async (t) => {
  const bench = await startBench(t);
  const { queue } = bench;
  const bad = await job(queue, 'filltemp');
  const worker = await bench.work({ settings: { 'temp-max': 4 } });

  await untilState(queue, bad.id, 'failed');
  assert.match(await failedReason(queue, bad.id), /killed at \d+ MiB in its temporary directory, limit 4 MiB \(temp-max\)/);
  await job(queue, 'ok');
  await untilCounts(queue, { completed: 1, failed: 1 });
  await worker.stop();
});

test('what a job has started dies with a supervisor that is killed', options, async (t) => {
  const bench = await startBench(t);
  await job(bench.queue, 'strayprogram', { file: bench.file('go') });
  const worker = await bench.work();
  const strays = await untilStrays(t, bench, 'go');
  const own = await childrenOf(worker.program.pid);

  assert.ok(strays.every(isAlive));
  worker.kill();
  await until(() => ![...strays, ...own].some(isAlive), { what: 'all of them to be gone' });
});
