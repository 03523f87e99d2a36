/* cartrita-q queue pause, drain, clean ... and job retry, promote, rm, move: what they leave in Redis
 * and publish is what Bull's own calls leave, on queues that Bull has made. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import test from 'node:test';

import { bullQueue, recordMessages } from '../lib/bull.mjs';
import { programPath } from '../lib/processes.mjs';
import { jsonOfQ, runQ } from '../lib/q.mjs';
import { startRedis } from '../lib/redis.mjs';
import { guardPid, releasePid } from '../lib/scope.mjs';
import { differences, dump, normalise, normaliseMessages } from '../lib/state.mjs';
import { until, within } from '../lib/wait.mjs';

const HOUR_MS = 3600_000;

async function open(t) {
  const redis = await startRedis(t);
  return { t, redis, client: redis.client(), q: (...args) => runQ(t, redis, ...args), json: (...args) => jsonOfQ(t, redis, ...args) };
}

const keysOf = async (side, queue) => (await side.client.keys(`bull:${queue}:*`)).map((key) => key.slice(`bull:${queue}:`.length)).sort();

/* Jobs in every state, without a worker: "w1" to "w3" wait, one of them with a priority, one lifo; two
 * are delayed, three have failed, two are completed, one is active under a lock, one active without. */
async function furnish(side, name, { isPaused = false } = {}) {
  const queue = bullQueue(side.t, side.redis, name);
  const at = Date.now();
  const finish = async (id, fail) => {
    await side.client.lrem(`bull:${name}:wait`, 0, id);
    await side.client.lpush(`bull:${name}:active`, id);
    await side.client.hset(`bull:${name}:${id}`, 'processedOn', at);
    const job = await queue.getJob(id);
    if (fail) await job.moveToFailed(new Error(fail), true);
    else await job.moveToCompleted('fine', true, true);
    await side.client.del(`bull:${name}:${id}:lock`);
  };
  await queue.isReady();
  for (const id of ['f1', 'f2', 'f3']) await queue.add(id === 'f2' ? 'rare' : 'usual', { id }, { jobId: id, lifo: id === 'f3', timestamp: at });
  for (const id of ['c1', 'c2']) await queue.add('usual', { id }, { jobId: id, timestamp: at });
  for (const id of ['a1', 'a2']) {
    await queue.add('usual', { id }, { jobId: id, timestamp: at });
    await side.client.lrem(`bull:${name}:wait`, 0, id);
    await side.client.lpush(`bull:${name}:active`, id);
  }
  await finish('f1', 'no route');
  await finish('f2', 'no way');
  await finish('f3', 'no route');
  await finish('c1');
  await finish('c2');
  await side.client.set(`bull:${name}:a1:lock`, 'somebody');
  if (isPaused) await queue.pause();
  await queue.add('usual', {}, { jobId: 'w1', timestamp: at });
  await queue.add('usual', {}, { jobId: 'w2', priority: 3, timestamp: at });
  await queue.add('usual', {}, { jobId: 'w3', debounce: { id: 'd' }, timestamp: at });
  await queue.add('usual', {}, { jobId: 'd1', delay: HOUR_MS, timestamp: at });
  await queue.add('usual', {}, { jobId: 'd2', delay: 2 * HOUR_MS, priority: 1, timestamp: at });
  await (await queue.getJob('f1')).log('a line');
  return queue;
}

/* `ours` by cartrita-q and `theirs` by Bull, on two queues that are alike: what is there afterwards, and
 * what was published. `without`: parts of it that are known to differ. */
async function compare(t, { prepare = furnish, theirs, ours, options, without = [], isQuiet = true }) {
  const side = await open(t);
  const bulls = await prepare(side, 'theirs', options);
  await prepare(side, 'ours', options);
  const heard = { theirs: await recordMessages(side.redis, 'theirs'), ours: await recordMessages(side.redis, 'ours') };
  await theirs(bulls, side);
  const result = await ours(side);
  const look = async (name) => normalise(await dump(side.client, name), { without: ['stalled-check', 'stalled', ...without] });
  assert.deepEqual(differences(await look('ours'), await look('theirs')), []);
  await until(() => heard.ours.length >= heard.theirs.length, { describe: () => JSON.stringify(heard) });
  if (isQuiet) assert.deepEqual(normaliseMessages(heard.ours), normaliseMessages(heard.theirs));
  return { side, result };
}

