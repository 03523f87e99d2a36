/* The life of a worker: starting, draining, dying with its parent, outliving a daemon. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import test from 'node:test';

import { bullQueue, recordMessages, untilCounts, untilState } from '../lib/bull.mjs';
import { childrenOf, isAlive, isSanitized, memoryOf, pluginPath, programPath, runProgram, startProgram } from '../lib/processes.mjs';
import { until, within } from '../lib/wait.mjs';
import { startDaemon } from '../lib/workers.mjs';
import { job, SKIP, startBench, untilRunning } from './naughty.mjs';

const options = { skip: SKIP, concurrency: true };

test('SIGTERM: running jobs finish, the rest stays, exit 0', options, async (t) => {
  const bench = await startBench(t);
  const { queue } = bench;
  const held = await job(queue, 'hold', { file: bench.file('go') });
  const worker = await bench.work();

  await untilRunning(bench, 'go');
  await job(queue, 'ok');
  worker.program.kill('SIGTERM');
  await worker.program.untilLine(/stopping: running jobs may finish/);
  bench.open('go');
  await within(worker.program.exited, { what: 'the worker to end' });
  assert.equal(worker.program.code, 0);
  await untilState(queue, held.id, 'completed');
  await untilCounts(queue, { completed: 1, waiting: 1, active: 0, failed: 0 });
});

test('a second signal hands running jobs back, uncharged and at once', options, async (t) => {
  const bench = await startBench(t);
  const held = await job(bench.queue, 'hold', { file: bench.file('never') });
  const worker = await bench.work();

  await untilRunning(bench, 'never');
  worker.program.kill('SIGTERM');
  await worker.program.untilLine(/stopping: running jobs may finish/);
  worker.program.kill('SIGINT');
  await within(worker.program.exited, { what: 'the worker to end' });
  assert.equal(worker.program.code, 0);
  await untilCounts(bench.queue, { waiting: 1, active: 0, failed: 0 });
  assert.equal((await bench.queue.getJob(held.id)).attemptsMade, 0);
});

for (const closed of ['<&-', '2>&-', '<&- >&- 2>&-']) {
  test(`started with ${closed}: jobs run, exit 0`, options, async (t) => {
    const bench = await startBench(t);
    const worker = [programPath('cartrita-worker'), '--redis', bench.redis.url, '--queue', 'q', '--plugin', bench.plugin];
    const program = startProgram(t, '/bin/sh', ['-c', `exec "$0" "$@" ${closed}`, ...worker]);

    await job(bench.queue, 'ok');
    await untilCounts(bench.queue, { completed: 1 }, { describe: () => program.log });
    assert.equal(await program.stop(), 0);
  });
}

test('the grace period ends a drain', options, async (t) => {
  const bench = await startBench(t);
  await job(bench.queue, 'deaf', { file: bench.file('never') });
  const worker = await bench.work({ args: ['--grace', '200'] });

  await untilRunning(bench, 'never');
  assert.equal(await worker.program.stop(), 0);
  await untilCounts(bench.queue, { waiting: 1, active: 0, failed: 0 });
});

test('a supervisor killed with SIGKILL takes all along', options, async (t) => {
  const bench = await startBench(t);
  const { queue } = bench;
  const shell = await bench.work({ plugin: pluginPath('exec'), set: { command: 'sleep 1000 & sleep 1000; true' }, processes: 2 });
  const family = [];
  const collect = async (pid) => {
    for (const child of await childrenOf(pid)) {
      family.push(child);
      await collect(child);
    }
  };

  /* Each runner: a guard, its shell, two sleeps. And the private daemon. */
  await until(
    async () => {
      family.length = 0;
      await collect(shell.program.pid);
      return family.length >= 2 * 5 + 1;
    },
    { what: 'all processes to be there' },
  );
  shell.program.kill('SIGKILL');
  await until(() => family.every((pid) => !isAlive(pid)), {
    what: 'all to be gone',
    describe: () => `left: ${family.filter(isAlive)}`,
  });
  assert.equal(await queue.getFailedCount(), 0);
});

