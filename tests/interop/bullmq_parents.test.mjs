/* Children end whatever is wrong with their parents, and a parent is never lost on its way. Where all is well:
 * bullmq_flows.test.mjs. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { missing } from '../lib/processes.mjs';
import { runQ } from '../lib/q.mjs';
import { startRedis } from '../lib/redis.mjs';
import { CLI, Driver } from './bull_sides.mjs';

const skip = missing(CLI);
const policies = ['failParentOnFailure', 'continueParentOnFailure', 'ignoreDependencyOnFailure', 'removeDependencyOnFailure'];

/* Parent P of queue p with the child C of queue q, which is active. `change(client)` comes before that. */
async function family(t, redis, client, { policy, change = async () => {}, opts = {} } = {}) {
  await client.flushall();
  const driver = new Driver(t, redis, {}, 'q', 'bull', 'bullmq');
  const parent = new Driver(t, redis, {}, 'p', 'bull', 'bullmq');
  const nodes = [
    { name: 'P', opts: JSON.stringify({ jobId: 'P', ...opts }), node: { queue: 'p', children: true } },
    { name: 'C', opts: JSON.stringify({ jobId: 'C', ...(policy && { [policy]: true }) }), node: { queue: 'q', parent: 0 } },
  ];
  const { results } = await parent.ask({ op: 'add', jobs: nodes });
  assert.deepEqual(results.map(({ code }) => code), [0, 0]);
  await change(client);
  const { jobs } = await driver.ask({ op: 'commit', fetch: 1 });
  assert.equal(jobs[0].id, 'C');
  return driver;
}

const complete = (driver) => driver.ask({ op: 'commit', effects: [{ kind: 'complete', id: 'C', value: '{"r":1}' }] });
const fail = (driver) => driver.ask({ op: 'judge', id: 'C', reason: 'no' });

async function assertEnded(client, answer, state) {
  assert.deepEqual(answer.results?.map(({ code }) => code), [0], JSON.stringify(answer));
  assert.ok(await client.zscore(`bull:q:${state}`, 'C'));
  assert.equal(await client.llen('bull:q:active'), 0);
  assert.equal(await client.exists('bull:q:C:lock'), 0);
}

const foreign = (key) => async (client) => {
  await client.del(key);
  await client[key.endsWith('dependencies') ? 'lpush' : 'set'](key, 'x');
};

/* {what is wrong: [how, whether the parent goes on]} */
const troubles = {
  'the parent is gone': [(client) => client.del('bull:p:P'), false],
  'the parent is no hash': [foreign('bull:p:P'), false],
  'its dependencies are no set': [foreign('bull:p:P:dependencies'), false],
  'its results are no hash': [async (client) => {
    await client.set('bull:p:P:processed', 'x');
    await client.set('bull:p:P:failed', 'x');
    await client.set('bull:p:P:unsuccessful', 'x');
  }, false],
  'it does not wait for children': [(client) => client.del('bull:p:waiting-children'), false],
  'its queue has a foreign waiting-children': [foreign('bull:p:waiting-children'), false],
  'its queue has a foreign wait': [foreign('bull:p:wait'), false],
  'its queue has a foreign stream': [foreign('bull:p:events'), false],
  'its queue has a foreign meta': [foreign('bull:p:meta'), false],
  'its name is no JSON': [(client) => client.hset('bull:q:C', 'parent', '{"id":'), true],
  'its name is something else': [(client) => client.hset('bull:q:C', 'parent', '[1]'), true],
  'its name has no queue': [(client) => client.hset('bull:q:C', 'parent', '{"id":"P"}'), true],
  'only its name is there': [(client) => client.hdel('bull:q:C', 'parentKey'), true],
  'its key has no colon': [(client) => client.hset('bull:q:C', 'parent', '', 'parentKey', 'P'), false],
};

