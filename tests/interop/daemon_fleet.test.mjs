/* The daemon between supervisors and clients: reports, orders, watched queues. Both sides are fake
 * peers that say exactly what a test wants. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test from 'node:test';

import { bullQueue } from '../lib/bull.mjs';
import { missing } from '../lib/processes.mjs';
import { startRedis } from '../lib/redis.mjs';
import { until } from '../lib/wait.mjs';
import { openSession, ROLE } from '../lib/wire.mjs';
import { startDaemon } from '../lib/workers.mjs';

const options = { skip: missing('cartrita-queued'), concurrency: 2 };

const CODE = { NOT_FOUND: 3, TOO_LARGE: 5, CLOSED: 7, BAD_MESSAGE: 11, BAD_JSON: 12 };
const REPORT_MAX = 1 << 20;
const WATCHES_MAX = 256;

async function bench(t, daemonOptions = {}) {
  const redis = await startRedis(t);
  const daemon = await startDaemon(t, redis, { logLevel: 'debug', ...daemonOptions });
  return {
    redis,
    daemon,
    supervisor: (worker = randomUUID()) => openSession(t, daemon.server, { role: ROLE.supervisor, worker, pid: 7 }),
    client: () => openSession(t, daemon.server, { role: ROLE.client }),
  };
}

async function fleetOf(client, request = 1) {
  client.send('fleet', { request });
  const done = await client.take('done', { request });
  assert.equal(done.code, 0, done.detail);
  return JSON.parse(done.value);
}

const untilFleet = (client, fits) =>
  until(async () => {
    const fleet = await fleetOf(client);
    return fits(fleet) && fleet;
  }, { what: 'the fleet to be so' });

test('a report is shown while its connection lives, the latest of each worker', options, async (t) => {
  const { supervisor, client } = await bench(t);
  const [one, two] = [randomUUID(), randomUUID()];
  const asker = await client();
  assert.deepEqual(await fleetOf(asker), []);

  const before = Date.now();
  const first = await supervisor(one);
  first.send('report', { state: ' { "worker": "x", "pools": [] } \n' });
  const [seen] = await untilFleet(asker, (fleet) => fleet.length === 1);
  assert.deepEqual([seen.worker, seen.pools], ['x', []]);
  assert.ok(seen.seenAt >= before && seen.seenAt <= Date.now());

  /* An object without members, and one that claims to know when it was seen. */
  const second = await supervisor(two);
  second.send('report', { state: '{ }' });
  await untilFleet(asker, (fleet) => fleet.length === 2 && Object.keys(fleet[1]).join() === 'seenAt');
  second.send('report', { state: '{"seenAt":1,"n":2}' });
  await untilFleet(asker, (fleet) => fleet[1].n === 2 && fleet[1].seenAt >= before);

  /* The same worker on a new connection, before the old one is seen to end. */
  const again = await supervisor(one);
  again.send('report', { state: '{"worker":"again"}' });
  await untilFleet(asker, (fleet) => fleet.length === 2 && fleet.some(({ worker }) => worker === 'again'));
  first.cut();
  second.cut();
  const [left] = await untilFleet(asker, (fleet) => fleet.length === 1);
  assert.equal(left.worker, 'again');
});

test('a report that cannot be is refused, one that is too large is passed over', options, async (t) => {
  const { daemon, supervisor, client } = await bench(t);
  for (const state of ['', '[]', '{"a":1', '{} {}', '"{}"']) {
    const wire = await supervisor();
    wire.send('report', { state });
    assert.equal((await wire.take('error')).code, CODE.BAD_JSON, state);
    await wire.untilClosed();
  }
  for (const hello of [{ role: ROLE.supervisor }, { role: ROLE.client, worker: 'w' }, { role: ROLE.runner, worker: 'w' }]) {
    const wire = await openSession(t, daemon.server, hello);
    wire.send('report', { state: '{}' });
    assert.equal((await wire.take('error')).code, CODE.BAD_MESSAGE);
    await wire.untilClosed();
  }
  const wire = await supervisor();
  const asker = await client();
  wire.send('report', { state: JSON.stringify({ fits: 'x'.repeat(REPORT_MAX - 11) }) });
  await untilFleet(asker, (fleet) => fleet.length === 1);
  wire.send('report', { state: JSON.stringify({ large: 'x'.repeat(REPORT_MAX) }) });
  await daemon.program.untilLine(/report passed over: too large.*FLEET_REPORT_MAX=1048576/);
  assert.ok((await fleetOf(asker))[0].fits);
});

