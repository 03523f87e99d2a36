/* The daemon's end of the wire, message by message: what is right, what is broken, what is lost. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test from 'node:test';

import { bullQueue, untilCounts, untilState } from '../lib/bull.mjs';
import { missing } from '../lib/processes.mjs';
import { startRedis } from '../lib/redis.mjs';
import { pause, until } from '../lib/wait.mjs';
import { frameOf, openRunner, openSession, openWire, payloadOf, ROLE } from '../lib/wire.mjs';
import { startDaemon } from '../lib/workers.mjs';

const options = { skip: missing('cartrita-queued'), concurrency: 2 };

const CODE = { INVALID: 1, NOT_FOUND: 3, CONFLICT: 4, TOO_LARGE: 5, CLOSED: 7, UNSUPPORTED: 8, BAD_FRAME: 10, BAD_MESSAGE: 11, LOCK_LOST: 13 };
const STATE = { completed: 1, failed: 2, delayed: 3, waiting: 4, lost: 5 };
/* Longer than the grace that a lost runner has (1000 ms). */
const LONG_MS = 20_000;

async function bench(t, { args, worker } = {}) {
  const redis = await startRedis(t);
  const daemon = await startDaemon(t, redis, { args, logLevel: 'debug' });
  const queue = bullQueue(t, redis);
  await queue.isReady();
  return { t, redis, daemon, queue, server: daemon.server, worker, runner: (options) => openRunner(t, daemon.server, 'q', options) };
}

test('a job, its notes and its outcome', options, async (t) => {
  const { queue, runner } = await bench(t);
  const added = await queue.add('resize', { w: 3 }, { timeout: 1234 });
  const wire = await runner();

  assert.equal(wire.attached.code, 0);
  assert.equal(wire.attached.dialect, 'bull');
  const job = await wire.take('job');
  assert.equal(job.id, added.id);
  assert.equal(job.name, 'resize');
  assert.deepEqual(JSON.parse(job.data), { w: 3 });
  assert.equal(job.timeout_ms, 1234);
  assert.equal(job.attempts_made, 0);
  assert.equal(job.timestamp_ms, added.timestamp);
  wire.send('progress', { lease: job.lease, value: '50' });
  wire.send('log', { lease: job.lease, line: 'half' });
  wire.send('update', { lease: job.lease, data: '{"w":4}' });
  wire.send('completed', { lease: job.lease, value: '{"ok":true}' });
  const ack = await wire.take('ack');
  assert.deepEqual([ack.lease, ack.code, ack.state], [job.lease, 0, STATE.completed]);
  const done = await queue.getJob(added.id);
  assert.deepEqual(done.returnvalue, { ok: true });
  assert.deepEqual(done.data, { w: 4 });
  assert.equal(done._progress, 50);
  assert.deepEqual((await queue.getJobLogs(added.id)).logs, ['half']);
});

test('failed, released, and outcomes nobody can give', options, async (t) => {
  const { queue, runner } = await bench(t);
  const wire = await runner();

  await queue.add({ n: 1 });
  let job = await wire.take('job');
  wire.send('failed', { lease: job.lease, reason: 'boom', stack: 'Error: boom\n    at x' });
  assert.equal((await wire.take('ack')).state, STATE.failed);
  const failed = await queue.getJob(job.id);
  assert.equal(failed.failedReason, 'boom');
  assert.deepEqual(failed.stacktrace, ['Error: boom\n    at x']);

  await queue.add({ n: 2 });
  job = await wire.take('job');
  wire.send('released', { lease: job.lease, how: 1 });
  assert.equal((await wire.take('ack', { lease: job.lease })).state, STATE.waiting);
  job = await wire.take('job', { id: job.id });
  assert.equal(job.attempts_made, 0);

  /* A result that is not JSON fails its job and nothing else. */
  wire.send('completed', { lease: job.lease, value: '{"a":' });
  assert.equal((await wire.take('ack')).state, STATE.failed);
  assert.match((await queue.getJob(job.id)).failedReason, /not valid JSON/);

  wire.send('completed', { lease: job.lease });
  assert.equal((await wire.take('ack')).code, CODE.NOT_FOUND);
  wire.send('failed', { lease: 123456789 });
  assert.equal((await wire.take('ack')).code, CODE.NOT_FOUND);
  wire.send('progress', { lease: 5, value: '1' });
  wire.send('ping', { nonce: 7 });
  assert.equal((await wire.take('pong')).nonce, 7);
});