test('a killed private daemon comes back and no result is lost', options, async (t) => {
  const bench = await startBench(t);
  const { queue } = bench;
  const held = await job(queue, 'hold', { file: bench.file('go') });
  const worker = await bench.work();

  await untilRunning(bench, 'go');
  process.kill(await worker.daemon(), 'SIGKILL');
  bench.open('go'); /* it ends while there is no daemon */
  await untilState(queue, held.id, 'completed');
  assert.equal((await queue.getJob(held.id)).returnvalue, 'done');
  assert.equal((await queue.getJob(held.id)).attemptsMade, 0);
  await job(queue, 'ok');
  await untilCounts(queue, { completed: 2, failed: 0 });
  await worker.stop();
});

test('a runner that dies while the daemon is away: its job runs again when it is back', options, async (t) => {
  const bench = await startBench(t);
  const { queue } = bench;
  const daemon = await startDaemon(t, bench.redis);
  const held = await job(queue, 'hold', { file: bench.file('go') }, { attempts: 2 });
  const settings = { lockDuration: 3000, stalledInterval: 1000 };
  const worker = await bench.work({ server: daemon.server, settings });

  await untilRunning(bench, 'go');
  daemon.kill();
  await worker.program.untilLine(/daemon not reachable/);
  process.kill((await worker.pids())[0], 'SIGKILL');
  await worker.program.untilLine(/runner died/);
  bench.open('go');
  startProgram(t, 'cartrita-queued', ['--redis', bench.redis.url, '--listen', daemon.server]);
  await untilState(queue, held.id, 'completed', { deadlineMs: 20_000 });
  await worker.stop();
});

test('SIGHUP replaces the runners without dropping a job', options, async (t) => {
  const bench = await startBench(t);
  const { queue } = bench;
  const held = await job(queue, 'hold', { file: bench.file('go') });
  const worker = await bench.work();
  const [old] = await worker.pids();

  await untilRunning(bench, 'go');
  worker.program.kill('SIGHUP');
  await until(async () => (await worker.pids()).some((pid) => pid !== old), { what: 'a new runner' });
  await job(queue, 'ok');
  await untilCounts(queue, { completed: 1, active: 1 }); /* the new one works while the old one finishes */
  bench.open('go');
  await untilState(queue, held.id, 'completed');
  await until(() => !isAlive(old), { what: 'the old runner to end' });
  assert.equal((await worker.pids()).length, 1);
  await worker.stop();
});

test('a plugin that does not open is told once, and tried with backoff', options, async (t) => {
  const bench = await startBench(t);
  const worker = await bench.work({ set: { refuse: '1' }, waitReady: false });

  await worker.program.untilLine(/plugin naughty 1\.2 does not open: asked to refuse/);
  await worker.program.untilLine(/will be started again.*failures=4/);
  assert.equal(worker.program.lines.filter((line) => line.includes('asked to refuse')).length, 1);
  await worker.stop();
});

test('a plugin that can never load ends the worker with status 1, and all that it started', options, async (t) => {
  const bench = await startBench(t);
  const text = bench.file('text.so');
  writeFileSync(text, 'no shared object');
  const stranger = bench.file('stranger.so');
  execFileSync('cc', ['-shared', '-fPIC', '-x', 'c', '-o', stranger, '-'], { input: 'int cartrita_nothing;' });

  for (const [plugin, reason] of [
    [bench.file('missing.so'), /missing\.so/],
    [text, /text\.so/],
    [stranger, /stranger\.so/],
  ]) {
    const worker = await bench.work({ plugin, waitReady: false });
    await within(worker.program.exited, { what: 'the worker to end' });
    assert.equal(worker.program.code, 1, worker.log);
    assert.match(worker.program.lines.find((line) => line.includes('a pool can never start')), reason);
    assert.match(worker.log, /worker stopped/);
    const [, daemon] = /msg=ready .*pid=(\d+)/.exec(worker.log) ?? []; /* it may have ended before it was ready */
    assert.ok(!daemon || !isAlive(Number(daemon)));
    assert.deepEqual(readdirSync(worker.dir).filter((name) => name.startsWith('cartrita-')), [], 'no folder is left');
  }
});

