/* cartrita-q job add and flow add on queues of BullMQ beside BullMQ's add(): the same jobs. */

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { bullQueue } from '../lib/bull.mjs';
import { mqFlow, mqQueue } from '../lib/bullmq.mjs';
import { startProgram } from '../lib/processes.mjs';
import { jsonOfQ, runQ } from '../lib/q.mjs';
import { startRedis, temporaryDirectory } from '../lib/redis.mjs';
import { dump, nameJobs, normalise } from '../lib/state.mjs';
import { within } from '../lib/wait.mjs';

async function stateOf(client, prefix) {
  const state = normalise(nameJobs(await dump(client, null, prefix)), { without: [], sortJson: true, inOrder: true });
  return JSON.parse(JSON.stringify(state).replaceAll(`${prefix}:`, '<prefix>:'));
}

test('flags store what BullMQ stores for the same options', async (t) => {
  const redis = await startRedis(t);
  const client = redis.client();
  const theirs = mqQueue(t, redis, 'q', { prefix: 'theirs' });
  const opened = mqQueue(t, redis, 'q', { prefix: 'ours' });
  await Promise.all([theirs.waitUntilReady(), opened.waitUntilReady()]);
  const parent = { id: '1', queue: 'theirs:q' };
  const cases = [
    [[], {}],
    [['--data', '{"to": "ada"}'], {}, { to: 'ada' }],
    [['--delay', '1h'], { delay: 3600_000 }],
    [['--priority', '3'], { priority: 3 }],
    [['--lifo'], { lifo: true }],
    [['--attempts', '5', '--backoff', 'exponential:2s'], { backoff: { type: 'exponential', delay: 2000 }, attempts: 5 }],
    [['--backoff', '250ms'], { backoff: 250 }],
    [['--job-id', 'mine'], { jobId: 'mine' }],
    [['--job-id', 'mine'], { jobId: 'mine' }],
    [['--keep-logs', '5'], { keepLogs: 5 }],
    [['--opts', '{"removeOnComplete": 100, "attempts": 2}', '--attempts', '7'], { removeOnComplete: 100, attempts: 7 }],
    [['--dedup', 'd'], { deduplication: { id: 'd' } }],
    [['--dedup', 'd'], { deduplication: { id: 'd' } }],
    [['--dedup', 'e', '--dedup-ttl', '1h', '--dedup-mode', 'extend', '--dedup-mode', 'replace', '--delay', '2h'],
      { delay: 7200_000, deduplication: { id: 'e', ttl: 3600_000, extend: true, replace: true } }],
    [['--dedup', 'f', '--dedup-mode', 'keep-last', '--dedup-mode', 'reschedule'],
      { deduplication: { id: 'f', keepLastIfActive: true, reschedule: true } }],
    [['--parent', 'q:1'], { parent }],
    [['--parent', 'q:1', '--on-failure', 'fail'], { parent, failParentOnFailure: true }],
    [['--parent', 'q:1', '--on-failure', 'continue'], { parent, continueParentOnFailure: true }],
    [['--parent', 'q:1', '--on-failure', 'ignore'], { parent, ignoreDependencyOnFailure: true }],
    [['--parent', 'q:1', '--on-failure', 'remove'], { parent, removeDependencyOnFailure: true }],
  ];
  for (const [args, opts, data = {}] of cases) {
    const job = await theirs.add('n', data, opts);
    const { code, stdout, stderr } = await runQ(t, redis, 'job', 'add', 'q', 'n', '--prefix', 'ours', ...args);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, `${job.id}\n`, args.join(' '));
  }
  assert.deepEqual(await stateOf(client, 'ours'), await stateOf(client, 'theirs'));
});

test('what does not work is told, and nothing is added', async (t) => {
  const redis = await startRedis(t);
  const client = redis.client();
  await mqQueue(t, redis).waitUntilReady();
  const bull = bullQueue(t, redis, 'old');
  await bull.add({});
  const before = (await client.keys('*')).sort();
  for (const [args, status, message] of [
    [['q'], 2, /a job of BullMQ needs a name/],
    [['q', 'n', '--parent', 'x'], 2, /--parent x: write QUEUE:ID/],
    [['q', 'n', '--parent', 'q:none'], 3, /there is no parent job bull:q:none/],
    [['q', 'n', '--dedup-ttl', '5s'], 2, /go with --dedup/],
    [['q', 'n', '--dedup', 'a', '--dedup-mode', 'x'], 2, /--dedup-mode x: there are extend, replace, reschedule and keep-last/],
    [['q', 'n', '--on-failure', 'x'], 2, /--on-failure/],
    [['q', 'n', '--opts', '{"repeat":{"every":5}}'], 2, /`cartrita-q scheduler add`/],
    [['q', 'n', '--priority', '2097152'], 2, /option priority must be a whole number from 0 to 2097151/],
    [['old', 'n', '--parent', 'old:1'], 4, /--parent: queues of bull do not have that/],
    [['old', 'n', '--dedup', 'x', '--dedup-mode', 'extend'], 4, /--dedup-mode: queues of bull/],
  ]) {
    const { code, stdout, stderr } = await runQ(t, redis, 'job', 'add', ...args);
    assert.match(stderr, message);
    assert.equal(code, status, stderr);
    assert.equal(stdout, '');
  }
  assert.deepEqual((await client.keys('*')).sort(), before);
});

