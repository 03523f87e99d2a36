/* A PostgreSQL of a test's own, a standby of it, and a pgBouncer in transaction mode in front: own
 * temporary directory, free ports, gone at the test's end. Called by tests of analytics and by the bench.
 *
 * PostgreSQL refuses to run as root: then it runs as the user that its package has made. */

import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import pg from 'pg';

import { freePort } from './redis.mjs';
import { guardPid, releasePid, scopeOf } from './scope.mjs';
import { until } from './wait.mjs';

const START_TRIES = 5;
const START_MS = 30_000;
const ACCOUNT = 'postgres';
export const USER = 'app';
export const PASSWORD = 'app-secret-password';

/* Debian keeps them out of PATH, by version. */
function postgresBin() {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : [];
  return versions.map((version) => join(root, version, 'bin')).find((bin) => existsSync(join(bin, 'postgres')));
}

const BIN = postgresBin();
const PGBOUNCER = ['/usr/sbin/pgbouncer', '/usr/bin/pgbouncer'].find((file) => existsSync(file));
export const skipWithoutPostgres = !BIN && 'PostgreSQL is not installed';
export const skipWithoutPgbouncer = !PGBOUNCER && 'pgbouncer is not installed';

/* {uid, gid} to run as, or nothing when we are not root. */
function account() {
  if (process.getuid() !== 0) return {};
  const line = readFileSync('/etc/passwd', 'utf8').split('\n').find((one) => one.startsWith(`${ACCOUNT}:`));
  const [, , uid, gid] = line.split(':');
  return { uid: Number(uid), gid: Number(gid) };
}

/* Not temporaryDirectory: what a job may write to must not be the database's own files. */
async function ownDirectory(scope, name) {
  const dir = await mkdtemp(join(tmpdir(), name));
  const { uid, gid } = account();
  if (uid !== undefined) chownSync(dir, uid, gid);
  chmodSync(dir, 0o700);
  scope.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 5 }));
  return dir;
}

function runTool(name, args, dir) {
  const done = spawnSync(join(BIN, name), args.map(String), { ...account(), cwd: dir, encoding: 'utf8', env: toolEnv(dir) });
  if (done.status !== 0) throw new Error(`${name} ${args.join(' ')}: ${done.stderr || done.error?.message}`);
}

const toolEnv = (dir) => ({ PATH: process.env.PATH, HOME: dir, LC_ALL: 'C.UTF-8', TZ: 'UTC' });

/* A process of either, with its end and its log. */
class Server {
  #child;
  #exited = Promise.resolve();

  constructor(dir, port) {
    Object.assign(this, { dir, port, host: '127.0.0.1' });
  }

  get pid() {
    return this.#child?.pid;
  }

  url({ user = USER, password = PASSWORD, database = 'app', options = '' } = {}) {
    return `postgres://${user}:${password}@${this.host}:${this.port}/${database}${options}`;
  }

  launch(file, args) {
    const child = spawn(file, args.map(String), { ...account(), cwd: this.dir, env: toolEnv(this.dir), stdio: 'ignore' });
    this.isGone = false;
    this.#child = child;
    this.#exited = new Promise((done) => {
      const gone = () => {
        this.isGone = true;
        if (child.pid) releasePid(child.pid);
        done();
      };
      child.once('error', gone);
      child.once('exit', gone);
    });
    if (child.pid) guardPid(child.pid);
  }

  /* One statement on a connection of its own. */
  async query(sql, params, who) {
    const client = new pg.Client({ connectionString: this.url(who), connectionTimeoutMillis: START_MS });
    client.on('error', () => {}); /* a server killed on purpose is no surprise */
    try {
      await client.connect();
      return (await client.query(sql, params)).rows;
    } finally {
      await client.end().catch(() => {});
    }
  }

  async untilReady(who) {
    await until(
      async () => {
        if (this.isGone) throw Object.assign(new Error('the server has exited'), { isFinal: true });
        return (await this.query('SELECT 1', [], who)).length === 1;
      },
      { what: `a server on port ${this.port}`, deadlineMs: START_MS, describe: () => this.log() },
    );
  }

  log() {
    return readFile(join(this.dir, 'log'), 'utf8').catch(() => '');
  }

  async signal(signal) {
    if (this.#child?.pid && !this.isGone) this.#child.kill(signal);
    await this.#exited;
  }

  /* Out of reach without being gone. */
  freeze() {
    this.#child.kill('SIGSTOP');
  }

  thaw() {
    this.#child.kill('SIGCONT');
  }
}

class PostgresServer extends Server {
  static admin = { user: 'admin', password: '', database: 'postgres' };

  async start() {
    const settings = {
      listen_addresses: this.host,
      port: this.port,
      unix_socket_directories: this.dir,
      fsync: 'off', /* a killed server loses nothing by it; a machine without power would */
      full_page_writes: 'off',
      max_connections: 50,
      max_wal_senders: 2,
      wal_level: 'replica',
      log_destination: 'stderr',
      logging_collector: 'off',
    };
    const args = ['-D', join(this.dir, 'data')];
    for (const [name, value] of Object.entries(settings)) args.push('-c', `${name}=${value}`);
    const quoted = [join(BIN, 'postgres'), ...args].map((word) => `'${word}'`).join(' ');
    this.launch('/bin/sh', ['-c', `exec ${quoted} >>log 2>&1`]);
    await this.untilReady(PostgresServer.admin);
  }