async function ok(side, ...args) {
  const { code, stdout, stderr } = await side.q(...args);
  assert.equal(code, 0, stderr);
  return stdout;
}

/* --- the queue --------------------------------------------------------------------------------- */

test('pause and resume are those of queue.pause() and queue.resume()', async (t) => {
  const { side } = await compare(t, {
    theirs: async (queue) => {
      await queue.pause();
      await queue.pause();
    },
    ours: async (side) => {
      assert.match(await ok(side, 'queue', 'pause', 'ours'), /^paused +yes$/m);
      assert.deepEqual(await side.json('queue', 'pause', 'ours'), { queue: 'ours', paused: true, wasPaused: true });
    },
  });
  assert.equal((await side.q('queue', 'pause', 'our')).code, 3);
  await compare(t, { options: { isPaused: true }, theirs: (queue) => queue.resume(), ours: (side) => ok(side, 'queue', 'resume', 'ours') });
});

test('pausing loses no job of a list that was left behind', async (t) => {
  const side = await open(t);
  const queue = bullQueue(t, side.redis, 'q');
  for (let i = 1; i <= 12_000; i += 1000) await side.client.rpush('bull:q:paused', ...Array.from({ length: 1000 }, (_, k) => `p${i + k}`));
  await queue.add({}, { jobId: 'w1' });
  await queue.add({}, { jobId: 'w2' });
  await ok(side, 'queue', 'pause', 'q');
  const ids = await side.client.lrange('bull:q:paused', 0, -1);
  assert.equal(ids.length, 12_002);
  assert.deepEqual([ids[0], ids[1], ids[2], ids.at(-1)], ['w2', 'w1', 'p1', 'p12000'], 'in the order that they had');
  await side.client.lpush('bull:q:wait', 'w3');
  await ok(side, 'queue', 'resume', 'q');
  assert.deepEqual((await side.client.lrange('bull:q:wait', 0, -1)).sort(), [...ids, 'w3'].sort());
  assert.deepEqual(await keysOf(side, 'q'), ['id', 'w1', 'w2', 'wait']);
});

test('drain is queue.empty() without its leaks', async (t) => {
  /* Bull leaves the logs and debounce ids of what it removes, and unpauses the queue half-way. */
  const { side } = await compare(t, { without: ['de:d'], theirs: async (queue, side) => {
    await queue.empty();
    await side.client.hdel('bull:theirs:d1', 'x');
  }, ours: (side) => ok(side, 'queue', 'drain', 'ours', '--delayed', '--yes'), without: ['de:d', 'd1', 'd2'] });
  assert.equal(await side.client.exists('bull:ours:d1', 'bull:ours:d2', 'bull:ours:de:d'), 0);

  await furnish(side, 'more', { isPaused: true });
  const dry = await side.q('queue', 'drain', 'more', '--dry-run');
  assert.equal(dry.code, 0);
  assert.match(dry.stderr, /3 jobs of queue "more" would be removed/);
  const refused = await side.q('queue', 'drain', 'more');
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /3 jobs of queue "more" to be removed\n.*--yes/s);
  assert.equal(await ok(side, 'queue', 'drain', 'more', '--yes'), 'removed 3 of 3\n');
  assert.equal(await side.client.get('bull:more:meta-paused'), '1');
  assert.equal(await side.client.zcard('bull:more:delayed'), 2);
});

for (const [state, type] of [['completed', 'completed'], ['failed', 'failed'], ['waiting', 'wait'], ['delayed', 'delayed'], ['active', 'active']]) {
  test(`clean --state ${state} is queue.clean()`, async (t) => {
    await compare(t, {
      prepare: async (side, name) => {
        const queue = await furnish(side, name);
        /* Half of them are old. */
        const old = Date.now() - HOUR_MS;
        for (const id of ['f1', 'c1', 'w1', 'w3', 'd1', 'a1', 'a2']) await side.client.hset(`bull:${name}:${id}`, 'timestamp', old, ...(/^[fc]/.test(id) ? ['finishedOn', old] : []));
        for (const [set, id] of [['failed', 'f1'], ['completed', 'c1']]) await side.client.zadd(`bull:${name}:${set}`, old, id);
        return queue;
      },
      theirs: (queue) => queue.clean(HOUR_MS / 2, type),
      ours: (side) => ok(side, 'queue', 'clean', 'ours', '--state', state, '--older', '30m', '--yes'),
    });
  });
}

