/* The four that are compared, behind one interface: Bull, BullMQ, and ours on the queues of each. Each works on the queue "bench" with the prefix
 * "bull", so counts are read from the same keys. Called by the measure_*.mjs files.
 *
 *   system.open()                      a producer: {add, addBulk, pause, resume, close}
 *   system.work({processes, concurrency, job, record})
 *                                      workers that are connected and idle: {pids, stop}; `settings`: for the
 *                                      job of Node, `plugin`: [path, settings] for ours
 * pids() names every process: [{role, pid}]. */

import { dirname, join } from 'node:path';

import Bull from 'bull';
import { FlowProducer, Queue } from 'bullmq';

import { privateDaemonOf, runnersOf, programPath, pluginPath, ROOT, startProgram, BUILD } from '../lib/processes.mjs';
import { newScope } from '../lib/scope.mjs';
import { until } from '../lib/wait.mjs';

export const QUEUE = 'bench';
const NODE_WORKER = join(ROOT, 'tests/bench/node_worker.mjs');
const READY_MS = 30_000;
const CONNECTED = `bull:${Buffer.from(QUEUE).toString('base64')}`;

/* `connection` may lead through a proxy; `redis` is the server itself. */
class NodeSystem {
  constructor(name, redis, connection) {
    Object.assign(this, { name, redis, connection });
  }

  async work({ processes = 1, concurrency = 1, job = 'noop', record, settings, waitReady = true }) {
    const scope = newScope();
    const args = { system: this.name, connection: this.connection, queue: QUEUE, concurrency, job, record, settings };
    const programs = Array.from({ length: processes }, () =>
      startProgram(scope, process.execPath, [NODE_WORKER, JSON.stringify(args)]),
    );
    if (waitReady) for (const program of programs) await program.untilLine(/^ready/, { deadlineMs: READY_MS });
    return {
      pids: async () => programs.map(({ pid }) => ({ role: 'worker', pid })),
      working: async () => programs.map(({ pid }) => pid),
      stop: () => scope.close(),
    };
  }
}

class BullSystem extends NodeSystem {
  constructor(redis, connection) {
    super('bull', redis, connection);
  }

  async open() {
    const queue = new Bull(QUEUE, { redis: this.redis.connection });
    await queue.isReady();
    return {
      add: (data, opts, name = 'n') => queue.add(name, data, opts),
      addBulk: (jobs) => queue.addBulk(jobs),
      pause: () => queue.pause(),
      resume: () => queue.resume(),
      close: () => queue.close(),
    };
  }
}

class BullMqSystem extends NodeSystem {
  constructor(redis, connection) {
    super('bullmq', redis, connection);
  }

  async open() {
    const queue = new Queue(QUEUE, { connection: this.redis.connection });
    const flows = new FlowProducer({ connection: this.redis.connection });
    await Promise.all([queue.waitUntilReady(), flows.waitUntilReady()]);
    return {
      addFlows: (trees) => flows.addBulk(trees),
      add: (data, opts, name = 'n') => queue.add(name, data, opts),
      addBulk: (jobs) => queue.addBulk(jobs),
      pause: () => queue.pause(),
      resume: () => queue.resume(),
      close: () => Promise.all([queue.close(), flows.close()]),
    };
  }
}

const STAMP = join(BUILD, 'tests/plugins/stamp.so');
const PLUGINS = { noop: pluginPath('noop'), react: join(BUILD, 'tests/plugins/react.so') };

/* Ours, with the producers of `Node` and on its queues. */
const ours = (name, dialect, Node) => class extends Node {
  constructor(redis, connection) {
    super(redis, connection);
    this.name = name;
  }

  /* `isReadable`: or a plain user cannot read its memory in /proc. */
  async work({ processes = 1, concurrency = 1, job = 'noop', record, waitReady = true, isReadable = true, args = [], plugin: bundled }) {
    const scope = newScope();
    const plugin = bundled
      ? ['--plugin', bundled[0], ...Object.entries(bundled[1]).flatMap(([key, value]) => ['--set', `${key}=${value}`])]
      : PLUGINS[job] ? ['--plugin', PLUGINS[job]] : ['--plugin', STAMP, '--set', `job=${job}`];
    if (record) plugin.push('--set', `record=${record}`, '--sandbox', `files:${dirname(record)}`);
    const url = `redis://${this.connection.host}:${this.connection.port}`;
    const program = startProgram(scope, programPath('cartrita-worker'), [
      '--redis',
      url,
      '--queue',
      QUEUE,
      '--dialect',
      dialect,
      ...plugin,
      '--processes',
      processes,
      '--concurrency',
      concurrency,
      '--log-level',
      'warn',
      ...(isReadable ? ['--core'] : []),
      ...args,
    ]);
    const worker = {
      pids: async () => [
        { role: 'supervisor', pid: program.pid },
        { role: 'daemon', pid: await privateDaemonOf(program.pid) },
        ...(await runnersOf(program.pid)).map((pid) => ({ role: 'runner', pid })),
      ],
      working: () => runnersOf(program.pid),
      stop: async () => {
        await program.stop();
        await scope.close();
      },
      program,
    };
    if (waitReady) await this.#untilIdle(worker, processes, program);
    return worker;
  }

  async #untilIdle(worker, processes, program) {
    const client = this.redis.client();
    await until(
      async () =>
        (await worker.working()).length === processes && (await client.client('LIST')).includes(` name=${CONNECTED} `),
      { what: 'the workers to be there', deadlineMs: READY_MS, describe: () => program.log },
    );
    client.disconnect();
  }
};

/* What each of ours is compared with, by name. */
export const COUNTERPARTS = { cartrita: 'bull', 'cartrita-mq': 'bullmq' };
export const isOurs = (name) => name in COUNTERPARTS;

export const SYSTEMS = {
  bull: BullSystem,
  bullmq: BullMqSystem,
  cartrita: ours('cartrita', 'bull', BullSystem),
  'cartrita-mq': ours('cartrita-mq', 'bullmq', BullMqSystem),
};

/* The system `name` on `redis`; `connection`: what its workers connect to, when that is another way. */
export function systemOf(name, redis, connection = redis.connection) {
  return new SYSTEMS[name](redis, { host: connection.host, port: connection.port });
}
