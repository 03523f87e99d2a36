/* The link between daemon and Redis is cut over and over under load, also so that Redis has carried
 * out what was asked and nobody hears it. Nothing dies and nobody else is there: each job runs exactly
 * once and is told as completed exactly once. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { recordMessages, untilMessages } from '../lib/bull.mjs';
import { cutProxy } from '../lib/proxy.mjs';
import { randomOf, SEED } from '../lib/random.mjs';
import { pause } from '../lib/wait.mjs';
import { startCartritaWorker } from '../lib/workers.mjs';
import { Chaos, DIALECT_NAMES } from './lib.mjs';

const JOBS = 2500;
const CUT_MIN_MS = 50;
const CUT_SPREAD_MS = 250;
const SWALLOW_MS = 20;
const DEADLINE_MS = 90_000;

/* How the ends of jobs are told: by messages, or by entries of a stream. */
const TOLD = {
  bull: async (chaos) => {
    const messages = await recordMessages(chaos.redis);
    return async () => {
      await untilMessages(messages, 'completed', JOBS);
      return messages.filter(({ channel }) => channel === 'completed').length;
    };
  },
  bullmq: (chaos) => async () => {
    const entries = await chaos.client.xrange('bull:q:events', '-', '+');
    return entries.filter(([, fields]) => fields[1] === 'completed').length;
  },
};

for (const [dialect, name, failTimes] of [
  ['bull', 'jobs that succeed', 0],
  ['bull', 'jobs that fail once', 1],
  ['bullmq', 'jobs that fail once', 1],
]) {
  if (!DIALECT_NAMES.includes(dialect)) continue;
  test(`${JOBS} ${name} over a link that is cut again and again, ${dialect}`, async (t) => {
    const chaos = await Chaos.open(t, dialect);
    const random = randomOf(SEED);
    const proxy = await cutProxy(t, chaos.redis);
    const told = await TOLD[dialect](chaos);
    /* Locks far longer than any cut: an expired one would be a reason to run again. */
    const settings = { lockDuration: 30_000, stalledInterval: 1000, retryProcessDelay: 200, guardInterval: 1000 };
    const worker = await startCartritaWorker(t, chaos.redis, {
      ...chaos.worker({ processes: 2, concurrency: 5, sleepMs: 2 }),
      set: { record: chaos.record, sleepMs: '2', failTimes: String(failTimes) },
      settings,
      via: proxy,
    });
    let isOver = false;
    const cuts = (async () => {
      while (!isOver) {
        await pause(CUT_MIN_MS + random() * CUT_SPREAD_MS);
        if (isOver) break;
        const isSwallowed = random() < 0.5;
        if (isSwallowed) await proxy.swallow(SWALLOW_MS);
        else proxy.cut();
        chaos.killed(isSwallowed ? 'answers swallowed' : 'links cut');
      }
    })();

    try {
      await chaos.add(JOBS);
      const { runs } = await chaos.settle({ deadlineMs: DEADLINE_MS, describe: () => worker.log });
      assert.equal(runs, JOBS * (1 + failTimes), 'each job ran exactly as often as it should');
    } finally {
      isOver = true;
      await cuts;
    }
    assert.equal(await told(), JOBS, 'each is told once');
    await worker.stop();
  });
}
