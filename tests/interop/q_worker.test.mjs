/* `cartrita-q worker ...` through a real daemon, with supervisors that say exactly what a test wants. */

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';

import { bullQueue, untilCounts } from '../lib/bull.mjs';
import { programPath, runProgram, startProgram } from '../lib/processes.mjs';
import { startRedis, temporaryDirectory } from '../lib/redis.mjs';
import { scopeOf } from '../lib/scope.mjs';
import { until } from '../lib/wait.mjs';
import { frameOf, openSession, payloadOf, ROLE } from '../lib/wire.mjs';
import { startDaemon, startWorker } from '../lib/workers.mjs';

async function run(t, server, args, env = {}) {
  const all = server ? [...args, '--server', server] : args;
  const { code, signal, stdout, lines } = await runProgram(t, 'cartrita-q', all, { env, deadlineMs: 90_000 });
  return { code: code ?? signal, stdout, stderr: lines.join('\n') };
}

async function refused(t, server, args, code, pattern, env) {
  const result = await run(t, server, args, env);
  assert.equal(result.code, code, `${args.join(' ')}: exit ${result.code}: ${result.stderr}`);
  assert.match(result.stderr, pattern);
  assert.equal(result.stdout, '');
}

const runnerOf = (slot, more = {}) => ({
  runner: randomUUID(), slot, pid: 5000 + slot, state: 'ready', since: Date.now() - 65_000, jobs: 2, memory: 60 << 20, failures: 0, ...more,
});

const poolOf = (name, more = {}) => ({
  name, plugin: 'resize', pluginVersion: '1.0', queues: [`${name}-processing`], prefix: 'bull', state: 'running',
  wanted: 2, min: 1, max: 4, concurrency: 3, restarts: 1, lastDeath: { at: Date.now() - 10_000, reason: 'killed by SIGSEGV' },
  runners: [runnerOf(0), runnerOf(1)], ...more,
});

const reportOf = (worker, host, pid, pools) => ({
  worker, host, pid, version: '0.1.0', startedAt: Date.now() - 3_600_000, state: 'running', pools,
});

/* A daemon, and `workers` of [uuid, host, pid, ...pools]: {server, wires, tell(i, report)}. */
async function bench(t, workers, options) {
  const redis = await startRedis(t);
  const daemon = await startDaemon(t, redis, options);
  const wires = await Promise.all(workers.map(([worker]) => openSession(t, daemon.server, { role: ROLE.supervisor, worker })));
  const tell = (i, report) => wires[i].send('report', { state: JSON.stringify(report) });
  const reports = workers.map(([worker, host, pid, ...pools]) => reportOf(worker, host, pid, pools));
  reports.forEach((report, i) => tell(i, report));
  await until(async () => JSON.parse((await run(t, daemon.server, ['worker', 'ls', '-o', 'json'])).stdout).length === workers.length, {
    what: 'all reports to be there',
  });
  return { daemon, server: daemon.server, wires, tell, reports };
}

const TWO = [
  ['b1946ac9-0000-4000-8000-000000000001', 'mail-3', 4711, poolOf('mails', { min: 2, max: 2 }), poolOf('images')],
  ['b2000000-0000-4000-8000-000000000002', 'mail-2', 99, poolOf('images', { state: 'crashLoop', queues: ['a', 'b'], runners: [runnerOf(0, { state: 'down' })] })],
];

test('worker ls: a row a pool, or the reports', async (t) => {
  const { server, reports } = await bench(t, TWO);
  const { code, stdout, stderr } = await run(t, server, ['worker', 'ls']);
  assert.deepEqual([code, stderr], [0, '']);
  const [head, ...rows] = stdout.trimEnd().split('\n').map((line) => line.split(/ {2,}/));
  assert.deepEqual(head.map((word) => word.trim()), ['worker', 'host', 'pid', 'pool', 'queues', 'plugin', 'state', 'runners', 'jobs', 'memory', 'restarts']);
  assert.deepEqual(rows, [
    ['b2000000', 'mail-2', '99', 'images', 'a, b', 'resize', 'crashLoop', '0/2 (1-4)', '2', '60 MiB', '1'],
    ['b1946ac9', 'mail-3', '4711', 'mails', 'mails-processing', 'resize', 'running', '2/2', '4', '120 MiB', '1'],
    ['b1946ac9', 'mail-3', '4711', 'images', 'images-processing', 'resize', 'running', '2/2 (1-4)', '4', '120 MiB', '1'],
  ]);
  const seen = JSON.parse((await run(t, server, ['worker', 'ls', '-o', 'json'])).stdout);
  assert.ok(seen.every(({ seenAt }) => seenAt <= Date.now() && seenAt > Date.now() - 60_000));
  assert.deepEqual(seen.map(({ seenAt, ...report }) => report), [reports[1], reports[0]]);
});

