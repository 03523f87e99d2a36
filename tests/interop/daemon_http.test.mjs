/* The daemon's HTTP: health and readiness as it lives, loses Redis and stops; addresses and TLS. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { join } from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';

import { bullQueue } from '../lib/bull.mjs';
import { addressOf, get, metricsOf } from '../lib/http.mjs';
import { missing, runProgram, startProgram } from '../lib/processes.mjs';
import { startRedis, temporaryDirectory } from '../lib/redis.mjs';
import { until } from '../lib/wait.mjs';
import { openRunner } from '../lib/wire.mjs';
import { startDaemon } from '../lib/workers.mjs';

const options = { skip: missing('cartrita-queued'), concurrency: 2 };
const run = promisify(execFile);

const daemonOf = (t, redis, more = {}) => startDaemon(t, redis, { ...more, args: ['--http', '127.0.0.1:0', ...(more.args ?? [])] });

test('well and ready while Redis is there, and says why when it is not', options, async (t) => {
  const redis = await startRedis(t);
  const daemon = await daemonOf(t, redis);
  const url = await addressOf(daemon.program);

  assert.deepEqual(await get(`${url}/healthz`), { status: 200, type: 'text/plain; charset=utf-8', text: 'ok\n' });
  await until(async () => (await get(`${url}/readyz`)).status === 200, { what: 'readiness' });
  await redis.stop();
  const away = await until(async () => {
    const answer = await get(`${url}/readyz`);
    return answer.status === 503 && answer;
  }, { what: 'the outage to be told' });
  assert.match(away.text, /^not ready: Redis is away for \d+ ms: .*127\.0\.0\.1/);
  assert.equal((await get(`${url}/healthz`)).status, 200, 'an outage of Redis is no reason to restart the daemon');
  assert.equal(await daemon.stop(), 0);
});

test('one queue that Redis refuses is named, the others go on, and it is told when it is mended', options, async (t) => {
  const redis = await startRedis(t);
  const daemon = await daemonOf(t, redis);
  const url = await addressOf(daemon.program);
  const [bad, good] = [bullQueue(t, redis, 'bad'), bullQueue(t, redis, 'good')];
  const client = redis.client();
  await bad.add({});
  await good.add({});
  const [runner, other] = [await openRunner(t, daemon.server, 'bad'), await openRunner(t, daemon.server, 'good')];
  const job = await runner.take('job');
  await client.set('bull:bad:completed', 'a string');
  runner.send('completed', { lease: job.lease, value: '1' });
  const told = await until(async () => {
    const answer = await get(`${url}/readyz`);
    return answer.text !== 'ready\n' && answer;
  }, { what: 'the queue to be named' });
  assert.equal(told.status, 200);
  assert.match(told.text, /^ready, but 1 of the queues cannot be changed in Redis:\nbad: .*bull:bad:completed is a string/);
  assert.equal((await metricsOf(url)).get('cartrita_queues_in_trouble'), 1);
  other.send('completed', { lease: (await other.take('job')).lease, value: '1' });
  assert.equal((await other.take('ack')).code, 0);

  await client.del('bull:bad:completed');
  assert.equal((await runner.take('ack')).code, 0);
  await until(async () => (await get(`${url}/readyz`)).text === 'ready\n', { what: 'all to be well' });
  assert.equal((await metricsOf(url)).get('cartrita_queues_in_trouble'), 0);
});

test('answers that it stops while workers end what they hold', options, async (t) => {
  const redis = await startRedis(t);
  const daemon = await daemonOf(t, redis);
  const url = await addressOf(daemon.program);
  const queue = bullQueue(t, redis);
  await queue.add({});
  const runner = await openRunner(t, daemon.server);
  const job = await runner.take('job');
  await until(async () => (await get(`${url}/readyz`)).status === 200, { what: 'readiness' });

  daemon.program.kill('SIGTERM');
  await daemon.program.untilLine(/msg=stopping/);
  assert.deepEqual(await get(`${url}/readyz`), { status: 503, type: 'text/plain; charset=utf-8', text: 'not ready: stopping, workers end what they hold\n' });
  assert.equal((await get(`${url}/healthz`)).status, 200);
  runner.send('completed', { lease: job.lease, value: '1' });
  await daemon.program.exited;
  assert.equal(daemon.program.code, 0);
  await assert.rejects(get(`${url}/healthz`));
});

test('knows no other path, and nothing but reading', options, async (t) => {
  const redis = await startRedis(t);
  const url = await addressOf((await daemonOf(t, redis)).program);

  assert.equal((await get(`${url}/`)).status, 404);
  assert.match((await get(`${url}/nothing`)).text, /there are \/healthz/);
  const post = await fetch(`${url}/healthz`, { method: 'POST', body: 'x' });
  assert.equal(post.status, 405);
  assert.equal(post.headers.get('allow'), 'GET, HEAD');
  const head = await fetch(`${url}/healthz`, { method: 'HEAD' });
  assert.equal(head.status, 200);
  assert.equal(await head.text(), '');
});

test('an address that is asked for and taken is an error; off is silent', options, async (t) => {
  const redis = await startRedis(t);
  const dir = await temporaryDirectory(t);
  const other = createServer().listen(0, '127.0.0.1');
  t.after(() => other.close());
  await until(() => other.listening, { what: 'the other server' });
  const taken = await runProgram(t, 'cartrita-queued', ['--redis', redis.url, '--listen', `unix:${dir}/q.sock`, '--http', `127.0.0.1:${other.address().port}`]);
  assert.equal(taken.code, 1);
  assert.match(taken.lines.join('\n'), /cannot serve HTTP on 127\.0\.0\.1:\d+: .*another program listens there/);

  const silent = await startDaemon(t, redis);
  assert.doesNotMatch(silent.program.log, /HTTP/);
  const half = await runProgram(t, 'cartrita-queued', ['--listen', `unix:${dir}/r.sock`, '--http', '127.0.0.1:0', '--http-cert', '/nonexistent']);
  assert.match(half.lines.join('\n'), /a certificate needs its key/);
});

test('--check-health asks the one that runs', options, async (t) => {
  const redis = await startRedis(t);
  const dir = await temporaryDirectory(t);
  const check = (...args) => runProgram(t, 'cartrita-queued', ['--check-health', ...args]);

  const port = new URL(await addressOf((await daemonOf(t, redis)).program)).port;
  const well = await check('--http', `0.0.0.0:${port}`);
  assert.deepEqual([well.code, well.stdout], [0, 'ok\n']);
  const away = await check('--http', `unix:${dir}/none.sock`);
  assert.equal(away.code, 1);
  assert.match(away.lines.join('\n'), /nothing serves HTTP on unix:.*none\.sock/);

  const socket = `unix:${dir}/http.sock`;
  const daemon = await startDaemon(t, redis, { args: ['--http', socket] });
  await daemon.program.untilLine(/serving HTTP/);
  assert.equal((await check('--http', socket)).code, 0);
  daemon.kill();
  await daemon.program.exited;
  const again = await startDaemon(t, redis, { args: ['--http', socket] });
  await again.program.untilLine(/serving HTTP/);
  assert.equal((await check('--http', socket)).code, 0, 'a socket that a killed daemon left is taken over');
});

test('with TLS', options, async (t) => {
  const redis = await startRedis(t);
  const dir = await temporaryDirectory(t);
  const [cert, key] = [join(dir, 'cert.pem'), join(dir, 'key.pem')];
  await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-keyout', key, '-out', cert]);
  const tls = ['--http-cert', cert, '--http-key', key];
  const daemon = await daemonOf(t, redis, { args: tls });
  const url = await addressOf(daemon.program);

  assert.match(url, /^https:/);
  const text = await new Promise((resolve, reject) => {
    tlsRequest(`${url}/healthz`, { rejectUnauthorized: false }, (answer) => answer.setEncoding('utf8').on('data', resolve)).on('error', reject).end();
  });
  assert.equal(text, 'ok\n');
  const check = await runProgram(t, 'cartrita-queued', ['--check-health', '--http', url.replace('https://', ''), ...tls]);
  assert.deepEqual([check.code, check.stdout], [0, 'ok\n']);
});
