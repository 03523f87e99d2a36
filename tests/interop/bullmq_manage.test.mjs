/* cartrita-q queue pause, drain, clean ... and job retry, promote, rm, move on BullMQ's queues: what they leave
 * in Redis, events among it, is what the package's own calls leave, on queues that it has made. */

import assert from 'node:assert/strict';
import test, { after } from 'node:test';

import { mqFlow, mqQueue, PACKAGES } from '../lib/bullmq.mjs';
import { connectionOf } from '../lib/mq_worker.mjs';
import { jsonOfQ, runQ } from '../lib/q.mjs';
import { startRedis } from '../lib/redis.mjs';
import { newScope } from '../lib/scope.mjs';
import { differences, dump, normalise } from '../lib/state.mjs';

const HOUR_MS = 3600_000;
const OLD = Date.now() - HOUR_MS;

/* One Redis for all; each side of each test has a prefix of its own. */
let common, sides = 0;
after(async () => common && (await common).scope.close());

async function open(t, version = 6) {
  common ??= (async () => {
    const scope = newScope();
    return { scope, redis: await startRedis(scope) };
  })();
  const { redis } = await common;
  const prefix = `s${++sides}`;
  const side = { t, redis, version, prefix, client: redis.client() };
  side.queue = (name = 'q', options = {}) => mqQueue(t, redis, name, { version, prefix, ...options });
  side.flow = () => mqFlow(t, redis, { version, prefix });
  side.key = (suffix, name = 'q') => `${prefix}:${name}:${suffix}`;
  side.q = (...args) => runQ(t, redis, ...args, '--prefix', prefix);
  side.json = (...args) => jsonOfQ(t, redis, ...args, '--prefix', prefix);
  side.ok = async (...args) => {
    const { code, stdout, stderr } = await side.q(...args);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  side.list = (suffix, name) => side.client.lrange(side.key(suffix, name), 0, -1);
  side.set = (suffix, name) => side.client.zrange(side.key(suffix, name), 0, -1);
  side.keys = async (name = 'q') => (await side.client.keys(side.key('*', name))).map((key) => key.slice(side.key('', name).length)).sort();
  side.events = async (name) => {
    const entries = await side.client.xrange(side.key('events', name), '-', '+');
    return entries.map(([, fields]) => fields.join(' ').replace('event ', ''));
  };
  return side;
}

/* Takes the next job and ends it, or leaves it active; without a lock when `isLeft`. */
async function take(side, queue) {
  side.workers ??= {};
  const worker = (side.workers[queue.name] ??= new PACKAGES[side.version].Worker(queue.name, undefined, { prefix: side.prefix, connection: connectionOf(side.redis), autorun: false }));
  if (!worker.isOwned) {
    worker.isOwned = true;
    worker.on('error', () => {});
    side.t.after(() => worker.close(true));
  }
  return worker.getNextJob('token', { block: false });
}

async function end(side, queue, reason) {
  const job = await take(side, queue);
  if (reason) await job.moveToFailed(new Error(reason), 'token', false);
  else await job.moveToCompleted({ fine: true }, 'token', false);
  return job;
}

/* Jobs in every state. "a1" is active under a lock, "a2" without one; "f2" has a priority, "f3" is lifo. */
async function furnish(side) {
  const queue = side.queue();
  const add = (id, opts, data = { id }) => queue.add(id.startsWith('f2') ? 'rare' : 'usual', data, { jobId: id, timestamp: OLD, ...opts });
  await queue.waitUntilReady();
  await add('f1');
  await end(side, queue, 'no route');
  await add('f2', { priority: 2 });
  await end(side, queue, 'no way');
  await add('f3', { lifo: true });
  await end(side, queue, 'no route');
  await add('c1');
  await end(side, queue);
  await add('c2');
  await end(side, queue);
  await add('a1');
  await take(side, queue);
  await add('a2');
  await take(side, queue);
  await side.client.del(side.key('a2:lock'));
  await add('w1');
  await add('w2');
  await add('w3', { deduplication: { id: 'd' } });
  await add('p1', { priority: 3 });
  await add('p2', { priority: 1 });
  await add('d1', { delay: 2 * HOUR_MS });
  await add('d2', { delay: 3 * HOUR_MS, priority: 1, deduplication: { id: 'e', ttl: HOUR_MS } });
  await (await queue.getJob('f1')).log('a line');
  return queue;
}

const look = async (side) => {
  const state = normalise(await dump(side.client, null, side.prefix), { inOrder: true, sortJson: true, without: [/stalled/], ...side.normalise });
  return JSON.parse(JSON.stringify(state).replaceAll(`${side.prefix}:`, '<prefix>:'));
};

/* `ours` by cartrita-q and `theirs` by the package, on two queues that are alike. `differs`: patterns of lines
 * in which they do, each of which must come up. */
async function compare(t, { prepare = furnish, theirs, ours, differs = [], version, normalise: options }) {
  const sideTheirs = Object.assign(await open(t, version), { normalise: options });
  const sideOurs = Object.assign(await open(t, version), { normalise: options });
  const queue = await prepare(sideTheirs);
  await prepare(sideOurs);
  assert.deepEqual(differences(await look(sideOurs), await look(sideTheirs)), [], 'they were alike before');
  await theirs(queue, sideTheirs);
  await ours(sideOurs);
  const found = differences(await look(sideOurs), await look(sideTheirs));
  for (const pattern of differs) assert.ok(found.some((line) => pattern.test(line)), `nothing like ${pattern} in\n${found.join('\n')}`);
  assert.deepEqual(found.filter((line) => !differs.some((pattern) => pattern.test(line))), []);
  return sideOurs;
}

const BOTH = [5, 6];

/* --- the queue --------------------------------------------------------------------------------- */

test('pause and resume are those of the package (S67, S68)', async (t) => {
  const side = await compare(t, {
    theirs: async (queue) => {
      await queue.pause();
      await queue.pause();
    },
    ours: async (side) => {
      assert.match(await side.ok('queue', 'pause', 'q'), /^paused +yes$/m);
      assert.deepEqual(await side.json('queue', 'pause', 'q'), { queue: 'q', paused: true, wasPaused: true });
    },
  });
  assert.equal((await side.list('wait')).length, 3, 'they stay where they wait');
  await compare(t, {
    prepare: async (inner) => {
      const queue = await furnish(inner);
      await queue.pause();
      return queue;
    },
    theirs: (queue) => queue.resume(),
    ours: (inner) => inner.ok('queue', 'resume', 'q'),
  });
});

test('a resume with a delayed job alone wakes for that (S70)', async (t) => {
  const side = await compare(t, {
    prepare: async (inner) => {
      const queue = inner.queue();
      await queue.add('n', {}, { jobId: 'd', delay: HOUR_MS, timestamp: OLD + HOUR_MS });
      await queue.pause();
      return queue;
    },
    theirs: (queue) => queue.resume(),
    ours: (inner) => inner.ok('queue', 'resume', 'q'),
  });
  assert.deepEqual(await side.set('marker'), ['1']);
});

test('a resume brings back what an older client has put aside, in its order (S69)', async (t) => {
  await compare(t, {
    prepare: async (side) => {
      const queue = mqQueue(t, side.redis, 'q', { version: 5, prefix: side.prefix });
      await queue.add('n', {}, { jobId: 'j1', timestamp: OLD });
      await queue.pause();
      await queue.add('n', {}, { jobId: 'j2', timestamp: OLD });
      const six = side.queue();
      await six.add('n', {}, { jobId: 'j3', timestamp: OLD });
      assert.deepEqual([await side.list('paused'), await side.list('wait')], [['j2', 'j1'], ['j3']]);
      return six;
    },
    theirs: (queue) => queue.resume(),
    ours: (side) => side.ok('queue', 'resume', 'q'),
  });
  const side = await open(t);
  await side.queue().add('n', {}, { jobId: 'w', timestamp: OLD });
  await side.client.hset(side.key('meta'), 'paused', 1);
  const ids = Array.from({ length: 12_000 }, (_, i) => `p${i}`);
  for (let i = 0; i < ids.length; i += 1000) await side.client.rpush(side.key('paused'), ...ids.slice(i, i + 1000));
  await side.ok('queue', 'resume', 'q');
  assert.deepEqual(await side.list('wait'), ['w', ...ids]);
  assert.deepEqual((await side.events()).filter((event) => event === 'resumed'), ['resumed']);
});

for (const version of BOTH) {
  for (const delayed of [false, true]) {
    test(`drain${delayed ? ' with delayed jobs' : ''} is that of the package, of ${version} (S117)`, async (t) => {
      await compare(t, {
        version,
        theirs: (queue) => queue.drain(delayed),
        ours: (side) => side.ok('queue', 'drain', 'q', '--yes', ...(delayed ? ['--delayed'] : [])),
      });
    });
  }
}

test('drain spares the next job of a scheduler, and nothing else (S113, D2)', async (t) => {
  const side = await open(t);
  const queue = side.queue();
  await queue.add('n', {}, { jobId: 'w1' });
  await queue.upsertJobScheduler('s', { every: HOUR_MS }, { name: 'tick' });
  await queue.add('n', {}, { jobId: 'w2' });
  const [, id] = await side.list('wait');
  const { code, stdout, stderr } = await side.q('queue', 'drain', 'q', '--yes', '--delayed');
  assert.equal(code, 0);
  assert.equal(stdout, 'removed 2 of 3\n');
  assert.match(stderr, /is the next one of a repeatable job/);
  assert.deepEqual(await side.list('wait'), [id]);
  assert.equal((await side.q('job', 'rm', 'q', id, '--yes')).code, 4, 'S109');
  assert.equal((await side.q('job', 'move', 'q', 'other', id)).code, 4);
  await side.ok('job', 'rm', 'q', id, '--series', '--yes');
  assert.equal(await side.client.exists(side.key('wait')), 0);
});

for (const [state, type, version] of [['completed', 'completed', 6], ['failed', 'failed', 6], ['waiting', 'wait', 6], ['prioritized', 'prioritized', 6], ['delayed', 'delayed', 6], ['active', 'active', 6], ['failed', 'failed', 5]]) {
  test(`clean --state ${state} is queue.clean() of ${version} (S115, S116)`, async (t) => {
    await compare(t, {
      version,
      prepare: async (side) => {
        const queue = await furnish(side);
        const young = Date.now();
        /* By their times some are too young, by their places as well. */
        for (const id of ['f1', 'f2', 'c1', 'a2']) await side.client.hset(side.key(id), { finishedOn: OLD, processedOn: OLD });
        for (const [set, id] of [['failed', 'f1'], ['failed', 'f2'], ['completed', 'c1']]) await side.client.zadd(side.key(set), OLD, id);
        for (const id of ['w1', 'p1', 'd1']) await side.client.hset(side.key(id), 'timestamp', young);
        return queue;
      },
      theirs: (queue) => queue.clean(HOUR_MS / 2, 100, type),
      ours: (side) => side.ok('queue', 'clean', 'q', '--state', state, '--older', '30m', '--yes'),
    });
  });
}

for (const version of BOTH) {
  test(`obliterate leaves no more than that of the package, of ${version} (S118 to S120)`, async (t) => {
    const prepare = async (side) => {
      const queue = await furnish(side);
      await queue.upsertJobScheduler('s', { every: HOUR_MS }, { name: 'tick' });
      await side.client.set(side.key('limiter'), 3);
      await side.client.lpush(side.key('metrics:completed:data'), 1);
      await side.client.del(side.key('de:e'));
      return queue;
    };
    const side = await compare(t, {
      version,
      prepare,
      theirs: (queue) => queue.obliterate({ force: true }),
      ours: (inner) => inner.ok('queue', 'obliterate', 'q', '--force', '--yes'),
      differs: [/q:limiter/],
    });
    assert.deepEqual(await side.keys(), []);
    await prepare(side);
    const busy = await side.q('queue', 'obliterate', 'q', '--yes');
    assert.equal(busy.code, 4);
    assert.match(busy.stderr, /workers have jobs of queue "q"/);
    assert.equal(await side.client.hexists(side.key('meta'), 'paused'), 0);
  });
}

test('obliterate takes a thousand jobs, schedulers and flows, a part a call', async (t) => {
  const side = await open(t);
  const queue = side.queue();
  await queue.addBulk(Array.from({ length: 1000 }, (_, i) => ({ name: 'n', data: {}, opts: i % 2 ? { priority: i } : {} })));
  for (let i = 0; i < 20; i++) await queue.upsertJobScheduler(`s${i}`, { every: HOUR_MS }, { name: 'tick' });
  await side.flow().add({ name: 'p', queueName: 'q', children: [{ name: 'c', queueName: 'q' }, { name: 'c', queueName: 'other' }] });
  await side.flow().add({ name: 'p', queueName: 'other', opts: { jobId: 'parent' }, children: [{ name: 'c', queueName: 'q' }] });
  await side.ok('queue', 'obliterate', 'q', '--yes');
  assert.deepEqual(await side.keys(), []);
  assert.deepEqual((await side.list('wait', 'other'))[1], 'parent', 'whose children are gone goes on');
});

test('rm takes what a queue without jobs has left', async (t) => {
  const side = await open(t);
  const queue = side.queue();
  await side.flow().add({ name: 'p', queueName: 'q', opts: { jobId: 'p' }, children: [{ name: 'c', queueName: 'other' }] });
  const refused = await side.q('queue', 'rm', 'q', '--yes');
  assert.equal(refused.code, 4);
  assert.match(refused.stderr, /has jobs/);
  await side.ok('job', 'rm', 'q', 'p', '--yes');
  await queue.upsertJobScheduler('s', { every: HOUR_MS }, { name: 'tick' });
  await side.client.del(side.key('delayed'), side.key('wait'));
  assert.match((await side.q('queue', 'rm', 'q', '--yes')).stderr, /repeatable/);
  await queue.removeJobScheduler('s');
  await side.ok('queue', 'rm', 'q', '--yes');
  assert.deepEqual((await side.keys()).filter((key) => !key.startsWith('repeat:')), []);
});

/* --- jobs -------------------------------------------------------------------------------------- */

test('retry is job.retry() (S121)', async (t) => {
  await compare(t, {
    theirs: async (queue) => {
      for (const id of ['f1', 'f2', 'f3']) await (await queue.getJob(id)).retry('failed');
    },
    ours: (side) => side.ok('job', 'retry', 'q', 'f1', 'f2', 'f3'),
  });
  await compare(t, {
    theirs: async (queue) => {
      for (const id of ['f1', 'f2', 'f3']) await (await queue.getJob(id)).retry('failed', { resetAttemptsMade: true, resetAttemptsStarted: true });
    },
    ours: (side) => side.ok('job', 'retry', 'q', '--reset-attempts', '--all', '--yes'),
  });
});

test('retry counts stalls and attempts of older versions as attempts (T12)', async (t) => {
  const side = await open(t);
  await furnish(side);
  await side.client.hset(side.key('f1'), 'attemptsMade', 7, 'stc', 2);
  await side.ok('job', 'retry', 'q', 'f1', '--reset-attempts');
  assert.deepEqual(await side.client.hmget(side.key('f1'), 'atm', 'ats', 'attemptsMade', 'stc'), [null, null, null, null]);
  assert.equal((await side.q('job', 'retry', 'q', 'c1')).code, 4);
});

for (const policy of ['failParentOnFailure', 'ignoreDependencyOnFailure']) {
  test(`retry puts a child back to its parent: ${policy} (S80, S81)`, async (t) => {
    const side = await compare(t, {
      prepare: async (inner) => {
        await inner.flow().add({
          name: 'parent', queueName: 'p', opts: { jobId: 'parent', timestamp: OLD },
          children: [
            { name: 'bad', queueName: 'q', opts: { jobId: 'bad', timestamp: OLD, [policy]: true } },
            { name: 'good', queueName: 'q', opts: { jobId: 'good', timestamp: OLD, delay: HOUR_MS } },
          ],
        });
        const queue = inner.queue();
        await end(inner, queue, 'no');
        return queue;
      },
      theirs: async (queue) => (await queue.getJob('bad')).retry('failed'),
      ours: (inner) => inner.ok('job', 'retry', 'q', 'bad'),
    });
    assert.equal(await side.client.sismember(side.key('parent:dependencies', 'p'), side.key('bad')), 1);
  });
}

test('promote is job.promote() (S63)', async (t) => {
  await compare(t, {
    theirs: async (queue) => {
      for (const id of ['d1', 'd2']) await (await queue.getJob(id)).promote();
    },
    ours: (side) => side.ok('job', 'promote', 'q', 'd1', 'd2'),
  });
  await compare(t, {
    prepare: async (side) => {
      const queue = await furnish(side);
      await side.client.lpush(side.key('wait'), '0:1700000000000');
      await queue.pause();
      return queue;
    },
    theirs: async (queue) => (await queue.getJob('d1')).promote(),
    ours: (side) => side.ok('job', 'promote', 'q', 'd1'),
  });
});

for (const version of BOTH) {
  test(`rm is job.remove() of ${version} (S98)`, async (t) => {
    const ids = ['w1', 'w3', 'p1', 'd1', 'd2', 'f1', 'c1', 'a2'];
    const side = await compare(t, {
      version,
      theirs: async (queue) => {
        for (const id of ids) await (await queue.getJob(id)).remove();
      },
      ours: (inner) => inner.ok('job', 'rm', 'q', ...ids, '--yes'),
    });
    const held = await side.q('job', 'rm', 'q', 'a1', '--yes');
    assert.equal(held.code, 4);
    assert.match(held.stderr, /job a1 is not removed: a worker has it/);
    assert.equal((await side.q('job', 'rm', 'q', 'nobody', '--yes')).code, 3);
  });
}

/* parent (p) <- c1, c2 (q), c1 done; c2 <- g1, g2 (q); of which g1 is done. */
async function plant(side) {
  const named = (name, queueName, opts, children) => ({ name, queueName, data: {}, opts: { jobId: name, timestamp: OLD, ...opts }, children });
  await side.flow().add(named('parent', 'p', { priority: 4 }, [
    named('c1', 'q', {}),
    named('c2', 'q', {}, [named('g1', 'q', {}), named('g2', 'q', { delay: 2 * HOUR_MS, deduplication: undefined })]),
  ]));
  const queue = side.queue();
  assert.equal((await end(side, queue)).id, 'c1');
  assert.equal((await end(side, queue)).id, 'g1');
  return side.queue('p');
}

test('rm of the last pending child lets its parent go on, in front of all', async (t) => {
  const side = await compare(t, {
    prepare: async (inner) => {
      await plant(inner);
      return inner.queue();
    },
    theirs: async (queue) => (await queue.getJob('g2')).remove(),
    ours: (inner) => inner.ok('job', 'rm', 'q', 'g2', '--yes'),
  });
  assert.deepEqual(await side.list('wait'), ['c2']);
});

test('rm --children takes the tree (S87)', async (t) => {
  /* Parents do not wait for a moment before they go (D10). */
  const side = await compare(t, {
    prepare: plant,
    theirs: async (queue) => (await queue.getJob('parent')).remove(),
    ours: (inner) => inner.ok('job', 'rm', 'p', 'parent', '--children', '--yes'),
    differs: [/^(p|q):events/, /^p:marker/],
  });
  assert.deepEqual((await side.keys()).filter((key) => /^[cg]/.test(key)), []);
  assert.deepEqual((await side.keys('p')), ['events', 'id', 'meta']);
  assert.deepEqual((await side.events('p')).filter((event) => event.startsWith('removed')), ['removed jobId parent prev waiting-children']);
  assert.deepEqual((await side.events()).filter((event) => event.startsWith('removed')).sort(),
    ['removed jobId c1 prev completed', 'removed jobId c2 prev waiting-children', 'removed jobId g1 prev completed', 'removed jobId g2 prev delayed']);
});

test('rm of a parent alone leaves its children, as the package does when told to', async (t) => {
  await compare(t, {
    prepare: plant,
    theirs: async (queue) => (await queue.getJob('parent')).remove({ removeChildren: false }),
    ours: (inner) => inner.ok('job', 'rm', 'p', 'parent', '--yes'),
  });
});

test('rm --children touches nothing while a worker has a part of the tree (S88)', async (t) => {
  const side = await open(t);
  await plant(side);
  await side.client.set(side.key('g2:lock'), 'somebody');
  const before = await dump(side.client, null, side.prefix);
  const { code, stderr } = await side.q('job', 'rm', 'p', 'parent', '--children', '--yes');
  assert.equal(code, 4);
  assert.match(stderr, /a worker has it or a job below it/);
  assert.deepEqual(await dump(side.client, null, side.prefix), before);
});

test('rm --unprocessed-children takes what a job waits for, and it goes on', async (t) => {
  const side = await compare(t, {
    prepare: plant,
    theirs: async (queue) => (await queue.getJob('parent')).removeUnprocessedChildren(),
    ours: (inner) => inner.ok('job', 'rm', 'p', 'parent', '--unprocessed-children', '--yes'),
    differs: [/^q:events/],
  });
  assert.deepEqual(await side.list('wait', 'p'), ['parent']);
});

test('a tree of thousands goes part by part and leaves nothing', async (t) => {
  const side = await open(t);
  const queue = side.queue();
  const leaf = (i) => ({ name: 'leaf', queueName: 'q', data: {}, opts: i % 3 ? {} : { priority: 1 } });
  for (let i = 0; i < 5; i++) {
    await side.flow().add({ name: 'root', queueName: 'p', opts: { jobId: `root${i}` }, children: Array.from({ length: 4 }, () => ({ name: 'mid', queueName: 'q', children: Array.from({ length: 130 }, (_, k) => leaf(k)) })) });
  }
  await queue.add('other', {}, { jobId: 'other' });
  for (let i = 0; i < 300; i++) await end(side, queue);
  await side.ok('job', 'rm', 'p', '--all', '--children', '--yes');
  assert.deepEqual((await side.keys('p')), ['events', 'id', 'meta']);
  assert.deepEqual((await side.keys()).filter((key) => !/^(events|id|meta|marker|pc)$/.test(key)), ['other', 'wait']);
});

test('a moved job is in the other queue what it was', async (t) => {
  const side = await open(t);
  const queue = await furnish(side);
  await queue.add('numbered', { n: 1 });
  const other = side.queue('other');
  await other.add('usual', {}, { jobId: 'w1' });
  await other.add('first', {});
  await side.flow().add({ name: 'p', queueName: 'q', opts: { jobId: 'parent' }, children: [{ name: 'c', queueName: 'q', opts: { jobId: 'child' } }] });
  const before = await dump(side.client, 'q', side.prefix);
  const moved = await side.q('job', 'move', 'q', 'other', '--all', '--yes');
  assert.equal(moved.code, 4, moved.stderr);
  assert.match(moved.stderr, /job w1 is not moved: queue "other" has a job with this id already/);
  for (const id of ['parent', 'child']) assert.match(moved.stderr, new RegExp(`job ${id} is not moved: it is part of a flow`));
  const after = await dump(side.client, 'other', side.prefix);
  for (const id of ['w2', 'p1', 'd1', 'f1', 'f2', 'f3', 'c1', 'c2']) assert.deepEqual(after[id], before[id]);
  assert.deepEqual(after['f1:logs'], before['f1:logs']);
  assert.deepEqual(after.failed, before.failed);
  assert.deepEqual(after.completed, before.completed);
  assert.deepEqual(after.delayed, before.delayed);
  assert.deepEqual(await other.getPrioritized().then((jobs) => jobs.map((job) => job.id)), ['p2', 'p1']);
  assert.equal(after.w3.value.deid, undefined);
  assert.equal(await side.client.exists(side.key('de:d')), 0);
  assert.deepEqual((await side.keys()).filter((key) => /^[wpdfc]\d/.test(key)), ['w1']);
  const wait = await side.list('wait', 'other');
  assert.equal(wait.length, 5);
  assert.ok((await side.events('other')).includes('waiting jobId w2'));
  assert.ok((await side.events()).includes('removed jobId w2 prev wait'));
  const bull = await side.q('job', 'move', 'q', 'other', 'a1');
  assert.equal(bull.code, 4);
});

test('keys that are not what they should be end it before anything is done', async (t) => {
  const side = await open(t);
  await furnish(side);
  await side.client.del(side.key('events'));
  await side.client.set(side.key('events'), 'x');
  const before = await dump(side.client, 'q', side.prefix);
  for (const verb of [['job', 'retry', 'q', 'f1'], ['job', 'promote', 'q', 'd1'], ['job', 'rm', 'q', 'w1', '--yes'], ['queue', 'pause', 'q'], ['queue', 'resume', 'q']]) {
    const { code, stderr } = await side.q(...verb);
    assert.equal(code, 4, `${verb.join(' ')}: ${stderr}`);
    assert.match(stderr, /:q:events/);
  }
  assert.deepEqual(await dump(side.client, 'q', side.prefix), before);
});