test('workers and pools are completed', async (t) => {
  const { server } = await bench(t, TWO);
  const words = async (line) => (await run(t, null, ['completion', 'words', line], { CARTRITA_SERVER: server })).stdout.split('\n').filter(Boolean);

  assert.deepEqual(await words('cartrita-q worker show '), ['mail-2:99', 'mail-3:4711', 'all']);
  assert.deepEqual(await words('cartrita-q worker scale mail-3'), ['mail-3:4711']);
  assert.deepEqual(await words('cartrita-q worker scale all '), ['images', 'mails']);
  assert.deepEqual(await words(`cartrita-q worker pause --server ${server} all im`), ['images']);
  assert.deepEqual(await words('cartrita-q worker scale all images '), []);
  assert.deepEqual(await words('cartrita-q worker show --server /nowhere '), []);
});

test('worker show, by each way to name a worker', async (t) => {
  const { server, reports } = await bench(t, TWO);
  for (const word of ['b1', TWO[0][0], 'mail-3:4711', 'mail-3']) {
    const { seenAt, ...shown } = JSON.parse((await run(t, server, ['worker', 'show', word, '-o', 'json'])).stdout);
    assert.deepEqual(shown, reports[0], word);
  }
  const { stdout } = await run(t, server, ['worker', 'show', 'b1']);
  assert.match(stdout, /^host +mail-3$/m);
  assert.match(stdout, /^started +\S+Z \((1 h|60 min) ago\)$/m);
  assert.match(stdout, /^last death +10 s ago: killed by SIGSEGV$|^last death +1\d s ago: killed by SIGSEGV$/m);
  assert.match(stdout, /^runners +2 ready of 2, 1 at the least, 4 at the most$/m);
  assert.match(stdout, /^ +1 +5001 +ready .*60 MiB +0 +[0-9a-f-]{36}$/m);
  assert.match((await run(t, server, ['worker', 'show', 'all'])).stdout, /^pool +mails$[\s\S]*^pool +images$/m);

  await refused(t, server, ['worker', 'show', 'b'], 4, /"b" may mean several workers: b2000000 \(mail-2:99\), b1946ac9 \(mail-3:4711\)/);
  await refused(t, server, ['worker', 'show', 'c'], 3, /there is no worker "c"; there are: b2000000/);
});

test('what a report holds cannot steer a terminal, and what it lacks is passed over', async (t) => {
  const evil = 'a\u001b[2J\u009b31m\u202e\nb';
  const { server, wires } = await bench(t, [['w', evil, 1, poolOf(evil, { plugin: evil })]]);
  // eslint-disable-next-line no-control-regex
  const harmful = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/;
  for (const args of [['ls'], ['show', 'w'], ['ls', '-o', 'json'], ['show', 'x'], ['pause', 'w', 'x']]) {
    const { stdout, stderr } = await run(t, server, ['worker', ...args]);
    assert.doesNotMatch(stdout + stderr.replaceAll('\n', ''), harmful, args.join(' '));
  }
  const states = ['{}', '{"pools":7}', '{"pools":[7,{}],"host":9}', '{"pools":[{"runners":[null,{}],"queues":[1]}]}', '{"worker":"\\ud800"}'];
  for (const state of states) {
    wires[0].send('report', { state });
    await until(async () => {
      const fleet = JSON.parse((await run(t, server, ['worker', 'ls', '-o', 'json'])).stdout);
      return Object.keys(fleet[0]).length - 1 === Object.keys(JSON.parse(state)).length;
    }, { what: state });
    assert.equal((await run(t, server, ['worker', 'ls'])).code, 0);
    assert.equal((await run(t, server, ['worker', 'show', 'all'])).code, 0);
  }
});

/* Answers the next order of a wire. */
async function answer(wire, code = 0, detail) {
  const order = await wire.take('order');
  wire.send('done', { request: order.request, code, ...(detail && { detail }) });
  return order;
}

