/* cartrita-q tail: what Bull's own global events tell, in their order. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { bullQueue, untilState } from '../lib/bull.mjs';
import { programPath, startProgram } from '../lib/processes.mjs';
import { runQ } from '../lib/q.mjs';
import { startRedis } from '../lib/redis.mjs';
import { until, within } from '../lib/wait.mjs';

const startTail = (t, redis, ...args) => startProgram(t, 'cartrita-q', ['tail', ...args, '--redis', redis.url]);
const rows = (tail) => tail.stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
const untilPattern = (client, count) => until(async () => (await client.pubsub('NUMPAT')) >= count, { what: 'the pattern' });

test('tail prints every event of a queue, and no other queue\'s', async (t) => {
  const redis = await startRedis(t);
  const queue = bullQueue(t, redis, 'a:b');
  const other = bullQueue(t, redis, 'a:b:c');
  const client = redis.client();
  const tail = startTail(t, redis, 'a:b', '-o', 'jsonl');
  await tail.untilLine(/there is no queue "a:b" yet/);
  await untilPattern(client, 5);

  queue.process(async (job) => {
    await job.progress({ half: true });
    if (job.data.bad) throw new Error('no\u001b[2J');
    return 'yes';
  });
  const good = await queue.add({}, { jobId: 'x:1' });
  await untilState(queue, good.id, 'completed');
  await other.add({});
  const bad = await queue.add({ bad: 1 });
  await untilState(queue, bad.id, 'failed');
  await queue.pause();
  const late = await queue.add({}, { delay: 60_000 });
  await until(() => rows(tail).some((row) => row.event === 'delayed' && Number(row.value) === late.timestamp + 60_000), { what: 'delayed' });
  const seen = rows(tail);
  assert.ok(seen.every((row) => row.queue === 'a:b' && row.at > 0));
  const of = (id) => seen.filter((row) => row.id === id).map(({ event, value }) => [event, value]);
  assert.deepEqual(of('x:1'), [['waiting', null], ['active', null], ['progress', { half: true }], ['completed', 'yes']]);
  assert.deepEqual(of(bad.id).map(([event]) => event), ['waiting', 'active', 'progress', 'failed']);
  assert.deepEqual(of(bad.id).at(-1), ['failed', 'no\u001b[2J']);
  assert.equal(seen.filter((row) => row.event === 'paused' && row.id === null).length, 1);

  tail.kill('SIGINT');
  await within(tail.exited);
  assert.equal(tail.code, 0);
});

test('tail of all queues in lines for people, of some events, as many as asked for', async (t) => {
  const redis = await startRedis(t);
  const one = bullQueue(t, redis, 'one');
  const two = bullQueue(t, redis, 'two');
  const tail = startTail(t, redis, '--event', 'waiting', '--limit', 2);
  const array = startTail(t, redis, '-o', 'json', '--limit', 2);
  await untilPattern(redis.client(), 1);
  await until(async () => (await redis.client().client('LIST')).match(/psub=1/g)?.length === 2, { what: 'both' });

  await one.add({}, { jobId: 'a\u001b[31mb' });
  await one.add({}, { delay: 1000 });
  await two.add({}, { jobId: 'c' });
  await within(Promise.all([tail.exited, array.exited]));
  assert.equal(tail.code, 0);
  assert.match(tail.stdout, /^\d\d:\d\d:\d\d\.\d{3} {2}one {2}waiting {5}a\\x1b\[31mb\n\d\d:\d\d:\d\d\.\d{3} {2}two {2}waiting {5}c\n$/);
  assert.deepEqual(JSON.parse(array.stdout).map((row) => row.event), ['waiting', 'delayed']);
  const wrong = await runQ(t, redis, 'tail', '--event', 'complete');
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /did you mean "completed"/);
});

test('tail goes on when Redis comes back, and says that events were missed', async (t) => {
  const redis = await startRedis(t);
  const tail = startTail(t, redis, '-o', 'jsonl');
  await untilPattern(redis.client(), 1);
  await redis.client().publish('bull:q:active', '1');
  await until(() => rows(tail).length === 1, { what: 'tail to be past its start' });

  await redis.restart({ kill: true });
  await tail.untilLine(/events are missed: /);
  await tail.untilLine(/connected again/);
  await redis.client().publish('bull:q:completed', 'not json');
  await redis.client().publish('bull:q:progress', '7,{"old":1}');
  await until(() => rows(tail).length === 3, { what: 'two events' });
  assert.deepEqual(rows(tail).slice(1).map(({ event, id, value }) => [event, id, value]), [['completed', null, 'not json'], ['progress', '7', { old: 1 }]]);
});

test('tail --notices says in its output how the connection is', async (t) => {
  const redis = await startRedis(t);
  const tail = startTail(t, redis, '-o', 'jsonl', '--notices', '--limit', 1);
  const notices = () => rows(tail).filter(({ notice }) => notice);
  await until(() => notices().length === 1, { what: 'listening' });
  await redis.restart({ kill: true });
  await until(() => notices().length >= 3 && notices().at(-1).notice === 'listening', { what: 'missed and listening' });
  assert.deepEqual(notices().slice(0, 2).map(({ notice }) => notice), ['listening', 'missed']);
  assert.ok(notices().every(({ at, event }) => at > 0 && event === undefined));
  assert.ok(notices()[1].reason.length > 0);
  await redis.client().publish('bull:q:active', '1');
  await within(tail.exited);
  assert.deepEqual([tail.code, rows(tail).at(-1).event], [0, 'active']);
  assert.ok(!tail.lines.some((line) => /connected again/.test(line)));
});

test('tail ends when nobody reads it any more, without an event', async (t) => {
  const redis = await startRedis(t);
  const shell = startProgram(t, '/bin/sh', ['-c', '"$0" tail -o jsonl --notices --redis "$1" | head -n 1', programPath('cartrita-q'), redis.url]);
  await within(shell.exited);
  assert.match(shell.stdout, /"notice":"listening"/);
});

test('tail says what is missing when Redis is away or does not allow it', async (t) => {
  const redis = await startRedis(t, { acl: ['quiet on nopass ~* +@all resetchannels'] });
  const url = redis.url.replace('redis://', 'redis://quiet:x@');
  const refused = await runQ(t, null, 'tail', '--redis', url);
  assert.equal(refused.code, 6);
  await redis.stop();
  const away = await runQ(t, redis, 'tail');
  assert.equal(away.code, 5);
});
