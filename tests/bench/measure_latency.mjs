/* How long a job waits for an idle worker: from just before the producer's add() until the job's first
 * instruction. Both read the same monotonic clock of the machine; the job returns what it read. */

import { pause } from '../lib/wait.mjs';
import { checkDelivery, interleave, median, percentile, key, untilCompleted } from './common.mjs';
import { systemOf } from './systems.mjs';

const JOBS = 300;
const WARM_UP = 30;
const IDLE_MIN_MS = 3; /* between two jobs, so that each meets an idle worker */
const IDLE_SPREAD_MS = 5;

async function once(redis, name, connection) {
  const client = redis.client();
  await client.flushall();
  const system = systemOf(name, redis, connection);
  const producer = await system.open();
  const worker = await system.work({ job: 'stamp' });
  try {
    const added = new Map();
    const adds = [];
    for (let i = 0; i < WARM_UP + JOBS; i++) {
      const at = process.hrtime.bigint();
      const { id } = await producer.add({ i });
      adds.push(Number(process.hrtime.bigint() - at) / 1e6);
      if (i >= WARM_UP) added.set(id, at);
      await pause(IDLE_MIN_MS + Math.random() * IDLE_SPREAD_MS);
    }
    await untilCompleted(client, WARM_UP + JOBS);
    await checkDelivery(client, WARM_UP + JOBS);
    const waits = [];
    for (const [id, at] of added) {
      const started = BigInt(JSON.parse(await client.hget(key(id), 'returnvalue')));
      waits.push(Number(started - at) / 1e6);
    }
    return { p50: percentile(waits, 50), p99: percentile(waits, 99), add: percentile(adds, 50) };
  } finally {
    await worker.stop();
    await producer.close();
    client.disconnect();
  }
}

export async function measureLatency({ redis, names, runs, note, label = 'idle', connection }) {
  const results = await interleave(
    names,
    runs,
    (name) => once(redis, name, connection),
    (name, i, m) =>
      note(`${label} pickup, ${name}, run ${i + 1}: p50 ${m.p50.toFixed(3)} ms, p99 ${m.p99.toFixed(3)} ms`),
  );
  const of = (what) => Object.fromEntries(names.map((name) => [name, median(results[name][what])]));
  return [
    {
      group: 'latency',
      label: `${label} pickup p50`,
      unit: 'ms',
      digits: 3,
      values: of('p50'),
      runs: results,
      target: { kind: 'atMost', value: 0.3 },
    },
    { group: 'latency', label: `${label} pickup p99`, unit: 'ms', digits: 3, values: of('p99') },
    { group: 'latency', label: `  the producer's add() alone, p50`, unit: 'ms', digits: 3, values: of('add') },
  ];
}
