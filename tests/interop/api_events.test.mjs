/* The feed of events (/api/v1/events): what real queues do, told to any number of listeners. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import test from 'node:test';

import { bullQueue } from '../lib/bull.mjs';
import { mqQueue } from '../lib/bullmq.mjs';
import { listenToEvents, viewerToken } from '../lib/events.mjs';
import { addressOf, metricsOf } from '../lib/http.mjs';
import { childrenOf, missing } from '../lib/processes.mjs';
import { startRedis, temporaryDirectory } from '../lib/redis.mjs';
import { until, within } from '../lib/wait.mjs';
import { startDaemon } from '../lib/workers.mjs';

const options = { skip: missing('cartrita-queued', 'cartrita-q'), concurrency: 2 };

async function bench(t) {
  const redis = await startRedis(t);
  const { file, token } = await viewerToken(await temporaryDirectory(t));
  const daemon = await startDaemon(t, redis, { args: ['--http', '127.0.0.1:0', '--api-tokens', file] });
  const url = await addressOf(daemon.program);
  const listen = (query, headers) => listenToEvents(t, url, token, query, headers);
  const ready = async (query, headers) => {
    const listener = await listen(query, headers);
    await listener.ready();
    return listener;
  };
  return { redis, daemon, url, token, listen, ready, tails: () => childrenOf(daemon.pid) };
}

const told = (listener) => listener.of('message').map(({ data }) => [data.queue, data.event, data.id]);

test('tells what happens in queues of both dialects, to each what it asked for', options, async (t) => {
  const { redis, url, ready, tails } = await bench(t);
  const all = await ready();
  const some = await ready('?queue=b&queue=none&event=waiting&event=completed');
  assert.equal((await tails()).length, 1, 'one process hears for all');
  assert.equal((await metricsOf(url)).get('cartrita_event_listeners'), 2);
  const bull = bullQueue(t, redis, 'a');
  const mq = mqQueue(t, redis, 'b');
  const first = await bull.add({});
  const second = await mq.add('x', {});
  await mq.add('x', {}, { delay: 60_000 });
  await until(() => told(some).length === 1 && told(all).some(([, event]) => event === 'delayed') && told(all).some(([queue]) => queue === 'a'), { what: 'the events' });
  assert.deepEqual(told(some), [['b', 'waiting', second.id]]);
  assert.ok(told(all).some(([queue, event, id]) => queue === 'a' && event === 'waiting' && id === String(first.id)));
  assert.ok(all.of('message').every(({ id, data }) => /^[0-9a-f]{16}-\d+$/.test(id) && data.at > 0));
  assert.equal(all.answer.headers.get('x-accel-buffering'), 'no');
});

test('a listener that comes back misses nothing', options, async (t) => {
  const { redis, ready } = await bench(t);
  const queue = bullQueue(t, redis, 'q');
  const before = await ready();
  await queue.add({}, { jobId: 'one' });
  await until(() => told(before).length === 1, { what: 'the first' });
  before.cut();
  await before.ended;
  for (const jobId of ['two', 'three']) await queue.add({}, { jobId });
  const after = await ready('', { 'last-event-id': before.lastId });
  await until(() => told(after).length === 2, { what: 'the others' });
  assert.deepEqual(told(after).map(([, , id]) => id), ['two', 'three']);
  assert.deepEqual(after.of('missed'), []);

  for (const id of ['0123456789abcdef-1', `${before.lastId.split('-')[0]}-999999`, 'x']) {
    const lost = await ready('', { 'last-event-id': id });
    assert.match(lost.of('missed')[0].data.reason, /Last-Event-ID is not kept/, id);
  }
});

test('says when events are missed, and when they are heard again', options, async (t) => {
  const { redis, ready, tails, daemon } = await bench(t);
  const queue = bullQueue(t, redis, 'q');
  const listener = await ready();
  const again = (before) => until(() => listener.of('missed').length > before && listener.events.at(-1).event === 'listening', { what: 'both', deadlineMs: 60_000 });
  await redis.restart({ kill: true });
  await again(0);
  await queue.add({}, { jobId: 'again' });
  await until(() => told(listener).length === 1, { what: 'the event' });

  /* The process that hears is killed: another one follows. */
  const [tail] = await tails();
  const before = listener.of('missed').length;
  process.kill(tail, 'SIGKILL');
  await again(before);
  await queue.add({}, { jobId: 'third' });
  await until(() => told(listener).length === 2, { what: 'the event' });
  assert.ok(daemon.program.lines.some((line) => /msg="events are not heard"/.test(line)));
});

test('Redis away, or a user without the right: the listener is told why', options, async (t) => {
  const { redis, listen, daemon } = await bench(t);
  await redis.stop();
  const listener = await listen();
  await until(() => listener.of('missed').length === 1, { what: 'the reason', deadlineMs: 60_000 });
  assert.match(listener.of('missed')[0].data.reason, /refused|connect/);
  daemon.program.kill('SIGTERM');
  await within(listener.ended);
  await within(daemon.program.exited);
});