  admin(sql, params) {
    return this.query(sql, params, PostgresServer.admin);
  }

  async stop() {
    await this.signal('SIGINT'); /* fast: connections are cut */
  }

  /* The server kills its own when their parent is gone, and leaves its lock behind. */
  async kill() {
    await this.signal('SIGKILL');
    await rm(join(this.dir, 'data/postmaster.pid'), { force: true });
  }

  /* Same port, same directory. A crashed one waits for its orphans to let go of the memory. */
  async restart({ kill = false } = {}) {
    await (kill ? this.kill() : this.stop());
    await until(
      async () => {
        await this.start();
        return true;
      },
      { what: 'PostgreSQL to come back', deadlineMs: START_MS },
    );
  }
}

async function startOn(scope, dir) {
  for (let i = 0; i < START_TRIES; i++) {
    const server = new PostgresServer(dir, await freePort());
    try {
      await server.start();
      scope.defer(() => server.stop());
      return server;
    } catch (error) {
      await server.kill();
      if (!(await server.log()).includes('Address already in use')) throw new Error(`${error.message}\n${await server.log()}`);
    }
  }
  throw new Error(`no port was free for PostgreSQL in ${START_TRIES} tries`);
}

/* With the role USER, which owns the database "app". Everybody else on this machine needs a password, but
 * for "admin". server.url() is what clients take. */
export async function startPostgres(t) {
  const scope = scopeOf(t);
  const dir = await ownDirectory(scope, 'cartrita-postgres-');
  runTool('initdb', ['-D', join(dir, 'data'), '-U', 'admin', '-A', 'trust', '--no-sync', '-E', 'UTF8', '--locale=C.UTF-8'], dir);
  await writeFile(
    join(dir, 'data/pg_hba.conf'),
    'host all admin 127.0.0.1/32 trust\nhost replication admin 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n',
  );
  const server = await startOn(scope, dir);
  await server.admin(`CREATE ROLE ${USER} LOGIN PASSWORD '${PASSWORD}'`);
  await server.admin(`CREATE DATABASE app OWNER ${USER}`);
  return server;
}

/* A streaming standby of `primary`: reads only. */
export async function startReplica(t, primary) {
  const scope = scopeOf(t);
  const dir = await ownDirectory(scope, 'cartrita-replica-');
  runTool('pg_basebackup', ['-h', primary.host, '-p', primary.port, '-U', 'admin', '-D', join(dir, 'data'), '-R', '-X', 'stream', '-c', 'fast', '--no-sync'], dir);
  const replica = await startOn(scope, dir);
  replica.untilCaughtUp = async () => {
    const [{ at }] = await primary.admin('SELECT pg_current_wal_lsn() AS at');
    await until(async () => (await replica.admin('SELECT pg_last_wal_replay_lsn() >= $1 AS ok', [at]))[0].ok, {
      what: 'the replica to catch up',
    });
  };
  return replica;
}

/* The settings of a pgbouncer.ini that does not say where: in transaction mode, with few connections. */
const poolSettings = (poolSize) => [
  'auth_type = scram-sha-256', 'pool_mode = transaction', `default_pool_size = ${poolSize}`, 'max_client_conn = 200', 'server_login_retry = 1',
];
/* Where it listens, what it reads and writes: a test's own. */
const PLACE = /^(listen_addr|listen_port|unix_socket_dir|auth_file|logfile)\b/;
async function settingsOf(file) {
  const text = await readFile(file, 'utf8');
  return text.split('[pgbouncer]')[1].split('\n').filter((line) => !PLACE.test(line));
}

/* bouncer.url() is what clients take. `configuration`: a pgbouncer.ini whose settings are used. */
export async function startPgbouncer(t, postgres, { poolSize = 2, configuration } = {}) {
  const scope = scopeOf(t);
  const dir = await ownDirectory(scope, 'cartrita-pgbouncer-');
  const settings = configuration ? await settingsOf(configuration) : poolSettings(poolSize);
  await writeFile(join(dir, 'users'), `"${USER}" "${PASSWORD}"\n`);
  for (let i = 0; i < START_TRIES; i++) {
    const bouncer = new Server(dir, await freePort());
    await writeFile(
      join(dir, 'ini'),
      [
        '[databases]',
        `app = host=${postgres.host} port=${postgres.port} dbname=app user=${USER} password=${PASSWORD}`,
        '[pgbouncer]',
        `listen_addr = ${bouncer.host}`,
        `listen_port = ${bouncer.port}`,
        'unix_socket_dir =',
        'auth_file = users',
        'logfile = log',
        ...settings,
        '',
      ].join('\n'),
    );
    bouncer.launch(PGBOUNCER, ['-q', 'ini']);
    try {
      await bouncer.untilReady();
      scope.defer(() => bouncer.signal('SIGKILL'));
      return bouncer;
    } catch (error) {
      await bouncer.signal('SIGKILL');
      if (!(await bouncer.log()).includes('in use')) throw error;
    }
  }
  throw new Error(`no port was free for pgbouncer in ${START_TRIES} tries`);
}