test('a window bounds what is held', options, async (t) => {
  const { queue, runner } = await bench(t);
  await queue.addBulk(Array.from({ length: 20 }, (_, n) => ({ data: { n } })));
  const wire = await runner({ window: 3 });

  const first = await wire.take('job');
  await wire.take('job');
  await wire.take('job');
  await untilCounts(queue, { active: 3, waiting: 17 });
  wire.send('completed', { lease: first.lease });
  await wire.take('job');
  wire.send('window', { sub: 1, count: 10 });
  for (let i = 0; i < 7; i++) await wire.take('job');
  await untilCounts(queue, { completed: 1, active: 10, waiting: 9 });
  wire.send('bye');
  await wire.untilClosed();
  await untilCounts(queue, { completed: 1, active: 0, waiting: 19 });
  const [next] = await queue.getWaiting(0, 0).then(() => queue.getJobs(['waiting'], 0, 0, true));
  assert.equal(next.data.n, 1); /* back at the front, in order */
});

test('attachments that cannot be', options, async (t) => {
  const { redis, server } = await bench(t);
  const wire = await openSession(t, server);
  const attach = async (fields) => {
    wire.send('attach', fields);
    return wire.take('attached', { sub: fields.sub });
  };

  assert.equal((await attach({ sub: 1, queue: '' })).code, CODE.INVALID);
  assert.equal((await attach({ sub: 2, queue: 'x'.repeat(600) })).code, CODE.TOO_LARGE);
  assert.equal((await attach({ sub: 3, queue: 'a\0b' })).code, CODE.INVALID);
  assert.equal((await attach({ sub: 4, queue: 'q', dialect: 'sidekiq' })).code, CODE.UNSUPPORTED);
  const settings = await attach({ sub: 5, queue: 'q', settings: '{"lockDuratoin":5}', dialect: 'bull' });
  assert.equal(settings.code, CODE.INVALID);
  assert.match(settings.detail, /lockDuratoin/);
  assert.notEqual((await attach({ sub: 6, queue: 'q', settings: 'nonsense', dialect: 'bull' })).code, 0);
  assert.equal((await attach({ sub: 7, queue: 'q', dialect: 'bull' })).code, 0);
  assert.equal((await attach({ sub: 7, queue: 'q', dialect: 'bull' })).code, CODE.CONFLICT);
  assert.match((await attach({ sub: 8, queue: 'q', dialect: 'bulmq' })).detail, /did you mean 'bullmq'\?/);
  wire.send('window', { sub: 99, count: 4 });
  wire.send('resume', { sub: 99, id: '1', token: 'x' });
  assert.equal((await wire.take('resumed')).code, CODE.NOT_FOUND);
  wire.send('ping', { nonce: 1 });
  await wire.take('pong');
});

const BROKEN = [
  ['a frame of length 0', Buffer.from([0, 0, 0, 0]), CODE.BAD_FRAME],
  ['a frame over the limit', Buffer.from([0xff, 0xff, 0xff, 0xff]), CODE.TOO_LARGE],
  ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n'), CODE.TOO_LARGE],
  ['broken msgpack', frameOf(Buffer.from([0x92, 0x17])), CODE.BAD_MESSAGE],
  ['a message without its fields', frameOf(payloadOf('ping')), CODE.BAD_MESSAGE],
  ['a second hello', frameOf(payloadOf('hello', { protocol_min: 1, protocol_max: 1, role: 1, software: 'x' })), CODE.BAD_MESSAGE],
  ['a message that only a daemon sends', frameOf(payloadOf('welcome', { protocol: 1, software: 'x', daemon: 'y', frame_max: 5 })), CODE.BAD_MESSAGE],
  ['an obituary from a runner', frameOf(payloadOf('obituary', { runner: 'x', reason: 'y' })), CODE.BAD_MESSAGE],
  ['no way to release', frameOf(payloadOf('released', { lease: 0, how: 99 })), CODE.NOT_FOUND],
];

test('what is broken is told, and ends its connection alone', options, async (t) => {
  const { server, queue } = await bench(t);
  const healthy = await openRunner(t, server);

  for (const [what, bytes, code] of BROKEN) {
    const wire = await openSession(t, server);
    wire.raw(bytes);
    if (code === CODE.NOT_FOUND) {
      assert.equal((await wire.take('ack')).code, code, what);
      continue;
    }
    assert.equal((await wire.take('error')).code, code, what);
    await wire.untilClosed();
  }
  const early = openWire(t, server);
  early.send('ping', { nonce: 3 });
  await early.take('pong');
  early.send('window', { sub: 1, count: 1 });
  assert.equal((await early.take('error')).code, CODE.BAD_MESSAGE);
  await early.untilClosed();
  await queue.add({});
  healthy.send('completed', { lease: (await healthy.take('job')).lease });
  assert.equal((await healthy.take('ack')).code, 0);
});

