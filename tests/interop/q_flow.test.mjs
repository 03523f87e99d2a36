/* cartrita-q flow show, beside the package's getFlow and getDependencies. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { bullQueue } from '../lib/bull.mjs';
import { mqFlow, mqQueue, mqWorker, VERSIONS } from '../lib/bullmq.mjs';
import { jsonOfQ, runQ } from '../lib/q.mjs';
import { startRedis } from '../lib/redis.mjs';

const BY_ID = (a, b) => (a.id < b.id ? -1 : 1);

/* What both tell of a tree: ids, queues and names, children in the order of their ids. */
const ofTheirs = ({ job, children = [] }) => ({ id: job.id, queue: job.queueName, name: job.name, children: children.map(ofTheirs).sort(BY_ID) });
const ofOurs = ({ id, queue, name, children }) => ({ id, queue, name, children: children.map(ofOurs).sort(BY_ID) });

const TREE = {
  name: 'order', queueName: 'orders', opts: { jobId: 'o' }, children: [
    { name: 'pack', queueName: 'steps', opts: { jobId: 'pack' }, children: [
      { name: 'box', queueName: 'boxes', opts: { jobId: 'box' } }, { name: 'tape', queueName: 'boxes', opts: { jobId: 'tape' } } ] },
    { name: 'bill', queueName: 'steps', opts: { jobId: 'bill' } },
  ],
};

/* Takes the next job of a queue and ends it. */
async function next(t, redis, queue, version, end) {
  const worker = mqWorker(t, redis, queue, { version, autorun: false });
  const job = await worker.getNextJob('token');
  await end(job);
  return job;
}

for (const version of VERSIONS) {
  test(`BullMQ ${version}: flow show is the tree of getFlow, from the root or from within`, async (t) => {
    const redis = await startRedis(t);
    const producer = mqFlow(t, redis, { version });
    await producer.add(TREE);
    const theirs = await producer.getFlow({ id: 'o', queueName: 'orders' });

    const ours = await jsonOfQ(t, redis, 'flow', 'show', 'orders', 'o');
    assert.deepEqual(ofOurs(ours), ofTheirs(theirs));
    assert.deepEqual([ours.state, ours.isCut], ['waiting-children', false]);
    assert.deepEqual(ofOurs(await jsonOfQ(t, redis, 'flow', 'show', 'boxes', 'tape', '--root')), ofTheirs(theirs));
    const part = await jsonOfQ(t, redis, 'flow', 'show', 'steps', 'pack');
    assert.deepEqual(ofOurs(part), ofTheirs(await producer.getFlow({ id: 'pack', queueName: 'steps' })));
    assert.equal(part.parentKey, 'bull:orders:o');
  });

  test(`BullMQ ${version}: children as getDependencies tells them, with results and reasons`, async (t) => {
    const redis = await startRedis(t);
    const queue = mqQueue(t, redis, 'q', { version });
    const child = (jobId, opts) => ({ name: jobId, queueName: `c-${jobId}`, opts: { jobId, ...opts } });
    await mqFlow(t, redis, { version }).add({
      name: 'p', queueName: 'q', opts: { jobId: 'p' },
      children: [child('done'), child('pending'), child('ignored', { ignoreDependencyOnFailure: true }), child('fatal', { failParentOnFailure: true }), child('stuck')],
    });
    await next(t, redis, 'c-done', version, (job) => job.moveToCompleted({ n: 1 }, 'token', false));
    for (const id of ['ignored', 'fatal', 'stuck'])
      await next(t, redis, `c-${id}`, version, (job) => job.moveToFailed(new Error(`no ${id}`), 'token', false));

    const theirs = await (await queue.getJob('p')).getDependencies();
    const ours = await jsonOfQ(t, redis, 'flow', 'show', 'q', 'p');
    const keys = (kind) => ours.children.filter(({ inParent }) => inParent === kind).map(({ queue: name, id }) => `bull:${name}:${id}`).sort();
    assert.deepEqual(keys('processed'), Object.keys(theirs.processed));
    assert.deepEqual(keys('unprocessed'), [...theirs.unprocessed].sort());
    assert.deepEqual(keys('ignored'), Object.keys(theirs.ignored));
    assert.deepEqual(keys('failed'), theirs.failed);
    const of = (id) => ours.children.find((node) => node.id === id);
    assert.deepEqual([of('done').state, of('done').returnvalue, of('done').keptInParent], ['completed', { n: 1 }, { n: 1 }]);
    assert.deepEqual([of('ignored').state, of('ignored').failedReason, of('ignored').keptInParent], ['failed', 'no ignored', 'no ignored']);
    assert.equal(ours.deferredFailure, 'child bull:c-fatal:fatal failed');
    assert.equal(ours.childCount, 5);

    const { stdout } = await runQ(t, redis, 'flow', 'show', 'q', 'p');
    const lines = stdout.trimEnd().split('\n');
    assert.equal(lines[0], 'p  q:p  waiting  child bull:c-fatal:fatal failed');
    assert.equal(lines[1], '|-- fatal  c-fatal:fatal  failed  no fatal  (its parent fails with it)');
    assert.ok(lines.includes('|-- ignored  c-ignored:ignored  failed  no ignored  (ignored)'), stdout);
    assert.ok(lines.some((line) => /^.-- stuck {2}c-stuck:stuck {2}failed {2}no stuck {2}\(its parent waits\)$/.test(line)), stdout);
    assert.ok(lines.some((line) => /^.-- pending {2}c-pending:pending {2}waiting/.test(line)), stdout);
    assert.equal(lines.at(-1), '`-- done  c-done:done  completed  {"n":1}');
  });
}

