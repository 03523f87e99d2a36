/* The life of a daemon: starting, sharing, draining, dying, and the private Redis it may bring. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';

import { bullQueue, untilCounts, untilState } from '../lib/bull.mjs';
import { childrenOf, commandOf, isAlive, isSanitized, memoryOf, missing, programPath, runProgram, startProgram } from '../lib/processes.mjs';
import { freePort, startRedis, temporaryDirectory } from '../lib/redis.mjs';
import { parseRecord } from '../lib/script.mjs';
import { until } from '../lib/wait.mjs';
import { openRunner, openSession, openWire } from '../lib/wire.mjs';
import { startCartritaWorker, startDaemon } from '../lib/workers.mjs';

const options = { skip: missing('cartrita-queued', 'cartrita-worker', 'plugins/noop.so'), concurrency: 2 };
const SLOW_MS = 30_000;

const work = (t, redis, server, more = {}) => startCartritaWorker(t, redis, { plugin: 'noop', server, waitReady: false, concurrency: 5, ...more });

const queued = (t, args, env) => startProgram(t, 'cartrita-queued', args, { env });

async function bench(t, settings = {}) {
  const redis = await startRedis(t, settings.redis);
  const daemon = await startDaemon(t, redis, settings);
  const queue = bullQueue(t, redis);
  await queue.isReady();
  return { redis, daemon, queue };
}

async function named(redis, queue = 'q') {
  const list = await redis.client().client('LIST');
  return list.split('\n').filter((line) => line.includes(` name=bull:${Buffer.from(queue).toString('base64')} `)).length;
}

test('ready in a moment, small, and served over a socket and TCP', options, async (t) => {
  const redis = await startRedis(t);
  const dir = await temporaryDirectory(t);
  const port = await freePort();
  const start = performance.now();
  const program = queued(t, ['--redis', redis.url, '--listen', `unix:${dir}/q.sock`, '--listen', `tcp://127.0.0.1:${port}`]);
  await program.untilLine(/msg=ready listen=127/);
  const took = performance.now() - start;
  const queue = bullQueue(t, redis);

  await work(t, redis, `unix:${dir}/q.sock`);
  await work(t, redis, `127.0.0.1:${port}`);
  await queue.addBulk(Array.from({ length: 2000 }, (_, n) => ({ data: { n } })));
  await untilCounts(queue, { completed: 2000 }, { deadlineMs: SLOW_MS });
  const { rssKb } = await memoryOf(program.pid);
  t.diagnostic(`ready after ${took.toFixed(1)} ms, ${rssKb} kB resident`);
  if (!isSanitized(program.pid)) assert.ok(rssKb < 12 * 1024, `${rssKb} kB resident`);
  assert.equal(await program.stop(), 0);
});

test('dashboards count one worker for each daemon with workers, and none without', options, async (t) => {
  const { redis, daemon, queue } = await bench(t);
  const other = await startDaemon(t, redis, {});

  assert.equal(await named(redis), 0);
  const first = await openRunner(t, daemon.server);
  const second = await openRunner(t, daemon.server);
  const third = await openRunner(t, other.server);
  await until(async () => (await named(redis)) === 2, { what: 'two named connections' });
  assert.equal((await queue.getWorkers()).length, 2);
  first.send('bye');
  second.send('bye');
  await until(async () => (await named(redis)) === 1, { what: 'one named connection' });
  third.cut();
  await until(async () => (await named(redis)) === 0, { what: 'no named connection', deadlineMs: SLOW_MS });
});

test('SIGTERM: nothing new, running jobs end and are written, exit 0', options, async (t) => {
  const { redis, daemon, queue } = await bench(t);
  await queue.addBulk([{ data: 1 }, { data: 2 }, { data: 3 }]);
  const wire = await openRunner(t, daemon.server, 'q', { window: 2 });
  const [one, two] = [await wire.take('job'), await wire.take('job')];
  const idle = await openSession(t, daemon.server);
  const silent = openWire(t, daemon.server);

  const start = performance.now();
  daemon.program.kill('SIGTERM');
  await wire.take('bye');
  await idle.take('bye');
  await idle.untilClosed();
  wire.send('completed', { lease: one.lease });
  assert.equal((await wire.take('ack')).code, 0);
  wire.send('failed', { lease: two.lease, reason: 'no' });
  assert.equal((await wire.take('ack')).code, 0);
  await wire.untilClosed();
  await silent.untilClosed();
  await daemon.program.exited;
  assert.equal(daemon.program.code, 0);
  assert.ok(performance.now() - start < 4000, 'nobody waits for a hello');
  await untilCounts(queue, { completed: 1, failed: 1, waiting: 1, active: 0 });
  assert.equal(existsSync(daemon.server.replace('unix:', '')), false, 'its socket file is gone');
  assert.equal(await named(redis), 0);
});

test('SIGTERM: what is held when the grace is over is handed back, uncharged', options, async (t) => {
  const { redis, daemon, queue } = await bench(t, { args: ['--grace', '100'] });
  const added = await queue.add({});
  const wire = await openRunner(t, daemon.server);
  await wire.take('job');

  assert.equal(await daemon.stop(), 0);
  await wire.untilClosed();
  await untilCounts(queue, { waiting: 1, active: 0 });
  const client = redis.client();
  assert.equal(await client.exists(`bull:q:${added.id}:lock`), 0);
  assert.equal(await client.hget(`bull:q:${added.id}`, 'stalledCounter'), null);
});

test('SIGHUP, of a terminal that closes, drains like SIGTERM; under nohup it is nothing', options, async (t) => {
  const { redis, daemon, queue } = await bench(t);
  await queue.add({});
  const wire = await openRunner(t, daemon.server);
  const { lease } = await wire.take('job');
  daemon.program.kill('SIGHUP');
  await wire.take('bye');
  wire.send('completed', { lease });
  assert.equal((await wire.take('ack')).code, 0);
  await daemon.program.exited;
  assert.equal(daemon.program.code, 0);
  await untilCounts(queue, { completed: 1, active: 0 });

  const listen = `unix:${await temporaryDirectory(t)}/q.sock`;
  const args = [programPath('cartrita-queued'), '--redis', redis.url, '--listen', listen];
  const deaf = startProgram(t, '/usr/bin/nohup', args);
  await deaf.untilLine(/msg=ready/);
  deaf.kill('SIGHUP');
  await openSession(t, listen);
  assert.ok(!deaf.lines.some((line) => line.includes('msg=stopping')), deaf.log);
  assert.equal(await deaf.stop(), 0);
});

test('a second signal ends it at once', options, async (t) => {
  const { daemon, queue } = await bench(t);
  await queue.add({});
  const wire = await openRunner(t, daemon.server);
  await wire.take('job');

  daemon.program.kill('SIGTERM');
  await wire.take('bye');
  daemon.program.kill('SIGINT');
  await daemon.program.exited;
  assert.equal(daemon.program.code, 1);
});

test('killed and started again on the same socket: running jobs are resumed', options, async (t) => {
  const redis = await startRedis(t);
  const dir = await temporaryDirectory(t);
  const args = ['--redis', redis.url, '--listen', `unix:${dir}/q.sock`];
  const first = queued(t, args);
  await first.untilLine(/msg=ready/);
  const queue = bullQueue(t, redis);
  const gate = join(dir, 'gate');
  const record = join(dir, 'record');
  await queue.addBulk(Array.from({ length: 4 }, () => ({ data: { gate, record } })));
  await work(t, redis, `unix:${dir}/q.sock`, { plugin: 'exec', concurrency: 4 });
  /* In the child, not only in Redis: what has been fetched and not delivered waits for its lock to end. */
  await until(() => existsSync(record) && parseRecord(readFileSync(record, 'utf8')).length === 4, { what: 'four running jobs' });

  first.kill();
  await first.exited;
  const second = queued(t, args);
  await second.untilLine(/left over socket/);
  await writeFile(gate, '');
  await untilCounts(queue, { completed: 4, active: 0 }, { deadlineMs: SLOW_MS });
  const ran = parseRecord(await readFile(record, 'utf8')).map(({ id }) => id);
  assert.deepEqual(ran.sort(), ['1', '2', '3', '4'], 'each ran once');
});

