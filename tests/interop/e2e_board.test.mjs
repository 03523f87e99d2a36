/* bull-board on a queue, through its own HTTP handlers: what an operator sees and clicks works the
 * same whoever does the jobs. */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';

import { BullAdapter } from '@bull-board/api/bullAdapter';

import { mountBoard, ok } from '../lib/board.mjs';
import { bullQueue, untilCounts, untilState } from '../lib/bull.mjs';
import { sameAsBull } from '../lib/e2e.mjs';
import { until } from '../lib/wait.mjs';

const openBoard = (side) => mountBoard(side.t, new BullAdapter(bullQueue(side.t, side.redis)));

const listOf = async (board, status) =>
  (await ok(board('GET', `/queues?activeQueue=q&status=${status}&page=1&jobsPerPage=10`))).queues[0];

const COUNTS = ['active', 'completed', 'delayed', 'failed', 'paused', 'waiting'];

sameAsBull('the board lists jobs of every state', {}, async (side) => {
  const gate = `${side.dir}/gate`;
  const board = await openBoard(side);
  await side.work();
  /* Long enough that ours does not look ahead: what waits shall be seen to wait. */
  await side.queue.add('good', { sleep: 30, result: 1, progress: [40], logs: ['row'] });
  await side.queue.add('bad', { sleep: 30, error: 'boom' }, { attempts: 2 });
  await untilCounts(side.queue, { completed: 1, failed: 1 });
  await side.queue.add('running', { gate });
  await untilCounts(side.queue, { active: 1 });
  await side.queue.add('waiting', { result: 1 });
  await side.queue.add('later', { result: 1 }, { delay: 3_600_000 });
  const { counts } = await listOf(board, 'latest');
  assert.deepEqual(
    COUNTS.map((name) => counts[name]),
    [1, 1, 1, 1, 0, 1],
  );
  const shown = {};
  for (const status of ['active', 'completed', 'failed', 'delayed', 'waiting']) {
    const { jobs } = await listOf(board, status);
    assert.equal(jobs.length, 1, status);
    const { name, attempts, progress, failedReason, isFailed, returnValue, data } = jobs[0];
    shown[status] = { name, attempts, progress, failedReason, isFailed, returnValue, data: Object.keys(data) };
  }
  assert.equal(shown.failed.failedReason, 'boom');
  assert.equal(shown.failed.attempts, 3, 'bull-board adds one to attemptsMade');
  assert.equal(shown.completed.attempts, 1);
  assert.equal(shown.completed.progress, 40);
  assert.deepEqual(await ok(board('GET', '/queues/q/1/logs')), ['row']);
  const { job, status } = await ok(board('GET', '/queues/q/2'));
  assert.deepEqual([job.id, status, job.stacktrace.length], ['2', 'failed', 2]);
  const workers = await ok(board('GET', '/queues/q/workers'));
  assert.equal(JSON.stringify(workers).match(/"addr"/g)?.length, 1, JSON.stringify(workers));
  writeFileSync(gate, '');
  await untilCounts(side.queue, { completed: 3 });
  return shown;
});

sameAsBull('the board retries one failed job, and all', {}, async (side) => {
  const board = await openBoard(side);
  await side.work();
  for (let i = 0; i < 3; i++) await side.queue.add({ error: 'no' });
  await untilCounts(side.queue, { failed: 3 });
  for (let i = 1; i <= 3; i++)
    await ok(board('PATCH', `/queues/q/${i}/update-data`, { jobData: { result: 'mended' } }));
  await ok(board('PUT', '/queues/q/2/retry'));
  await untilState(side.queue, '2', 'completed');
  await ok(board('PUT', '/queues/q/retry/failed'));
  await untilCounts(side.queue, { completed: 3, failed: 0 });
});

sameAsBull('the board promotes one delayed job, and all', {}, async (side) => {
  const board = await openBoard(side);
  await side.work();
  for (let i = 0; i < 3; i++) await side.queue.add({ result: 1 }, { delay: 3_600_000 });
  await ok(board('PUT', '/queues/q/1/promote'));
  await untilState(side.queue, '1', 'completed');
  await ok(board('PUT', '/queues/q/promote'));
  await untilCounts(side.queue, { completed: 3, delayed: 0 });
});

sameAsBull('the board pauses, resumes, empties', {}, async (side) => {
  const board = await openBoard(side);
  await side.work();
  await ok(board('PUT', '/queues/q/pause'));
  for (let i = 0; i < 3; i++) await side.queue.add({ result: 1 });
  const { isPaused, counts } = await listOf(board, 'paused');
  assert.deepEqual([isPaused, counts.paused], [true, 3]);
  await ok(board('PUT', '/queues/q/resume'));
  await untilCounts(side.queue, { completed: 3, paused: 0 });
  await ok(board('PUT', '/queues/q/pause'));
  await side.queue.add({ result: 1 });
  await ok(board('PUT', '/queues/q/empty'));
  await untilCounts(side.queue, { paused: 0, waiting: 0 });
});

sameAsBull('the board removes what has ended', {}, async (side) => {
  const board = await openBoard(side);
  await side.work();
  for (let i = 0; i < 4; i++) await side.queue.add({ result: 1 });
  await untilCounts(side.queue, { completed: 4 });
  await ok(board('PUT', '/queues/q/1/clean'));
  await untilState(side.queue, '1', 'gone');
  /* "Clean" leaves what is younger than five seconds: make it older. */
  for (const id of ['2', '3', '4']) await side.client.hset(`bull:q:${id}`, 'finishedOn', Date.now() - 60_000);
  await ok(board('PUT', '/queues/q/clean/completed'));
  await untilCounts(side.queue, { completed: 0 });
});

sameAsBull('the board refuses to remove a running job', {}, async (side) => {
  const gate = `${side.dir}/gate`;
  const board = await openBoard(side);
  await side.work();
  await side.queue.add({ gate });
  await until(() => side.client.exists('bull:q:1:lock'), { what: 'the job to be locked' });
  const { status } = await board('PUT', '/queues/q/1/clean');
  assert.equal(status, 409);
  writeFileSync(gate, '');
  await untilState(side.queue, '1', 'completed');
});

sameAsBull('the board adds a job and lists what repeats', { isCompared: false }, async (side) => {
  const board = await openBoard(side);
  await side.work();
  await ok(board('POST', '/queues/q/add', { name: 'fromBoard', data: { result: 'hi' }, options: {} }));
  await untilState(side.queue, '1', 'completed');
  await side.queue.add('again', { result: 1 }, { repeat: { every: 300 } });
  await untilCounts(side.queue, { completed: 3 });
  const schedulers = await ok(board('GET', '/job-schedulers?activeQueue=q'));
  assert.match(JSON.stringify(schedulers), /again:::300/);
  await side.queue.removeRepeatable('again', { every: 300 });
});

sameAsBull('the board obliterates a paused queue', {}, async (side) => {
  const board = await openBoard(side);
  const worker = await side.work();
  for (let i = 0; i < 3; i++) await side.queue.add({ result: 1 });
  await untilCounts(side.queue, { completed: 3 });
  await ok(board('PUT', '/queues/q/pause'));
  await ok(board('PUT', '/queues/q/obliterate'));
  await until(async () => (await side.client.exists('bull:q:completed', 'bull:q:id')) === 0, {
    what: 'the queue to be gone',
  });
  await side.queue.resume();
  await side.queue.add({ result: 'reborn' });
  await untilState(side.queue, '1', 'completed');
  return worker.kind && 'same worker';
});