test('clean has to be told what, and keeps to its limit', async (t) => {
  const side = await open(t);
  await furnish(side, 'q');
  for (const args of [[], ['--state', 'failed'], ['--older', '1s'], ['--state', 'fialed', '--older', '1s']]) {
    assert.equal((await side.q('queue', 'clean', 'q', ...args, '--yes')).code, 2);
  }
  await until(() => Date.now() > 0);
  assert.equal(await ok(side, 'queue', 'clean', 'q', '--state', 'failed', '--older', '1ms', '--limit', '2', '--yes'), 'removed 2 of 2\n');
  assert.deepEqual(await side.client.zrange('bull:q:failed', 0, -1), ['f3']);
});

test('obliterate is queue.obliterate(), with what that leaves behind', async (t) => {
  const prepare = async (side, name) => {
    const queue = await furnish(side, name);
    await queue.add('r', {}, { repeat: { every: HOUR_MS } });
    return queue;
  };
  const { side } = await compare(t, {
    prepare,
    theirs: (queue) => queue.obliterate({ force: true }),
    ours: (side) => ok(side, 'queue', 'obliterate', 'ours', '--force', '--yes'),
    without: ['de:d'],
  });
  assert.deepEqual(await keysOf(side, 'ours'), []);

  await prepare(side, 'q');
  const before = await dump(side.client, 'q');
  const busy = await side.q('queue', 'obliterate', 'q', '--yes');
  assert.equal(busy.code, 4);
  assert.match(busy.stderr, /workers have jobs of queue "q": wait for them, or say --force/);
  await side.q('queue', 'obliterate', 'q', '--force', '--dry-run');
  assert.equal((await side.q('queue', 'obliterate', 'q', '--force')).code, 2);
  assert.deepEqual(await dump(side.client, 'q'), before);
});

test('rm takes what a queue without jobs has left, and says what to do with others', async (t) => {
  const side = await open(t);
  const queue = bullQueue(t, side.redis, 'q');
  await queue.add({}, { jobId: 'x' });
  const refused = await side.q('queue', 'rm', 'q', '--yes');
  assert.equal(refused.code, 4);
  assert.match(refused.stderr, /has jobs: `cartrita-q queue drain`/);
  await (await queue.getJob('x')).remove();
  await queue.pause();
  await queue.add('r', {}, { repeat: { every: HOUR_MS } });
  await side.client.del('bull:q:delayed');
  assert.match((await side.q('queue', 'rm', 'q', '--yes')).stderr, /repeatable/);
  await side.client.del('bull:q:repeat');
  assert.equal((await side.q('queue', 'rm', 'q')).code, 2);
  await ok(side, 'queue', 'rm', 'q', '--yes');
  assert.deepEqual((await keysOf(side, 'q')).filter((key) => !key.startsWith('repeat:')), []);
  assert.equal((await side.q('queue', 'rm', 'q', '--yes')).code, 3);
});

/* --- jobs -------------------------------------------------------------------------------------- */

for (const isPaused of [false, true]) {
  test(`retry is job.retry(), ${isPaused ? 'paused' : 'running'}`, async (t) => {
    await compare(t, {
      options: { isPaused },
      theirs: async (queue) => {
        for (const id of ['f1', 'f2', 'f3']) await (await queue.getJob(id)).retry();
      },
      ours: (side) => ok(side, 'job', 'retry', 'ours', '--all', '--yes'),
    });
  });

  test(`promote is job.promote(), ${isPaused ? 'paused' : 'running'}`, async (t) => {
    await compare(t, {
      options: { isPaused },
      theirs: async (queue) => {
        for (const id of ['d1', 'd2']) await (await queue.getJob(id)).promote();
      },
      ours: (side) => ok(side, 'job', 'promote', 'ours', 'd1', 'd2'),
    });
  });

  test(`rm is job.remove(), ${isPaused ? 'paused' : 'running'}`, async (t) => {
    const ids = ['w1', 'w2', 'w3', 'd1', 'f1', 'c1', 'a2'];
    const { side } = await compare(t, {
      options: { isPaused },
      theirs: async (queue) => {
        for (const id of ids) await (await queue.getJob(id)).remove();
      },
      ours: (side) => ok(side, 'job', 'rm', 'ours', ...ids, '--yes'),
    });
    const held = await side.q('job', 'rm', 'ours', 'a1', '--yes');
    assert.equal(held.code, 4);
    assert.match(held.stderr, /job a1 is not removed: a worker has it/);
    assert.equal(await side.client.exists('bull:ours:a1'), 1);
  });
}

