/* Jobs per second for jobs that do nothing, and what each costs Redis and the workers in CPU.
 *
 * The queue is filled while it is paused and the workers are connected and idle; the clock runs from
 * resume() until the last job is completed. How many jobs: enough for about SECONDS, judged by a first
 * run that does not count. */

import { checkDelivery, fill, interleave, median, processCpu, redisCpu, untilCompleted } from './common.mjs';
import { systemOf } from './systems.mjs';

const SECONDS = 1.5;
const PROBE_JOBS = 2000;
const JOBS_MIN = 1000;
const JOBS_MAX = 150_000;

/* One run: {rate, redisUs, workerUs}. `worker`: more options for work(). */
export async function throughputOnce(redis, name, { processes, concurrency, count, connection, worker: options }) {
  const client = redis.client();
  await client.flushall();
  const system = systemOf(name, redis, connection);
  const producer = await system.open();
  await producer.pause();
  await fill(producer, count);
  const worker = await system.work({ processes, concurrency, ...options });
  try {
    const pids = (await worker.pids()).map(({ pid }) => pid);
    const [cpuBefore, workerBefore] = [await redisCpu(client), await processCpu(pids)];
    const from = performance.now();
    await producer.resume();
    await untilCompleted(client, count);
    const seconds = (performance.now() - from) / 1000;
    const [cpu, workerCpu] = [(await redisCpu(client)) - cpuBefore, (await processCpu(pids)) - workerBefore];
    await checkDelivery(client, count);
    return { rate: count / seconds, redisUs: (cpu * 1e6) / count, workerUs: (workerCpu * 1e6) / count };
  } finally {
    await worker.stop();
    await producer.close();
    client.disconnect();
  }
}

/* How many jobs a run of that rate needs. */
export function jobsFor(rate) {
  return Math.round(Math.min(JOBS_MAX, Math.max(JOBS_MIN, rate * SECONDS)));
}

/* `cases`: [{label, processes, concurrency, connection?}]. */
export async function measureThroughput({ redis, names, runs, note, cases, probeJobs = PROBE_JOBS }) {
  const rows = [];
  for (const { label, ...load } of cases) {
    const counts = {};
    for (const name of names) {
      const { rate } = await throughputOnce(redis, name, { ...load, count: probeJobs });
      counts[name] = jobsFor(rate);
    }
    const results = await interleave(
      names,
      runs,
      (name) => throughputOnce(redis, name, { ...load, count: counts[name] }),
      (name, i, m) =>
        note(
          `${label}, ${name}, run ${i + 1}: ${Math.round(m.rate)} jobs/s, Redis ${m.redisUs.toFixed(1)} us, workers ${m.workerUs.toFixed(1)} us a job`,
        ),
    );
    const of = (what) => Object.fromEntries(names.map((name) => [name, median(results[name][what])]));
    rows.push({
      group: 'throughput',
      label,
      unit: 'jobs/s',
      digits: 0,
      values: of('rate'),
      runs: results,
      target: { kind: 'atLeastTimes', factor: 4 },
    });
    rows.push({
      group: 'throughput',
      label: `  Redis CPU per job`,
      unit: 'us',
      digits: 1,
      values: of('redisUs'),
      target: { kind: 'atMostTimes', factor: 0.5 },
    });
    rows.push({ group: 'throughput', label: `  workers' CPU per job`, unit: 'us', digits: 1, values: of('workerUs') });
  }
  return rows;
}
