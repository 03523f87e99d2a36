/* 20 000 jobs while runners, the daemon, the supervisor and Redis are killed with SIGKILL at random:
 * none is lost, each is completed, and what ran twice is explained by a kill. SEED=n repeats the order
 * of kills. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { randomOf, SEED } from '../lib/random.mjs';
import { pause } from '../lib/wait.mjs';
import { startCartritaWorker } from '../lib/workers.mjs';
import { Chaos } from './lib.mjs';

const JOBS = Number(process.env.JOBS ?? 20_000);
const PROCESSES = 2;
const CONCURRENCY = 10;
const KILL_MIN_MS = 150;
const KILL_SPREAD_MS = 600;
const QUIET_FROM = 0.85; /* of the jobs done: from here on nobody is killed */
const DEADLINE_MS = 120_000;

test(`${JOBS} jobs under fire`, async (t) => {
  const chaos = await Chaos.open(t);
  const random = randomOf(SEED);
  const options = chaos.worker({ processes: PROCESSES, concurrency: CONCURRENCY });
  let worker = await startCartritaWorker(t, chaos.redis, options);
  let isOver = false;

  const victims = [
    [
      'runner',
      6,
      async () => {
        const pids = await worker.pids();
        if (pids.length > 0) process.kill(pids[Math.floor(random() * pids.length)], 'SIGKILL');
        return pids.length > 0;
      },
    ],
    [
      'daemon',
      2,
      async () => {
        const pid = await worker.daemon();
        if (pid) process.kill(pid, 'SIGKILL');
        return pid;
      },
    ],
    [
      'supervisor',
      1,
      async () => {
        worker.kill();
        worker = await startCartritaWorker(t, chaos.redis, { ...options, waitReady: false });
        return true;
      },
    ],
    [
      'redis',
      1,
      async () => {
        await chaos.redis.restart({ kill: true });
        return true;
      },
    ],
  ];
  const weights = victims.reduce((sum, [, weight]) => sum + weight, 0);

  const strike = async () => {
    let at = random() * weights;
    for (const [kind, weight, kill] of victims) {
      at -= weight;
      if (at >= 0) continue;
      if (await kill()) chaos.killed(kind);
      return;
    }
  };
  const fire = (async () => {
    while (!isOver) {
      await pause(KILL_MIN_MS + random() * KILL_SPREAD_MS);
      if (isOver || (await chaos.completed()) > JOBS * QUIET_FROM) break;
      await strike();
    }
  })();

  try {
    await chaos.add(JOBS, (i) => ({
      ...(i % 10 === 0 && { priority: (i % 3) + 1 }),
      ...(i % 7 === 0 && { delay: 100 }),
    }));
    const result = await chaos.settle({ deadlineMs: DEADLINE_MS, describe: () => worker.log });
    const kills = Object.values(chaos.kills).reduce((sum, count) => sum + count, 0);
    assert.ok(kills >= 10, `only ${kills} kills: the test has not tested`);
    assert.ok(
      result.runs - JOBS <= kills * PROCESSES * CONCURRENCY,
      `${result.runs - JOBS} runs too many for ${kills} kills`,
    );
  } finally {
    isOver = true;
    await fire;
  }
  await worker.stop();
});
