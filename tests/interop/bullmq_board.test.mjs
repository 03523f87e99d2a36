/* bull-board on BullMQ queues, through its own HTTP handlers: what an operator sees and clicks works the
 * same whoever does the jobs. */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';

import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';

import { mountBoard, ok } from '../lib/board.mjs';
import { sameAsNode, until } from '../lib/e2e_mq.mjs';

const HOUR = 3_600_000;
const openBoard = (side, ...names) =>
  mountBoard(side.t, ...['q', ...names].map((name) => new BullMQAdapter(side.open(name, { version: 6 }))));

const listOf = async (board, status) =>
  (await ok(board('GET', `/queues?activeQueue=q&status=${status}&page=1&jobsPerPage=10`))).queues[0];

sameAsNode('the board lists jobs of every state, and the worker by its name', { worker: { settings: { name: 'mine' } } }, async (side) => {
  const gate = `${side.dir}/gate`;
  const board = await openBoard(side);
  await side.work();
  /* Long enough that ours does not look ahead: what waits shall be seen to wait. */
  await side.queue.add('good', { sleep: 30, result: 1, progress: [40], logs: ['row'] });
  await side.queue.add('bad', { sleep: 30, error: 'boom' }, { attempts: 2 });
  await side.untilCounts({ completed: 1, failed: 1 });
  await side.queue.add('running', { gate });
  await until(() => side.client.exists(side.key('3:lock')), { what: 'the third to run' });
  await side.queue.add('later', { result: 1 }, { delay: HOUR });
  await side.queue.add('important', { result: 1 }, { priority: 3 });
  await side.queue.pause();
  await side.queue.add('waiting', { result: 1 });
  const { counts } = await listOf(board, 'latest');
  const shown = {};
  for (const status of ['active', 'completed', 'failed', 'delayed', 'prioritized', 'waiting']) {
    const { jobs } = await listOf(board, status);
    assert.equal(jobs.length, 1, status);
    const { name, attempts, progress, failedReason, isFailed, returnValue, data, processedBy } = jobs[0];
    shown[status] = { name, attempts, progress, failedReason, isFailed, returnValue, data: Object.keys(data), processedBy };
  }
  assert.equal(shown.completed.progress, 40);
  assert.equal(shown.failed.failedReason, 'boom');
  assert.deepEqual(await ok(board('GET', '/queues/q/1/logs')), ['row']);
  const { job, status } = await ok(board('GET', '/queues/q/2'));
  assert.deepEqual([job.id, status, job.stacktrace.length], ['2', 'failed', 2]);
  const { workers } = await ok(board('GET', '/queues/q/workers'));
  const names = JSON.stringify(workers ?? []).match(/"name":"[^"]*"/g);
  await side.queue.resume();
  writeFileSync(gate, '');
  await side.untilCounts({ completed: 4 });
  return { shown, counts, names };
});

sameAsNode('the board shows a flow', {}, async (side) => {
  const board = await openBoard(side, 'p');
  const opts = (jobId) => ({ jobId, ...(jobId === 'bad' && { ignoreDependencyOnFailure: true }) });
  await side.flows().add({
    name: 'top',
    queueName: 'p',
    data: { childValues: true },
    opts: { jobId: 'top' },
    children: ['good', 'bad', 'later'].map((name) => ({
      name,
      queueName: 'q',
      data: name === 'bad' ? { error: 'no' } : { result: name },
      opts: { ...opts(name), ...(name === 'later' && { delay: HOUR }) },
    })),
  });
  await side.work();
  await side.untilCounts({ completed: 1, failed: 1 });
  const flow = await ok(board('GET', '/queues/p/top/flow'));
  const text = JSON.stringify(flow).replace(/"(timestamp|processedOn|finishedOn|delay)":\d+/g, '"$1":0');
  for (const name of ['good', 'bad', 'later']) assert.match(text, new RegExp(`"${name}"`));
  const states = [...text.matchAll(/"name":"(\w+)"[^{}]*?"state":"(\w[\w-]*)"/g)].map(([, name, state]) => [name, state]).sort();
  return states;
});

sameAsNode('the board shows schedulers, runs one and removes it', {}, async (side) => {
  const board = await openBoard(side);
  await side.queue.upsertJobScheduler('s', { every: HOUR }, { name: 'tick', data: { result: 1 } });
  await side.work();
  await side.untilCounts({ completed: 1, delayed: 1 });
  const listed = JSON.stringify(await ok(board('GET', '/job-schedulers?activeQueue=q')));
  assert.match(listed, /"tick"/);
  await ok(board('PUT', '/queues/q/job-schedulers/s/run'));
  await until(async () => (await side.queue.getCompletedCount()) === 2, { what: 'the run' });
  await ok(board('PUT', '/queues/q/job-schedulers/s/remove'));
  await side.untilCounts({ completed: 2, delayed: 0 });
  return Object.keys(JSON.parse(listed));
});

sameAsNode('the board retries, promotes, pauses, cleans', {}, async (side) => {
  const board = await openBoard(side);
  await side.work();
  for (let i = 0; i < 2; i++) await side.queue.add('x', { error: 'no' });
  for (let i = 0; i < 2; i++) await side.queue.add('x', { result: 1 }, { delay: HOUR });
  await side.untilCounts({ failed: 2, delayed: 2 });
  for (const id of [1, 2]) await ok(board('PATCH', `/queues/q/${id}/update-data`, { jobData: { result: 'mended' } }));
  await ok(board('PUT', '/queues/q/1/retry'));
  await side.untilState('1', 'completed');
  await ok(board('PUT', '/queues/q/retry/failed'));
  await side.untilCounts({ completed: 2, failed: 0 });
  await ok(board('PUT', '/queues/q/3/promote'));
  await side.untilState('3', 'completed');
  await ok(board('PUT', '/queues/q/pause'));
  await ok(board('PUT', '/queues/q/promote'));
  await side.untilCounts({ completed: 3, waiting: 1, delayed: 0 });
  await ok(board('PUT', '/queues/q/resume'));
  await side.untilCounts({ completed: 4 });
  await ok(board('PUT', '/queues/q/1/clean'));
  await side.untilState('1', 'gone');
});

sameAsNode('the board obliterates a queue under an idle worker, which goes on', {}, async (side) => {
  const board = await openBoard(side);
  await side.work();
  for (let i = 0; i < 3; i++) await side.queue.add('x', { result: 1 });
  await side.untilCounts({ completed: 3 });
  await ok(board('PUT', '/queues/q/pause'));
  await ok(board('PUT', '/queues/q/obliterate'));
  await until(async () => (await side.client.exists(side.key('completed'), side.key('id'))) === 0, { what: 'the queue to be gone' });
  await side.queue.add('x', { result: 'reborn' });
  await side.untilState('1', 'completed');
});
