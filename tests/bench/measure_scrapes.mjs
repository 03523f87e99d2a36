/* What a scrape of the daemon's /metrics costs it, with QUEUES queues that had NAMES kinds of jobs each:
 * CPU time of the daemon for SCRAPES pages, less what it needs anyway in that time. Jobs wait for as
 * long as a page takes. */

import { addressOf, get, metricsOf } from '../lib/http.mjs';
import { bullQueue, untilCounts } from '../lib/bull.mjs';
import { pause, until } from '../lib/wait.mjs';
import { startCartritaWorker, startDaemon } from '../lib/workers.mjs';
import { median, processCpu } from './common.mjs';

const QUEUES = 20;
const NAMES = 10;
const SCRAPES = 300;
const IDLE_MS = 1000;
const CPU_MAX_PERCENT = 1;

async function loadedDaemon(scope, redis) {
  const daemon = await startDaemon(scope, redis, { args: ['--http', '127.0.0.1:0'] });
  const names = Array.from({ length: QUEUES }, (_, i) => `queue-${i}`);
  const worker = await startCartritaWorker(scope, redis, { plugin: 'noop', queue: names, server: daemon.server, concurrency: 10, waitReady: false });
  for (const name of names) {
    const queue = bullQueue(scope, redis, name);
    await queue.addBulk(Array.from({ length: NAMES }, (_, i) => ({ name: `job-${i}`, data: {} })));
    await untilCounts(queue, { completed: NAMES }, { deadlineMs: 60_000 });
  }
  const url = await addressOf(daemon.program);
  await until(async () => (await metricsOf(url)).has(`cartrita_queue_jobs{queue="${names.at(-1)}",state="completed"}`), { what: 'a sample of each queue', deadlineMs: 60_000 });
  return { daemon, worker, url };
}

export async function measureScrapes({ redis, scope, names, runs, note }) {
  if (!names.includes('cartrita')) return [];
  await redis.client().flushall();
  const { daemon, worker, url } = await loadedDaemon(scope, redis);
  const pids = [daemon.pid];
  const results = [];
  for (let run = 0; run < runs; run++) {
    const idle = await processCpu(pids);
    await pause(IDLE_MS);
    const [from, before] = [performance.now(), await processCpu(pids)];
    let bytes;
    for (let i = 0; i < SCRAPES; i++) bytes = (await get(`${url}/metrics`)).text.length;
    const took = performance.now() - from;
    const cpuMs = 1000 * ((await processCpu(pids)) - before - ((before - idle) * took) / IDLE_MS);
    results.push(cpuMs / SCRAPES);
    note(`scrape, run ${run + 1}: ${(cpuMs / SCRAPES).toFixed(3)} ms of CPU for ${bytes} bytes`);
  }
  await worker.stop();
  await daemon.stop();
  const value = median(results);
  return [
    { group: 'scrapes', label: `CPU of a scrape, ${QUEUES} queues`, unit: 'ms', digits: 3, values: { cartrita: value }, runs: { cartrita: results } },
    /* A scrape a second is ten times what is usual; 1 ms of 1000 is 0.1 %. */
    { group: 'scrapes', label: '  of a core, at one a second', unit: '%', digits: 3, values: { cartrita: value / 10 }, target: { kind: 'atMost', value: CPU_MAX_PERCENT } },
  ];
}
