/* A zoo of bad jobs (zoo.c, zoo.sh): whatever one of them does, it alone pays, with the true reason; the job
 * that runs beside it and those behind it are done as if nothing had happened, and no process and no
 * file of it stays. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';

import { bullQueue, untilState } from '../lib/bull.mjs';
import { missing, ROOT } from '../lib/processes.mjs';
import { startRedis, temporaryDirectory } from '../lib/redis.mjs';
import { until } from '../lib/wait.mjs';
import { startCartritaWorker } from '../lib/workers.mjs';

const SKIP = missing('cartrita-worker', 'cartrita-queued', 'plugins/exec.so');
const MARK = 'CARTRITA_ZOO'; /* in the environment of all that a test starts, and of what these start */
const END_MS = 20_000;
const LIMITS = {
  timeout: '300ms',
  'memory-max': 96,
  'children-max': 32,
  'files-max': 256,
  'temp-max': 8,
  'output-max': 1,
  'result-max': 1,
};

/* Pids whose environment has our mark. */
function marked(mark) {
  const word = `${MARK}=${mark}`;
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(word);
      } catch {
        return false; /* gone, or not ours */
      }
    });
}

async function openZoo(t, { plugin, set, limits, processes = 1, concurrency = 2 } = {}) {
  const dir = await temporaryDirectory(t, 'cartrita-zoo-');
  const temp = join(dir, 'tmp');
  const redis = await startRedis(t);
  const mark = randomUUID();

  await mkdir(temp, { mode: 0o1777 });
  if (!plugin) {
    plugin = join(dir, 'zoo.so');
    execFileSync('cc', ['-shared', '-fPIC', '-w', '-D_GNU_SOURCE', `-I${ROOT}/worker/include`, '-o', plugin, join(ROOT, 'tests/zoo/zoo.c')]);
  }
  const worker = await startCartritaWorker(t, redis, {
    plugin,
    set,
    processes,
    concurrency,
    settings: { ...LIMITS, ...limits },
    args: ['--cancel-grace', '200ms', '--grace', '2s'],
    /* A sanitizer must leave a crash the crash that it is, and its reports are not of our code. */
    env: { [MARK]: mark, TMPDIR: temp, ASAN_OPTIONS: `handle_segv=0:handle_abort=0:log_path=${dir}/asan` },
  });
  return { dir, temp, redis, worker, mark, queue: bullQueue(t, redis), gate: join(dir, 'gate') };
}

/* The bad job beside a good one that runs, before two good ones that wait. Resolves with the bad one at
 * its end. */
async function meet(zoo, name, opts = {}) {
  const sibling = await zoo.queue.add('hold', { gate: zoo.gate }, { attempts: 2, timeout: 60_000 });
  await until(async () => (await zoo.queue.getJob(sibling.id)).progress() === 1, { what: 'the sibling to run' });
  const bad = await zoo.queue.add(name, {}, opts);
  const behind = [await zoo.queue.add('good'), await zoo.queue.add('good')];
  const ended = await until(
    async () => {
      const job = await zoo.queue.getJob(bad.id);
      return job.finishedOn && job;
    },
    { what: `the job "${name}" to end`, deadlineMs: END_MS, describe: () => zoo.worker.log },
  );
  writeFileSync(zoo.gate, '');
  for (const job of [sibling, ...behind])
    await untilState(zoo.queue, job.id, 'completed', { deadlineMs: END_MS, describe: () => zoo.worker.log });
  return { bad: ended, sibling: await zoo.queue.getJob(sibling.id), behind };
}

async function nothingStays(zoo) {
  assert.ok(marked(zoo.mark).length > 0, 'the mark works');
  await zoo.worker.stop();
  await until(() => marked(zoo.mark).length === 0, {
    what: 'all processes to be gone',
    describe: () => marked(zoo.mark).map((pid) => `${pid}: ${readFileSync(`/proc/${pid}/cmdline`, 'latin1')}`).join('\n'),
  });
  assert.deepEqual(readdirSync(zoo.temp), [], 'files are left');
}

/* `fails`: what failedReason must say. `completes`: the result. `charged`: who else is charged is not
 * known to anyone (the process is gone without a word), so the sibling ran again. */
