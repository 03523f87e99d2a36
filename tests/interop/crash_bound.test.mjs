/* A job that kills its runner again and again: each time is counted at the job, and with maxCrashes of them
 * it has failed for good, whatever attempts it has left. All in one step of Redis. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { bullQueue, recordMessages, untilMessages, untilState } from '../lib/bull.mjs';
import { missing } from '../lib/processes.mjs';
import { startRedis } from '../lib/redis.mjs';
import { dump } from '../lib/state.mjs';
import { CLI, Driver, published } from './bull_sides.mjs';
import { failedReason, job, SKIP, startBench } from './naughty.mjs';

const skip = missing(CLI);
const OK = 0;
const LOCK_LOST = 13;

async function open(t, settings) {
  const redis = await startRedis(t);
  return { redis, driver: new Driver(t, redis, settings), client: redis.client(), queue: bullQueue(t, redis) };
}

const fetch = (side, count = 1) => side.driver.ask({ op: 'commit', fetch: count });
const crash = (side, id, more = {}) =>
  side.driver.ask({ op: 'judge', id, reason: 'boom', stack: 'Error: boom', crash: true, ...more });
const crashes = (side, id) => side.client.hget(`bull:q:${id}`, 'crashes');

async function snapshot(client) {
  const state = await dump(client);
  for (const entry of Object.values(state)) delete entry.expires;
  return state;
}

for (const [kind, backoff, behind] of [
  ['at once', undefined, 'waiting'],
  ['later', 60_000, 'delayed'],
])
  test(`the last crash of a job that is retried ${kind} fails it`, { skip }, async (t) => {
    const side = await open(t, { maxCrashes: 3 });
    const messages = await recordMessages(side.redis);
    await side.queue.add('n', {}, { attempts: 100, backoff });
    for (const count of [1, 2]) {
      await fetch(side);
      const { results } = await crash(side, '1');
      assert.deepEqual([results[0].code, results[0].failed], [OK, false]);
      const again = await side.queue.getJob('1');
      assert.deepEqual([await again.getState(), again.attemptsMade, again.failedReason], [behind, count, 'boom']);
      assert.equal(await crashes(side, '1'), String(count));
      if (backoff) await again.promote();
    }
    await fetch(side);
    const { results } = await crash(side, '1');
    assert.deepEqual([results[0].code, results[0].failed], [OK, true]);
    const failed = await side.queue.getJob('1');
    assert.equal(await failed.getState(), 'failed');
    assert.equal(failed.failedReason, 'boom, crashed 3 times (maxCrashes)');
    assert.equal(failed.attemptsMade, 3);
    assert.equal(failed.stacktrace.length, 3);
    assert.ok(failed.finishedOn > 0);
    assert.equal(await side.client.exists('bull:q:1:lock', 'bull:q:active', 'bull:q:wait', 'bull:q:delayed'), 0);
    const [{ message }] = await untilMessages(messages, 'failed');
    assert.deepEqual(JSON.parse(message), { jobId: '1', val: failed.failedReason });

    assert.equal(await crashes(side, '1'), null, 'who retries it by hand begins anew');
  });

test('no bound, and failures that are no crash', { skip }, async (t) => {
  const side = await open(t, { maxCrashes: 0 });
  await side.queue.add('n', {}, { attempts: 100 });
  for (let i = 0; i < 10; i++) {
    await fetch(side);
    assert.equal((await crash(side, '1', { crash: i % 2 === 0 })).results[0].failed, false);
  }
  assert.equal(await crashes(side, '1'), null);
});

test('the default is five', { skip }, async (t) => {
  const side = await open(t, {});
  await side.queue.add('n', {}, { attempts: 100 });
  for (let count = 1; count <= 7; count++) {
    await fetch(side);
    const { results } = await crash(side, '1', { crash: count !== 2 && count !== 4 });
    assert.equal(results[0].failed, count === 7, `time ${count}`);
  }
});

test('a crash whose call got no answer is counted once', { skip }, async (t) => {
  for (const [allowed, removeOnFail] of [[2, false], [1, false], [1, true]]) {
    const side = await open(t, { maxCrashes: allowed });
    await side.queue.add('n', {}, { attempts: 9, removeOnFail });
    await fetch(side);
    await crash(side, '1');
    const before = await snapshot(side.client);
    const { value, messages } = await published(side.redis, side.client, () => crash(side, '1', { resent: true }));
    assert.equal(value.results[0].code, OK);
    if (!removeOnFail) assert.equal(value.results[0].failed, allowed === 1);
    assert.deepEqual(await snapshot(side.client), before);
    assert.deepEqual(messages, []);
  }
});

test('a call that was never carried out is, when it is sent again', { skip }, async (t) => {
  for (const allowed of [2, 1]) {
    const side = await open(t, { maxCrashes: allowed });
    await side.queue.add('n', {}, { attempts: 9 });
    await fetch(side);
    assert.equal((await crash(side, '1', { resent: true })).results[0].failed, allowed === 1);
    assert.equal(await (await side.queue.getJob('1')).getState(), allowed === 1 ? 'failed' : 'waiting');
  }
});

test('whose lock is lost is not counted', { skip }, async (t) => {
  const side = await open(t, { maxCrashes: 1 });
  await side.queue.add('n', {}, { attempts: 9 });
  await fetch(side);
  await side.client.set('bull:q:1:lock', 'other');
  assert.equal((await crash(side, '1')).results[0].code, LOCK_LOST);
  assert.equal(await crashes(side, '1'), null);
});

test('what stands beside it in the call is done as well', { skip }, async (t) => {
  for (const allowed of [1, 2])
    for (const resent of [false, true]) {
      const side = await open(t, { maxCrashes: allowed, deadLetterQueue: 'dead' });
      for (let i = 0; i < 3; i++) await side.queue.add('n', {}, { attempts: 9 });
      await fetch(side, 3);
      const effects = [{ kind: 'complete', id: '2', value: '7' }, { kind: 'log', id: '3', value: 'a line' }];
      const { results, dead } = await crash(side, '1', { effects, resent });
      assert.deepEqual(results.map(({ code }) => code), [OK, OK, OK]);
      assert.equal((await side.queue.getJob('2')).returnvalue, 7);
      assert.deepEqual((await side.queue.getJobLogs('3')).logs, ['a line']);
      assert.equal(dead, allowed === 1 ? 1 : 0);
      assert.equal(await side.client.exists('bull:dead:1'), allowed === 1 ? 1 : 0);
    }
});

test('something else in the field is taken for none', { skip }, async (t) => {
  const side = await open(t, { maxCrashes: 2 });
  await side.queue.add('n', {}, { attempts: 9 });
  await side.client.hset('bull:q:1', 'crashes', 'many');
  await fetch(side);
  assert.equal((await crash(side, '1')).results[0].failed, false);
  assert.equal(await crashes(side, '1'), '1');
});

test('a real job that kills its runner again and again', { skip: SKIP }, async (t) => {
  const bench = await startBench(t, 'guilty');
  const bad = await job(bench.queue, 'segv', {}, { attempts: 100 });
  const worker = await bench.work({ settings: { maxCrashes: 3 } });

  await untilState(bench.queue, bad.id, 'failed', { deadlineMs: 20_000 });
  assert.match(await failedReason(bench.queue, bad.id), /SIGSEGV.*, attempt 3, phase decode, crashed 3 times \(maxCrashes\)$/);
  const ended = await bench.queue.getJob(bad.id);
  assert.deepEqual([ended.attemptsMade, ended.stacktrace.length], [3, 3]);
  await ended.retry(); /* Bull's own: three more */
  await untilState(bench.queue, bad.id, 'failed', { deadlineMs: 20_000 });
  assert.match(await failedReason(bench.queue, bad.id), /crashed 3 times/);
  await worker.stop();
});
