/* The forms of cartrita-q's output: each says the same, and nothing else goes to stdout. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { bullQueue, untilCounts } from '../lib/bull.mjs';
import { jsonOfQ, runQ } from '../lib/q.mjs';
import { startRedis } from '../lib/redis.mjs';

const ESCAPE = '\u001b[';

/* Three waiting, one failed, one delayed by an hour. */
async function fill(t, redis) {
  const queue = bullQueue(t, redis);
  queue.process('bad', () => Promise.reject(new Error('no')));
  await queue.add('bad', { n: 0 }, { attempts: 1 });
  await untilCounts(queue, { failed: 1 });
  await queue.pause(true, true);
  for (let n = 0; n < 3; n++) await queue.add('good', { n });
  await queue.add('later', {}, { delay: 3600_000 });
  return queue;
}

/* Verbs that only look, and say the same twice. */
const LOOKS = [
  ['queue', 'ls'],
  ['queue', 'show', 'q'],
  ['job', 'ls', 'q'],
  ['job', 'find', 'q', '--name', 'good'],
  ['job', 'show', 'q', '1'],
  ['job', 'logs', 'q', '1'],
  ['dead', 'ls', 'q'],
  ['scheduler', 'ls', 'q'],
  ['compat', 'check'],
  ['doctor'],
  ['acl', 'print', '--role', 'viewer'],
];

const linesOf = (text) => text.split('\n').filter(Boolean).map((line) => JSON.parse(line));

test('json, jsonl and none say the same', async (t) => {
  const redis = await startRedis(t);
  const queue = await fill(t, redis);
  await queue.add('series', {}, { repeat: { every: 3600_000 } });

  for (const args of LOOKS) {
    const whole = await jsonOfQ(t, redis, ...args);
    const lines = await runQ(t, redis, ...args, '-o', 'jsonl');
    assert.equal(lines.code, 0, args.join(' '));
    assert.deepEqual(linesOf(lines.stdout), [whole].flat(), args.join(' '));
    const none = await runQ(t, redis, ...args, '-o', 'none');
    assert.deepEqual([none.code, none.stdout], [0, ''], args.join(' '));
  }
  assert.equal((await runQ(t, redis, 'job', 'add', 'q', '-o', 'none')).stdout, '');
  const [added] = linesOf((await runQ(t, redis, 'job', 'add', 'q', '-o', 'jsonl')).stdout);
  assert.deepEqual(added, { queue: 'q', id: (await queue.getWaiting()).at(-1).id });
  assert.equal((await runQ(t, redis, 'job', 'show', 'q', 'nobody', '-o', 'none')).code, 3);
  const wrong = await runQ(t, redis, 'queue', 'ls', '-o', 'jsno');
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /json/);
});

test('what was done to several things: as lines, the last one has the sums', async (t) => {
  const redis = await startRedis(t);
  const queue = bullQueue(t, redis, 'dead');
  const letter = { queue: 'q', id: '1', name: 'n', data: {}, opts: {}, attemptsMade: 1, failedReason: 'no', stacktrace: [], timestamp: 1, processedOn: 1, finishedOn: 2 };
  for (let n = 0; n < 2; n++) await queue.add('n', letter);

  const { stdout, code } = await runQ(t, redis, 'dead', 'rm', 'dead', '--yes', '-o', 'jsonl');
  const rows = linesOf(stdout);
  const sums = rows.pop();
  assert.equal(code, 0);
  assert.equal(sums.moved, 2);
  assert.deepEqual(rows.map((row) => row.id), ['1', '2']);
});

test('colours: where they were asked for, and never from a job', async (t) => {
  const redis = await startRedis(t);
  const queue = await fill(t, redis);
  await queue.add('a\u001b[31mb');

  for (const args of [['queue', 'ls'], ['job', 'ls', 'q'], ['job', 'show', 'q', '1']]) {
    const plain = await runQ(t, redis, ...args);
    const never = await runQ(t, redis, ...args, '--color', 'never');
    const always = await runQ(t, redis, ...args, '--color=always');
    assert.ok(!plain.stdout.includes(ESCAPE), 'not a terminal');
    assert.equal(never.stdout.replace(/\d+ (s|min)/g, ''), plain.stdout.replace(/\d+ (s|min)/g, ''));
    assert.ok(always.stdout.includes(`${ESCAPE}31m`), 'what failed is red');
    // eslint-disable-next-line no-control-regex
    assert.equal(always.stdout.replace(/\u001b\[\d+m/g, '').replace(/\d+ (s|min)/g, ''), plain.stdout.replace(/\d+ (s|min)/g, ''));
  }
  assert.ok(!(await runQ(t, redis, 'queue', 'ls', '-o', 'json', '--color', 'always')).stdout.includes(ESCAPE));
  const listed = await runQ(t, redis, 'job', 'ls', 'q', '--color', 'always', '--state', 'waiting');
  assert.ok(listed.stdout.includes('a\\x1b[31mb'));
});

test('moments: how long ago, in UTC, in ms', async (t) => {
  const redis = await startRedis(t);
  const queue = await fill(t, redis);
  const job = await queue.getJob('1');
  const iso = new Date(job.timestamp).toISOString();

  assert.match((await runQ(t, redis, 'job', 'ls', 'q', '--state', 'failed')).stdout, / (now|\d+ s ago) +1 +/);
  assert.ok((await runQ(t, redis, 'job', 'ls', 'q', '--time', 'iso')).stdout.includes(` ${iso} `));
  assert.ok((await runQ(t, redis, 'job', 'ls', 'q', '--time', 'ms')).stdout.includes(` ${job.timestamp} `));
  const sheet = (...more) => runQ(t, redis, 'job', 'show', 'q', '1', ...more).then(({ stdout }) => stdout.match(/^timestamp +(.*)$/m)[1]);
  assert.match(await sheet(), new RegExp(`^${iso} \\((now|\\d+ s ago)\\)$`));
  assert.equal(await sheet('--time', 'iso'), iso);
  assert.equal(await sheet('--time', 'ms'), String(job.timestamp));

  const [delayed] = await queue.getDelayed();
  const due = delayed.timestamp + delayed.opts.delay;
  assert.match((await runQ(t, redis, 'job', 'ls', 'q', '--state', 'delayed')).stdout, /due in 59 min|due in 60 min/);
  assert.ok((await runQ(t, redis, 'job', 'ls', 'q', '--state', 'delayed', '--time', 'iso')).stdout.includes(`due ${new Date(due).toISOString()}`));
});