test('a child completes whatever its parent is', { skip }, async (t) => {
  const redis = await startRedis(t);
  const client = redis.client();
  for (const [what, [change, goesOn]] of Object.entries(troubles)) {
    const driver = await family(t, redis, client, { change });
    await assertEnded(client, await complete(driver), 'completed');
    const waits = await client.lrange('bull:p:wait', 0, -1).catch(() => []);
    assert.deepEqual(waits, goesOn ? ['P'] : [], what);
  }
});

test('a child fails whatever its parent is', { skip }, async (t) => {
  const redis = await startRedis(t);
  const client = redis.client();
  for (const policy of policies) {
    for (const [what, [change]] of Object.entries(troubles)) {
      const driver = await family(t, redis, client, { change, policy });
      await assertEnded(client, await fail(driver), 'failed');
      assert.ok((await client.type('bull:p:wait')) !== 'list' || (await client.llen('bull:p:wait')) === 1, what);
    }
  }
});

test('a parent that cannot go on stays where it waits', { skip }, async (t) => {
  const redis = await startRedis(t);
  const client = redis.client();
  for (const [key, opts] of [['wait', {}], ['events', {}], ['marker', {}], ['prioritized', { priority: 3 }], ['delayed', { delay: 5000 }]]) {
    const driver = await family(t, redis, client, { opts, change: foreign(`bull:p:${key}`) });
    await assertEnded(client, await complete(driver), 'completed');
    assert.deepEqual(await client.zrange('bull:p:waiting-children', 0, -1), ['P'], key);
    assert.deepEqual(await client.hgetall('bull:p:P:processed'), { 'bull:q:C': '{"r":1}' });
    assert.equal(await client.exists('bull:p:P:dependencies'), 0);
  }
});

test('S74: a released parent with a delay has no tie-break in its score', { skip }, async (t) => {
  const redis = await startRedis(t);
  const client = redis.client();
  const now = Date.now();
  const driver = await family(t, redis, client, {
    opts: { delay: 60_000, priority: 2 },
    change: (c) => c.zadd('bull:p:delayed', (now + 60_000) * 4096, 'other'),
  });
  await driver.ask({ op: 'commit', now, effects: [{ kind: 'complete', id: 'C', value: '1' }] });
  assert.equal(Number(await client.zscore('bull:p:delayed', 'P')), (now + 60_000) * 4096);
  assert.deepEqual((await client.xrevrange('bull:p:events', '+', '-', 'COUNT', 1))[0][1], ['event', 'delayed', 'jobId', 'P', 'delay', String(now + 60_000)]);
  assert.deepEqual(await client.zrange('bull:p:marker', 0, -1, 'WITHSCORES'), ['1', String(now + 60_000)]);
});

test('a parent whose id has colons is released as well', { skip }, async (t) => {
  const redis = await startRedis(t);
  const client = redis.client();
  for (const [opts, work] of [
    [{}, (driver) => driver.ask({ op: 'commit', effects: [{ kind: 'complete', id: 'C', value: '1' }] })],
    [{ removeOnFail: true }, fail],
    [{ ignoreDependencyOnFailure: true }, fail],
  ]) {
    await client.flushall();
    const parents = new Driver(t, redis, {}, 'p', 'bull', 'bullmq');
    const driver = new Driver(t, redis, {}, 'q', 'bull', 'bullmq');
    const jobs = [
      { name: 'P', opts: '{"jobId":"a:b:c"}', node: { queue: 'p', children: true } },
      { name: 'C', opts: JSON.stringify({ jobId: 'C', ...opts }), node: { queue: 'q', parent: 0 } },
    ];
    await parents.ask({ op: 'add', jobs });
    await driver.ask({ op: 'commit', fetch: 1 });
    await work(driver);
    assert.deepEqual(await client.lrange('bull:p:wait', 0, -1), ['a:b:c'], JSON.stringify(opts));
  }
  await client.lrem('bull:p:wait', 0, 'a:b:c');
  const parents = new Driver(t, redis, {}, 'p', 'bull', 'bullmq');
  await client.hset('bull:q:done', 'name', 'n', 'returnvalue', '1');
  await client.zadd('bull:q:completed', 5, 'done');
  const jobs = [
    { name: 'P', opts: '{"jobId":"d:e:f"}', node: { queue: 'p', children: true } },
    { name: 'C', opts: '{"jobId":"done"}', node: { queue: 'q', parent: 0 } },
  ];
  await parents.ask({ op: 'add', jobs });
  assert.deepEqual(await client.lrange('bull:p:wait', 0, -1), ['d:e:f']);
});

