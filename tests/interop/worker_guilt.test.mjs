/* Of several jobs that run in a runner when it dies, only those pay that could have done it; the others go
 * back, uncharged and in their order. The guilty one's reason and stack trace say what is known. */
import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import test from 'node:test';

import { untilCounts } from '../lib/bull.mjs';
import { until } from '../lib/wait.mjs';
import { job, SKIP, startBench, untilRunning } from './naughty.mjs';

const options = { skip: SKIP, concurrency: true };

/* A job that crashes beside one that runs, both in one runner. Returns the crashed one as it ended. */
async function crashBeside(t, name, data = {}, opts = {}) {
  const bench = await startBench(t, 'guilty');
  const { queue } = bench;
  const neighbour = await job(queue, 'hold', { file: bench.file('go') });
  const worker = await bench.work({ concurrency: 2 });
  await untilRunning(bench, 'go');
  const bad = await job(queue, name, data, { attempts: 1, ...opts });
  await untilCounts(queue, { failed: 1 }, { describe: () => worker.log });
  bench.open('go');
  await untilCounts(queue, { failed: 1, completed: 1 }, { describe: () => worker.log });
  assert.equal((await queue.getJob(neighbour.id)).attemptsMade, 0, worker.log);
  const ended = await queue.getJob(bad.id);
  assert.equal(ended.attemptsMade, 1);
  await worker.stop();
  return ended;
}

const WHERE = String.raw`resize_row \(guilty\.so\+0x[0-9a-f]+\)`;

test('the reason of a crash names signal, address, function, plugin, attempt and phase', options, async (t) => {
  const bad = await crashBeside(t, 'segv');

  assert.match(
    bad.failedReason,
    new RegExp(
      String.raw`^runner died while running this job: killed by signal 11 \(SIGSEGV: Segmentation fault\) at 0x0 in ${WHERE}, ` +
        'plugin guilty 1\\.2, attempt 1, phase decode$',
    ),
  );
  assert.equal(bad.stacktrace.length, 1);
  const [stack] = bad.stacktrace;
  assert.ok(stack.startsWith(`Error: ${bad.failedReason}\n    at `), stack);
  assert.match(stack, new RegExp(String.raw`^    at ${WHERE}\n    at guilty\.so\+0x`, 'm'));
  assert.match(stack, /\nlast progress: \{"done":41\}\nlast log lines:\n    opened cat\.png\n    row 17$/);
});

test('a stack overflow is told from another fault', options, async (t) => {
  const bad = await crashBeside(t, 'overflow');

  assert.match(bad.failedReason, /\(SIGSEGV: Segmentation fault\), stack overflow at 0x[0-9a-f]+ in recurse \(guilty\.so/);
  assert.match(bad.stacktrace[0], /( {4}at recurse .*\n){8}/);
});

test('abort names who called it, not the library', options, async (t) => {
  const bad = await crashBeside(t, 'abort');

  assert.match(bad.failedReason, /killed by signal 6 \(SIGABRT: Aborted\) in guilty\.so\+0x/);
});

test('a division by zero', options, async (t) => {
  const bad = await crashBeside(t, 'divide');

  assert.match(bad.failedReason, /killed by signal 8 \(SIGFPE: [^)]*\) at 0x[0-9a-f]+ in guilty\.so\+0x/);
});

test('a call of a null pointer names the caller', options, async (t) => {
  const bad = await crashBeside(t, 'nowhere');

  assert.match(bad.failedReason, /\(SIGSEGV: Segmentation fault\) at 0x0 in guilty\.so\+0x/);
});

test('exit() in a job is that job alone', options, async (t) => {
  const bad = await crashBeside(t, 'exit');

  assert.match(bad.failedReason, /^runner died while running this job: exited with status 3 in guilty\.so\+0x[0-9a-f]+, plugin guilty 1\.2, attempt 1$/);
});