test('a fleet that fits no frame is refused', options, async (t) => {
  const { supervisor, client } = await bench(t, { args: ['--frame-max', '2048'] });
  const wires = [await supervisor(), await supervisor()];
  for (const wire of wires) wire.send('report', { state: JSON.stringify({ text: 'x'.repeat(1500) }) });
  const asker = await client();
  const done = await until(async () => {
    asker.send('fleet', { request: 3 });
    const answer = await asker.take('done', { request: 3 });
    return answer.code !== 0 && answer;
  }, { what: 'two reports' });
  assert.equal(done.code, CODE.TOO_LARGE);
});

test('an order goes to its supervisor, and the answer back, whatever the numbers', options, async (t) => {
  const { supervisor, client } = await bench(t);
  const workers = [randomUUID(), randomUUID()];
  const wires = await Promise.all(workers.map(supervisor));
  for (const wire of wires) wire.send('report', { state: '{}' });
  const clients = [await client(), await client()];
  await untilFleet(clients[0], (fleet) => fleet.length === 2);

  /* Both clients call theirs number 9, and the answers come in the other order. */
  clients[0].send('order', { request: 9, worker: workers[0], verb: 'scale', pool: 'images', count: 4 });
  const first = await wires[0].take('order');
  clients[1].send('order', { request: 9, worker: workers[0], verb: 'drain' });
  const second = await wires[0].take('order');
  assert.deepEqual([first.verb, first.pool, first.count, first.worker], ['scale', 'images', 4, workers[0]]);
  assert.deepEqual([second.verb, second.pool, second.count], ['drain', undefined, undefined]);
  assert.notEqual(first.request, second.request);
  /* Another supervisor cannot answer for it, and a number that is not in use is passed over. */
  wires[1].send('done', { request: first.request, code: 4 });
  wires[0].send('done', { request: 4711, code: 4 });
  wires[0].send('done', { request: second.request, code: 0 });
  wires[0].send('done', { request: first.request, code: 1, detail: 'no', value: '{"n":1}' });
  assert.deepEqual(await clients[1].take('done'), { type: 'done', request: 9, code: 0 });
  assert.deepEqual(await clients[0].take('done'), { type: 'done', request: 9, code: 1, detail: 'no', value: '{"n":1}' });
});

test('an order that nobody can answer is answered by the daemon', options, async (t) => {
  const { supervisor, client, daemon } = await bench(t);
  const worker = randomUUID();
  const wire = await supervisor(worker);
  const asker = await client();
  wire.send('report', { state: '{}' });
  await untilFleet(asker, (fleet) => fleet.length === 1);

  asker.send('order', { request: 1, worker: randomUUID(), verb: 'drain' });
  assert.equal((await asker.take('done', { request: 1 })).code, CODE.NOT_FOUND);
  asker.send('order', { request: 2, worker, verb: 'x'.repeat(513) });
  assert.equal((await asker.take('done', { request: 2 })).code, CODE.TOO_LARGE);
  asker.send('order', { request: 3, worker, verb: 'drain' });
  await wire.take('order');
  wire.cut();
  const lost = await asker.take('done', { request: 3 });
  assert.equal(lost.code, CODE.CLOSED);
  assert.match(lost.detail, /connection of worker .* ended before it answered/);

  /* Orders are a client's; what a supervisor or a runner says ends its connection. */
  for (const role of [ROLE.supervisor, ROLE.runner]) {
    const other = await openSession(t, daemon.server, { role, worker });
    other.send('order', { request: 1, worker, verb: 'drain' });
    assert.equal((await other.take('error')).code, CODE.BAD_MESSAGE);
  }
});

test('orders have a bound, and a client that left takes its own along', options, async (t) => {
  const { supervisor, client } = await bench(t);
  const worker = randomUUID();
  const wire = await supervisor(worker);
  const asker = await client();
  wire.send('report', { state: '{}' });
  await untilFleet(asker, (fleet) => fleet.length === 1);

  const crowd = await client();
  for (let request = 1; request <= 1024; request++) crowd.send('order', { request, worker, verb: 'pause' });
  await until(() => wire.messages.length === 1024, { what: 'all orders to come' });
  asker.send('order', { request: 1, worker, verb: 'pause' });
  const refused = await asker.take('done', { request: 1 });
  assert.equal(refused.code, CODE.TOO_LARGE);
  assert.match(refused.detail, /FLEET_ORDERS_MAX/);
  const { request } = wire.messages[0];
  crowd.cut();
  await until(async () => {
    asker.send('order', { request: 2, worker, verb: 'resume' });
    const order = await Promise.race([wire.take('order', { verb: 'resume' }), asker.take('done', { request: 2 })]);
    return order.type === 'order';
  }, { what: 'room for an order' });
  wire.send('done', { request, code: 0 }); /* for nobody */
  assert.equal((await fleetOf(asker, 5)).length, 1);
});

