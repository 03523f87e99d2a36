/* deploy/nginx, loaded and run as it is but for its ports, in front of two servers that say who they are. */

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { join } from 'node:path';
import test from 'node:test';

import { bullQueue } from '../lib/bull.mjs';
import { listenToEvents, viewerToken } from '../lib/events.mjs';
import { addressOf } from '../lib/http.mjs';
import { missing, ROOT, runProgram, startProgram } from '../lib/processes.mjs';
import { freePort, startRedis, temporaryDirectory } from '../lib/redis.mjs';
import { scopeOf } from '../lib/scope.mjs';
import { nextEvent, until } from '../lib/wait.mjs';
import { startDaemon } from '../lib/workers.mjs';

const NGINX = ['/usr/sbin/nginx', '/usr/bin/nginx'].find((file) => existsSync(file));
const options = { skip: !NGINX && 'nginx is not installed' };
const START_TRIES = 5;

/* A daemon's HTTP as nginx sees it: answers with its name, or not ready; a feed that says a line now and
 * one when told. */
async function startBackend(t, name) {
  const backend = { name, isReady: true, seen: [], feeds: new Set() };
  backend.server = createServer((message, response) => {
    backend.seen.push(`${message.method} ${message.url}`);
    if (message.url === '/api/v1/events') {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(`data: ${name}\n\n`);
      backend.feeds.add(response);
      return;
    }
    message.resume();
    response.writeHead(backend.isReady ? 200 : 503).end(name);
  });
  await new Promise((done) => backend.server.listen(0, '127.0.0.1', done));
  backend.port = backend.server.address().port;
  backend.stop = () => {
    backend.server.close();
    backend.server.closeAllConnections();
  };
  scopeOf(t).defer(backend.stop);
  return backend;
}

/* nginx with the project's files; only what upstream.conf and listen.conf name is another. */
async function startNginx(t, ports) {
  const dir = await temporaryDirectory(t, 'cartrita-nginx-');
  for (let i = 0; i < START_TRIES; i++) {
    const port = await freePort();
    const main = await readFile(join(ROOT, 'deploy/nginx/nginx.conf'), 'utf8');
    await writeFile(join(dir, 'nginx.conf'), main.replaceAll('/tmp/', `${dir}/`).replace('/dev/stdout', `${dir}/access.log`));
    const upstream = await readFile(join(ROOT, 'deploy/nginx/upstream.conf'), 'utf8');
    await writeFile(join(dir, 'upstream.conf'), upstream.replaceAll('queued-a:8620', `127.0.0.1:${ports[0]}`).replaceAll('queued-b:8620', `127.0.0.1:${ports[1]}`));
    await writeFile(join(dir, 'listen.conf'), `listen 127.0.0.1:${port};\n`);
    const args = ['-p', dir, '-c', join(dir, 'nginx.conf')];
    const checked = await runProgram(t, NGINX, ['-t', ...args]);
    assert.equal(checked.code, 0, checked.log);
    const program = startProgram(t, NGINX, [...args, '-g', 'daemon off;']);
    const url = `http://127.0.0.1:${port}`;
    const isUp = await until(
      async () => (program.code === null ? (await get(`${url}/healthz`)).text === 'ok\n' : 'gone'),
      { what: 'nginx to answer', describe: () => program.log },
    );
    if (isUp === true) return url;
  }
  throw new Error(`no port was free for nginx in ${START_TRIES} tries`);
}

async function get(url, init = {}) {
  const response = await fetch(url, { ...init, headers: { connection: 'close', ...init.headers } });
  return { status: response.status, text: await response.text() };
}

/* A listener of the feed: {lines of data so far, close()}. */
async function listen(t, url, token) {
  const lines = [];
  const call = request(`${url}/api/v1/events`, { agent: false, headers: { authorization: `Bearer ${token}` } });
  scopeOf(t).defer(() => call.destroy());
  call.on('error', () => {}).end();
  const [response] = await nextEvent(call, 'response');
  response.setEncoding('utf8').on('data', (text) => lines.push(...text.split('\n').filter((line) => line.startsWith('data:'))));
  response.on('error', () => {});
  return { lines, status: response.statusCode, close: () => call.destroy() };
}

