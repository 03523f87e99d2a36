/* Pods that come and go under load, as a rolling update or a node that is drained does it: the new one
 * is started and gets its connections from a service in front; the old one is taken out of the service,
 * told SIGTERM, and killed only when it has used up its grace. Workers and daemons take turns. None needs
 * the SIGKILL, so no job is lost and none runs twice.
 *
 * JOBS=n: by default 20,000, and a fifth of that in a build with a sanitizer. */

import assert from 'node:assert/strict';
import { connect, createServer } from 'node:net';
import test from 'node:test';

import { isSanitized } from '../lib/processes.mjs';
import { scopeOf } from '../lib/scope.mjs';
import { until, within } from '../lib/wait.mjs';
import { startCartritaWorker, startDaemon } from '../lib/workers.mjs';
import { Chaos, SETTINGS } from './lib.mjs';

const JOBS_MAX = 20_000;
const JOBS_SANITIZED = 4000;
const WORK_MS = 30_000; /* of all jobs together, so that the load lasts as long whatever their number */
const WORKERS = 2;
const PROCESSES = 2;
const CONCURRENCY = 5;
const ROUNDS = 4; /* in each a worker is replaced, and a daemon */
const GRACE_MS = 60_000; /* terminationGracePeriodSeconds */
const DEADLINE_MS = 180_000;
/* Locks far longer than the test: an expired one would be a reason to run again. */
const LOCKS = { ...SETTINGS, lockDuration: 300_000, lockRenewTime: 30_000 };

/* What gives a new connection to one of the pods that are ready, in turn, and leaves those that it
 * has given alone: a service of a cluster. Pods are addresses, unix:PATH. */
async function openService(t) {
  const pods = [];
  const sockets = new Set();
  let turn = 0;
  const server = createServer((client) => {
    const pod = pods[turn++ % pods.length];
    if (!pod) return client.destroy();
    const upstream = connect(pod.replace('unix:', ''));
    for (const [one, other] of [[client, upstream], [upstream, client]]) {
      sockets.add(one);
      one.on('error', () => {}).on('close', () => {
        sockets.delete(one);
        other.destroySoon();
      });
      one.pipe(other);
    }
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  scopeOf(t).defer(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    address: `127.0.0.1:${server.address().port}`,
    add: (pod) => pods.push(pod),
    remove: (pod) => pods.splice(pods.indexOf(pod), 1),
  };
}

/* SIGTERM, the grace, SIGKILL. Returns whether it came to that. */
async function terminate(program) {
  program.kill('SIGTERM');
  try {
    await within(program.exited, { what: `${program.name} to end`, deadlineMs: GRACE_MS });
    return false;
  } catch {
    program.kill('SIGKILL');
    await program.exited;
    return true;
  }
}

test('workers and daemons that are replaced under load lose no job and run none twice', async (t) => {
  const chaos = await Chaos.open(t);
  const service = await openService(t);
  const startDaemonPod = async () => {
    const daemon = await startDaemon(t, chaos.redis, { args: ['--grace', '45s'] });
    service.add(daemon.server);
    return daemon;
  };
  const daemons = [await startDaemonPod(), await startDaemonPod()];
  const count = Number(process.env.JOBS ?? (isSanitized(daemons[0].pid) ? JOBS_SANITIZED : JOBS_MAX));
  const threads = WORKERS * PROCESSES * CONCURRENCY;
  const startWorkerPod = () =>
    startCartritaWorker(t, chaos.redis, {
      ...chaos.worker({ sleepMs: Math.ceil((WORK_MS * threads) / count) }),
      settings: LOCKS,
      server: service.address,
      processes: PROCESSES,
      concurrency: CONCURRENCY,
      args: ['--grace', '45s'],
      waitReady: false,
    });
  await chaos.add(count);
  const workers = [];
  for (let i = 0; i < WORKERS; i++) workers.push(await startWorkerPod());
  const running = () => [...daemons, ...workers].map(({ program }) => program.log).join('\n');
  const untilDone = (part) =>
    until(async () => (await chaos.completed()) >= count * part, { what: `${part} of the jobs`, deadlineMs: DEADLINE_MS, describe: running });

  let killed = 0;
  for (let round = 0; round < ROUNDS; round++) {
    await untilDone((round + 0.3) / (ROUNDS + 1));
    workers.push(await startWorkerPod());
    const worker = workers.shift();
    if (await terminate(worker.program)) killed++;
    chaos.killed('worker');
    assert.equal(worker.program.code, 0, worker.program.log);

    await untilDone((round + 0.8) / (ROUNDS + 1));
    daemons.push(await startDaemonPod());
    const daemon = daemons.shift();
    service.remove(daemon.server);
    if (await terminate(daemon.program)) killed++;
    chaos.killed('daemon');
    assert.equal(daemon.program.code, 0, daemon.program.log);
  }
  const atEnd = await chaos.completed();
  assert.ok(atEnd < count, 'the load ended before the replacing did');

  const result = await chaos.settle({ deadlineMs: DEADLINE_MS, describe: running });
  t.diagnostic(`${atEnd} of ${count} done when the last pod was replaced`);
  assert.equal(killed, 0, 'ended by SIGKILL');
  assert.equal(result.runTwice, 0, 'jobs that ran twice');
  assert.equal(result.runs, count);
});
