/* BullMQ queues with names and prefixes as people choose them, and on a Redis that minds in which slot keys
 * are. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { untilCounts } from '../lib/bull.mjs';
import { mqEvents, mqFlow, mqQueue } from '../lib/bullmq.mjs';
import { sameAsNode, until } from '../lib/e2e_mq.mjs';
import { startRedis } from '../lib/redis.mjs';
import { startCartritaWorker } from '../lib/workers.mjs';

for (const name of ['{tagged}', 'with space', 'ünï-😀', 'a.b*c?[d]', 'repeat']) {
  sameAsNode(`a queue called ${name}`, { queue: name }, async (side) => {
    const events = await side.events(name);
    const jobs = [await side.queue.add('x', { result: 1 }), await side.queue.add('y', { error: 'no' }, { attempts: 2, backoff: 20 })];
    await side.work({ queue: name });
    assert.equal(await jobs[0].waitUntilFinished(events, 20_000), 1);
    await assert.rejects(jobs[1].waitUntilFinished(events, 20_000), { message: 'no' });
    assert.equal((await side.queue.getWorkers()).length, 1);
  });
}

sameAsNode('jobs with names, ids and data of all kinds', { versions: [5, 6] }, async (side) => {
  const odd = ['', ' ', 'wait:x:y', 'a/b', 'ü😀', 'x'.repeat(500), '-', '1.5', 'NULL\\u0000'];
  for (const [i, jobId] of odd.entries()) {
    await side.queue.add(jobId || 'none', { result: jobId, [jobId]: jobId }, jobId.trim() ? { jobId } : {});
    if (i % 2) await side.queue.add('', null, { jobId: `null${i}` });
  }
  await side.work();
  await side.untilCounts({ waiting: 0, failed: 4 });
});

/* One node that owns all slots refuses what a cluster would refuse. */
test('a tagged prefix on a cluster: retries, flows, schedulers', async (t) => {
  const redis = await startRedis(t, { args: ['--cluster-enabled', 'yes'] });
  const client = redis.client();
  const prefix = '{mine}';
  await client.cluster('ADDSLOTS', ...Array.from({ length: 16_384 }, (_, slot) => slot));
  await until(async () => (await client.cluster('INFO')).includes('cluster_state:ok'), { what: 'the cluster to be there' });
  const queue = mqQueue(t, redis, 'q', { prefix });
  const parents = mqQueue(t, redis, 'p', { prefix });
  const events = await mqEvents(t, redis, 'q', { prefix });
  const worker = await startCartritaWorker(t, redis, { dialect: 'bullmq', queue: ['q', 'p'], settings: { prefix } });
  await queue.add('x', { error: 'once', failTimes: 1 }, { attempts: 2, backoff: 20, priority: 2 });
  await queue.add('x', { result: 1 }, { deduplication: { id: 'k' } });
  await queue.upsertJobScheduler('s', { every: 100, limit: 2 }, { name: 'tick', data: {} });
  await mqFlow(t, redis, { prefix }).add({
    name: 'top',
    queueName: 'p',
    data: { childValues: true },
    children: [{ name: 'a', queueName: 'q', data: { result: 2 } }, { name: 'b', queueName: 'q', data: { error: 'no' }, opts: { ignoreDependencyOnFailure: true } }],
  });
  await untilCounts(parents, { completed: 1 }, { describe: () => worker.log });
  await untilCounts(queue, { completed: 5, failed: 1, active: 0 }, { describe: () => worker.log });
  assert.deepEqual([...events.errors, ...queue.errors], []);
  await worker.stop();
});
