/* No call holds Redis for more than a few milliseconds, however long the queue's lists have become:
 * the largest calls that the engine makes, on queues far larger than any should be.
 *
 * Times depend on the machine and are only shown (as TAP comments). What is asserted does not: how
 * many commands one call of a script carries out, and how many keys it removes. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { bullQueue } from '../lib/bull.mjs';
import { missing } from '../lib/processes.mjs';
import { startRedis } from '../lib/redis.mjs';
import { until } from '../lib/wait.mjs';
import { startCartritaWorker } from '../lib/workers.mjs';
import { CLI, Driver } from './bull_sides.mjs';

const BATCH = 256; /* COMMIT_EFFECTS_MAX, COMMIT_FETCH_MAX, COMMIT_PROMOTE_MAX */
const ADDS = 64; /* COMMIT_ADDS_MAX */
const BYTES = 1 << 20; /* COMMIT_BYTES_MAX */
const MANY = 100_000;
const OLD = 200_000;
const P = 'bull:q:';
const NEVER_COUNTED = ['config', 'slowlog', 'info', 'dbsize', 'eval', 'evalsha', 'script', 'ping', 'client'];
const RESULT = JSON.stringify({ text: 'x'.repeat(10_000) });
const skip = missing(CLI);

/* --- filling ----------------------------------------------------------------------------------- */

/* Jobs `from` to `to`, each put by `put`, a line of Lua with i, id and key. */
function fill(client, from, to, put, { opts = {}, priority = 0, data = '{}' } = {}) {
  const script = `
    for i = tonumber(ARGV[1]), tonumber(ARGV[2]) do
      local id, key = tostring(i), '${P}' .. i
      redis.call('HSET', key, 'name', 'n', 'data', ARGV[5], 'opts', ARGV[3], 'timestamp', '1', 'delay', '0', 'priority', ARGV[4])
      ${put}
    end
    redis.call('SET', '${P}id', ARGV[2])`;
  return client.eval(script, 0, from, to, JSON.stringify(opts), priority, data);
}

const WAITING = `redis.call('LPUSH', '${P}wait', id)`;
const ACTIVE = `redis.call('LPUSH', '${P}active', id)`;
const COMPLETED = `redis.call('ZADD', '${P}completed', i, id)`;
const FAILED = `redis.call('ZADD', '${P}failed', i, id)`;
const DUE = `redis.call('ZADD', '${P}delayed', i * 4096, id)`;
const RANKED = `redis.call('LPUSH', '${P}wait', id) redis.call('ZADD', '${P}priority', ARGV[4], id)`;

/* --- measuring --------------------------------------------------------------------------------- */

const rows = [];

/* {command: calls}, of scripts too. */
async function callsOf(client) {
  const stats = await client.info('commandstats');
  const calls = [...stats.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)].map(([, name, count]) => [name, Number(count)]);
  return Object.fromEntries(calls.filter(([name]) => !NEVER_COUNTED.includes(name.split('|')[0])));
}

/* Carries out `request`, which is one call of one script, and returns {answer, calls by command,
 * how many commands, how many keys are gone}. */
async function measure(side, what, request) {
  const { client, driver } = side;
  await driver.ask({ op: 'commit' }); /* the script is loaded, the connection is there */
  const before = await client.dbsize();
  await client.slowlog('RESET');
  await client.config('RESETSTAT');
  const answer = await driver.ask(request);
  assert.equal(answer.error, undefined, answer.detail);
  const calls = await callsOf(client);
  const commands = Object.values(calls).reduce((sum, count) => sum + count, 0);
  const slow = (await client.slowlog('GET', -1)).filter(([, , , [name]]) => /^evalsha|^eval/i.test(name));
  const ms = Math.max(...slow.map(([, , micros]) => micros)) / 1000;
  const gone = before - (await client.dbsize());
  rows.push({ what, commands, gone: Math.max(gone, 0), ms });
  return { answer, calls, commands, gone };
}

async function open(t, settings = {}) {
  const redis = await startRedis(t, { args: ['--slowlog-log-slower-than', 0, '--slowlog-max-len', 1000] });
  const side = { redis, client: redis.client(), driver: new Driver(t, redis, settings) };
  side.fetch = async (count) => {
    const { jobs } = await side.driver.ask({ op: 'commit', fetch: count });
    assert.equal(jobs.length, count);
    return jobs;
  };
  return side;
}