test('filters choose; ids that cannot be done are told and make an error', async (t) => {
  const side = await open(t);
  await furnish(side, 'q');
  assert.equal((await side.q('job', 'retry', 'q', '--yes')).code, 2, 'neither ids nor a filter');
  assert.equal((await side.q('job', 'retry', 'q', 'f1', '--all')).code, 2, 'both');
  assert.equal((await side.q('job', 'retry', 'q', '--reason', '(', '--yes')).code, 2);
  assert.match((await side.q('job', 'retry', 'q', '--all')).stderr, /3 jobs of queue "q" to be retried\n.*--yes/s);
  const some = await side.json('job', 'retry', 'q', '--name', 'rare', '--yes');
  assert.deepEqual(some, { jobs: [{ id: 'f2' }], matched: 1, done: 1, gone: 0, elsewhere: 0, held: 0, series: 0, refused: 0, dryRun: false });
  assert.equal((await side.json('job', 'retry', 'q', '--reason', '^no way$', '--dry-run')).matched, 0);
  assert.equal((await side.json('job', 'retry', 'q', '--older', '1h', '--yes')).matched, 0);
  assert.equal((await side.json('job', 'retry', 'q', '--newer', '1h', '--limit', '1', '--yes')).jobs[0].id, 'f1');

  const partly = await side.q('job', 'retry', 'q', 'f3', 'c1', 'nobody');
  assert.equal(partly.code, 3);
  assert.equal(partly.stdout, 'retried 1 of 3\n');
  assert.match(partly.stderr, /job c1 is not retried: it has not failed/);
  assert.match(partly.stderr, /job nobody is not retried: there is no such job/);
  const hash = await side.client.hgetall('bull:q:c1');
  assert.ok(hash.finishedOn, 'a job that has not failed keeps what it has');
  assert.equal((await side.q('job', 'promote', 'q', 'w1')).code, 4);

  assert.equal((await side.json('job', 'rm', 'q', '--state', 'completed', '--state', 'delayed', '--yes')).done, 4);
  assert.equal((await side.json('job', 'rm', 'q', '--all', '--yes')).done, 6);
  assert.deepEqual(await keysOf(side, 'q'), ['a1', 'a1:lock', 'a2', 'active', 'id']);
});

test('--reset-attempts gives a job all its attempts again', async (t) => {
  const side = await open(t);
  await furnish(side, 'q');
  await side.client.hset('bull:q:f1', 'stalledCounter', 3);
  await ok(side, 'job', 'retry', 'q', 'f1');
  await ok(side, 'job', 'retry', 'q', 'f2', '--reset-attempts');
  assert.deepEqual(await side.client.hmget('bull:q:f1', 'attemptsMade', 'stalledCounter'), ['1', '3']);
  assert.deepEqual(await side.client.hmget('bull:q:f2', 'attemptsMade', 'stalledCounter'), [null, null]);
});

test('the next one of a repeatable job stays, unless it is asked for', async (t) => {
  const side = await open(t);
  const queue = bullQueue(t, side.redis, 'q');
  await queue.add('tick', {}, { repeat: { every: HOUR_MS } });
  await queue.add('later', {}, { jobId: 'x', delay: HOUR_MS });
  const [id] = (await side.client.zrange('bull:q:delayed', 0, -1)).filter((member) => member.startsWith('repeat:'));
  const drained = await side.q('queue', 'drain', 'q', '--delayed', '--yes');
  assert.equal(drained.code, 0);
  assert.equal(drained.stdout, 'removed 1 of 2\n');
  assert.match(drained.stderr, /is the next one of a repeatable job/);
  assert.deepEqual(await side.client.zrange('bull:q:delayed', 0, -1), [id]);
  assert.equal((await side.q('job', 'move', 'q', 'other', id)).code, 4);
  assert.equal((await side.q('job', 'rm', 'q', id, '--yes')).code, 4);
  await ok(side, 'job', 'promote', 'q', id);
  assert.equal((await side.q('job', 'rm', 'q', id, '--yes')).code, 4, 'it has not run yet');
  await ok(side, 'job', 'rm', 'q', id, '--series', '--yes');
  assert.deepEqual(await keysOf(side, 'q'), ['id', 'repeat']);
});

