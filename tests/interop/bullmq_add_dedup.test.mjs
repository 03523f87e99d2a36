/* Deduplication while jobs are added, by BullMQ's Queue and by ours: the same keys, windows and events. Where
 * the owner ends: bullmq_dedup.test.mjs. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { missing } from '../lib/processes.mjs';
import { startRedis } from '../lib/redis.mjs';
import { CLI } from './bull_sides.mjs';
import { twice } from './bullmq_producers.mjs';

const skip = missing(CLI);
const HOUR = 3_600_000;
const T = Date.now() - 1000;
const P = 'bull:q:';

const job = (deduplication, opts = {}, data = {}) => ({ data, opts: { timestamp: T, deduplication: { id: 'k', ...deduplication }, ...opts } });
const activate = (client) => client.rpoplpush(`${P}wait`, `${P}active`);

const modes = {
  simple: {},
  throttle: { ttl: HOUR },
  'throttle, ttl 0': { ttl: 0 },
  extend: { ttl: HOUR, extend: true },
  'extend without a time': { extend: true },
  replace: { replace: true },
  debounce: { ttl: HOUR, extend: true, replace: true },
  'replace, not extended': { ttl: HOUR, replace: true },
  'keep last': { keepLastIfActive: true },
  'keep last, with a time': { keepLastIfActive: true, ttl: HOUR },
  'keep last, extended': { keepLastIfActive: true, ttl: HOUR, extend: true },
  'keep last, replacing': { keepLastIfActive: true, replace: true },
  reschedule: { reschedule: true },
  'reschedule and extend': { ttl: HOUR, reschedule: true, extend: true },
};

/* What the owner is when the second and the third come. */
const owners = {
  waiting: [{}, async () => {}],
  delayed: [{ delay: 50_000 }, async () => {}],
  prioritized: [{ priority: 4 }, async () => {}],
  active: [{}, activate],
  completed: [{}, async (client) => {
    await client.lrem(`${P}wait`, 0, '1');
    await client.zadd(`${P}completed`, 5, '1');
  }],
  gone: [{}, async (client) => {
    await client.lrem(`${P}wait`, 0, '1');
    await client.del(`${P}1`);
  }],
};

/* How long a window still is, as far as it tells one from another. */
async function window(client) {
  const ttl = await client.pttl(`${P}de:k`);
  return ttl < 0 ? ttl : `${Math.ceil(ttl / 60_000)} min`;
}

test('deduplication is the same, whoever adds', { skip }, async (t) => {
  const redis = await startRedis(t);
  for (const [mode, options] of Object.entries(modes)) {
    for (const [state, [opts, arrange]] of Object.entries(owners)) {
      await t.test(`${mode}: the owner is ${state}`, (inner) =>
        twice(inner, redis, async (side, client) => {
          const ids = await side.add(job(options, opts, { n: 1 }));
          await arrange(client);
          await client.pexpire(`${P}de:k`, HOUR / 2, 'XX').catch(() => {}); /* time goes by, where there is one */
          ids.push(...(await side.add(job(options, opts, { n: 2 }))), await window(client));
          ids.push(...(await side.add(job({ ...options, ttl: options.ttl && 2 * HOUR }, { ...opts, jobId: 'own', lifo: true }, { n: 3 }))));
          return [...ids, await window(client)];
        }));
    }
  }
  await t.test('another mode than the owner', (inner) =>
    twice(inner, redis, async (side, client) => {
      const ids = await side.add(job({ ttl: HOUR }, { delay: 50_000 }), job({ reschedule: true }, { delay: 9000 }));
      ids.push(...(await side.add(job({ reschedule: true }), job({ keepLastIfActive: true }), job({ replace: true, ttl: HOUR }, { delay: 5 }))));
      return [...ids, await window(client)];
    }));
  await t.test('a number as id', (inner) => twice(inner, redis, (side) => side.add(job({ id: 7 }), job({ id: 7 }))));
});

test('S97: an id whose job is missing is free, unless its time runs', { skip }, async (t) => {
  const redis = await startRedis(t);
  for (const args of [[], ['PX', HOUR]]) {
    const { value } = await twice(t, redis, async (side, client) => {
      await client.set(`${P}de:k`, 'nobody', ...args);
      return side.add(job({}));
    });
    assert.deepEqual(value, args.length > 0 ? ['nobody'] : ['1']);
  }
});
