/* What the processes themselves cost: memory after some work, time from start to the first job done,
 * time until a job whose process was killed runs again. */

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { memoryOf } from '../lib/processes.mjs';
import { pause, until } from '../lib/wait.mjs';
import { checkDelivery, fill, interleave, median, key, untilCompleted } from './common.mjs';
import { isOurs, systemOf } from './systems.mjs';

const MEMORY_JOBS = 10_000;
const MEMORY_CONCURRENCY = 50;
const RECOVERY_MS = 90_000; /* Bull's defaults need up to 60 s */
const MIB = 1024;

async function memoryOnce(redis, name) {
  const client = redis.client();
  await client.flushall();
  const system = systemOf(name, redis);
  const producer = await system.open();
  const worker = await system.work({ concurrency: MEMORY_CONCURRENCY });
  try {
    await fill(producer, MEMORY_JOBS);
    await untilCompleted(client, MEMORY_JOBS);
    await checkDelivery(client, MEMORY_JOBS);
    const result = { total: 0 };
    for (const { role, pid } of await worker.pids()) {
      const { rssKb, pssKb } = await memoryOf(pid);
      result[`${role} RSS`] = rssKb / MIB;
      result.total += pssKb / MIB;
    }
    return result;
  } finally {
    await worker.stop();
    await producer.close();
    client.disconnect();
  }
}

export async function measureMemory({ redis, names, runs, note }) {
  const results = await interleave(
    names,
    Math.min(runs, 3),
    (name) => memoryOnce(redis, name),
    (name, i, m) =>
      note(
        `memory, ${name}, run ${i + 1}: ${Object.entries(m)
          .map(([what, mb]) => `${what} ${mb.toFixed(1)} MB`)
          .join(', ')}`,
      ),
  );
  const row = (label, what, target) => ({
    group: 'memory',
    label,
    unit: 'MB',
    digits: 1,
    values: Object.fromEntries(
      names.filter((name) => results[name][what]).map((name) => [name, median(results[name][what])]),
    ),
    target,
  });
  return [
    row('all processes, PSS', 'total'),
    row('Node worker, RSS', 'worker RSS'),
    row('supervisor, RSS', 'supervisor RSS'),
    row('daemon, RSS', 'daemon RSS', { kind: 'atMost', value: 12 }),
    row('runner, RSS', 'runner RSS', { kind: 'atMost', value: 5 }),
  ].filter(({ values }) => Object.keys(values).length > 0);
}

/* One job waits; the clock runs from the start of the worker until it is completed. `options`: more for
 * work(). */
export async function startOnce(redis, name, options) {
  const client = redis.client();
  await client.flushall();
  const system = systemOf(name, redis);
  const producer = await system.open();
  await producer.add({ i: 1 });
  const from = performance.now();
  const worker = await system.work({ ...options, waitReady: false });
  try {
    /* As often as Redis answers: a millisecond is what this is about. */
    while ((await client.zcard(key('completed'))) === 0) {
      if (performance.now() - from > 30_000) throw new Error(`${name} did not complete its first job in 30 s`);
      await pause(1);
    }
    return { start: performance.now() - from };
  } finally {
    await worker.stop();
    await producer.close();
    client.disconnect();
  }
}

export async function measureStart({ redis, names, runs, note }) {
  const results = await interleave(
    names,
    runs,
    (name) => startOnce(redis, name),
    (name, i, m) => note(`start to first job done, ${name}, run ${i + 1}: ${m.start.toFixed(1)} ms`),
  );
  return [
    {
      group: 'start',
      label: 'start to first job done',
      unit: 'ms',
      digits: 1,
      values: Object.fromEntries(names.map((name) => [name, median(results[name].start)])),
      runs: results,
      target: { kind: 'atMost', value: 30 },
    },
  ];
}

/* A job runs and its process is killed with SIGKILL: when does it run again? All with their default
 * settings; Bull and BullMQ have a second process standing by, as in a fleet. */
async function recoverOnce(redis, name) {
  const client = redis.client();
  await client.flushall();
  const dir = await mkdtemp(join(tmpdir(), 'cartrita-bench-'));
  const record = join(dir, 'record');
  const runs = async () => (await readFile(record, 'utf8').catch(() => '')).split('\n').filter(Boolean).map(BigInt);
  const system = systemOf(name, redis);
  const producer = await system.open();
  const worker = await system.work({ job: 'hold', record });
  let second;
  try {
    await producer.add({ i: 1 }, { attempts: 3 });
    await until(async () => (await runs()).length === 1, { what: 'the job to run' });
    if (!isOurs(name)) second = await system.work({ job: 'hold', record });
    const [victim] = await worker.working();
    const at = process.hrtime.bigint();
    process.kill(victim, 'SIGKILL');
    await until(async () => (await runs()).length === 2, { what: 'the job to run again', deadlineMs: RECOVERY_MS });
    const [, again] = await runs();
    return { again: Number(again - at) / 1e6 };
  } finally {
    for (const one of [worker, second]) {
      if (one?.program) one.program.end(); /* its job never ends: no graceful stop */
      else await one?.stop();
    }
    await producer.close();
    client.disconnect();
    await rm(dir, { recursive: true, force: true });
  }
}

export async function measureRecovery({ redis, names, runs, note, skipSlow = false }) {
  const values = {};
  for (const name of names) {
    const times = [];
    /* Minutes long with their defaults: once is enough. */
    const isSlow = !isOurs(name);
    if (isSlow && skipSlow) continue;
    for (let i = 0; i < (isSlow ? 1 : runs); i++) {
      const { again } = await recoverOnce(redis, name);
      note(`killed to running again, ${name}, run ${i + 1}: ${again.toFixed(1)} ms`);
      times.push(again);
    }
    values[name] = median(times);
  }
  return [
    {
      group: 'recovery',
      label: 'killed to running again',
      unit: 'ms',
      digits: 0,
      values,
      target: { kind: 'atMost', value: 100 },
    },
  ];
}
