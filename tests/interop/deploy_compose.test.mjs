/* deploy/compose without containers: the same configurations, under the real programs, on free ports. The
 * hosts' names become 127.0.0.1; everything else is as it lies there. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';

import IORedis from 'ioredis';

import { addressOf, get } from '../lib/http.mjs';
import { missing, programPath, ROOT, runProgram, startProgram } from '../lib/processes.mjs';
import { skipWithoutPgbouncer, skipWithoutPostgres, startPgbouncer, startPostgres } from '../lib/postgres.mjs';
import { runQ } from '../lib/q.mjs';
import { freePort, startRedis, temporaryDirectory } from '../lib/redis.mjs';
import { scopeOf } from '../lib/scope.mjs';
import { until } from '../lib/wait.mjs';

const DEPLOY = join(ROOT, 'deploy');
const BUILT = missing('cartrita-queued', 'cartrita-worker', 'cartrita-q', 'plugins/email.so', 'plugins/file.so', 'plugins/ai.so', 'plugins/analytics.so');
const has = (command) => spawnSync('which', [command]).status === 0;
const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find((file) => existsSync(file));
const QUEUES = ['email-processing', 'image-processing', 'inference', 'analytics-processing'];
const ROUNDS = 5; /* the producer's: the fifth picture is none */
const WORK_MS = 60_000;

/* The passwords that up.sh makes: name -> text, and their folder. */
async function makeSecrets(t) {
  const dir = await temporaryDirectory(t, 'cartrita-secrets-');
  const made = await runProgram(t, join(DEPLOY, 'compose/up.sh'), ['--secrets-only'], { env: { SECRETS: dir } });
  assert.equal(made.code, 0, made.log);
  return { dir, read: (name) => readFile(join(dir, name), 'utf8') };
}

/* Redis with the project's file and users. */
async function startUsersRedis(t, secrets) {
  const text = await readFile(join(DEPLOY, 'redis/redis.conf'), 'utf8');
  const dir = await temporaryDirectory(t, 'cartrita-redis-conf-');
  const kept = text.split('\n').filter((line) => !/^(bind|port|dir|aclfile)\b/.test(line));
  await writeFile(join(dir, 'redis.conf'), kept.join('\n'));
  const port = await freePort();
  const program = startProgram(t, '/usr/bin/redis-server', [
    join(dir, 'redis.conf'), '--port', port, '--bind', '127.0.0.1', '--dir', dir, '--aclfile', join(secrets.dir, 'users.acl'),
  ]);
  const as = async (role) => {
    const client = new IORedis({ host: '127.0.0.1', port, username: role === 'admin' ? role : `cartrita-${role}`, password: await secrets.read(`redis_${role}`), lazyConnect: true, maxRetriesPerRequest: 1 });
    client.on('error', () => {});
    scopeOf(t).defer(() => client.disconnect());
    return client;
  };
  const admin = await as('admin');
  await until(async () => (await admin.ping()) === 'PONG', { what: 'Redis with users', describe: () => program.stdout });
  return { port, as, admin };
}