test('versions and roles', options, async (t) => {
  const { server } = await bench(t);
  const hello = { protocol_min: 1, protocol_max: 1, role: 1, software: 'x' };

  for (const [change, code] of [
    [{ protocol_min: 2, protocol_max: 3 }, CODE.UNSUPPORTED],
    [{ protocol_min: 0, protocol_max: 0 }, CODE.UNSUPPORTED],
    [{ role: 9 }, CODE.BAD_MESSAGE],
  ]) {
    const wire = openWire(t, server);
    wire.send('hello', { ...hello, ...change });
    assert.equal((await wire.take('error')).code, code);
    await wire.untilClosed();
  }
  const newer = await openSession(t, server, { protocol_max: 77 });
  assert.equal(newer.welcome.protocol, 1);
  /* An unknown message is passed over. */
  newer.raw(frameOf(Buffer.from([0x92, 0xcd, 0x03, 0xe8, 0x80])));
  assert.equal((await newer.take('error')).code, CODE.UNSUPPORTED);
  newer.send('ping', { nonce: 1 });
  await newer.take('pong');
});

test('adding jobs', options, async (t) => {
  const { server, queue } = await bench(t);
  const wire = await openSession(t, server, { role: ROLE.client });

  wire.send('add', { request: 1, queue: 'q', name: 'a', data: '{"x":1}', opts: '{"attempts":3}' });
  wire.send('add', { request: 2, queue: 'q' });
  wire.send('add', { request: 3, queue: 'q', data: '{"x":' });
  wire.send('add', { request: 4, queue: '' });
  const added = await wire.take('added', { request: 1 });
  assert.equal(added.code, 0);
  const job = await queue.getJob(added.id);
  assert.deepEqual([job.name, job.data, job.opts.attempts], ['a', { x: 1 }, 3]);
  assert.equal((await wire.take('added', { request: 2 })).code, 0);
  assert.notEqual((await wire.take('added', { request: 3 })).code, 0);
  assert.equal((await wire.take('added', { request: 4 })).code, CODE.INVALID);
  await untilCounts(queue, { waiting: 2 });
});

async function holding(t, { queue, server }, jobs, hello) {
  await queue.addBulk(Array.from({ length: jobs }, (_, n) => ({ data: { n } })));
  const wire = await openRunner(t, server, 'q', { window: jobs, hello });
  wire.held = [];
  for (let i = 0; i < jobs; i++) wire.held.push(await wire.take('job'));
  return wire;
}

test('a runner that is back resumes its jobs', options, async (t) => {
  const all = await bench(t);
  const { queue, server } = all;
  const runner = randomUUID();
  const first = await holding(t, all, 3, { runner });
  const [a, b, c] = first.held;

  first.cut();
  const second = await openSession(t, server, { runner });
  second.send('attach', { sub: 5, queue: 'q' });
  second.send('resume', { sub: 5, id: a.id, token: a.token });
  second.send('resume', { sub: 5, id: b.id, token: b.token });
  second.send('resume', { sub: 5, id: b.id, token: 'wrong' });
  const resumed = await second.take('resumed', { id: a.id });
  assert.equal(resumed.code, 0);
  assert.equal((await second.take('resumed', { token: b.token })).code, 0);
  assert.notEqual((await second.take('resumed', { token: 'wrong' })).code, 0);
  second.send('completed', { lease: resumed.lease, value: '1' });
  assert.equal((await second.take('ack')).code, 0);
  /* The third was not asked for: uncharged, for the runner lives. */
  await untilCounts(queue, { completed: 1, active: 1, waiting: 1 }, { deadlineMs: LONG_MS });
  const rest = await queue.getJob(c.id);
  assert.equal(await rest.getState(), 'waiting');
  assert.equal(await all.redis.client().hget(`bull:q:${c.id}`, 'stalledCounter'), null);
});

