/* Values in a queue of BullMQ that have the right type and make no sense, or belong to no job: a job must
 * neither get lost nor get stuck over them. Keys of a foreign type: bullmq_commit.test.mjs. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { missing } from '../lib/processes.mjs';
import { startRedis } from '../lib/redis.mjs';
import { Bench } from './bullmq_bench.mjs';
import { CLI } from './bull_sides.mjs';

const skip = missing(CLI);

const ranked = (b) => b.client.zrange(b.key('prioritized'), 0, -1);

/* One job after the other, each while the queue says something else. (BullMQ adds none by then.) */
async function endEach(b, field, values) {
  await b.queue.addBulk(values.map((data) => ({ name: 'n', data })));
  for (const [i, value] of values.entries()) {
    await b.client.hset(b.key('meta'), field, value);
    const id = String(i + 1);
    assert.equal((await b.fetch()).ids[0], id, value);
    assert.deepEqual((await b.commit([{ kind: 'complete', id, value: '1' }])).codes, [0], value);
  }
}

const scenarios = {
  async 'a count of priorities that is no number: nothing that moves gets lost'(b) {
    await b.queue.add('n', 1, { priority: 3, attempts: 3 });
    await b.queue.add('n', 2, { priority: 3, delay: 60_000 });
    await b.fetch();
    await b.client.set(b.key('pc'), 'abc');
    assert.equal((await b.judge('1', 'no')).results[0].code, 0);
    assert.deepEqual(await ranked(b), ['1']);
    await b.client.set(b.key('pc'), '9223372036854775807');
    await b.commit([], { promote: true, now: Date.now() + 120_000 });
    assert.deepEqual(await ranked(b), ['1', '2']);
    await b.client.set(b.key('pc'), '');
    const { results } = await b.driver.ask({ op: 'add', jobs: [{ name: 'n', data: '1', opts: '{"priority":2}' }] });
    assert.equal(results[0].code, 0);
    assert.equal((await ranked(b))[0], results[0].id);
    assert.deepEqual((await b.fetch(3)).ids, [results[0].id, '1', '2']);
  },
  async 'due jobs stay delayed while the list of a paused queue is none'(b) {
    await b.queue.add('n', 1, { delay: 10 });
    await b.queue.pause();
    await b.client.set(b.key('paused'), 'no list');
    const answer = await b.driver.ask({ op: 'commit', effects: [], fetch: 1, promote: true, now: Date.now() + 1000 });
    assert.match(answer.detail, /paused is a string, not a list/);
    assert.deepEqual(await b.client.zrange(b.key('delayed'), 0, -1), ['1']);
  },
  async 'lengths of the stream that cannot be: jobs end'(b) {
    await endEach(b, 'opts.maxLenEvents', ['-1', 'abc', 'inf', '-inf', 'nan', '1e300', '1e17', '99999999999999999999', '1.5', '']);
  },
  async 'numbers of jobs at once that cannot be: jobs begin'(b) {
    await endEach(b, 'concurrency', ['abc', 'inf', 'nan', '1e300', '99999999999999999999', '']);
    await b.client.hdel(b.key('meta'), 'concurrency');
    await b.queue.addBulk([1, 2, 3].map((data) => ({ name: 'n', data })));
    await b.client.hset(b.key('meta'), 'concurrency', '1.5');
    assert.equal((await b.fetch(3)).ids.length, 2, 'as with BullMQ');
  },
  async 'what a child says of its parent: it ends'(b) {
    const parents = ['', '{', '[]', '1', '{"id":1}', '{"id":{},"queueKey":"x"}', '{"id":"P","queueKey":7}', '{"id":"","queueKey":""}', '['.repeat(3000), '{"id":"none","queueKey":"x:y","fpof":true}'];
    for (const parent of parents) {
      for (const ends of ['completed', 'failed']) {
        const { id } = await b.queue.add('n', 1);
        await b.client.hset(b.key(id), 'parent', parent, 'parentKey', 'nowhere');
        await b.fetch();
        const { results } = await (ends === 'failed' ? b.judge(id, 'no') : b.commit([{ kind: 'complete', id, value: '1' }]));
        assert.equal(results[0].code, 0, parent);
        assert.ok(await b.client.zscore(b.key(ends), id), parent);
      }
    }
  },
  async 'a job that was kept for later is one, and its parent waits for it'(b) {
    await b.queue.add('n', 1, { deduplication: { id: 'k:1', keepLastIfActive: true } });
    await b.fetch();
    await b.client.hset(b.key('dn:k:1'), 'name', 'kept', 'data', '2', 'opts', '{}', 'jid', 'later', 'pk', b.key('P'), 'pd', '{}', 'pdk', b.key('P:dependencies'));
    await b.commit([{ kind: 'complete', id: '1', value: '1' }]);
    assert.deepEqual(await b.client.smembers(b.key('P:dependencies')), [b.key('later')]);
    assert.deepEqual([await b.exists('dn:k:1'), await b.list('wait')], [0, ['later']]);
    await b.fetch();
    await b.commit([{ kind: 'complete', id: 'later', value: '1' }]);
    assert.deepEqual([await b.list('wait'), await b.exists('de:k:1')], [[], 0]);
  },
  async 'options that are large end a fetch as data does'(b) {
    const tm = 'x'.repeat(400_000);
    await b.queue.addBulk(Array.from({ length: 12 }, (_, i) => ({ name: 'n', data: 1, opts: { telemetry: { metadata: tm }, priority: i % 2 } })));
    const rounds = [];
    for (let answer = await b.fetch(12); answer.ids.length > 0; answer = await b.fetch(12)) rounds.push(answer.ids);
    assert.equal(rounds[0].length, 6);
    assert.deepEqual(rounds.flat(), ['1', '3', '5', '7', '9', '11', '2', '4', '6', '8', '10', '12']);
  },
};

test('broken values', { skip }, async (t) => {
  const redis = await startRedis(t);
  for (const [name, steps] of Object.entries(scenarios)) await t.test(name, (inner) => steps(new Bench(inner, redis)));
});
