/* A mixed fleet on one queue: Bull workers and ours share 10 000 jobs; each is completed exactly once
 * and nothing is left over. */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';

import { bullQueue, recordMessages, untilCounts, untilMessages } from '../lib/bull.mjs';
import { startRedis, temporaryDirectory } from '../lib/redis.mjs';
import { parseRecord } from '../lib/script.mjs';
import { KINDS, startBullProcess, startCartritaWorker } from '../lib/workers.mjs';

const JOBS = 10_000;
const BULK = 500;
const DEADLINE_MS = 120_000;

test(`${JOBS} jobs, Bull and Cartrita together`, async (t) => {
  const redis = await startRedis(t);
  const dir = await temporaryDirectory(t);
  const record = `${dir}/record`;
  const queue = bullQueue(t, redis);
  const client = redis.client();
  const messages = await recordMessages(redis);
  const workers = [];

  if (KINDS.includes('cartrita')) {
    workers.push(await startCartritaWorker(t, redis, { processes: 2, concurrency: 5 }));
  }
  workers.push(await startBullProcess(t, redis, { concurrency: 5 }));
  for (let i = 0; i < JOBS; i += BULK) {
    await queue.addBulk(
      Array.from({ length: BULK }, (_, k) => ({
        name: 'n',
        data: { record, result: i + k, ...(k % 50 === 0 && { error: 'once', failTimes: 1 }) },
        opts: {
          attempts: 2,
          ...(k % 20 === 0 && { priority: (k % 3) + 1 }),
          ...(k % 25 === 0 && { delay: 50 }),
          ...(k % 30 === 0 && { lifo: true }),
        },
      })),
    );
  }
  await untilCounts(
    queue,
    { completed: JOBS, waiting: 0, active: 0, delayed: 0, failed: 0 },
    { deadlineMs: DEADLINE_MS },
  );
  await untilMessages(messages, 'completed', JOBS);
  for (const worker of workers) await worker.stop();

  /* Exactly once: one completed message each, and one run each (two for those that failed once). */
  const completed = new Map();
  for (const { channel, message } of messages) {
    if (channel !== 'completed') continue;
    const { jobId } = JSON.parse(message);
    completed.set(jobId, (completed.get(jobId) ?? 0) + 1);
  }
  assert.equal(completed.size, JOBS);
  assert.deepEqual(
    [...completed].filter(([, count]) => count !== 1),
    [],
  );
  const runs = new Map();
  const pids = new Set();
  for (const { id, pid } of parseRecord(await readFile(record, 'utf8'))) {
    runs.set(id, (runs.get(id) ?? 0) + 1);
    pids.add(pid);
  }
  const wrong = [...runs].filter(([id, count]) => count !== (((Number(id) - 1) % BULK) % 50 === 0 ? 2 : 1));
  assert.deepEqual(wrong, []);
  assert.ok(pids.size >= workers.length, `worked in ${pids.size} processes`);

  /* Nothing is left over. */
  const rest = (await client.keys('bull:q:*')).filter((key) => !/^bull:q:\d+$/.test(key)).sort();
  assert.deepEqual(
    rest.filter((key) => !['bull:q:stalled', 'bull:q:stalled-check'].includes(key)),
    ['bull:q:completed', 'bull:q:id'],
  );
});

if (KINDS.includes('cartrita')) {
  test('one pool serves seven queues, the busy and the quiet', async (t) => {
    const redis = await startRedis(t);
    const dir = await temporaryDirectory(t);
    const names = ['email', 'image', 'analytics', 'notification', 'cleanup', 'workflow', 'security'];
    const queues = names.map((name) => bullQueue(t, redis, name));
    const worker = await startCartritaWorker(t, redis, { queue: names, processes: 2, concurrency: 3 });
    const sizes = names.map((_, i) => (i === 0 ? 2000 : 50));
    await Promise.all(
      queues.map((queue, i) =>
        queue.addBulk(
          Array.from({ length: sizes[i] }, (_, k) => ({
            name: 'n',
            data: { record: `${dir}/${names[i]}`, result: k },
          })),
        ),
      ),
    );
    await Promise.all(
      queues.map((queue, i) =>
        untilCounts(
          queue,
          { completed: sizes[i], active: 0, waiting: 0 },
          { deadlineMs: DEADLINE_MS, describe: () => worker.log },
        ),
      ),
    );
    for (const [i, name] of names.entries()) {
      assert.equal(parseRecord(await readFile(`${dir}/${name}`, 'utf8')).length, sizes[i], `runs of ${name}`);
      assert.equal((await queues[i].getWorkers()).length, 1, `workers of ${name}`);
    }
    await worker.stop();
  });
}