test('a job is resumed while its old connection is still there', options, async (t) => {
  const all = await bench(t);
  const runner = randomUUID();
  const first = await holding(t, all, 1, { runner });
  const second = await openRunner(t, all.server, 'q', { window: 0, hello: { runner } });
  const [job] = first.held;

  second.send('resume', { sub: 1, id: job.id, token: job.token });
  const { code, lease } = await second.take('resumed');
  assert.equal(code, 0);
  assert.equal((await first.take('ack')).code, CODE.CONFLICT); /* it is told, and forgets the job */
  first.send('completed', { lease: job.lease });
  assert.equal((await first.take('ack')).code, CODE.NOT_FOUND);
  first.cut();
  second.send('completed', { lease, value: '2' });
  assert.equal((await second.take('ack')).code, 0);
  await untilCounts(all.queue, { completed: 1, active: 0, waiting: 0 });
});

for (const order of ['before', 'after']) {
  test(`an obituary ${order} the end charges the guilty job alone`, options, async (t) => {
    const all = await bench(t);
    const { queue, server } = all;
    const [worker, runner] = [randomUUID(), randomUUID()];
    const supervisor = await openSession(t, server, { role: ROLE.supervisor, worker });
    const wire = await holding(t, all, 3, { worker, runner });
    const guilty = wire.held[1];
    const report = () => {
      const reason = 'killed by signal 11 (SIGSEGV) in plugin x';
      supervisor.send('casualty', { runner, queue: 'q', id: guilty.id, reason, stack: `Error: ${reason}\n    at x` });
      supervisor.send('obituary', { runner, reason: 'signal 11' });
      supervisor.send('ping', { nonce: 1 });
      return supervisor.take('pong');
    };

    if (order === 'before') await report();
    const start = performance.now();
    wire.cut();
    if (order === 'after') await report();
    await untilCounts(queue, { failed: 1, waiting: 2, active: 0 });
    assert.ok(performance.now() - start < 900, 'at once, without the grace');
    const failed = await queue.getJob(guilty.id);
    assert.equal(failed.failedReason, 'killed by signal 11 (SIGSEGV) in plugin x');
    assert.deepEqual(failed.stacktrace, [`Error: ${failed.failedReason}\n    at x`]);
    assert.equal(failed.attemptsMade, 1);
    for (const job of [wire.held[0], wire.held[2]]) assert.equal((await queue.getJob(job.id)).attemptsMade, 0);
  });
}

test('a stranger cannot bury a runner', options, async (t) => {
  const all = await bench(t);
  const [worker, runner] = [randomUUID(), randomUUID()];
  const stranger = await openSession(t, all.server, { role: ROLE.supervisor, worker: randomUUID() });
  const wire = await holding(t, all, 1, { worker, runner });

  stranger.send('casualty', { runner, queue: 'q', id: wire.held[0].id, reason: 'a lie' });
  stranger.send('obituary', { runner, reason: 'a lie' });
  stranger.send('ping', { nonce: 1 });
  await stranger.take('pong');
  wire.cut();
  await untilCounts(all.queue, { waiting: 1, failed: 0 }, { deadlineMs: LONG_MS });
  const job = await all.queue.getJob(wire.held[0].id);
  assert.deepEqual([job.attemptsMade, job.failedReason], [0, undefined]);
});

test('a runner that nobody reports: its jobs have stalled', options, async (t) => {
  const all = await bench(t);
  const wire = await holding(t, all, 2, { runner: randomUUID(), worker: randomUUID() });

  wire.cut();
  await untilCounts(all.queue, { waiting: 2, active: 0 }, { deadlineMs: LONG_MS });
  assert.equal(await all.redis.client().hget(`bull:q:${wire.held[0].id}`, 'stalledCounter'), '1');
});

test('a lost lock is told, and its outcome refused', options, async (t) => {
  const all = await bench(t);
  const client = all.redis.client();
  await all.queue.add({});
  const wire = await openRunner(t, all.server, 'q', { settings: '{"lockDuration":2000,"lockRenewTime":100}' });
  const job = await wire.take('job');

  await client.set(`bull:q:${job.id}:lock`, 'another');
  assert.equal((await wire.take('cancel')).code, CODE.LOCK_LOST);
  wire.send('completed', { lease: job.lease });
  const ack = await wire.take('ack');
  assert.deepEqual([ack.code, ack.state], [CODE.LOCK_LOST, STATE.lost]);
});

