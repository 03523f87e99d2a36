/* The same steps on a Bull queue, done by Bull or by Cartrita's dialect (through dialect_cli), so
 * that what each leaves in Redis and publishes can be compared. Called by bull_*.test.mjs. */

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

import { bullQueue, recordMessages } from '../lib/bull.mjs';
import { programPath, startProgram } from '../lib/processes.mjs';
import { until } from '../lib/wait.mjs';

const scripts = createRequire(import.meta.url)('bull/lib/scripts');

export const CLI = 'tests/interop/dialect_cli';
const CODES = { 0: 'ok', 13: 'lock', 14: 'missing', 15: 'inactive' };

function codeOf(error) {
  if (/^Missing key/.test(error.message)) return 'missing';
  if (/^(Missing lock|Lock mismatch)/.test(error.message)) return 'lock';
  if (/is not in the/.test(error.message)) return 'inactive';
  throw error;
}

async function outcome(work) {
  try {
    await work();
    return 'ok';
  } catch (error) {
    return codeOf(error);
  }
}

export class BullSide {
  name = 'bull';
  jobs = new Map();

  constructor(t, redis, { settings = {}, limiter, metrics } = {}) {
    const { backoffStrategies, lockDuration, maxStalledCount, stalledInterval } = settings;
    this.queue = bullQueue(t, redis, 'q', {
      settings: { backoffStrategies, lockDuration, maxStalledCount, stalledInterval },
      ...(limiter && { limiter }),
      ...(metrics && { metrics }),
    });
  }

  async #keep(answer) {
    const [data, id] = Array.isArray(answer) ? answer : [];
    const job = await this.queue.nextJobFromJobData(data, id);
    if (!job) return null;
    this.jobs.set(job.id, job);
    return job.id;
  }

  async add(jobs) {
    const ids = [];
    for (const { name = '__default__', data, opts } of jobs) {
      const job = await this.queue.add(name, data, opts);
      ids.push(job?.id ?? null);
    }
    return ids;
  }

  async take() {
    await this.queue.isReady();
    return this.#keep(await scripts.moveToActive(this.queue));
  }

  async takeBlocked(redis, id) {
    await redis.rpoplpush('bull:q:wait', 'bull:q:active');
    return this.#keep(await scripts.moveToActive(this.queue, id));
  }

  complete(id, value, { fetch = false } = {}) {
    return outcome(async () => {
      const answer = await this.jobs.get(id).moveToCompleted(value, false, !fetch);
      this.fetched = fetch && answer ? await this.#keep(answer) : null;
    });
  }

  fail(id, message, { unrecoverable = false } = {}) {
    const job = this.jobs.get(id);
    if (unrecoverable) job.discard();
    return outcome(() => job.moveToFailed(new Error(message)));
  }

  extend(id) {
    return this.jobs.get(id).extendLock(30000).then((held) => (held ? 'ok' : 'lock'));
  }

  progress(id, value) {
    return outcome(() => this.jobs.get(id).progress(value));
  }

  update(id, data) {
    return outcome(() => this.jobs.get(id).update(data));
  }

  log(id, line) {
    return outcome(() => this.jobs.get(id).log(line));
  }

  async promote(now = Date.now()) {
    await this.queue.isReady();
    await scripts.updateDelaySet(this.queue, now);
  }

  async sweep() {
    await this.queue.isReady();
    const [failed, recovered] = await scripts.moveUnlockedJobsToWait(this.queue);
    return { failed: failed.length, recovered: recovered.length };
  }
}

/* dialect_cli, one request and one answer at a time. */
export class Driver {
  #waiting = [];

  constructor(t, redis, settings = {}, queue = 'q', prefix = 'bull', dialect = 'bull') {
    const args = [redis.port, prefix, queue, JSON.stringify(settings), dialect];
    this.program = startProgram(t, programPath(CLI), args, { stdin: 'pipe' });
    let text = '';
    const poll = () => {
      const rest = this.program.stdout.slice(text.length);
      const end = rest.lastIndexOf('\n') + 1;
      for (const line of rest.slice(0, end).split('\n').filter(Boolean)) this.#waiting.shift()(JSON.parse(line));
      text += rest.slice(0, end);
    };
    this.poll = poll;
  }

