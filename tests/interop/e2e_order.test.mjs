/* Which job runs next, end to end: order, priorities, delays, pause and resume, promotion. */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';

import { untilCounts, untilState } from '../lib/bull.mjs';
import { sameAsBull } from '../lib/e2e.mjs';
import { pause, until } from '../lib/wait.mjs';

const LATE_MS = 400; /* how late a due job may start on a busy machine */

/* ids in the order in which they were started, once `count` have been. */
async function startedOrder(side, count) {
  return (await side.messagesOf('active', count)).map((m) => m.message);
}

sameAsBull('first in, first out', {}, async (side) => {
  for (let i = 0; i < 20; i++) await side.queue.add({ result: i });
  await side.work();
  assert.deepEqual(
    await startedOrder(side, 20),
    Array.from({ length: 20 }, (_, i) => String(i + 1)),
  );
  await untilCounts(side.queue, { completed: 20 });
});

sameAsBull('lifo jobs go first', {}, async (side) => {
  for (let i = 1; i <= 3; i++) await side.queue.add({ result: i });
  for (let i = 4; i <= 6; i++) await side.queue.add({ result: i }, { lifo: true });
  await side.work();
  assert.deepEqual(await startedOrder(side, 6), ['6', '5', '4', '1', '2', '3']);
  await untilCounts(side.queue, { completed: 6 });
});

sameAsBull('priorities, and first in first out within one', {}, async (side) => {
  for (const priority of [undefined, 3, 1, 2, 1, 3, undefined, 2]) await side.queue.add({ result: 1 }, { priority });
  await side.work();
  assert.deepEqual(await startedOrder(side, 8), ['3', '5', '4', '8', '2', '6', '1', '7']);
  await untilCounts(side.queue, { completed: 8 });
  assert.equal(await side.client.exists('bull:q:priority'), 0);
});

sameAsBull('a prioritized job that is retried goes back to its place', {}, async (side) => {
  await side.queue.add({ error: 'once', failTimes: 1 }, { priority: 1, attempts: 2 });
  for (let i = 0; i < 3; i++) await side.queue.add({ result: 1 }, { priority: 5 });
  await side.queue.add({ result: 1 });
  await side.work();
  assert.deepEqual(await startedOrder(side, 6), ['1', '1', '2', '3', '4', '5']);
  await untilCounts(side.queue, { completed: 5 });
});

sameAsBull('a plain job that is retried goes to the end, a lifo one to the front', {}, async (side) => {
  await side.queue.add({ error: 'once', failTimes: 1 }, { attempts: 2 });
  await side.queue.add({ result: 1 });
  await side.queue.add({ error: 'once', failTimes: 1 }, { attempts: 2, lifo: true });
  await side.work();
  assert.deepEqual(await startedOrder(side, 5), ['3', '3', '1', '2', '1']);
  await untilCounts(side.queue, { completed: 3 });
});

sameAsBull('a delayed job starts when it is due, while the worker is idle', {}, async (side) => {
  await side.work();
  const added = Date.now();
  await side.queue.add({ result: 1 }, { delay: 300 });
  await untilState(side.queue, '1', 'completed');
  const { processedOn, delay } = await side.queue.getJob('1');
  assert.ok(processedOn - added >= 300, `started ${processedOn - added} ms after it was added`);
  assert.ok(processedOn - added < 300 + LATE_MS, `started ${processedOn - added} ms after it was added`);
  assert.equal(Number(delay), 0);
});

sameAsBull('an earlier delayed job does not wait for a later one', {}, async (side) => {
  await side.queue.add({ result: 1 }, { delay: 3_600_000 });
  await side.work();
  const added = Date.now();
  await side.queue.add({ result: 1 }, { delay: 200 });
  await untilState(side.queue, '2', 'completed');
  assert.ok((await side.queue.getJob('2')).processedOn - added < 200 + LATE_MS);
  await untilState(side.queue, '1', 'delayed');
});

sameAsBull('delayed jobs come in order of their due time', {}, async (side) => {
  for (const delay of [300, 100, 200]) await side.queue.add({ result: delay }, { delay });
  await side.work();
  assert.deepEqual(await startedOrder(side, 3), ['2', '3', '1']);
  await untilCounts(side.queue, { completed: 3 });
});

sameAsBull('jobs that fell due while nobody worked are run at start', { withoutMessages: ['active'] }, async (side) => {
  await side.queue.addBulk(
    Array.from({ length: 1200 }, (_, i) => ({ name: 'n', data: { result: i }, opts: { delay: 1 } })),
  );
  await until(async () => (await side.client.zcount('bull:q:delayed', 0, Date.now() * 4096)) === 1200, {
    what: 'all to be due',
  });
  await side.work({ concurrency: 20 });
  await untilCounts(side.queue, { completed: 1200, delayed: 0, active: 0 }, { deadlineMs: 20_000 });
});

