/* A runner that is stopped has an open socket and says nothing: its jobs must not wait for it. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test from 'node:test';

import { bullQueue, untilCounts } from '../lib/bull.mjs';
import { missing } from '../lib/processes.mjs';
import { startRedis } from '../lib/redis.mjs';
import { until } from '../lib/wait.mjs';
import { openRunner } from '../lib/wire.mjs';
import { startCartritaWorker, startDaemon } from '../lib/workers.mjs';

const options = { skip: missing('cartrita-queued', 'cartrita-worker', 'plugins/noop.so'), concurrency: true };
/* Longer than CONN_ASK_MS (10 s) and CONN_SILENT_MS (30 s) of the daemon. */
const ASKED_MS = 20_000;
const LOST_MS = 50_000;

test('a stopped runner loses the job that it never started', options, async (t) => {
  const redis = await startRedis(t);
  const queue = bullQueue(t, redis);
  const worker = await startCartritaWorker(t, redis, { plugin: 'noop', processes: 2 });
  const [stopped] = await until(async () => ((await worker.pids()).length === 2 ? worker.pids() : false), { what: 'two runners' });

  process.kill(stopped, 'SIGSTOP');
  for (let i = 0; i < 20; i++) await queue.add({ i });
  await untilCounts(queue, { completed: 19, active: 1 }); /* one went into its socket */
  await untilCounts(queue, { completed: 20, failed: 0 }, { deadlineMs: LOST_MS, describe: () => worker.log });
  process.kill(stopped, 'SIGCONT');
  await worker.stop();
});

test('a runner that answers is left alone, however long its job takes', options, async (t) => {
  const redis = await startRedis(t);
  const daemon = await startDaemon(t, redis);
  const queue = bullQueue(t, redis);
  await queue.add({});
  const wires = [await openRunner(t, daemon.server, 'q', { window: 1, hello: { runner: randomUUID() } })];
  const { lease } = await wires[0].take('job');
  wires.push(await openRunner(t, daemon.server, 'q', { window: 0, hello: { runner: randomUUID() } }));

  /* The first answers each time, the second never. */
  const isOver = () => wires[1].isClosed;
  while (!isOver()) {
    await until(() => isOver() || wires[0].messages.some(({ type }) => type === 'ping'), { what: 'a ping', deadlineMs: ASKED_MS });
    if (isOver()) break;
    wires[0].send('pong', { nonce: (await wires[0].take('ping')).nonce });
  }
  assert.ok(!wires[0].isClosed);
  wires[0].send('completed', { lease });
  assert.equal((await wires[0].take('ack')).code, 0);
});