test('two daemons share a queue; one is killed, the other goes on with all of it', options, async (t) => {
  const { redis, daemon, queue } = await bench(t);
  const other = await startDaemon(t, redis, {});
  const settings = { lockDuration: 2000, stalledInterval: 500 };
  const N = 3000;

  await work(t, redis, daemon.server, { settings });
  await work(t, redis, other.server, { settings });
  await queue.addBulk(Array.from({ length: N }, (_, n) => ({ data: { n } })));
  await until(async () => (await queue.getCompletedCount()) > 100, { what: 'some jobs' });
  other.kill();
  await queue.addBulk(Array.from({ length: 100 }, (_, n) => ({ data: { n } })));
  await untilCounts(queue, { completed: N + 100, active: 0, waiting: 0, failed: 0 }, { deadlineMs: SLOW_MS });
});

test('queues of the configuration file are looked after without a worker', options, async (t) => {
  const redis = await startRedis(t);
  const dir = await temporaryDirectory(t);
  const config = join(dir, 'c.yaml');
  await writeFile(
    config,
    JSON.stringify({ queues: [{ name: 'q', dialect: 'bull', stalledInterval: 300, guardInterval: 300, lockDuration: 2000 }], pools: [{ queue: 'other' }] }),
  );
  const program = queued(t, ['--redis', redis.url, '--listen', `unix:${dir}/q.sock`, '--config', config]);
  await program.untilLine(/queue opened/);
  const queue = bullQueue(t, redis);
  const client = redis.client();
  await queue.isReady();

  const delayed = await queue.add({}, { delay: 200 });
  await untilState(queue, delayed.id, 'waiting');
  const stalled = await queue.add({});
  await client.lrem('bull:q:wait', 0, stalled.id);
  await client.lpush('bull:q:active', stalled.id);
  await untilState(queue, stalled.id, 'waiting');
  assert.equal(await named(redis), 0, 'it is not a worker');
  /* The file beats what a worker attaches with: its lock is short. */
  const wire = await openRunner(t, `unix:${dir}/q.sock`, 'q', { settings: '{"lockDuration":600000}' });
  const job = await wire.take('job');
  assert.ok((await client.pttl(`bull:q:${job.id}:lock`)) <= 2000);
});

