/* Flows of BullMQ: parents that wait for their children, and what becomes of them when a child fails, under
 * each policy. The same under a Node worker and under ours. Parents are in queue p, children in q. */

import assert from 'node:assert/strict';

import { runsOf, sameAsNode, until } from '../lib/e2e_mq.mjs';

const BOTH = [5, 6];
const FAIL = { error: 'boom' };

/* A node of queue p with children of queue q: {name: data or [data, opts]}. */
function family(side, children, { parent = { childValues: true }, opts } = {}) {
  const nodes = Object.entries(children).map(([name, what]) => {
    const [data, options] = Array.isArray(what) ? what : [what];
    return { name, queueName: 'q', data, opts: options };
  });
  return { name: 'parent', queueName: 'p', data: parent, opts, children: nodes };
}

async function setUp(side) {
  side.parents = side.open('p');
  side.flow = side.flows();
  await side.parents.waitUntilReady();
}

const work = (side) => Promise.all([side.work(), side.work({ queue: 'p' })]);
const dependencies = (job) => job.getDependenciesCount({ processed: true, unprocessed: true, ignored: true, failed: true });

sameAsNode('a parent runs after its children and has what they returned', { versions: BOTH }, async (side) => {
  await setUp(side);
  const { job } = await side.flow.add(family(side, { a: { result: { x: 1 } }, b: {}, c: { result: [null] } }));
  await work(side);
  await side.untilCounts({ completed: 1 }, side.parents);
  const parent = await side.parents.getJob(job.id);
  assert.equal(Object.keys(parent.returnvalue).length, 3);
  return dependencies(parent);
});

for (const [name, opts] of [
  ['a priority', { priority: 7 }],
  ['a delay', { delay: 60_000 }],
  ['both', { delay: 60_000, priority: 7 }],
  ['lifo', { lifo: true }],
]) {
  sameAsNode(`a parent with ${name} is released`, {}, async (side) => {
    await setUp(side);
    await side.parents.add('before', { result: 1 }, { jobId: 'before' });
    const { job } = await side.flow.add(family(side, { a: { result: 1 } }, { opts }));
    await side.work();
    await side.untilCounts({ completed: 1 });
    return (await side.parents.getJob(job.id)).getState();
  });
}

for (const policy of ['failParentOnFailure', 'continueParentOnFailure', 'ignoreDependencyOnFailure', 'removeDependencyOnFailure', undefined]) {
  const opts = policy ? { [policy]: true } : {};

  sameAsNode(`a child fails: ${policy ?? 'no policy'}`, { versions: BOTH }, async (side) => {
    await setUp(side);
    const { job } = await side.flow.add(family(side, { bad: [FAIL, opts] }));
    await work(side);
    await side.untilCounts({ failed: 1 });
    const parent = await side.parents.getJob(job.id);
    const expected = policy === undefined ? 'waiting-children' : policy === 'failParentOnFailure' ? 'failed' : 'completed';
    await side.untilState(job.id, expected, side.parents);
    return dependencies(parent);
  });

  sameAsNode(`a child fails after another has succeeded: ${policy ?? 'no policy'}`, {}, async (side) => {
    await setUp(side);
    const { job } = await side.flow.add(family(side, { good: { result: 1 }, bad: [FAIL, { ...opts, attempts: 2 }] }));
    await side.work();
    await side.untilCounts({ completed: 1, failed: 1 });
    return dependencies(await side.parents.getJob(job.id));
  });

  /* The one that goes on completes too early. */
  const differs = policy === 'continueParentOnFailure' ? { wording: /failedReason|events|stacktrace/ } : {};
  sameAsNode(`a child fails while its sibling waits: ${policy ?? 'no policy'}`, { differs }, async (side) => {
    await setUp(side);
    const { job } = await side.flow.add(
      family(side, { bad: [FAIL, opts], later: [{ result: 1 }, { delay: 3_600_000 }] }, { parent: { result: 'done' } }),
    );
    await work(side);
    await side.untilCounts({ failed: 1 });
    const parent = await side.parents.getJob(job.id);
    const isReleased = ['failParentOnFailure', 'continueParentOnFailure'].includes(policy);
    await side.untilState(job.id, isReleased ? 'failed' : 'waiting-children', side.parents);
    return dependencies(parent);
  });

  sameAsNode(`a child is removed when it fails: ${policy ?? 'no policy'}`, {}, async (side) => {
    await setUp(side);
    const { job } = await side.flow.add(family(side, { bad: [FAIL, { ...opts, removeOnFail: true }] }, { opts: { priority: 7 } }));
    await side.work();
    await until(async () => (await side.client.exists(side.key('wait'))) === 0, { what: 'the child to be taken' });
    await until(async () => (await side.client.llen(side.key('active'))) === 0, { what: 'the child to end' });
    return (await side.parents.getJob(job.id)).getState();
  });
}