test('one pool that can never start ends the others in order, too', options, async (t) => {
  const bench = await startBench(t);
  const config = bench.file('pools.yaml');
  const pools = [
    { queues: ['q'], plugin: bench.plugin },
    { queues: ['r'], plugin: bench.file('missing.so') },
  ];
  writeFileSync(config, JSON.stringify({ pools }));
  const program = startProgram(t, 'cartrita-worker', ['--redis', bench.redis.url, '--config', config], {
    env: { XDG_RUNTIME_DIR: bench.dir },
  });

  await within(program.exited, { what: 'the worker to end' });
  assert.equal(program.code, 1, program.log);
  assert.match(program.log, /a pool can never start.*pool=r/);
  assert.match(program.log, /worker stopped/);
});

test('several queues share one runner', options, async (t) => {
  const bench = await startBench(t);
  const queues = ['a', 'b', 'c'].map((name) => bullQueue(t, bench.redis, name));
  for (const queue of queues) for (let i = 0; i < 50; i++) await job(queue, 'ok');
  const worker = await bench.work({ queue: ['a', 'b', 'c'] });

  for (const queue of queues) await untilCounts(queue, { completed: 50, failed: 0 });
  for (let i = 0; i < 5; i++) {
    const late = await job(queues[i % 3], 'ok');
    await untilState(queues[i % 3], late.id, 'completed');
  }
  await worker.stop();
});

test('long jobs of several queues are not fetched to be handed back', options, async (t) => {
  const bench = await startBench(t);
  const names = ['a', 'b', 'c', 'd'];
  const queues = names.map((name) => bullQueue(t, bench.redis, name));
  const messages = await Promise.all(names.map((name) => recordMessages(bench.redis, name)));
  for (const queue of queues) for (let i = 0; i < 10; i++) await job(queue, 'slow');
  const worker = await bench.work({ queue: names, concurrency: 2, plugin: pluginPath('noop'), set: { sleepMs: '60' } });

  for (const queue of queues) await untilCounts(queue, { completed: 10 });
  const starts = messages.flat().filter(({ channel }) => channel.startsWith('active')).length;
  assert.ok(starts <= 40 + 8, `${starts} fetches for 40 jobs`);
  await worker.stop();
});

test('a pool grows while all its threads are busy', options, async (t) => {
  const bench = await startBench(t);
  for (let i = 0; i < 4; i++) await job(bench.queue, 'hold', { file: bench.file('go') });
  const worker = await bench.work({ args: ['--processes-max', '3'] });

  await untilRunning(bench, 'go', 3);
  assert.equal((await worker.pids()).length, 3);
  bench.open('go');
  await untilCounts(bench.queue, { completed: 4, failed: 0 });
  await worker.stop();
});

test('a runner is small', options, async (t) => {
  const bench = await startBench(t);
  const worker = await bench.work({ args: ['--core'] }); /* or a plain user cannot read /proc/PID/smaps_rollup */
  await job(bench.queue, 'ok');
  await untilCounts(bench.queue, { completed: 1 });
  const [runner] = await worker.pids();
  const { rssKb } = await memoryOf(runner);
  t.diagnostic(`runner: ${rssKb} kB resident`);
  if (!isSanitized(runner)) assert.ok(rssKb <= 5 * 1024, `a runner has ${rssKb} kB`);
  await worker.stop();
});

test('what is wrong on the command line is said, with status 2', options, async (t) => {
  const said = async (...args) => {
    const program = await runProgram(t, programPath('cartrita-worker'), args);
    assert.equal(program.code, 2, program.log);
    return program.log;
  };
  assert.match(await said('--plugin', 'x.so'), /no queue: give --queue NAME/);
  assert.match(await said('--queue', 'q'), /no plugin: give --plugin FILE/);
  assert.match(await said('--queue', 'q', '--plugin', 'x', '--set', 'novalue'), /write it as KEY=VALUE/);
  assert.match(await said('--queue', 'q', '--plugin', 'x', '--dialect', 'bul'), /is not one of bull, bullmq, auto/);
  assert.match(await said('--queue', 'q', '--plugin', 'x', '--server', 'nowhere'), /--server/);
  assert.match(await said('--concurency', '3'), /concurrency/);
  assert.match(await said('--queue', 'q', '--queue', 'q', '--plugin', 'x'), /named twice/);
});