test('each verb is an order, and its answer the result', async (t) => {
  const { server, wires } = await bench(t, TWO);
  for (const verb of ['pause', 'resume', 'stop', 'start', 'restart', 'drain']) {
    for (const pool of [undefined, 'images']) {
      const [order, { code, stdout }] = await Promise.all([answer(wires[0]), run(t, server, ['worker', verb, 'b1', ...(pool ? [pool] : [])])]);
      assert.deepEqual([order.verb, order.worker, order.pool, order.count, code], [verb, TWO[0][0], pool, undefined, 0]);
      assert.match(stdout, new RegExp(`^b1946ac9 +mail-3 +4711 +${pool ?? '\\(all\\)'} +${verb}$`, 'm'));
    }
  }
  const [order, { stdout }] = await Promise.all([
    answer(wires[0], 0, 'its maximum is now 6'),
    run(t, server, ['worker', 'scale', 'b1', 'images', '6', '-o', 'json']),
  ]);
  assert.deepEqual([order.verb, order.pool, order.count], ['scale', 'images', 6]);
  assert.deepEqual(JSON.parse(stdout), [
    { worker: TWO[0][0], host: 'mail-3', pid: 4711, pool: 'images', verb: 'scale', isTaken: true, note: 'its maximum is now 6' },
  ]);
  await Promise.all([answer(wires[0], 4, 'it is draining'), refused(t, server, ['worker', 'pause', 'b1'], 4, /^cartrita-q: it is draining$/)]);
});

test('an order to all goes to each worker that has the pool', async (t) => {
  const { server, wires } = await bench(t, TWO);
  const both = await Promise.all([answer(wires[0]), answer(wires[1]), run(t, server, ['worker', 'pause', 'all', 'images'])]);
  assert.equal(both[2].stdout.trimEnd().split('\n').length, 3);
  const [, one] = await Promise.all([answer(wires[0]), run(t, server, ['worker', 'pause', 'all', 'mails'])]);
  assert.match(one.stdout, /b1946ac9/);
  assert.doesNotMatch(one.stdout, /b2000000/);

  const [, , some] = await Promise.all([answer(wires[0]), answer(wires[1], 4, 'no'), run(t, server, ['worker', 'restart', 'all'])]);
  assert.equal(some.code, 4);
  assert.match(some.stdout, /b1946ac9/);
  assert.match(some.stderr, /worker b2000000: no\n.*1 of 2 workers did not take the order/);
});

test('what cannot be ordered: the reason and the nearest word', async (t) => {
  const { server } = await bench(t, TWO);
  await refused(t, server, ['worker', 'pause', 'b1', 'imges'], 3, /there is no pool "imges"; did you mean "images"\?/);
  await refused(t, server, ['worker', 'pause', 'all', 'other'], 3, /there is no pool "other"/);
  await refused(t, server, ['worker', 'scale', 'b1', 'images'], 2, /an argument is missing/);
  await refused(t, server, ['worker', 'scale', 'b1', 'images', 'many'], 2, /"many": how many runners\?/);
  await refused(t, server, ['worker', 'scale', 'b1', 'images', '-1'], 2, /./);
  await refused(t, server, ['worker', 'resum', 'b1'], 2, /did you mean "worker resume"\?/);
});

test('--wait looks at the reports until it has come about', async (t) => {
  const { server, wires, tell, reports } = await bench(t, [TWO[0]]);
  const pools = reports[0].pools;
  const steps = [
    [['pause', 'w', 'mails'], [{ ...pools[0], state: 'paused' }, pools[1]]],
    [['resume', 'w', 'mails'], [{ ...pools[0], state: 'running', runners: [runnerOf(0)] }, pools[1]], [pools[0], pools[1]]],
    [['stop', 'w', 'mails'], [{ ...pools[0], state: 'stopped' }, pools[1]], [{ ...pools[0], state: 'stopped', runners: [runnerOf(0, { state: 'down' })] }, pools[1]]],
    [['start', 'w'], [pools[0], pools[1]]],
    [['scale', 'w', 'images', '1'], [pools[0], { ...pools[1], wanted: 1 }], [pools[0], { ...pools[1], wanted: 1, runners: [pools[1].runners[0]] }]],
    [['restart', 'w', 'mails'], [{ ...pools[0], runners: [pools[0].runners[0], runnerOf(1)] }, pools[1]], [{ ...pools[0], runners: [runnerOf(0), runnerOf(1)] }, pools[1]]],
  ];
  for (const [[verb, , ...rest], ...states] of steps) {
    const program = startProgram(t, 'cartrita-q', ['worker', verb, 'b1', ...rest, '--wait', '30s', '--server', server]);
    await answer(wires[0]);
    for (const state of states) {
      assert.ok(program.isRunning, `${verb} ended early: ${program.stdout} ${program.log}`);
      tell(0, { ...reports[0], pools: state });
    }
    await program.exited;
    assert.equal(program.code, 0, `${verb}: ${program.log}`);
  }
  /* Not in time. */
  const [, late] = await Promise.all([answer(wires[0]), run(t, server, ['worker', 'pause', 'b1', '--wait', '300ms'])]);
  assert.equal(late.code, 7);
  assert.match(late.stderr, /the order was taken, but 1 of 1 workers have not carried it out in time/);
  /* The worker is gone: that ends a drain of it, and no other order. */
  for (const [verb, code] of [['drain', 0], ['stop', 5]]) {
    const wire = verb === 'drain' ? wires[0] : await openSession(t, server, { role: ROLE.supervisor, worker: 'again' });
    if (verb === 'stop') {
      wire.send('report', { state: JSON.stringify({ ...reports[0], worker: 'again' }) });
      await until(async () => (await run(t, server, ['worker', 'ls', '-o', 'json'])).stdout.includes('again'), { what: 'the second' });
    }
    const program = startProgram(t, 'cartrita-q', ['worker', verb, 'all', '--wait', '30s', '--server', server]);
    await answer(wire);
    wire.cut();
    await program.exited;
    assert.equal(program.code, code, program.log);
  }
});

