/* cartrita-q on hundreds of thousands of jobs: in chunks, killed and run again, each job exactly once,
 * and no call that grows with the queue. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { bullQueue } from '../lib/bull.mjs';
import { startProgram } from '../lib/processes.mjs';
import { runQ } from '../lib/q.mjs';
import { startRedis } from '../lib/redis.mjs';
import { until, within } from '../lib/wait.mjs';

const SLOW_MS = 240_000;
const SLOW = '--timeout=60s'; /* of a server that shares its core with much else */
const HOUR_MS = 3600_000;

async function open(t) {
  const redis = await startRedis(t);
  return { t, redis, client: redis.client(), q: (...args) => runQ(t, redis, ...args, SLOW) };
}

/* Jobs 1 to `count` of queue q, each put by `put`, a line of Lua with i and id; each `every`th is rare. */
async function fill(side, count, put, { every = 100, opts = '{}', priority = 0 } = {}) {
  const script = `
    for i = tonumber(ARGV[1]), tonumber(ARGV[2]) do
      local id = tostring(i)
      redis.call('HSET', 'bull:q:' .. id, 'name', i % ${every} == 0 and 'rare' or 'usual', 'data', '{}', 'opts', ARGV[3],
        'timestamp', ARGV[4], 'delay', '0', 'priority', '${priority}', 'attemptsMade', '1', 'failedReason', 'no', 'finishedOn', ARGV[4])
      ${put}
    end
    redis.call('SET', 'bull:q:id', ARGV[2])`;
  for (let from = 1; from <= count; from += 20_000) {
    await side.client.eval(script, 0, from, Math.min(from + 19_999, count), opts, Date.now() - HOUR_MS);
  }
}

const FAILED = `redis.call('ZADD', 'bull:q:failed', ARGV[4] - 1000000 + i, id)`;
const COMPLETED = `redis.call('ZADD', 'bull:q:completed', ARGV[4] - 1000000 + i, id)`;
const WAITING = `redis.call('LPUSH', 'bull:q:wait', id)`;
const DELAYED = `redis.call('ZADD', 'bull:q:delayed', (ARGV[4] + 7200000 + i) * 4096, id)`;

/* What Redis did while `act` ran: calls by command, and the slowest call of a script in ms, which is only
 * shown, because it is the machine's, too. */
async function measured(side, what, act) {
  await side.client.config('SET', 'slowlog-log-slower-than', '1000', 'slowlog-max-len', '1000');
  await side.client.slowlog('RESET');
  await side.client.config('RESETSTAT');
  const result = await act();
  const stats = await side.client.info('commandstats');
  const calls = Object.fromEntries([...stats.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)].map(([, name, count]) => [name, Number(count)]));
  const slow = (await side.client.slowlog('GET', 1000)).filter(([, , , words]) => /^eval/i.test(words[0])).map(([, , us]) => us / 1000);
  side.t.diagnostic(`${what}: ${calls.evalsha} calls, ${slow.filter((ms) => ms > 5).length} above 5 ms, the longest ${Math.max(0, ...slow)} ms`);
  return { result, calls };
}

test('200,000 failed jobs are retried, killed in the middle: each waits once', { timeout: SLOW_MS }, async (t) => {
  const side = await open(t);
  const COUNT = 200_000;
  await fill(side, COUNT, FAILED);
  const done = () => side.client.llen('bull:q:wait');
  const { result, calls } = await measured(side, 'retry', async () => {
    for (const share of [20_000, 110_000]) {
      const program = startProgram(t, 'cartrita-q', ['job', 'retry', 'q', '--all', '--yes', SLOW, '--redis', side.redis.url]);
      await until(async () => (await done()) >= share, { deadlineMs: SLOW_MS });
      program.kill();
      await within(program.exited);
    }
    const left = COUNT - (await done());
    assert.equal(await side.client.zcard('bull:q:failed'), left, 'what does not wait has still failed');
    return { left, ...(await side.q('job', 'retry', 'q', '--all', '--yes')) };
  });
  assert.equal(result.stdout, `retried ${result.left} of ${result.left}\n`);
  assert.ok(calls.lpush === COUNT && !calls.lrem, JSON.stringify(calls));
  const ids = await side.client.lrange('bull:q:wait', 0, -1);
  assert.deepEqual(ids, Array.from({ length: COUNT }, (_, i) => String(COUNT - i)), 'each once, the oldest runs first');
  assert.equal(await side.client.exists('bull:q:failed'), 0);
  const job = await bullQueue(t, side.redis, 'q').getJob(String(COUNT));
  assert.deepEqual([job.failedReason, job.finishedOn, job.attemptsMade], [undefined, undefined, 1]);
});

