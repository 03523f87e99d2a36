/* Mixed fleets on BullMQ queues: Node workers of 5 and of 6 beside ours under load, each job once; flows of
 * a thousand jobs over three levels with random failures, where ours leave what Node's leave; Bull and
 * BullMQ served by one daemon. SEED=n repeats the failures. */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';

import { bullQueue, untilCounts } from '../lib/bull.mjs';
import { mqEvents, mqFlow, mqQueue } from '../lib/bullmq.mjs';
import { randomOf, SEED } from '../lib/random.mjs';
import { startRedis, temporaryDirectory } from '../lib/redis.mjs';
import { parseRecord } from '../lib/script.mjs';
import { until } from '../lib/wait.mjs';
import { startCartritaWorker, startDaemon, startMqProcess, startMqWorker } from '../lib/workers.mjs';

const KINDS = (process.env.MQ_KINDS ?? 'bullmq,cartrita').split(',');
const JOBS = 4000;
const BULK = 500;
const DEADLINE_MS = 120_000;

const startOurs = (t, redis, options) => startCartritaWorker(t, redis, { dialect: 'bullmq', ...options });

/* What a job of the load is: some fail once, some are delayed, prioritized, last in first out. */
const loadOf = (record, i) => ({
  name: 'n',
  data: { record, result: i, ...(i % 50 === 0 && { error: 'once', failTimes: 1 }) },
  opts: {
    attempts: 2,
    ...(i % 20 === 0 && { priority: (i % 3) + 1 }),
    ...(i % 25 === 0 && { delay: 50 }),
    ...(i % 30 === 0 && { lifo: true }),
  },
});

/* {id: runs}, and the number of processes that ran. */
async function runsIn(record) {
  const runs = new Map();
  const pids = new Set();
  for (const { id, pid } of parseRecord(await readFile(record, 'utf8'))) {
    runs.set(id, (runs.get(id) ?? 0) + 1);
    pids.add(pid);
  }
  return { runs, processes: pids.size };
}

test(`${JOBS} jobs of 5 and of 6, done by Node workers of 5 and of 6 and by ours`, { concurrency: true }, async (t) => {
  const redis = await startRedis(t);
  const dir = await temporaryDirectory(t);
  const record = `${dir}/record`;
  const queues = [5, 6].map((version) => mqQueue(t, redis, 'q', { version, streams: { events: { maxLen: 100_000 } } }));
  const [, queue] = queues;
  const client = redis.client();
  const events = await mqEvents(t, redis);
  const workers = await Promise.all([
    ...(KINDS.includes('cartrita') ? [startOurs(t, redis, { processes: 2, concurrency: 5 })] : []),
    startMqProcess(t, redis, { version: 5, concurrency: 5 }),
    startMqProcess(t, redis, { version: 6, concurrency: 5 }),
  ]);

  for (let i = 0; i < JOBS; i += BULK) {
    const jobs = Array.from({ length: BULK }, (_, k) => loadOf(record, i + k));
    await queues[(i / BULK) % 2].addBulk(jobs);
  }
  await untilCounts(
    queue,
    { completed: JOBS, waiting: 0, prioritized: 0, active: 0, delayed: 0, failed: 0 },
    { deadlineMs: DEADLINE_MS },
  );
  const completed = () => events.seen.filter(({ event }) => event === 'completed');
  await until(() => completed().length >= JOBS, { what: 'all to be told' });
  for (const worker of workers) await worker.stop();

  assert.equal(completed().length, JOBS, 'each is told once');
  assert.equal(new Set(completed().map(({ jobId }) => jobId)).size, JOBS);
  assert.deepEqual(events.errors, []);
  const { runs, processes } = await runsIn(record);
  const wrong = [...runs].filter(([id, count]) => count !== ((Number(id) - 1) % 50 === 0 ? 2 : 1));
  assert.deepEqual(wrong, []);
  assert.ok(processes >= workers.length, `worked in ${processes} processes`);
  const made = client.pipeline();
  for (const id of runs.keys()) made.hmget(`bull:q:${id}`, 'atm', 'ats');
  const counted = await made.exec();
  [...runs.values()].forEach((count, i) => assert.deepEqual(counted[i][1], [String(count), String(count)]));
  const rest = (await client.keys('bull:q:*')).filter((key) => !/^bull:q:(\d+|stalled|stalled-check|marker)$/.test(key)).sort();
  assert.deepEqual(rest, ['bull:q:completed', 'bull:q:events', 'bull:q:id', 'bull:q:meta']);
});

/* --- flows ---------------------------------------------------------------------------------------- */

const FANS = [9, 10, 10]; /* 9 + 90 + 900 below the root */
const LEVELS = ['l0', 'l1', 'l2', 'l3']; /* a queue for each */
/* A parent that continues, and completes while children are pending, fails: what it meets is a matter of
 * timing, unless each level is over before the one above begins. */
const POLICIES = ['failParentOnFailure', 'ignoreDependencyOnFailure', 'removeDependencyOnFailure', undefined];
const STAGED_POLICIES = [...POLICIES, 'continueParentOnFailure'];

function pick(random, list) {
  return list[Math.floor(random() * list.length)];
}

/* Jobs that succeed, that fail at first and that fail for good, under all policies. */
function flowOf(random, policies, path = 'r', depth = 0) {
  const policy = depth > 0 ? pick(random, policies) : undefined;
  const fate = random();
  const data = { result: path };
  if (fate < 0.08) data.error = 'no';
  else if (fate < 0.15) Object.assign(data, { error: 'once', failTimes: 1 });
  const node = {
    name: path,
    queueName: LEVELS[depth],
    data,
    opts: { jobId: path, attempts: 2, ...(policy && { [policy]: true }) },
  };
  if (depth < FANS.length) {
    node.children = Array.from({ length: FANS[depth] }, (_, i) => flowOf(random, policies, `${path}.${i}`, depth + 1));
  }
  return node;
}