const ANIMALS = [
  { name: 'loop', fails: /^Promise timed out after 300 milliseconds/ },
  { name: 'block signals', fails: /^Promise timed out after 300 milliseconds/ },
  { name: 'never answers', fails: /^plugin zoo returned without ending job$/ },
  { name: 'leak', fails: /\d+ MiB of memory, limit 96 MiB/, opts: { timeout: 60_000 }, charged: true },
  { name: 'stack overflow', fails: /^runner died while running this job: killed by signal 11 \(SIGSEGV/ },
  { name: 'null pointer', fails: /^runner died while running this job: killed by signal 11 .* at 0x0.*null_pointer.*phase decode/s },
  { name: 'aborts', fails: /^runner died while running this job: killed by signal 6 \(SIGABRT/ },
  /* Under a sanitizer it is that which ends the process, and says nothing to us. */
  { name: 'heap corruption', charged: true, fails: /^runner died while running this job: (killed by signal|exited with status)/, opts: { timeout: 60_000 } },
  { name: 'exits', fails: /^runner died while running this job: exited with status 0/ },
  { name: 'exits at once', fails: /^runner died while running this job: exited with status 0/, charged: true },
  { name: 'jumps', fails: /^(runner died while running this job|Promise timed out)/, charged: true },
  { name: 'answers twice', completes: 'first' },
  { name: 'completes then fails', completes: 'first' },
  { name: 'thread outlives', completes: 'early' },
  { name: 'closes all', anyEnd: true, charged: true },
  { name: 'kills parent', completes: { errno: 'EPERM' } },
  { name: 'signals everybody', completes: { errno: 'EPERM' } },
  { name: 'fork bomb', fails: /\d+ (or more )?child processes, limit 32 \(children-max\)/, opts: { timeout: 60_000 }, limits: { 'memory-max': 0 }, charged: true },
  { name: 'leaves child', completes: 'left' },
  { name: 'fd hog', completes: { errno: 'EMFILE' } },
  { name: 'disk filler', fails: /MiB .*8 MiB \(temp-max\)/, opts: { timeout: 60_000 }, charged: true },
  { name: 'writes elsewhere', completes: { errno: 'EACCES' } },
  { name: 'output flood', completes: 'flooded', opts: { timeout: 60_000 } },
  { name: 'log flood', completes: 'flooded', opts: { timeout: 60_000 } },
  { name: 'huge result', fails: /result.*result-max/ },
];

/* In a child of exec, one job at a time; the sibling is in another runner. */
const CHILDREN = [
  { name: 'loop', fails: /^Promise timed out after 300 milliseconds/ },
  { name: 'deaf', fails: /^Promise timed out after 300 milliseconds/ },
  { name: 'exits', fails: /exited with status 7/ },
  { name: 'kills itself', fails: /killed by signal 9/ },
  { name: 'leaves child', completes: 'left' },
  { name: 'kills guard', fails: /^the command ended with the process that guards it, which was killed/ },
  { name: 'kills runner', fails: /killed by signal 9/ },
  { name: 'leak', fails: /\d+ MiB of memory, limit 96 MiB/, opts: { timeout: 60_000 } },
  { name: 'fork bomb', fails: /\d+ (or more )?child processes, limit 32 \(children-max\)/, opts: { timeout: 60_000 }, limits: { 'memory-max': 0 } },
  { name: 'talks nonsense', completes: 'said' },
  { name: 'closes its output', fails: /./ },
  { name: 'output flood', completes: 'flooded', opts: { timeout: 60_000 } },
  { name: 'writes elsewhere', completes: 'refused' },
];

function check({ bad, sibling }, { fails, completes, anyEnd, charged }) {
  if (fails) {
    assert.match(bad.failedReason ?? 'it completed', fails);
    assert.equal(bad.attemptsMade, 1);
  } else if (!anyEnd) {
    assert.equal(bad.failedReason, undefined);
    assert.deepEqual(bad.returnvalue, completes);
  }
  assert.equal(sibling.returnvalue, 'held');
  if (!charged) assert.equal(sibling.attemptsMade, 0, 'the sibling is not charged');
}

for (const animal of ANIMALS) {
  test(animal.name, { skip: SKIP }, async (t) => {
    const zoo = await openZoo(t, { limits: animal.limits });
    check(await meet(zoo, animal.name, animal.opts), animal);
    await nothingStays(zoo);
  });
}

for (const animal of CHILDREN) {
  test(`in a child: ${animal.name}`, { skip: SKIP }, async (t) => {
    const set = { argv: ['/bin/sh', join(ROOT, 'tests/zoo/zoo.sh')] };
    const zoo = await openZoo(t, { plugin: 'exec', set, limits: animal.limits, processes: 2, concurrency: 1 });
    check(await meet(zoo, animal.name, animal.opts), animal);
    await nothingStays(zoo);
  });
}
