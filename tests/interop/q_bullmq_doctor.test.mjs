/* cartrita-q doctor on BullMQ's queues: each corruption it knows is made on purpose, found, repaired, and gone;
 * healthy queues, of both versions and at work, are left alone. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { mqFlow, mqQueue, mqWorker } from '../lib/bullmq.mjs';
import { untilCounts } from '../lib/bull.mjs';
import { runQ } from '../lib/q.mjs';
import { startRedis } from '../lib/redis.mjs';
import { dump } from '../lib/state.mjs';
import { until } from '../lib/wait.mjs';

const P = 'bull:q:';
const HOUR_MS = 3600_000;

const hash = (client, id, fields = {}) =>
  client.hset(P + id, { name: 'n', data: '{}', opts: '{"attempts":3}', timestamp: '1', delay: '0', priority: '0', ...fields });

/* [{finding, id, detail, cure, outcome}] */
async function findingsOf(t, redis, ...args) {
  const { code, stdout, stderr } = await runQ(t, redis, 'doctor', 'q', ...args, '-o', 'json');
  assert.ok([0, 4].includes(code), stderr);
  return JSON.parse(stdout);
}
const shortly = (findings) => findings.map(({ finding, id }) => `${finding} ${id}`).sort();

/* A queue with healthy jobs in each state, which a repair must not touch. */
async function healthy(t, redis, version = 6) {
  const queue = mqQueue(t, redis, 'q', { version });
  await queue.add('n', {});
  await queue.add('n', {}, { priority: 2 });
  await queue.add('n', {}, { delay: HOUR_MS });
  await queue.add('n', {}, { deduplication: { id: 'held' } });
  await queue.upsertJobScheduler('every', { every: HOUR_MS }, { name: 'tick' });
  await queue.upsertJobScheduler('daily', { pattern: '0 9 * * *', tz: 'Europe/Madrid' }, { name: 'tock', data: { a: 1 } });
  await mqFlow(t, redis, { version }).add({
    name: 'parent', queueName: 'q', opts: { jobId: 'parent' },
    children: [{ name: 'child', queueName: 'q', opts: { jobId: 'child' } }, { name: 'child', queueName: 'other', opts: { jobId: 'far' } }],
  });
  const client = redis.client();
  for (const [id, set] of [['done', 'completed'], ['bad', 'failed']]) {
    await hash(client, id, { finishedOn: '5', atm: '1', ats: '1', attemptsMade: '1', ...(set === 'failed' ? { failedReason: 'x' } : { returnvalue: '1' }) });
    await client.zadd(P + set, 5, id);
  }
  await hash(client, 'busy', { processedOn: '5', ats: '1' });
  await client.lpush(`${P}active`, 'busy');
  await client.set(`${P}busy:lock`, 't', 'PX', HOUR_MS);
  await client.rpush(`${P}busy:logs`, 'line');
  return { queue, client };
}

const inWait = async (c, id) => (await c.lpos(`${P}wait`, id)) !== null;
const eventsOf = async (c) => (await c.xrange(`${P}events`, '-', '+')).map(([, fields]) => fields.slice(1).join(' '));

