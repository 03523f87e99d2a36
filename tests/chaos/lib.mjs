/* What the chaos tests share, for queues of either dialect: jobs that are added until Redis has them, and the
 * count at the end. A job counts as lost when it was added and Redis no longer has it as completed. */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { bullQueue } from '../lib/bull.mjs';
import { mqFlow, mqQueue } from '../lib/bullmq.mjs';
import { BUILD } from '../lib/processes.mjs';
import { SEED } from '../lib/random.mjs';
import { startRedis, temporaryDirectory } from '../lib/redis.mjs';
import { until } from '../lib/wait.mjs';
import { startBullProcess, startMqProcess } from '../lib/workers.mjs';

const BULK = 250;
export const TALLY = join(BUILD, 'tests/plugins/tally.so');

/* Short, so that what dies is found within the test. */
export const SETTINGS = {
  lockDuration: 2000,
  lockRenewTime: 500,
  stalledInterval: 1000,
  maxStalledCount: 1000,
  maxCrashes: 0,
  guardInterval: 1000,
  retryProcessDelay: 200,
};
/* A crash charges the job that was running: none may run out of attempts, or of maxCrashes. */
const OPTS = { attempts: 1000 };

/* What differs between the dialects here. `startNode` starts a Node worker in a process of its own. */
const DIALECTS = {
  bull: {
    openQueue: bullQueue,
    reconnect: (queue) => queue.client.disconnect(true),
    startNode: (t, redis, options) => startBullProcess(t, redis, options),
    pending: ['wait', 'paused', 'active', 'delayed'],
  },
  bullmq: {
    openQueue: (t, redis) => mqQueue(t, redis, 'q', { streams: { events: { maxLen: 1_000_000 } } }),
    reconnect: async (queue) => (await queue.client).disconnect(true),
    startNode: (t, redis, { settings, ...options }) =>
      startMqProcess(t, redis, { settings: nodeSettings(settings), ...options }),
    pending: ['wait', 'paused', 'active', 'delayed', 'prioritized', 'waiting-children'],
  },
};
export const DIALECT_NAMES = (process.env.DIALECTS ?? 'bull,bullmq').split(',');

/* BullMQ has other names for how soon a worker tries again, and does not know ours. */
function nodeSettings({ guardInterval, retryProcessDelay, maxCrashes, ...settings }) {
  return { ...settings, runRetryDelay: retryProcessDelay };
}

export class Chaos {
  static async open(t, dialect = 'bull') {
    const chaos = new Chaos();
    chaos.t = t;
    chaos.dialect = dialect;
    chaos.is = DIALECTS[dialect];
    chaos.redis = await startRedis(t, { aof: 'always' });
    chaos.dir = await temporaryDirectory(t, 'cartrita-chaos-');
    chaos.record = join(chaos.dir, 'record');
    chaos.queue = chaos.is.openQueue(t, chaos.redis);
    chaos.client = chaos.redis.client();
    chaos.kills = {};
    chaos.ids = []; /* of what was added */
    t.diagnostic(`SEED=${SEED}`);
    return chaos;
  }

  worker(options = {}) {
    return {
      plugin: TALLY,
      set: { record: this.record, sleepMs: String(options.sleepMs ?? 20) },
      settings: SETTINGS,
      logLevel: 'warn',
      dialect: this.dialect,
      ...options,
    };
  }

  /* A Node worker to be killed: {kill(), stop()}. */
  startNode(options = {}) {
    return this.is.startNode(this.t, this.redis, { settings: SETTINGS, ...options });
  }

  killed(kind) {
    this.kills[kind] = (this.kills[kind] ?? 0) + 1;
  }

  /* Adds `count` jobs with ids of their own, each bulk again until Redis has taken it: the producer
   * cannot know what a dying Redis did, the ids make that harmless. A bulk is a transaction; when the
   * first on a connection meets a Redis that is still loading, ioredis takes its scripts for known
   * there, and addBulk() then resolves for ever without adding anything: hence the new connection. */
  async add(count, opts = () => ({})) {
    const first = this.ids.length;
    for (let from = first; from < first + count; from += BULK) {
      const jobs = Array.from({ length: Math.min(BULK, first + count - from) }, (_, i) => ({
        name: 'n',
        data: { i: from + i, record: this.record, sleep: 20 } /* what a Bull worker goes by (script.mjs) */,
        opts: { ...OPTS, jobId: `j${from + i}`, ...opts(from + i) },
      }));
      const ids = jobs.map((job) => job.opts.jobId);
      await this.#untilKnown(ids, () => this.queue.addBulk(jobs));
      this.ids.push(...ids);
    }
  }

