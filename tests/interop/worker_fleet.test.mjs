/* A worker as part of the fleet: what it reports to the daemon, the orders it obeys, and its size by
 * the backlog that the daemon tells. */
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { join } from 'node:path';
import test from 'node:test';

import { untilCounts } from '../lib/bull.mjs';
import { openFleet } from '../lib/fleet.mjs';
import { isAlive } from '../lib/processes.mjs';
import { until, within } from '../lib/wait.mjs';
import { temporaryDirectory } from '../lib/redis.mjs';
import { scopeOf } from '../lib/scope.mjs';
import { frameOf, messageOf, payloadOf } from '../lib/wire.mjs';
import { startDaemon } from '../lib/workers.mjs';
import { job, SKIP, startBench, untilRunning } from './naughty.mjs';

const options = { skip: SKIP, concurrency: true };
const CODE = { ok: 0, invalid: 1, notFound: 3, conflict: 4 };

/* A worker at a daemon, and a client there that asks and orders. */
async function startFleet(t, settings = {}) {
  const bench = await startBench(t);
  const daemon = await startDaemon(t, bench.redis);
  const worker = await bench.work({ server: daemon.server, ...settings });
  const client = await openFleet(t, daemon.server);
  const report = async () => (await client.reports())[0];
  const pool = async () => (await report())?.pools[0];
  const untilPool = async (fits, what) => {
    let last;
    await until(async () => (last = await pool()) && fits(last), {
      what,
      describe: () => `${JSON.stringify(last, null, 1)}\n${worker.log}`,
    });
    return last;
  };
  await untilPool((it) => it.runners.every((runner) => runner.state === 'ready'), 'runners to be ready');
  const { worker: id } = await report();
  const order = (verb, fields) => client.order(id, verb, fields);
  const obeyed = async (verb, fields = {}) => {
    const done = await order(verb, { pool: 'q', ...fields });
    assert.equal(done.code, CODE.ok, done.detail);
    return done.detail;
  };
  return { ...bench, bench, daemon, worker, report, pool, untilPool, order, obeyed };
}

const inState = (pool, state) => pool.runners.filter((runner) => runner.state === state);

test('a report says what the worker is and what its runners do', options, async (t) => {
  const fleet = await startFleet(t, { processes: 2, concurrency: 3 });
  const before = Date.now() - 60_000;

  await job(fleet.queue, 'hold', { file: fleet.file('go') });
  await fleet.untilPool((it) => it.runners.some((runner) => runner.jobs === 1), 'the job to be reported');
  const report = await fleet.report();
  const [pool] = report.pools;
  assert.equal(report.pid, fleet.worker.program.pid);
  assert.equal(report.state, 'running');
  assert.match(report.version, /^\d+\.\d+\.\d+$/);
  assert.ok(report.startedAt > before && report.startedAt <= Date.now());
  assert.ok(report.host.length > 0);
  const { runners, ...rest } = pool;
  assert.deepEqual(rest, {
    name: 'q',
    plugin: 'naughty',
    pluginVersion: '1.2',
    queues: ['q'],
    prefix: 'bull',
    state: 'running',
    wanted: 2,
    min: 2,
    max: 2,
    concurrency: 3,
    restarts: 0,
    lastDeath: null,
  });
  assert.deepEqual(runners.map((runner) => runner.pid).sort(), (await fleet.worker.pids()).sort());
  for (const runner of runners) {
    assert.match(runner.runner, /^[0-9a-f-]{36}$/);
    assert.equal(runner.state, 'ready');
    assert.equal(runner.failures, 0);
    assert.ok(runner.since > before && runner.since <= Date.now());
  }
  await fleet.untilPool((it) => it.runners.every((runner) => runner.memory > 1_000_000), 'their memory to be reported');
  fleet.open('go');
  await untilCounts(fleet.queue, { completed: 1 });
  await fleet.worker.stop();
});

test('a report comes first on each new connection', options, async (t) => {
  const fleet = await startFleet(t);
  await fleet.daemon.kill();
  const again = await startDaemonAt(t, fleet);
  const client = await openFleet(t, again.server);

  await until(async () => (await client.reports()).length === 1, { what: 'the worker to report to the new daemon' });
  await fleet.worker.stop();
});

/* Another daemon at the address of the one that is gone. */
const startDaemonAt = (t, fleet) => startDaemon(t, fleet.redis, { args: ['--listen', fleet.daemon.server] }).then((it) => ({ ...it, server: fleet.daemon.server }));

