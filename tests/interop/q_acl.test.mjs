/* cartrita-q acl: each role works under exactly the rules that are printed for it, on a real Redis
 * with users, and the table has what the scripts use and nothing else. */

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import { createRequire } from 'node:module';

import { bullQueue, untilCounts } from '../lib/bull.mjs';
import { mqEvents, mqFlow, mqQueue } from '../lib/bullmq.mjs';
import { ROOT } from '../lib/processes.mjs';
import { jsonOfQ, runQ } from '../lib/q.mjs';
import { startRedis } from '../lib/redis.mjs';
import { within } from '../lib/wait.mjs';
import { startCartritaWorker, startMqWorker } from '../lib/workers.mjs';

const REFUSED = /NOPERM|no permissions|can't run this command|EXECABORT|can't access|can't publish/i;
const packageDir = (name) => dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
const NODE_LUA = { bull: [join(packageDir('bull'), 'lib/commands')], bullmq: ['bullmq', 'bullmq5'].map((name) => join(packageDir(name), 'dist/cjs/commands')) };
const OUR_LUA = join(ROOT, 'server/dialect');
const DIALECTS = ['bull', 'bullmq'];

/* --- the table and the scripts ----------------------------------------------------------------- */

/* Words in quotes, of a script and of what it includes. */
function wordsOf(file, pattern, includeOf, seen = new Set()) {
  if (seen.has(file)) return [];
  seen.add(file);
  const text = readFileSync(file, 'utf8').replace(/^\s*--(?!-? *@include).*$/gm, '');
  const included = [...text.matchAll(/@include "?([\w/.-]+)"?/g)].map(([, name]) => includeOf(file, name));
  return [...[...text.matchAll(pattern)].map(([, word]) => word), ...included.flatMap((path) => wordsOf(path, pattern, includeOf, seen))];
}