  async #untilKnown(ids, add) {
    await until(
      async () => {
        await add();
        const known = await this.client.exists(...ids.map((id) => `bull:q:${id}`));
        if (known < ids.length) await this.is.reconnect(this.queue);
        return known === ids.length;
      },
      { what: `${ids[0]} and ${ids.length - 1} others to be added`, deadlineMs: 30_000 },
    );
  }

  /* A flow of BullMQ: a root with `fan` children with `fan` children each. One that Redis has is not added
   * again: it may be over. */
  async addFlow(name, fan) {
    this.flow ??= mqFlow(this.t, this.redis);
    const ids = [];
    const node = (id, depth) => {
      ids.push(id);
      const children = depth > 0 && Array.from({ length: fan }, (_, i) => node(`${id}-${i}`, depth - 1));
      return {
        name: 'n',
        queueName: 'q',
        data: { record: this.record, sleep: 20, result: id },
        opts: { ...OPTS, jobId: id },
        ...(children && { children }),
      };
    };
    const root = node(name, 2);
    await this.#untilKnown(ids, async () => {
      if (!(await this.client.exists(`bull:q:${name}`))) await this.flow.add(root);
    });
    this.ids.push(...ids);
    (this.parents ??= []).push(...ids.filter((id) => id.split('-').length <= 2));
  }

  /* A scheduler of BullMQ that makes an iteration so often, in a queue where nothing is before them. */
  async addScheduler(every) {
    const data = { record: this.record, sleep: 20 };
    this.series = mqQueue(this.t, this.redis, 's');
    await until(
      async () => {
        await this.series.upsertJobScheduler('s', { every }, { name: 'n', data, opts: OPTS });
        return this.client.exists('bull:s:repeat:s');
      },
      { what: 'the scheduler to be added', deadlineMs: 30_000 },
    );
  }

  /* When that many jobs are done; what it has made by then is. Returns how many. */
  async endScheduler(least) {
    await until(async () => (await this.completed()) >= least, { what: `${least} jobs`, deadlineMs: 120_000 });
    await until(
      async () => {
        await this.series.removeJobScheduler('s');
        return !(await this.client.exists('bull:s:repeat', 'bull:s:wait', 'bull:s:active', 'bull:s:delayed'));
      },
      { what: 'the scheduler to be gone', deadlineMs: 30_000 },
    );
    const iterations = (await this.client.keys('bull:s:repeat:s:*')).filter((key) => /:\d+$/.test(key));
    assert.equal(await this.client.zcard('bull:s:completed'), iterations.length, 'iterations that have not completed');
    return iterations.length;
  }

  completed() {
    return this.client.zcard('bull:q:completed');
  }

  /* Waits until all is done, then counts. `describe` adds what the programs logged. */
  async settle({ deadlineMs, describe = () => '' }) {
    const keys = this.is.pending.map((key) => `bull:q:${key}`);
    await until(async () => (await this.client.exists(...keys)) === 0, {
      what: 'the queue to be empty',
      deadlineMs,
      describe: async () => `${JSON.stringify(await this.queue.getJobCounts())}\n${describe()}`,
    });
    return this.count();
  }

  /* Job id -> its runs, oldest first: {attempt, pid, version}; the version is a plugin's only. */
  async history() {
    const history = new Map();
    for (const line of (await readFile(this.record, 'utf8')).split('\n').filter(Boolean)) {
      /* a Bull worker's, the plugin's */
      const [id, attempt, pid, version] = line.startsWith('[') ? JSON.parse(line) : line.split(' ');
      if (!history.has(id)) history.set(id, []);
      history.get(id).push({ attempt: Number(attempt), pid: Number(pid), version });
    }
    return history;
  }

  async count() {
    const history = [...(await this.history())].filter(([id]) => !id.startsWith('repeat:'));
    const runs = new Map(history.map(([id, list]) => [id, list.length]));
    const done = await this.client.zrange('bull:q:completed', 0, -1);
    const failed = await this.client.zrange('bull:q:failed', 0, -1);
    const ended = new Set([...done, ...failed]);
    const lost = this.ids.filter((id) => !ended.has(id));
    const again = [...runs].filter(([, count]) => count > 1).map(([id]) => id);
    const result = {
      attempted: this.ids.length,
      runs: [...runs.values()].reduce((sum, count) => sum + count, 0),
      done: done.length,
      failed: failed.length,
      lost: lost.length,
      runTwice: again.length,
      recovered: again.filter((id) => ended.has(id)).length,
      neverRun: done.filter((id) => !runs.has(id)).length,
      kills: this.kills,
    };
    this.t.diagnostic(JSON.stringify(result));
    assert.equal(result.lost, 0, `lost: ${lost.slice(0, 20).join(', ')}`);
    assert.equal(result.failed, 0, `failed: ${failed.slice(0, 20).join(', ')}`);
    assert.equal(result.done, this.ids.length);
    assert.equal(result.neverRun, 0, 'completed without having run');
    assert.deepEqual(await this.client.keys('bull:q:*:lock'), [], 'locks are left');
    for (const id of this.parents ?? []) {
      const values = await this.client.hlen(`bull:q:${id}:processed`);
      assert.ok(values > 0 && this.ids.includes(`${id}-${values - 1}`), `${id} has ${values} results`);
      assert.ok(!this.ids.includes(`${id}-${values}`), `${id} has only ${values} results`);
      assert.equal(await this.client.exists(`bull:q:${id}:dependencies`), 0, `${id} waits for somebody`);
    }
    return result;
  }
}
