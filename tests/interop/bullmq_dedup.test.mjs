/* Deduplication of BullMQ: in each mode jobs are added while their owner waits, runs and has ended. The same
 * under a Node worker and under ours. */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';

import { sameAsNode, until } from '../lib/e2e_mq.mjs';

const BOTH = [5, 6];
const HOUR = 3_600_000;

async function untilRunning(side, id) {
  await until(() => side.client.exists(side.key(`${id}:lock`)), { what: `job ${id} to run` });
}

/* One reply for all states: a job that moves between two questions would be in neither. */
async function untilIdle(side) {
  await until(async () => {
    const { completed, failed, ...rest } = await side.queue.getJobCounts();
    return completed + failed > 0 && Object.values(rest).every((count) => count === 0);
  }, { what: 'the queue to be idle' });
}

for (const [name, deduplication, opts] of [
  ['simple', { id: 'k' }],
  ['throttle', { id: 'k', ttl: HOUR }],
  ['throttle, extended', { id: 'k', ttl: HOUR, extend: true }],
  ['debounce', { id: 'k', ttl: HOUR, extend: true, replace: true }, { delay: 100 }],
  ['replace without a time', { id: 'k', replace: true }, { delay: 100 }],
  ['keep the last', { id: 'k', keepLastIfActive: true }],
  ['keep the last, replacing', { id: 'k', keepLastIfActive: true, replace: true }, { delay: 50 }],
]) {
  for (const how of ['completes', 'fails', 'fails after a retry']) {
    const end = how === 'completes' ? { result: 1 } : { error: 'no' };
    const attempts = how === 'fails after a retry' ? 2 : 1;
    sameAsNode(`${name}: the owner ${how}`, { versions: how === 'completes' ? BOTH : [6] }, async (side) => {
      const gate = `${side.dir}/gate`;
      const add = (n, more) => side.queue.add(`n${n}`, { n, gate, ...end }, { ...opts, attempts, deduplication, ...more });
      const added = [(await add(1)).id, (await add(2)).id];
      await side.work();
      await untilRunning(side, added.at(-1));
      added.push((await add(3)).id, (await add(4)).id);
      writeFileSync(gate, '');
      await untilIdle(side);
      added.push((await add(5)).id);
      await untilIdle(side);
      return added;
    });
  }
}

sameAsNode('keep the last: its options come along', {}, async (side) => {
  const gate = `${side.dir}/gate`;
  const deduplication = { id: 'k', keepLastIfActive: true };
  await side.queue.add('a', { gate }, { deduplication });
  await side.work();
  await untilRunning(side, '1');
  await side.queue.add('b', { n: 2 }, { deduplication, priority: 3, attempts: 4, backoff: 500, removeOnComplete: 10, jobId: 'own' });
  writeFileSync(gate, '');
  await side.untilState('own', 'completed');
});

for (const [name, opts] of [['delayed', { delay: HOUR }], ['lifo', { lifo: true }]]) {
  sameAsNode(`keep the last: it is ${name}`, {}, async (side) => {
    const gate = `${side.dir}/gate`;
    const deduplication = { id: 'k', keepLastIfActive: true };
    await side.queue.add('a', { gate }, { deduplication });
    await side.work();
    await untilRunning(side, '1');
    await side.queue.add('b', { n: 2 }, { deduplication, ...opts });
    writeFileSync(gate, '');
    await side.untilState('1', 'completed');
    await until(async () => (await side.client.exists(side.key('dn:k'))) === 0, { what: 'the last to be added' });
    await side.untilCounts({ completed: name === 'lifo' ? 2 : 1 });
  });
}

sameAsNode('the owner is removed when it completes', { versions: BOTH }, async (side) => {
  await side.queue.add('a', { result: 1 }, { deduplication: { id: 'k' }, removeOnComplete: true });
  await side.queue.add('b', { result: 1 }, { deduplication: { id: 'l', ttl: HOUR }, removeOnComplete: true });
  await side.work();
  await until(async () => (await side.client.exists(side.key(1), side.key(2))) === 0, { what: 'both to be gone' });
  assert.equal(await side.client.exists(side.key('de:k')), 0);
  assert.equal(await side.client.exists(side.key('de:l')), 1);
});

sameAsNode('rescheduled', {}, async (side) => {
  const deduplication = { id: 'k', reschedule: true };
  await side.queue.add('a', { result: 1 }, { deduplication, delay: HOUR });
  await side.queue.add('b', { result: 2 }, { deduplication, delay: 80 });
  await side.work();
  await side.untilState('1', 'completed');
});