test('the compose file is one, and what it mounts is there', { skip: !has('docker-compose') && 'docker-compose is not installed' }, async (t) => {
  const dir = await temporaryDirectory(t);
  await cp(DEPLOY, join(dir, 'deploy'), { recursive: true, filter: (path) => !/node_modules|secrets$/.test(path) });
  const compose = join(dir, 'deploy/compose');
  const made = await runProgram(t, join(compose, 'up.sh'), ['--secrets-only']);
  assert.equal(made.code, 0, made.log);
  const checked = await runProgram(t, '/usr/bin/docker-compose', ['-f', join(compose, 'compose.yaml'), 'config'], { deadlineMs: WORK_MS });
  assert.equal(checked.code, 0, checked.log);
  const text = await readFile(join(compose, 'compose.yaml'), 'utf8');
  const mounted = [...text.matchAll(/(?:- |["])(\.{1,2}\/[\w./-]+):\//g), ...text.matchAll(/file: (\.\/[\w./-]+)/g)].map(([, path]) => path);
  assert.ok(mounted.length > 15);
  assert.deepEqual(mounted.filter((path) => !existsSync(join(compose, path))), [], 'mounted and not there');
});

test('Redis users have the rules that cartrita-q prints, and no others', { skip: BUILT }, async (t) => {
  const lines = [];
  for (const role of ['producer', 'daemon', 'viewer']) lines.push((await runQ(t, null, 'acl', 'print', '--role', role, '--form', 'file')).stdout);
  assert.equal(await readFile(join(DEPLOY, 'redis/roles.acl'), 'utf8'), lines.join(''), 'deploy/redis/roles.acl: make it anew');
  const redis = await startUsersRedis(t, await makeSecrets(t));
  const viewer = await redis.as('viewer');
  await assert.rejects(viewer.set('bull:q:id', 1), /NOPERM/);
  await assert.rejects((await redis.as('daemon')).set('other', 1), /NOPERM/);
  const nobody = new IORedis({ port: redis.port, maxRetriesPerRequest: 0, retryStrategy: null, lazyConnect: true });
  nobody.on('error', () => {});
  await assert.rejects(nobody.ping(), /NOAUTH|Authentication/);
  nobody.disconnect();
});

/* The application's folder with the packages of the tests, which are the same. */
async function installApp(t) {
  const dir = await temporaryDirectory(t, 'cartrita-app-');
  await cp(join(DEPLOY, 'compose/app'), dir, { recursive: true, filter: (path) => !path.includes('node_modules') });
  await symlink(join(ROOT, 'tests/node_modules'), join(dir, 'node_modules'));
  return dir;
}

/* The daemons' command line in the compose file, for this place. */
async function daemonArguments(secrets, redis, address) {
  const text = await readFile(join(DEPLOY, 'compose/compose.yaml'), 'utf8');
  const [, list] = text.match(/^x-daemon:[\s\S]*?command:\n((?: {4}- .*\n)+)/m);
  const words = [...list.matchAll(/- (\S+)/g)].map(([, word]) => word);
  const apiRedis = join(secrets.dir, 'api_redis_here');
  await writeFile(apiRedis, (await readFile(join(secrets.dir, 'api_redis'), 'utf8')).replace('@redis:6379', `@127.0.0.1:${redis.port}`));
  return words.map((word) => word.replace('@redis:6379', `@127.0.0.1:${redis.port}`).replace('/run/secrets/api_redis', apiRedis).replace('/run/secrets/api_tokens', join(secrets.dir, 'api_tokens.yaml')).replace('/run/secrets', secrets.dir).replace('tcp://0.0.0.0:8619', address).replace('0.0.0.0:8620', '127.0.0.1:0'));
}

const shown = CHROMIUM ? { skip: BUILT || skipWithoutPostgres || skipWithoutPgbouncer } : { skip: 'chromium is not installed' };

test('all of it together: four job types run, and bull-board shows them in a browser', shown, async (t) => {
  const secrets = await makeSecrets(t);
  const redis = await startUsersRedis(t, secrets);
  const postgres = await startPostgres(t);
  const bouncer = await startPgbouncer(t, postgres, { configuration: join(DEPLOY, 'pgbouncer/pgbouncer.ini') });
  const app = await installApp(t);
  const ports = { smtp: await freePort(), llm: await freePort(), board: await freePort() };
  const env = { HOST: '127.0.0.1', REDIS_HOST: '127.0.0.1', REDIS_PORT: String(redis.port), SMTP_PORT: String(ports.smtp), LLM_PORT: String(ports.llm), PORT: String(ports.board) };
  const node = (file, role, more = {}) =>
    startProgram(t, process.execPath, [join(app, file)], {
      env: { ...env, REDIS_USER: `cartrita-${role}`, REDIS_PASSWORD_FILE: join(secrets.dir, `redis_${role}`), ...more },
    });
  node('standins.mjs', 'none');

  const dir = await temporaryDirectory(t, 'cartrita-compose-');
  const address = `unix:${join(dir, 'queued.sock')}`;
  const daemon = startProgram(t, 'cartrita-queued', await daemonArguments(secrets, redis, address), { env: { CARTRITA_HTTP: 'off', XDG_RUNTIME_DIR: dir } });
  await daemon.untilLine(/msg="?ready"?/);
  const url = await addressOf(daemon);
  await until(async () => (await get(`${url}/readyz`)).status === 200, { what: 'the daemon to be ready' });
  const token = await readFile(join(secrets.dir, 'api_viewer'), 'utf8');
  assert.equal((await get(`${url}/api/v1/queues`, { headers: { authorization: `Bearer ${token}` } })).status, 200);
  const databaseUrl = join(dir, 'database_url');
  await writeFile(databaseUrl, bouncer.url(), { mode: 0o600 });
  const workers = [];
  for (const name of ['email', 'file', 'ai', 'analytics']) {
    const text = await readFile(join(DEPLOY, `compose/config/${name}.yaml`), 'utf8');
    const config = join(dir, `${name}.yaml`);
    await writeFile(config, text
      .replace('/opt/cartrita/plugins', programPath('plugins')).replace('standins:2525', `127.0.0.1:${ports.smtp}`)
      .replace('standins:8000', `127.0.0.1:${ports.llm}`).replace('/run/secrets/database_url', databaseUrl));
    workers.push(startProgram(t, 'cartrita-worker', ['--server', address, '--config', config], { env: { CARTRITA_HTTP: 'off', XDG_RUNTIME_DIR: dir, TMPDIR: dir } }));
  }
  const producer = node('producer.mjs', 'producer', { JOBS: String(ROUNDS), EVERY_MS: '10' });
  await producer.exited;
  assert.equal(producer.code, 0, producer.log);
  const logs = () => [daemon, ...workers].map(({ log }) => log).join('\n');
  const countOf = (queue, state) => redis.admin.zcard(`bull:${queue}:${state}`);
  for (const queue of QUEUES) {
    const failed = queue === 'image-processing' ? 1 : 0;
    await until(async () => (await countOf(queue, 'completed')) === ROUNDS - failed && (await countOf(queue, 'failed')) === failed, {
      what: `${queue}: ${ROUNDS - failed} completed, ${failed} failed`,
      deadlineMs: WORK_MS,
      describe: async () => `${await redis.admin.zrange(`bull:${queue}:failed`, 0, -1)} ${await redis.admin.hget(`bull:${queue}:1`, 'failedReason')}\n${logs()}`,
    });
  }

  const board = node('board.mjs', 'board');
  await until(() => board.stdout.includes('board on'), { what: 'bull-board', describe: () => board.log });
  const page = `http://127.0.0.1:${ports.board}/queue/image-processing?status=failed`;
  const home = join(dir, 'chromium');
  await mkdir(home);
  const browse = (args) =>
    runProgram(t, CHROMIUM, ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', `--user-data-dir=${home}`,
      '--window-size=1400,900', '--virtual-time-budget=10000', ...args, page], { deadlineMs: WORK_MS, env: { HOME: home } });
  const seen = await browse(['--dump-dom']);
  assert.equal(seen.code, 0, seen.log);
  const words = seen.stdout.replace(/<(style|script)[\s\S]*?<\/\1>/g, ' ').replace(/<[^>]+>/g, ' ');
  for (const queue of QUEUES) assert.ok(words.includes(queue), `${queue} is not in the page`);
  const job = await redis.admin.zrange('bull:image-processing:failed', 0, -1);
  const reason = await redis.admin.hget(`bull:image-processing:${job[0]}`, 'failedReason');
  assert.ok(words.includes(`#${job[0]}`), `job ${job[0]} is not in the page: ${words.slice(0, 2000)}`);
  assert.ok(words.includes(reason.slice(0, 40)), `"${reason}" is not in the page: ${words.slice(0, 3000)}`);
  if (process.env.SCREENSHOT) await browse([`--screenshot=${process.env.SCREENSHOT}`]);
});
