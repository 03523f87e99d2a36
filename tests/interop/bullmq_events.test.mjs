/* What a Node application hears of BullMQ jobs, whoever does them: QueueEvents of both versions with parsed
 * values and without an error, waitUntilFinished, the getters. */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';

import { mqEvents, PACKAGES, VERSIONS } from '../lib/bullmq.mjs';
import { sameAsNode, until, untilEvents } from '../lib/e2e_mq.mjs';

const BOTH = [5, 6];
const of = (events, id) => events.seen.filter(({ jobId }) => jobId === id).map(({ jobId, ...event }) => event);

sameAsNode('listeners of both versions hear the life of jobs, with values and without errors', { versions: BOTH }, async (side) => {
  const listeners = await Promise.all(VERSIONS.map((version) => side.events('q', version)));
  await side.work();
  const data = { progress: [{ half: [1, null] }, 42, 'text'], result: { deep: [{ ü: '"' }] } };
  await side.queue.add('good', data, { jobId: 'good' });
  await side.queue.add('none', {}, { jobId: 'none' });
  await side.queue.add('gone', { result: false }, { jobId: 'gone', removeOnComplete: true });
  await side.queue.add('bad', { error: '{"not":"json' }, { jobId: 'bad', attempts: 2 });
  await side.queue.add('later', { error: 'once', failTimes: 1 }, { jobId: 'later', attempts: 2, backoff: 50 });
  await side.queue.add('first', { result: 0 }, { jobId: 'first', priority: 1, delay: 30 });
  for (const events of listeners) {
    await untilEvents(events, ({ event }) => event === 'completed', 5);
    await untilEvents(events, ({ event }) => event === 'failed');
    await untilEvents(events, ({ event }) => event === 'drained');
    assert.deepEqual(events.errors, []);
    assert.deepEqual(
      events.seen.filter(({ event }) => event === 'progress').map((event) => event.data),
      data.progress,
    );
    const completed = events.seen.filter(({ event }) => event === 'completed');
    assert.deepEqual(
      Object.fromEntries(completed.map(({ jobId, returnvalue }) => [jobId, returnvalue])),
      { good: data.result, none: null, gone: false, later: null, first: 0 },
    );
    const [failed] = events.seen.filter(({ event }) => event === 'failed');
    assert.equal(failed.failedReason, '{"not":"json');
    const due = events.seen.filter(({ event }) => event === 'delayed').map(({ delay }) => delay);
    assert.ok(due.every((at) => Number.isInteger(at) && Math.abs(at - Date.now()) < 60_000), String(due));
  }
  const without = ({ delay, ...event }) => event;
  return ['good', 'none', 'gone', 'bad', 'later', 'first'].map((id) => of(listeners[1], id).map(without));
});

sameAsNode('job.waitUntilFinished resolves and rejects, early and late', { versions: BOTH }, async (side) => {
  const listeners = await Promise.all(BOTH.map((version) => side.events('q', version)));
  const jobs = [
    await side.queue.add('a', { result: { a: 1 } }, { removeOnComplete: true, delay: 1 }),
    await side.queue.add('b', { error: 'boom' }, { delay: 1, removeOnFail: true }),
    await side.queue.add('c', {}, { delay: 1 }),
  ];
  const waits = listeners.map((events) => [
    jobs[0].waitUntilFinished(events, 20_000),
    assert.rejects(jobs[1].waitUntilFinished(events, 20_000), { message: 'boom' }),
    jobs[2].waitUntilFinished(events, 20_000),
  ]);
  await side.work();
  for (const [a, b, c] of waits) {
    assert.deepEqual(await a, { a: 1 });
    await b;
    assert.equal(await c, null);
  }
  const late = [await side.queue.add('d', { result: 'late' }), await side.queue.add('e', { error: 'late' })];
  await side.untilCounts({ completed: 2, failed: 1 });
  assert.equal(await late[0].waitUntilFinished(listeners[0]), 'late');
  await assert.rejects(late[1].waitUntilFinished(listeners[0]), { message: 'late' });
});

