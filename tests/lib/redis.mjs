/* A Redis server of a test's own: own temporary directory, free port, gone at the test's end.
 * Called by every test that needs Redis; never touches a server that it did not start. */

import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import IORedis from 'ioredis';

import { guardPid, releasePid, scopeOf } from './scope.mjs';
import { until } from './wait.mjs';

const START_TRIES = 5;

/* A port that was free a moment ago. */
export function freePort() {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once('error', fail);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

export async function temporaryDirectory(t, name = 'cartrita-test-') {
  const dir = await mkdtemp(join(tmpdir(), name));
  scopeOf(t).directories.push(dir);
  scopeOf(t).defer(() => rm(dir, { recursive: true, force: true, maxRetries: 5 }));
  return dir;
}

class RedisServer {
  #scope;
  #args;
  #process;
  #exited;

  constructor(scope, dir, port, args, user, password) {
    this.#scope = scope;
    this.#args = args;
    this.dir = dir;
    this.port = port;
    this.host = '127.0.0.1';
    this.user = user;
    this.password = password;
  }

  get pid() {
    return this.#process?.pid;
  }

  get url() {
    const who = this.password ? `${this.user ?? ''}:${encodeURIComponent(this.password)}@` : '';
    return `redis://${who}${this.host}:${this.port}`;
  }

  /* What ioredis, Bull and BullMQ take. */
  get connection() {
    return { host: this.host, port: this.port, username: this.user, password: this.password };
  }

  /* A client that is closed with the test. */
  client(options = {}) {
    const client = new IORedis({ ...this.connection, maxRetriesPerRequest: null, ...options });
    client.on('error', () => {}); /* a server killed on purpose is no surprise */
    this.#scope.defer(() => client.disconnect());
    return client;
  }

  /* Starts the process and waits until it answers; false when the port was taken meanwhile. */
  async start() {
    const args = ['--port', this.port, '--dir', this.dir, '--bind', this.host, '--logfile', 'redis.log', ...this.#args];
    const child = spawn('redis-server', args.map(String), { stdio: 'ignore' });
    let isGone = false;
    this.#process = child;
    this.#exited = new Promise((done) => {
      child.once('error', () => done((isGone = true)));
      child.once('exit', () => {
        isGone = true;
        releasePid(child.pid);
        done();
      });
    });
    if (child.pid) guardPid(child.pid);
    const probe = new IORedis({ ...this.connection, lazyConnect: true, retryStrategy: null });
    probe.on('error', () => {});
    try {
      await until(
        async () => {
          if (isGone) throw Object.assign(new Error('redis-server has exited'), { isFinal: true });
          if (probe.status !== 'ready') await probe.connect();
          return (await probe.ping()) === 'PONG' && (await probe.info('persistence')).includes('loading:0');
        },
        { what: `redis-server on port ${this.port}`, deadlineMs: 30_000 },
      );
      return (await probe.info('server')).includes(`process_id:${child.pid}`);
    } catch (error) {
      if (!isGone) await this.kill();
      const log = await readFile(join(this.dir, 'redis.log'), 'utf8').catch(() => '');
      if (log.includes('Address already in use')) return false;
      throw new Error(`${error.message}\n${log}`);
    } finally {
      probe.disconnect();
    }
  }

  /* Ends it in order (SIGTERM; with appendonly nothing is lost). */
  async stop() {
    await this.#signal('SIGTERM');
  }

  /* Ends it as a crash would. */
  async kill() {
    await this.#signal('SIGKILL');
  }

  async #signal(signal) {
    const child = this.#process;
    if (child && child.exitCode === null && child.signalCode === null && child.pid) {
      child.kill('SIGCONT');
      child.kill(signal);
    }
    await this.#exited;
  }

  /* Same port, same directory: what was persisted comes back. */
  async restart({ kill = false } = {}) {
    await (kill ? this.kill() : this.stop());
    if (!(await this.start())) throw new Error(`port ${this.port} was taken while Redis was down`);
  }

  /* Out of reach without being gone: connections stay open and nobody answers. */
  freeze() {
    this.#process.kill('SIGSTOP');
  }

  thaw() {
    this.#process.kill('SIGCONT');
  }
}

/* Options: aof (append-only file, synced at every write: "always", or "everysec"), maxmemory and
 * maxmemoryPolicy, password, acl (array of ACL user lines; user and password then name the one that
 * `url` uses), args (further redis-server arguments). */
export async function startRedis(t, options = {}) {
  const { aof = false, maxmemory, maxmemoryPolicy, user, password, acl = [], args = [] } = options;
  const scope = scopeOf(t);
  const all = ['--save', '', '--appendonly', aof ? 'yes' : 'no'];
  if (aof) all.push('--appendfsync', aof === true ? 'everysec' : aof);
  if (maxmemory) all.push('--maxmemory', maxmemory);
  if (maxmemoryPolicy) all.push('--maxmemory-policy', maxmemoryPolicy);
  for (const line of acl) all.push('--user', ...line.split(' '));
  if (password && !user) all.push('--requirepass', password);
  all.push(...args);

  const dir = await temporaryDirectory(t, 'cartrita-redis-');
  for (let i = 0; i < START_TRIES; i++) {
    const server = new RedisServer(scope, dir, await freePort(), all, user, password);
    if (await server.start()) {
      scope.defer(() => server.kill());
      return server;
    }
    await server.kill();
    await rm(join(dir, 'redis.log'), { force: true });
  }
  throw new Error(`no port was free for redis-server in ${START_TRIES} tries`);
}
