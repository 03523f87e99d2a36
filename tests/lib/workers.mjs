/* Workers of all kinds behind one interface, so that a scenario is written once. Called by the end
 * to end tests, chaos and bench.
 *
 * A worker: {kind, stop(), pids(), log}. `settings` are the worker options of Bull or BullMQ by their names
 * (lockDuration, stalledInterval, limiter, metrics, ...). Jobs do what their data says (script.mjs). */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { bullQueue } from './bull.mjs';
import { privateDaemonOf, programPath, runnersOf, ROOT, startProgram, pluginPath } from './processes.mjs';
import { temporaryDirectory } from './redis.mjs';
import { scopeOf } from './scope.mjs';
import { runScript } from './script.mjs';
import { until } from './wait.mjs';

const CHILD = join(ROOT, 'tests/lib/child.mjs');
const NODE_WORKER = join(ROOT, 'tests/lib/node_worker.mjs');
const READY_MS = 20_000;

/* Bull nests some of its settings; we take them flat. */
const ADVANCED = [
  'lockDuration',
  'lockRenewTime',
  'stalledInterval',
  'maxStalledCount',
  'guardInterval',
  'retryProcessDelay',
  'drainDelay',
];

/* `strategies`: {name: delays in ms by attempt}, understood by both. */
function bullOptions(settings = {}, strategies = {}) {
  const { limiter, metrics, prefix, ...rest } = settings;
  const advanced = Object.fromEntries(Object.entries(rest).filter(([key]) => ADVANCED.includes(key)));
  const backoffStrategies = Object.fromEntries(
    Object.entries(strategies).map(([name, delays]) => [
      name,
      (attemptsMade) => delays[Math.min(attemptsMade, delays.length) - 1],
    ]),
  );
  return { limiter, metrics, prefix, settings: { ...advanced, backoffStrategies } };
}

/* A worker of BullMQ that has a name of its own adds it after ":w:". */
async function untilNamed(redis, queue, { prefix = 'bull', name: own } = {}, describe = () => '') {
  const client = redis.client();
  const name = `${prefix}:${Buffer.from(queue).toString('base64')}${own ? `:w:${own}` : ''}`;
  try {
    await until(
      async () => (await client.client('LIST')).split('\n').some((line) => line.includes(` name=${name} `)),
      { what: `a worker connection named ${name}`, deadlineMs: READY_MS, describe },
    );
  } finally {
    client.disconnect();
  }
}

/* Bull in this process. */
export async function startBullWorker(t, redis, { queue = 'q', concurrency = 1, settings, strategies } = {}) {
  const worker = bullQueue(t, redis, queue, bullOptions(settings, strategies));
  worker.process('*', concurrency, (job) => runScript(job)).catch(() => {});
  await worker.isReady();
  await untilNamed(redis, queue, settings);
  return { kind: 'bull', queue: worker, pids: async () => [], log: '', stop: () => worker.close() };
}

/* BullMQ in this process: `version` 5 or 6. */
export async function startMqWorker(t, redis, options = {}) {
  const { queue = 'q', concurrency = 1, settings, strategies, version = 6 } = options;
  const { mqWorker } = await import('./bullmq.mjs'); /* tests of Bull need not load it */
  const worker = mqWorker(t, redis, queue, { ...settings, version, concurrency, strategies });
  await worker.waitUntilReady();
  await untilNamed(redis, queue, settings);
  return { kind: kindOf(version), worker, pids: async () => [], log: '', stop: () => worker.close() };
}

const kindOf = (version) => (version === 5 ? 'bullmq5' : 'bullmq');

/* `strategies` cannot travel there. */
async function startNodeProcess(t, kind, { connection }, { queue: name = 'q', concurrency = 1 }, more) {
  const args = { connection, name, concurrency, ...more };
  const program = startProgram(t, process.execPath, [NODE_WORKER, JSON.stringify(args)]);
  await program.untilLine(/^ready/, { deadlineMs: READY_MS });
  return {
    kind,
    program,
    pids: async () => [program.pid],
    kill: () => program.kill(),
    stop: () => program.stop(),
    get log() {
      return program.log;
    },
  };
}

/* Bull in a process of its own. */
export function startBullProcess(t, redis, options = {}) {
  return startNodeProcess(t, 'bull', redis, options, { options: bullOptions(options.settings) });
}