test('what cannot be is said in one line, with a way out', options, async (t) => {
  const redis = await startRedis(t);
  const dir = await temporaryDirectory(t);
  const busy = await startDaemon(t, redis, {});
  const file = join(dir, 'file');
  const config = join(dir, 'c.yaml');
  await writeFile(file, '');
  await writeFile(config, 'queues:\n  - nme: q\n');
  const bad = join(dir, 'bad.yaml');
  await writeFile(bad, 'queues:\n  - {name: q, lockDuratoin: 5}\n');

  for (const [args, code, pattern] of [
    [['--listen', busy.server], 1, /another daemon listens on .*--listen/],
    [['--listen', `unix:${file}`], 1, /is no socket/],
    [['--listen', `unix:${dir}/a/b/c`], 1, /cannot use the folder .*\/a\/b/],
    [['--listen', `tcp://127.0.0.1:${redis.port}`], 1, /cannot listen on .*another program/],
    [['--listen', 'tcp://192.0.2.1:8619'], 1, /no interface/],
    [['--redis', 'rediss://x?cacert=/nowhere'], 1, /cacert \/nowhere/],
    [['--redis', 'nonsense'], 1, /redis:\/\//],
    [['--lisen', 'x'], 2, /--listen/],
    [['serve'], 2, /not an option/],
    [['--embedded-port', '5'], 2, /--embedded/],
    [['--embedded', dir, '--redis', redis.url], 2, /exclude/],
    [['--frame-max', '5'], 2, /frame-max/],
    [['--config', join(dir, 'none.yaml')], 2, /none\.yaml/],
    [['--config', config], 2, /c\.yaml:2.*name/],
    [['--config', bad], 2, /bad\.yaml:2.*lockDuratoin/],
  ]) {
    const { code: got, lines } = await runProgram(t, 'cartrita-queued', ['--redis', redis.url, ...args].slice(args.includes('--redis') ? 2 : 0), {
      env: { XDG_RUNTIME_DIR: dir },
    });
    assert.equal(got, code, `${args.join(' ')}: ${lines.join('\n')}`);
    assert.match(lines.at(-1), pattern);
  }
  const help = await runProgram(t, 'cartrita-queued', ['--help']);
  assert.equal(help.code, 0);
  for (const word of ['--redis', '--listen', '--embedded', '--grace', 'CARTRITA_REDIS_URL']) assert.ok(help.stdout.includes(word), word);
  const version = await runProgram(t, 'cartrita-queued', ['--version']);
  assert.match(version.stdout, /^cartrita-queued \d+\.\d+\.\d+\n$/);
});

test('--die-with-parent: gone when its parent is killed', options, async (t) => {
  const redis = await startRedis(t);
  const dir = await temporaryDirectory(t);
  const shell = startProgram(t, '/bin/sh', [
    '-c',
    `"${programPath('cartrita-queued')}" --redis ${redis.url} --listen unix:${dir}/q.sock --die-with-parent; true`,
  ]);
  await shell.untilLine(/msg=ready/);
  const [daemon] = await childrenOf(shell.pid);

  shell.kill();
  await until(() => !isAlive(daemon), { what: 'the daemon to be gone' });
});

test('--die-with-parent: gone when its parent has died before it could look', options, async (t) => {
  const redis = await startRedis(t);
  const dir = await temporaryDirectory(t);
  const dead = startProgram(t, '/bin/true');
  await dead.exited;

  const args = ['--redis', redis.url, '--listen', `unix:${dir}/q.sock`, '--die-with-parent', '--parent', dead.pid];
  assert.equal((await runProgram(t, 'cartrita-queued', args)).code, 1);
});

test('--embedded: a Redis of its own that keeps its data and dies with it', options, async (t) => {
  const dir = join(await temporaryDirectory(t), 'data');
  const args = ['--embedded', dir, '--embedded-port', '0', '--listen', `unix:${dir}.sock`];
  const first = queued(t, args);
  const line = await first.untilLine(/embedded Redis is ready/);
  const url = new URL(line.match(/url=(\S+)/)[1]);
  const redis = { url: url.href, connection: { host: url.hostname, port: Number(url.port) } };
  const queue = bullQueue(t, redis);
  await queue.add({ n: 1 });
  await work(t, redis, `unix:${dir}.sock`);
  await untilCounts(queue, { completed: 1 });

  const second = await runProgram(t, 'cartrita-queued', [...args.slice(0, 2), '--listen', `unix:${dir}2.sock`]);
  assert.equal(second.code, 1);
  assert.match(second.lines.at(-1), /another daemon uses the folder/);

  /* Killed, the server is started again. */
  const [server] = await childrenOf(first.pid);
  assert.match((await commandOf(server))[0], /redis-server/);
  process.kill(server, 'SIGKILL');
  await first.untilLine(/embedded Redis ended/);
  await first.untilLine(/Redis is back|embedded Redis is ready/);
  await until(async () => (await childrenOf(first.pid))[0] !== server);

  /* A killed daemon takes it along, and the next one finds the data. */
  const [again] = await childrenOf(first.pid);
  first.kill();
  await until(() => !isAlive(again), { what: 'the server to be gone' });
  const third = queued(t, ['--embedded', dir, '--listen', `unix:${dir}.sock`]);
  await third.untilLine(/embedded Redis is ready.*redis\.sock/);
  const wire = await openSession(t, `unix:${dir}.sock`);
  wire.send('add', { request: 1, queue: 'q' });
  assert.equal((await wire.take('added')).id, '2');
  const [last] = await childrenOf(third.pid);
  assert.equal(await third.stop(), 0);
  assert.equal(isAlive(last), false);
});

test('--embedded without redis-server says what to install', options, async (t) => {
  const dir = await temporaryDirectory(t);
  const { code, lines } = await runProgram(t, programPath('cartrita-queued'), ['--embedded', dir, '--listen', `unix:${dir}/q`], { env: { PATH: dir } });

  assert.equal(code, 1);
  assert.match(lines.at(-1), /apt-get install redis-server/);
});
