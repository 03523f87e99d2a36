/* What Node code listens to, end to end: Bull's global events from a listener that knows nothing of
 * the worker, getWorkers, drained, and job.finished(). */

import assert from 'node:assert/strict';

import { bullQueue, untilCounts, untilState } from '../lib/bull.mjs';
import { sameAsBull } from '../lib/e2e.mjs';
import { nextEvent, until } from '../lib/wait.mjs';

const EVENTS = ['waiting', 'active', 'completed', 'failed', 'progress', 'stalled', 'paused', 'resumed', 'drained'];

async function listen(side) {
  const listener = bullQueue(side.t, side.redis);
  const seen = [];
  for (const event of EVENTS) listener.on(`global:${event}`, (...args) => seen.push([event, ...args]));
  await listener.isReady();
  /* The listener's subscriptions are made lazily: wait for them. */
  const wanted = ['completed', 'failed', 'progress', 'paused', 'resumed', 'drained'].map((name) => `bull:q:${name}`);
  await until(
    async () => {
      const numbers = await side.client.pubsub('NUMSUB', ...wanted);
      return numbers.filter((_, i) => i % 2 === 1).every((n) => n > 0) && (await side.client.pubsub('NUMPAT')) >= 4;
    },
    { what: 'the subscriptions of the listener' },
  );
  return seen;
}

sameAsBull('global events of a job that succeeds', {}, async (side) => {
  const seen = await listen(side);
  await side.work();
  await side.queue.add({ progress: [1, { a: 2 }], result: { x: [1] } });
  await until(() => seen.some(([event]) => event === 'completed'), { what: 'global:completed' });
  const events = seen.filter(([event]) => event !== 'drained');
  assert.deepEqual(events, [
    ['waiting', '1', null],
    ['active', '1', 'waiting'],
    ['progress', '1', 1],
    ['progress', '1', { a: 2 }],
    ['completed', '1', '{"x":[1]}', 'active'],
  ]);
});

sameAsBull('global events of a job that fails after a retry', {}, async (side) => {
  const seen = await listen(side);
  await side.work();
  await side.queue.add({ error: 'boom' }, { attempts: 2 });
  await until(() => seen.some(([event]) => event === 'failed'), { what: 'global:failed' });
  assert.deepEqual(
    seen.filter(([event]) => event !== 'drained'),
    [
      ['waiting', '1', null],
      ['active', '1', 'waiting'],
      ['active', '1', 'waiting'],
      ['failed', '1', 'boom', 'active'],
    ],
  );
});

sameAsBull('drained is told when the last job is done', {}, async (side) => {
  const seen = await listen(side);
  await side.work();
  for (let i = 0; i < 3; i++) await side.queue.add({ result: i });
  await untilCounts(side.queue, { completed: 3 });
  await until(() => seen.some(([event]) => event === 'drained'), { what: 'global:drained' });
});

sameAsBull('drained is told after the job, each time the queue becomes empty', {}, async (side) => {
  const seen = await listen(side);
  await side.work();
  for (let i = 1; i <= 3; i++) {
    await side.queue.add({ result: i });
    const told = () => seen.filter(([event]) => event === 'drained').length;
    await until(() => told() >= i, { what: `drained for the ${i}. time` });
    assert.equal(seen.filter(([event]) => event === 'completed').length, i);
  }
});

sameAsBull('global events of a pause', {}, async (side) => {
  const seen = await listen(side);
  await side.work();
  await side.queue.pause();
  await side.queue.resume();
  await until(() => seen.some(([event]) => event === 'resumed'), { what: 'global:resumed' });
  assert.deepEqual(
    seen.map(([event]) => event).filter((event) => event !== 'drained'),
    ['paused', 'resumed'],
  );
});

sameAsBull('a worker is listed while it works, and not after', {}, async (side) => {
  assert.deepEqual(await side.queue.getWorkers(), []);
  const worker = await side.work({ concurrency: 5 });
  const workers = await side.queue.getWorkers();
  assert.equal(workers.length, 1);
  assert.equal(workers[0].name, 'q');
  await worker.stop();
  side.workers.length = 0;
  await until(async () => (await side.queue.getWorkers()).length === 0, { what: 'the worker to be gone' });
});

sameAsBull('a queue that looks idle wakes at once', {}, async (side) => {
  await side.work();
  for (let i = 1; i <= 5; i++) {
    const job = await side.queue.add({ result: i });
    assert.equal(await job.finished(), i);
    await untilState(side.queue, job.id, 'completed');
  }
});

sameAsBull('finished() of a removed job resolves by its message', {}, async (side) => {
  const done = nextEvent(side.queue, 'global:completed');
  const job = await side.queue.add({ result: 'gone' }, { removeOnComplete: true, delay: 200 });
  const finished = job.finished();
  await side.work();
  assert.equal(await finished, 'gone');
  assert.equal((await done)[0], '1');
});

sameAsBull('another prefix', { isCompared: false, worker: { settings: { prefix: '{my:app}' } } }, async (side) => {
  const queue = bullQueue(side.t, side.redis, 'q', { prefix: '{my:app}' });
  await side.work();
  const job = await queue.add({ result: 'there' });
  assert.equal(await job.finished(), 'there');
  assert.deepEqual(
    (await side.client.keys('*')).filter((key) => !key.startsWith('{my:app}:q:')),
    [],
  );
});
