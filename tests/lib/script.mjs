/* What a test job does is written in its data, so that the same job does the same under a Bull worker
 * and under ours. Called by bull workers (workers.mjs, bull_worker.mjs) and by the child of the exec
 * plugin (child.mjs); knows neither.
 *
 * Steps, in this order; each is optional:
 *   record: file        one line is appended: JSON [id, attemptsMade, pid]
 *   logs: [row, ...]    each is logged
 *   progress: [value]   each is reported
 *   sleep: ms           only where time itself is the subject
 *   gate: file          waits until that file exists
 *   crash: times        while attemptsMade < times and `crashed` (file) does not exist yet, makes that
 *                       file and kills its process with SIGKILL
 *   discard: true       no further attempt
 *   failTimes: n        fails while attemptsMade < n, with the message `error`
 *   error: text         without failTimes: fails always
 *   result: value       otherwise the result; absent: none (undefined) */

import { appendFileSync, existsSync, writeFileSync } from 'node:fs';

import { pause } from './wait.mjs';

const GATE_POLL_MS = 5;

/* `job` has id, data, attemptsMade, log(row), progress(value), discard(). Throws to fail; stops early
 * when `signal` is aborted. */
export async function runScript(job, signal) {
  const { data } = job;

  if (data.record) appendFileSync(data.record, `${JSON.stringify([job.id, job.attemptsMade, process.pid])}\n`);
  for (const row of data.logs ?? []) await job.log(row);
  for (const value of data.progress ?? []) await job.progress(value);
  if (data.sleep) await pause(data.sleep);
  while (data.gate && !existsSync(data.gate) && !signal?.aborted) await pause(GATE_POLL_MS);
  if (data.crash && !existsSync(data.crashed)) {
    writeFileSync(data.crashed, '');
    process.kill(process.pid, 'SIGKILL');
  }
  if (data.discard) job.discard();
  if (data.error !== undefined && job.attemptsMade < (data.failTimes ?? Infinity)) throw new Error(data.error);
  return data.result;
}

/* The lines that `record` wrote: [{id, attempt, pid}]. */
export function parseRecord(text) {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
    .map(([id, attempt, pid]) => ({ id, attempt, pid }));
}