/* Without the message, both find a due job after guardInterval at the latest. */
sameAsBull(
  'a delayed job whose message was lost is found',
  { worker: { settings: { guardInterval: 300 } } },
  async (side) => {
    await side.work();
    await side.queue.add({ result: 1 }, { delay: 3_600_000 });
    await side.client.zadd('bull:q:delayed', Date.now() * 4096, '1');
    await untilState(side.queue, '1', 'completed');
  },
);

sameAsBull('a delayed prioritized job takes its place when due', {}, async (side) => {
  const gate = `${side.dir}/gate`;
  await side.work();
  await side.queue.add({ gate });
  await untilState(side.queue, '1', 'active');
  await side.queue.add({ result: 1 }, { priority: 1 });
  await side.queue.add({ result: 1 }, { priority: 3 });
  await side.queue.add({ result: 1 }, { priority: 2, delay: 50 });
  await untilState(side.queue, '4', 'waiting');
  writeFileSync(gate, '');
  assert.deepEqual(await startedOrder(side, 4), ['1', '2', '4', '3']);
  await untilCounts(side.queue, { completed: 4 });
});

sameAsBull('promotion by hand', {}, async (side) => {
  await side.work();
  const job = await side.queue.add({ result: 1 }, { delay: 3_600_000 });
  await job.promote();
  await untilState(side.queue, '1', 'completed');
});

sameAsBull('a paused queue runs nothing, a resumed one everything', {}, async (side) => {
  await side.work();
  await side.queue.pause();
  for (let i = 0; i < 3; i++) await side.queue.add({ result: i });
  await side.queue.add({ result: 3 }, { delay: 50 });
  await untilCounts(side.queue, { paused: 4, delayed: 0, active: 0 });
  assert.equal((await side.queue.getJobCounts()).completed, 0);
  assert.equal(await side.queue.isPaused(), true);
  await side.queue.resume();
  await untilCounts(side.queue, { completed: 4, paused: 0 });
});

sameAsBull('a job that is running when the queue is paused ends; its retry waits', {}, async (side) => {
  const gate = `${side.dir}/gate`;
  await side.work();
  await side.queue.add({ gate, error: 'once', failTimes: 1 }, { attempts: 2 });
  await side.queue.add({ result: 1 });
  await untilState(side.queue, '1', 'active');
  await side.queue.pause();
  writeFileSync(gate, '');
  await untilCounts(side.queue, { paused: 2, active: 0 });
  await side.queue.resume();
  await untilCounts(side.queue, { completed: 2 });
});

sameAsBull('a queue that was paused before the worker came stays so', {}, async (side) => {
  await side.queue.pause();
  await side.queue.add({ result: 1 });
  await side.work();
  await pause(300); /* nothing must happen: the time is the subject */
  assert.deepEqual(await side.client.lrange('bull:q:paused', 0, -1), ['1']);
  await side.queue.resume();
  await untilCounts(side.queue, { completed: 1 });
});

sameAsBull('a failed job is retried by hand', {}, async (side) => {
  await side.work();
  const job = await side.queue.add({ error: 'no' });
  await untilState(side.queue, '1', 'failed');
  await job.update({ result: 'yes' });
  await job.retry();
  await untilState(side.queue, '1', 'completed');
});

sameAsBull('all failed jobs are retried', {}, async (side) => {
  await side.work();
  for (let i = 0; i < 5; i++) await side.queue.add({ error: 'no' });
  await untilCounts(side.queue, { failed: 5 });
  for (let i = 1; i <= 5; i++) await side.client.hset(`bull:q:${i}`, 'data', '{"result":1}');
  await side.queue.retryJobs({ count: 2 });
  await untilCounts(side.queue, { completed: 5, failed: 0 });
});

sameAsBull('concurrency runs that many at once, and no more', {}, async (side) => {
  const gate = `${side.dir}/gate`;
  for (let i = 0; i < 8; i++) await side.queue.add({ gate });
  await side.work({ concurrency: 3 });
  await untilCounts(side.queue, { active: 3, waiting: 5 });
  await pause(200); /* a fourth must not come */
  await untilCounts(side.queue, { active: 3, waiting: 5 });
  writeFileSync(gate, '');
  await untilCounts(side.queue, { completed: 8 });
});

sameAsBull('job ids of any kind', {}, async (side) => {
  await side.work();
  for (const jobId of ['a:b:c', 'mit leer zeichen', 'ünïcödé', '"quoted"', '{tag}', 'x'.repeat(500)]) {
    await side.queue.add({ result: 1 }, { jobId });
  }
  await untilCounts(side.queue, { completed: 6 });
});

sameAsBull('a large job', {}, async (side) => {
  await side.work();
  const text = 'ä'.repeat(500_000);
  await side.queue.add({ result: text });
  await untilState(side.queue, '1', 'completed');
  assert.equal((await side.queue.getJob('1')).returnvalue, text);
});