test('a paused pool finishes what it runs and takes nothing until it is resumed', options, async (t) => {
  const fleet = await startFleet(t, { concurrency: 4 });
  const pids = await fleet.worker.pids();

  await job(fleet.queue, 'hold', { file: fleet.file('go') });
  await untilRunning(fleet.bench, 'go');
  await fleet.obeyed('pause');
  await fleet.untilPool((it) => it.state === 'paused', 'the pool to be paused');
  await job(fleet.queue, 'ok');
  fleet.open('go');
  await untilCounts(fleet.queue, { completed: 1, waiting: 1, active: 0 });
  /* A runner that comes while it is paused is no exception. */
  await fleet.obeyed('restart');
  await until(async () => !isAlive(pids[0]) && (await fleet.worker.pids()).length === 1, { what: 'the runner to be replaced' });
  await fleet.untilPool((it) => inState(it, 'ready').length === 1, 'the new runner to be ready');
  await untilCounts(fleet.queue, { completed: 1, waiting: 1, active: 0 });
  await fleet.obeyed('resume');
  await untilCounts(fleet.queue, { completed: 2, waiting: 0 });
  assert.equal((await fleet.untilPool((it) => it.state === 'running', 'the pool to run')).restarts, 0);
  await fleet.worker.stop();
});

test('scale sets the number of runners, and moves the bounds that it passes', options, async (t) => {
  const fleet = await startFleet(t, { processes: 2, args: ['--processes-max', '3'] });

  assert.equal(await fleet.obeyed('scale', { count: 3 }), undefined);
  await fleet.untilPool((it) => inState(it, 'ready').length === 3 && it.max === 3, 'three runners');
  assert.match(await fleet.obeyed('scale', { count: 4 }), /maximum was 3, and is 4 until the next reload/);
  await fleet.untilPool((it) => inState(it, 'ready').length === 4 && it.max === 4, 'four runners');
  assert.match(await fleet.obeyed('scale', { count: 0 }), /minimum was 2, and is 0/);
  await fleet.untilPool((it) => it.runners.length === 0 && it.wanted === 0, 'no runner');
  await job(fleet.queue, 'ok');
  assert.equal(await fleet.obeyed('scale', { count: 1 }), undefined);
  await untilCounts(fleet.queue, { completed: 1 });
  fleet.worker.program.kill('SIGHUP');
  await fleet.untilPool((it) => inState(it, 'ready').length === 2 && it.min === 2 && it.max === 3, 'the file to count again');
  await fleet.worker.stop();
});

test('a stopped pool has no runners until it is started', options, async (t) => {
  const fleet = await startFleet(t, { processes: 2 });

  await job(fleet.queue, 'hold', { file: fleet.file('go') });
  await untilRunning(fleet.bench, 'go');
  await fleet.obeyed('stop');
  await fleet.untilPool((it) => it.state === 'stopped' && it.runners.length === 1, 'the idle runner to end');
  assert.equal((await fleet.pool()).runners[0].state, 'draining');
  fleet.open('go');
  await fleet.untilPool((it) => it.runners.length === 0, 'the other runner to end');
  await job(fleet.queue, 'ok');
  await untilCounts(fleet.queue, { completed: 1, waiting: 1 });
  assert.equal((await fleet.order('restart', { pool: 'q' })).code, CODE.conflict);
  await fleet.obeyed('start');
  await fleet.untilPool((it) => it.state === 'running' && inState(it, 'ready').length === 2, 'the pool to run');
  await untilCounts(fleet.queue, { completed: 2 });
  await fleet.worker.stop();
});

