/* Which job of BullMQ runs when: priorities, LIFO, delays, pauses in the way of 5 and of 6, limits of rate
 * and of jobs at once. The same under a Node worker and under ours. */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';

import { runsOf, sameAsNode, until } from '../lib/e2e_mq.mjs';
import { mqQueue } from '../lib/bullmq.mjs';

const BOTH = [5, 6];

sameAsNode('waiting jobs first, then by priority, the last in first out', { versions: BOTH }, async (side) => {
  const record = `${side.dir}/record`;
  for (const opts of [{ priority: 5 }, { priority: 2 }, {}, { priority: 5 }, { lifo: true }, { priority: 2, lifo: true }, {}, { priority: 2_097_151 }])
    await side.queue.add('x', { record }, opts);
  await side.work();
  await side.untilCounts({ completed: 8 });
  return runsOf(record);
});

sameAsNode('priorities of a bulk, and custom ids twice', { versions: BOTH }, async (side) => {
  const record = `${side.dir}/record`;
  await side.queue.addBulk([3, 1, 2, 1].map((priority, i) => ({ name: 'x', data: { record }, opts: { priority, jobId: `j${i}` } })));
  await side.queue.add('x', { record, other: true }, { jobId: 'j2' });
  await side.work();
  await side.untilCounts({ completed: 4 });
  return runsOf(record);
});

sameAsNode('delayed jobs, also with priorities and lifo, in the order of their times', { versions: BOTH }, async (side) => {
  const record = `${side.dir}/record`;
  const timestamp = Date.now() - 10_000;
  for (const [i, opts] of [{ delay: 9000 }, { delay: 8000, lifo: true }, { delay: 8000 }, { delay: 8500, priority: 2 }, { delay: 100, priority: 1 }].entries())
    await side.queue.add(`x${i}`, { record }, { ...opts, timestamp });
  await side.work();
  await side.untilCounts({ completed: 5 });
  return runsOf(record);
});

sameAsNode('a job that becomes due while the worker waits', { versions: BOTH }, async (side) => {
  await side.work();
  await side.queue.add('far', { result: 1 }, { delay: 3_600_000 });
  await side.queue.add('near', { result: 2 }, { delay: 150 });
  await side.untilState('2', 'completed');
  await side.queue.add('now', { result: 3 });
  await side.untilState('3', 'completed');
});

sameAsNode('a far job, promoted, made earlier, given a priority', {}, async (side) => {
  await side.work();
  for (let i = 0; i < 3; i++) await side.queue.add('far', { result: i }, { delay: 3_600_000, priority: i });
  await (await side.queue.getJob('1')).promote();
  await side.untilState('1', 'completed');
  await (await side.queue.getJob('2')).changeDelay(50);
  await side.untilState('2', 'completed');
  await side.queue.promoteJobs();
  await side.untilState('3', 'completed');
});

for (const version of BOTH) {
  sameAsNode(`a pause in the way of ${version}`, {}, async (side) => {
    const record = `${side.dir}/record`;
    const operator = mqQueue(side.t, side.redis, 'q', { version, prefix: side.prefix });
    await side.queue.add('first', { record });
    await side.work();
    await side.untilState('1', 'completed');
    await operator.pause();
    for (let i = 0; i < 3; i++) await operator.add('x', { record });
    await operator.add('x', { record }, { lifo: true });
    await operator.add('x', { record }, { priority: 1 });
    assert.equal((await runsOf(record)).length, 1, 'nothing runs while paused');
    await operator.resume();
    await side.untilCounts({ completed: 6 });
    return (await runsOf(record)).length;
  });
}

/* What 5 resumes is what it had in its own list: a due job that was put into the other one meanwhile is
 * lost, with a Node worker. */
for (const version of BOTH) {
  sameAsNode(`a job becomes due in a queue that ${version} has paused`, { isOursAlone: version === 5 }, async (side) => {
    const operator = mqQueue(side.t, side.redis, 'q', { version, prefix: side.prefix });
    await side.work();
    await operator.add('x', { result: 1 }, { delay: 100 });
    await operator.pause();
    await operator.add('x', { result: 2 });
    await until(async () => (await side.client.zscore(side.key('delayed'), '1')) / 4096 < Date.now(), { what: 'the job to be due' });
    await operator.add('y', { result: 3 }, { jobId: 'wakes', priority: 1 }); /* whoever waits looks again */
    await operator.resume();
    await side.untilCounts({ completed: 3 });
  });
}

