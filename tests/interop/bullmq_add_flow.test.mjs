/* Flows inserted by BullMQ's FlowProducer and by ours: the same jobs, links and events. What becomes of them under
 * workers: bullmq_flows.test.mjs. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { mqWorker } from '../lib/bullmq.mjs';
import { missing } from '../lib/processes.mjs';
import { startRedis } from '../lib/redis.mjs';
import { until } from '../lib/wait.mjs';
import { CLI } from './bull_sides.mjs';
import { Cartrita, REFUSED, twice } from './bullmq_producers.mjs';

const skip = missing(CLI);
const T = Date.now() - 1000;
const POLICIES = ['failParentOnFailure', 'continueParentOnFailure', 'ignoreDependencyOnFailure', 'removeDependencyOnFailure'];

/* What a job does when it runs is in its data (lib/script.mjs). */
const dataOf = (name) => (name === 'bad' ? { error: 'no' } : { result: { of: name } });
const node = (name, opts, children, queueName = 'c') => ({ name, queueName, data: dataOf(name), opts, children });
const own = (name, opts = {}, children = undefined, queueName = 'c') => node(name, { jobId: name, ...opts }, children, queueName);
const root = (children, opts = {}) => own('R', opts, children, 'q');

const scenarios = {
  'S71: a parent and two children': (side) => side.addFlow(root([own('a'), own('b')])),
  'ids of their own': (side) => side.addFlow(node('R', undefined, [node('a'), node('b', {}, [node('c')])], 'q')).then(() => 0),
  'no children': (side) => side.addFlow(root([])),
  'three levels in four queues': (side) =>
    side.addFlow(
      root([
        own('a', {}, [own('aa', { priority: 2 }), own('ab', { delay: 500, timestamp: T }, undefined, 'd')]),
        own('b', { lifo: true }),
        own('c', {}, [own('ca', {}, undefined, 'q'), own('cb', {}, [own('cba', {}, undefined, 'e')], 'd')]),
      ]),
    ),
  'options of a parent': (side) => side.addFlow(root([own('a', { attempts: 3, backoff: 5 })], { priority: 7, delay: 1000, timestamp: T, removeOnComplete: true })),
  'a flow below a job': async (side) => {
    await side.add({ opts: { jobId: 'P' } });
    return side.addFlow(root([own('a')], { parent: { id: 'P', queue: 'bull:q' }, failParentOnFailure: true }));
  },
  'below a job that is missing': (side) => side.addFlow(root([own('a')], { parent: { id: 'P', queue: 'bull:q' } })),
  'a paused queue, and one that is full': async (side, client) => {
    await client.hset('bull:c:meta', 'paused', 1);
    await client.hset('bull:d:meta', 'concurrency', 1);
    await client.lpush('bull:d:active', 'x');
    return side.addFlow(root([own('a'), own('b', { priority: 1 }), own('c', {}, undefined, 'd')]));
  },
  'a root that is there already': async (side) => {
    await side.addFlow(root([own('a')]));
    return side.addFlow(root([own('b')], { priority: 3 }));
  },
  'a child twice': (side) => side.addFlow(root([own('a'), own('b'), own('a')])),
  'S86: a child of another parent, and a new one': async (side) => {
    await side.addFlow({ ...root([own('k1')]), opts: { jobId: 'old' } });
    return side.addFlow(root([own('k1'), own('k2')]));
  },
  ...Object.fromEntries(POLICIES.map((policy) => [`with ${policy}`, (side) => side.addFlow(root([own('a', { [policy]: true }), own('b')]))])),
};

/* A child that is there: done, not done, of a parent that is gone. */
for (const [state, commands] of Object.entries({
  waiting: [],
  completed: [['hset', 'bull:q:k', 'returnvalue', '{"r":1}'], ['lrem', 'bull:q:wait', 1, 'k'], ['zadd', 'bull:q:completed', 5, 'k']],
  failed: [['lrem', 'bull:q:wait', 1, 'k'], ['zadd', 'bull:q:failed', 5, 'k']],
})) {
  for (const [what, opts] of [['alone', []], ['with another', [own('new')]]]) {
    scenarios[`S85: a child that is ${state}, ${what}`] = async (side, client) => {
      await side.add({ opts: { jobId: 'k' } });
      for (const [command, ...args] of commands) await client[command](...args);
      await client.hset('bull:q:k', 'parentKey', 'bull:p:gone', 'parent', '{"id":"gone","queueKey":"bull:p"}');
      return side.addFlow(root([own('k', { failParentOnFailure: true }, undefined, 'q'), ...opts], { priority: 2 }));
    };
  }
}

test('a flow is the same, whoever adds it', { skip }, async (t) => {
  const redis = await startRedis(t);
  for (const [name, steps] of Object.entries(scenarios)) {
    await t.test(name, (inner) => twice(inner, redis, steps));
  }
});