/* With no grace at all: nothing is handed back, each runner has the time that its job needs. */
test('restart replaces each runner, the new one before the old, and loses nothing', options, async (t) => {
  const fleet = await startFleet(t, { processes: 3, args: ['--grace', '0'] });
  const old = await fleet.worker.pids();
  const held = await job(fleet.queue, 'hold', { file: fleet.file('go') });
  let least = Infinity;
  let isOver = false;

  await untilRunning(fleet.bench, 'go');
  const watch = (async () => {
    while (!isOver) least = Math.min(least, inState(await fleet.pool(), 'ready').length);
  })();
  const jobs = Array.from({ length: 200 }, () => job(fleet.queue, 'ok'));
  await fleet.obeyed('restart');
  await fleet.untilPool(
    (it) => inState(it, 'ready').length === 3 && inState(it, 'ready').every(({ pid }) => !old.includes(pid)),
    'three new runners',
  );
  isOver = true;
  await watch;
  assert.equal(least, 3, 'ready runners at any time');
  await Promise.all(jobs);
  await untilCounts(fleet.queue, { completed: 200, active: 1 });
  assert.equal(old.filter(isAlive).length, 1, 'the one that holds a job');
  fleet.open('go');
  await untilCounts(fleet.queue, { completed: 201, failed: 0, active: 0, waiting: 0 });
  assert.doesNotMatch(fleet.worker.log, /handing back/);
  assert.equal((await fleet.queue.getJob(held.id)).attemptsMade, 0);
  await fleet.untilPool((it) => it.runners.length === 3 && it.restarts === 0, 'the old runner to be gone');
  await fleet.worker.stop();
});

test('orders that cannot be carried out are refused with the reason', options, async (t) => {
  const fleet = await startFleet(t);
  const refused = async (code, detail, verb, fields) => {
    const done = await fleet.order(verb, fields);
    assert.equal(done.code, code, JSON.stringify(done));
    assert.match(done.detail, detail);
  };

  await refused(CODE.notFound, /no pool qq; it has q$/, 'pause', { pool: 'qq' });
  await refused(CODE.invalid, /scale needs a pool and a count/, 'scale', { pool: 'q' });
  await refused(CODE.invalid, /scale needs a pool/, 'scale', { count: 2 });
  await refused(CODE.invalid, /256 runners at the most, not 257/, 'scale', { pool: 'q', count: 257 });
  assert.equal((await fleet.order('dance', { pool: 'q' })).code, CODE.invalid);
  await job(fleet.queue, 'hold', { file: fleet.file('go') });
  await untilRunning(fleet.bench, 'go');
  assert.equal((await fleet.order('drain')).code, CODE.ok);
  await until(async () => (await fleet.report()).state === 'draining', { what: 'the worker to report that it drains' });
  await refused(CODE.conflict, /draining/, 'scale', { pool: 'q', count: 2 });
  fleet.open('go');
  await within(fleet.worker.program.exited, { what: 'the worker to end' });
  assert.equal(fleet.worker.program.code, 0);
  await untilCounts(fleet.queue, { completed: 1, active: 0 });
});

test('a runner that keeps dying is reported, and so is that it lives again', options, async (t) => {
  const fleet = await startFleet(t);

  for (let i = 0; i < 5; i++) await job(fleet.queue, 'exit3', {}, { attempts: 1 });
  const pool = await fleet.untilPool((it) => it.state === 'crashLoop', 'the crash loop to be reported');
  assert.ok(pool.restarts >= 5);
  assert.match(pool.lastDeath.reason, /status 3/);
  assert.ok(Math.abs(Date.now() - pool.lastDeath.at) < 60_000);
  await fleet.worker.program.untilLine(/runner keeps dying.*pool=q.*failures=\d.*reason=.*status 3/);
  assert.equal(fleet.worker.log.match(/runner keeps dying/g).length, 1);
  await fleet.obeyed('restart'); /* at once, with a clean slate */
  await fleet.untilPool((it) => it.state === 'running' && inState(it, 'ready').length === 1, 'the pool to run');
  await fleet.worker.program.untilLine(/runners of the pool live again/);
  await fleet.worker.stop();
});

test('a backlog brings the runners that it needs', options, async (t) => {
  const fleet = await startFleet(t, { args: ['--processes-max', '4', '--scale-backlog', '2'] });

  for (let i = 0; i < 8; i++) await job(fleet.queue, 'hold', { file: fleet.file('go') });
  await fleet.untilPool((it) => inState(it, 'ready').length === 4, 'four runners'); /* 7 wait, 2 for each */
  assert.equal(fleet.worker.log.match(/pool changes its size/g).length, 1);
  assert.match(fleet.worker.log, /pool changes its size.*jobs are waiting.*runners=4/);
  fleet.open('go');
  await untilCounts(fleet.queue, { completed: 8 });
  await fleet.worker.stop();
});

