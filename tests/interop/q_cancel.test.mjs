/* cartrita-q job cancel, and the helper that a Node application uses. */
import assert from 'node:assert/strict';
import test from 'node:test';

import { cancelJob } from '../../examples/cancel-node/cancel.mjs';
import { untilState } from '../lib/bull.mjs';
import { jsonOfQ, runQ } from '../lib/q.mjs';
import { until } from '../lib/wait.mjs';
import { startBullProcess } from '../lib/workers.mjs';
import { SKIP, job, startBench, untilActive, untilRunning } from './naughty.mjs';

const options = { skip: SKIP, concurrency: true };
const OTHER_ATTEMPTS = { attempts: 5, backoff: 10 };

/* A job that runs until it is told to stop or the file is there, in the plugin by now. */
async function held(bench, opts) {
  const added = await job(bench.queue, 'hold', { file: bench.file('go') }, opts);
  await untilRunning(bench, 'go');
  return added;
}

async function refused(t, bench, args, code, pattern) {
  const run = await runQ(t, bench.redis, 'job', 'cancel', ...args);
  assert.equal(run.code, code, `${args.join(' ')}: exit ${run.code}: ${run.stderr}`);
  assert.match(run.stderr, pattern);
  return run;
}

test('an active job: stopped, failed for good, and its end is shown', options, async (t) => {
  const bench = await startBench(t);
  const worker = await bench.work();
  const { id } = await held(bench, OTHER_ATTEMPTS);

  const run = await runQ(t, bench.redis, 'job', 'cancel', 'q', id, '--reason', 'no "more"');
  assert.equal(run.code, 0, run.stderr);
  assert.equal(run.stdout.replaceAll(/ +/g, ' '), `queue q\nid ${id}\nstate failed\nfailedReason cancelled: no "more"\n`);
  const failed = await bench.queue.getJob(id);
  assert.equal(await failed.getState(), 'failed');
  assert.equal(failed.attemptsMade, 1);
  await worker.stop();
});

test('as JSON, with an id of any bytes', options, async (t) => {
  const bench = await startBench(t);
  const worker = await bench.work();
  const { id } = await held(bench, { jobId: '{"a": 1} \u{1F4A9}:x' });

  assert.deepEqual(await jsonOfQ(t, bench.redis, 'job', 'cancel', 'q', id), {
    queue: 'q', id, heard: 1, state: 'failed', failedReason: 'cancelled',
  });
  await worker.stop();
});

test('a job that is removed when it fails is gone', options, async (t) => {
  const bench = await startBench(t);
  const worker = await bench.work();
  const { id } = await held(bench, { removeOnFail: true });

  assert.equal((await jsonOfQ(t, bench.redis, 'job', 'cancel', 'q', id)).state, null);
  await worker.stop();
});

test('without waiting: told, and back at once', options, async (t) => {
  const bench = await startBench(t);
  const worker = await bench.work({ args: ['--cancel-grace', '100'] });
  const { id } = await job(bench.queue, 'deaf', { file: bench.file('go') });
  await untilRunning(bench, 'go');

  const run = await runQ(t, bench.redis, 'job', 'cancel', 'q', id, '--wait', '0');
  assert.deepEqual([run.code, run.stderr], [0, 'told to 1 daemon']);
  assert.match(run.stdout, /^state +active$/m);
  await untilState(bench.queue, id, 'failed');
  await worker.stop();
});

test('what is not active is refused, with what to do', options, async (t) => {
  const bench = await startBench(t);
  const waiting = await job(bench.queue, 'ok');
  const delayed = await job(bench.queue, 'ok', {}, { delay: 3600_000 });

  await refused(t, bench, ['q', waiting.id], 4, /is waiting: only an active job .* remove it/);
  await refused(t, bench, ['q', delayed.id], 4, /is delayed: only an active job .* remove it/);
  await refused(t, bench, ['q', 'nobody'], 3, /queue "q" has no job "nobody"/);
  await refused(t, bench, ['nothing', '1'], 3, /there is no queue "nothing"/);
  await refused(t, bench, ['q', '1', '--reason', 'x'.repeat(201)], 2, /--reason may have 200 bytes/);
  const worker = await bench.work();
  await untilState(bench.queue, waiting.id, 'completed');
  await refused(t, bench, ['q', waiting.id], 4, /has completed: there is nothing to cancel/);
  await worker.stop();
});

test("a Node worker's job is out of reach, and that is said", options, async (t) => {
  const bench = await startBench(t);
  const node = await startBullProcess(t, bench.redis);
  const { id } = await bench.queue.add('n', { sleep: 60_000 });
  await untilActive(bench.queue);

  await refused(t, bench, ['q', id], 4, /no daemon serves queue "q": a Node worker has job "1"/);
  assert.equal(await cancelJob(bench.queue, id), 0);
  const worker = await bench.work();
  await until(async () => (await cancelJob(bench.queue, id)) === 1, { what: 'the daemon to listen' });
  await refused(t, bench, ['q', id, '--wait', '200'], 7, /still active after 200 ms: a Node worker has it/);
  assert.equal(await (await bench.queue.getJob(id)).getState(), 'active');
  await worker.stop();
  await node.kill();
});

test('the Node helper', options, async (t) => {
  const bench = await startBench(t);
  const worker = await bench.work();
  const added = await held(bench, OTHER_ATTEMPTS);

  assert.equal(await cancelJob(bench.queue, added.id, 'the user has left'), 1);
  await assert.rejects(added.finished(), /^Error: cancelled: the user has left$/);
  assert.equal(await (await bench.queue.getJob(added.id)).getState(), 'failed');
  await worker.stop();
});