/* name of the finding -> [id, make, whether all is well after the repair] */
const CORRUPTIONS = {
  'no state': ['s', (c) => hash(c, 's'), async (c) => (await c.zscore(`${P}failed`, 's')) !== null && (await c.hget(`${P}s`, 'failedReason')) === 'was found in no state'],
  'no state, with children': ['parent', (c) => c.zrem(`${P}waiting-children`, 'parent'), async (c) => (await c.zscore(`${P}waiting-children`, 'parent')) !== null],
  'two states': ['d', async (c) => { await hash(c, 'd'); await c.zadd(`${P}prioritized`, 1, 'd'); await c.zadd(`${P}delayed`, 1, 'd'); },
    async (c) => (await c.zscore(`${P}prioritized`, 'd')) !== null && (await c.zscore(`${P}delayed`, 'd')) === null],
  'no job': ['g', (c) => c.multi().lpush(`${P}wait`, 'g').zadd(`${P}waiting-children`, 1, 'g').exec(),
    async (c) => !(await inWait(c, 'g')) && (await c.zscore(`${P}waiting-children`, 'g')) === null],
  'no lock': ['u', async (c) => { await hash(c, 'u'); await c.lpush(`${P}active`, 'u'); },
    async (c) => (await c.lpos(`${P}active`, 'u')) === null && (await c.lindex(`${P}wait`, -1)) === 'u' && (await c.hget(`${P}u`, 'stc')) === '1' &&
      (await eventsOf(c)).slice(-2).join() === 'waiting jobId u prev active,stalled jobId u'],
  'two waiting lists': ['paused', async (c) => { for (let i = 0; i < 250; i++) { await hash(c, `p${i}`); await c.lpush(`${P}paused`, `p${i}`); } },
    async (c) => !(await c.exists(`${P}paused`)) && (await c.lrange(`${P}wait`, -250, -1)).join() === Array.from({ length: 250 }, (_, i) => `p${249 - i}`).join()],
  'lock without job': ['gone', (c) => c.set(`${P}gone:lock`, 't', 'PX', HOUR_MS), async (c) => !(await c.exists(`${P}gone:lock`))],
  'lock without end': ['busy', (c) => c.persist(`${P}busy:lock`), async (c) => (await c.pttl(`${P}busy:lock`)) > 0],
  'logs without job': ['gone', (c) => c.rpush(`${P}gone:logs`, 'line'), async (c) => !(await c.exists(`${P}gone:logs`))],
  'children without job': ['gone:processed', (c) => c.hset(`${P}gone:processed`, 'bull:q:x', '1'), async (c) => !(await c.exists(`${P}gone:processed`))],
  'deduplication without job': ['left', (c) => c.set(`${P}de:left`, 'gone'), async (c) => !(await c.exists(`${P}de:left`))],
  'old marker': ['0:1700000000000', (c) => c.lpush(`${P}wait`, '0:1700000000000'), async (c) => !(await inWait(c, '0:1700000000000'))],
  'old attempts': ['a', async (c) => { await hash(c, 'a', { attemptsMade: 2, atm: 1 }); await c.lpush(`${P}wait`, 'a'); },
    async (c) => (await c.hmget(`${P}a`, 'atm', 'attemptsMade')).join() === '2,'],
  'scheduler without rule': ['bare', (c) => c.zadd(`${P}repeat`, 5, 'bare'), async (c) => (await c.zscore(`${P}repeat`, 'bare')) === null],
  'nothing to wait for': ['parent', (c) => c.del(`${P}parent:dependencies`), async (c) => (await c.lindex(`${P}wait`, -1)) === 'parent' &&
    (await eventsOf(c)).at(-1) === 'waiting jobId parent prev waiting-children'],
  'missing children': ['parent', async (c) => {
    await c.sadd(`${P}parent:dependencies`, 'bull:q:done', ...Array.from({ length: 1500 }, (_, i) => `bull:gone:${i}`));
    await c.srem(`${P}parent:dependencies`, `${P}child`, 'bull:other:far');
  }, async (c) => (await c.lindex(`${P}wait`, -1)) === 'parent' && (await c.hget(`${P}parent:processed`, 'bull:q:done')) === '1' && !(await c.exists(`${P}parent:dependencies`))],
};

for (const [name, [id, make, isWell]] of Object.entries(CORRUPTIONS)) {
  test(`${name}: found, told, repaired`, async (t) => {
    const redis = await startRedis(t);
    const { client } = await healthy(t, redis);
    assert.deepEqual(await findingsOf(t, redis), [], 'healthy before');
    await make(client);
    const before = await dump(client);

    const found = await findingsOf(t, redis);
    assert.deepEqual(shortly(found), [`${name.split(',')[0]} ${id}`]);
    assert.ok(found[0].meaning && found[0].cure);
    await findingsOf(t, redis, '--repair', '--dry-run');
    assert.deepEqual(await dump(client), before, 'looking changes nothing');

    const repaired = await findingsOf(t, redis, '--repair', '--yes');
    assert.deepEqual(repaired.map(({ outcome }) => outcome), ['repaired']);
    assert.ok(await isWell(client), JSON.stringify(await dump(client)));
    assert.deepEqual(await findingsOf(t, redis), [], 'healthy after');
  });
}

/* name -> [id, make] */
const INCURABLE = {
  'series without job': ['daily', async (c) => {
    const score = await c.zscore(`${P}repeat`, 'daily');
    await c.zrem(`${P}delayed`, `repeat:daily:${score}`);
    await c.del(`${P}repeat:daily:${score}`);
  }],
  'old repeatable': ['tick::::0 9 * * *', (c) => c.zadd(`${P}repeat`, 5, 'tick::::0 9 * * *')],
  'kept job without owner': ['k', (c) => c.hset(`${P}dn:k`, 'name', 'n')],
  'failed children': ['parent', async (c) => {
    await c.del(`${P}parent:dependencies`);
    await c.sadd(`${P}parent:dependencies`, `${P}bad`);
  }],
  'data no JSON': ['done', (c) => c.hset(`${P}done`, 'data', '{"a":')],
  'opts no JSON': ['done', (c) => c.hset(`${P}done`, 'opts', '7')],
  'huge job': ['done', (c) => c.hset(`${P}done`, 'data', JSON.stringify('x'.repeat(1 << 20)))],
  'foreign type': ['odd', (c) => c.set(`${P}odd`, 'text')],
};