test('a private daemon that ends with its worker ends the wait for a drain', async (t) => {
  const { server, wires, daemon } = await bench(t, [TWO[0]], { args: ['--private'], logLevel: 'info' });
  const program = startProgram(t, 'cartrita-q', ['worker', 'drain', 'b1', '--wait', '30s', '--server', server]);
  await answer(wires[0]);
  await daemon.stop();
  await program.exited;
  assert.equal(program.code, 0, program.log);
});

test('no daemon, a silent one, one that is no daemon', async (t) => {
  const dir = await temporaryDirectory(t);
  const nobody = { XDG_RUNTIME_DIR: dir, CARTRITA_SERVER: '' };
  await refused(t, `unix:${dir}/none.sock`, ['worker', 'ls'], 5, /connecting to .*none\.sock: no such file/);
  await refused(t, 'nonsense', ['worker', 'ls'], 2, /--server: address 'nonsense'/);
  await refused(t, null, ['worker', 'ls'], 2, /--server: address 'elsewhere'/, { CARTRITA_SERVER: 'elsewhere' });

  const sockets = [];
  const silent = createServer((socket) => sockets.push(socket)).listen(join(dir, 'silent.sock'));
  scopeOf(t).defer(() => {
    silent.close();
    for (const socket of sockets) socket.destroy();
  });
  await refused(t, `unix:${dir}/silent.sock`, ['worker', 'ls', '--timeout', '300ms'], 7, /no welcome from .*silent\.sock within 300 ms/);
  if (process.getuid() !== 0) await refused(t, null, ['worker', 'ls'], 5, /no daemon listens at unix:.*\/cartrita\/queued\.sock/, nobody);
});

