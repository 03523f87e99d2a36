/* What all measurements share: filling a queue, waiting for it, checking that each job was delivered
 * exactly once, CPU times, medians. */

import { readdir, readFile } from 'node:fs/promises';

import { pause, until } from '../lib/wait.mjs';
import { QUEUE } from './systems.mjs';

export const key = (suffix) => `bull:${QUEUE}:${suffix}`;
const BULK = 1000;
const POLL_MS = 10;

export const median = (list) => percentile(list, 50);

export function percentile(list, p) {
  const sorted = [...list].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((p / 100) * sorted.length) - 1)];
}

export async function fill(producer, count, jobOf = (i) => ({ name: 'n', data: { i } })) {
  for (let done = 0; done < count; done += BULK) {
    const size = Math.min(BULK, count - done);
    await producer.addBulk(Array.from({ length: size }, (_, i) => jobOf(done + i)));
  }
}

/* Resolves when `count` jobs are completed. */
export async function untilCompleted(client, count, deadlineMs = 120_000) {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const done = await client.zcard(key('completed'));
    if (done >= count) return;
    if (performance.now() > end) throw new Error(`only ${done} of ${count} jobs were completed in ${deadlineMs} ms`);
    await pause(POLL_MS);
  }
}

const DELIVERY = `
local odd = 0
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local job = redis.call('HMGET', ARGV[1] .. id, 'finishedOn', 'stalledCounter', 'stc', 'failedReason')
  if not job[1] or job[2] or job[3] or job[4] then odd = odd + 1 end
end
return odd`;

/* Every one of `count` jobs completed, none of them twice, none stalled or failed, nothing left. */
export async function checkDelivery(client, count) {
  const settled = await until(
    async () => {
      const [completed, failed, wait, paused, active] = await Promise.all([
        client.zcard(key('completed')),
        client.zcard(key('failed')),
        client.llen(key('wait')),
        client.llen(key('paused')),
        client.llen(key('active')),
      ]);
      return active === 0 && { completed, failed, wait, paused };
    },
    { what: 'no job to be active' },
  );
  const odd = await client.eval(DELIVERY, 1, key('completed'), key(''));
  const { completed, failed, wait, paused } = settled;
  if (completed !== count || failed + wait + paused + odd > 0) {
    throw new Error(`delivery of ${count} jobs is not exact: ${JSON.stringify({ ...settled, odd })}`);
  }
}

/* Seconds of CPU that Redis has used. */
export async function redisCpu(client) {
  const info = await client.info('cpu');
  const of = (name) => Number(info.match(new RegExp(`^${name}:([\\d.]+)`, 'm'))[1]);
  return of('used_cpu_user') + of('used_cpu_sys');
}

/* Seconds of CPU that processes have used, all their threads together. */
export async function processCpu(pids) {
  let ns = 0;
  for (const pid of pids) {
    for (const task of await readdir(`/proc/${pid}/task`).catch(() => [])) {
      const stat = await readFile(`/proc/${pid}/task/${task}/schedstat`, 'utf8').catch(() => '0');
      ns += Number(stat.split(' ')[0]);
    }
  }
  return ns / 1e9;
}

/* One run after the other for each system in turn, every other time the other way round, so that what
 * else the machine does hits all alike.
 * `run(name, previous)` gives {measure: number}; returns {name: {measure: [numbers]}}. */
export async function interleave(names, runs, run, note = () => {}) {
  const results = Object.fromEntries(names.map((name) => [name, {}]));
  for (let i = 0; i < runs; i++) {
    for (const name of i % 2 === 0 ? names : [...names].reverse()) {
      const measured = await run(name, results[name], i);
      for (const [what, value] of Object.entries(measured)) (results[name][what] ??= []).push(value);
      note(name, i, measured);
    }
  }
  return results;
}
