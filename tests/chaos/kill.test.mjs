/* 20 000 jobs of Bull, 8 000 of BullMQ with flows and a scheduler, while runners, the daemon, the supervisor,
 * Node workers of BullMQ beside ours, and Redis are killed with SIGKILL at random: none is lost, each is
 * completed, and what ran twice is explained by a kill. SEED=n repeats the order of kills. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { randomOf, SEED } from '../lib/random.mjs';
import { pause, until } from '../lib/wait.mjs';
import { startCartritaWorker } from '../lib/workers.mjs';
import { Chaos, DIALECT_NAMES } from './lib.mjs';

const JOBS = { bull: 20_000, bullmq: 8000 };
const FLOWS = 10;
const FLOW_FAN = 5;
const SCHEDULER_MS = 250;
const PROCESSES = 2;
const CONCURRENCY = 10;
const KILL_MIN_MS = 150;
const KILL_SPREAD_MS = 600;
const KILLS_MIN = 10;
const PORTIONS = 5; /* each waits for its share of the kills: a fast machine must not be done before them */
const PORTION = 0.16; /* of the jobs; the rest, when there have been kills enough */
const QUIET_FROM = 0.85; /* of the jobs done: from here on nobody is killed */
const DEADLINE_MS = 120_000;

/* A Node worker of BullMQ, of 5 and of 6 by turns. */
async function nodeVictim(chaos) {
  let version = 6;
  let node = await chaos.startNode({ concurrency: 2, version });
  return {
    kill: async () => {
      node.kill();
      version = version === 6 ? 5 : 6;
      node = await chaos.startNode({ concurrency: 2, version });
      return true;
    },
    stop: () => node.stop(),
  };
}

const killsOf = (chaos) => Object.values(chaos.kills).reduce((sum, count) => sum + count, 0);

for (const dialect of DIALECT_NAMES) {
  test(`${process.env.JOBS ?? JOBS[dialect]} jobs of ${dialect} under fire`, (t) => underFire(t, dialect));
}

async function underFire(t, dialect) {
  const jobs = Number(process.env.JOBS ?? JOBS[dialect]);
  const chaos = await Chaos.open(t, dialect);
  const random = randomOf(SEED);
  const queue = dialect === 'bullmq' ? ['q', 's'] : 'q';
  const options = chaos.worker({ queue, processes: PROCESSES, concurrency: CONCURRENCY });
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
  const node = dialect === 'bullmq' ? await nodeVictim(chaos) : undefined;
  if (node) victims.push(['node', 3, node.kill]);
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
      if (isOver || (await chaos.completed()) > jobs * QUIET_FROM) break;
      await strike();
    }
  })();

  try {
    const mixed = (i) => ({
      ...(i % 10 === 0 && { priority: (i % 3) + 1 }),
      ...(i % 7 === 0 && { delay: 100 }),
    });
    if (dialect === 'bullmq') await chaos.addScheduler(SCHEDULER_MS);
    const portion = Math.floor(jobs * PORTION);
    for (let part = 1; part <= PORTIONS; part++) {
      await chaos.add(portion, mixed);
      for (let i = part - 1; dialect === 'bullmq' && i < FLOWS; i += PORTIONS) await chaos.addFlow(`f${i}`, FLOW_FAN);
      await until(() => killsOf(chaos) >= (part * KILLS_MIN) / PORTIONS, { what: 'kills', deadlineMs: DEADLINE_MS });
    }
    await chaos.add(jobs - PORTIONS * portion, mixed);
    if (dialect === 'bullmq') {
      const iterations = await chaos.endScheduler(jobs * QUIET_FROM);
      t.diagnostic(`${iterations} iterations of a scheduler`);
      assert.ok(iterations > 3, `only ${iterations} iterations`);
    }
    const result = await chaos.settle({ deadlineMs: DEADLINE_MS, describe: () => worker.log });
    const kills = killsOf(chaos);
    const again = result.runs - result.done;
    assert.ok(kills >= KILLS_MIN, `only ${kills} kills: the test has not tested`);
    assert.ok(again <= kills * PROCESSES * CONCURRENCY, `${again} runs too many for ${kills} kills`);
  } finally {
    isOver = true;
    await fire;
  }
  await Promise.all([worker.stop(), node?.stop()]);
}