const effectsOf = (kind, jobs, more = {}) => jobs.map(({ id }) => ({ kind, id, ...more }));
const commit = (effects, more = {}) => ({ op: 'commit', effects, ...more });
const done = ({ answer }) => assert.ok(answer.results.every(({ code }) => code === 0), JSON.stringify(answer.results.slice(0, 3)));

const check = (name, body) => test(name, { skip }, body);
const perJob = (commands) => commands / BATCH;

/* --- results ----------------------------------------------------------------------------------- */

check('a full batch of completes with 10 KB each, and a full fetch', async (t) => {
  const side = await open(t);
  await fill(side.client, 1, 3 * BATCH, WAITING);
  const jobs = (await side.fetch(BATCH)).slice(0, BYTES / RESULT.length);
  const { answer, commands } = await measure(side, `${jobs.length} completes of 10 KB, 256 fetched`, commit(effectsOf('complete', jobs, { value: RESULT }), { fetch: BATCH }));
  assert.ok(answer.results.every(({ code }) => code === 0));
  assert.equal(answer.jobs.length, BATCH);
  assert.ok(perJob(commands) <= 12, `${commands} commands`);
});

check('a full fetch of jobs with 100 KB each', async (t) => {
  const side = await open(t);
  await fill(side.client, 1, 2 * BATCH, WAITING, { data: JSON.stringify('x'.repeat(100_000)) });
  const before = await side.client.lrange(`${P}wait`, 0, -1);
  const { answer, commands } = await measure(side, 'a fetch of 256 of 100 KB', commit([], { fetch: BATCH }));
  const bytes = answer.jobs.reduce((sum, { data }) => sum + data.length, 0);
  assert.ok(bytes > 1e6 && bytes < 3e6, `${bytes} bytes`);
  assert.equal(answer.drained, false, 'the next fetch goes on');
  assert.ok(perJob(commands) <= 12, `${commands} commands`);
  const rest = before.slice(0, -answer.jobs.length);
  assert.deepEqual(await side.client.lrange(`${P}wait`, 0, -1), rest, 'the others wait where they were');
  assert.equal(await side.client.llen(`${P}active`), answer.jobs.length);
});

check('completes in another order than they began, among 10,000 active', async (t) => {
  const side = await open(t);
  await fill(side.client, 1, BATCH, WAITING);
  const jobs = await side.fetch(BATCH);
  await fill(side.client, 1001, 11_000, ACTIVE);
  const shuffled = jobs.map((job, i) => jobs[(i * 101) % BATCH]);
  const run = await measure(side, '256 completes in disorder, 10,000 active', commit(effectsOf('complete', shuffled)));
  done(run);
  assert.ok(perJob(run.commands) <= 12, `${run.commands} commands`);
});

for (const [kind, more] of [['retry', {}], ['delay', { due: Date.now() + 60_000 }], ['release', {}], ['stall', {}], ['renew', {}]]) {
  check(`a full batch of ${kind}, 10,000 active`, async (t) => {
    const side = await open(t);
    await fill(side.client, 1, BATCH, WAITING);
    const jobs = await side.fetch(BATCH);
    await fill(side.client, 1001, 11_000, ACTIVE);
    const run = await measure(side, `256 of ${kind}, 10,000 active`, commit(effectsOf(kind, jobs, more)));
    done(run);
    assert.ok(perJob(run.commands) <= 16, `${run.commands} commands`);
  });
}

check('a full batch of failures, each with a dead letter, into a full queue', async (t) => {
  const side = await open(t, { deadLetterQueue: 'dead', deadLetterMax: 1000 });
  const data = JSON.stringify({ text: 'x'.repeat(2000) });
  await fill(side.client, 1, BATCH, WAITING, { data });
  const jobs = await side.fetch(BATCH);
  await side.client.eval(`for i = 1, 1000 do redis.call('LPUSH', 'bull:dead:wait', i) redis.call('HSET', 'bull:dead:' .. i, 'data', '{}') end redis.call('SET', 'bull:dead:id', 1000)`, 0);
  const run = await measure(side, '256 failures with a dead letter each', commit(effectsOf('fail', jobs, { value: 'boom', attempts: 1 })));
  done(run);
  assert.equal(run.answer.dead, BATCH);
  assert.equal(await side.client.llen('bull:dead:wait'), 1000);
  assert.ok(perJob(run.commands) <= 16, `${run.commands} commands`);
});