test('jobs that are gone are shown as missing, with what the parent kept', async (t) => {
  const redis = await startRedis(t);
  await mqFlow(t, redis).add({
    name: 'p', queueName: 'q', opts: { jobId: 'p' },
    children: [{ name: 'a', queueName: 'c', opts: { jobId: 'a', removeOnComplete: true } }, { name: 'b', queueName: 'c', opts: { jobId: 'b' } }],
  });
  await next(t, redis, 'c', 6, (job) => job.moveToCompleted('kept', 'token', false));
  const client = redis.client();
  await client.del('bull:c:b');
  await client.sadd('bull:q:p:dependencies', 'no key', 'other:x:y:1');

  const { children } = await jsonOfQ(t, redis, 'flow', 'show', 'q', 'p');
  const of = (id) => children.find((node) => node.id === id);
  assert.deepEqual([of('a').state, of('a').keptInParent], ['missing', 'kept']);
  assert.deepEqual([of('b').state, of('b').keptInParent], ['missing', undefined]);
  assert.deepEqual([of('no key').state, of('no key').queue], ['missing', '']);
  assert.deepEqual([of('1').prefix, of('1').queue], ['other:x', 'y']);
  assert.match((await runQ(t, redis, 'flow', 'show', 'q', 'p')).stdout, /^.-- c:b {2}missing {2}\(its parent waits for ever\)$/m);

  await mqFlow(t, redis).add({ name: 'p', queueName: 'q', opts: { jobId: 'p2' }, children: [{ name: 'k', queueName: 'c', opts: { jobId: 'k' } }] });
  await client.del('bull:q:p2');
  const orphan = await runQ(t, redis, 'flow', 'show', 'c', 'k', '--root');
  assert.equal(orphan.code, 0);
  assert.match(orphan.stderr, /its parent, job "p2" of queue "q", is gone/);
  assert.match(orphan.stdout, /^k {2}c:k {2}waiting/);
});

test('ids with colons, other prefixes and a job that cannot be read', async (t) => {
  const redis = await startRedis(t);
  const prefix = '{a}:b';
  await mqFlow(t, redis, { prefix }).add({ name: 'p', queueName: 'q', opts: { jobId: 'p' }, children: [{ name: 'k', queueName: 'c', opts: { jobId: 'x:y:z' } }] });
  const ours = await jsonOfQ(t, redis, 'flow', 'show', 'q', 'p', '--prefix', prefix);
  assert.deepEqual(ours.children.map(({ id, queue, state }) => [id, queue, state]), [['x:y:z', 'c', 'waiting']]);
  assert.equal((await jsonOfQ(t, redis, 'flow', 'show', 'c', 'x:y:z', '--root', '--prefix', prefix)).id, 'p');

  await redis.client().set(`${prefix}:c:x:y:z:dependencies`, 'foreign');
  const broken = await jsonOfQ(t, redis, 'flow', 'show', 'q', 'p', '--prefix', prefix);
  assert.equal(broken.children[0].state, 'broken');
  assert.match(broken.children[0].broken, /x:y:z:dependencies is a string/);
});

test('what is left out is told: depth, children and nodes', async (t) => {
  const redis = await startRedis(t);
  const many = (count, make) => Array.from({ length: count }, (_, n) => make(n));
  await mqFlow(t, redis).add({
    name: 'p', queueName: 'q', opts: { jobId: 'p' },
    children: many(60, (n) => ({ name: 'c', queueName: 'c', opts: { jobId: `c${n}` }, children: [{ name: 'g', queueName: 'g', opts: { jobId: `g${n}` } }] })),
  });
  const shown = (...args) => jsonOfQ(t, redis, 'flow', 'show', 'q', 'p', ...args);
  const count = (node) => 1 + node.children.reduce((sum, child) => sum + count(child), 0);

  const usual = await shown();
  assert.deepEqual([usual.children.length, usual.childCount, usual.isCut], [20, 60, true]);
  const all = await shown('--children', 100);
  assert.deepEqual([count(all), all.isCut], [121, false]);
  assert.deepEqual(new Set(all.children.map(({ id }) => id)).size, 60);
  const flat = await shown('--depth', 2, '--children', 100);
  assert.deepEqual([count(flat), flat.isCut], [61, true]);
  assert.equal(count(await shown('--nodes', 7, '--children', 100)), 7);
  const { stdout } = await runQ(t, redis, 'flow', 'show', 'q', 'p', '--depth', 2, '--children', 3);
  assert.match(stdout, /\n\| {3}`-- \.\.\. 1 more \(--depth\)\n/);
  assert.match(stdout, /\n`-- \.\.\. 57 more \(--children\)\n$/);
});

test('what cannot be shown: a queue of Bull, a job that is not there', async (t) => {
  const redis = await startRedis(t);
  await bullQueue(t, redis, 'classic').add({});
  await mqQueue(t, redis, 'q').add('n', {});
  const bull = await runQ(t, redis, 'flow', 'show', 'classic', '1');
  assert.equal(bull.code, 4);
  assert.match(bull.stderr, /has no flows/);
  assert.equal((await runQ(t, redis, 'flow', 'show', 'q', '7')).code, 3);
  const alone = await jsonOfQ(t, redis, 'flow', 'show', 'q', '1', '--root');
  assert.deepEqual([alone.id, alone.children], ['1', []]);
});