test('a signal ends it between two calls, and says how to go on', { timeout: SLOW_MS }, async (t) => {
  const side = await open(t);
  await fill(side, 50_000, FAILED);
  const program = startProgram(t, 'cartrita-q', ['job', 'rm', 'q', '--all', '--yes', SLOW, '--redis', side.redis.url]);
  await until(async () => (await side.client.zcard('bull:q:failed')) < 50_000);
  program.kill('SIGINT');
  await within(program.exited);
  assert.equal(program.code, 1);
  assert.match(program.log, /stopped; run it again to go on/);
  const left = await side.client.zcard('bull:q:failed');
  assert.ok(left > 0 && left < 50_000, `${left} are left`);
  assert.equal(program.stdout, `removed ${50_000 - left} of 50000\n`);
});

test('out of a long list a filter takes its jobs, by the page and not by the list', { timeout: SLOW_MS }, async (t) => {
  const side = await open(t);
  const COUNT = 200_000;
  await fill(side, COUNT, WAITING);
  const some = await measured(side, 'rm of every hundredth that waits', () => side.q('job', 'rm', 'q', '--state', 'waiting', '--name', 'rare', '--yes'));
  assert.equal(some.result.stdout, `removed ${COUNT / 100} of ${COUNT / 100}\n`);
  assert.ok(some.calls.lrem <= COUNT / 100 && !some.calls.lpos);
  assert.equal(await side.client.llen('bull:q:wait'), COUNT - COUNT / 100);
  const ids = ['1', '77777', '199999', '100001'];
  const named = await measured(side, 'rm by id', () => side.q('job', 'rm', 'q', ...ids, '--yes'));
  assert.equal(named.result.stdout, 'removed 4 of 4\n');
  assert.ok(named.calls.lrange >= COUNT / 10_000 / 2, 'the list is searched a part at a time');
  const moved = await measured(side, 'move', () => side.q('job', 'move', 'q', 'other', '--state', 'waiting', '--limit', '20000', '--yes'));
  assert.equal(moved.result.stdout, 'moved 20000 of 20000\n');
  const rest = await measured(side, 'drain', () => side.q('queue', 'drain', 'q', '--yes'));
  const left = COUNT - COUNT / 100 - 4 - 20_000;
  assert.equal(rest.result.stdout, `removed ${left} of ${left}\n`);
  assert.deepEqual((await side.client.keys('bull:q:*')), ['bull:q:id']);
  assert.equal(await side.client.llen('bull:other:wait'), 20_000);
});

test('delayed jobs with a priority are promoted into a long list', { timeout: SLOW_MS }, async (t) => {
  const side = await open(t);
  await fill(side, 100_000, `${WAITING} redis.call('ZADD', 'bull:q:priority', 5, id)`, { priority: 5 });
  await side.client.rename('bull:q:wait', 'bull:q:kept');
  await fill(side, 2000, DELAYED, { priority: 5 });
  await side.client.rename('bull:q:kept', 'bull:q:wait');
  const { result } = await measured(side, 'promote', () => side.q('job', 'promote', 'q', '--all', '--yes'));
  assert.equal(result.stdout, 'promoted 2000 of 2000\n');
  assert.equal(await side.client.llen('bull:q:wait'), 102_000);
});

