/* What the chaos tests share: jobs that are added until Redis has them, and the count
 * at the end. A job counts as lost when it was added and Redis no longer has it as completed. */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { bullQueue } from '../lib/bull.mjs';
import { BUILD } from '../lib/processes.mjs';
import { SEED } from '../lib/random.mjs';
import { startRedis, temporaryDirectory } from '../lib/redis.mjs';
import { until } from '../lib/wait.mjs';

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

export class Chaos {
  static async open(t) {
    const chaos = new Chaos();
    chaos.t = t;
    chaos.redis = await startRedis(t, { aof: 'always' });
    chaos.dir = await temporaryDirectory(t, 'cartrita-chaos-');
    chaos.record = join(chaos.dir, 'record');
    chaos.queue = bullQueue(t, chaos.redis);
    chaos.client = chaos.redis.client();
    chaos.kills = {};
    t.diagnostic(`SEED=${SEED}`);
    return chaos;
  }

  worker(options = {}) {
    return {
      plugin: TALLY,
      set: { record: this.record, sleepMs: String(options.sleepMs ?? 20) },
      settings: SETTINGS,
      logLevel: 'warn',
      ...options,
    };
  }

  killed(kind) {
    this.kills[kind] = (this.kills[kind] ?? 0) + 1;
  }

  /* Adds `count` jobs with ids of their own, each bulk again until Redis has taken it: the producer
   * cannot know what a dying Redis did, the ids make that harmless. A bulk is a transaction; when the
   * first on a connection meets a Redis that is still loading, ioredis takes its scripts for known
   * there, and addBulk() then resolves for ever without adding anything: hence the new connection. */
  async add(count, opts = () => ({})) {
    for (let from = 0; from < count; from += BULK) {
      const jobs = Array.from({ length: Math.min(BULK, count - from) }, (_, i) => ({
        name: 'n',
        data: { i: from + i, record: this.record, sleep: 20 } /* what a Bull worker goes by (script.mjs) */,
        opts: { ...OPTS, jobId: `j${from + i}`, ...opts(from + i) },
      }));
      await until(
        async () => {
          await this.queue.addBulk(jobs);
          const known = await this.client.exists(...jobs.map(({ opts: { jobId } }) => `bull:q:${jobId}`));
          if (known < jobs.length) this.queue.client.disconnect(true);
          return known === jobs.length;
        },
        { what: `jobs from ${from} on to be added`, deadlineMs: 30_000 },
      );
    }
    this.added = count;
  }

  completed() {
    return this.client.zcard('bull:q:completed');
  }

  /* Waits until all is done, then counts. `describe` adds what the programs logged. */
  async settle({ deadlineMs, describe = () => '' }) {
    const keys = ['wait', 'paused', 'active'];
    await until(
      async () => {
        const lengths = await Promise.all(keys.map((key) => this.client.llen(`bull:q:${key}`)));
        return (await this.client.zcard('bull:q:delayed')) === 0 && lengths.every((length) => length === 0);
      },
      {
        what: 'the queue to be empty',
        deadlineMs,
        describe: async () => `${JSON.stringify(await this.queue.getJobCounts())}\n${describe()}`,
      },
    );
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
    const runs = new Map([...(await this.history())].map(([id, list]) => [id, list.length]));
    const done = await this.client.zrange('bull:q:completed', 0, -1);
    const failed = await this.client.zrange('bull:q:failed', 0, -1);
    const ended = new Set([...done, ...failed]);
    const lost = Array.from({ length: this.added }, (_, i) => `j${i}`).filter((id) => !ended.has(id));
    const again = [...runs].filter(([, count]) => count > 1).map(([id]) => id);
    const result = {
      attempted: this.added,
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
    assert.equal(result.done, this.added);
    assert.equal(result.neverRun, 0, 'completed without having run');
    assert.deepEqual(await this.client.keys('bull:q:*:lock'), [], 'locks are left');
    return result;
  }
}
