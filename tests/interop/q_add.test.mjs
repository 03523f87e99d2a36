/* cartrita-q job add beside Bull's add(): the same job, whoever adds it. */

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { bullQueue, recordMessages, untilMessages } from '../lib/bull.mjs';
import { startProgram } from '../lib/processes.mjs';
import { jsonOfQ, runQ } from '../lib/q.mjs';
import { startRedis, temporaryDirectory } from '../lib/redis.mjs';
import { within } from '../lib/wait.mjs';

/* A hash as stored, without what differs from one call to the next. */
async function stored(client, queue, id) {
  const hash = await client.hgetall(`bull:${queue}:${id}`);
  const opts = JSON.parse(hash.opts);
  delete hash.timestamp;
  delete opts.timestamp;
  return { ...hash, opts };
}

test('flags store what Bull stores for the same options', async (t) => {
  const redis = await startRedis(t);
  const client = redis.client();
  const theirs = bullQueue(t, redis, 'theirs');
  const cases = [
    [['job', 'add', 'ours'], () => theirs.add({})],
    [['job', 'add', 'ours', 'mail', '--data', '{"to": "ada"}'], () => theirs.add('mail', { to: 'ada' })],
    [['job', 'add', 'ours', 'n', '--delay', '1h'], () => theirs.add('n', {}, { delay: 3600_000 })],
    [['job', 'add', 'ours', 'n', '--priority', '3'], () => theirs.add('n', {}, { priority: 3 })],
    [['job', 'add', 'ours', 'n', '--lifo'], () => theirs.add('n', {}, { lifo: true })],
    [['job', 'add', 'ours', 'n', '--attempts', '5', '--backoff', 'exponential:2s'],
      () => theirs.add('n', {}, { backoff: { type: 'exponential', delay: 2000 }, attempts: 5 })],
    [['job', 'add', 'ours', 'n', '--backoff', '250ms'], () => theirs.add('n', {}, { backoff: 250 })],
    [['job', 'add', 'ours', 'n', '--job-timeout', '2m'], () => theirs.add('n', {}, { timeout: 120_000 })],
    [['job', 'add', 'ours', 'n', '--opts', '{"removeOnComplete": 100, "attempts": 2}', '--attempts', '7'],
      () => theirs.add('n', {}, { removeOnComplete: 100, attempts: 7 })],
  ];
  for (const [args, add] of cases) {
    const job = await add();
    const { code, stdout, stderr } = await runQ(t, redis, ...args);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, `${job.id}\n`);
    assert.deepEqual(await stored(client, 'ours', job.id), await stored(client, 'theirs', job.id), args.join(' '));
  }
  assert.deepEqual(await client.lrange('bull:ours:wait', 0, -1), await client.lrange('bull:theirs:wait', 0, -1));
});

test('a job with an id of its own is added once, and events tell of it', async (t) => {
  const redis = await startRedis(t);
  const queue = bullQueue(t, redis);
  const messages = await recordMessages(redis);

  assert.deepEqual(await jsonOfQ(t, redis, 'job', 'add', 'q', 'n', '--job-id', 'mine'), { queue: 'q', id: 'mine' });
  await jsonOfQ(t, redis, 'job', 'add', 'q', 'other', '--job-id', 'mine');
  await untilMessages(messages, 'duplicated');
  assert.equal((await untilMessages(messages, 'waiting')).length, 1);
  assert.equal((await queue.getJob('mine')).name, 'n');
  assert.equal(await queue.getWaitingCount(), 1);
});

test('data comes from a file or standard input', async (t) => {
  const redis = await startRedis(t);
  const queue = bullQueue(t, redis);
  const file = join(await temporaryDirectory(t), 'data.json');
  await writeFile(file, '{"from":\n "file"}\n');
  await queue.add({});

  const { id } = await jsonOfQ(t, redis, 'job', 'add', 'q', '--data', `@${file}`);
  assert.deepEqual((await queue.getJob(id)).data, { from: 'file' });

  const program = startProgram(t, 'cartrita-q', ['job', 'add', 'q', '--data', '-', '--redis', redis.url], { stdin: 'pipe' });
  program.stdin.end('{"from":"stdin"}');
  await within(program.exited);
  assert.equal(program.code, 0);
  assert.deepEqual((await queue.getJob(program.stdout.trim())).data, { from: 'stdin' });
});

test('a new queue is told of, a bad job is refused and nothing is added', async (t) => {
  const redis = await startRedis(t);
  const first = await runQ(t, redis, 'job', 'add', 'new');
  assert.equal(first.code, 0);
  assert.match(first.stderr, /queue "new" is new/);
  assert.equal((await runQ(t, redis, 'job', 'add', 'new')).stderr, '');

  const before = await redis.client().keys('*');
  for (const [args, message] of [
    [['--data', '{oops'], /--data: .*/],
    [['--data', '@/no/such/file'], /--data @\/no\/such\/file: No such file/],
    [['--opts', '[]'], /--opts: .*/],
    [['--backoff', 'soon'], /--backoff soon: write a duration/],
    [['--delay', 'soon'], /--delay/],
    [['--attempts', '-1'], /--attempts/],
    [['two', 'many'], /"many" is one argument too many/],
  ]) {
    const { code, stdout, stderr } = await runQ(t, redis, 'job', 'add', 'q', ...args);
    assert.equal(code, 2, `${args}: ${stderr}`);
    assert.equal(stdout, '');
    assert.match(stderr, message);
  }
  assert.deepEqual(await redis.client().keys('*'), before);
});