test('clean ends at the first young job; obliterate goes 300 jobs at a time', { timeout: SLOW_MS }, async (t) => {
  const side = await open(t);
  await fill(side, 100_000, COMPLETED);
  for (let i = 1; i <= 150; i++) await side.client.hset(`bull:q:${i}`, 'finishedOn', Date.now() - 2 * HOUR_MS);
  const clean = await measured(side, 'clean', () => side.q('queue', 'clean', 'q', '--state', 'completed', '--older', '90m', '--yes'));
  assert.equal(clean.result.stdout, 'removed 150 of 150\n');
  assert.ok(clean.calls.evalsha < 20, `${clean.calls.evalsha} calls`);
  const all = await measured(side, 'obliterate', () => side.q('queue', 'obliterate', 'q', '--yes'));
  assert.equal(all.result.code, 0, all.result.stderr);
  assert.ok(all.calls.evalsha >= 99_850 / 300);
  assert.equal(await side.client.dbsize(), 0);
});

test('jobs are taken from a queue at work: each one runs, or is removed or moved, once', { timeout: SLOW_MS }, async (t) => {
  const side = await open(t);
  const COUNT = 20_000;
  await fill(side, COUNT, WAITING, { every: 2 });
  const ran = new Map();
  const isWhole = [];
  const queue = bullQueue(t, side.redis, 'q');
  queue.process('*', 20, async (job) => {
    ran.set(job.id, (ran.get(job.id) ?? 0) + 1);
    isWhole.push(['rare', 'usual'].includes(job.name));
  });
  await until(() => ran.size > 100);
  const [removed, moved] = await Promise.all([
    side.q('job', 'rm', 'q', '--state', 'waiting', '--name', 'rare', '--yes', '-o', 'json'),
    side.q('job', 'move', 'q', 'other', '--state', 'waiting', '--name', 'usual', '--limit', '3000', '--yes', '-o', 'json'),
  ]);
  await until(async () => (await side.client.llen('bull:q:wait')) + (await side.client.llen('bull:q:active')) === 0, { deadlineMs: SLOW_MS });
  const taken = [removed, moved].flatMap(({ stdout }) => JSON.parse(stdout).jobs.map(({ id }) => id));
  assert.ok(taken.length > 0 && ran.size > 0, `${taken.length} taken, ${ran.size} ran`);
  assert.equal(new Set([...taken, ...ran.keys()]).size, COUNT, 'none is lost');
  assert.equal(taken.length + ran.size, COUNT, 'none is both');
  assert.ok([...ran.values()].every((times) => times === 1) && isWhole.every(Boolean));
  t.diagnostic(`${ran.size} ran, ${taken.length} were taken: ${removed.stderr.split('\n').at(-1)}`);
});

test('a Redis that stops answering ends it, with what to do; then it goes on', { timeout: SLOW_MS }, async (t) => {
  const side = await open(t);
  const COUNT = 50_000;
  await fill(side, COUNT, FAILED);
  const program = startProgram(t, 'cartrita-q', ['job', 'retry', 'q', '--all', '--yes', '--timeout=1s', '--redis', side.redis.url]);
  await until(async () => (await side.client.llen('bull:q:wait')) > 1000);
  side.redis.freeze();
  await within(program.exited);
  side.redis.thaw();
  assert.equal(program.code, 7, program.log);
  assert.match(program.log, /cartrita-q: (the last jobs may or may not have been retried, run it again to go on: )?redis:.*: Redis did not answer in time/);
  const rest = await side.q('job', 'retry', 'q', '--all', '--yes');
  assert.equal(rest.code, 0, rest.stderr);
  assert.equal(new Set(await side.client.lrange('bull:q:wait', 0, -1)).size, COUNT);
  assert.equal(await side.client.llen('bull:q:wait'), COUNT);
});