test('of a plugin that takes batches the whole batch pays, and no other', options, async (t) => {
  const bench = await startBench(t, 'guilty', ['-DBATCH=2']);
  const { queue } = bench;
  for (let i = 0; i < 2; i++) await job(queue, 'hold', { file: bench.file('go') });
  const worker = await bench.work({ concurrency: 2 });
  await untilRunning(bench, 'go');
  await queue.addBulk(['later', 'hold'].map((name) => ({ name, data: { file: bench.file('now') } })));
  await untilRunning(bench, 'now');
  bench.open('now');

  await untilCounts(queue, { failed: 2 }, { describe: () => worker.log });
  bench.open('go');
  await untilCounts(queue, { failed: 2, completed: 2 }, { describe: () => worker.log });
  for (const one of await queue.getCompleted()) assert.equal(one.attemptsMade, 0);
  await worker.stop();
});

test('a crash in the cancel function is the job that was cancelled', options, async (t) => {
  const bad = await crashBeside(t, 'hold', { file: '/nowhere', how: 'fragile' }, { timeout: 100 });

  assert.match(bad.failedReason, new RegExp(String.raw`SIGSEGV.* in ${WHERE}`));
});

test('a runner whose loop hangs costs the late job only', options, async (t) => {
  const bench = await startBench(t, 'guilty');
  const { queue } = bench;
  const neighbour = await job(queue, 'hold', { file: bench.file('go') });
  const late = await job(queue, 'hold', { file: '/nowhere', how: 'deaf' }, { timeout: 100 });
  const worker = await bench.work({ concurrency: 2, args: ['--cancel-grace', '100'] });

  await untilCounts(queue, { failed: 1 }, { deadlineMs: 20_000, describe: () => worker.log });
  assert.match(
    (await queue.getJob(late.id)).failedReason,
    /^runner was ended while running this job: Promise timed out after 100 milliseconds, and it did not stop, plugin guilty/,
  );
  bench.open('go');
  await untilCounts(queue, { failed: 1, completed: 1 }, { describe: () => worker.log });
  assert.equal((await queue.getJob(neighbour.id)).attemptsMade, 0);
  await worker.stop();
});

/* Where nobody can know, all that ran are charged. */
for (const [name, reason] of [
  ['_exit', /exited with status 3, plugin guilty/],
  ['apart', new RegExp(String.raw`SIGSEGV.* at 0x0 in ${WHERE}`)],
])
  test(`${name}: every job that ran is charged`, options, async (t) => {
    const bench = await startBench(t, 'guilty');
    const { queue } = bench;
    await job(queue, 'hold', { file: bench.file('go') });
    const worker = await bench.work({ concurrency: 2 });
    await untilRunning(bench, 'go');
    await job(queue, name);

    await untilCounts(queue, { failed: 2 }, { describe: () => worker.log });
    for (const failed of await queue.getFailed()) assert.match(failed.failedReason, reason);
    await worker.stop();
  });

test('a signal from outside is nobody of the thread that it reached', options, async (t) => {
  const bench = await startBench(t, 'guilty');
  const { queue } = bench;
  for (let i = 0; i < 2; i++) await job(queue, 'hold', { file: bench.file('go') });
  const worker = await bench.work({ concurrency: 2 });
  await untilRunning(bench, 'go', 2);
  process.kill((await worker.pids())[0], 'SIGSEGV');

  await untilCounts(queue, { failed: 2 }, { describe: () => worker.log });
  for (const failed of await queue.getFailed()) assert.match(failed.failedReason, /SIGSEGV/);
  await worker.stop();
});

test('a backtrace that cannot be had is not waited for', options, async (t) => {
  const bench = await startBench(t, 'guilty');
  const { queue } = bench;
  copyFileSync(bench.plugin, bench.file('stuck.so'));
  await job(queue, 'hold', { file: bench.file('go') });
  const worker = await bench.work({ concurrency: 2 });
  await untilRunning(bench, 'go');
  const bad = await job(queue, 'loading', { file: bench.file('stuck.so') });

  await untilCounts(queue, { failed: 1 }, { describe: () => worker.log });
  const failed = await queue.getJob(bad.id);
  assert.match(failed.failedReason, /killed by signal 11 \(SIGSEGV: Segmentation fault\) at 0x0 in 0x[0-9a-f]+, plugin guilty/);
  bench.open('go');
  await untilCounts(queue, { failed: 1, completed: 1 });
  await worker.stop();
});

