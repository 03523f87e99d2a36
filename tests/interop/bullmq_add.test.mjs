/* Jobs added by BullMQ's Queue and by ours: the same keys, fields, scores and events. Scenarios of the protocol's
 * section 13.1. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { missing } from '../lib/processes.mjs';
import { startRedis } from '../lib/redis.mjs';
import { CLI } from './bull_sides.mjs';
import { Cartrita, REFUSED, twice } from './bullmq_producers.mjs';

const skip = missing(CLI);
const T = Date.now() - 1000;
const P = 'bull:q:';

const scenarios = {
  'S1, S2, S3: in order, and lifo': (side) => side.add({ data: { a: 1 } }, { data: { a: 2 } }, { opts: { lifo: true } }),
  'S4: priorities': (side) => side.add(...[5, 2, 5, 2097151, 0].map((priority) => ({ opts: { priority } }))),
  'S6, S7: delays of one millisecond': (side) =>
    side.add(...[5000, 5000, 5000, 4999].map((delay) => ({ opts: { delay, timestamp: T } }))),
  'a delay with a priority': (side) => side.add({ opts: { delay: 5000, priority: 3, timestamp: T } }),
  'S8: a duplicate': (side) => side.add({ data: 1, opts: { jobId: 'x' } }, { data: 2, opts: { jobId: 'x', delay: 50 } }, {}),
  'S9: no parent': (side) => side.add({ opts: { parent: { id: 'nope', queue: 'bull:p' } } }),
  'S10: a negative delay': (side) => side.add({ opts: { delay: -5 } }),
  'S11: paused': async (side, client) => {
    await client.hset(`${P}meta`, 'paused', 1);
    return side.add({}, { opts: { priority: 1 } }, { opts: { lifo: true } }, { opts: { delay: 1000, timestamp: T } });
  },
  'S12: as many active as may be': async (side, client) => {
    await client.hset(`${P}meta`, 'concurrency', 1);
    await client.lpush(`${P}active`, 'other');
    return side.add({}, { opts: { priority: 1 } });
  },
  'S12: one less': async (side, client) => {
    await client.hset(`${P}meta`, 'concurrency', 2);
    await client.lpush(`${P}active`, 'other');
    return side.add({});
  },
  'S13: short names': (side) =>
    side.add({ opts: { keepLogs: 3, failParentOnFailure: true, deduplication: { id: 'd' } } }),
  'S14: several at once': (side) => side.addBulk({ data: 1 }, { data: 2, opts: { delay: 900, timestamp: T } }, { data: 3, opts: { priority: 2 } }),
  'a length of the stream': async (side, client) => {
    await client.hset(`${P}meta`, 'opts.maxLenEvents', 77);
    return side.add({});
  },
  'each kind of data': (side) =>
    side.add(...[undefined, null, 0, false, '', 'é"\\\n', [], [1, { a: 'b' }], { a: { b: [] } }].map((data) => ({ data }))),
  'backoff and attempts': (side) =>
    side.add(...[100, 0, { type: 'exponential', delay: 7, jitter: 0.5 }, { type: 'own' }, null]
      .map((backoff) => ({ opts: { backoff, attempts: 3 } }))),
  retention: (side) =>
    side.add(...[true, false, 5, { age: 3, count: 4, limit: 5 }, null]
      .map((keep) => ({ opts: { removeOnComplete: keep, removeOnFail: keep } }))),
  telemetry: (side) =>
    side.add(
      { opts: { telemetry: { metadata: '{"traceparent":"00-1-2-01"}', omitContext: true } } },
      { opts: { telemetry: { metadata: 'm', omitContext: false } } },
    ),
  'options that nobody knows': (side) => side.add({ opts: { extra: { x: [1, null, 'a/b'] }, stackTraceLimit: 3, sizeLimit: 50 } }),
  times: (side) => side.add({ opts: { timestamp: T } }, { opts: { timestamp: 0 } }, { opts: { delay: 1000.5, timestamp: 1795430112362 } }),
  ids: (side) =>
    side.add(...['x', '1.5', 'a:b:c', '', '17', '-1', 'a:b', '0', '0:b:c', 'a:b:c:d'].map((jobId) => ({ opts: { jobId } }))),
  'a parent, with each policy': async (side) => {
    await side.add({ opts: { jobId: 'P' } });
    const parent = { id: 'P', queue: 'bull:q' };
    return side.add(
      { opts: { parent } },
      ...['failParentOnFailure', 'continueParentOnFailure', 'ignoreDependencyOnFailure', 'removeDependencyOnFailure']
        .map((policy) => ({ opts: { parent, [policy]: true } })),
      { opts: { parent, failParentOnFailure: false, ignoreDependencyOnFailure: true } },
    );
  },
  'what is refused': (side) =>
    side.add(
      { opts: { priority: 1.5 } },
      { opts: { priority: 2097152 } },
      { opts: { backoff: { type: 'fixed', delay: 1, jitter: 1.5 } } },
      { opts: { deduplication: {} } },
      { opts: { deduplication: { id: 'd' }, parent: { id: '1', queue: 'bull:q' } } },
      { opts: { debounce: { id: 'd' } } },
      { opts: { failParentOnFailure: true, ignoreDependencyOnFailure: true } },
      { data: { a: 'xxxxxxxx' }, opts: { sizeLimit: 5 } },
    ),
};

/* Duplicates with parents: {what the job is before: [commands]}. */
const PARENT = { id: 'new', queue: 'bull:p' };
const duplicates = {
  'without a parent': [],
  'of the same parent': [['hset', `${P}x`, 'parentKey', 'bull:p:new', 'parent', '{}']],
  'of a parent that is gone': [['hset', `${P}x`, 'parentKey', 'bull:p:gone', 'parent', '{}']],
  'of another parent': [['hset', `${P}x`, 'parentKey', 'bull:p:old', 'parent', '{}']],
  completed: [['hset', `${P}x`, 'returnvalue', '{"r":1}'], ['lrem', `${P}wait`, 1, 'x'], ['zadd', `${P}completed`, 5, 'x']],
  failed: [['lrem', `${P}wait`, 1, 'x'], ['zadd', `${P}failed`, 5, 'x']],
};
for (const [name, commands] of Object.entries(duplicates)) {
  scenarios[`a duplicate gets a parent: ${name}`] = async (side, client) => {
    await side.add({ opts: { jobId: 'x' } });
    for (const [command, ...args] of commands) await client[command](...args);
    await client.hset('bull:p:new', 'name', 'parent');
    await client.hset('bull:p:old', 'name', 'parent');
    await client.zadd('bull:p:waiting-children', 1, 'new');
    return side.add({ opts: { jobId: 'x', parent: PARENT, failParentOnFailure: true } });
  };
}