check('retries of 256 jobs with a priority, 100,000 waiting', async (t) => {
  const side = await open(t);
  await fill(side.client, 1, BATCH, RANKED, { priority: 5 });
  const jobs = await side.fetch(BATCH);
  await fill(side.client, 1001, MANY, RANKED, { priority: 5 });
  const run = await measure(side, '256 retries with priority, 100,000 waiting', commit(effectsOf('retry', jobs)));
  done(run);
});

/* --- retention --------------------------------------------------------------------------------- */

for (const [what, keeps] of [
  ['{count: 10}', [{ count: 10 }]],
  ['{age: 1}', [{ age: 1 }]],
  ['256 different ones', Array.from({ length: BATCH }, (_, i) => ({ count: 10 + i, age: 1 + i }))],
]) {
  check(`removeOnComplete ${what} with 200,000 old jobs`, async (t) => {
    const side = await open(t);
    for (let i = 0; i < keeps.length; i++) await fill(side.client, i + 1, i + 1, WAITING, { opts: { removeOnComplete: keeps[i] } });
    const jobs = await side.fetch(keeps.length);
    await fill(side.client, 1001, 1000 + OLD, COMPLETED);
    const run = await measure(side, `removeOnComplete ${what}, 200,000 old`, commit(effectsOf('complete', jobs)));
    done(run);
    assert.ok(run.gone <= 2000 + BATCH, `${run.gone} keys are removed at once`);
    assert.ok(run.gone >= 1000, 'and some are');
  });
}

/* --- promotion --------------------------------------------------------------------------------- */

for (const active of [0, 10_000]) {
  check(`100,000 due jobs, ${active} active`, async (t) => {
    const side = await open(t);
    if (active > 0) await fill(side.client, MANY + 1, MANY + active, ACTIVE);
    await fill(side.client, 1, MANY, DUE);
    const { answer, commands } = await measure(side, `promotion, 100,000 due, ${active} active`, commit([], { promote: true }));
    assert.equal(answer.more, true);
    assert.equal(await side.client.llen(`${P}wait`), BATCH);
    assert.ok(perJob(commands) <= 8, `${commands} commands`);
  });
}

/* --- what others left behind ------------------------------------------------------------------- */

check('the check for stalled jobs, 100,000 active without a lock', async (t) => {
  const side = await open(t, { maxStalledCount: 1 });
  await fill(side.client, 1, MANY, ACTIVE);
  for (const what of ['marks', 'recovers']) {
    await side.client.del(`${P}stalled-check`);
    const { commands } = await measure(side, `sweep ${what}, 100,000 active`, { op: 'sweep' });
    assert.ok(commands <= 10_000, `${commands} commands`);
  }
});

check('the check for stalled jobs, all of which fail, 200,000 old failed ones', async (t) => {
  const side = await open(t, { maxStalledCount: 0 });
  await fill(side.client, 1, 5000, ACTIVE, { opts: { removeOnFail: { count: 10, age: 1 } } });
  await fill(side.client, 5001, 5000 + OLD, FAILED);
  await side.driver.ask({ op: 'sweep' });
  await side.client.del(`${P}stalled-check`);
  const { answer, commands, gone } = await measure(side, 'sweep fails, 200,000 old', { op: 'sweep' });
  assert.ok(answer.failed > 0);
  assert.ok(commands <= 15_000, `${commands} commands`);
  assert.ok(gone <= 4000, `${gone} keys are removed at once`);
});

check('a fetch whose reply was lost, 100,000 active', async (t) => {
  const side = await open(t);
  await fill(side.client, 1, MANY, ACTIVE);
  await fill(side.client, MANY + 1, MANY + BATCH, WAITING);
  await side.fetch(BATCH);
  const { answer, commands } = await measure(side, 'reclaim, 100,000 active', { op: 'reclaim' });
  assert.equal(answer.jobs.length, BATCH);
  assert.ok(perJob(commands) <= 4, `${commands} commands`);
});

/* --- adding ------------------------------------------------------------------------------------ */

/* A priority in the middle of a long list makes LINSERT walk half of it, which is what it costs with
 * Bull as well; near the tail it does not. */
for (const [what, opts, filling, linserts] of [
  ['64 adds', {}, WAITING, 0],
  ['64 adds with the best priority', { priority: 1 }, RANKED, 1],
  ['64 adds with a middling priority', { priority: 50 }, RANKED, ADDS],
]) {
  check(`${what}, 100,000 waiting`, async (t) => {
    const side = await open(t);
    await fill(side.client, 1, MANY / 2, filling, { priority: 50 });
    await fill(side.client, MANY / 2 + 1, MANY, filling, { priority: 90 });
    const jobs = Array.from({ length: ADDS }, () => ({ name: 'n', data: '{}', opts: JSON.stringify(opts) }));
    const { answer, calls, commands } = await measure(side, `${what}, 100,000 waiting`, { op: 'add', jobs });
    assert.ok((calls.linsert ?? 0) <= linserts, `${calls.linsert} times the whole list is walked`);
    assert.ok(answer.results.every(({ code }) => code === 0));
    assert.ok(commands / ADDS <= 12, `${commands} commands`);
  });
}