test('an id that a kept job was to have is taken by now: it gets another', { skip }, async (t) => {
  const redis = await startRedis(t);
  const client = redis.client();
  const driver = new Driver(t, redis, {}, 'q', 'bull', 'bullmq');
  const add = (data, opts) => driver.ask({ op: 'add', jobs: [{ name: 'n', data: JSON.stringify(data), opts: JSON.stringify(opts) }] });
  const deduplication = { id: 'k', keepLastIfActive: true };

  await add(1, { deduplication });
  await driver.ask({ op: 'commit', fetch: 1 });
  await add(2, { deduplication, jobId: 'own' });
  await add(3, { jobId: 'own' });
  await driver.ask({ op: 'commit', effects: [{ kind: 'complete', id: '1', value: '1' }] });
  assert.equal(await client.hget('bull:q:own', 'data'), '3');
  assert.deepEqual(await client.lrange('bull:q:wait', 0, -1), ['4', 'own']);
  assert.equal(await client.hget('bull:q:4', 'data'), '2');
  assert.equal(await client.get('bull:q:de:k'), '4');
});

/* Each job is the only child of the next, and only the first one waits. */
test('a removal takes parents along, so many in a call', { skip }, async (t) => {
  const redis = await startRedis(t);
  const client = redis.client();
  const levels = 700;
  const pipe = client.pipeline().hset('bull:q:meta', 'opts.maxLenEvents', 10000).lpush('bull:q:wait', 'j0');

  for (let i = 0; i <= levels; i++) {
    const up = i < levels ? ['parentKey', `bull:q:j${i + 1}`, 'parent', `{"id":"j${i + 1}","queueKey":"bull:q"}`] : [];
    pipe.hset(`bull:q:j${i}`, 'name', 'n', 'data', '{}', 'opts', '{}', 'timestamp', 1, ...up);
    if (i === 0) continue;
    pipe.zadd('bull:q:waiting-children', 1, `j${i}`).sadd(`bull:q:j${i}:dependencies`, `bull:q:j${i - 1}`);
  }
  await pipe.exec();
  for (let left = levels + 1; left > 0; left -= 301) {
    const { code, stderr } = await runQ(t, redis, 'queue', 'drain', 'q', '--yes');
    assert.equal(code, 0, stderr);
    const hashes = (await client.keys('bull:q:j*')).filter((key) => !key.endsWith('dependencies'));
    assert.equal(hashes.length, Math.max(left - 301, 0));
    assert.deepEqual(await client.lrange('bull:q:wait', 0, -1), left > 301 ? [`j${levels + 1 - left + 301}`] : []);
  }
  assert.equal(await client.exists('bull:q:waiting-children', 'bull:q:wait'), 0);
});

test('who ends and cannot tell its parent is named, with what is wrong', { skip }, async (t) => {
  const redis = await startRedis(t);
  const client = redis.client();
  const driver = await family(t, redis, client, { change: foreign('bull:p:wait') });
  const { untold } = await complete(driver);
  assert.equal(untold.id, 'C');
  assert.match(untold.error, /rename or delete it: bull:p:wait is a string/);
  const other = await family(t, redis, client);
  assert.equal((await complete(other)).untold, undefined);
});