test('a peer that does not read is offered nothing more, and goes on later', options, async (t) => {
  const { queue, server } = await bench(t);
  const blob = 'x'.repeat(400_000);
  await queue.addBulk(Array.from({ length: 60 }, () => ({ data: blob })));
  const wire = await openRunner(t, server, 'q', { window: 0 });

  wire.pause();
  wire.send('window', { sub: 1, count: 100 });
  await until(async () => (await queue.getActiveCount()) > 10, { what: 'jobs to be fetched' });
  let held = 0;
  for (let last = -1; held !== last; await pause(300)) [last, held] = [held, await queue.getActiveCount()];
  /* 8 MiB, what the socket took, and one fetch more. */
  assert.ok(held < 40, `${held} jobs for a peer that does not read`);
  const other = await openRunner(t, server, 'q', { window: 100 });
  await other.take('job');
  wire.resume();
  await untilCounts(queue, { waiting: 0 });
  wire.send('bye');
  other.send('bye');
  await untilCounts(queue, { waiting: 60, active: 0 });
});

test('a job over the frame limit fails with a reason, others run', options, async (t) => {
  const { queue, runner } = await bench(t, { args: ['--frame-max', '20000'] });
  const large = await queue.add({ blob: 'x'.repeat(30_000) });
  const small = await queue.add({ n: 1 });
  const wire = await runner({ window: 2 });

  assert.equal((await wire.take('job')).id, small.id);
  await untilState(queue, large.id, 'failed');
  assert.match((await queue.getJob(large.id)).failedReason, /frame limit|--frame-max/);
  assert.equal(wire.welcome.frame_max, 20000);
});

/* splitmix32: the same bytes for the same seed. */
function seeded(seed) {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0) % below;
  };
}

/* Messages a client may send, most of them nonsense in the state they meet. */
function someMessage(next, held) {
  const lease = held.length > 0 && next(3) > 0 ? held[next(held.length)] : next(5) * 2 ** 20 + next(4);
  const sub = next(3);
  const text = ['', 'q', '{}', '{"a":[1,2', 'null', 'x'.repeat(next(2000))][next(6)];
  return [
    ['attach', { sub, queue: ['q', 'r', ''][next(3)], settings: ['{}', '{"lockDuration":500}', text][next(3)] }],
    ['window', { sub, count: next(2) ? next(20) : 2 ** 32 - 1 }],
    ['completed', next(2) ? { lease, value: text } : { lease }],
    ['failed', { lease, reason: text, delay_ms: next(3) - 1 }],
    ['released', { lease, how: 1 + 2 * next(2), duration_ms: next(20) }], /* not 2: nobody moves the job */
    ['progress', { lease, value: text }],
    ['log', { lease, line: text }],
    ['update', { lease, data: text }],
    ['resume', { sub, id: `${next(50)}`, token: text }],
    ['add', { request: next(100), queue: ['q', 'r'][next(2)], data: text, opts: text }],
    ['ping', { nonce: next(1000) }],
    ['error', { code: 1, detail: text }],
    ['bye', {}],
  ][next(next(4) ? 11 : 13)];
}

test('nonsense of every kind: the daemon goes on, and every job ends', options, async (t) => {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
  t.diagnostic(`SEED=${seed}`);
  const next = seeded(seed);
  const { server, daemon, queue } = await bench(t);

  for (let round = 0; round < 40; round++) {
    const wire = await openSession(t, server, { runner: `r${next(5)}`, worker: 'w' });
    await queue.add({ round });
    for (let i = 0; i < 60 && !wire.isClosed; i++) {
      const held = wire.messages.filter(({ type }) => type === 'job').map(({ lease }) => lease);
      const [type, fields] = someMessage(next, held);
      const frame = frameOf(payloadOf(type, fields));
      if (next(40) === 0) frame[next(frame.length)] ^= 1 << next(8);
      wire.raw(frame);
      if (next(4) === 0) await new Promise((done) => setImmediate(done));
    }
    wire.cut(); /* alive, it would keep what it holds */
  }
  assert.ok(daemon.program.isRunning, daemon.program.log);
  const wire = await openRunner(t, server, 'q', { window: 50 });
  const ended = new Set();
  await until(
    async () => {
      for (const { type, lease } of wire.messages) {
        if (type === 'job' && !ended.has(lease)) {
          ended.add(lease);
          wire.send('completed', { lease });
        }
      }
      const counts = await queue.getJobCounts();
      return counts.waiting + counts.active + counts.delayed === 0;
    },
    { what: 'all jobs to end', deadlineMs: LONG_MS, describe: async () => `${JSON.stringify(await queue.getJobCounts())}\n${daemon.program.log}` },
  );
  wire.send('bye');
  await daemon.stop();
});