test('a job that waits too long brings one runner', options, async (t) => {
  const fleet = await startFleet(t, { args: ['--processes-max', '2', '--scale-age', '500'] });

  await job(fleet.queue, 'hold', { file: fleet.file('go') });
  await untilRunning(fleet.bench, 'go');
  await job(fleet.queue, 'ok');
  await untilCounts(fleet.queue, { completed: 1, active: 1 });
  assert.match(fleet.worker.log, /pool changes its size.*jobs wait too long.*runners=2/);
  fleet.open('go');
  await untilCounts(fleet.queue, { completed: 2 });
  await fleet.worker.stop();
});

test('runners that retire are never more than those that run', options, async (t) => {
  const fleet = await startFleet(t);
  const untilRetired = (count) => fleet.untilPool((it) => inState(it, 'draining').length === count && inState(it, 'ready').length === 1, `${count} retired`);

  await job(fleet.queue, 'hold', { file: fleet.file('first') });
  await untilRunning(fleet.bench, 'first');
  await fleet.obeyed('restart');
  await untilRetired(1);
  await job(fleet.queue, 'hold', { file: fleet.file('second') });
  await untilRunning(fleet.bench, 'second');
  const serving = inState(await fleet.pool(), 'ready')[0].runner;
  await fleet.obeyed('restart'); /* begun when the first one is gone */
  await fleet.obeyed('pause'); /* an order and its reports later: */
  await fleet.untilPool((it) => it.state === 'paused', 'the pause');
  assert.deepEqual((await fleet.pool()).runners.map((it) => it.state).sort(), ['draining', 'ready']);
  fleet.open('first');
  await fleet.untilPool((it) => inState(it, 'ready').length === 1 && inState(it, 'ready')[0].runner !== serving, 'the second restart');
  await untilRetired(1);
  fleet.open('second');
  await untilCounts(fleet.queue, { completed: 2, failed: 0, active: 0 });
  await fleet.worker.stop();
});

test('a stop gives runners the grace period, those that were retired before as well', options, async (t) => {
  const fleet = await startFleet(t, { args: ['--grace', '0'] });

  await job(fleet.queue, 'hold', { file: fleet.file('never') });
  await untilRunning(fleet.bench, 'never');
  await fleet.obeyed('restart');
  await fleet.untilPool((it) => inState(it, 'draining').length === 1 && inState(it, 'ready').length === 1, 'a retired runner');
  await fleet.obeyed('stop');
  await fleet.untilPool((it) => it.runners.length === 0, 'the runners to be gone');
  await untilCounts(fleet.queue, { waiting: 1, active: 0, failed: 0 });
  await fleet.worker.stop();
});

/* A daemon from before there were reports: it welcomes, and knows none of it. */
async function startOlderDaemon(t) {
  const path = join(await temporaryDirectory(t, 'cartrita-older-'), 'queued.sock');
  const reports = [];
  const answer = (socket, message) => {
    const say = (type, fields) => socket.write(frameOf(payloadOf(type, fields)));
    if (message.type === 'hello')
      say('welcome', { protocol: 1, software: 'older/0', daemon: '00000000-0000-4000-8000-000000000000', frame_max: 1 << 20 });
    if (message.type !== 'report') return;
    reports.push(JSON.parse(message.state));
    say('error', { code: 8, detail: 'no message has type 27' });
  };
  const server = createServer((socket) => {
    let rest = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('data', (data) => {
      rest = Buffer.concat([rest, data]);
      while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE()) {
        const end = 4 + rest.readUInt32BE();
        answer(socket, messageOf(rest.subarray(4, end)));
        rest = rest.subarray(end);
      }
    });
    scopeOf(t).defer(() => socket.destroy());
  });
  scopeOf(t).defer(() => server.close());
  await new Promise((resolve) => server.listen(path, resolve));
  return { server: `unix:${path}`, reports };
}

test('a daemon that knows no reports is left in peace, and said so once', options, async (t) => {
  const bench = await startBench(t);
  const daemon = await startOlderDaemon(t);
  const worker = await bench.work({ server: daemon.server, waitReady: false });

  await worker.program.untilLine(/runner ready/);
  for (let i = 1; i <= 3; i++) {
    const before = daemon.reports.length;
    worker.program.kill('SIGHUP');
    await until(() => daemon.reports.length > before, { what: 'another report' });
  }
  assert.equal(worker.log.match(/daemon reports an error/g).length, 1);
  await worker.stop();
  assert.equal(daemon.reports.at(-1).state, 'draining');
});
