/* cartrita-q dead: dead letters are looked at, go back to work and are removed, each exactly once,
 * whoever wrote them. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { bullQueue, recordMessages, untilMessages } from '../lib/bull.mjs';
import { startProgram } from '../lib/processes.mjs';
import { jsonOfQ, runQ } from '../lib/q.mjs';
import { startRedis } from '../lib/redis.mjs';
import { until, within } from '../lib/wait.mjs';

const SLOW_MS = 240_000;
const SLOW = { deadlineMs: SLOW_MS };
const HOUR_MS = 3600_000;

async function open(t) {
  const redis = await startRedis(t);
  const dead = bullQueue(t, redis, 'dead');
  await dead.isReady();
  return { redis, client: redis.client(), dead, q: (...args) => runQ(t, redis, 'dead', ...args), json: (...args) => jsonOfQ(t, redis, 'dead', ...args) };
}

/* A letter as a program in Node would write it. */
function letter(more = {}) {
  return {
    queue: 'mail',
    id: '7',
    name: 'send',
    data: { to: 'ada' },
    opts: { attempts: 3, backoff: { type: 'fixed', delay: 100 }, delay: 0, timestamp: 1 },
    failedReason: 'no route to host',
    stacktrace: ['Error: no route to host\n    at send'],
    attemptsMade: 3,
    timestamp: Date.now() - 3 * HOUR_MS,
    processedOn: Date.now() - 2 * HOUR_MS,
    finishedOn: Date.now() - 2 * HOUR_MS,
    ...more,
  };
}

const add = (side, more, opts) => side.dead.add(more?.name ?? 'send', letter(more), opts);
const waiting = (side, queue = 'dead') => side.client.lrange(`bull:${queue}:wait`, 0, -1);
const keysOf = async (side, queue) => (await side.client.keys(`bull:${queue}:*`)).map((key) => key.slice(`bull:${queue}:`.length)).sort();

/* Letters 1 to `count`, quickly; each `every`th is of a rare name. */
function fill(client, count, { every = 1 } = {}) {
  return client.eval(
    `for i = 1, tonumber(ARGV[1]) do
       local text = ARGV[2]:gsub('@id', i):gsub('@name', i % ${every} == 0 and 'rare' or 'usual')
       redis.call('HSET', 'bull:dead:' .. i, 'name', 'n', 'data', text, 'opts', '{}', 'timestamp', '1', 'delay', '0', 'priority', '0')
       redis.call('LPUSH', 'bull:dead:wait', i)
     end
     redis.call('SET', 'bull:dead:id', ARGV[1])`,
    0,
    count,
    JSON.stringify(letter({ id: '@id', name: '@name', finishedOn: Date.now() - HOUR_MS })),
  );
}

/* --- looking ----------------------------------------------------------------------------------- */

test('ls shows letters in all states and filters them, show shows one', async (t) => {
  const side = await open(t);
  await add(side);
  await add(side, { name: 'resize', queue: 'image', failedReason: 'bad \u0000 magic\u001b[31m', finishedOn: Date.now() - 1000 });
  await add(side, { id: '9' }, { delay: HOUR_MS });
  await side.dead.add('other', { no: 'letter' });
  await side.client.hset('bull:dead:2', 'name', 'whatever');

  const ids = async (...args) => (await side.json('ls', 'dead', ...args)).map(({ id }) => id);
  assert.deepEqual(await ids(), ['1', '2', '3']);
  assert.deepEqual(await ids('--name', 'resize'), ['2']);
  assert.deepEqual(await ids('--origin', 'mail'), ['1', '3']);
  assert.deepEqual(await ids('--reason', '^no (route|way) to'), ['1', '3']);
  assert.deepEqual(await ids('--older', '1h'), ['1', '3']);
  assert.deepEqual(await ids('--newer', '1h'), ['2']);
  assert.deepEqual(await ids('--limit', '1'), ['1']);
  const [first, , third] = await side.json('ls', 'dead');
  assert.equal(third.state, 'delayed');
  assert.deepEqual(first.letter, (await side.dead.getJob('1')).data);

  const { code, stdout, stderr } = await side.q('ls', 'dead');
  assert.equal(code, 0);
  assert.match(stdout, /^id +state +queue +job +name +failed +attempts +reason\n1 +waiting +mail +7 +send +2 h ago +3 +no route to host\n/);
  assert.ok(!stdout.includes('\u001b'));
  assert.match(stderr, /1 jobs of the queue are no dead letters/);

  const shown = await side.q('show', 'dead', '1');
  assert.match(shown.stdout, /^queue +mail$/m);
  assert.match(shown.stdout, /^data +\{"to":"ada"\}$/m);
  assert.match(shown.stdout, /^stacktrace +Error: no route to host\n +at send$/m);
  assert.deepEqual((await side.json('show', 'dead', '1')).letter, first.letter);
  assert.equal((await side.q('show', 'dead', '99')).code, 3);
  assert.equal((await side.q('show', 'dead', '4')).code, 4);
  assert.equal((await side.q('ls', 'nothing')).code, 3);
  const wrong = await side.q('ls', 'dead', '--reason', '(');
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /--reason \(: /);
});

