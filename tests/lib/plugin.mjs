/* A bundled plugin at work: a Redis, a queue and a worker of its own, and jobs that are waited for. Called by
 * tests/interop/{email,file,ai,analytics}_*.test.mjs and tests/bench.
 *
 * One bench may serve a whole file of tests: give newScope() as `t`, and close it in `after`. */

import { join } from 'node:path';

import { bullQueue } from './bull.mjs';
import { missing, ROOT } from './processes.mjs';
import { startRedis, temporaryDirectory } from './redis.mjs';
import { until } from './wait.mjs';
import { startCartritaWorker } from './workers.mjs';

/* What libraries of the plugins allocate once and keep is no leak of ours. */
export const LSAN = `suppressions=${join(ROOT, 'tests/lib/lsan.supp')}:print_suppressions=0`;

export const skipWithout = (plugin) => missing('cartrita-worker', 'cartrita-queued', `plugins/${plugin}.so`);

/* options: those of startCartritaWorker (set, concurrency, processes, sandbox, timeout, env, ...). By default the plugin may write to
 * `dir` and to whatever other directories the test has made before. */
export async function startPlugin(t, plugin, options = {}) {
  const dir = await temporaryDirectory(t, `cartrita-${plugin}-`);
  const redis = options.redis ?? (await startRedis(t));
  const queue = bullQueue(t, redis, options.queue ?? 'q');
  await queue.isReady();
  const worker = await startCartritaWorker(t, redis, { ...options, plugin, env: { LSAN_OPTIONS: LSAN, ...options.env } });

  /* {id, state: 'completed' | 'failed', result, reason, trace, attempts, job} once it has ended. */
  async function ended(id, deadlineMs = 30_000) {
    const job = await until(
      async () => {
        const found = await queue.getJob(id);
        return found?.finishedOn && found;
      },
      { what: `job ${id} to end`, deadlineMs, describe: () => worker.log },
    );
    return {
      id,
      state: await job.getState(), /* a job that was retried keeps the reason of the time before */
      result: job.returnvalue,
      reason: job.failedReason,
      trace: job.stacktrace,
      attempts: job.attemptsMade,
      job,
    };
  }

  return {
    dir,
    redis,
    queue,
    worker,
    ended,
    file: (name) => join(dir, name),
    add: (name, data, opts) => queue.add(name, data, opts),
    /* Adds a job and waits for its end. */
    run: async (name, data, { deadlineMs, ...opts } = {}) => ended((await queue.add(name, data, opts)).id, deadlineMs),
    logsOf: async (id) => (await queue.getJobLogs(id)).logs,
  };
}

/* Options with which the retry decision shows: a job that may be retried ends with 3 attempts made, one that
 * has failed for good with 1. */
export const RETRIES = { attempts: 3, backoff: { type: 'fixed', delay: 10 } };