test('our flows end under Node workers as theirs do', { skip }, async (t) => {
  const redis = await startRedis(t);
  for (const policy of POLICIES) {
    await t.test(policy, (inner) =>
      twice(
        inner,
        redis,
        async (side, client) => {
          /* a parent that goes on at once may not complete before its other children have */
          const others = policy === 'continueParentOnFailure' ? [] : [own('a', {}, [own('aa'), own('ab')])];
          await side.addFlow(root([...others, own('bad', { [policy]: true })], { priority: 1 }));
          const workers = ['c', 'q'].map((name) => mqWorker(inner, redis, name));
          const end = policy === 'failParentOnFailure' ? 'failed' : 'completed';
          const seen = () => Promise.all([client.zscore(`bull:q:${end}`, 'R'), others.length === 0 || client.zscore('bull:c:completed', 'a')]);
          await until(async () => (await seen()).every(Boolean), { what: `the root to be ${end}` });
          await Promise.all(workers.map((worker) => worker.close()));
        },
        { without: [/marker$/, /stalled/], inOrder: false },
      ));
  }
});

test('S86b: a parent whose only child belongs to another goes on, and the refusal is told', { skip }, async (t) => {
  const redis = await startRedis(t);
  const client = redis.client();
  const ours = new Cartrita(t, redis);

  await ours.addFlow({ ...root([own('k1')]), opts: { jobId: 'old' } });
  const before = await client.hgetall('bull:c:k1');
  assert.equal(await ours.addFlow(root([own('a', {}, [own('k1')]), own('k1', {}, [own('below')])])), 'R');
  assert.deepEqual(ours.results.map(({ error }) => error), ['ok', 'ok', 'not possible in the present state', 'not possible in the present state', 'not possible in the present state']);
  assert.match(ours.results[2].detail, /it is a child of bull:q:old; it was left as it is/);
  assert.match(ours.results[4].detail, /its parent bull:c:k1 was refused, so it was not added/);
  assert.deepEqual(await client.hgetall('bull:c:k1'), before);
  assert.equal(await client.exists('bull:c:below', 'bull:q:R:dependencies:k1'), 0);
  assert.deepEqual(await client.smembers('bull:q:R:dependencies'), ['bull:c:a']);
  assert.deepEqual((await client.zrange('bull:q:waiting-children', 0, -1)).sort(), ['R', 'old']);
  assert.deepEqual(await client.lrange('bull:c:wait', 0, -1), ['k1', 'a']);
  assert.deepEqual(await client.zrange('bull:c:waiting-children', 0, -1), []);
});

test('a flow is added as a whole or not at all', { skip }, async (t) => {
  const redis = await startRedis(t);
  const client = redis.client();
  const ours = new Cartrita(t, redis);
  const nothing = async (message, tree) => {
    const before = await client.dbsize();
    assert.equal(await ours.addFlow(tree), REFUSED);
    assert.ok(ours.results.some(({ detail }) => message.test(detail)), JSON.stringify(ours.results));
    assert.ok(ours.results.every(({ code, id }) => code !== 0 && !id));
    assert.equal(await client.dbsize(), before);
  };

  await nothing(/option jobId "17" is a whole number/, root([own('a'), own('17')]));
  await nothing(/deduplication does not go together/, root([own('a')], { deduplication: { id: 'd' } }));
  await nothing(/deduplication does not go together/, root([own('a', { deduplication: { id: 'd' } })]));
  await nothing(/must not be empty or have a colon/, root([own('a', {}, undefined, 'x:y')]));
  await nothing(/another job of the flow is not valid; none was added/, root([own('a', { priority: -1 })]));
  await nothing(/there is no parent job bull:q:none/, root([own('a')], { parent: { id: 'none', queue: 'bull:q' } }));
  await nothing(/more than 500 jobs \(FLOW_JOBS_MAX\)/, root(Array.from({ length: 500 }, (_, i) => own(`c${i}`))));
  await client.set('bull:d:wait', 'x');
  await nothing(/bull:d:wait is a string, not a list/, root([own('a'), own('b', {}, [own('c', {}, undefined, 'd')])]));

});

/* Commands of all kinds since the last CONFIG RESETSTAT. */
async function countCommands(client) {
  const info = await client.info('commandstats');
  return [...info.matchAll(/^cmdstat_\S+:calls=(\d+)/gm)].reduce((sum, [, calls]) => sum + Number(calls), 0);
}

test('the largest flow, and the largest call, cost Redis so much', { skip }, async (t) => {
  const redis = await startRedis(t);
  const client = redis.client();
  const ours = new Cartrita(t, redis);

  await client.config('RESETSTAT');
  await ours.addFlow(root(Array.from({ length: 499 }, (_, i) => own(`c${i}`))));
  const flow = await countCommands(client);
  assert.equal(await client.scard('bull:q:R:dependencies'), 499);
  assert.ok(flow < 500 * 6, `${flow} commands`);

  await client.config('RESETSTAT');
  await ours.addBulk(...Array(64).fill({}));
  const batch = await countCommands(client);
  assert.equal(await client.llen('bull:q:wait'), 64);
  assert.ok(batch < 64 * 7, `${batch} commands`);
});
