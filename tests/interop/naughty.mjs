/* What worker_*.test.mjs share: the misbehaving plugin, compiled for the test, and a bench with a
 * Redis, a queue and files to wait for. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { bullQueue } from '../lib/bull.mjs';
import { missing, ROOT } from '../lib/processes.mjs';
import { startRedis, temporaryDirectory } from '../lib/redis.mjs';
import { startCartritaWorker } from '../lib/workers.mjs';
import { until } from '../lib/wait.mjs';

export const SKIP = missing('cartrita-worker', 'cartrita-queued');

/* `name`: which plugin, tests/interop/worker_NAME.c. */
export async function startBench(t, name = 'naughty', flags = []) {
  const dir = await temporaryDirectory(t, 'cartrita-worker-');
  const redis = await startRedis(t);
  const plugin = join(dir, `${name}.so`);
  execFileSync('cc', ['-shared', '-fPIC', '-w', '-D_GNU_SOURCE', ...flags, `-I${ROOT}/worker/include`, '-o', plugin, join(ROOT, `tests/interop/worker_${name}.c`)]);
  const queue = bullQueue(t, redis);
  await queue.isReady();
  return {
    dir,
    redis,
    plugin,
    queue,
    client: redis.client(),
    file: (name) => join(dir, name),
    open: (name) => writeFileSync(join(dir, name), ''),
    has: (name) => existsSync(join(dir, name)),
    /* A sanitizer must leave a crash the crash that it is. */
    work: (options = {}) =>
      startCartritaWorker(t, redis, { plugin, ...options, env: { ASAN_OPTIONS: 'handle_segv=0:handle_sigfpe=0', ...options.env } }),
  };
}

export const job = (queue, name, data = {}, opts = {}) => queue.add(name, data, opts);

/* That many jobs with {file} are in the plugin, which is later than being active in Redis. */
export async function untilRunning(bench, name, count = 1) {
  return until(() => readdirSync(bench.dir).filter((file) => file.startsWith(`${name}.`)).length >= count, {
    what: `${count} running jobs`,
  });
}

export async function untilActive(queue, count = 1) {
  return until(async () => (await queue.getActiveCount()) === count, { what: `${count} active jobs` });
}

export async function failedReason(queue, id) {
  return (await queue.getJob(id)).failedReason;
}
