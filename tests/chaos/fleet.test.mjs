/* 50 000 jobs while the worker is reloaded, its plugin replaced, its pool restarted, scaled and paused,
 * again and again: each job runs exactly once. SEED=n repeats the order of changes. */
import assert from 'node:assert/strict';
import { copyFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';

import { openFleet } from '../lib/fleet.mjs';
import { pause, until } from '../lib/wait.mjs';
import { startCartritaWorker, startDaemon } from '../lib/workers.mjs';
import { Chaos, SEED, TALLY, randomOf } from './lib.mjs';

const JOBS = Number(process.env.JOBS ?? 50_000);
const PROCESSES_MAX = 4;
const CHANGE_SPREAD_MS = 300;
const CHANGES_MIN = 15;
const DEADLINE_MS = 120_000;

test(`${JOBS} jobs while the worker changes`, async (t) => {
  const chaos = await Chaos.open(t);
  const random = randomOf(SEED);
  const daemon = await startDaemon(t, chaos.redis);
  const plugin = join(chaos.dir, 'plugin.so');
  copyFileSync(TALLY, plugin);
  const worker = await startCartritaWorker(t, chaos.redis, {
    ...chaos.worker({ processes: 2, concurrency: 10, sleepMs: 2 }),
    plugin,
    server: daemon.server,
    logLevel: 'info',
    args: ['--processes-max', String(PROCESSES_MAX), '--grace', '0'], /* a drain would hand back */
  });
  const fleet = await openFleet(t, daemon.server);
  const report = async () => (await fleet.reports())[0];
  let id;
  await until(async () => (id = (await report())?.worker), { what: 'the worker to report' });
  const order = async (verb, fields) => {
    const done = await fleet.order(id, verb, { pool: 'q', ...fields });
    assert.equal(done.code, 0, done.detail);
  };

  const changes = [
    ['reload', () => worker.program.kill('SIGHUP')],
    [
      'upgrade',
      () => {
        copyFileSync(TALLY, `${plugin}.new`);
        renameSync(`${plugin}.new`, plugin);
        worker.program.kill('SIGHUP');
      },
    ],
    ['restart', () => order('restart')],
    ['scale', () => order('scale', { count: 1 + Math.floor(random() * PROCESSES_MAX) })],
    [
      'pause',
      async () => {
        await order('pause');
        await pause(random() * CHANGE_SPREAD_MS);
        await order('resume');
      },
    ],
  ];
  let isOver = false;
  const change = (async () => {
    while (!isOver) {
      const [what, act] = changes[Math.floor(random() * changes.length)];
      await act();
      chaos.killed(what);
      await pause(random() * CHANGE_SPREAD_MS);
    }
    await order('resume');
  })();

  try {
    await chaos.add(JOBS);
    await until(async () => (await chaos.completed()) > JOBS * 0.9, {
      what: 'most jobs to be done',
      deadlineMs: DEADLINE_MS,
      describe: () => worker.log,
    });
  } finally {
    isOver = true;
    await change;
  }
  const result = await chaos.settle({ deadlineMs: DEADLINE_MS, describe: () => worker.log });
  const count = Object.values(chaos.kills).reduce((sum, n) => sum + n, 0);
  assert.ok(count >= CHANGES_MIN, `only ${count} changes: the test has not tested`);
  assert.equal(result.runs, JOBS, 'each ran once');
  assert.doesNotMatch(worker.log, /runner died|handing back|job lost/);
  await worker.stop();
});
