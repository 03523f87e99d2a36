/* cartrita-q doctor: each corruption it knows is made on purpose, found, repaired, and gone; healthy
 * queues, of the real package and at work, are left alone. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Queue as MqQueue } from 'bullmq';

import { bullQueue, untilCounts } from '../lib/bull.mjs';
import { jsonOfQ, runQ } from '../lib/q.mjs';
import { startRedis } from '../lib/redis.mjs';
import { scopeOf } from '../lib/scope.mjs';
import { dump } from '../lib/state.mjs';
import { startCartritaWorker } from '../lib/workers.mjs';

const OPTS = '{"attempts":1,"delay":0,"timestamp":1}';
const P = 'bull:q:';

const hash = (client, id, fields = {}) =>
  client.hset(P + id, { name: 'n', data: '{}', opts: OPTS, timestamp: '1', delay: '0', priority: '0', ...fields });

/* [{finding, id, detail, cure, outcome}] */
async function findingsOf(t, redis, ...args) {
  const { code, stdout, stderr } = await runQ(t, redis, 'doctor', 'q', ...args, '-o', 'json');
  assert.ok([0, 4].includes(code), stderr);
  return JSON.parse(stdout);
}
const shortly = (findings) => findings.map(({ finding, id }) => `${finding} ${id}`).sort();

/* A queue with healthy jobs in each state, which a repair must not touch. */
async function healthy(t, redis) {
  const queue = bullQueue(t, redis);
  await queue.add('n', {});
  await queue.add('n', {}, { priority: 2 });
  await queue.add('n', {}, { delay: 3600_000 });
  await queue.add('n', {}, { debounce: { id: 'held' } });
  await queue.add('series: with colon', {}, { repeat: { every: 3600_000 } });
  await queue.add('series', {}, { repeat: { cron: '0 9 * * *', tz: 'Europe/Madrid', endDate: '2099-01-01' }, jobId: 'mine' });
  const client = redis.client();
  for (const [id, set] of [['done', 'completed'], ['bad', 'failed']]) {
    await hash(client, id, { finishedOn: '5', ...(set === 'failed' ? { failedReason: 'x' } : { returnvalue: '1' }) });
    await client.zadd(P + set, 5, id);
  }
  await hash(client, 'busy', { processedOn: '5' });
  await client.lpush(`${P}active`, 'busy');
  await client.set(`${P}busy:lock`, 't', 'PX', 3600_000);
  await client.rpush(`${P}busy:logs`, 'line');
  return { queue, client };
}

/* name of the finding -> [id, make, whether all is well after the repair] */
const CORRUPTIONS = {
  'no state': ['s', (c) => hash(c, 's'), async (c) => (await c.zscore(`${P}failed`, 's')) !== null && (await c.hget(`${P}s`, 'failedReason')) === 'was found in no state'],
  'two states': ['d', async (c) => { await hash(c, 'd'); await c.lpush(`${P}wait`, 'd'); await c.zadd(`${P}delayed`, 1, 'd'); },
    async (c) => (await c.lpos(`${P}wait`, 'd')) !== null && (await c.zscore(`${P}delayed`, 'd')) === null],
  'no job': ['g', (c) => c.multi().lpush(`${P}wait`, 'g').zadd(`${P}completed`, 1, 'g').exec(),
    async (c) => (await c.lpos(`${P}wait`, 'g')) === null && (await c.zscore(`${P}completed`, 'g')) === null],
  'no lock': ['u', async (c) => { await hash(c, 'u'); await c.lpush(`${P}active`, 'u'); },
    async (c) => (await c.lpos(`${P}active`, 'u')) === null && (await c.lindex(`${P}wait`, -1)) === 'u' && (await c.hget(`${P}u`, 'stalledCounter')) === '1'],
  'priority left': ['done', (c) => c.zadd(`${P}priority`, 1, 'done'), async (c) => (await c.zscore(`${P}priority`, 'done')) === null],
  'two waiting lists': ['paused', async (c) => { for (let i = 0; i < 250; i++) { await hash(c, `p${i}`); await c.lpush(`${P}paused`, `p${i}`); } },
    async (c) => !(await c.exists(`${P}paused`)) && (await c.lrange(`${P}wait`, -250, -1)).join() === Array.from({ length: 250 }, (_, i) => `p${249 - i}`).join()],
  'lock without job': ['gone', (c) => c.set(`${P}gone:lock`, 't', 'PX', 3600_000), async (c) => !(await c.exists(`${P}gone:lock`))],
  'lock without end': ['busy', (c) => c.persist(`${P}busy:lock`), async (c) => (await c.pttl(`${P}busy:lock`)) > 0],
  'logs without job': ['gone', (c) => c.rpush(`${P}gone:logs`, 'line'), async (c) => !(await c.exists(`${P}gone:logs`))],
  'debounce without job': ['left', (c) => c.set(`${P}de:left`, 'gone'), async (c) => !(await c.exists(`${P}de:left`))],
};