sameAsNode('the getters', { worker: { settings: { name: 'mine' } } }, async (side) => {
  const gate = `${side.dir}/gate`;
  await side.work();
  /* Long enough that ours does not look ahead: what waits shall be seen to wait. */
  await side.queue.add('done', { sleep: 30, result: 1, logs: ['a', 'b'] });
  await side.queue.add('bad', { sleep: 30, error: 'no' });
  await side.untilCounts({ completed: 1, failed: 1 });
  await side.queue.add('active', { gate });
  await until(() => side.client.exists(side.key('3:lock')), { what: 'the third to run' });
  await side.queue.add('delayed', {}, { delay: 3_600_000, priority: 2 });
  await side.queue.add('waiting', {});
  await side.queue.add('prioritized', {}, { priority: 2 });
  const states = {};
  for (const id of ['1', '2', '3', '4', '5', '6']) states[id] = await (await side.queue.getJob(id)).getState();
  const lists = {};
  for (const [name, jobs] of Object.entries({
    waiting: await side.queue.getWaiting(),
    active: await side.queue.getActive(),
    delayed: await side.queue.getDelayed(),
    prioritized: await side.queue.getPrioritized(),
    completed: await side.queue.getCompleted(),
    failed: await side.queue.getFailed(),
  })) lists[name] = jobs.map((job) => [job.id, job.name, job.attemptsMade, job.attemptsStarted, job.processedBy, job.returnvalue, job.failedReason]);
  const counts = await side.queue.getJobCounts();
  const extra = {
    states,
    lists,
    counts,
    count: await side.queue.count(),
    perPriority: await side.queue.getCountsPerPriority([0, 1, 2]),
    logs: await side.queue.getJobLogs('1'),
    workers: (await side.queue.getWorkers()).map(({ name, rawname }) => [name, rawname]),
    finished: await (await side.queue.getJob('1')).isCompleted(),
  };
  assert.deepEqual(states, { 1: 'completed', 2: 'failed', 3: 'active', 4: 'delayed', 5: 'waiting', 6: 'prioritized' });
  writeFileSync(gate, '');
  await side.untilCounts({ completed: 4 });
  return extra;
});

sameAsNode('a worker that is busy from the start is listed', {}, async (side) => {
  const gate = `${side.dir}/gate`;
  await side.queue.add('x', { gate });
  await side.queue.add('y', { gate });
  await side.work();
  await until(async () => (await side.queue.getActiveCount()) > 0, { what: 'the job to run' });
  assert.equal((await side.queue.getWorkers()).length, 1);
  writeFileSync(gate, '');
  await side.untilCounts({ completed: 2 });
});

sameAsNode('the stream stays near its bound', { producer: { streams: { events: { maxLen: 10 } } }, isCompared: false }, async (side) => {
  await side.work({ concurrency: 5 });
  await side.queue.addBulk(Array.from({ length: 500 }, (_, i) => ({ name: 'x', data: { result: i } })));
  await side.untilCounts({ completed: 500 });
  await side.queue.add('last', {});
  await side.untilCounts({ completed: 501 });
  const length = await side.client.xlen(side.key('events'));
  assert.ok(length < 300, `${length} entries`);
});

sameAsNode('events of an application come through ours untouched', {}, async (side) => {
  const producer = new PACKAGES[6].QueueEventsProducer('q', { connection: side.redis.connection, prefix: side.prefix });
  await side.work();
  const events = await mqEvents(side.t, side.redis, 'q', { prefix: side.prefix });
  const seen = [];
  events.on('mine', (args) => seen.push(args));
  await producer.publishEvent({ eventName: 'mine', some: 'text' });
  await side.queue.add('x', { result: 1 });
  await side.untilState('1', 'completed');
  await until(() => seen.length === 1, { what: 'the event' });
  await producer.close();
  return seen;
});