test('a daemon that is dead or not ready is passed over, and found again', options, async (t) => {
  const [a, b] = [await startBackend(t, 'a'), await startBackend(t, 'b')];
  const url = await startNginx(t, [a.port, b.port]);
  const both = new Set();
  await until(async () => both.add((await get(`${url}/api/v1/queues`)).text).size === 2, { what: 'both to be asked' });

  a.isReady = false;
  for (let i = 0; i < 8; i++) assert.deepEqual(await get(`${url}/readyz`), { status: 200, text: 'b' });
  a.isReady = true;
  await until(async () => (await get(`${url}/api/v1/queues`)).text === 'a', { what: 'the first to be back', deadlineMs: 30_000 });

  a.stop();
  for (let i = 0; i < 8; i++) assert.deepEqual(await get(`${url}/api/v1/queues`), { status: 200, text: 'b' });
  assert.equal((await get(`${url}/metrics`)).status, 404, 'metrics are each daemon’s own');
});

test('a change is not sent twice', options, async (t) => {
  const [a, b] = [await startBackend(t, 'a'), await startBackend(t, 'b')];
  const url = await startNginx(t, [a.port, b.port]);
  a.isReady = b.isReady = false;
  assert.equal((await get(`${url}/api/v1/queues/q/pause`, { method: 'POST', body: '{}' })).status, 503);
  assert.equal([...a.seen, ...b.seen].filter((line) => line.startsWith('POST')).length, 1);
});

test('the feed is not buffered, and a listener stays with its daemon', options, async (t) => {
  const [a, b] = [await startBackend(t, 'a'), await startBackend(t, 'b')];
  const url = await startNginx(t, [a.port, b.port]);
  const had = new Set();
  for (let i = 0; i < 20; i++) {
    const [first, again] = [await listen(t, url, `token${i}`), await listen(t, url, `token${i}`)];
    /* One line, of a feed that says nothing else: it is here before there is more. */
    await until(() => first.lines.length === 1 && again.lines.length === 1, { what: 'the first line' });
    assert.deepEqual(first.lines, again.lines);
    had.add(first.lines[0]);
  }
  assert.equal(had.size, 2, 'the listeners are spread');
  const one = await listen(t, url, 'token0');
  await until(() => one.lines.length === 1, { what: 'the first line' });
  const daemon = one.lines[0] === 'data: a' ? a : b;
  for (const feed of daemon.feeds) feed.write('data: more\n\n');
  await until(() => one.lines.length === 2, { what: 'the second line' });

  daemon.stop();
  const moved = await listen(t, url, 'token0');
  await until(() => moved.lines.length === 1, { what: 'the other daemon' });
  assert.notEqual(moved.lines[0], one.lines[0]);
});

test('events of real daemons pass as they happen, and a listener that comes back misses nothing', { skip: options.skip || missing('cartrita-queued', 'cartrita-q') }, async (t) => {
  const redis = await startRedis(t);
  const { file, token } = await viewerToken(await temporaryDirectory(t));
  const daemons = [];
  for (let i = 0; i < 2; i++) daemons.push(await startDaemon(t, redis, { args: ['--http', '127.0.0.1:0', '--api-tokens', file] }));
  const ports = await Promise.all(daemons.map(async ({ program }) => new URL(await addressOf(program)).port));
  const url = await startNginx(t, ports);
  const queue = bullQueue(t, redis, 'q');
  const jobsOf = (listener) => listener.of('message').map(({ data }) => data.id);
  const first = await listenToEvents(t, url, token);
  await first.ready();
  await queue.add({}, { jobId: 'one' });
  await until(() => jobsOf(first).length === 1, { what: 'the event' });
  first.cut();
  await queue.add({}, { jobId: 'two' });
  const again = await listenToEvents(t, url, token, '', { 'last-event-id': first.lastId });
  await until(() => jobsOf(again).length === 1, { what: 'the event that it missed' });
  assert.deepEqual(jobsOf(again), ['two']);
  assert.deepEqual(again.of('missed'), []);
});
