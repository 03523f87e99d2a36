/* cartrita-q job find: what it finds is what a look at each of Bull's jobs would find. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { bullQueue, untilCounts } from '../lib/bull.mjs';
import { jsonOfQ, runQ } from '../lib/q.mjs';
import { startRedis } from '../lib/redis.mjs';

const ids = (jobs) => jobs.map((job) => job.id);
const find = async (t, redis, ...args) => ids(await jsonOfQ(t, redis, 'job', 'find', 'q', ...args));

/* Ids 1 to 4 completed, 5 to 7 failed, 8 to 12 waiting, 13 delayed. */
async function fill(t, redis) {
  const worker = bullQueue(t, redis);
  const queue = bullQueue(t, redis);
  worker.process('*', 1, (job) => {
    if (job.name === 'bad') throw new Error(`HTTP ${500 + job.data.n} from host\nlater`);
    return job.data.n;
  });
  for (let n = 0; n < 4; n++) await queue.add('good', { n, user: { id: `u${n % 2}`, tags: ['x', { k: n }] } });
  for (let n = 0; n < 3; n++) await queue.add('bad', { n });
  await untilCounts(queue, { completed: 4, failed: 3 });
  await worker.pause(true);
  for (let n = 0; n < 5; n++) await queue.add('later', { n, 'a.b': 1, text: `Grüße ${n}`, none: null });
  await queue.add('later', { n: 2 }, { delay: 3600_000 });
  return queue;
}

test('job find by name, state, reason and data', async (t) => {
  const redis = await startRedis(t);
  await fill(t, redis);

  assert.deepEqual(await find(t, redis, '--name', 'good'), ['4', '3', '2', '1']);
  assert.deepEqual(await find(t, redis, '--name', 'later'), ['8', '9', '10', '11', '12', '13']);
  assert.deepEqual(await find(t, redis, '--name', 'later', '--state', 'delayed'), ['13']);
  assert.deepEqual(await find(t, redis, '--reason', 'HTTP 50[12]'), ['7', '6']);
  assert.deepEqual(await find(t, redis, '--reason', '^later'), []);
  assert.deepEqual(await find(t, redis, '--data', 'n=2'), ['10', '13', '3', '7']);
  assert.deepEqual(await find(t, redis, '--data', 'n=2.0', '--state', 'failed', '--state', 'completed'), ['7', '3']);
  assert.deepEqual(await find(t, redis, '--data', 'user.id=u1'), ['4', '2']);
  assert.deepEqual(await find(t, redis, '--data', 'user.id=u1', '--data', 'n=3'), ['4']);
  assert.deepEqual(await find(t, redis, '--data', 'user.tags.1.k=0'), ['1']);
  assert.deepEqual(await find(t, redis, '--data', 'user.tags.7.k=0'), []);
  assert.deepEqual(await find(t, redis, '--data', 'user={"tags":["x",{"k":0}],"id":"u0"}'), ['1']);
  assert.deepEqual(await find(t, redis, '--data', 'a.b=1', '--limit', 2), ['8', '9']);
  assert.deepEqual(await find(t, redis, '--data', 'none=null', '--data', 'n=4'), ['12']);
  assert.deepEqual(await find(t, redis, '--data-contains', 'Grüße 3'), ['11']);
  assert.deepEqual(await find(t, redis, '--limit', 3, '--state', 'completed'), ['4', '3', '2']);

  const table = await runQ(t, redis, 'job', 'find', 'q', '--reason', 'HTTP 500');
  assert.match(table.stdout, /^id +name +state +added +attempts +detail\n5 +bad +failed .* 1 +HTTP 500 from host\\nlater\n$/);
  const none = await runQ(t, redis, 'job', 'find', 'q', '--name', 'none');
  assert.deepEqual([none.code, none.stdout], [0, '']);
  assert.match(none.stderr, /no such jobs in queue "q"/);
});

test('job find by age ends its look where the order tells', async (t) => {
  const redis = await startRedis(t);
  await fill(t, redis);
  const client = redis.client();
  const hour = Date.now() - 3600_000;
  for (const id of ['1', '2', '5']) await client.hset(`bull:q:${id}`, 'finishedOn', hour);
  await client.zadd('bull:q:completed', hour, '1', hour, '2');
  await client.zadd('bull:q:failed', hour, '5');

  assert.deepEqual(await find(t, redis, '--older', '30m'), ['2', '1', '5']);
  assert.deepEqual(await find(t, redis, '--newer', '30m', '--state', 'completed'), ['4', '3']);
  /* Of a thousand older ones behind them only the first page is looked at. */
  await client.eval(`for i = 1, 1000 do
    redis.call('HSET', 'bull:q:old' .. i, 'timestamp', '1', 'finishedOn', ARGV[1])
    redis.call('ZADD', 'bull:q:completed', ARGV[1], 'old' .. i) end`, 0, hour - 1);
  await client.config('RESETSTAT');
  assert.deepEqual(await find(t, redis, '--newer', '30m', '--state', 'completed'), ['4', '3']);
  const [, calls] = (await client.info('commandstats')).match(/cmdstat_evalsha:calls=(\d+)/);
  assert.ok(Number(calls) < 8, `${calls} calls`);
});

test('job find looks through a long queue, page by page', async (t) => {
  const redis = await startRedis(t);
  const queue = bullQueue(t, redis);
  await queue.addBulk(Array.from({ length: 1050 }, (_, n) => ({ name: n % 100 ? 'n' : 'rare', data: { n } })));
  const client = redis.client();
  await client.config('RESETSTAT');

  const rare = await jsonOfQ(t, redis, 'job', 'find', 'q', '--name', 'rare');
  assert.deepEqual(rare.map((job) => job.data.n), Array.from({ length: 11 }, (_, n) => n * 100));
  const [, calls] = (await client.info('commandstats')).match(/cmdstat_evalsha:calls=(\d+)/);
  assert.ok(Number(calls) <= 20, `${calls} calls for 1050 jobs`);
  const { stderr } = await runQ(t, redis, 'job', 'find', 'q', '--name', 'rare', '--limit', 2);
  assert.match(stderr, /looked at 200 jobs/);
});

test('job find says what is wrong with a filter', async (t) => {
  const redis = await startRedis(t);
  await bullQueue(t, redis).add({});
  for (const [args, message] of [
    [['--data', 'n'], /--data n: it should be PATH=VALUE/],
    [['--data', '=1'], /PATH=VALUE/],
    [['--reason', '('], /--reason \(: /],
    [['--state', 'done'], /--state done: there is no such state/],
  ]) {
    const { code, stderr } = await runQ(t, redis, 'job', 'find', 'q', ...args);
    assert.equal(code, 2, args.join(' '));
    assert.match(stderr, message);
  }
});