const withLua = (path) => (path.endsWith('.lua') ? path : `${path}.lua`);
/* A script or include of a dialect, its own or shared. */
const ourFile = (dialect, file) => [dialect, 'shared'].map((folder) => join(OUR_LUA, folder, file)).find(existsSync);
const ourWords = (dialect, name) =>
  wordsOf(ourFile(dialect, `${name}.lua`), /['"]([A-Z]{3,})['"]/g, (_file, part) => ourFile(dialect, join('inc', `${part}.lua`)));
const ourScripts = (dialect, pattern) => [...new Set([dialect, 'shared'].flatMap((folder) => readdirSync(join(OUR_LUA, folder)))
  .filter((file) => file.endsWith('.lua') && pattern.test(file)).map((file) => file.replace('.lua', '')))];
const nodeWords = (dialect, name) => NODE_LUA[dialect].flatMap((folder) => {
  const files = readdirSync(folder).filter((file) => file.startsWith(`${name}-`) && file.endsWith('.lua'));
  return files.flatMap((file) => wordsOf(join(folder, file), /(?:rcall|redis\.p?call)\(\s*["'](\w+)["']/g, (from, part) => resolve(dirname(from), withLua(part))));
});

/* Those of the words that Redis knows as commands, in lower case. */
async function commandsIn(client, words) {
  const names = [...new Set(words.map((word) => word.toLowerCase()))];
  const known = await client.call('COMMAND', 'INFO', ...names);
  return names.filter((_name, i) => known[i]).sort();
}

const SCRIPTS = { daemon: /^(add|add_flow|children|commit|detect|inspect_backlog|reclaim|sweep)[.]/, viewer: /^(inspect_|detect|origin|doctor_look|children|schedule_look)/ };
const BULL_PRODUCER = ['addJob', 'isFinished', 'isJobInList'];
const MQ_PRODUCER = ['addStandardJob', 'addDelayedJob', 'addPrioritizedJob', 'addParentJob', 'addJobScheduler', 'addRepeatableJob', 'updateRepeatableJobMillis',
  'releaseParentIfNoPendingDependencies', 'isFinished', 'getState', 'getStateV2', 'getCounts', 'getCountsPerPriority', 'getRanges', 'getJobs', 'getJobScheduler',
  'isJobInList', 'getDependencyCounts', 'paginate', 'getMetrics', 'isMaxed', 'getRateLimitTtl'];
const NODE_SCRIPTS = {
  bull: {
    producer: BULL_PRODUCER,
    worker: [...BULL_PRODUCER, 'addLog', 'extendLock', 'moveStalledJobsToWait', 'moveToActive', 'moveToDelayed', 'moveToFinished',
      'releaseLock', 'retryJob', 'saveStacktrace', 'takeLock', 'updateData', 'updateDelaySet', 'updateProgress'],
  },
  bullmq: {
    producer: MQ_PRODUCER,
    worker: [...MQ_PRODUCER, 'addLog', 'extendLock', 'extendLocks', 'moveJobFromActiveToWait', 'moveStalledJobsToWait', 'moveToActive', 'moveToDelayed',
      'moveToFinished', 'moveToWaitingChildren', 'releaseLock', 'retryJob', 'saveStacktrace', 'updateData', 'updateJobScheduler', 'updateProgress'],
  },
};
/* What is said to Redis without a script. */
const PLAIN = {
  bull: {
    daemon: ['ping', 'select', 'info', 'client|setname', 'client|id', 'client|unblock', 'eval', 'evalsha', 'subscribe', 'unsubscribe', 'brpoplpush'],
    viewer: ['ping', 'select', 'info', 'client|id', 'client|list', 'eval', 'evalsha', 'scan', 'subscribe', 'unsubscribe', 'psubscribe', 'punsubscribe'],
  },
  bullmq: {
    daemon: ['ping', 'select', 'info', 'client|setname', 'client|id', 'client|unblock', 'eval', 'evalsha', 'subscribe', 'unsubscribe', 'bzpopmin'],
    viewer: ['ping', 'select', 'info', 'client|id', 'client|list', 'eval', 'evalsha', 'scan', 'xread', 'xrevrange'],
  },
};

for (const dialect of DIALECTS) {
  test(`the rights of daemon and viewer are the commands of their scripts, and no others: ${dialect}`, async (t) => {
    const redis = await startRedis(t);
    const client = redis.client();
    for (const role of ['daemon', 'viewer']) {
      const isPlain = (name) => PLAIN[dialect][role].includes(name);
      const used = await commandsIn(client, ourScripts(dialect, SCRIPTS[role]).flatMap((name) => ourWords(dialect, name)));
      const { commands } = await jsonOfQ(t, null, 'acl', 'print', '--role', role, '--dialect', dialect);
      assert.deepEqual(commands.filter((name) => !isPlain(name)).map((name) => name.split('|')[0]).sort(), used.filter((name) => !isPlain(name)), role);
    }
  });

  test(`the rights of producer and worker hold the commands of the package's scripts: ${dialect}`, async (t) => {
    const redis = await startRedis(t);
    const client = redis.client();
    for (const [role, scripts] of Object.entries(NODE_SCRIPTS[dialect])) {
      const ours = role === 'producer' ? ourScripts(dialect, /^(add|add_flow|detect)[.]/).flatMap((name) => ourWords(dialect, name)) : []; /* job add */
      const used = await commandsIn(client, [...scripts.flatMap((name) => nodeWords(dialect, name)), ...ours]);
      const { commands } = await jsonOfQ(t, null, 'acl', 'print', '--role', role, '--dialect', dialect);
      assert.ok(used.length > 8, used.join(' '));
      for (const name of used) assert.ok(commands.includes(name), `${role}: ${name}`);
    }
  });
}

test('without --dialect the rights are those for both', async (t) => {
  for (const role of ['producer', 'worker', 'daemon', 'viewer']) {
    const [both, ...each] = await Promise.all([[], ...DIALECTS.map((dialect) => ['--dialect', dialect])].map((args) => jsonOfQ(t, null, 'acl', 'print', '--role', role, ...args)));
    assert.deepEqual([...both.commands].sort(), [...new Set(each.flatMap(({ commands }) => commands))].sort());
    assert.deepEqual(each.map(({ channels }) => channels.length), [1, role === 'daemon' ? 1 : 0]);
  }
});

/* --- roles at work ----------------------------------------------------------------------------- */

/* A user with the printed rules, and what `change` adds to them; as helpers take a Redis. */
async function userOf(t, redis, role, { args = [], change = [] } = {}) {
  const { rules } = await jsonOfQ(t, null, 'acl', 'print', '--role', role, '--user', role, ...args);
  const admin = redis.client();
  await admin.call(...rules.split(' '), '>s3cret', ...change);
  await admin.call('ACL', 'LOG', 'RESET');
  return {
    url: `redis://${role}:s3cret@${redis.host}:${redis.port}`,
    connection: { ...redis.connection, username: role, password: 's3cret' },
    client: () => redis.client(),
    refusals: async () => (await admin.call('ACL', 'LOG')).map((entry) => `${entry[entry.indexOf('reason') + 1]} ${entry[entry.indexOf('object') + 1]}`),
  };
}

async function produce(queue) {
  const jobs = [
    await queue.add('n', { result: 1 }),
    await queue.add('n', { result: 1 }, { priority: 3 }),
    await queue.add('n', { result: 1 }, { priority: 1, lifo: true }),
    await queue.add('n', { result: 1 }, { delay: 50 }),
    await queue.add('n', { result: 1 }, { debounce: { id: 'd', ttl: 60_000 } }),
    ...(await queue.addBulk([{ name: 'n', data: { result: 1 } }, { name: 'n', data: { error: 'no' }, opts: { attempts: 2, backoff: 10 } }])),
  ];
  await queue.add('n', { result: 1 }, { debounce: { id: 'd', ttl: 60_000 } });
  await queue.add('series', { result: 1 }, { repeat: { every: 3600_000 } });
  return jobs;
}

test('a Bull producer works under the rights of a producer', async (t) => {
  const redis = await startRedis(t);
  const user = await userOf(t, redis, 'producer', { args: ['--queue', 'q', '--dialect', 'bull'] });
  await startCartritaWorker(t, redis);
  const queue = bullQueue(t, user);
  const waiting = [];
  queue.on('global:waiting', (id) => waiting.push(id)); /* by pattern: the rules of --queue */

  const jobs = await produce(queue);
  const ends = await within(Promise.allSettled(jobs.map((job) => job.finished())), { deadlineMs: 20_000 });
  assert.deepEqual(ends.map(({ status }) => status), [...Array(6).fill('fulfilled'), 'rejected']);
  assert.equal((await queue.getJobCounts()).completed, 6);
  assert.equal((await queue.getRepeatableJobs()).length, 1);
  assert.equal((await queue.getJob(jobs[0].id)).returnvalue, 1);
  assert.equal((await queue.getWorkers()).length, 1);
  assert.equal(await queue.isPaused(), false);
  assert.ok(waiting.length > 0);
  assert.deepEqual(queue.errors, []);
  assert.deepEqual(await user.refusals(), []);
  assert.equal((await runQ(t, user, 'job', 'add', 'q', 'n')).code, 0);
  /* And no further. */
  await assert.rejects(() => queue.empty(), REFUSED);
  await assert.rejects(() => bullQueue(t, user, 'other').add({}), REFUSED);
});

test('a Bull worker works under the rights of a worker', async (t) => {
  const redis = await startRedis(t);
  const user = await userOf(t, redis, 'worker', { args: ['--queue', 'q', '--dialect', 'bull'] });
  const options = { limiter: { max: 5, duration: 200 }, metrics: { maxDataPoints: 10 }, settings: { stalledInterval: 200, guardInterval: 100, lockDuration: 400 } };
  const worker = bullQueue(t, user, 'q', options);
  worker.process('*', 3, async (job) => {
    await job.progress(10);
    await job.log('a line');
    await job.update({ ...job.data, seen: true });
    if (job.data.error) throw new Error(job.data.error);
    return job.data.result;
  });
  const queue = bullQueue(t, redis);
  await produce(queue);
  await queue.add('n', { result: 1 }, { removeOnComplete: { age: 1, count: 2 } });
  /* What another worker left behind. */
  await leaveOne(redis);
  await untilCounts(queue, { failed: 1, waiting: 0, active: 0, delayed: 1 }, { deadlineMs: 30_000 });
  assert.deepEqual(await user.refusals(), []);
  assert.deepEqual(worker.errors, []);
});

test('a daemon works under the rights of a daemon', async (t) => {
  const redis = await startRedis(t);
  const user = await userOf(t, redis, 'daemon', { args: ['--dialect', 'bull'] });
  const settings = { limiter: { max: 5, duration: 200 }, metrics: { maxDataPoints: 10 }, stalledInterval: 200, lockDuration: 2000, deadLetterQueue: 'dead' };
  const queue = bullQueue(t, redis);
  await leaveOne(redis);
  const worker = await startCartritaWorker(t, user, { settings });
  await produce(queue);
  await queue.add('n', { result: 1 }, { removeOnComplete: { age: 1, count: 2 } });
  await queue.add('n', { result: 1, progress: [1], logs: ['a line'] });
  await untilCounts(queue, { failed: 1, waiting: 0, active: 0, delayed: 1 }, { deadlineMs: 30_000 });
  assert.equal((await bullQueue(t, redis, 'dead').getJobCounts()).waiting, 1);
  await worker.stop();
  assert.deepEqual(await user.refusals(), []);
});

test('what cartrita-q shows is shown to a viewer, and nothing can be changed', async (t) => {
  const redis = await startRedis(t);
  const user = await userOf(t, redis, 'viewer');
  const queue = bullQueue(t, redis);
  const jobs = await produce(queue);
  for (const verb of [['queue', 'ls'], ['queue', 'show', 'q'], ['job', 'ls', 'q'], ['job', 'show', 'q', jobs[0].id], ['job', 'logs', 'q', jobs[0].id],
    ['scheduler', 'ls', 'q'], ['dead', 'ls', 'q'], ['compat', 'check'], ['doctor'], ['acl', 'check', '--role', 'viewer']]) {
    const { code, stderr } = await runQ(t, user, ...verb);
    assert.equal(code, 0, `${verb.join(' ')}: ${stderr}`);
  }
  assert.deepEqual(await user.refusals(), []);
  /* What listens to events by pattern needs the rules of one queue. */
  const narrow = await userOf(t, redis, 'viewer', { args: ['--queue', 'q'] });
  const { code, stderr } = await runQ(t, narrow, 'stats', 'q');
  assert.equal(code, 0, stderr);
  assert.deepEqual(await narrow.refusals(), []);
  const added = await runQ(t, user, 'job', 'add', 'q', 'n');
  assert.equal(added.code, 6, added.stderr);
});

/* Everything that a producer of BullMQ may do; children are in q, parents in p. */
async function produceMq(queue, flows) {
  await queue.waitUntilReady();
  const jobs = [
    await queue.add('n', { result: 1 }),
    await queue.add('n', { result: 1 }, { priority: 3, lifo: true }),
    await queue.add('n', { result: 1 }, { delay: 50 }),
    await queue.add('n', { result: 1 }, { deduplication: { id: 'd', ttl: 60_000 } }),
    ...(await queue.addBulk([{ name: 'n', data: { result: 1 } }, { name: 'n', data: { error: 'no' }, opts: { attempts: 2, backoff: 10 } }])),
  ];
  await queue.add('n', { result: 1 }, { deduplication: { id: 'd', ttl: 60_000 } });
  await queue.add('n', { result: 1 }, { deduplication: { id: 'e', keepLastIfActive: true } });
  await queue.add('n', { result: 2 }, { deduplication: { id: 'e', keepLastIfActive: true } });
  await queue.add('n', { result: 1 }, { delay: 3600_000, deduplication: { id: 'f', ttl: 60_000, extend: true, replace: true } });
  await queue.add('n', { result: 1 }, { delay: 60, deduplication: { id: 'f', ttl: 60_000, extend: true, replace: true } });
  await queue.upsertJobScheduler('often', { every: 3600_000 }, { name: 'tick', data: { result: 1 } });
  const { job: parent } = await flows.add({
    name: 'parent', queueName: 'p', data: { result: 1 },
    children: [{ name: 'c', queueName: 'q', data: { result: 1 } }, { name: 'c', queueName: 'q', data: { error: 'no' }, opts: { ignoreDependencyOnFailure: true } }],
  });
  return { jobs, parent };
}

for (const version of [5, 6]) {
  test(`a producer of BullMQ ${version} works under the rights of a producer`, async (t) => {
    const redis = await startRedis(t);
    const user = await userOf(t, redis, 'producer', { args: ['--queue', 'q', '--queue', 'p', '--dialect', 'bullmq'] });
    for (const queue of ['q', 'p']) await startCartritaWorker(t, redis, { queue, dialect: 'bullmq' });
    const queue = mqQueue(t, user, 'q', { version });
    const events = await mqEvents(t, user, 'q', { version });
    const { jobs, parent } = await produceMq(queue, mqFlow(t, user, { version }));
    const ends = await within(Promise.allSettled(jobs.map((job) => job.waitUntilFinished(events))), { deadlineMs: 20_000 });
    assert.deepEqual(ends.map(({ status }) => status), [...Array(5).fill('fulfilled'), 'rejected']);
    const parents = mqQueue(t, user, 'p', { version });
    await untilCounts(parents, { completed: 1 }, { deadlineMs: 20_000 });
    const family = await parents.getJob(parent.id);
    assert.equal(Object.keys(await family.getChildrenValues()).length, 1);
    await family.getDependencies();
    assert.equal((await queue.getJobSchedulers()).length, 1);
    assert.ok((await queue.getJobs(['completed', 'delayed'])).length > 5);
    assert.equal(await jobs[0].getState(), 'completed');
    assert.equal((await queue.getWorkers()).length, 1);
    assert.equal(await queue.isPaused(), false);
    await queue.getCountsPerPriority([0, 3]);
    await queue.getMetrics('completed');
    await (await queue.getJob(jobs[0].id)).getState();
    assert.deepEqual(queue.errors, []);
    assert.deepEqual(await user.refusals(), []);
    assert.equal((await runQ(t, user, 'job', 'add', 'q', 'n')).code, 0);
    assert.deepEqual(await user.refusals(), []);
    /* And no further. */
    await assert.rejects(() => mqQueue(t, user, 'other', { version }).add('n', {}), REFUSED);
  });

  test(`a worker of BullMQ ${version} works under the rights of a worker`, async (t) => {
    const redis = await startRedis(t);
    const user = await userOf(t, redis, 'worker', { args: ['--queue', 'q', '--queue', 'p', '--dialect', 'bullmq'] });
    const settings = { limiter: { max: 20, duration: 100 }, metrics: { maxDataPoints: 10 }, stalledInterval: 200, lockDuration: 5000, name: 'mine' };
    const workers = [await startMqWorker(t, user, { version, concurrency: 3, settings }), await startMqWorker(t, user, { version, queue: 'p' })];
    const queue = mqQueue(t, redis, 'q', { version });
    await leaveOne(redis);
    await produceMq(queue, mqFlow(t, redis, { version }));
    await queue.add('n', { result: 1 }, { removeOnComplete: { age: 1, count: 2 } });
    await queue.add('n', { result: 1, progress: [1], logs: ['a line'], steps: [{ toWait: true }, { delay: 10 }] });
    await queue.add('n', { childValues: true, steps: [{ children: [{ name: 'c', data: { result: 1 } }], waitChildren: true }] });
    await untilCounts(queue, { failed: 2, waiting: 0, active: 0, prioritized: 0, delayed: 1, 'waiting-children': 0 }, { deadlineMs: 30_000 });
    await untilCounts(mqQueue(t, redis, 'p', { version }), { completed: 1 }, { deadlineMs: 20_000 });
    assert.deepEqual(await user.refusals(), []);
    for (const { worker } of workers) assert.deepEqual(worker.errors, []);
  });
}

/* What another worker left behind. */
async function leaveOne(redis) {
  const client = redis.client();
  await client.hset('bull:q:left', { name: 'n', data: '{"result":1}', opts: '{}', timestamp: '1', delay: '0', priority: '0' });
  await client.lpush('bull:q:active', 'left');
}

test("a daemon works under the rights of a daemon, on BullMQ's queues", async (t) => {
  const redis = await startRedis(t);
  const user = await userOf(t, redis, 'daemon', { args: ['--dialect', 'bullmq'] });
  const settings = { limiter: { max: 20, duration: 100 }, metrics: { maxDataPoints: 10 }, stalledInterval: 200, lockDuration: 2000, deadLetterQueue: 'dead', name: 'mine' };
  const queue = mqQueue(t, redis, 'q');
  const worker = await startCartritaWorker(t, user, { dialect: 'bullmq', settings, concurrency: 2 });
  const other = await startCartritaWorker(t, user, { dialect: 'bullmq', queue: 'p' });
  await leaveOne(redis);
  await produceMq(queue, mqFlow(t, redis));
  await queue.add('n', { result: 1 }, { removeOnComplete: { age: 1, count: 2 } });
  await queue.add('n', { result: 1, progress: [1], logs: ['a line'] });
  await untilCounts(queue, { failed: 2, waiting: 0, active: 0, prioritized: 0, delayed: 1, 'waiting-children': 0 }, { deadlineMs: 30_000 });
  await untilCounts(mqQueue(t, redis, 'p'), { completed: 1 }, { deadlineMs: 20_000 });
  assert.equal((await mqQueue(t, redis, 'dead').getJobCounts()).waiting, 2);
  await worker.stop();
  await other.stop();
  assert.deepEqual(await user.refusals(), []);
});

test("what cartrita-q shows of BullMQ's queues is shown to a viewer, and nothing can be changed", async (t) => {
  const redis = await startRedis(t);
  const user = await userOf(t, redis, 'viewer', { args: ['--dialect', 'bullmq'] });
  const queue = mqQueue(t, redis, 'q');
  const { jobs, parent } = await produceMq(queue, mqFlow(t, redis));
  for (const verb of [['queue', 'ls'], ['queue', 'show', 'q'], ['job', 'ls', 'q'], ['job', 'show', 'p', parent.id], ['job', 'logs', 'q', jobs[0].id],
    ['job', 'find', 'q', '--name', 'n'], ['schedule', 'ls', 'q'], ['dead', 'ls', 'q'], ['stats', 'q'], ['compat', 'check'], ['doctor'],
    ['acl', 'check', '--role', 'viewer', '--dialect', 'bullmq']]) {
    const { code, stderr } = await runQ(t, user, ...verb);
    assert.equal(code, 0, `${verb.join(' ')}: ${stderr}`);
    assert.deepEqual(await user.refusals(), [], verb.join(' '));
  }
  assert.equal((await runQ(t, user, 'job', 'add', 'q', 'n')).code, 6);
  for (const role of ['producer', 'worker', 'daemon']) {
    const one = await userOf(t, redis, role, { args: ['--dialect', 'bullmq'] });
    assert.deepEqual(await jsonOfQ(t, one, 'acl', 'check', '--role', role, '--dialect', 'bullmq'), []);
    assert.notEqual((await runQ(t, one, 'acl', 'check', '--role', role, '--dialect', 'bull')).code, 0);
  }
});

test('each right taken away is missed', async (t) => {
  const redis = await startRedis(t);
  const attempts = {
    'job ls': [['job', 'ls', 'q'], ['evalsha', 'lrange', 'hmget', 'zrevrange', 'zcard']],
    'queue ls': [['queue', 'ls'], ['scan', 'llen', 'type']],
  };
  await bullQueue(t, redis).add('n', {});
  for (const [verb, rights] of Object.values(attempts)) {
    for (const right of rights) {
      const user = await userOf(t, redis, 'viewer', { change: [`-${right}`] });
      const { code } = await runQ(t, user, ...verb);
      assert.equal(code, 6, right);
      assert.deepEqual([...new Set((await user.refusals()).map((line) => line.split('|')[0]))], [`command ${right}`]);
    }
  }
  const producer = await userOf(t, redis, 'producer', { change: ['-publish'] });
  await assert.rejects(() => bullQueue(t, producer).add({}), REFUSED);
  const deaf = await userOf(t, redis, 'producer', { change: ['resetchannels'] });
  await assert.rejects(() => bullQueue(t, deaf).add({}), REFUSED);
});

/* --- acl check and the words ------------------------------------------------------------------- */

test('acl check names what is lacking', async (t) => {
  const redis = await startRedis(t);
  for (const role of ['producer', 'worker', 'daemon', 'viewer']) {
    const user = await userOf(t, redis, role);
    assert.deepEqual(await jsonOfQ(t, user, 'acl', 'check', '--role', role), []);
  }
  const some = await userOf(t, redis, 'worker', { change: ['-lpush', '-client|setname'] });
  const { code, stdout, stderr } = await runQ(t, some, 'acl', 'check', '--role', 'worker');
  assert.equal(code, 6);
  assert.match(stderr, /lacks 2 rights/);
  assert.deepEqual(stdout.trim().split('\n').map((line) => line.split(/\s+/)), [['lacks', 'on'], ['+client|setname', 'bull:*'], ['+lpush', 'bull:*']]);

  const narrow = await userOf(t, redis, 'daemon', { args: ['--queue', 'q'] });
  assert.equal((await runQ(t, narrow, 'acl', 'check', '--role', 'daemon', '--queue', 'q')).code, 0);
  const other = await runQ(t, narrow, 'acl', 'check', '--role', 'daemon', '--queue', 'r');
  assert.equal(other.code, 6);
  assert.match(other.stdout, /^~bull:r:\* /m);

  const nothing = await userOf(t, redis, 'viewer', { change: ['-eval', '-evalsha'] });
  assert.match((await runQ(t, nothing, 'acl', 'check', '--role', 'viewer')).stderr, /nothing can be asked without/);
});

test('acl print needs no Redis and quotes what patterns mean', async (t) => {
  const print = async (...args) => (await runQ(t, null, 'acl', 'print', ...args)).stdout.trim();
  assert.match(await print('--role', 'viewer'), /^ACL SETUSER cartrita-viewer on resetkeys resetchannels ~bull:\* &bull:\* -@all \+ping/);
  assert.match(await print('--role', 'daemon', '--form', 'file', '--user', 'd'), /^user d on /);
  assert.match(await print('--role', 'daemon', '--prefix', '{b}', '--queue', 'a b[*]', '--queue', 'c'), / ~\{b\}:a\?b\\\[\\\*\\\]:\* ~\{b\}:c:\* ~\{cartrita:cache\}:\* &/);
  assert.equal((await runQ(t, null, 'acl', 'print')).code, 2);
  assert.equal((await runQ(t, null, 'acl', 'print', '--role', 'cook')).code, 2);
});