sameAsNode('a queue that is paused under a running job, with others behind it', {}, async (side) => {
  const gate = `${side.dir}/gate`;
  await side.queue.add('x', { gate });
  await side.work();
  await until(() => side.client.exists(side.key('1:lock')), { what: 'the job to run' });
  await side.queue.pause();
  for (let i = 0; i < 2; i++) await side.queue.add('x', { result: 1 });
  writeFileSync(gate, '');
  await side.untilState('1', 'completed');
  assert.equal(await side.client.llen(side.key('wait')), 2);
});

sameAsNode('what 5 has left behind in its paused list comes back when 6 resumes', {}, async (side) => {
  const five = mqQueue(side.t, side.redis, 'q', { version: 5, prefix: side.prefix });
  for (let i = 0; i < 2; i++) await five.add('x', { result: i });
  await five.pause();
  await five.add('x', { result: 2 });
  await side.work();
  await side.queue.add('x', { result: 3 });
  await side.queue.resume();
  await side.untilCounts({ completed: 4 });
});

sameAsNode('no more jobs at once than the queue allows', { worker: { concurrency: 4 } }, async (side) => {
  const gate = `${side.dir}/gate`;
  await side.queue.setGlobalConcurrency(2);
  for (let i = 0; i < 4; i++) await side.queue.add('x', { gate });
  await side.work();
  await until(async () => (await side.queue.getActiveCount()) === 2, { what: 'two active jobs' });
  assert.equal(await side.queue.isMaxed(), true);
  writeFileSync(gate, '');
  await side.untilCounts({ completed: 4 });
});

sameAsNode('a rate limit of the worker', { worker: { settings: { limiter: { max: 2, duration: 400 } } } }, async (side) => {
  for (let i = 0; i < 4; i++) await side.queue.add('x', { result: i });
  await side.work();
  await until(async () => (await side.queue.getCompletedCount()) === 2, { what: 'two jobs' });
  await side.untilCounts({ completed: 4 });
  const on = (await Promise.all([1, 2, 3, 4].map((i) => side.client.hget(side.key(i), 'processedOn')))).map(Number);
  assert.ok(on[2] - on[0] >= 390, `${on[2] - on[0]} ms between the first and the third`);
  await until(async () => !(await side.client.exists(side.key('limiter'))), { what: 'the window to end' });
});

sameAsNode('a rate limit of the queue, and a worker\'s duration that beats its own', {
  worker: { settings: { limiter: { max: 100, duration: 300 } } },
}, async (side) => {
  await side.queue.setGlobalRateLimit(1, 60_000);
  for (let i = 0; i < 3; i++) await side.queue.add('x', { result: i });
  await side.work();
  await side.untilCounts({ completed: 3 });
  await until(async () => !(await side.client.exists(side.key('limiter'))), { what: 'the window to end' });
});

sameAsNode('the queue is limited by hand', { worker: { settings: { limiter: { max: 100, duration: 1000 } } } }, async (side) => {
  const before = Date.now();
  await side.queue.rateLimit(300);
  await side.queue.add('x', { result: 1 });
  await side.queue.add('x', { result: 2 }, { delay: 20 });
  await side.work();
  await side.untilCounts({ completed: 2 });
  assert.ok(Number(await side.client.hget(side.key(1), 'processedOn')) - before >= 290);
  await until(async () => !(await side.client.exists(side.key('limiter'))), { what: 'the window to end' });
});

sameAsNode('who is limited looks again at the latest after maximumRateLimitDelay', {
  worker: { settings: { limiter: { max: 100, duration: 1000 }, maximumRateLimitDelay: 100 } },
}, async (side) => {
  await side.queue.rateLimit(60_000);
  await side.queue.add('x', { result: 1 });
  await side.queue.add('x', { result: 2 }, { delay: 20 });
  await side.work();
  await until(async () => (await side.client.zcard(side.key('delayed'))) === 0, { what: 'the due job to be moved' });
  assert.equal(await side.queue.getCompletedCount(), 0);
  await side.queue.removeRateLimitKey();
  await side.untilCounts({ completed: 2 });
  await until(async () => !(await side.client.exists(side.key('limiter'))), { what: 'the window to end' });
});

sameAsNode('a limit by hand binds no worker without a maximum', {}, async (side) => {
  await side.queue.rateLimit(60_000);
  await side.queue.add('x', { result: 1 });
  await side.work();
  await side.untilState('1', 'completed');
  await side.queue.removeRateLimitKey();
});

sameAsNode('markers of 4 in the list are no jobs', {}, async (side) => {
  await side.queue.add('x', { result: 1 });
  await side.client.rpush(side.key('wait'), '0:1700000000000');
  await side.client.lpush(side.key('wait'), '0:0');
  await side.work();
  await side.untilState('1', 'completed');
  await until(async () => (await side.client.llen(side.key('wait'))) === 0, { what: 'the markers to be gone' });
  assert.equal(await side.client.llen(side.key('active')), 0);
});