/* BullMQ in a process of its own: `version` 5 or 6. */
export function startMqProcess(t, redis, { version = 6, ...options } = {}) {
  return startNodeProcess(t, kindOf(version), redis, options, { options: options.settings, version });
}

/* The configuration file of one pool. JSON is YAML. */
function poolFile({ queues, dialect, concurrency, processes, settings = {}, strategies = {}, plugin, set, timeout }) {
  const { prefix, ...rest } = settings;
  const backoffStrategies = Object.fromEntries(Object.entries(strategies).map(([name, delays]) => [name, { delays }]));
  const pool = { queues, dialect, plugin, set, processes, concurrency, ...rest };
  if (timeout) pool.timeout = timeout;
  if (prefix) pool.prefix = prefix;
  if (Object.keys(strategies).length > 0) pool.backoffStrategies = backoffStrategies;
  return JSON.stringify({ pools: [pool] }, null, 2);
}

/* cartrita-worker, by default with the exec plugin and child.mjs, and with a private daemon; `server`
 * (an address) uses that daemon instead; `dialect` (bull) may be auto, for which queues that do not exist
 * yet are waited for: with `waitReady: false`; `via` (a proxy) is another way to the same Redis. `plugin` is a name of a bundled plugin or a path.
 * `sandbox`: as in the file; by default the default, and the directories that the test has made so far. */
export async function startCartritaWorker(t, redis, options = {}) {
  const {
    queue = 'q',
    dialect = 'bull',
    concurrency = 1,
    processes = 1,
    plugin = 'exec',
    server,
    via = redis,
    args = [],
    logLevel = 'info',
    waitReady = true,
    sandbox = scopeOf(t).directories.map((path) => `files:${path}`),
  } = options;
  const set = options.set ?? (plugin === 'exec' ? { command: `exec ${process.execPath} ${CHILD}` } : {});
  const dir = await temporaryDirectory(t, 'cartrita-run-');
  const config = join(dir, 'worker.yaml');

  await writeFile(
    config,
    poolFile({
      ...options,
      queues: [queue].flat(),
      dialect,
      concurrency,
      processes,
      set,
      plugin: plugin.includes('/') ? plugin : pluginPath(plugin),
    }),
  );
  const limits = sandbox.flatMap((one) => ['--sandbox', one]);
  const where = server ? ['--server', server] : ['--redis', via.url];
  const program = startProgram(t, 'cartrita-worker', [...where, '--config', config, '--log-level', logLevel, ...limits, ...args], {
    env: { XDG_RUNTIME_DIR: dir, TMPDIR: dir, ...options.env },
  });
  const worker = {
    kind: 'cartrita',
    program,
    dir,
    pids: () => runnersOf(program.pid),
    daemon: () => privateDaemonOf(program.pid),
    kill: () => program.kill(),
    get log() {
      return program.log;
    },
    stop: async () => {
      const code = await program.stop();
      if (code !== 0) throw new Error(`cartrita-worker ended with ${code}\n${program.log}`);
    },
  };
  if (waitReady) {
    for (const one of [queue].flat())
      await untilNamed(redis, one, options.settings, () => program.log);
  }
  return worker;
}

/* A daemon of its own on a socket of its own directory; worker.server is its address. */
export async function startDaemon(t, redis, { args = [], logLevel = 'info', env } = {}) {
  const dir = await temporaryDirectory(t, 'cartrita-daemon-');
  const address = `unix:${join(dir, 'queued.sock')}`;
  const program = startProgram(
    t,
    programPath('cartrita-queued'),
    ['--redis', redis.url, '--listen', address, '--log-level', logLevel, ...args],
    {
      env: { XDG_RUNTIME_DIR: dir, ...env },
    },
  );
  await program.untilLine(/msg="?ready"?/, { deadlineMs: READY_MS });
  return { program, server: address, dir, kill: () => program.kill(), stop: () => program.stop(), pid: program.pid };
}

export const KINDS = (process.env.KINDS ?? 'bull,cartrita').split(',');

const STARTS = {
  bull: startBullWorker,
  bullmq: startMqWorker,
  bullmq5: (t, redis, options) => startMqWorker(t, redis, { ...options, version: 5 }),
  cartrita: startCartritaWorker,
};

export function startWorker(t, kind, redis, options) {
  return STARTS[kind](t, redis, options);
}