sameAsNode('a failure goes up through three levels', { versions: BOTH }, async (side) => {
  await setUp(side);
  const opts = { failParentOnFailure: true };
  await side.flow.add({
    name: 'top',
    queueName: 'p',
    data: { result: 'top' },
    children: [
      { name: 'middle', queueName: 'q', data: { result: 'middle' }, opts, children: [{ name: 'leaf', queueName: 'q', data: FAIL, opts }] },
      { name: 'aside', queueName: 'q', data: { result: 'aside' } },
    ],
  });
  await work(side);
  await side.untilCounts({ failed: 1 }, side.parents);
  await side.untilCounts({ failed: 2, completed: 1 });
});

sameAsNode('a delayed parent fails for its child', {}, async (side) => {
  await setUp(side);
  const opts = { failParentOnFailure: true };
  const { job } = await side.flow.add(family(side, { good: { result: 1 } }, { opts: { delay: 3_600_000 } }));
  await side.work();
  await side.untilState(job.id, 'delayed', side.parents);
  await side.queue.add('late', FAIL, { ...opts, jobId: 'late', parent: { id: job.id, queue: side.parents.qualifiedName } });
  await side.untilState(job.id, 'waiting', side.parents);
});

sameAsNode('a failed child is retried and its parent goes on', { versions: BOTH }, async (side) => {
  await setUp(side);
  const { job } = await side.flow.add(family(side, { bad: [{ error: 'once', failTimes: 1, result: 'mended' }, { jobId: 'bad' }] }));
  await work(side);
  await side.untilState('bad', 'failed');
  await (await side.queue.getJob('bad')).retry();
  await side.untilState(job.id, 'completed', side.parents);
});

sameAsNode('a child whose parent is gone', {}, async (side) => {
  await setUp(side);
  const { job } = await side.flow.add(family(side, { a: [{ result: 1 }, { jobId: 'a' }], b: [FAIL, { jobId: 'b', failParentOnFailure: true }] }));
  await side.client.del(side.key(job.id, 'p'));
  await side.work();
  await side.untilCounts({ completed: 1, failed: 1 });
  return Object.keys(job.data);
});

sameAsNode('children of one parent in three queues, in the same queue as their parent, too', {}, async (side) => {
  const record = `${side.dir}/record`;
  await setUp(side);
  await side.flow.add({
    name: 'parent',
    queueName: 'q',
    data: { result: 0, record },
    children: [
      { name: 'same', queueName: 'q', data: { result: 1, record } },
      { name: 'other', queueName: 'p', data: { result: 2, record } },
      { name: 'third', queueName: 'r', data: { result: 3, record } },
    ],
  });
  await work(side);
  await side.work({ queue: 'r' });
  await side.untilCounts({ completed: 2 });
  return (await runsOf(record)).length;
});

sameAsNode('a bulk of flows', { versions: BOTH }, async (side) => {
  await setUp(side);
  await side.flow.addBulk([1, 2, 3].map((i) => ({
    name: `parent${i}`,
    queueName: 'p',
    data: { result: i },
    children: [1, 2].map((k) => ({ name: `child${i}${k}`, queueName: 'q', data: { result: k } })),
  })));
  await work(side);
  await side.untilCounts({ completed: 3 }, side.parents);
});
