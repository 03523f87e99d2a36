/* Job schedulers of BullMQ, and what 5 calls repeatables: who runs an iteration makes the next one. The same
 * under a Node worker and under ours. */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';

import { sameAsNode, until } from '../lib/e2e_mq.mjs';

const HOUR = 3_600_000;

/* `count` iterations are over, and the next one, if any, waits for its time. */
async function untilIterations(side, count) {
  await until(
    async () => {
      const counts = await side.queue.getJobCounts();
      return counts.completed + counts.failed >= count && counts.active + counts.waiting + counts.prioritized === 0;
    },
    { what: `${count} iterations`, describe: async () => JSON.stringify(await side.queue.getJobCounts()) },
  );
}

async function iterationsOf(side) {
  const jobs = await side.queue.getJobs(['completed', 'failed', 'delayed'], 0, -1, true);
  jobs.sort((a, b) => (`${a.name} ${a.id}` < `${b.name} ${b.id}` ? -1 : 1)); /* two may end in one millisecond */
  return jobs.map(({ name, data, opts, repeatJobKey }) => [name, data, opts.repeat?.count, opts.attempts, repeatJobKey]);
}

for (const [name, repeat] of [
  ['every hour', { every: HOUR }],
  ['every hour with an offset', { every: HOUR, offset: 1000, immediately: true }],
  ['with a cron pattern', { pattern: '0 0 3 * * *', tz: 'Europe/Madrid', immediately: true }],
  ['with a limit', { every: HOUR, limit: 2 }],
  ['with an end', { every: HOUR, endDate: Date.now() + 10 * HOUR }],
  ['with an end that comes first', { every: HOUR, endDate: Date.now() + HOUR / 2 }],
]) {
  sameAsNode(`a scheduler ${name}`, {}, async (side) => {
    await side.queue.upsertJobScheduler('s', repeat, {
      name: 'tick',
      data: { result: 'tock', nested: [1, { a: '/' }] },
      opts: { attempts: 3, backoff: 1000, removeOnFail: 5, priority: name === 'every hour' ? 4 : undefined },
    });
    const [pending] = await side.client.zrange(side.key('delayed'), 0, 0);
    if (pending) await (await side.queue.getJob(pending)).promote();
    await side.work();
    await untilIterations(side, 1);
    const next = await side.queue.getJobScheduler('s');
    if (repeat.offset) assert.equal(next.offset, repeat.offset);
    return [await iterationsOf(side), next.iterationCount];
  });
}

sameAsNode('a scheduler until its limit', {}, async (side) => {
  await side.queue.upsertJobScheduler('s', { every: 100, limit: 3 }, { name: 'tick', data: { result: 1 } });
  await side.work();
  await untilIterations(side, 3);
  assert.equal(await side.queue.getDelayedCount(), 0);
  return (await iterationsOf(side)).map(([, , count]) => count).sort();
});

sameAsNode('a cron scheduler until its limit', {}, async (side) => {
  await side.queue.upsertJobScheduler('s', { pattern: '* * * * * *', limit: 2 }, { name: 'tick', data: { result: 1 } });
  await side.work();
  await untilIterations(side, 2);
  return (await iterationsOf(side)).map(([, , count]) => count).sort();
});

sameAsNode('an iteration that fails and is retried makes no other', {}, async (side) => {
  await side.queue.upsertJobScheduler('s', { every: HOUR }, { name: 'tick', data: { error: 'once', failTimes: 1 }, opts: { attempts: 2 } });
  await side.work();
  await untilIterations(side, 1);
  return iterationsOf(side);
});

sameAsNode('a scheduler that was removed, and one that was changed, while the job ran', {}, async (side) => {
  const gate = `${side.dir}/gate`;
  await side.queue.upsertJobScheduler('gone', { every: HOUR }, { name: 'a', data: { gate } });
  await side.work({ concurrency: 2 });
  await side.queue.upsertJobScheduler('new', { every: HOUR }, { name: 'b', data: { gate } });
  await until(async () => (await side.queue.getActiveCount()) === 2, { what: 'both to run' });
  await side.queue.removeJobScheduler('gone');
  await side.queue.upsertJobScheduler('new', { every: HOUR }, { name: 'c', data: { other: 1 } });
  writeFileSync(gate, '');
  await untilIterations(side, 2);
  return iterationsOf(side);
});

sameAsNode('a scheduler whose worker was away', {}, async (side) => {
  await side.queue.upsertJobScheduler('s', { every: HOUR, offset: 60_000 }, { name: 'tick', data: { result: 1 } });
  const past = Date.now() - 10 * HOUR;
  const [id] = await side.client.zrange(side.key('delayed'), 0, 0);
  await side.client.zadd(side.key('repeat'), past, 's');
  await side.client.rename(side.key(id), side.key(`repeat:s:${past}`));
  await side.client.del(side.key('delayed'));
  await side.client.lpush(side.key('wait'), `repeat:s:${past}`);
  await side.work();
  await untilIterations(side, 1);
  assert.equal(await side.queue.getDelayedCount(), 1, 'one iteration, not ten');
  return iterationsOf(side);
});

sameAsNode('a repeatable of 5: the series goes on and keeps its data', { version: 5, differs: { D9: /data|extra.*"kept"/ } }, async (side) => {
  const five = side.open('q', { version: 5 });
  await five.add('tick', { result: 'kept' }, { repeat: { every: HOUR }, attempts: 2 });
  const [pending] = await side.client.zrange(side.key('delayed'), 0, 0);
  if (pending) await (await side.queue.getJob(pending)).promote();
  await side.work();
  await untilIterations(side, 1);
  return iterationsOf(side);
});
