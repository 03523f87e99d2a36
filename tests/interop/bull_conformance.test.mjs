/* Each scenario is done twice, by Bull and by the dialect: keys, types, fields, scores and events
 * must be the same. Numbers are those of the protocol's scenarios. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { missing } from '../lib/processes.mjs';
import { startRedis } from '../lib/redis.mjs';
import { dump, normalise, normaliseMessages } from '../lib/state.mjs';
import { BullSide, CLI, OurSide, published } from './bull_sides.mjs';

const skip = missing(CLI);
const P = 'bull:q:';

/* An iteration's delay is what is left until its slot: not the same in two runs. */
function maskSlots(state) {
  for (const [suffix, { value }] of Object.entries(state)) {
    if (!suffix.startsWith('repeat:') || !value.opts) continue;
    value.delay = value.delay === '0' ? '0' : '<left>';
    value.opts = value.opts.replace(/"delay":\d+/, '"delay":"<left>"');
  }
  return state;
}

async function twice(t, redis, steps, options) {
  const client = redis.client();
  const seen = {};

  for (const Side of [BullSide, OurSide]) {
    await client.flushall();
    const side = new Side(t, redis, options);
    if (side.queue) await side.queue.isReady();
    const { value, messages } = await published(redis, client, () => steps(side, client));
    seen[side.name] = {
      value,
      state: maskSlots(normalise(await dump(client), { without: options?.without ?? ['stalled-check', 'stalled'] })),
      messages: normaliseMessages(messages),
    };
  }
  assert.deepEqual(seen.cartrita, seen.bull);
  return seen.cartrita;
}