check('priorities line up as with Bull in a long list', async (t) => {
  const side = await open(t);
  const queue = bullQueue(t, side.redis, 'theirs');
  const jobs = Array.from({ length: 600 }, (_, i) => ({ name: 'n', data: {}, opts: i % 5 ? { priority: 1 + ((i * 7919) % 97) } : {} }));
  for (const { name, data, opts } of jobs) await queue.add(name, data, opts);
  for (let first = 0; first < jobs.length; first += 100) {
    const some = jobs.slice(first, first + 100).map(({ name, opts }) => ({ name, data: '{}', opts: JSON.stringify(opts) }));
    await side.driver.ask({ op: 'add', jobs: some });
  }
  assert.deepEqual(await side.client.lrange(`${P}wait`, 0, -1), await side.client.lrange('bull:theirs:wait', 0, -1));
});

/* --- limits ------------------------------------------------------------------------------------ */

check('a limiter that parks all that waits', async (t) => {
  const side = await open(t, { limiter: { max: 1, duration: 60_000 } });
  await fill(side.client, 1, 5000, WAITING);
  await side.fetch(1);
  const { answer, commands } = await measure(side, 'limiter parks, 5000 waiting', commit([], { fetch: BATCH }));
  assert.equal(answer.jobs.length, 0);
  assert.equal(await side.client.llen(`${P}wait`), 5000 - 1 - BATCH);
  assert.ok(perJob(commands) <= 16, `${commands} commands`);
});

/* --- all together ------------------------------------------------------------------------------ */

const WORKER = ['cartrita-worker', 'cartrita-queued', 'plugins/noop.so'];
const DUE_COUNT = 20_000;

test('a worker on 20,000 due jobs, 20,000 old ones to remove, 2000 left behind', { skip: missing(...WORKER) }, async (t) => {
  const redis = await startRedis(t, { args: ['--slowlog-log-slower-than', 100, '--slowlog-max-len', 10_000] });
  const client = redis.client();
  await fill(client, 1, DUE_COUNT, DUE, { opts: { removeOnComplete: { count: 10 } } });
  await fill(client, 50_001, 50_000 + DUE_COUNT, COMPLETED);
  await fill(client, 90_001, 92_000, ACTIVE, { opts: { removeOnComplete: { count: 10 } } });
  await client.slowlog('RESET');
  await client.config('RESETSTAT');
  const worker = await startCartritaWorker(t, redis, {
    plugin: 'noop', set: { result: JSON.stringify('x'.repeat(1000)) }, concurrency: 200, processes: 2, settings: { stalledInterval: 300, maxStalledCount: 5 },
  });
  const left = async () => (await client.zcard(`${P}delayed`)) + (await client.llen(`${P}wait`)) + (await client.llen(`${P}active`));
  await until(async () => (await left()) === 0, { what: 'all to be done', deadlineMs: 60_000, describe: () => worker.log });
  await worker.stop();

  const { completed, failed } = await bullQueue(t, redis).getJobCounts();
  assert.deepEqual({ completed, failed }, { completed: 10, failed: 0 });
  const [, calls] = (await client.info('commandstats')).match(/^cmdstat_evalsha:calls=(\d+)/m);
  assert.ok(Number(calls) >= DUE_COUNT / BATCH, `${calls} calls`);
  const times = (await client.slowlog('GET', -1)).filter(([, , , [name]]) => /^evalsha$/i.test(name)).map(([, , micros]) => micros);
  rows.push({ what: `the longest of a worker's ${calls} calls`, commands: '', gone: '', ms: Math.max(...times) / 1000 });
});

test.after(() => {
  const width = Math.max(...rows.map(({ what }) => what.length));
  const line = (what, ...cells) => console.log(`# ${what.padEnd(width)} ${cells.map((cell) => String(cell).padStart(10)).join('')}`);
  line('one call', 'commands', 'keys gone', 'ms');
  for (const { what, commands, gone, ms } of rows) line(what, commands, gone, ms.toFixed(1));
});