/* --- back to work ------------------------------------------------------------------------------ */

test('a redriven job is what it was, and says where it comes from', async (t) => {
  const side = await open(t);
  const messages = await recordMessages(side.redis, 'mail');
  const mail = bullQueue(t, side.redis, 'mail');
  const old = letter({ opts: { priority: 4, attempts: 3, delay: 5000, timestamp: 1, removeOnFail: 50, odd: [1] }, data: '@' });
  await side.dead.add('send', old);
  const text = (await side.client.hget('bull:dead:1', 'data')).replace('"@"', '{"n":1234567890123456789.0,"t":"é\\u0001"}');
  await side.client.hset('bull:dead:1', 'data', text);

  const before = Date.now();
  const answer = await side.json('redrive', 'dead', '--yes');
  assert.deepEqual(answer.letters, [{ id: '1', queue: 'mail', newId: '1' }]);
  assert.deepEqual([answer.matched, answer.moved, answer.dryRun], [1, 1, false]);
  const hash = await side.client.hgetall('bull:mail:1');
  assert.equal(hash.data, '{"n":1234567890123456789.0,"t":"é\\u0001"}');
  assert.deepEqual([hash.name, hash.delay, hash.priority], ['send', '0', '4']);
  assert.deepEqual(Object.keys(hash).sort(), ['data', 'delay', 'name', 'opts', 'priority', 'timestamp']);
  const { timestamp, ...opts } = JSON.parse(hash.opts);
  assert.ok(timestamp >= before);
  assert.deepEqual(opts, {
    priority: 4,
    attempts: 3,
    removeOnFail: 50,
    odd: [1],
    redrivenFrom: { queue: 'mail', id: '7', dlq: 'dead', dlqId: '1', failedReason: 'no route to host', count: 1 },
    delay: 0,
  });
  assert.deepEqual(await keysOf(side, 'dead'), ['id']);
  await untilMessages(messages, 'waiting');
  const ran = new Promise((resolve) => mail.process('*', async (job) => resolve(job.opts.redrivenFrom.count)));
  assert.equal(await within(ran), 1);
});

test('it counts how often, and the reason that goes along is bounded', async (t) => {
  const side = await open(t);
  await add(side, { opts: { attempts: 1, redrivenFrom: { count: 4 } }, failedReason: `${'é'.repeat(499)}aé${'é'.repeat(9999)}` });
  await side.json('redrive', 'dead', '1', '--to', 'elsewhere', '--yes');
  const { redrivenFrom } = JSON.parse(await side.client.hget('bull:elsewhere:1', 'opts'));
  assert.equal(redrivenFrom.count, 5);
  assert.equal(redrivenFrom.failedReason, `${'é'.repeat(499)}a`);
});

test('an own id stays where it is free; what made it an iteration or a double goes', async (t) => {
  const side = await open(t);
  const mail = bullQueue(t, side.redis, 'mail');
  await mail.add('n', {}, { jobId: 'taken' });
  await mail.add('n', {}, { jobId: 'x', debounce: { id: 'd' } });
  const opts = { attempts: 1, delay: 0, timestamp: 1 };
  await add(side, { id: 'free', opts: { ...opts, jobId: 'free' } });
  await add(side, { id: 'taken', opts: { ...opts, jobId: 'taken' } });
  await add(side, { id: 'r', opts: { ...opts, jobId: 'repeat:abc:1', repeat: { every: 1000, key: 'k', count: 1 }, prevMillis: 1 } });
  await add(side, { id: 'y', opts: { ...opts, debounce: { id: 'd' } } });
  const { letters } = await side.json('redrive', 'dead', '--yes');
  assert.deepEqual(letters.map(({ newId }) => newId), ['free', '4', '5', '6']);
  const keys = async (id) => Object.keys(JSON.parse(await side.client.hget(`bull:mail:${id}`, 'opts'))).sort();
  const plain = ['attempts', 'delay', 'redrivenFrom', 'timestamp'];
  assert.deepEqual(await keys('free'), ['attempts', 'delay', 'jobId', 'redrivenFrom', 'timestamp']);
  for (const id of ['4', '5', '6']) assert.deepEqual(await keys(id), plain, id);
  assert.equal(await side.client.exists('bull:mail:repeat'), 0);
  assert.equal(await side.client.hget('bull:mail:taken', 'data'), '{}', 'whose id it is, is not touched');
});

