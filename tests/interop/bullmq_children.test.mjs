/* What a running job is told of its children, beside what BullMQ's own getters say: the same, page by page, however
 * many there are and however long their values. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { missing } from '../lib/processes.mjs';
import { startRedis } from '../lib/redis.mjs';
import { mqQueue } from '../lib/bullmq.mjs';
import { CLI, Driver } from './bull_sides.mjs';

const skip = missing(CLI);
const PROCESSED = 1, IGNORED = 2, FAILED = 3, UNPROCESSED = 4;
const PAGE_BYTES = 1 << 20;

/* A job, and children in the keys that a flow would have filled. */
async function bench(t) {
  const redis = await startRedis(t);
  const client = redis.client();
  const queue = mqQueue(t, redis);
  const { id } = await queue.add('parent', {});
  const driver = new Driver(t, redis, {}, 'q', 'bull', 'bullmq');
  const ask = (which, more = {}) => driver.ask({ op: 'children', id, which, ...more });

  async function all(which) {
    const found = new Map();
    let cursor = 0, pages = 0;
    do {
      const page = await ask(which, { cursor });
      assert.equal(page.error, undefined, page.detail);
      for (const [key, value, isCut] of page.children) {
        const whole = isCut ? (await ask(which, { key })).children[0][1] : value;
        found.set(key, whole);
      }
      cursor = page.cursor;
      pages++;
    } while (cursor !== 0);
    return { found, pages };
  }
  return { client, queue, id, key: `bull:q:${id}`, job: await queue.getJob(id), ask, all };
}

const keys = (count) => Array.from({ length: count }, (_, i) => `bull:parts:${i}`);

test('no children', { skip }, async (t) => {
  const { all } = await bench(t);
  for (const which of [PROCESSED, IGNORED, FAILED, UNPROCESSED]) {
    assert.deepEqual((await all(which)).found, new Map());
  }
});

for (const count of [1, 49, 50, 51, 3000]) {
  test(`${count} children of each kind`, { skip }, async (t) => {
    const { client, key, job, all } = await bench(t);
    const some = keys(count);

    await client.hset(`${key}:processed`, ...some.flatMap((child, i) => [child, JSON.stringify({ i, text: 'x'.repeat(80) })]));
    await client.hset(`${key}:failed`, ...some.flatMap((child, i) => [child, `no ${i}`]));
    await client.zadd(`${key}:unsuccessful`, ...some.flatMap((child, i) => [i, child]));
    await client.sadd(`${key}:dependencies`, ...some);
    const processed = await all(PROCESSED);
    const values = new Map([...processed.found].map(([child, value]) => [child, JSON.parse(value)]));
    assert.deepEqual(Object.fromEntries(values), await job.getChildrenValues());
    if (count === 3000) assert.ok(processed.pages > 20, `${processed.pages} pages`);
    assert.deepEqual(Object.fromEntries((await all(IGNORED)).found), await job.getIgnoredChildrenFailures());
    const { unprocessed } = await job.getDependencies();
    for (const which of [FAILED, UNPROCESSED]) {
      const { found } = await all(which);
      assert.deepEqual([...found.keys()].sort(), [...unprocessed].sort());
      assert.ok([...found.values()].every((value) => value === null));
    }
  });
}

test('values too long for a page are asked for alone', { skip }, async (t) => {
  const { client, key, ask, all } = await bench(t);
  const long = JSON.stringify('y'.repeat(PAGE_BYTES * 0.7));

  for (const child of keys(5)) await client.hset(`${key}:processed`, child, long);
  const page = await ask(PROCESSED);
  assert.equal(page.children.filter(([, value]) => value !== null).length, 1);
  assert.equal(page.children.filter(([, , isCut]) => isCut).length, 4);
  const { found } = await all(PROCESSED);
  assert.deepEqual([...found.keys()].sort(), keys(5));
  assert.ok([...found.values()].every((value) => value === long));
  assert.deepEqual((await ask(PROCESSED, { key: 'bull:parts:none' })).children, []);
});

test('a value longer than a page comes all the same', { skip }, async (t) => {
  const { client, key, ask } = await bench(t);

  await client.hset(`${key}:processed`, 'bull:parts:0', JSON.stringify('z'.repeat(PAGE_BYTES * 2)));
  const [[, value, isCut]] = (await ask(PROCESSED)).children;
  assert.equal(value.length, PAGE_BYTES * 2 + 2);
  assert.equal(isCut, false);
});

test('a key of a foreign type is named', { skip }, async (t) => {
  const { client, key, ask } = await bench(t);

  await client.set(`${key}:processed`, 'not mine');
  const { code, detail } = await ask(PROCESSED);
  assert.equal(code, 24);
  assert.match(detail, /bull:q:1:processed is a string/);
});