test('a moved job is in the other queue what it was', async (t) => {
  const side = await open(t);
  await furnish(side, 'q');
  const other = bullQueue(t, side.redis, 'other');
  await other.add('usual', {}, { jobId: 'w1' });
  await other.add('first');
  await bullQueue(t, side.redis, 'q').add('numbered', { n: 1 });
  const before = await dump(side.client, 'q');
  const moved = await side.q('job', 'move', 'q', 'other', '--all', '--yes');
  assert.equal(moved.code, 4, moved.stderr);
  assert.match(moved.stderr, /11 jobs of queue "q" to be moved to "other"\n/);
  assert.match(moved.stderr, /job w1 is not moved: queue "other" has a job with this id already/);
  assert.equal(moved.stdout, 'moved 10 of 11\n');
  const after = await dump(side.client, 'other');
  for (const id of ['w2', 'd1', 'd2', 'f1', 'f2', 'f3', 'c1', 'c2']) assert.deepEqual(after[id], before[id]);
  assert.deepEqual(after['f1:logs'], before['f1:logs']);
  assert.deepEqual(after.failed, before.failed);
  assert.deepEqual(after.completed, before.completed);
  assert.deepEqual(after.delayed.value.map(([id, score]) => [id, Math.floor(score / 4096)]), before.delayed.value.map(([id, score]) => [id, Math.floor(score / 4096)]));
  const numbered = after.wait.value.find((id) => after[id].value.name === 'numbered');
  assert.match(numbered, /^\d+$/);
  assert.deepEqual(after.wait.value, [numbered, 'w3', '2', 'w1', 'w2'], 'the one with a priority runs first');
  assert.deepEqual(await keysOf(side, 'q'), ['a1', 'a1:lock', 'a2', 'active', 'id', 'w1', 'wait']);
  assert.match((await side.q('job', 'move', 'q', 'fresh', 'w1')).stderr, /to "fresh", which is a new queue/);
  assert.equal((await side.q('job', 'move', 'q', 'q', 'a2')).code, 2);
  assert.equal((await side.q('job', 'move', 'q', 'other', 'a2')).code, 4, 'it is active');
});

test('keys that are not what they should be end it before anything is done', async (t) => {
  const side = await open(t);
  await furnish(side, 'q');
  await side.client.set('bull:broken:wait', 'x');
  const before = await dump(side.client, 'q');
  const answer = await side.q('job', 'move', 'q', 'broken', 'w1');
  assert.equal(answer.code, 4);
  assert.match(answer.stderr, /bull:broken:wait/);
  assert.deepEqual(await dump(side.client, 'q'), before);
});

/* script(1) gives it a terminal; what is typed comes from a pipe. */
async function typed(side, answer, ...args) {
  const line = [programPath('cartrita-q'), ...args, '--redis', side.redis.url].map((word) => `'${word}'`).join(' ');
  const child = spawn('script', ['-qefc', line, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
  guardPid(child.pid);
  side.t.after(() => child.kill('SIGKILL'));
  let shown = '';
  child.stdout.on('data', (bytes) => {
    shown += bytes;
    if (answer && shown.includes('[y/N] ')) {
      child.stdin.write(answer);
      answer = undefined;
    }
  });
  const code = await within(new Promise((done) => child.once('exit', done)));
  releasePid(child.pid);
  return { code, shown };
}

test('on a terminal it asks, and only a yes is one', async (t) => {
  const side = await open(t);
  await furnish(side, 'q');
  assert.equal((await typed(side, '\x03', 'job', 'retry', 'q', '--all')).code, 130);
  for (const answer of ['n\n', '\n', '\x04']) {
    const { code, shown } = await typed(side, answer, 'job', 'retry', 'q', '--all');
    assert.match(shown, /3 jobs of queue "q" to be retried\r\nGo on\? \[y\/N\] /);
    assert.match(shown, /nothing was done/);
    assert.equal(code, 1);
  }
  assert.equal(await side.client.zcard('bull:q:failed'), 3);
  const yes = await typed(side, 'y\n', 'job', 'retry', 'q', '--all');
  assert.equal(yes.code, 0);
  assert.match(yes.shown, /retried 3 of 3\r\n$/);
  const rm = await typed(side, 'n\n', 'job', 'rm', 'q', 'w1');
  assert.match(rm.shown, /1 job of queue "q" to be removed\r\n/);
  assert.equal((await typed(side, undefined, 'job', 'promote', 'q', 'd1')).code, 0, 'one that is named and can come back is not asked about');
});
