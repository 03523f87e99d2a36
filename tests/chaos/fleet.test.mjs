/* A fleet that is never left alone: under full load its configuration is read again, its plugin replaced
 * by another version, its pool scaled, paused and restarted, and its runners recycled, all of it at once
 * and in an order that SEED=n repeats. Nobody dies, so each job runs exactly once and none is charged;
 * there is no grace either, so that whatever drains instead of retiring would hand back. In the second
 * test the pool is stopped, and the supervisor killed, as well: what ran twice had been with a runner
 * that died in that.
 *
 * JOBS=n: by default 50,000, and a sixth of that in a build with a sanitizer. */

import assert from 'node:assert/strict';
import { copyFile, mkdir, readFile, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';

import { openFleet } from '../lib/fleet.mjs';
import { BUILD, commandOf, isSanitized } from '../lib/processes.mjs';
import { randomOf, SEED } from '../lib/random.mjs';
import { runQ } from '../lib/q.mjs';
import { pause, until, within } from '../lib/wait.mjs';
import { startCartritaWorker, startDaemon } from '../lib/workers.mjs';
import { Chaos, TALLY } from './lib.mjs';

const JOBS_MAX = 50_000;
const JOBS_SANITIZED = 8000;
const WORK_MS = 100_000; /* of all jobs together, so that the load lasts as long whatever their number */
const PROCESSES = 2;
const CONCURRENCY = 10;
const RUNNERS_MAX = 4;
const RECYCLES = 200; /* a runner after that part of the jobs */
const KILLS = 4;
const QUIET_FROM = 0.9; /* of the jobs done: from here on the fleet is left alone */
const SPREAD_MS = 300; /* between two steps of a lane, at the most */
const RELOAD_MS = 20_000;
const DEADLINE_MS = 120_000;
/* Locks far longer than the test: an expired one would be a reason to run again. */
const SETTINGS = {
  lockDuration: 300_000,
  stalledInterval: 1000,
  maxStalledCount: 1000,
  maxCrashes: 0,
  guardInterval: 1000,
  retryProcessDelay: 200,
};
const VERSIONS = { '1.0': TALLY, '2.0': join(BUILD, 'tests/plugins/tally_next.so') };

/* Jobs that completed with a trace of trouble, of any kind. */
const CHARGED = `
local charged = {}
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local job = redis.call('HMGET', ARGV[1] .. id, 'attemptsMade', 'stalledCounter', 'failedReason', 'stacktrace')
  if (job[1] and job[1] ~= '0') or job[2] or job[3] or job[4] then charged[#charged + 1] = id end
end
return charged`;

/* A daemon and a supervisor, and what can be done to the two. */
class Fleet {
  static async open(t, { args = [] } = {}) {
    const fleet = new Fleet();
    fleet.t = t;
    fleet.chaos = await Chaos.open(t);
    fleet.random = randomOf(SEED);
    fleet.tmp = join(fleet.chaos.dir, 'tmp');
    await mkdir(fleet.tmp);
    fleet.plugin = join(fleet.chaos.dir, 'plugin.so');
    await fleet.install('1.0');
    fleet.daemon = await startDaemon(t, fleet.chaos.redis);
    fleet.jobs = Number(process.env.JOBS ?? (isSanitized(fleet.daemon.pid) ? JOBS_SANITIZED : JOBS_MAX));
    fleet.pids = new Set(); /* of all supervisors */
    fleet.dead = new Set(); /* runners whose supervisor was killed */
    fleet.client = await openFleet(t, fleet.daemon.server);
    fleet.args = args;
    await fleet.start();
    await until(async () => (await fleet.client.reports()).length > 0, { what: 'the worker to report' });
    return fleet;
  }

  async start() {
    const { chaos } = this;
    const worker = await startCartritaWorker(this.t, chaos.redis, {
      ...chaos.worker({ processes: PROCESSES, concurrency: CONCURRENCY, sleepMs: Math.ceil(WORK_MS / this.jobs) }),
      plugin: this.plugin,
      settings: { ...SETTINGS, 'recycle-jobs': Math.ceil(this.jobs / RECYCLES) },
      logLevel: 'info',
      server: this.daemon.server,
      args: this.args,
      waitReady: false,
      env: { TMPDIR: this.tmp },
    });
    this.pids.add(worker.program.pid);
    /* Before that a SIGHUP would end it. */
    await worker.program.untilLine(/msg="worker started"/, { deadlineMs: RELOAD_MS });
    this.worker = worker;
  }

  /* As a deployment does it: a running plugin must not be written to. */
  async install(version) {
    await copyFile(VERSIONS[version], `${this.plugin}.next`);
    await rename(`${this.plugin}.next`, this.plugin);
    this.version = version;
  }

  async configure(changes) {
    const path = join(this.worker.dir, 'worker.yaml');
    const { pools } = JSON.parse(await readFile(path, 'utf8'));
    await writeFile(`${path}.next`, JSON.stringify({ pools: [{ ...pools[0], ...changes }] }));
    await rename(`${path}.next`, path);
  }

  async reload() {
    const { program } = this.worker;
    const reloads = () => program.lines.filter((line) => /configuration read again|reload refused/.test(line)).length;
    const before = reloads();
    program.kill('SIGHUP');
    await until(() => reloads() > before || !program.isRunning, { what: 'the reload', deadlineMs: RELOAD_MS });
  }

  async order(verb, ...args) {
    const words = ['worker', verb, 'all', 'q', ...args, '--server', this.daemon.server];
    const { code, stderr } = await runQ(this.t, null, ...words);
    if (!this.isMortal) assert.equal(code, 0, `worker ${verb}: ${stderr}\n${this.worker.log}`);
  }

  /* Held still while its runners are counted: none may come between. */
  async kill() {
    const { program } = this.worker;
    program.kill('SIGSTOP');
    for (const pid of await this.worker.pids()) this.dead.add(pid);
    program.kill('SIGKILL');
    await program.exited;
    await this.start();
  }

  rest() {
    return pause(this.random() * SPREAD_MS);
  }

  /* What a lane does, by name. Lanes run side by side. */
  reloads = {
    reload: () => this.reload(),
    'reload before the last has taken over': () => this.reload().then(() => this.reload()),
    'other concurrency': async () => {
      await this.configure({ concurrency: CONCURRENCY - 3 + Math.floor(this.random() * 6) });
      await this.reload();
    },
    upgrade: async () => {
      await this.install(this.version === '1.0' ? '2.0' : '1.0');
      await this.reload();
    },
  };

  orders = {
    scale: () => this.order('scale', 1 + Math.floor(this.random() * RUNNERS_MAX)),
    pause: async () => {
      await this.order('pause');
      await this.rest();
      await this.order('resume');
    },
    restart: () => this.order('restart'),
  };

  stops = {
    stop: async () => {
      await this.order('stop');
      await this.rest();
      await this.order('start');
    },
  };

  /* Each of `steps` in an order of its own, over and over; each once at the least. */
  async lane(steps) {
    do {
      const names = Object.keys(steps).map((name) => [this.random(), name]);
      for (const [, name] of names.sort(([a], [b]) => a - b)) {
        await this.rest();
        await steps[name]();
        this.chaos.killed(name);
      }
    } while ((await this.chaos.completed()) < this.jobs * QUIET_FROM);
  }

  /* When that part of the jobs is done. */
  async kills() {
    for (let i = 1; i <= KILLS; i++) {
      const least = (this.jobs * QUIET_FROM * i) / (KILLS + 1);
      await until(async () => (await this.chaos.completed()) >= least, { what: `${least} jobs`, deadlineMs: DEADLINE_MS });
      await this.kill();
      this.chaos.killed('supervisor');
    }
  }

  /* Both to the end. */
  async run(...lanes) {
    await Promise.all([this.chaos.add(this.jobs, this.jobOptions), ...lanes]);
    await this.install('2.0');
    await this.reload();
    const result = await this.chaos.settle({ deadlineMs: DEADLINE_MS, describe: () => this.worker.log });
    this.checkLog(/reload refused|runner keeps dying|level=error|handing back/);
    return result;
  }

  logged(pattern) {
    return this.worker.program.lines.find((line) => pattern.test(line));
  }

  checkLog(unwanted) {
    assert.equal(this.logged(unwanted), undefined);
  }

  /* The last word counts: that version, and that many runners. The last reload may still be taking over,
   * and then its configuration counts again: hence the order is repeated. */
  async checkObeyed() {
    let pool;
    await until(
      async () => {
        const { pid } = this.worker.program;
        [pool] = (await this.client.reports()).find((report) => report.pid === pid).pools;
        if (pool.wanted !== RUNNERS_MAX) await this.order('scale', RUNNERS_MAX);
        const ready = pool.runners.filter(({ state }) => state === 'ready').length;
        const isOver = ready === RUNNERS_MAX && pool.runners.length === ready;
        return isOver && pool.state === 'running' && pool.pluginVersion === '2.0';
      },
      {
        what: 'the fleet to be as ordered',
        deadlineMs: RELOAD_MS,
        describe: () => `${JSON.stringify(pool)}\n${this.worker.log}`,
      },
    );
  }

  /* No process and no temporary file, of whatever supervisor. */
  async checkNothingLeft(history) {
    const pids = new Set([...this.pids, ...this.dead]);
    for (const runs of history.values()) for (const { pid } of runs) pids.add(pid);
    const left = async () => {
      const words = await Promise.all([...pids].map(async (pid) => [pid, (await commandOf(pid)).join(' ')]));
      return words.filter(([, command]) => command.includes('cartrita-worker'));
    };
    await until(async () => (await left()).length === 0, { what: 'all runners to be gone', describe: left });
    assert.deepEqual(await readdir(this.tmp), [], 'temporary files are left');
    return pids.size;
  }
}

test('reloads, upgrades and orders under full load: none lost, none charged', async (t) => {
  const fleet = await Fleet.open(t, { args: ['--grace', '0'] });
  const { chaos } = fleet;
  fleet.jobOptions = () => ({ attempts: 1 }); /* a charge would be the end */

  const result = await fleet.run(fleet.lane(fleet.reloads), fleet.lane(fleet.orders));
  await fleet.checkObeyed();
  const history = await chaos.history();
  assert.equal(result.runs, fleet.jobs, 'each job ran once');
  assert.deepEqual(await chaos.client.eval(CHARGED, 1, 'bull:q:completed', 'bull:q:'), [], 'jobs were charged');
  const versions = new Set([...history.values()].map(([{ version }]) => version));
  assert.deepEqual([...versions].sort(), Object.keys(VERSIONS));
  assert.ok(fleet.logged(/replacing a runner.*recycle-jobs/), 'no runner was recycled');
  fleet.checkLog(/msg="runner died"|job lost/);
  await fleet.worker.stop();
  t.diagnostic(`${await fleet.checkNothingLeft(history)} processes`);
  await within(fleet.daemon.stop(), { what: 'the daemon to end' });
});

test('the same, and the supervisor is killed: what ran twice had died with it', async (t) => {
  const fleet = await Fleet.open(t);
  const { chaos } = fleet;
  fleet.isMortal = true; /* an order may find nobody */

  await fleet.run(fleet.lane(fleet.reloads), fleet.lane({ ...fleet.orders, ...fleet.stops }), fleet.kills());
  await fleet.checkObeyed();
  const history = await chaos.history();
  const unexplained = [...history].filter(([, runs]) => runs.slice(0, -1).some(({ pid }) => !fleet.dead.has(pid)));
  assert.deepEqual(unexplained, [], 'ran again, and not for a kill');
  assert.equal(chaos.kills.supervisor, KILLS);
  await fleet.worker.stop();
  t.diagnostic(`${await fleet.checkNothingLeft(history)} processes`);
  await within(fleet.daemon.stop(), { what: 'the daemon to end' });
});