test('a burst is told whole; an event that is too long, and a listener that is too slow, are told so', options, async (t) => {
  const { redis, url, token, ready } = await bench(t);
  const listener = await ready();
  const client = redis.client();
  const publish = async (count, bytes) => {
    const pipeline = client.pipeline();
    for (let i = 0; i < count; i++) pipeline.publish('bull:q:progress', JSON.stringify({ jobId: `${i}`, progress: 'x'.repeat(bytes) }));
    await pipeline.exec();
  };
  const seen = (count) => until(() => told(listener).length === count, { what: `${count} events`, deadlineMs: 60_000, describe: () => `${told(listener).length}` });
  await publish(5000, 200);
  await seen(5000);
  await publish(1, 70_000);
  await until(() => listener.of('missed').length === 1, { what: 'the loss' });
  assert.match(listener.of('missed')[0].data.reason, /EVENT_LINE_MAX/);

  const socket = connect(new URL(url).port, '127.0.0.1');
  t.after(() => socket.destroy());
  socket.setEncoding('latin1').write(`GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`);
  await new Promise((done) => socket.once('data', done));
  socket.pause();
  await publish(300, 40_000); /* more than sockets and ring hold */
  await seen(5300);
  let text = '';
  let isTold = false; /* looked for as it comes: megabytes follow */
  socket.on('data', (more) => {
    text = text.slice(-100) + more;
    isTold ||= text.includes('this listener was too slow');
  }).resume();
  await until(() => isTold, { what: 'to be told', deadlineMs: 60_000 });
});

test('what cannot be listened to is refused', options, async (t) => {
  const { listen } = await bench(t);
  const refused = (query, status, pattern) =>
    assert.rejects(listen(query), ({ message }) => message.startsWith(`${status}: `) && pattern.test(message));
  await refused('?queue=', 400, /EVENT_NAME_MAX/);
  await refused(`?queue=${'x'.repeat(513)}`, 400, /EVENT_NAME_MAX/);
  await refused(`?prefix=${'x'.repeat(257)}`, 400, /EVENT_PREFIX_MAX/);
  await refused(`?${'event=x&'.repeat(33)}`, 400, /EVENT_FILTER_MAX/);
  await refused('?dialect=bull', 400, /no parameter 'dialect' here/);
  for (let i = 0; i < 4; i++) await listen(`?prefix=p${i}`);
  await refused('?prefix=p4', 503, /EVENT_PREFIXES_MAX/);
  await refused('', 503, /EVENT_PREFIXES_MAX/);
  await listen('?prefix=p3');
});

test('a thousand listeners, and one that takes nothing', options, async (t) => {
  const count = 1000;
  const { redis, url, token, daemon, ready } = await bench(t);
  const dial = () => {
    const socket = connect(new URL(url).port, '127.0.0.1');
    socket.text = '';
    socket.setEncoding('latin1').on('error', () => {});
    socket.write(`GET /api/v1/events?event=waiting HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`);
    t.after(() => socket.destroy());
    return socket;
  };
  const deaf = dial();
  deaf.pause();
  const sockets = Array.from({ length: count - 2 }, () => dial().on('data', function (text) { this.text += text; }));
  const last = await ready();
  await until(() => sockets.every(({ text }) => text.includes('event: listening')), { what: 'all to listen', deadlineMs: 60_000 });
  assert.equal((await metricsOf(url)).get('cartrita_event_listeners'), count);

  const queue = bullQueue(t, redis, 'q');
  const jobs = 300;
  await queue.addBulk(Array.from({ length: jobs }, (_, i) => ({ data: {}, opts: { jobId: `job${i}` } })));
  await until(() => told(last).length >= jobs && sockets.every(({ text }) => text.includes(`"id":"job${jobs - 1}"`)), { what: 'each to hear the last', deadlineMs: 60_000 });
  for (const { text } of sockets) assert.equal(text.match(/"event":"waiting"/g).length, jobs);
  for (const socket of sockets) socket.destroy();
  await until(async () => (await metricsOf(url)).get('cartrita_event_listeners') === 2, { what: 'those that left to be forgotten', deadlineMs: 60_000 });
  assert.equal(await daemon.stop(), 0);
});

test('a daemon that is killed leaves nobody who listens', options, async (t) => {
  const { daemon, ready, tails } = await bench(t);
  const listener = await ready();
  const [tail] = await tails();
  daemon.program.kill('SIGKILL');
  await listener.ended;
  await until(() => {
    try {
      return process.kill(tail, 0) && false;
    } catch {
      return true;
    }
  }, { what: 'tail to end', deadlineMs: 60_000 });
});