for (const [name, [id, make, isWell]] of Object.entries(CORRUPTIONS)) {
  test(`${name}: found, told, repaired`, async (t) => {
    const redis = await startRedis(t);
    const { client } = await healthy(t, redis);
    assert.deepEqual(await findingsOf(t, redis), [], 'healthy before');
    await make(client);
    const before = await dump(client);

    const found = await findingsOf(t, redis);
    assert.deepEqual(shortly(found), [`${name} ${id}`]);
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
  'series without job': ['series:mine:4070908800000:Europe/Madrid:0 9 * * *', async (c) => {
    const [id] = (await c.zrange(`${P}delayed`, 0, -1)).filter((entry) => entry.startsWith('repeat:') && entry.endsWith('00000'));
    assert.ok(id);
    for (const entry of await c.zrange(`${P}delayed`, 0, -1)) {
      if ((await c.hget(P + entry, 'name')) !== 'series') continue;
      await c.zrem(`${P}delayed`, entry);
      await c.del(P + entry);
    }
  }],
  'data no JSON': ['done', (c) => c.hset(`${P}done`, 'data', '{"a":')],
  'opts no JSON': ['done', (c) => c.hset(`${P}done`, 'opts', '7')],
  'huge job': ['done', (c) => c.hset(`${P}done`, 'data', JSON.stringify('x'.repeat(1 << 20)))],
  'huge log': ['busy', (c) => c.rpush(`${P}busy:logs`, ...Array(10_000).fill('line'))],
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

test('a state key of a foreign type is a finding, and ends nothing', async (t) => {
  const redis = await startRedis(t);
  const { client } = await healthy(t, redis);
  await client.del(`${P}delayed`);
  await client.set(`${P}delayed`, 'text');
  const found = shortly(await findingsOf(t, redis));
  assert.ok(found.includes('foreign type delayed'), found.join());
  const { code, stderr } = await runQ(t, redis, 'doctor', 'q', '--repair', '--yes');
  assert.equal(code, 4);
  assert.match(stderr, /not repaired: .*bull:q:delayed is a string/);
});

test('a queue of both Bull and BullMQ is told; one of BullMQ alone is left alone', async (t) => {
  const redis = await startRedis(t);
  const mq = new MqQueue('q', { connection: redis.connection, prefix: 'bull' });
  scopeOf(t).defer(() => mq.close());
  await mq.add('n', {}, { priority: 3 });
  await mq.pause();
  assert.deepEqual(await findingsOf(t, redis), []);
  await redis.client().set(`${P}meta-paused`, '1');
  assert.deepEqual((await findingsOf(t, redis)).map(({ finding }) => finding), ['mixed dialects']);
});

test('queues whose names begin alike are not mixed up', async (t) => {
  const redis = await startRedis(t);
  await bullQueue(t, redis, 'q').add('n', {});
  await bullQueue(t, redis, 'q:sub').add('n', {});
  await bullQueue(t, redis, 'q:sub').add('n', {}, { delay: 3600_000 });
  const { code, stderr } = await runQ(t, redis, 'doctor');
  assert.equal(code, 0, stderr);
  assert.match(stderr, /2 queues are healthy/);
});

test('many jobs, several findings at once: all are found, in a list longer than a page', async (t) => {
  const redis = await startRedis(t);
  const client = redis.client();
  const queue = bullQueue(t, redis);
  for (let i = 0; i < 3; i++) await queue.addBulk(Array.from({ length: 1000 }, (_, n) => ({ name: 'n', data: { n } })));
  await hash(client, 'lost');
  await client.linsert(`${P}wait`, 'BEFORE', '1500', 'ghost');
  await client.linsert(`${P}wait`, 'BEFORE', '2500', '7');
  await client.zadd(`${P}failed`, 1, '1000');
  assert.deepEqual(shortly(await findingsOf(t, redis)), ['no job ghost', 'no state lost', 'two states 1000', 'two states 7']);
  await findingsOf(t, redis, '--repair', '--yes');
  assert.deepEqual(await findingsOf(t, redis), []);
  const counts = await queue.getJobCounts();
  assert.deepEqual([counts.waiting, counts.failed], [3000, 1]);
  assert.deepEqual((await client.lrange(`${P}wait`, -7, -7)), ['7'], 'the one that is taken first stays');
});

/* --- no false alarms ---------------------------------------------------------------------------- */

const LIMITER = { max: 200, duration: 100 };

async function load(queue, rounds) {
  for (let round = 0; round < rounds; round++) {
    await queue.addBulk(Array.from({ length: 40 }, (_, n) => ({
      name: 'n',
      data: n % 9 === 0 ? { error: 'no' } : { result: n },
      opts: { priority: n % 4 === 0 ? (n % 3) + 1 : undefined, delay: n % 5 === 0 ? n : 0, attempts: 2, backoff: n % 2 ? 20 : 0, lifo: n % 7 === 0,
        removeOnComplete: n % 2 ? true : 50, removeOnFail: n % 3 === 0 },
    })));
    if (round % 5 === 0) await queue.pause();
    if (round % 5 === 1) await queue.resume();
  }
  await queue.resume();
}

async function noFalseAlarms(t, redis, queue, rounds) {
  await queue.add('series', { result: 1 }, { repeat: { every: 50 } });
  await queue.add('hourly', { result: 1 }, { repeat: { every: 3600_000 } });
  let isOver = false;
  const loading = load(queue, rounds).finally(() => (isOver = true));
  let looks = 0;
  while (!isOver || looks < 3) {
    const found = await findingsOf(t, redis);
    assert.deepEqual(found, [], JSON.stringify(found));
    looks++;
  }
  await loading;
}

test('a Bull queue at work is healthy', { timeout: 120_000 }, async (t) => {
  const redis = await startRedis(t);
  for (const limiter of [undefined, LIMITER]) {
    const worker = bullQueue(t, redis, 'q', { limiter, settings: { guardInterval: 200 } });
    worker.process('*', 5, async (job) => {
      await job.progress(1);
      if (job.data.error) throw new Error(job.data.error);
    });
  }
  await noFalseAlarms(t, redis, bullQueue(t, redis), 150);
});

test('a queue that Cartrita works on is healthy', { timeout: 120_000 }, async (t) => {
  const redis = await startRedis(t);
  await startCartritaWorker(t, redis, { concurrency: 5, settings: { stalledInterval: 500 } });
  await noFalseAlarms(t, redis, bullQueue(t, redis), 150);
});

/* --- manners ------------------------------------------------------------------------------------ */

test('a repair asks, and a queue that is not there is not healthy', async (t) => {
  const redis = await startRedis(t);
  const { client } = await healthy(t, redis);
  await hash(client, 's');
  const unasked = await runQ(t, redis, 'doctor', '--repair');
  assert.equal(unasked.code, 2);
  assert.match(unasked.stderr, /1 of 1 findings can be repaired[^]*say --yes/);
  assert.match(unasked.stdout, /no state/);
  const looked = await runQ(t, redis, 'doctor');
  assert.equal(looked.code, 4);
  assert.match(looked.stderr, /1 findings; --repair can do something about 1/);
  const absent = await runQ(t, redis, 'doctor', 'qq');
  assert.equal(absent.code, 3);
  assert.match(absent.stderr, /there is no queue "qq"/);
  await client.del(`${P}s`);
  assert.deepEqual(await jsonOfQ(t, redis, 'doctor'), []);
});