test('a plugin that crashes when it is opened', options, async (t) => {
  const bench = await startBench(t, 'guilty');
  const worker = await bench.work({ set: { how: 'crash' }, waitReady: false });

  await worker.program.untilLine(new RegExp(String.raw`runner died while opening its plugin: .*SIGSEGV.* in ${WHERE}`));
  await worker.stop();
});

test('a plugin may handle faults of its own, and pass on the others', options, async (t) => {
  const bench = await startBench(t, 'guilty');
  const { queue } = bench;
  for (let i = 0; i < 3; i++) await job(queue, 'repaired');
  const worker = await bench.work({ set: { how: 'runtime' } });

  await untilCounts(queue, { completed: 3 }, { describe: () => worker.log });
  await job(queue, 'segv');
  await untilCounts(queue, { completed: 3, failed: 1 }, { describe: () => worker.log });
  assert.match((await queue.getFailed())[0].failedReason, new RegExp(String.raw`SIGSEGV.* at 0x0 in ${WHERE}`));
  await worker.stop();
});

test('a crash of a forked child is not one of the runner', options, async (t) => {
  const bench = await startBench(t, 'guilty');
  const { queue } = bench;
  await job(queue, 'fork');
  const worker = await bench.work();

  await untilCounts(queue, { completed: 1 }, { describe: () => worker.log });
  const [runner] = await worker.pids();
  await job(queue, 'segv'); /* the recorder still has room for the first crash */
  await untilCounts(queue, { completed: 1, failed: 1 });
  assert.match((await queue.getFailed())[0].failedReason, new RegExp(String.raw`SIGSEGV.* in ${WHERE}`));
  assert.doesNotMatch(worker.log, new RegExp(`runner died.*pid=(?!${runner})`));
  await worker.stop();
});

test('a job that damages the flight recorder fails all the same', options, async (t) => {
  const bench = await startBench(t, 'guilty');
  const { queue } = bench;
  const bad = await job(queue, 'damage');
  const worker = await bench.work();

  /* Nobody can know what it did: each time it has stalled. */
  await untilCounts(queue, { failed: 1 }, { describe: () => worker.log });
  assert.match((await queue.getJob(bad.id)).failedReason, /job stalled more than allowable limit/);
  assert.match(worker.log, /flight recorder not readable.*damaged/);
  await worker.stop();
});

test('what ran beside it and what waited goes back in its order', options, async (t) => {
  const bench = await startBench(t, 'guilty');
  const { queue } = bench;
  const add = async (name, file) => (await job(queue, name, { file: bench.file(file) }, { attempts: 1 })).id;
  const ran = [await add('hold', 'go'), await add('hold', 'go')];
  const bad = await add('later', 'now');
  ran.push(await add('hold', 'go'));
  const worker = await bench.work({ concurrency: 4 });
  await untilRunning(bench, 'go', 3);
  await untilRunning(bench, 'now', 1);
  await queue.pause(); /* so that nobody takes them before we have looked */
  const waiting = [await add('hold', 'go')];
  bench.open('now');

  await untilCounts(queue, { failed: 1, paused: 4 }, { describe: () => worker.log });
  assert.deepEqual((await queue.getFailed()).map(({ id }) => id), [bad]);
  assert.deepEqual((await bench.client.lrange('bull:q:paused', 0, -1)).reverse(), [...ran, ...waiting]);
  bench.open('go');
  await queue.resume();
  await untilCounts(queue, { failed: 1, completed: 4 });
  for (const id of ran) assert.equal((await queue.getJob(id)).attemptsMade, 0);
  await worker.stop();
});
