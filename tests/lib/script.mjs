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
 *   steps: [step, ...]  of one job that runs more than once: the step number data.step (0) is done, after
 *                       data.step + 1 was stored. A step is one of {delay: ms}, {toWait: true},
 *                       {limit: ms}: the job moves there itself; {children: [{name, data, opts}, ...]}:
 *                       they are added; {waitChildren: true}: the job waits for its children, if any
 *                       is pending; anything else: on with what follows
 *   update: value       becomes the job's data
 *   discard: true       no further attempt
 *   failTimes: n        fails while attemptsMade < n, with the message `error`
 *   error: text         without failTimes: fails always
 *   childValues: true   the result is what the job's children returned
 *   result: value       otherwise the result; absent: none (undefined)
 *
 * steps, update and childValues are for BullMQ. */

import { appendFileSync, existsSync, writeFileSync } from 'node:fs';

import { pause } from './wait.mjs';

const GATE_POLL_MS = 5;

async function runStep(job, step) {
  if (step.children) for (const { name, data, opts } of step.children) await job.addChild(name, data, opts);
  if (step.delay !== undefined) await job.delay(step.delay);
  if (step.limit) await job.limit(step.limit);
  if (step.toWait) await job.toWait();
  if (step.waitChildren) await job.waitChildren();
}

/* `job` has id, data, attemptsMade, log(row), progress(value), discard(); for BullMQ also update(data),
 * addChild(name, data, opts), childValues(), and delay(ms), limit(ms), toWait(), waitChildren(), which end
 * the run by what they throw. Throws to fail; stops early when `signal` is aborted. */
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
  const { step: at = 0, steps = [] } = data;
  if (at < steps.length) {
    await job.update({ ...data, step: at + 1 });
    await runStep(job, steps[at]);
  }
  if (data.update !== undefined) await job.update(data.update);
  if (data.discard) job.discard();
  if (data.error !== undefined && job.attemptsMade < (data.failTimes ?? Infinity)) throw new Error(data.error);
  return data.childValues ? job.childValues() : data.result;
}

/* The lines that `record` wrote: [{id, attempt, pid}]. */
export function parseRecord(text) {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
    .map(([id, attempt, pid]) => ({ id, attempt, pid }));
}