test('ids that look like the answers of the script are ids', async (t) => {
  const side = await open(t);
  for (const jobId of ['-1', '-2', '-3']) await add(side, { id: jobId, opts: { jobId } });

  const { code, stdout, stderr } = await side.q('redrive', 'dead', '--yes');
  assert.equal(code, 0, stderr);
  assert.match(stdout, /redriven 3 of 3/);
  assert.deepEqual((await waiting(side, 'mail')).sort(), ['-1', '-2', '-3']);
  assert.deepEqual(await waiting(side), []);
});

test('from every state nobody works in; what a worker holds is left, and said', async (t) => {
  const side = await open(t);
  for (const name of ['waits', 'held', 'later', 'failed']) await add(side, { id: name }, name === 'later' ? { delay: HOUR_MS } : {});
  await side.client.lrem('bull:dead:wait', 0, '4');
  await side.client.zadd('bull:dead:failed', 1, '4');
  await side.client.lrem('bull:dead:wait', 0, '2');
  await side.client.lpush('bull:dead:active', '2');
  const one = await side.q('redrive', 'dead', '2', '--yes');
  assert.equal(one.code, 4);
  assert.match(one.stderr, /1 left: a worker has them, or had/);
  await side.client.lpush('bull:dead:wait', '2');
  await side.client.set('bull:dead:2:lock', 'node');
  const all = await side.json('redrive', 'dead', '--yes');
  assert.deepEqual([all.moved, all.held, all.matched], [3, 1, 4]);
  assert.deepEqual(await keysOf(side, 'dead'), ['2', '2:lock', 'active', 'id', 'wait']);
  assert.deepEqual((await waiting(side, 'mail')).length, 3);
});

test('filters, a limit and ids choose; nothing is done without --yes or in a dry run', async (t) => {
  const side = await open(t);
  for (let i = 1; i <= 6; i++) await add(side, { id: `${i}`, queue: i % 2 ? 'odd' : 'even' });
  await side.dead.add('other', { no: 'letter' });
  const refused = await side.q('redrive', 'dead');
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /6 dead letters of queue "dead" go back to work: 3 in "odd", 3 in "even"; 1 job is no dead letter and stays/);
  assert.match(refused.stderr, /say --yes/);
  const dry = await side.q('rm', 'dead', '--origin', 'odd', '--dry-run');
  assert.equal(dry.code, 0);
  assert.match(dry.stderr, /3 dead letters of queue "dead" will be removed/);
  assert.equal((await waiting(side)).length, 7);

  assert.equal((await side.json('redrive', 'dead', '--origin', 'odd', '--limit', '2', '--yes')).moved, 2);
  assert.deepEqual(await waiting(side), ['7', '6', '5', '4', '2']);
  assert.equal((await side.json('rm', 'dead', '4', '2', '4', '--yes')).moved, 2);
  assert.deepEqual(await waiting(side), ['7', '6', '5']);
  const partly = await side.q('rm', 'dead', '6', '99', '--yes');
  assert.equal(partly.code, 3);
  assert.equal(partly.stdout, 'removed 1 of 1\n');
  assert.equal((await side.q('rm', 'dead', '7', '--yes')).code, 4, 'it is no letter');
  assert.equal((await side.json('rm', 'dead', '--yes')).moved, 1);
  assert.deepEqual(await keysOf(side, 'dead'), ['7', 'id', 'wait']);
});

test('a letter whose job cannot be added stays and is told', async (t) => {
  const side = await open(t);
  await add(side, { data: '{"half', unparsed: ['data'] });
  await add(side, { data: '{"whole":1}', unparsed: ['data'] });
  await add(side, { queue: 'dead' });
  await add(side, { opts: { priority: 'high' } });
  const { code, stdout, stderr } = await side.q('redrive', 'dead', '--yes');
  assert.equal(code, 4);
  assert.equal(stdout, 'redriven 1 of 4\n');
  assert.match(stderr, /letter 1 stays: data: /);
  assert.match(stderr, /letter 3 stays: .*itself/);
  assert.match(stderr, /letter 4 stays: option priority must be a number/);
  assert.equal(await side.client.hget('bull:mail:1', 'data'), '{"whole":1}');
  assert.deepEqual(await waiting(side), ['4', '3', '1']);
  assert.equal((await side.q('redrive', 'dead', '--to', 'dead', '--yes')).code, 2);
  await side.client.set('bull:broken:wait', 'x');
  const broken = await side.q('redrive', 'dead', '3', '--to', 'broken', '--yes');
  assert.equal(broken.code, 4);
  assert.match(broken.stderr, /bull:broken:wait/);
});

