/* How soon something is done about a job that misbehaves: one over its time limit, one that is cancelled,
 * one that crashes, one that takes too much memory. The plugin (tests/plugins/react.c) writes down when
 * things happened to it, Redis tells this process when a job has failed, and both read the same monotonic
 * clock. One job at a time; p50 and p99 of SAMPLES. A runner that crashes is left a second of good health
 * first, as one that keeps dying is started ever more slowly.
 *
 * Bull is measured where it reacts at all. At its timeout the job fails, and its function goes on; it
 * cannot cancel an active job, limits no memory, and a crash is found by its stall detection (recovery). */

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { pause, until } from '../lib/wait.mjs';
import { key, percentile } from './common.mjs';
import { systemOf } from './systems.mjs';

const SAMPLES = 50;
const SAMPLES_QUICK = 5;
const TIMEOUT_MS = 50;
const CANCEL_GRACE_MS = 100;
const MEMORY_MAX_MIB = 96;
const GROW_MIB = 104; /* the limit lies within its last 16, a few milliseconds */
const HEALTHY_MS = 1050; /* a runner that dies younger is started again only after a while */
const DEADLINE_MS = 30_000;
const msBetween = (from, to) => Number(to - from) / 1e6;

/* A worker, and what it and Redis say: failed(id) and happened(id, what) are times in ns. */
class Stage {
  static async open(redis, name, { job, args }) {
    const stage = new Stage();
    stage.client = redis.client();
    await stage.client.flushall();
    stage.dir = await mkdtemp(join(tmpdir(), 'cartrita-bench-'));
    stage.record = join(stage.dir, 'record');
    stage.failures = new Map();
    stage.listener = redis.client();
    stage.listener.on('pmessage', (_pattern, _channel, text) => {
      stage.failures.set(JSON.parse(text).jobId, process.hrtime.bigint());
    });
    await stage.listener.psubscribe(`${key('failed')}*`);
    const system = systemOf(name, redis);
    stage.producer = await system.open();
    const set = job === 'react' ? ['--set', `record=${stage.record}`, '--set', `growMiB=${GROW_MIB}`] : [];
    stage.worker = await system.work({ job, record: stage.record, args: [...set, ...args] });
    return stage;
  }

  async failed(id) {
    return until(() => this.failures.get(id), {
      what: `job ${id} to have failed`,
      deadlineMs: DEADLINE_MS,
      describe: () => this.worker.program?.log ?? '',
    });
  }

  async happened(id, what) {
    const find = async () => {
      const lines = (await readFile(this.record, 'utf8').catch(() => '')).split('\n');
      return lines.find((line) => line.startsWith(`${id} ${what} `));
    };
    const line = await until(find, { what: `job ${id} to be ${what}`, deadlineMs: DEADLINE_MS });
    return BigInt(line.split(' ')[2]);
  }

  /* Bull's worker (node_worker.mjs) writes the times alone. */
  async begun(index) {
    const lines = () => readFile(this.record, 'utf8').then((text) => text.split('\n').filter(Boolean));
    return BigInt(await until(async () => (await lines())[index], { what: `job ${index} to begin` }));
  }

  async close() {
    await this.worker.stop();
    await this.producer.close();
    this.listener.disconnect();
    this.client.disconnect();
    await rm(this.dir, { recursive: true, force: true });
  }
}

/* Each of `one(stage)` gives {label: ms}; returns {label: [ms]}. */
async function sample(stage, count, one) {
  const samples = {};
  try {
    for (let i = 0; i < count; i++) {
      for (const [label, ms] of Object.entries(await one(stage, i))) (samples[label] ??= []).push(ms);
    }
  } catch (error) {
    stage.worker.program?.end(); /* its job may never end */
    throw error;
  } finally {
    await stage.close();
  }
  return samples;
}

const timeout = (name) => async (stage) => {
  const { id } = await stage.producer.add({}, { timeout: TIMEOUT_MS, attempts: 1 }, name);
  const [failed, begun] = [await stage.failed(id), await stage.happened(id, 'begun')];
  return { [name]: msBetween(begun, failed) - TIMEOUT_MS };
};

async function cancel(stage) {
  const { id } = await stage.producer.add({}, { attempts: 1 }, 'listen');
  await stage.happened(id, 'begun');
  const from = process.hrtime.bigint();
  await stage.client.publish(key('cancel'), JSON.stringify({ id }));
  const [failed, told] = [await stage.failed(id), await stage.happened(id, 'told')];
  return { told: msBetween(from, told), failed: msBetween(from, failed) };
}

async function crash(stage) {
  await pause(HEALTHY_MS);
  const { id } = await stage.producer.add({}, { attempts: 1 }, 'crash');
  const next = await stage.producer.add({}, {}, 'next');
  const [failed, begun] = [await stage.failed(id), await stage.happened(id, 'begun')];
  return { failed: msBetween(begun, failed), next: msBetween(begun, await stage.happened(next.id, 'begun')) };
}

async function grow(stage) {
  await pause(HEALTHY_MS);
  const { id } = await stage.producer.add({}, { attempts: 1 }, 'grow');
  const [failed, growing] = [await stage.failed(id), await stage.happened(id, 'growing')];
  return { failed: msBetween(growing, failed) };
}

async function bullTimeout(stage, i) {
  const { id } = await stage.producer.add({}, { timeout: TIMEOUT_MS, attempts: 1 });
  const failed = await stage.failed(id);
  return { listen: msBetween(await stage.begun(i), failed) - TIMEOUT_MS };
}

const rowsOf = (label, ours, bull) =>
  [50, 99].map((p) => ({
    group: 'reaction',
    label: p === 50 ? `${label}, p50` : '  p99',
    unit: 'ms',
    digits: 1,
    values: { cartrita: ours && percentile(ours, p), bull: bull && percentile(bull, p) },
    runs: { cartrita: ours, bull },
  }));

async function measureOurs(redis, count) {
  const open = (...args) => Stage.open(redis, 'cartrita', { job: 'react', args });
  const grace = ['--cancel-grace', `${CANCEL_GRACE_MS}ms`];
  return {
    listens: (await sample(await open(), count, timeout('listen'))).listen,
    loops: (await sample(await open(...grace), count, timeout('loop'))).loop,
    cancelled: await sample(await open(), count, cancel),
    crashed: await sample(await open(), count, crash),
    grown: (await sample(await open('--memory-max', MEMORY_MAX_MIB), count, grow)).failed,
  };
}

export async function measureReaction({ redis, names, isQuick, note }) {
  const count = isQuick ? SAMPLES_QUICK : SAMPLES;
  let ours = { cancelled: {}, crashed: {} };
  let bull;
  if (names.includes('cartrita')) ours = await measureOurs(redis, count);
  if (names.includes('bull')) {
    const stage = await Stage.open(redis, 'bull', { job: 'hold', args: [] });
    bull = (await sample(stage, count, bullTimeout)).listen;
  }
  const rows = [
    ...rowsOf('time limit to failed, a job that listens', ours.listens, bull),
    ...rowsOf(`  an infinite loop (cancel-grace ${CANCEL_GRACE_MS} ms)`, ours.loops),
    ...rowsOf('cancel message to plugin told', ours.cancelled.told),
    ...rowsOf('  to failed', ours.cancelled.failed),
    ...rowsOf('crash to failed', ours.crashed.failed),
    ...rowsOf('  to the next job begun', ours.crashed.next),
    ...rowsOf('memory limit passed to failed', ours.grown),
  ];
  for (const { label, values } of rows) note(`${label}: ${JSON.stringify(values)}`);
  return rows;
}
