/* The worker's HTTP: health, readiness and metrics as runners come and go. */
import assert from 'node:assert/strict';
import { spawnSync, execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';

import { bullQueue } from '../lib/bull.mjs';
import { addressOf, get, metricsOf } from '../lib/http.mjs';
import { missing, ROOT, runProgram } from '../lib/processes.mjs';
import { startRedis } from '../lib/redis.mjs';
import { until } from '../lib/wait.mjs';
import { startCartritaWorker, startDaemon } from '../lib/workers.mjs';

const options = { skip: missing('cartrita-queued', 'cartrita-worker', 'plugins/noop.so'), concurrency: 2 };
const hasPromtool = spawnSync('promtool', ['--version']).status === 0;
const SLOW_MS = 30_000;

async function bench(t, more = {}) {
  const redis = await startRedis(t);
  const daemon = await startDaemon(t, redis);
  const worker = await startCartritaWorker(t, redis, { plugin: 'noop', server: daemon.server, args: ['--http', '127.0.0.1:0'], ...more });
  return { redis, daemon, worker, url: await addressOf(worker.program) };
}

const untilReady = (url) => until(async () => (await get(`${url}/readyz`)).text === 'ready\n', { what: 'the worker to be ready', deadlineMs: SLOW_MS });

test('ready with its runners, counts them and why they fail', options, async (t) => {
  const { worker, url } = await bench(t);
  await untilReady(url);
  const page = await metricsOf(url);
  const [pool] = [...page.keys()].map((key) => /cartrita_worker_runners_wanted\{pool="([^"]+)"/.exec(key)?.[1]).filter(Boolean);
  assert.equal(page.get(`cartrita_worker_runners{pool="${pool}",state="ready"}`), 1);
  assert.equal(page.get('cartrita_worker_daemon_up'), 1);

  const [runner] = await worker.pids();
  process.kill(runner, 'SIGKILL');
  await until(async () => (await metricsOf(url)).get(`cartrita_worker_restarts_total{pool="${pool}",cause="crash"}`) === 1, { what: 'the crash to be counted', deadlineMs: SLOW_MS });
  await untilReady(url);
  await until(async () => (await metricsOf(url)).get(`cartrita_worker_memory_bytes{pool="${pool}"}`) > 1e5, { what: 'its memory', deadlineMs: SLOW_MS });
  await worker.stop();
});

test('not ready while the daemon is away, and while it stops', options, async (t) => {
  const { daemon, worker, url } = await bench(t);
  await untilReady(url);
  daemon.kill();
  await until(async () => (await get(`${url}/readyz`)).text === 'not ready: the daemon cannot be reached\n', { what: 'the daemon to be missed', deadlineMs: SLOW_MS });
  assert.equal((await get(`${url}/healthz`)).text, 'ok\n');
  assert.equal((await get(`${url}/readyz`)).status, 503);
  worker.kill();
  await worker.program.exited;
});

test('runners do not inherit its socket', options, async (t) => {
  const { worker, url } = await bench(t);
  await untilReady(url);
  const sockets = (pid) => readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`)).filter((to) => to.startsWith('socket:'));
  const table = readFileSync(`/proc/${worker.program.pid}/net/tcp`, 'utf8').split('\n');
  const port = Number(new URL(url).port).toString(16).toUpperCase().padStart(4, '0');
  const inode = table.map((line) => line.trim().split(/\s+/)).find((row) => row[1] === `0100007F:${port}` && row[3] === '0A')[9];
  assert.ok(sockets(worker.program.pid).includes(`socket:[${inode}]`));
  for (const pid of await worker.pids()) assert.ok(!sockets(pid).includes(`socket:[${inode}]`));
  await worker.stop();
});

test('METRICS.md names each metric; --check-health asks', options, async (t) => {
  const { redis, daemon, worker, url } = await bench(t);
  const queue = bullQueue(t, redis);
  await queue.add({});
  const { text } = await get(`${url}/metrics`);
  const shown = [...text.matchAll(/^# TYPE (\S+) (\S+)/gm)].map(([, name, kind]) => `${name} ${kind}`);
  const told = [...readFileSync(join(ROOT, 'worker/METRICS.md'), 'utf8').matchAll(/^\| `(\w+)` \| (\w+) \|/gm)].map(([, name, kind]) => `${name} ${kind}`);
  assert.deepEqual(told.sort(), shown.sort());
  if (hasPromtool) execFileSync('promtool', ['check', 'metrics'], { input: text });
  else t.diagnostic('promtool is not here: the format was not checked with it');

  const check = await runProgram(t, 'cartrita-worker', ['--check-health', '--http', new URL(url).host]);
  assert.deepEqual([check.code, check.stdout], [0, 'ok\n']);
  const taken = await runProgram(t, 'cartrita-worker', ['--server', daemon.server, '--queue', 'q', '--plugin', 'noop', '--http', new URL(url).host]);
  assert.equal(taken.code, 1);
  assert.match(taken.lines.join('\n'), /cannot serve HTTP on .*another program listens there/);
  await worker.stop();
});