/* --- many -------------------------------------------------------------------------------------- */

test('10,000 letters, the redrive killed again and again: each job exactly once', { timeout: SLOW_MS }, async (t) => {
  const side = await open(t);
  const COUNT = 10_000;
  await fill(side.client, COUNT);
  const moved = () => side.client.llen('bull:mail:wait');
  for (const share of [1000, 3000, 6000]) {
    const program = startProgram(t, 'cartrita-q', ['dead', 'redrive', 'dead', '--yes', '--redis', side.redis.url]);
    await until(async () => (await moved()) >= share, { deadlineMs: SLOW_MS });
    program.kill();
    await within(program.exited);
  }
  const rest = COUNT - (await moved());
  const { stdout } = await side.q('redrive', 'dead', '--yes', SLOW);
  assert.equal(stdout, `redriven ${rest} of ${rest}\n`);
  assert.deepEqual(await keysOf(side, 'dead'), ['id']);
  const origins = new Set();
  const ids = await waiting(side, 'mail');
  for (let at = 0; at < ids.length; at += 1000) {
    const pipeline = side.client.pipeline();
    for (const id of ids.slice(at, at + 1000)) pipeline.hget(`bull:mail:${id}`, 'opts');
    for (const [, opts] of await pipeline.exec()) origins.add(JSON.parse(opts).redrivenFrom.id);
  }
  assert.equal(ids.length, COUNT);
  assert.equal(origins.size, COUNT);
});

test('a signal ends it between two calls, and --rate paces it', { timeout: SLOW_MS }, async (t) => {
  const side = await open(t);
  await fill(side.client, 1000);
  const program = startProgram(t, 'cartrita-q', ['dead', 'redrive', 'dead', '--rate', '50/s', '--yes', '--redis', side.redis.url]);
  await until(async () => (await side.client.llen('bull:mail:wait')) >= 10);
  program.kill('SIGINT');
  await within(program.exited);
  assert.equal(program.code, 1);
  assert.match(program.log, /stopped; run it again to go on/);
  const moved = await side.client.llen('bull:mail:wait');
  assert.ok(moved < 1000 && moved % 5 === 0, `${moved}: in steps of a tenth of a second's`);
  assert.equal(program.stdout, `redriven ${moved} of 1000\n`);
  assert.equal(await side.client.llen('bull:dead:wait'), 1000 - moved);
});

/* Times depend on the machine and are only shown; that no call walks through the queue once a letter
 * is what is asserted. */
test('no call holds Redis for long among 100,000 letters', { timeout: SLOW_MS }, async (t) => {
  const side = await open(t);
  await fill(side.client, 100_000, { every: 100 });
  await side.client.config('SET', 'slowlog-log-slower-than', '5000');
  await side.client.config('RESETSTAT');
  await side.client.slowlog('RESET');
  const { stdout } = await side.q('redrive', 'dead', '--name', 'rare', '--yes', SLOW);
  assert.equal(stdout, 'redriven 1000 of 1000\n');
  const calls = (await side.client.info('commandstats')).split('\r\n').reduce((all, line) => {
    const [, name, count] = /^cmdstat_([^:]+):calls=(\d+)/.exec(line) ?? [];
    return name ? { ...all, [name]: Number(count) } : all;
  }, {});
  assert.equal(calls.lpos ?? 0, 0, 'places are known from the page');
  assert.ok(calls.lrem <= 1000, `${calls.lrem} LREM`);
  const ids = Array.from({ length: 50 }, (_, i) => String(100_000 - 1 - i * 1000));
  assert.equal((await side.q('rm', 'dead', ...ids, '--yes', SLOW)).stdout, 'removed 50 of 50\n');
  t.diagnostic(`calls over 5 ms: ${JSON.stringify(await side.client.slowlog('GET', 10).then((rows) => rows.map((row) => [row[2], String(row[3][1]).slice(0, 8)])))}`);
  assert.equal(await side.client.llen('bull:dead:wait'), 100_000 - 1050);
});
