/* cartrita-q bench measures in a queue of its own, and leaves nothing behind. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { bullQueue } from '../lib/bull.mjs';
import { childrenOf, isAlive, startProgram } from '../lib/processes.mjs';
import { jsonOfQ, runQ } from '../lib/q.mjs';
import { startRedis } from '../lib/redis.mjs';
import { until, within } from '../lib/wait.mjs';

const SLOW = { deadlineMs: 60_000 };

async function open(t) {
  const redis = await startRedis(t);
  const client = redis.client();
  return { redis, client, keys: () => client.keys('*') };
}

const startBench = (t, redis, ...args) => startProgram(t, 'cartrita-q', ['bench', ...args, '--redis', redis.url]);


const untilGone = (pid) => until(() => !isAlive(pid), { what: `process ${pid} to end`, ...SLOW });

test('adding is measured, and the queue is gone', async (t) => {
  const { redis, keys } = await open(t);
  const told = await jsonOfQ(t, redis, 'bench', '-n', '500', '--size', '2000', '--batch', '7', '--calls', '2');
  assert.deepEqual([told.queue, told.jobs, told.size], ['cartrita-bench', 500, 2000]);
  assert.equal(told.addCallUs.count, Math.ceil(500 / 7));
  const { p50, p95, p99, max } = told.addCallUs;
  assert.ok(0 < p50 && p50 <= p95 && p95 <= p99 && p99 <= max, JSON.stringify(told));
  assert.ok(told.addsPerSecond > 0);
  assert.equal(told.finishMs, undefined);
  assert.deepEqual(await keys(), []);
  assert.match((await runQ(t, redis, 'bench', 'other', '-n', '5')).stdout, /^added +\d+ jobs\/s \(5 jobs in .*\)\nan add call +p50/);
});

test('jobs have the size that was asked for, and come no faster than the rate', async (t) => {
  const { redis, client } = await open(t);
  const program = startBench(t, redis, '-n', '60', '--rate', '100', '--size', '77', '-o', 'json');
  const data = await until(() => client.hget('bull:cartrita-bench:1', 'data'), { what: 'the first job', ...SLOW });
  assert.equal(data.length, 77);
  JSON.parse(data);
  await within(program.exited, SLOW);
  assert.equal(program.code, 0, program.log);
  const told = JSON.parse(program.stdout);
  assert.ok(told.addMs >= 580, program.stdout);
});

test('with a worker each job is followed to its end', async (t) => {
  const { redis, keys } = await open(t);
  const run = await runQ(t, redis, 'bench', '-n', '700', '--worker', '--processes', '2', '-o', 'json', SLOW);
  assert.equal(run.code, 0, run.stderr);
  const told = JSON.parse(run.stdout);
  assert.deepEqual([told.failed, told.waitMs.count, told.totalMs.count], [0, 700, 700]);
  assert.ok(told.finishedPerSecond > 0 && told.waitMs.p50 <= told.totalMs.p50 && told.totalMs.max <= told.finishMs);
  assert.deepEqual(await keys(), []);
});

test('a queue that is there is not touched', async (t) => {
  const { redis, client } = await open(t);
  const queue = bullQueue(t, redis, 'mail');
  const job = await queue.add({ a: 1 });
  await job.remove();
  const before = await client.keys('*');
  const run = await runQ(t, redis, 'bench', 'mail');
  assert.equal(run.code, 4);
  assert.match(run.stderr, /queue "mail" exists: bench wants one of its own/);
  assert.equal(run.stdout, '');
  assert.deepEqual(await client.keys('*'), before, 'not even the counter of ids');
});

test('Ctrl-C ends it, its worker and its queue', async (t) => {
  const { redis, client, keys } = await open(t);
  const program = startBench(t, redis, '-n', '100000', '--rate', '50', '--worker');
  await until(() => client.exists('bull:cartrita-bench:5'), { what: 'some jobs', ...SLOW });
  const [worker] = await childrenOf(program.pid);
  program.kill('SIGINT');
  await within(program.exited, SLOW);
  assert.equal(program.code, 1, program.log);
  assert.match(program.log, /stopped; nothing is left of the queue/);
  assert.equal(program.stdout, '');
  await untilGone(worker);
  assert.deepEqual(await keys(), []);
});

test('a worker that dies ends it, with an error', async (t) => {
  const { redis, client, keys } = await open(t);
  const program = startBench(t, redis, '-n', '100000', '--rate', '50', '--worker');
  await until(() => client.exists('bull:cartrita-bench:5'), { what: 'some jobs', ...SLOW });
  const [worker] = await childrenOf(program.pid);
  process.kill(worker, 'SIGKILL');
  await within(program.exited, SLOW);
  assert.equal(program.code, 1, program.log);
  assert.match(program.log, /cartrita-worker was ended by signal 9/);
  assert.deepEqual(await keys(), []);
});

test('killed, it leaves its queue, which the next one names, and no worker', async (t) => {
  const { redis, client, keys } = await open(t);
  const program = startBench(t, redis, '-n', '100000', '--rate', '50', '--worker');
  await until(() => client.exists('bull:cartrita-bench:5'), { what: 'some jobs', ...SLOW });
  const [worker] = await childrenOf(program.pid);
  program.kill('SIGKILL');
  await untilGone(worker);
  const again = await runQ(t, redis, 'bench', '-n', '1');
  assert.equal(again.code, 4);
  assert.match(again.stderr, /`cartrita-q queue obliterate` takes it away/);
  const { code, stderr } = await runQ(t, redis, 'queue', 'obliterate', 'cartrita-bench', '--yes', '--force');
  assert.equal(code, 0, stderr);
  assert.deepEqual(await keys(), []);
});

test('no Redis, a wrong number and a password that a worker would not get are told', async (t) => {
  const { redis } = await open(t);
  for (const [args, code, message] of [
    [['--size', '9'], 2, /--size/],
    [['--jobs', '0'], 2, /--jobs/],
    [['a', 'b'], 2, /"b" is one argument too many/],
    [['--worker', '--redis-password-file', '/dev/null'], 2, /password/],
  ]) {
    const run = await runQ(t, redis, 'bench', ...args);
    assert.equal(run.code, code, run.stderr);
    assert.match(run.stderr, message);
  }
});
