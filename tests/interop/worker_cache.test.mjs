/* The result cache: a pure job that has run before is completed without its plugin, from the runner's
 * memory or from Redis, until its tag is dropped. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';

import { runQ } from '../lib/q.mjs';
import { skipWithout, startPlugin } from '../lib/plugin.mjs';
import { temporaryDirectory } from '../lib/redis.mjs';

const options = { skip: skipWithout('exec'), timeout: 120_000 };

/* The result tells the process that made it, and its how manieth it is. */
const CHILD = `
import { createInterface } from 'node:readline';
let runs = 0;
for await (const line of createInterface({ input: process.stdin })) {
  const { type, id, data, name } = JSON.parse(line);
  if (type !== 'job') continue;
  const answer = data.fails && runs++ === 0
    ? { type: 'failed', id, reason: 'not yet' }
    : { type: 'completed', id, returnvalue: data.large ? 'x'.repeat(data.large) : { pid: process.pid, run: ++runs, name } };
  process.stdout.write(JSON.stringify(answer) + '\\n');
}`;

async function start(t, { cache = 16, processes } = {}) {
  const dir = await temporaryDirectory(t);
  await writeFile(join(dir, 'child.mjs'), CHILD);
  const set = { command: `exec ${process.execPath} ${join(dir, 'child.mjs')}` };
  const args = ['--cache', String(cache)];
  const bench = await startPlugin(t, 'exec', { set, args, concurrency: 2, processes });
  return {
    ...bench,
    again: () => startPlugin(t, 'exec', { set, args, concurrency: 2, redis: bench.redis }),
    resultOf: async (name, data) => (await bench.run(name, data)).result,
  };
}

test('a pure job runs once; what it depends on makes it another', options, async (t) => {
  const { resultOf, worker } = await start(t);
  const first = await resultOf('thumb', { a: 1, b: [2], cache: true });
  assert.deepEqual(await resultOf('thumb', { b: [2], cache: true, a: 1 }), first);
  assert.deepEqual(await resultOf('thumb', { b: [2], cache: { ttl: 60_000 }, a: 1 }), first);
  for (const [name, data] of [['thumb', { a: 2, b: [2], cache: true }], ['other', { a: 1, b: [2], cache: true }]])
    assert.notDeepEqual(await resultOf(name, data), first);
  const plain = await resultOf('thumb', { a: 1, b: [2] });
  assert.notDeepEqual(await resultOf('thumb', { a: 1, b: [2] }), plain);
  for (const wish of [false, 1, { ttl: 0 }, { tags: 'x' }, { tags: [1] }]) {
    const run = await resultOf('odd', { cache: wish });
    assert.notDeepEqual(await resultOf('odd', { cache: wish }), run);
  }
  await worker.stop();
  assert.match(worker.log, /msg="result cache" memory=2 redis=0 missed=3/);
});

test('another process finds the result in Redis, under keys of no queue', options, async (t) => {
  const bench = await start(t);
  const first = await bench.resultOf('thumb', { a: 1, cache: { tags: ['products', 'a b'] } });
  await bench.worker.stop();
  const later = await bench.again();
  assert.deepEqual((await later.run('thumb', { a: 1, cache: { tags: ['products', 'a b'] } })).result, first);
  const client = bench.redis.client();
  const keys = (await client.keys('*cartrita*')).filter((key) => !key.startsWith('bull:'));
  assert.equal(keys.length, 1);
  assert.match(keys[0], /^\{cartrita:cache\}:job:[0-9a-f]{64}$/);
  const left = await client.pttl(keys[0]);
  assert.ok(left > 0 && left <= 3_600_000, String(left));
  await later.worker.stop();
  assert.match(later.worker.log, /msg="result cache" memory=0 redis=1 missed=0/);
});

test('dropping a tag takes its results away, in every process', options, async (t) => {
  const bench = await start(t);
  const tagged = { a: 1, cache: { tags: ['products', 'prices'] } };
  const other = { a: 2, cache: { tags: ['users'] } };
  const [first, kept] = [await bench.resultOf('x', tagged), await bench.resultOf('x', other)];
  await bench.worker.stop();

  const run = await runQ(t, bench.redis, 'cache', 'drop', 'prices', 'unknown');
  assert.equal(run.code, 0, run.stderr);
  const later = await bench.again();
  const second = (await later.run('x', tagged)).result;
  assert.notDeepEqual(second, first);
  assert.deepEqual((await later.run('x', tagged)).result, second);
  assert.deepEqual((await later.run('x', other)).result, kept);
  await later.worker.stop();

  const bad = await runQ(t, bench.redis, 'cache', 'drop', 'x'.repeat(65));
  assert.notEqual(bad.code, 0);
  assert.match(bad.stderr, /a tag must have 1 to 64 bytes/);
});

test('what has failed, or is too large, is not kept', options, async (t) => {
  const bench = await start(t);
  const failing = { fails: true, cache: true };
  assert.equal((await bench.run('x', failing)).state, 'failed');
  assert.equal((await bench.run('x', failing)).state, 'completed');
  const large = { large: 300_000, cache: true };
  assert.equal((await bench.run('x', large)).result.length, 300_000);
  assert.equal((await bench.run('x', large)).result.length, 300_000);
  await bench.worker.stop();
  assert.match(bench.worker.log, /msg="result cache" memory=0 redis=0 missed=4/);
});

test('without the option nothing is kept', options, async (t) => {
  const bench = await start(t, { cache: 0 });
  const first = await bench.resultOf('x', { cache: true });
  assert.notDeepEqual(await bench.resultOf('x', { cache: true }), first);
  await bench.worker.stop();
  assert.doesNotMatch(bench.worker.log, /result cache/);
});

/* A Redis that refuses the cache's keys costs the cache and no job. */
test('a cache that is away is a miss', options, async (t) => {
  const bench = await start(t);
  const client = bench.redis.client();
  const first = await bench.resultOf('x', { cache: { tags: ['t'] } });
  const [key] = await client.keys('{cartrita:cache}:job:*');
  await bench.worker.stop();
  await client.del(key);
  await client.lpush(key, 'no string');
  const later = await bench.again();
  assert.notDeepEqual((await later.run('x', { cache: { tags: ['t'] } })).result, first);
  await later.worker.stop();
});
