/* TLS to Redis: a real server with certificates of the test's own; what is not trusted is refused
 * with the reason; every program speaks it. Passwords come from files and credentials. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { bullQueue } from '../lib/bull.mjs';
import { missing, pluginPath, privateDaemonOf, runProgram, startProgram } from '../lib/processes.mjs';
import { freePort, startRedis, temporaryDirectory } from '../lib/redis.mjs';
import { until } from '../lib/wait.mjs';

const PASSWORD = 'se:cr/et %@1';
const QUIET = { CARTRITA_REDIS_URL: '', REDIS_URL: '', CARTRITA_HTTP: 'off' };

const hasOpenssl = (() => {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();
const skip = missing('cartrita-queued', 'cartrita-q', 'cartrita-worker') || (!hasOpenssl && 'openssl is not installed');
const options = { skip, timeout: 120_000 };

/* Files of a CA and of what it signs: `server` for 127.0.0.1 and redis.test, `client`; `other` is
 * another CA. */
async function certificates(t) {
  const dir = await temporaryDirectory(t);
  const openssl = (...args) => execFileSync('openssl', args, { cwd: dir, stdio: 'ignore' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  for (const ca of ['ca', 'other']) openssl('req', '-x509', ...key, '-subj', `/CN=${ca}`, '-keyout', `${ca}.key`, '-out', `${ca}.pem`);
  await writeFile(join(dir, 'names'), 'subjectAltName=IP:127.0.0.1,DNS:redis.test\n');
  for (const name of ['server', 'client']) {
    openssl('req', ...key.slice(0, -2), '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.csr`);
    openssl('x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-set_serial', name === 'server' ? '7' : '8',
      '-days', '2', '-extfile', 'names', '-out', `${name}.pem`);
  }
  return (name) => join(dir, name);
}

async function startTlsRedis(t, { auth = 'no', ...rest } = {}) {
  const file = await certificates(t);
  const port = await freePort();
  const redis = await startRedis(t, {
    ...rest,
    args: ['--tls-port', port, '--tls-cert-file', file('server.pem'), '--tls-key-file', file('server.key'), '--tls-ca-cert-file', file('ca.pem'),
      '--tls-auth-clients', auth],
  });
  return { redis, file, port };
}

const ls = (t, url, ...args) => runProgram(t, 'cartrita-q', ['queue', 'ls', '-o', 'json', '--timeout', '8s', '--redis', url, ...args], { env: QUIET });

test('a trusted server is spoken to, and each other one refused with the reason', options, async (t) => {
  const { redis, file, port } = await startTlsRedis(t);
  await bullQueue(t, redis, 'one').add({});
  const at = `rediss://127.0.0.1:${port}`;

  const good = await ls(t, `${at}?cacert=${file('ca.pem')}`);
  assert.equal(good.code, 0, good.lines.join('\n'));
  assert.deepEqual(JSON.parse(good.stdout).map(({ name }) => name), ['one']);
  assert.equal((await ls(t, `${at}?cacert=${file('ca.pem')}&sni=redis.test`)).code, 0);

  for (const [url, pattern] of [
    [at, /not trusted/],
    [`${at}?cacert=${file('other.pem')}`, /not trusted/],
    [`${at}?cacert=${file('ca.pem')}&sni=elsewhere.test`, /not trusted for "elsewhere\.test"/],
    [`rediss://127.0.0.1:${redis.port}?cacert=${file('ca.pem')}`, /is it the tls-port/],
    [`${at}?cacert=${file('none.pem')}`, /none\.pem/],
    [`${at}?cacert=${file('ca.pem')}&cert=${file('client.pem')}`, /belong together/],
  ]) {
    const { code, lines } = await ls(t, url);
    assert.notEqual(code, 0, url);
    assert.match(lines.join('\n'), pattern);
  }
});

test('a server that wants a certificate of ours', options, async (t) => {
  const { file, port } = await startTlsRedis(t, { auth: 'yes' });
  const url = `rediss://127.0.0.1:${port}?cacert=${file('ca.pem')}`;

  assert.equal((await ls(t, `${url}&cert=${file('client.pem')}&key=${file('client.key')}`)).code, 0);
  const refused = await ls(t, url);
  assert.notEqual(refused.code, 0);
  assert.match(refused.lines.join('\n'), /TLS/);
});

test('jobs run over TLS, with the password in a file, big ones too; Redis may come back', options, async (t) => {
  const { redis, file, port } = await startTlsRedis(t, { password: PASSWORD });
  const queue = bullQueue(t, redis, 'q');
  const secret = file('password');
  await writeFile(secret, `${PASSWORD}\n`);
  const worker = startProgram(t, 'cartrita-worker', [
    '--redis', `rediss://127.0.0.1:${port}?cacert=${file('ca.pem')}`, '--redis-password-file', secret, '--queue', 'q', '--plugin', pluginPath('noop'),
  ], { env: QUIET });
  const done = (count) => until(async () => (await queue.getCompletedCount()) === count, { what: `${count} jobs done`, deadlineMs: 60_000 });

  await queue.add({ text: 'x'.repeat(1_000_000) });
  for (let i = 0; i < 50; i++) await queue.add({ i });
  await done(51);
  await redis.client().client('KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  for (let i = 0; i < 50; i++) await queue.add({ i });
  await done(101);
  const daemon = await privateDaemonOf(worker.pid);
  for (const pid of [worker.pid, daemon]) assert.ok(!readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('cr/et'));
  assert.ok(!worker.lines.join('\n').includes('cr/et'));
});

test('the password is systemd\'s credential when no other is given', options, async (t) => {
  const redis = await startRedis(t, { password: PASSWORD });
  const dir = await temporaryDirectory(t);
  const plain = `redis://127.0.0.1:${redis.port}`;
  await writeFile(join(dir, 'redis-password'), `${PASSWORD}\n`);
  const q = (url, env) => runProgram(t, 'cartrita-q', ['queue', 'ls', '--redis', url], { env: { ...QUIET, ...env } });

  assert.equal((await q(plain, { CREDENTIALS_DIRECTORY: dir })).code, 0);
  assert.notEqual((await q(plain, {})).code, 0);
  const visible = await q(redis.url, {});
  assert.equal(visible.code, 0);
  assert.match(visible.lines.join('\n'), /warning: .*list of processes/);
  assert.notEqual((await q(`redis://:wrong@127.0.0.1:${redis.port}`, { CREDENTIALS_DIRECTORY: dir })).code, 0);

  const daemon = startProgram(t, 'cartrita-queued', ['--redis', plain, '--listen', `unix:${join(dir, 's')}`], {
    env: { ...QUIET, CREDENTIALS_DIRECTORY: dir },
  });
  const watcher = redis.client();
  const others = async () => (await watcher.client('LIST')).split('\n').filter((line) => line.includes('user=default') && !line.includes('cmd=client'));
  await until(async () => (await others()).length > 0, { what: 'the daemon at Redis', describe: () => daemon.lines.join('\n') });
  assert.ok(!daemon.lines.join('\n').includes('cr/et'));
});