for (const [name, [id, make]] of Object.entries(INCURABLE)) {
  test(`${name}: found, and left as it is`, async (t) => {
    const redis = await startRedis(t);
    const { client } = await healthy(t, redis);
    await make(client);
    const before = await dump(client);
    const found = await findingsOf(t, redis, '--repair', '--yes');
    assert.deepEqual(shortly(found), [`${name} ${id}`]);
    assert.equal(found[0].cure, null);
    assert.deepEqual(await dump(client), before);
  });
}

test('what Bull has left is mixed, and ends the examination', async (t) => {
  const redis = await startRedis(t);
  const { client } = await healthy(t, redis);
  await client.set(`${P}meta-paused`, 1);
  await client.zadd(`${P}priority`, 1, 'x');
  assert.deepEqual(shortly(await findingsOf(t, redis)), ['mixed dialects meta-paused, priority']);
});

test('a queue that 5 has paused is well, until jobs wait beside', async (t) => {
  const redis = await startRedis(t);
  const queue = mqQueue(t, redis, 'q', { version: 5 });
  await queue.add('n', {});
  await queue.pause();
  assert.deepEqual(await findingsOf(t, redis), []);
  await mqQueue(t, redis, 'q').add('n', {});
  assert.deepEqual(shortly(await findingsOf(t, redis)), ['two waiting lists paused']);
  await findingsOf(t, redis, '--repair', '--yes');
  assert.deepEqual(await redis.client().lrange(`${P}wait`, 0, -1), ['2', '1']);
  assert.equal(await queue.isPaused(), true);
  await queue.resume();
  assert.equal(await queue.getWaitingCount(), 2, 'which 5 has not lost');
});

for (const version of [5, 6]) {
  test(`queues of ${version} at work are healthy`, async (t) => {
    const redis = await startRedis(t);
    const { queue, client } = await healthy(t, redis, version);
    await client.lrem(`${P}active`, 0, 'busy');
    await client.del(`${P}busy`, `${P}busy:lock`, `${P}busy:logs`);
    await queue.upsertJobScheduler('often', { every: 40 }, { name: 'tick', data: { result: 1 } });
    for (const name of ['q', 'other']) mqWorker(t, redis, name, { version, concurrency: 5 });
    const flows = mqFlow(t, redis, { version });
    const add = async () => {
      for (let i = 0; i < 30; i++) {
        await queue.add('n', { result: 1 }, { priority: i % 4, attempts: 2, deduplication: i % 5 ? undefined : { id: 'd', ttl: 50 } });
        await queue.add('n', { error: 'no' }, { attempts: 2, backoff: 20, delay: i });
        await flows.add({ name: 'parent', queueName: 'q', children: [{ name: 'c', queueName: 'other' }, { name: 'c', queueName: 'q', opts: { removeOnComplete: true } }] });
      }
    };
    const adding = add();
    let isOver = false;
    adding.finally(() => { isOver = true; });
    do assert.deepEqual(await findingsOf(t, redis), []); while (!isOver);
    await queue.removeJobScheduler('often');
    await untilCounts(queue, { waiting: 0, prioritized: 0, active: 0, 'waiting-children': 0 }, { deadlineMs: 30_000 });
    assert.deepEqual(await findingsOf(t, redis), []);
  });
}

test('no call holds Redis for long with ten thousand children', async (t) => {
  const redis = await startRedis(t);
  const client = redis.client();
  const queue = mqQueue(t, redis);
  await queue.waitUntilReady();
  for (let i = 0; i < 30; i++) {
    await hash(client, `p${i}`);
    await client.zadd(`${P}waiting-children`, i, `p${i}`);
    for (let k = 0; k < 10; k++) await client.sadd(`${P}p${i}:dependencies`, ...Array.from({ length: 1000 }, (_, n) => `${P}gone:${k}:${n}`));
  }
  await client.config('SET', 'slowlog-log-slower-than', 20_000);
  await client.config('RESETSTAT');
  const found = await findingsOf(t, redis);
  assert.equal(found.length, 30);
  assert.match(found[0].detail, /^1\d\d\d of 10000, such as bull:q:gone:/);
  await until(async () => (await client.call('SLOWLOG', 'LEN')) === 0, { describe: async () => JSON.stringify(await client.call('SLOWLOG', 'GET', 3)) });
});
