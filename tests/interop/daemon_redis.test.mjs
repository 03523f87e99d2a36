/* The daemon and a Redis that refuses, loads, is full, changes its role, freezes or dies. No job is lost, and the
 * log says what to do. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';

import { bullQueue, untilCounts } from '../lib/bull.mjs';
import { missing, programPath, startProgram } from '../lib/processes.mjs';
import { startRedis, temporaryDirectory } from '../lib/redis.mjs';
import { until } from '../lib/wait.mjs';
import { openRunner, openSession } from '../lib/wire.mjs';
import { startCartritaWorker, startDaemon } from '../lib/workers.mjs';

const options = { skip: missing('cartrita-queued', 'cartrita-worker', 'plugins/noop.so'), concurrency: 2 };
const SLOW_MS = 30_000;

const work = (t, redis, daemon, more = {}) =>
  startCartritaWorker(t, redis, { plugin: 'noop', server: daemon.server, waitReady: false, concurrency: 5, ...more });

/* An address that nobody listens on, yet. */
const daemonAt = (t, url) => startDaemon(t, { url }, {});

test('the wrong password: said with what to do, and tried on', options, async (t) => {
  const redis = await startRedis(t, { password: 'right' });
  const daemon = await daemonAt(t, `redis://:wrong@127.0.0.1:${redis.port}`);

  const line = await daemon.program.untilLine(/Redis is away/);
  assert.match(line, /USER:PASSWORD|:PASSWORD@HOST/);
  assert.doesNotMatch(daemon.program.log, /wrong@|:wrong/);
  const wire = await openSession(t, daemon.server);
  wire.send('attach', { sub: 1, queue: 'q', dialect: 'bull' });
  await redis.client().config('SET', 'requirepass', 'wrong');
  assert.equal((await wire.take('attached', {}, { deadlineMs: SLOW_MS })).code, 0);
});

test('no password where one is needed, and one where none is', options, async (t) => {
  const locked = await startRedis(t, { password: 'p' });
  const open = await startRedis(t);

  const without = await daemonAt(t, `redis://127.0.0.1:${locked.port}`);
  assert.match(await without.program.untilLine(/Redis is away/), /wants a password/);
  const with_ = await daemonAt(t, `redis://:p@127.0.0.1:${open.port}`);
  assert.match(await with_.program.untilLine(/Redis is away/), /remove it from the URL/);
});

/* What the Redis user of a daemon needs. The README names the same line. */
const ACL = 'on >pw ~bull:* &bull:* -@all +@read +@write +@scripting +@connection +@pubsub +@transaction';

test('a user with just the rights that are needed', options, async (t) => {
  const redis = await startRedis(t, { acl: [`worker ${ACL}`] });
  const daemon = await daemonAt(t, `redis://worker:pw@127.0.0.1:${redis.port}`);
  const queue = bullQueue(t, redis);

  await work(t, redis, daemon);
  await queue.add({}, { delay: 50 });
  await queue.addBulk(Array.from({ length: 20 }, (_, n) => ({ data: { n } })));
  await untilCounts(queue, { completed: 21 });
  assert.doesNotMatch(daemon.program.log, /NOPERM|level=error/);
});

test('a user without CLIENT and SUBSCRIBE: warned, and works', options, async (t) => {
  const redis = await startRedis(t, { acl: [`worker ${ACL} resetchannels -client -subscribe`] });
  const daemon = await daemonAt(t, `redis://worker:pw@127.0.0.1:${redis.port}`);
  const queue = bullQueue(t, redis);

  await work(t, redis, daemon, { settings: { guardInterval: 500, drainDelay: 1 } });
  await daemon.program.untilLine(/CLIENT ID/);
  await daemon.program.untilLine(/refused a subscription/);
  await redis.client().call('ACL', 'SETUSER', 'worker', '&bull:*');
  await queue.add({}, { delay: 50 });
  await queue.add({});
  await untilCounts(queue, { completed: 2 });
  await daemon.stop();
});