const STATES = {
  completed: 'zrange', failed: 'zrange', 'waiting-children': 'zrange', delayed: 'zrange', prioritized: 'zrange',
  wait: 'lrange', active: 'lrange',
};
const sorted = (hash) => Object.entries(hash).sort();
/* Which of several failed children a parent names is a matter of timing, and how a completion is refused
 * nobody's protocol. */
const maskReason = (reason) =>
  reason?.replace(/^child \S+ failed$/, 'child <one> failed').replace(/^(Job \S+) .*(children|dependencies).*$/, '$1 <pending>');

/* What became of each job: {id: {state, reason, value, how its children stand with it}}. */
async function fatesIn(client) {
  const fates = {};
  for (const level of LEVELS) {
    for (const [state, read] of Object.entries(STATES)) {
      for (const id of await client[read](`bull:${level}:${state}`, 0, -1)) {
        const key = `bull:${level}:${id}`;
        const [reason, value, atm, ats, defa] = await client.hmget(key, 'failedReason', 'returnvalue', 'atm', 'ats', 'defa');
        assert.equal(fates[id], undefined, `${id} is in ${fates[id]?.state} and in ${state}`);
        fates[id] = {
          state, reason: maskReason(reason), value, atm, ats, defa,
          processed: sorted(await client.hgetall(`${key}:processed`)),
          ignored: sorted(await client.hgetall(`${key}:failed`)).map(([child, why]) => [child, maskReason(why)]),
          unsuccessful: (await client.zrange(`${key}:unsuccessful`, 0, -1)).sort(),
          pending: (await client.smembers(`${key}:dependencies`)).sort(),
          isLocked: await client.exists(`${key}:lock`),
        };
      }
    }
  }
  return fates;
}

/* Nothing of these queues moves any more. */
async function untilStill(client, levels, describe) {
  const keys = levels.flatMap((level) => ['wait', 'active', 'delayed', 'prioritized'].map((state) => `bull:${level}:${state}`));
  await until(async () => (await client.exists(...keys)) === 0, { what: `${levels} to be over`, deadlineMs: DEADLINE_MS, describe });
}

const ofNode = (version) => (t, redis, queue) =>
  Promise.all(queue.map((one) => startMqWorker(t, redis, { queue: one, concurrency: 5, version })));
const WORKS = {
  cartrita: async (t, redis, queue) => [await startOurs(t, redis, { queue, concurrency: 5, processes: 2 })],
  bullmq: ofNode(6),
  bullmq5: ofNode(5),
};

for (const [name, policies, stages] of [
  ['all levels at once', POLICIES, [LEVELS]],
  ['level by level', STAGED_POLICIES, LEVELS.map((level) => [level]).reverse()],
]) {
  test(`a flow of 1000 jobs with random failures, ${name}`, { concurrency: true }, async (t) => {
    const results = {};
    t.diagnostic(`SEED=${SEED}`);
    for (const kind of KINDS) {
      const redis = await startRedis(t);
      const client = redis.client();
      const flow = mqFlow(t, redis);
      await flow.add(flowOf(randomOf(SEED), policies));
      for (const levels of stages) {
        const workers = await WORKS[kind](t, redis, levels);
        await untilStill(client, levels, () => workers[0].log);
        for (const worker of workers) await worker.stop();
      }
      results[kind] = await fatesIn(client);
    }
    const [theirs, ours] = KINDS.map((kind) => results[kind]);
    const states = Object.values(theirs).map(({ state }) => state);
    const tally = (state) => states.filter((one) => one === state).length;
    t.diagnostic(`completed ${tally('completed')}, failed ${tally('failed')}, waiting ${tally('waiting-children')}`);
    assert.equal(states.length, 1000);
    if (ours) assert.deepEqual(ours, theirs);
  });
}

/* --- two dialects --------------------------------------------------------------------------------- */

if (KINDS.includes('cartrita')) {
  test('Bull and BullMQ queues of one daemon, found by their keys', { concurrency: true }, async (t) => {
    const redis = await startRedis(t);
    const dir = await temporaryDirectory(t);
    const old = ['b1', 'b2'].map((name) => bullQueue(t, redis, name));
    const fresh = [mqQueue(t, redis, 'm5', { version: 5 }), mqQueue(t, redis, 'm6')];
    const queues = [...old, ...fresh];
    const count = 300;
    await Promise.all(
      queues.map((queue) => queue.addBulk(Array.from({ length: count }, (_, i) => loadOf(`${dir}/${queue.name}`, i)))),
    );
    const { server } = await startDaemon(t, redis);
    const worker = await startCartritaWorker(t, redis, { server, dialect: 'auto', queue: queues.map(({ name }) => name), processes: 2, concurrency: 3 });
    for (const queue of queues) {
      await untilCounts(queue, { completed: count, active: 0, waiting: 0, delayed: 0 }, { deadlineMs: DEADLINE_MS, describe: () => worker.log });
      const { runs } = await runsIn(`${dir}/${queue.name}`);
      assert.equal(runs.size, count, queue.name);
      assert.equal((await queue.getWorkers()).length, 1, `workers of ${queue.name}`);
    }
    const client = redis.client();
    assert.equal(await client.exists('bull:b1:events', 'bull:b1:marker', 'bull:b2:meta'), 0, 'Bull has no such keys');
    assert.equal(await client.hget('bull:m6:1', 'attemptsMade'), null);
    assert.equal(await client.hget('bull:b1:1', 'atm'), null);
    await worker.stop();
  });
}
