/* What cartrita-q says and exits with when it cannot do what was asked. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { bullQueue } from '../lib/bull.mjs';
import { runQ } from '../lib/q.mjs';
import { freePort, startRedis } from '../lib/redis.mjs';

async function refused(t, redis, args, code, pattern) {
  const run = await runQ(t, redis, ...args);
  assert.equal(run.code, code, `${args.join(' ')}: exit ${run.code}: ${run.stderr}`);
  assert.match(run.stderr, pattern);
  assert.equal(run.stdout, '');
  return run;
}

test('usage: 2, with what was probably meant', async (t) => {
  await refused(t, null, [], 2, /a command comes first/);
  await refused(t, null, ['queu', 'ls'], 2, /did you mean "queue"\?/);
  await refused(t, null, ['queue'], 2, /needs a verb/);
  await refused(t, null, ['queue', 'lst'], 2, /did you mean "queue ls"\?/);
  await refused(t, null, ['queue', 'ls', '--outptu', 'json'], 2, /did you mean --output\?/);
  await refused(t, null, ['queue', 'show'], 2, /an argument is missing or empty/);
  await refused(t, null, ['queue', 'show', ''], 2, /an argument is missing or empty/);
  await refused(t, null, ['queue', 'ls', '--redis', 'http://x'], 2, /--redis: not a Redis URL/);
  await refused(t, null, ['job', 'ls', 'q', '--state', 'complete'], 2, /did you mean "completed"\?/);
  await refused(t, null, ['job', 'ls', 'q', '--asc', '--desc'], 2, /exclude each other/);
  await refused(t, null, ['queue', 'ls', '--dialect', 'bul'], 2, /bull/);
});

test('help and version: 0, on stdout, without Redis', async (t) => {
  for (const args of [['--help'], ['-h'], ['queue', 'ls', '--help'], ['queue', 'show', '-h'], ['job', 'ls', '--help'], ['job', 'show', '--help'], ['job', 'add', '--help'], ['scheduler', 'ls', '-h'], ['scheduler', 'next', '--help'], ['bench', '--help'], ['dead', 'ls', '-h'], ['dead', 'show', '-h'], ['dead', 'redrive', '--help'], ['dead', 'rm', '--help'], ['job', 'cancel', '--help'], ['worker', 'ls', '--help'], ['worker', 'scale', '-h']]) {
    const { code, stdout, stderr } = await runQ(t, null, ...args);
    assert.equal(code, 0);
    assert.match(stdout, /^Usage: cartrita-q/);
    assert.match(stdout, /Exit status:/);
    assert.equal(stderr, '');
  }
  const all = (await runQ(t, null, 'help')).stdout;
  const some = (await runQ(t, null, 'queue', '--help')).stdout;
  assert.match(all, /^ {2}job ls QUEUE/m);
  assert.match(some, /^ {2}queue ls/m);
  assert.doesNotMatch(some, /^ {2}job ls/m);
  assert.match((await runQ(t, null, '--version')).stdout, /^cartrita-q \d+\.\d+\.\d+\n$/);
});

test('no such queue or job: 3, with the nearest name', async (t) => {
  const redis = await startRedis(t);
  const queue = bullQueue(t, redis, 'email-processing');
  await queue.add({});

  await refused(t, redis, ['queue', 'show', 'email-procesing'], 3, /did you mean "email-processing"\?/);
  await refused(t, redis, ['job', 'ls', 'nothing-like-it'], 3, /there is no queue "nothing-like-it" under the prefix "bull"/);
  await refused(t, redis, ['job', 'ls', 'email-processing', '--prefix', 'other'], 3, /under the prefix "other"/);
  await refused(t, redis, ['job', 'show', 'email-processing', '99'], 3, /has no job "99"/);
  const none = await runQ(t, redis, 'queue', 'ls', '--prefix', 'other', '-o', 'json');
  assert.deepEqual([none.code, none.stdout], [0, '[]\n']);
});

test('a job of another queue is no queue', async (t) => {
  const redis = await startRedis(t);
  const queue = bullQueue(t, redis);
  for (const jobId of ['x:id', 'x:meta', 'x:meta-paused', 'y:idea']) await queue.add({}, { jobId });
  const { stdout } = await runQ(t, redis, 'queue', 'ls', '-o', 'json');
  assert.deepEqual(JSON.parse(stdout).map((entry) => entry.name), ['q']);
});

test('a foreign key in the way: 4, and it is named', async (t) => {
  const redis = await startRedis(t);
  await bullQueue(t, redis).add({});
  const client = redis.client();
  await client.set('bull:q:failed', 'what is this');

  await refused(t, redis, ['queue', 'show', 'q'], 4, /bull:q:failed is a string/);
  await refused(t, redis, ['job', 'show', 'q', '1'], 4, /bull:q:failed is a string/);
});

test('no Redis: 5', async (t) => {
  const url = `redis://127.0.0.1:${await freePort()}`;
  await refused(t, { url }, ['queue', 'ls'], 5, /cannot connect to redis:\/\/127\.0\.0\.1:\d+: connection refused/);
});

test('wrong password and missing rights: 6, and no password is shown', async (t) => {
  const redis = await startRedis(t, { acl: ['default on >s3cret ~* +@all', 'reader on >r3ader ~bull:* +@connection'], user: 'default', password: 's3cret' });
  const at = `127.0.0.1:${redis.port}`;

  await refused(t, { url: `redis://${at}` }, ['queue', 'ls'], 6, /Redis wants a password/);
  const wrong = await refused(t, { url: `redis://:wr0ng@${at}` }, ['queue', 'ls'], 6, /refused user and password/);
  assert.doesNotMatch(wrong.stderr, /wr0ng/);
  await refused(t, { url: `redis://reader:r3ader@${at}` }, ['queue', 'ls'], 6, /right/);
});

test('a Redis that does not answer: 7', async (t) => {
  const redis = await startRedis(t);
  redis.freeze();
  await refused(t, redis, ['queue', 'ls', '--timeout', '300ms'], 7, /did not answer in time/);
  redis.thaw();
});

test('a full or closed standard output is an error', async (t) => {
  const redis = await startRedis(t);
  await bullQueue(t, redis).add({});
  const { runProgram, programPath } = await import('../lib/processes.mjs');
  const { code, lines } = await runProgram(t, '/bin/sh', ['-c', `exec '${programPath('cartrita-q')}' queue ls --redis ${redis.url} >/dev/full`]);
  assert.equal(code, 1);
  assert.match(lines.join('\n'), /stdout: No space left/);
});
