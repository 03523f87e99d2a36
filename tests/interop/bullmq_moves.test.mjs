/* Jobs of BullMQ that move themselves: to delayed, back to waiting, to their children, under a limit; in
 * steps. The same under a Node worker and under ours. */

import assert from 'node:assert/strict';

import { runsOf, sameAsNode } from '../lib/e2e_mq.mjs';

const BOTH = [5, 6];
const ALL = { normalise: { inOrder: true, withoutEvents: [] } };

sameAsNode('a job that delays itself is not charged', { versions: BOTH, ...ALL }, async (side) => {
  const record = `${side.dir}/record`;
  await side.queue.add('x', { record, steps: [{ delay: 60 }, { delay: 0 }], result: 'end' }, { attempts: 2 });
  await side.work();
  await side.untilState('1', 'completed');
  assert.deepEqual(await runsOf(record), [['1', 0], ['1', 0], ['1', 0]]);
});

sameAsNode('a job that delays itself for long', ALL, async (side) => {
  await side.queue.add('x', { steps: [{ delay: 3_600_000 }] }, { priority: 3 });
  await side.queue.add('y', { result: 1 }, { priority: 4 });
  await side.work();
  await side.untilState('1', 'delayed');
  await side.untilState('2', 'completed');
});

sameAsNode('a job that goes back to waiting is the next to run', { versions: BOTH }, async (side) => {
  const record = `${side.dir}/record`;
  await side.queue.add('x', { record, steps: [{ toWait: true }], result: 'end' });
  await side.queue.add('y', { record });
  await side.work();
  await side.untilCounts({ completed: 2 });
  const events = (await side.client.xrange(side.key('events'), '-', '+')).map(([, fields]) => fields.join(' '));
  assert.ok(events.includes('event waiting jobId 1 prev active'), 'as a job that is handed back, which is not compared');
  return runsOf(record);
});

sameAsNode('a prioritized job that goes back is ahead of its peers', {}, async (side) => {
  const record = `${side.dir}/record`;
  await side.queue.add('x', { record, steps: [{ toWait: true }] }, { priority: 2 });
  for (const priority of [2, 1]) await side.queue.add('y', { record }, { priority });
  await side.work();
  await side.untilCounts({ completed: 3 });
  return runsOf(record);
});

sameAsNode('a job that limits the queue runs again when the limit is over', {
  versions: BOTH,
  worker: { settings: { limiter: { max: 100, duration: 60_000 } } }, /* the counter is still there at the end */
}, async (side) => {
  await side.queue.add('x', { steps: [{ limit: 200 }], result: 'end' });
  await side.queue.add('y', { result: 1 });
  await side.work();
  await side.untilCounts({ completed: 2 });
  const [first, second] = await Promise.all([1, 2].map((i) => side.client.hget(side.key(i), 'processedOn')));
  assert.ok(Number(first) <= Number(second), 'the limited one is the next');
});

sameAsNode('a job in steps waits for the children that it added, and has their results', { versions: BOTH }, async (side) => {
  const children = [1, 2].map((i) => ({ name: `c${i}`, data: { result: { i } }, opts: { jobId: `c${i}` } }));
  await side.queue.add('p', { steps: [{ children, waitChildren: true }], childValues: true }, { attempts: 2 });
  await side.work();
  await side.untilCounts({ completed: 3, 'waiting-children': 0 });
  const { returnvalue } = await side.queue.getJob('1');
  assert.deepEqual(Object.values(returnvalue).map(({ i }) => i).sort(), [1, 2]);
});

sameAsNode('no child is pending: the job goes on', { differs: { again: /value\.ats|events/ } }, async (side) => {
  await side.queue.add('p', { steps: [{ waitChildren: true }], result: 'on' });
  await side.work();
  await side.untilState('1', 'completed');
});

sameAsNode('a job completes while a child is pending: refused, and failed', { differs: { wording: /failedReason|stacktrace|events/ } }, async (side) => {
  const child = { name: 'c', data: { result: 1 }, opts: { jobId: 'c', delay: 3_600_000 } };
  await side.queue.add('p', { steps: [{ children: [child] }], result: 'too early' });
  await side.work();
  await side.untilState('1', 'failed');
  assert.match((await side.queue.getJob('1')).failedReason, /1.*(child|dependenc)/i);
});