test('a Redis that may evict keys: warned about once, with the risk and the remedy', options, async (t) => {
  const [lru, ttl, safe] = await Promise.all(
    ['allkeys-lru', 'volatile-ttl', 'noeviction'].map((maxmemoryPolicy) => startRedis(t, { maxmemoryPolicy, aof: true })),
  );
  const daemon = await startDaemon(t, lru);
  const line = await daemon.program.untilLine(/maxmemory-policy to noeviction/);
  assert.match(line, /level=warn.*policy=allkeys-lru risk="jobs are lost/);
  assert.match(await (await startDaemon(t, ttl)).program.untilLine(/maxmemory-policy/), /policy=volatile-ttl risk="locks go/);
  await lru.restart({ kill: true });
  await daemon.program.untilLine(/Redis is back/);
  const quiet = [await startDaemon(t, safe), daemon];
  for (const { server } of quiet) {
    /* Its commands are answered in order: behind this one, the policy is known. */
    const wire = await openSession(t, server);
    wire.send('attach', { sub: 1, queue: 'q', dialect: 'bull' });
    assert.equal((await wire.take('attached', {}, { deadlineMs: SLOW_MS })).code, 0);
  }
  assert.equal(daemon.program.lines.filter((text) => text.includes('maxmemory-policy')).length, 1);
  assert.doesNotMatch(quiet[0].program.log, /maxmemory-policy/);
});

test('a user that may not run scripts: the attach says why', options, async (t) => {
  const redis = await startRedis(t, { acl: [`worker ${ACL} -@scripting`] });
  const daemon = await daemonAt(t, `redis://worker:pw@127.0.0.1:${redis.port}`);
  const wire = await openSession(t, daemon.server);

  wire.send('attach', { sub: 1, queue: 'q' });
  const attached = await wire.take('attached');
  assert.notEqual(attached.code, 0);
  assert.match(attached.detail, /ACL SETUSER/);
});

test('Redis is not there yet when daemon and worker start', options, async (t) => {
  const redis = await startRedis(t);
  await redis.stop();
  const daemon = await startDaemon(t, redis, {});
  await work(t, redis, daemon);

  await daemon.program.untilLine(/Redis is away/);
  assert.equal(await redis.start(), true);
  const queue = bullQueue(t, redis);
  await queue.add({});
  await untilCounts(queue, { completed: 1 }, { deadlineMs: SLOW_MS });
  assert.equal(daemon.program.lines.filter((line) => /Redis is away/.test(line)).length, 1, 'said once');
});

test('Redis killed and started again: no job lost, none run twice', options, async (t) => {
  const redis = await startRedis(t, { aof: 'always' });
  const daemon = await startDaemon(t, redis, {});
  const queue = bullQueue(t, redis);
  const dir = await temporaryDirectory(t);
  const record = join(dir, 'record');
  const gate = join(dir, 'gate');
  await queue.addBulk(Array.from({ length: 40 }, () => ({ data: { record, gate } })));
  await work(t, redis, daemon, { plugin: 'exec' });

  await untilCounts(queue, { active: 5 });
  await redis.restart({ kill: true });
  await daemon.program.untilLine(/Redis is back/, { deadlineMs: SLOW_MS });
  await writeFile(gate, '');
  await untilCounts(queue, { completed: 40, active: 0, waiting: 0 }, { deadlineMs: SLOW_MS });
  const ran = (await readFile(record, 'utf8')).trim().split('\n').map((line) => JSON.parse(line)[0]);
  assert.equal(new Set(ran).size, 40);
  assert.equal(ran.length, 40);
});

test('results that come while Redis is away are written when it is back', options, async (t) => {
  const redis = await startRedis(t, { aof: 'always' });
  const daemon = await startDaemon(t, redis, {});
  const queue = bullQueue(t, redis);
  await queue.add({});
  const wire = await openRunner(t, daemon.server);
  const job = await wire.take('job');

  await redis.kill();
  await daemon.program.untilLine(/Redis is away/);
  wire.send('completed', { lease: job.lease, value: '"kept"' });
  wire.send('ping', { nonce: 1 });
  await wire.take('pong');
  assert.equal(wire.messages.length, 0, 'not acknowledged before Redis has it');
  assert.equal(await redis.start(), true);
  assert.equal((await wire.take('ack', {}, { deadlineMs: SLOW_MS })).code, 0);
  assert.equal((await queue.getJob(job.id)).returnvalue, 'kept');
});

test('Redis is loading: waited for', options, async (t) => {
  const redis = await startRedis(t, { aof: 'always' });
  const queue = bullQueue(t, redis);
  const client = redis.client();
  await queue.add({});
  await client.eval("for i = 1, 200000 do redis.call('SET', 'filler:' .. i, string.rep('x', 100)) end", 0);
  await client.bgrewriteaof();
  await until(async () => (await client.info('persistence')).includes('aof_rewrite_in_progress:0'));
  const daemon = await startDaemon(t, redis, {});
  await work(t, redis, daemon);
  await untilCounts(queue, { completed: 1 });
  await queue.add({}, { delay: 1000 });
  await redis.restart({ kill: true });
  await untilCounts(queue, { completed: 2 }, { deadlineMs: SLOW_MS });
});

test('Redis is full: outcomes wait, nothing is lost, and it goes on', options, async (t) => {
  const redis = await startRedis(t);
  const client = redis.client();
  const daemon = await startDaemon(t, redis, {});
  const queue = bullQueue(t, redis);
  await queue.add({ n: 1 });
  const wire = await openRunner(t, daemon.server, 'q', { window: 1, settings: '{"retryProcessDelay":200}' });
  const job = await wire.take('job');

  await client.config('SET', 'maxmemory', '1');
  wire.send('completed', { lease: job.lease, value: '"big"' });
  await daemon.program.untilLine(/maxmemory/);
  await client.config('SET', 'maxmemory', '0');
  assert.equal((await wire.take('ack', {}, { deadlineMs: SLOW_MS })).code, 0);
  assert.equal((await queue.getJob(job.id)).returnvalue, 'big');
});

test('a key of the queue that has a foreign type: outcomes wait, nothing is fetched, nothing is lost', options, async (t) => {
  const redis = await startRedis(t);
  const daemon = await startDaemon(t, redis);
  const queue = bullQueue(t, redis);
  const client = redis.client();
  await queue.isReady();
  await client.set('bull:q:completed', 'text');
  await queue.addBulk(Array.from({ length: 200 }, (_, n) => ({ data: { n } })));
  await work(t, redis, daemon, { settings: { retryProcessDelay: 200 } });

  const line = await daemon.program.untilLine(/Redis refused a change/);
  assert.match(line, /rename or delete it: bull:q:completed is a string, not a zset/);
  const held = await queue.getActiveCount();
  /* Ten tries later. */
  const evals = async () => Number(/cmdstat_evalsha:calls=(\d+)/.exec(await client.info('commandstats'))[1]);
  const before = await evals();
  await until(async () => (await evals()) >= before + 10, { what: 'ten more tries', deadlineMs: SLOW_MS });
  assert.ok(held > 0 && held < 150, `${held} active`);
  assert.equal(await queue.getActiveCount(), held);
  await client.del('bull:q:completed');
  await untilCounts(queue, { completed: 200, active: 0, waiting: 0, failed: 0 }, { deadlineMs: SLOW_MS });
  await daemon.program.untilLine(/Redis took the refused changes/);
  assert.doesNotMatch(daemon.program.log, /result refused/);
});

test('a job whose own key has a foreign type is its own affair', options, async (t) => {
  const redis = await startRedis(t);
  const daemon = await startDaemon(t, redis);
  const queue = bullQueue(t, redis);
  const wire = await openRunner(t, daemon.server);
  const { id } = await queue.add({});
  const { lease } = await wire.take('job');
  await redis.client().rename(`bull:q:${id}`, 'kept');
  await redis.client().set(`bull:q:${id}`, 'text');
  wire.send('completed', { lease });
  assert.equal((await wire.take('ack')).code, 24, 'REDIS_TYPE, for good');
  await queue.add({});
  wire.send('completed', { lease: (await wire.take('job')).lease });
  assert.equal((await wire.take('ack')).code, 0);
});

test('a replica: said, and served once it is promoted', options, async (t) => {
  const master = await startRedis(t);
  const redis = await startRedis(t);
  const client = redis.client();
  await client.replicaof('127.0.0.1', master.port);
  await until(async () => (await client.info('replication')).includes('master_link_status:up'));
  await bullQueue(t, master).add({ n: 1 });
  const daemon = await startDaemon(t, redis, {});
  await work(t, redis, daemon, { settings: { retryProcessDelay: 200 } });

  await daemon.program.untilLine(/read-only replica/, { deadlineMs: SLOW_MS });
  await client.replicaof('NO', 'ONE');
  await untilCounts(bullQueue(t, redis), { completed: 1 }, { deadlineMs: SLOW_MS });
});

test('a frozen Redis: what was under way goes on when it thaws', options, async (t) => {
  const redis = await startRedis(t);
  const daemon = await startDaemon(t, redis, {});
  const queue = bullQueue(t, redis);
  await queue.addBulk(Array.from({ length: 200 }, (_, n) => ({ data: { n } })));
  const wire = await openRunner(t, daemon.server, 'q', { window: 200 });
  const jobs = [];
  for (let i = 0; i < 200; i++) jobs.push(await wire.take('job'));

  redis.freeze();
  for (const { lease } of jobs) wire.send('completed', { lease });
  wire.send('ping', { nonce: 1 });
  await wire.take('pong'); /* the loop is not held up */
  redis.thaw();
  await untilCounts(queue, { completed: 200, active: 0 });
});

test('a Redis user is never logged with its password', options, async (t) => {
  const redis = await startRedis(t, { acl: ['bob on >s3cret ~* &* +@all'] });
  const program = startProgram(
    t,
    programPath('cartrita-queued'),
    ['--redis', `redis://bob:s3cret@127.0.0.1:${redis.port}`, '--listen', `unix:${join(redis.dir, 'q')}`, '--log-level', 'debug'],
    {},
  );
  await program.untilLine(/msg=ready/);
  await redis.kill();
  await program.untilLine(/Redis is away/);
  assert.doesNotMatch(program.log, /s3cret/);
});