const scenarios = [
  ['1 add', {}, (s) => s.add([{ data: { a: 1 } }])],
  ['2 first in, first out', {}, async (s) => {
    await s.add([{ data: 1 }, { data: 2 }]);
    return [await s.take(), await s.take()];
  }],
  ['3 lifo', {}, async (s) => {
    await s.add([{ data: 1 }, { data: 2, opts: { lifo: true } }]);
    return s.take();
  }],
  ['4 priorities', {}, async (s) => {
    await s.add([1, 2, 3, 4].map((n) => ({ data: n })));
    for (let i = 0; i < 2; i++) await s.take();
    await s.add([3, 1, 2, 1, 3, 2].map((priority) => ({ opts: { priority } })));
    return [await s.take(), await s.take()];
  }],
  ['5 custom id, delayed', {}, async (s) => {
    await s.add([{ data: 1 }]);
    return s.add([{ data: 2, opts: { jobId: 'cust', delay: 5000, timestamp: 1795429945664 } }]);
  }],
  ['6 duplicate', {}, (s) => s.add([{ data: 1, opts: { jobId: 'cust' } }, { data: 2, opts: { jobId: 'cust' } }, { data: 3 }])],
  ['7 empty ids', {}, (s) => s.add([{ opts: { jobId: '' } }, { opts: { jobId: null } }, { opts: { jobId: 17 } }])],
  ['8 falsy data', {}, (s) => s.add([{}, { data: null }, { data: 0 }, { data: 'str' }, { data: '' }, { data: false }, { data: [1, 'é"\\\n'] }])],
  ['9 negative delay', {}, (s) => s.add([{ opts: { delay: -5 } }])],
  ['11 backoff as number', {}, (s) => s.add([{ opts: { backoff: 100 } }, { opts: { backoff: { type: 'exponential', delay: 7 }, attempts: 3 } }])],
  ['options keep their order', {}, (s) =>
    s.add([{ name: 'n', data: { x: 1 }, opts: { priority: 0, backoff: 5, removeOnComplete: { age: 3, count: 4 }, attempts: 2, timestamp: 1795429945664, delay: 0, lifo: false, timeout: 500, extra: [1, { a: 'b' }] } }])],
  ['13 add while paused', {}, async (s, c) => {
    await c.set(`${P}meta-paused`, 1);
    return s.add([{ data: 1 }, { data: 2, opts: { lifo: true } }, { data: 3, opts: { priority: 2 } }, { data: 4, opts: { delay: 50000 } }]);
  }],
  ['17 promotion while paused', {}, async (s, c) => {
    await s.add([{ data: 1, opts: { delay: 1000 } }]);
    await c.set(`${P}meta-paused`, 1);
    await s.promote(Date.now() + 2000);
  }],
  ['18 activation', {}, async (s) => {
    await s.add([{ data: 1, opts: { priority: 3 } }]);
    return s.take();
  }],
  ['18 activation after a blocking wait', {}, async (s, c) => {
    await s.add([{ data: 1, opts: { priority: 3 } }]);
    await c.sadd(`${P}stalled`, '1', '2');
    return s.takeBlocked(c, '1');
  }, { without: [] }],
  ['19 nothing to take', {}, (s) => s.take()],
  ['21 complete', {}, async (s) => {
    await s.add([{ data: 1 }]);
    return s.complete(await s.take(), 'ok');
  }],
  ['22 complete without a value', {}, async (s) => {
    await s.add([{ data: 1 }]);
    return s.complete(await s.take(), undefined);
  }],
  ['23 complete and fetch', {}, async (s) => {
    await s.add([{ data: 1 }, { data: 2, opts: { priority: 1 } }, { data: 3 }]);
    return [await s.complete(await s.take(), { x: [1, 'ü'] }, { fetch: true }), s.fetched];
  }],
  ['25 removeOnComplete true', {}, async (s) => {
    await s.add([{ data: 1, opts: { removeOnComplete: true } }]);
    const id = await s.take();
    await s.log(id, 'line');
    return s.complete(id, 1);
  }],
  ['26 removeOnComplete 2', {}, async (s) => {
    await s.add([1, 2, 3, 4].map((n) => ({ data: n, opts: { removeOnComplete: 2 } })));
    for (let i = 0; i < 4; i++) {
      const id = await s.take();
      await s.log(id, 'line');
      await s.complete(id, i);
    }
  }],
  ['27 removeOnComplete by age', {}, async (s, c) => {
    await s.add([1, 2].map((n) => ({ data: n, opts: { removeOnComplete: { age: 1 } } })));
    await s.complete(await s.take(), 1);
    await c.zadd(`${P}completed`, Date.now() - 2000, '1');
    await s.complete(await s.take(), 2);
  }],
  ['28 removeOnComplete false, -1', {}, async (s) => {
    await s.add([{ opts: { removeOnComplete: false } }, { opts: { removeOnComplete: -1 } }, { opts: { removeOnComplete: {} } }]);
    for (let i = 0; i < 3; i++) await s.complete(await s.take(), i);
  }],
  ['29 foreign lock', {}, async (s, c) => {
    await s.add([{ data: 1 }]);
    const id = await s.take();
    await c.set(`${P}${id}:lock`, 'other');
    return s.complete(id, 1);
  }],
  ['30 lock expired', {}, async (s, c) => {
    await s.add([{ data: 1 }]);
    const id = await s.take();
    await c.del(`${P}${id}:lock`);
    return s.complete(id, 1);
  }],
  ['31 hash deleted', {}, async (s, c) => {
    await s.add([{ data: 1 }]);
    const id = await s.take();
    await c.del(`${P}${id}`);
    return s.complete(id, 1);
  }],
  ['32 not in active', {}, async (s, c) => {
    await s.add([{ data: 1 }]);
    const id = await s.take();
    await c.del(`${P}active`);
    return s.complete(id, 1);
  }],
  ['33 fail', {}, async (s) => {
    await s.add([{ data: 1 }]);
    return s.fail(await s.take(), 'boom "quoted"\n');
  }],
  ['34 retry at once', {}, async (s) => {
    await s.add([{ data: 1, opts: { attempts: 2 } }, { data: 2 }]);
    return s.fail(await s.take(), 'boom');
  }],
  ['35 retry, lifo', {}, async (s) => {
    await s.add([{ data: 1, opts: { attempts: 2, lifo: true } }, { data: 2, opts: { lifo: true } }]);
    return s.fail(await s.take(), 'boom');
  }],
  ['36 retry, priority', {}, async (s) => {
    await s.add([1, 2, 2, 3].map((priority) => ({ opts: { attempts: 2, priority } })));
    await s.take();
    return s.fail(await s.take(), 'boom');
  }],
  ['37 exponential backoff', {}, async (s) => {
    await s.add([{ data: 1, opts: { attempts: 3, backoff: { type: 'exponential', delay: 60000 } } }]);
    await s.fail(await s.take(), 'one');
    await s.promote(Date.now() + 70000);
    return s.fail(await s.take(), 'two');
  }],
  ['37 fixed backoff, custom id', {}, async (s) => {
    await s.add([{ data: 1, opts: { attempts: 3, backoff: 60000, jobId: 'x1' } }]);
    return s.fail(await s.take(), 'one');
  }],
  ['38 discard', {}, async (s) => {
    await s.add([{ data: 1, opts: { attempts: 5 } }]);
    return s.fail(await s.take(), 'boom', { unrecoverable: true });
  }],
  ['39 stackTraceLimit', {}, async (s) => {
    await s.add([{ data: 1, opts: { attempts: 4, stackTraceLimit: 2 } }]);
    for (const text of ['one', 'two', 'three']) await s.fail(await s.take(), text);
  }],
  ['40 retry while paused', {}, async (s, c) => {
    await s.add([{ data: 1, opts: { attempts: 2 } }]);
    const id = await s.take();
    await c.set(`${P}meta-paused`, 1);
    return s.fail(id, 'boom');
  }],
  ['failing for good, removeOnFail', {}, async (s) => {
    await s.add([{ opts: { removeOnFail: true } }, { opts: { removeOnFail: 1 } }, { opts: { removeOnFail: 1 } }]);
    for (let i = 0; i < 3; i++) await s.fail(await s.take(), `boom ${i}`);
  }],
  ['completing after a failure', {}, async (s) => {
    await s.add([{ data: 1, opts: { attempts: 2 } }]);
    await s.fail(await s.take(), 'boom');
    return s.complete(await s.take(), null);
  }],
  ['41 promotion', {}, async (s) => {
    await s.add([300, 100, 200, 90000].map((delay) => ({ opts: { delay } })).concat([{ opts: { delay: 150, priority: 2 } }]));
    await s.promote(Date.now() + 1000);
  }],
  ['41 promotion of a job that is active, too', {}, async (s, c) => {
    await s.add([{ data: 1 }, { data: 2 }]);
    await c.zadd(`${P}delayed`, 4096000, await s.take());
    await s.promote();
  }],
  ['43 nothing due', {}, async (s) => {
    await s.add([{ opts: { delay: 90000 } }]);
    await s.promote();
  }],
  ['47 not marked yet', {}, async (s, c) => {
    await s.add([{ data: 1 }]);
    await c.del(`${P}${await s.take()}:lock`);
    return s.sweep();
  }, { without: [] }],
  ['48 stalled', {}, async (s, c) => {
    await s.add([{ data: 1 }, { data: 2 }, { data: 3 }]);
    await s.take();
    await c.del(`${P}${await s.take()}:lock`);
    await s.sweep();
    await c.del(`${P}stalled-check`);
    return s.sweep();
  }, { without: [] }],
  ['49 renewed in time', {}, async (s, c) => {
    await s.add([{ data: 1 }]);
    const id = await s.take();
    await s.sweep();
    await s.extend(id);
    await c.del(`${P}stalled-check`, `${P}${id}:lock`);
    return s.sweep();
  }, { without: [] }],
  ...['50 stalled too often', '52 removeOnFail true', 'removeOnFail by count', 'removeOnFail by age'].map((name, i) => [
    name, {}, async (s, c) => {
      const removeOnFail = [undefined, true, 1, { age: 10 }][i];
      await c.zadd(`${P}failed`, Date.now() - 60000, 'old');
      await c.hset(`${P}old`, 'data', '{}');
      await s.add([{ data: 1, opts: removeOnFail === undefined ? {} : { removeOnFail } }]);
      const id = await s.take();
      await c.hset(`${P}${id}`, 'stalledCounter', 1);
      await c.del(`${P}${id}:lock`);
      await s.sweep();
      await c.del(`${P}stalled-check`);
      return s.sweep();
    }]),
  ['51 checked a moment ago', {}, async (s, c) => {
    await s.add([{ data: 1 }]);
    await c.del(`${P}${await s.take()}:lock`);
    await s.sweep();
    return s.sweep();
  }, { without: [] }],
  ['53 extend a lock', {}, async (s, c) => {
    await s.add([{ data: 1 }, { data: 2 }]);
    const [mine, lost] = [await s.take(), await s.take()];
    await c.set(`${P}${lost}:lock`, 'other');
    await c.sadd(`${P}stalled`, mine, lost);
    return [await s.extend(mine), await s.extend(lost)];
  }, { without: [] }],
  ['59 progress', {}, async (s) => {
    await s.add([{ data: 1 }]);
    const id = await s.take();
    await s.progress(id, { x: 'é' });
    return s.progress(id, 42);
  }],
  ['update and log', {}, async (s) => {
    await s.add([{ data: 1 }]);
    const id = await s.take();
    await s.log(id, 'one\ntwo');
    await s.log(id, '');
    return s.update(id, { fresh: true });
  }],
  ['60 a missing job', {}, async (s, c) => {
    await s.add([{ data: 1 }]);
    const id = await s.take();
    await c.del(`${P}${id}`);
    return [await s.progress(id, 1), await s.update(id, 1), await s.log(id, 'x')];
  }],
  ['62 debounce', {}, async (s) => {
    const opts = { debounce: { id: 'X' } };
    const first = await s.add([{ data: 1, opts }, { data: 2, opts }]);
    await s.complete(await s.take(), 1);
    return [first, await s.add([{ data: 3, opts }])];
  }],
  ['63 debounce with a time', {}, async (s) => {
    const opts = { debounce: { id: 'X', ttl: 50000 }, removeOnComplete: true };
    await s.add([{ data: 1, opts }]);
    return s.complete(await s.take(), 1);
  }],
  ['62 debounce, failed and stalled', {}, async (s, c) => {
    await s.add(['A', 'B'].map((id) => ({ opts: { debounce: { id } } })));
    await s.fail(await s.take(), 'boom');
    const id = await s.take();
    await c.hset(`${P}${id}`, 'stalledCounter', 1);
    await c.del(`${P}${id}:lock`);
    await s.sweep();
    await c.del(`${P}stalled-check`);
    return s.sweep();
  }],
  ['64 limiter', { limiter: { max: 1, duration: 60000 } }, async (s) => {
    await s.add([{ data: 1 }, { data: 2 }]);
    return [await s.take(), await s.take()];
  }],
  ['64 limiter, released', { limiter: { max: 1, duration: 60000 } }, async (s, c) => {
    await s.add([{ data: 1 }, { data: 2 }, { data: 3 }]);
    while (await c.llen(`${P}wait`)) await s.take();
    const flat = await c.zrange(`${P}delayed`, 0, -1, 'WITHSCORES');
    const left = [flat[1], flat[3]].map((score) => Math.round((score / 4096 - Date.now()) / 1000));
    await c.del(`${P}limiter`);
    await s.promote(Date.now() + 200000);
    while (await c.llen(`${P}wait`)) await s.take();
    return left;
  }],
  ['65 limiter by group', { limiter: { max: 1, duration: 60000, groupKey: 'g.k' } }, async (s, c) => {
    await s.add(['A', 'A', 'B'].map((k, i) => ({ data: { g: { k } }, opts: { jobId: `j${i}` } })).concat([{ data: {}, opts: { jobId: 'none' } }]));
    while (await c.llen(`${P}wait`)) await s.take();
  }],
  ['66 a repeatable job', {}, (s) => s.add([{ name: 'nm', data: { a: 1 }, opts: { repeat: { every: 1000, limit: 3 }, attempts: 2 } }])],
  ['66 with cron, zone, end and id', {}, (s) =>
    s.add([{ name: 'nm', opts: { removeOnComplete: true, repeat: { cron: '*/5 * * * *', tz: 'America/New_York', endDate: '2099-01-01' }, jobId: 'myid' } }])],
  ['67 its next iteration', {}, async (s) => {
    await s.add([{ name: 'nm', data: { a: 1 }, opts: { repeat: { every: 1e10 }, attempts: 2 } }]);
    await s.promote(Date.now() + 1.1e10);
    await s.take();
  }],
  ['68 the same slot again', {}, async (s) => {
    await s.add([{ name: 'nm', opts: { repeat: { every: 1e10 }, attempts: 2 } }]);
    await s.promote(Date.now() + 1.1e10);
    await s.fail(await s.take(), 'boom');
    await s.take();
  }],
  ['69 the limit', {}, async (s) => {
    await s.add([{ name: 'nm', opts: { repeat: { every: 1e10, limit: 1 } } }]);
    await s.promote(Date.now() + 1.1e10);
    await s.take();
  }],
  ['71 a series that was removed', {}, async (s, c) => {
    await s.add([{ name: 'nm', opts: { repeat: { every: 1e10 } } }]);
    await s.promote(Date.now() + 1.1e10);
    await c.del(`${P}repeat`);
    await s.take();
  }],
  ['75 metrics', { metrics: { maxDataPoints: 4 } }, async (s, c) => {
    await s.add([{ data: 1 }, { data: 2 }, { data: 3 }]);
    await s.complete(await s.take(), 1);
    await c.hset(`${P}metrics:completed`, 'prevTS', Date.now() - 3 * 60000, 'count', 7, 'prevCount', 2);
    await s.complete(await s.take(), 1);
    await s.fail(await s.take(), 'boom');
  }],
];

test('the same as Bull', { skip }, async (t) => {
  const redis = await startRedis(t);
  for (const [name, options, steps, more] of scenarios) {
    await t.test(name, (inner) => twice(inner, redis, steps, { ...options, ...more }));
  }
});