test('what is added is the same, whoever adds it', { skip }, async (t) => {
  const redis = await startRedis(t);
  for (const [name, steps] of Object.entries(scenarios)) {
    await t.test(name, (inner) => twice(inner, redis, steps));
  }
});

/* What BullMQ stores, or breaks on. */
const refusals = [
  [{ opts: { repeat: { every: 1000 } } }, /option repeat belongs to a job scheduler: use `cartrita-q scheduler add`/],
  [{ opts: { priority: -1 } }, /option priority must be a whole number from 0 to 2097151/],
  [{ opts: { delay: 'soon' } }, /option delay must be a number/],
  [{ opts: { attempts: {} } }, /option attempts must be a number/],
  [{ opts: { backoff: 'x' } }, /option backoff must be a number of ms or an object/],
  [{ opts: { removeOnComplete: 'x' } }, /option removeOnComplete must be/],
  [{ opts: { removeOnFail: { count: 1, limit: 'x' } } }, /option removeOnFail.limit must be a number/],
  [{ opts: { jobId: 17 } }, /option jobId must be a string/],
  [{ opts: { jobId: 'wait' } }, /option jobId "wait" is the name of a key of the queue itself/],
  [{ opts: { jobId: 'meta' } }, /is the name of a key/],
  [{ opts: { jobId: 'repeat:a:1' } }, /is the name of a key/],
  [{ opts: { jobId: 'a:b:lock' } }, /is the name of a key/],
  [{ opts: { jobId: 'x'.repeat(1025) } }, /option jobId is over 1024 bytes/],
  [{ opts: { deduplication: { id: 'd', ttl: 1.5 } } }, /option deduplication.ttl must be a whole number of ms/],
  [{ opts: { deduplication: { id: 'd', ttl: -5 } } }, /option deduplication.ttl must be a whole number of ms/],
  [{ opts: { parent: { id: 'p' } } }, /option parent must be \{"id": id, "queue": "prefix:name"\}/],
  [{ opts: { parent: { id: 'p', queue: 'q' } } }, /option parent must be/],
  [{ opts: { telemetry: 'x' } }, /option telemetry must be/],
  [{ opts: { parent: { id: 'nope', queue: 'bull:p' } } }, /there is no parent job bull:p:nope/],
];

test('what cannot work is refused by name, and nothing is written', { skip }, async (t) => {
  const redis = await startRedis(t);
  const client = redis.client();
  const ours = new Cartrita(t, redis);
  for (const [job, message] of refusals) {
    assert.deepEqual(await ours.add(job), [REFUSED], JSON.stringify(job));
    assert.match(ours.answer.results[0].detail, message);
  }
  assert.deepEqual(await client.keys('*'), []);
});