test('--dedup on a queue of Bull is its debounce', async (t) => {
  const redis = await startRedis(t);
  const bull = bullQueue(t, redis);
  await bull.add({});
  const { id } = await jsonOfQ(t, redis, 'job', 'add', 'q', 'n', '--dedup', 'd', '--dedup-ttl', '1h');
  assert.deepEqual((await bull.getJob(id)).opts.debounce, { id: 'd', ttl: 3600_000 });
  assert.equal((await jsonOfQ(t, redis, 'job', 'add', 'q', 'n', '--dedup', 'd')).id, id);
});

const leaf = (name, opts) => ({ name, queueName: 'c', data: { of: name }, opts });
const tree = {
  name: 'root',
  queueName: 'q',
  data: { big: [1, 'é'] },
  opts: { priority: 2 },
  children: [{ ...leaf('a', { attempts: 3 }), children: [leaf('aa'), leaf('ab', { failParentOnFailure: true })] }, leaf('b', null)],
};

test('flow add stores what FlowProducer does, from a file and from standard input', async (t) => {
  const redis = await startRedis(t);
  const client = redis.client();
  const file = join(await temporaryDirectory(t), 'flow.json');
  await writeFile(file, JSON.stringify(tree, null, 2));

  await mqFlow(t, redis, { prefix: 'theirs' }).add(tree);
  const seen = await jsonOfQ(t, redis, 'flow', 'add', file, '--prefix', 'ours');
  assert.deepEqual(await stateOf(client, 'ours'), await stateOf(client, 'theirs'));
  assert.deepEqual(seen.jobs.map(({ queue, name }) => [queue, name]), [['q', 'root'], ['c', 'a'], ['c', 'b'], ['c', 'aa'], ['c', 'ab']]);
  assert.equal(seen.id, seen.jobs[0].id);
  assert.ok(await client.exists(`ours:c:${seen.jobs[4].id}`));

  const program = startProgram(t, 'cartrita-q', ['flow', 'add', '-', '--redis', redis.url], { stdin: 'pipe' });
  program.stdin.end(JSON.stringify(tree));
  await within(program.exited);
  assert.equal(program.code, 0);
  assert.ok(await client.exists(`bull:q:${program.stdout.trim()}:dependencies`));
});

test('numbers of a flow come out as they went in', async (t) => {
  const redis = await startRedis(t);
  const file = join(await temporaryDirectory(t), 'flow.json');
  await writeFile(file, '{"name":"n","queueName":"q","data":{"n":12345678901234567890.10,"e":1e400}}');
  const { id } = await jsonOfQ(t, redis, 'flow', 'add', file);
  assert.equal(await redis.client().hget(`bull:q:${id}`, 'data'), '{"n":12345678901234567890.10,"e":1e400}');
});

test('a flow that cannot be is refused', async (t) => {
  const redis = await startRedis(t);
  const client = redis.client();
  const file = join(await temporaryDirectory(t), 'flow.json');
  await bullQueue(t, redis, 'old').add({});
  const before = (await client.keys('*')).sort();
  for (const [flow, status, message] of [
    ['{', 2, /./],
    ['[]', 2, /it is no object/],
    [{ queueName: 'q' }, 2, /it needs a "name"/],
    [{ name: 'n' }, 2, /job "n" of the flow: it needs a "queueName"/],
    [{ name: 'n', queueName: 'q', children: {} }, 2, /its "children" are no array/],
    [{ name: 'n', queueName: 'q', children: [7] }, 2, /it is no object/],
    [{ ...tree, children: [{ ...leaf('x'), queueName: 'old' }] }, 4, /queue "old" has the dialect bull, which has no flows/],
    [{ ...tree, children: [leaf('x', { priority: -1 }), leaf('y')] }, 2, /job "x" for queue "c": option priority/],
    [{ ...tree, children: Array.from({ length: 500 }, () => leaf('x')) }, 1, /more than 500 jobs \(FLOW_JOBS_MAX\)/],
    [{ ...tree, opts: { parent: { id: 'none', queue: 'bull:q' } } }, 3, /there is no parent job bull:q:none/],
  ]) {
    await writeFile(file, typeof flow === 'string' ? flow : JSON.stringify(flow));
    const { code, stdout, stderr } = await runQ(t, redis, 'flow', 'add', file);
    assert.match(stderr, message);
    assert.equal(code, status, stderr);
    assert.equal(stdout, '');
  }
  assert.match((await runQ(t, redis, 'flow', 'add', '/no/such/file')).stderr, /\/no\/such\/file: No such file/);
  assert.deepEqual((await client.keys('*')).sort(), before);
});

test('a job of a flow that belongs to another parent is named, and the rest is added', async (t) => {
  const redis = await startRedis(t);
  const client = redis.client();
  const file = join(await temporaryDirectory(t), 'flow.json');
  const child = leaf('k', { jobId: 'k' });
  await mqFlow(t, redis).add({ ...tree, children: [child] });
  await writeFile(file, JSON.stringify({ ...tree, opts: { jobId: 'R' }, children: [child] }));

  const { code, stdout, stderr } = await runQ(t, redis, 'flow', 'add', file);
  assert.equal(code, 4);
  assert.equal(stdout, 'R\n');
  assert.match(stderr, /job "k" for queue "c": there is a job with this id, and it is a child of bull:q:/);
  assert.match(stderr, /1 of the 2 jobs of the flow were not added/);
  assert.deepEqual(await client.lrange('bull:q:wait', 0, -1), ['R']);
});
