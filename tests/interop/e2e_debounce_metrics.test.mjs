/* Debounce and metrics, end to end: what a worker does to the debounce key, and what it counts. */

import assert from 'node:assert/strict';

import { untilCounts, untilState } from '../lib/bull.mjs';
import { sameAsBull } from '../lib/e2e.mjs';

for (const [name, data, state] of [
  ['completes', { result: 1 }, 'completed'],
  ['fails', { error: 'no' }, 'failed'],
]) {
  sameAsBull(`a debounce without ttl ends when its job ${name}`, {}, async (side) => {
    const debounce = { id: 'X' };
    await side.queue.add(data, { debounce });
    const second = await side.queue.add(data, { debounce });
    assert.equal(second.id, '1');
    await side.work();
    await untilState(side.queue, '1', state);
    assert.equal(await side.client.exists('bull:q:de:X'), 0);
    const third = await side.queue.add(data, { debounce });
    assert.equal(third.id, '3');
    await untilState(side.queue, '3', state);
    assert.equal((await side.messagesOf('debounced')).length, 1);
  });
}

sameAsBull('a debounce with ttl outlives its job', {}, async (side) => {
  const debounce = { id: 'X', ttl: 3_600_000 };
  await side.work();
  await side.queue.add({ result: 1 }, { debounce });
  await untilState(side.queue, '1', 'completed');
  assert.ok((await side.client.pttl('bull:q:de:X')) > 0);
  assert.equal((await side.queue.add({ result: 2 }, { debounce })).id, '1');
});

sameAsBull('a job that will be retried keeps its debounce', {}, async (side) => {
  await side.work();
  await side.queue.add({ error: 'no' }, { debounce: { id: 'X' }, attempts: 2, backoff: 3_600_000 });
  await untilState(side.queue, '1', 'delayed');
  assert.equal(await side.client.get('bull:q:de:X'), '1');
});

sameAsBull(
  'metrics count what ended, minute by minute',
  { worker: { settings: { metrics: { maxDataPoints: 4 } } } },
  async (side) => {
    const minute = 60_000;
    const set = (type, minutesAgo) =>
      side.client.hset(`bull:q:metrics:${type}`, 'prevTS', Date.now() - minutesAgo * minute);
    await side.work();
    for (let i = 0; i < 5; i++) await side.queue.add({ result: i });
    await untilCounts(side.queue, { completed: 5 });
    await set('completed', 3);
    await side.queue.add({ result: 1 });
    await untilCounts(side.queue, { completed: 6 });
    await set('completed', 9);
    await side.queue.add({ result: 1 });
    await untilCounts(side.queue, { completed: 7 });
    await side.queue.add({ error: 'no' }, { attempts: 2 });
    await untilCounts(side.queue, { failed: 1 });
    const { meta, data } = await side.queue.getMetrics('completed');
    assert.equal(Number(meta.count), 7);
    assert.deepEqual([(await side.queue.getMetrics('failed')).meta.count].map(Number), [1]);
    return { data };
  },
);

sameAsBull('without the setting nothing is counted', {}, async (side) => {
  await side.work();
  await side.queue.add({ result: 1 });
  await untilCounts(side.queue, { completed: 1 });
  assert.deepEqual(await side.client.keys('bull:q:metrics*'), []);
});
