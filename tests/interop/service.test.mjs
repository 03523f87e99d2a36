/* Both programs under a service manager: what they tell it, by sd_notify, and when. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';

import { untilCounts } from '../lib/bull.mjs';
import { programPath, startProgram } from '../lib/processes.mjs';
import { startRedis, temporaryDirectory } from '../lib/redis.mjs';
import { until, within } from '../lib/wait.mjs';
import { startDaemon } from '../lib/workers.mjs';
import { job, SKIP, startBench, untilRunning } from './naughty.mjs';

const options = { skip: SKIP, concurrency: true };

async function startManager(t) {
  const path = join(await temporaryDirectory(t, 'cartrita-notify-'), 'notify');
  const program = startProgram(t, programPath('tests/interop/notify_manager'), [path]);
  await program.untilLine(/^listening/);
  return {
    env: { NOTIFY_SOCKET: path, WATCHDOG_USEC: '200000' },
    told: (pattern) => program.untilLine(pattern),
    /* What it was told but that the loop turns, in order. */
    get words() {
      return program.lines.filter((line) => !/^(listening|WATCHDOG=1)/.test(line));
    },
    count: (pattern) => program.lines.filter((line) => pattern.test(line)).length,
  };
}

test('a worker is ready when its pools are, reloads, drains and stops in the words of sd_notify', options, async (t) => {
  const manager = await startManager(t);
  const bench = await startBench(t);
  const worker = await bench.work({ processes: 2, args: ['--grace', '20000'], env: manager.env });

  await manager.told(/^READY=1\|STATUS=1 pool, [12] of 2 runners ready$/);
  await manager.told(/STATUS=1 pool, 2 of 2 runners ready$/);
  await until(() => manager.count(/^WATCHDOG=1$/) >= 3, { what: 'signs of life' });
  const environment = readFileSync(`/proc/${await worker.daemon()}/environ`, 'utf8');
  assert.doesNotMatch(environment, /NOTIFY_SOCKET|WATCHDOG/, 'not for children');

  worker.program.kill('SIGHUP');
  await manager.told(/^RELOADING=1\|MONOTONIC_USEC=\d+$/);
  await until(() => manager.count(/^READY=1/) === 2, { what: 'the end of the reload' });
  writeFileSync(join(worker.dir, 'worker.yaml'), 'pools: 7\n');
  worker.program.kill('SIGHUP');
  await until(() => manager.count(/^READY=1/) === 3, { what: 'the end of a refused reload' });

  await job(bench.queue, 'hold', { file: bench.file('go') });
  await untilRunning(bench, 'go');
  worker.program.kill('SIGTERM');
  await manager.told(/^STOPPING=1\|EXTEND_TIMEOUT_USEC=35000000\|STATUS=stopping/);
  const signs = manager.count(/^WATCHDOG=1$/);
  await until(() => manager.count(/^WATCHDOG=1$/) > signs, { what: 'a sign of life while it drains' });
  bench.open('go');
  await within(worker.program.exited, { what: 'the worker to end' });
  await untilCounts(bench.queue, { completed: 1 });
  assert.match(manager.words.at(-1), /^STOPPING=1/);
});

test('one pool that does not work does not keep a worker from being ready', options, async (t) => {
  const manager = await startManager(t);
  const bench = await startBench(t);
  const worker = await bench.work({ set: { refuse: '1' }, waitReady: false, env: manager.env });

  await manager.told(/^READY=1\|STATUS=1 pool, 0 of 1 runners ready; pool q: crashLoop$/);
  await worker.stop();
});

test('a daemon is ready when it listens, whether Redis is there or not', options, async (t) => {
  const manager = await startManager(t);
  const redis = await startRedis(t);
  await redis.kill();
  const daemon = await startDaemon(t, redis, { env: manager.env });

  await manager.told(/^READY=1\|STATUS=listening; Redis has not answered yet$/);
  await until(() => manager.count(/^WATCHDOG=1$/) >= 2, { what: 'signs of life' });
  assert.equal(await daemon.stop(), 0);
  await manager.told(/^STOPPING=1\|EXTEND_TIMEOUT_USEC=\d+\|STATUS=/);

  const other = await startDaemon(t, await startRedis(t), { env: manager.env });
  await manager.told(/^STATUS=serving$/);
  await other.stop();
});