test('a supervisor that does not answer: a time limit', options, async (t) => {
  const { supervisor, client } = await bench(t);
  const worker = randomUUID();
  const wire = await supervisor(worker);
  const asker = await client();
  wire.send('report', { state: '{}' });
  await untilFleet(asker, (fleet) => fleet.length === 1);
  asker.send('order', { request: 1, worker, verb: 'pause' });
  const order = await wire.take('order');
  const done = await asker.take('done', { request: 1 }, { deadlineMs: 30_000 });
  assert.equal(done.code, 6);
  assert.match(done.detail, /did not answer within 10000 ms/);
  wire.send('done', { request: order.request, code: 0 }); /* too late: passed over */
  assert.equal((await fleetOf(asker, 2)).length, 1);
});

test('a watched queue tells how much waits and for how long', options, async (t) => {
  const { redis, supervisor } = await bench(t);
  const queue = bullQueue(t, redis, 'images');
  const timestamp = Date.now() - 60_000;
  const wires = [await supervisor(), await supervisor()];
  for (let again = 0; again < 2; again++) {
    wires[0].send('watch', { queue: 'images', prefix: 'bull', dialect: 'bull' });
    wires[0].send('watch', { queue: 'images', dialect: 'bull' });
  }
  wires[1].send('watch', { queue: 'images', dialect: 'bull' });

  /* Each is told in the words of its request, once a look: in turn, from when both are known. (The first look may
   * come before the second request does.) */
  const empty = { type: 'backlog', queue: 'images', waiting: 0, oldest_ms: 0 };
  const told = () => wires[0].messages.filter(({ type }) => type === 'backlog');
  await until(() => told().filter(({ prefix }) => !prefix).length >= 2, { what: 'two looks for both' });
  const words = told();
  const both = words.slice(words.findIndex(({ prefix }) => !prefix));
  assert.ok(words.length - both.length >= 1);
  for (const [i, message] of both.entries()) assert.deepEqual(message, i % 2 ? { ...empty, prefix: 'bull' } : empty);
  assert.deepEqual(await wires[1].take('backlog'), { type: 'backlog', queue: 'images', waiting: 0, oldest_ms: 0 });

  await queue.add({ n: 1 }, { timestamp });
  for (let n = 2; n <= 5; n++) await queue.add({ n });
  await queue.add({ n: 6 }, { priority: 1 });
  await queue.add({ n: 7 }, { delay: 3600_000 });
  for (const wire of wires) {
    const { oldest_ms: oldest } = await wire.take('backlog', { waiting: 6 });
    assert.ok(oldest >= 60_000 && oldest < 120_000, `${oldest} ms`);
  }
  /* A job that was delayed is as old as its due time, and not as its timestamp. It is promoted
   * although nobody takes jobs of the queue: watching it looks after it. */
  await queue.empty();
  await queue.add({ n: 8 }, { timestamp, delay: 60_000 - 5_000 });
  const due = await wires[0].take('backlog', { waiting: 1 });
  assert.ok(due.oldest_ms < 30_000, `${due.oldest_ms} ms`);
  /* The jobs of a paused queue cannot be fetched. */
  await queue.pause();
  await wires[0].take('backlog', { waiting: 0 });
});

test('what cannot be watched is logged, and the connection goes on', options, async (t) => {
  const { daemon, redis, supervisor, client } = await bench(t);
  const wire = await supervisor();
  wire.send('report', { state: '{}' });
  wire.send('watch', { queue: '' });
  wire.send('watch', { queue: 'q', dialect: 'bul' });
  await daemon.program.untilLine(/queue cannot be watched.*name of a queue is empty/);
  await daemon.program.untilLine(/queue cannot be watched.*no dialect is called 'bul'/);
  for (let n = 0; n < WATCHES_MAX; n++) wire.send('watch', { queue: `q${n}`, dialect: 'bull' });
  await daemon.program.untilLine(/queue cannot be watched.*BACKLOG_WATCHES_MAX/);
  await wire.take('backlog', { queue: 'q0' });
  /* A key of a foreign type is no backlog, said once. */
  await redis.client().set('bull:q1:wait', 'x');
  await daemon.program.untilLine(/backlog of a queue is not known.*bull:q1:wait is a string/);
  await wire.take('backlog', { queue: 'q0' });
  assert.equal((await fleetOf(await client())).length, 1);
});

test('watching goes on when Redis was away, and ends with a drain', options, async (t) => {
  const { daemon, redis, supervisor } = await bench(t);
  const wire = await supervisor();
  wire.send('watch', { queue: 'q', dialect: 'bull' });
  await wire.take('backlog');
  await redis.client().client('KILL', 'TYPE', 'normal').catch(() => {});
  await wire.take('backlog');
  await wire.take('backlog');
  daemon.program.kill('SIGTERM');
  await wire.untilClosed();
  await daemon.program.exited;
  assert.equal(daemon.program.code, 0);
});
