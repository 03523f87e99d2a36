/* `make bench`: ours against bull and bullmq in Node, on one private Redis, in one run: `cartrita` on a
 * queue of Bull, `cartrita-mq` on one of BullMQ. Prints a table
 * and writes build/bench.json. Exit 1 when a target is missed or a delivery was not exact.
 *
 *   node tests/bench/bench.mjs [--only throughput,latency,...] [--systems bull,bullmq,cartrita,cartrita-mq]
 *                              [--runs N] [--quick] [--json FILE]
 *
 * Measurements: throughput, flows, network (1 ms added to Redis's answers), latency, enqueue, memory, start,
 * recovery, backlog, isolation (what the sandbox costs), reaction (to jobs that misbehave), email (against
 * nodemailer), events (into PostgreSQL), inference (models of ONNX), images (against sharp), scrapes (CPU of
 * the metrics page). --quick: fewer runs, no two million jobs, no minutes of waiting for Node's stall
 * detection. Nothing else should run on the machine. */

import { writeFile } from 'node:fs/promises';
import { cpus, release, totalmem } from 'node:os';
import { resolve } from 'node:path';

import { BUILD, missing, startProgram } from '../lib/processes.mjs';
import { startRedis } from '../lib/redis.mjs';
import { newScope } from '../lib/scope.mjs';
import { until } from '../lib/wait.mjs';
import { measureEvents } from './measure_events.mjs';
import { measureEmail } from './measure_email.mjs';
import { measureFlows } from './measure_flows.mjs';
import { measureImages } from './measure_images.mjs';
import { measureInference } from './measure_inference.mjs';
import { measureIsolation } from './measure_isolation.mjs';
import { measureLatency } from './measure_latency.mjs';
import { measureMemory, measureRecovery, measureStart } from './measure_processes.mjs';
import { measureReaction } from './measure_reaction.mjs';
import { measureScrapes } from './measure_scrapes.mjs';
import { measureThroughput } from './measure_throughput.mjs';
import { measureBacklog, measureEnqueue } from './measure_volume.mjs';
import { printTable, verdictsOf } from './table.mjs';
import { isOurs, SYSTEMS } from './systems.mjs';

const ONE_MS_US = 1000;

const load = (concurrency, processes) => ({
  label: `concurrency ${concurrency}, ${processes} process${processes > 1 ? 'es' : ''}`,
  concurrency,
  processes,
});

async function distantRedis(scope, redis) {
  const proxy = startProgram(scope, resolve(BUILD, 'tests/bench/delay_proxy'), [redis.port, ONE_MS_US], {
    stdin: 'pipe',
  });
  const port = await until(() => Number(proxy.stdout), { what: 'the port of the proxy', describe: () => proxy.log });
  return { host: redis.host, port };
}

const MEASUREMENTS = {
  throughput: (context) => measureThroughput({ ...context, cases: [load(1, 1), load(50, 1), load(1, 2), load(50, 2)] }),
  flows: measureFlows,
  network: async (context) => {
    const connection = await distantRedis(context.scope, context.redis);
    const far = (one) => ({ ...one, connection, label: `1 ms away, ${one.label}` });
    return [
      ...(await measureThroughput({ ...context, cases: [far(load(1, 1)), far(load(50, 1))], probeJobs: 500 })),
      ...(await measureLatency({ ...context, connection, label: '1 ms away, idle' })).map((row) => ({
        ...row,
        target: undefined,
      })),
    ];
  },
  latency: measureLatency,
  enqueue: measureEnqueue,
  memory: measureMemory,
  start: measureStart,
  recovery: (context) => measureRecovery({ ...context, skipSlow: context.isQuick }),
  backlog: (context) => measureBacklog({ ...context, ...(context.isQuick && { backlogs: [1000, 100_000] }) }),
  isolation: measureIsolation,
  reaction: measureReaction,
  email: measureEmail,
  events: measureEvents,
  inference: measureInference,
  images: measureImages,
  scrapes: measureScrapes,
};

function usage(error) {
  process.stderr.write(
    `${error}\nusage: bench.mjs [--only ${Object.keys(MEASUREMENTS).join(',')}] [--systems ${Object.keys(SYSTEMS).join(',')}] [--runs N] [--quick] [--json FILE]\n`,
  );
  process.exit(2);
}

function parseArgs(args) {
  const options = {
    only: Object.keys(MEASUREMENTS),
    systems: Object.keys(SYSTEMS),
    json: resolve(BUILD, 'bench.json'),
    isQuick: false,
  };
  const list = (text, known) => {
    const names = (text ?? '').split(',');
    const wrong = names.find((name) => !known.includes(name));
    if (wrong !== undefined) usage(`unknown name "${wrong}"; known: ${known.join(', ')}`);
    return names;
  };
  for (let i = 0; i < args.length; i++) {
    if (args[i] === '--only') options.only = list(args[++i], Object.keys(MEASUREMENTS));
    else if (args[i] === '--systems') options.systems = list(args[++i], Object.keys(SYSTEMS));
    else if (args[i] === '--runs') options.runs = Number(args[++i]);
    else if (args[i] === '--json') options.json = resolve(args[++i] ?? usage('--json needs a file'));
    else if (args[i] === '--quick') options.isQuick = true;
    else usage(`unknown option ${args[i]}`);
  }
  options.runs ??= options.isQuick ? 2 : 5;
  if (!Number.isInteger(options.runs) || options.runs < 1) usage('--runs needs a number from 1 on');
  return options;
}

async function main() {
  const options = parseArgs(process.argv.slice(2));
  const scope = newScope();
  const absent = missing(
    'cartrita-worker',
    'cartrita-queued',
    'plugins/noop.so',
    'tests/plugins/stamp.so',
    'tests/plugins/react.so',
    'tests/bench/delay_proxy',
  );
  if (absent && options.systems.some(isOurs)) usage(`${absent}: run make bench`);
  const redis = await startRedis(scope);
  const note = (line) => process.stderr.write(`  ${line}\n`);
  const context = { redis, scope, names: options.systems, runs: options.runs, isQuick: options.isQuick, note };
  const rows = [];

  try {
    for (const name of options.only) {
      process.stderr.write(`${name}\n`);
      rows.push(...(await MEASUREMENTS[name](context)));
    }
  } finally {
    await scope.close();
  }
  const machine = {
    cpu: cpus()[0].model,
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
  };
  for (const row of rows) row.verdicts = verdictsOf(row);
  await writeFile(
    options.json,
    `${JSON.stringify({ at: new Date().toISOString(), machine, runs: options.runs, rows }, null, 2)}\n`,
  );
  printTable(rows, options.systems, machine, options.runs);
  process.stderr.write(`written to ${options.json}\n`);
  process.exit(rows.some(({ verdicts }) => verdicts.some(({ isMet }) => !isMet)) ? 1 : 0);
}

await main();