/* The address of a daemon that welcomes everybody and answers the first question so. */
async function startFakeDaemon(t, type, fields) {
  const path = join(await temporaryDirectory(t), 'fake.sock');
  const sockets = [];
  const server = createServer((socket) => {
    const say = (...message) => socket.write(frameOf(payloadOf(...message)));
    sockets.push(socket);
    socket.once('data', () => {
      say('welcome', { protocol: 1, software: 'fake/1', daemon: randomUUID(), frame_max: 1 << 20 });
      socket.once('data', () => say(type, fields));
    });
  }).listen(path);
  scopeOf(t).defer(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return `unix:${path}`;
}

test('a daemon that does not know workers yet, one that talks nonsense, a worker that hangs', async (t) => {
  const old = await startFakeDaemon(t, 'error', { code: 8, detail: 'no message has the number 28' });
  await refused(t, old, ['worker', 'ls'], 4, /the daemon is too old for this command: update it/);
  const strange = await startFakeDaemon(t, 'done', { request: 1, code: 0, value: '[' });
  await refused(t, strange, ['worker', 'ls'], 2, /the daemon's list of workers: /);

  const report = { ...reportOf('w', 'h', 1, [poolOf('images')]), seenAt: Date.now() - 40_000 };
  const hung = await startFakeDaemon(t, 'done', { request: 1, code: 0, value: JSON.stringify([report]) });
  assert.match((await run(t, hung, ['worker', 'ls'])).stdout, / running, silent for \d\d s /);
});

test('without --server: the one private daemon of a worker of ours', async (t) => {
  const redis = await startRedis(t);
  const runtime = await temporaryDirectory(t);
  const env = { XDG_RUNTIME_DIR: runtime, CARTRITA_SERVER: '' };
  const start = async (name) => {
    const dir = join(runtime, name);
    await mkdir(dir);
    const program = startProgram(t, programPath('cartrita-queued'), ['--redis', redis.url, '--listen', `unix:${dir}/queued.sock`, '--private', '--log-level', 'info']);
    await program.untilLine(/msg="?ready"?/);
    return program;
  };
  /* A socket that nobody listens on any more does not count. */
  const dead = await start('cartrita-dead00');
  dead.kill('SIGKILL');
  await dead.exited;
  await start('cartrita-abcdef');
  const others = (await run(t, null, ['worker', 'ls', '-o', 'json'], { ...env, XDG_RUNTIME_DIR: dead.pid.toString() })).code;
  if (others !== 5) return t.diagnostic('this user has other private daemons in /tmp');
  const found = await run(t, null, ['worker', 'ls', '-o', 'json'], env);
  assert.deepEqual([found.code, found.stdout], [0, '[]\n']);
  assert.match(found.stderr, /asking the private daemon at unix:.*cartrita-abcdef\/queued\.sock/);
  await start('cartrita-second');
  await refused(t, null, ['worker', 'ls'], 4, /--server unix:.*cartrita-(abcdef|second)[\s\S]*several workers have private ones/, env);
  await rm(join(runtime, 'cartrita-dead00'), { recursive: true });
});

/* --- with a real worker ---------------------------------------------------------------------------- */

const json = async (t, server, args) => {
  const { code, stdout, stderr } = await run(t, server, [...args, '-o', 'json']);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
};

async function poolNow(t, server) {
  const [worker] = await json(t, server, ['worker', 'ls']);
  return worker?.pools[0];
}

test('every verb with a real worker: no job is lost or charged', async (t) => {
  const redis = await startRedis(t);
  const daemon = await startDaemon(t, redis);
  const { server } = daemon;
  const worker = await startWorker(t, 'cartrita', redis, { server, queue: 'q', processes: 2, concurrency: 2 });
  const queue = bullQueue(t, redis);
  const order = async (...args) => assert.equal((await run(t, server, ['worker', ...args, '--wait', '60s'])).code, 0, args.join(' '));
  await until(async () => (await poolNow(t, server))?.runners.filter(({ state }) => state === 'ready').length === 2, { what: 'two runners' });
  const { name } = await poolNow(t, server);

  /* Jobs keep coming while it is scaled, paused, stopped and renewed. */
  let isOver = false;
  let added = 0;
  const producer = (async () => {
    for (; !isOver; added++) {
      await queue.add({ sleep: 20 }, { removeOnComplete: false });
      await new Promise((done) => setTimeout(done, 5));
    }
  })();
  const [{ note }] = await json(t, server, ['worker', 'scale', 'all', name, '3']);
  assert.match(note, /maximum/);
  await order('scale', 'all', name, '3');
  assert.equal((await poolNow(t, server)).runners.filter(({ state }) => state === 'ready').length, 3);
  const before = (await poolNow(t, server)).runners.map(({ runner }) => runner);
  await order('restart', 'all', name);
  assert.deepEqual((await poolNow(t, server)).runners.filter(({ runner }) => before.includes(runner)), []);
  await order('pause', 'all');
  await until(async () => (await queue.getActiveCount()) === 0 && (await queue.getWaitingCount()) > 0, { what: 'jobs to wait' });
  await order('resume', 'all', name);
  await until(async () => (await queue.getWaitingCount()) === 0, { what: 'jobs to run again' });
  await order('stop', 'all', name);
  assert.equal((await queue.getActiveCount()), 0);
  await order('scale', 'all', name, '1');
  await order('start', 'all', name);
  isOver = true;
  await producer;
  await untilCounts(queue, { completed: added, waiting: 0, active: 0, failed: 0 });
  assert.ok((await queue.getCompleted()).every((job) => job.attemptsMade === 0));
  await order('drain', 'all');
  await worker.program.exited;
  assert.equal(worker.program.code, 0);
  assert.deepEqual(await json(t, server, ['worker', 'ls']), []);
});

test('a worker with a private daemon is found, shown and drained', async (t) => {
  const redis = await startRedis(t);
  const worker = await startWorker(t, 'cartrita', redis, { queue: 'q' });
  const [, server] = (await worker.program.untilLine(/msg="worker started".* server=/)).match(/server=(\S+)/);
  const fleet = await until(async () => {
    const found = await json(t, server, ['worker', 'ls']);
    return found.length === 1 && found;
  }, { what: 'its report' });
  assert.equal(fleet[0].pid, worker.program.pid);
  assert.equal((await run(t, server, ['worker', 'drain', String(fleet[0].worker).slice(0, 6), '--wait', '30s'])).code, 0);
  await worker.program.exited;
  assert.equal(worker.program.code, 0);
});