  async ask(request) {
    let answer;
    this.#waiting.push((value) => (answer = value));
    this.program.stdin.write(`${JSON.stringify(request)}\n`);
    await until(
      () => {
        this.poll();
        if (answer === undefined && !this.program.isRunning) {
          throw Object.assign(new Error(`dialect_cli ended: ${this.program.log}`), { isFinal: true });
        }
        return answer;
      },
      { what: `an answer to ${JSON.stringify(request)}`, describe: () => this.program.log },
    );
    return answer;
  }
}

export class OurSide {
  name = 'cartrita';

  constructor(t, redis, { settings = {}, limiter, metrics, ours = {} } = {}) {
    const { backoffStrategies, ...plain } = settings;
    this.driver = new Driver(t, redis, {
      ...plain,
      ...(limiter && { limiter }),
      ...(metrics && { metrics }),
      ...ours,
    });
  }

  async commit(request) {
    const answer = await this.driver.ask({ op: 'commit', ...request });
    if (answer.error) throw new Error(`${answer.error}: ${answer.detail}`);
    return answer;
  }

  async #effect(effect, more = {}) {
    const answer = await this.commit({ effects: [effect], ...more });
    this.answer = answer;
    return CODES[answer.results[0].code] ?? answer.results[0].code;
  }

  async add(jobs) {
    const text = (value) => (value === undefined ? undefined : JSON.stringify(value));
    const request = jobs.map(({ name, data, opts }) => ({ name, data: text(data), opts: text(opts) }));
    const { results } = await this.driver.ask({ op: 'add', jobs: request });
    const bad = results.find((result) => result.code !== 0);
    if (bad) throw new Error(bad.detail);
    return results.map((result) => result.id);
  }

  async take() {
    const { jobs } = await this.commit({ fetch: 1 });
    if (jobs[0]) await this.#schedule(jobs[0]);
    return jobs[0]?.id ?? null;
  }

  async #schedule(job) {
    if (job.repeat) await this.driver.ask({ op: 'schedule', id: job.id });
  }

  async takeBlocked() {
    const { id } = await this.driver.ask({ op: 'wait' });
    await this.#effect({ kind: 'take', id });
    return this.answer.results[0].leased?.id ?? null;
  }

  async complete(id, value, { fetch = false } = {}) {
    const text = value === undefined ? undefined : JSON.stringify(value);
    const code = await this.#effect({ kind: 'complete', id, value: text }, { fetch: fetch ? 1 : 0 });
    this.fetched = this.answer.jobs[0]?.id ?? null;
    return code;
  }

  async fail(id, message, { unrecoverable = false } = {}) {
    const answer = await this.driver.ask({ op: 'judge', id, reason: message, stack: `Error: ${message}\n    at x`, unrecoverable });
    return CODES[answer.results[0].code];
  }

  extend(id) {
    return this.#effect({ kind: 'renew', id });
  }

  progress(id, value) {
    return this.#effect({ kind: 'progress', id, value: JSON.stringify(value) });
  }

  update(id, data) {
    return this.#effect({ kind: 'update', id, value: JSON.stringify(data) });
  }

  log(id, line) {
    return this.#effect({ kind: 'log', id, value: line });
  }

  async promote(now = Date.now()) {
    return this.commit({ promote: true, now });
  }

  async sweep() {
    const { failed, recovered } = await this.driver.ask({ op: 'sweep' });
    return { failed, recovered };
  }
}

/* What has been published so far, complete: a message of our own is the barrier. */
export async function published(redis, client, work) {
  const messages = await recordMessages(redis);
  const value = await work();
  await client.publish('bull:q:~end', '');
  await until(() => messages.some((m) => m.channel === '~end'), { what: 'the last message' });
  return { value, messages: messages.filter((m) => m.channel !== '~end') };
}
