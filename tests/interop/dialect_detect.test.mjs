/* Whose queue it is: what its keys tell (each row of the protocol's table), what is done while nothing
 * tells and when both do, in the daemon, the worker and cartrita-q. */

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { bullQueue, untilState } from '../lib/bull.mjs';
import { mqQueue, VERSIONS } from '../lib/bullmq.mjs';
import { missing, runProgram, startProgram } from '../lib/processes.mjs';
import { jsonOfQ, runQ } from '../lib/q.mjs';
import { startRedis, temporaryDirectory } from '../lib/redis.mjs';
import { until } from '../lib/wait.mjs';
import { openSession } from '../lib/wire.mjs';
import { startDaemon } from '../lib/workers.mjs';
import { CLI, Driver } from './bull_sides.mjs';

const options = { skip: missing('cartrita-queued', 'cartrita-worker', 'cartrita-q', CLI) };
const P = 'bull:q:';
const OPTS_OF_BULL = '{"attempts":1,"delay":0,"timestamp":1795429945598}';

/* What the keys of queue q tell: ask() gives {verdict, dialect, exists, signs}. */
function detector(t, redis) {
  const driver = new Driver(t, redis);
  return () => driver.ask({ op: 'detect' });
}

const NEUTRAL = [
  ['set', 'id', 7],
  ['zadd', 'completed', 1, '7'],
  ['hset', '7', 'name', 'n', 'opts', '{}'],
];

/* [what, commands with keys below the queue, verdict] */
const ROWS = [
  ['nothing', [], 'unknown'],
  ['neutral keys (S130)', NEUTRAL, 'unknown'],
  ['keys of both as well', [['set', 'de:x', 1], ['hset', 'metrics:completed', 'count', 1], ['set', 'stalled-check', 1]], 'unknown'],
  ['meta with paused alone', [['hset', 'meta', 'paused', 1]], 'unknown'],
  ['a version of something else', [['hset', 'meta', 'version', 'other:1.0']], 'unknown'],
  ['meta version', [['hset', 'meta', 'version', 'bullmq:5.1.0']], 'bullmq'],
  ['meta opts.maxLenEvents', [['hset', 'meta', 'opts.maxLenEvents', 10000]], 'bullmq'],
  ['events', [['xadd', 'events', '*', 'event', 'added']], 'bullmq'],
  ['marker', [['zadd', 'marker', 0, '0']], 'bullmq'],
  ['prioritized', [['zadd', 'prioritized', 1, 'a']], 'bullmq'],
  ['pc', [['set', 'pc', 1]], 'bullmq'],
  ['waiting-children', [['zadd', 'waiting-children', 1, 'a']], 'bullmq'],
  ['a marker of BullMQ 4 in wait', [['lpush', 'wait', '0:0']], 'bullmq'],
  ['a job with ats', [['rpush', 'wait', 'a'], ['hset', 'a', 'name', 'n', 'ats', 1]], 'bullmq'],
  ['a job with atm', [['zadd', 'failed', 1, 'a'], ['hset', 'a', 'name', 'n', 'atm', 1]], 'bullmq'],
  ['a job that has the name of a key', [['rpush', 'wait', 'marker'], ['hset', 'marker', 'name', 'n', 'opts', '{}']], 'unknown'],
  ['meta-paused', [['set', 'meta-paused', 1]], 'bull'],
  ['jobs over the limit', [['sadd', 'limiter:limited', 'a']], 'bull'],
  ['jobs over the limit of a group', [['hset', 'limiter:index', 'a', 'limiter:g:limited']], 'bull'],
  ['priority', [['zadd', 'priority', 1, 'a']], 'bull'],
  ['attemptsMade and options of Bull', [['zadd', 'failed', 1, 'a'], ['hset', 'a', 'attemptsMade', 1, 'opts', OPTS_OF_BULL]], 'bull'],
  ['attemptsMade and no name', [['zadd', 'failed', 1, 'a'], ['hset', 'a', 'attemptsMade', 1, 'name', '__default__']], 'bull'],
  ['options of Bull alone', [['rpush', 'wait', 'a'], ['hset', 'a', 'opts', OPTS_OF_BULL]], 'bull'],
  ['options of Bull where BullMQ works', [['rpush', 'wait', 'a'], ['hset', 'a', 'opts', OPTS_OF_BULL], ['set', 'pc', 1]], 'bullmq'],
  ['a repeatable job', [['zadd', 'repeat', 1, 'n::::5000']], 'bull'],
  ['a repeatable cron job', [['zadd', 'repeat', 1, 'n:::Europe/Madrid:0 9 * * *']], 'bull'],
  ['a repeatable job where BullMQ works', [['zadd', 'repeat', 1, 'n::::5000'], ['zadd', 'marker', 0, '0']], 'bullmq'],
  ['a scheduler', [['zadd', 'repeat', 1, 'daily']], 'unknown'],
  ['events and meta-paused (S129)', [['xadd', 'events', '*', 'event', 'added'], ['set', 'meta-paused', 1], ['zadd', 'priority', 1, 'a']], 'mixed'],
  ['a job of each', [['rpush', 'wait', 'a', 'b'], ['hset', 'a', 'ats', 1], ['hset', 'b', 'attemptsMade', 1, 'opts', OPTS_OF_BULL]], 'mixed'],
  ['options that are no JSON', [['rpush', 'wait', 'a'], ['hset', 'a', 'opts', '{"attempts":']], 'unknown'],
];

test('each sign, and what several of them tell', options, async (t) => {
  const redis = await startRedis(t);
  const client = redis.client();
  const ask = detector(t, redis);

  for (const [what, commands, verdict] of ROWS) {
    await client.flushall();
    for (const [command, key, ...rest] of commands) await client.call(command, P + key, ...rest);
    const answer = await ask();
    assert.equal(answer.verdict, verdict, `${what}: ${JSON.stringify(answer)}`);
    assert.equal(answer.dialect, verdict === 'bullmq' || verdict === 'mixed' ? 'bullmq' : 'bull', what);
    assert.equal(answer.signs !== '', verdict !== 'unknown', what);
    if (commands.length === 0) assert.equal(answer.exists, false);
  }
  await client.flushall();
  for (const [command, key, ...rest] of NEUTRAL) await client.call(command, P + key, ...rest);
  assert.equal((await ask()).exists, true);
});

test('a queue of a million jobs is told as quickly as a small one', options, async (t) => {
  const redis = await startRedis(t);
  const client = redis.client();
  const fill = `for i = 1, 5000 do redis.call('LPUSH', KEYS[1], ARGV[1] .. i) end`;
  for (let i = 0; i < 200; i++) await client.eval(fill, 1, `${P}wait`, `${i}-`);
  await client.call('CONFIG', 'RESETSTAT');
  assert.equal((await detector(t, redis)()).verdict, 'unknown');
  const calls = (await client.info('commandstats')).split('\r\n').filter((line) => !/cmdstat_(info|config|eval)/.test(line));
  const count = calls.reduce((sum, line) => sum + Number(/calls=(\d+)/.exec(line)?.[1] ?? 0), 0);
  assert.ok(count < 60, `${count} commands:\n${calls.join('\n')}`);
});

test('what the packages leave is told', options, async (t) => {
  const redis = await startRedis(t);
  const ask = detector(t, redis);
  const client = redis.client();

  await bullQueue(t, redis).add('n', {});
  assert.equal((await ask()).verdict, 'bull');
  for (const version of VERSIONS) {
    await client.flushall();
    const queue = mqQueue(t, redis, 'q', { version });
    await queue.add('n', {}, { delay: 100, timestamp: 1, attempts: 3 });
    assert.equal((await ask()).verdict, 'bullmq');
    await queue.upsertJobScheduler('s', { every: 60_000 }, { name: 'n' });
    assert.equal((await ask()).verdict, 'bullmq');
  }
});

/* --- started before the first producer, and after --------------------------------------------- */

/* Waits for the answer to an attach with dialect auto. */
async function attach(t, daemon, fields = {}) {
  const wire = await openSession(t, daemon.server);
  wire.send('attach', { sub: 1, queue: 'q', ...fields });
  return wire;
}

const producers = {
  bull: (t, redis) => bullQueue(t, redis),
  bullmq: (t, redis) => mqQueue(t, redis),
};

for (const [dialect, producer] of Object.entries(producers)) {
  test(`a worker that comes before the first producer of a ${dialect} queue serves it as ${dialect}`, options, async (t) => {
    const redis = await startRedis(t);
    const daemon = await startDaemon(t, redis, {});
    const wire = await attach(t, daemon);
    await daemon.program.untilLine(/does not exist yet/);
    assert.equal(wire.messages.filter(({ type }) => type === 'attached').length, 0);
    assert.deepEqual(await redis.client().keys('*'), [], 'nothing is written meanwhile');

    const job = await producer(t, redis).add('n', { a: 1 });
    const attached = await wire.take('attached');
    assert.deepEqual([attached.code, `${attached.dialect}`], [0, dialect]);
    wire.send('window', { sub: 1, count: 1 });
    assert.equal(`${(await wire.take('job')).id}`, job.id);
  });

  test(`one that comes after it does as well (${dialect})`, options, async (t) => {
    const redis = await startRedis(t);
    const daemon = await startDaemon(t, redis, {});
    await producer(t, redis).add('n', { a: 1 });
    const wire = await attach(t, daemon);
    assert.equal(`${(await wire.take('attached')).dialect}`, dialect);
  });
}

test('a queue that exists and tells nothing is served as Bull at once', options, async (t) => {
  const redis = await startRedis(t);
  const daemon = await startDaemon(t, redis, {});
  await redis.client().set(`${P}id`, 7);
  const wire = await attach(t, daemon);
  assert.equal(`${(await wire.take('attached')).dialect}`, 'bull');
});

test('whoever adds or resumes a job does not wait', options, async (t) => {
  const redis = await startRedis(t);
  const daemon = await startDaemon(t, redis, {});
  const wire = await attach(t, daemon);
  wire.send('resume', { sub: 1, id: '7', token: 'x' });
  assert.equal((await wire.take('attached')).code, 0);
  assert.notEqual((await wire.take('resumed')).code, 0);
  wire.send('add', { request: 1, queue: 'other', data: '{}' });
  assert.equal((await wire.take('added')).code, 0);
});

test('many queues are waited for, and forgotten with their connection', options, async (t) => {
  const redis = await startRedis(t);
  const daemon = await startDaemon(t, redis, {});
  const wire = await openSession(t, daemon.server);
  const gone = await openSession(t, daemon.server);
  for (let i = 0; i < 100; i++) {
    wire.send('attach', { sub: i, queue: `q${i}` });
    gone.send('attach', { sub: i, queue: `q${i}` });
  }
  gone.cut();
  for (const i of [0, 41, 99]) {
    await mqQueue(t, redis, `q${i}`).add('n', {});
    assert.equal(`${(await wire.take('attached', { sub: i })).dialect}`, 'bullmq');
  }
  /* With one worker attached, the next is served as that is, whatever its keys say. */
  const next = await openSession(t, daemon.server);
  next.send('attach', { sub: 1, queue: 'q99' });
  assert.equal(`${(await next.take('attached')).dialect}`, 'bullmq');
  assert.equal(await daemon.stop(), 0);
});

/* --- both in one daemon, and from one file ----------------------------------------------------- */

test('one worker serves queues of Bull and BullMQ, each as it is', options, async (t) => {
  const redis = await startRedis(t);
  const dir = await temporaryDirectory(t);
  const pools = ['told', 'named'].flatMap((how) =>
    ['bull', 'bullmq'].map((dialect) => ({ queue: `${dialect}-${how}`, plugin: 'noop', ...(how === 'named' && { dialect }) })),
  );
  await writeFile(join(dir, 'c.yaml'), JSON.stringify({ pools }));
  const program = startProgram(t, 'cartrita-worker', ['--redis', redis.url, '--config', join(dir, 'c.yaml')], {
    env: { XDG_RUNTIME_DIR: dir, TMPDIR: dir },
  });
  await until(() => program.log.includes('named'), { what: 'the queues that are named', describe: () => program.log });
  for (const { queue: name } of pools) {
    const isMq = name.startsWith('bullmq');
    const queue = isMq ? mqQueue(t, redis, name) : bullQueue(t, redis, name);
    const job = await queue.add('n', {});
    await untilState(queue, job.id, 'completed', { describe: () => program.log });
    assert.equal(await redis.client().exists(`bull:${name}:events`), isMq ? 1 : 0, name);
  }
});

test('a dialect that does not exist, in each program', options, async (t) => {
  const redis = await startRedis(t);
  const dir = await temporaryDirectory(t);
  const file = async (text) => {
    await writeFile(join(dir, 'c.yaml'), JSON.stringify(text));
    return ['--config', join(dir, 'c.yaml')];
  };
  const where = ['--redis', redis.url];
  const wrong = [
    ['cartrita-queued', ['--dialect', 'bulmq', ...where]],
    ['cartrita-queued', [...(await file({ queues: [{ name: 'q', dialect: 'bulmq' }] })), ...where]],
    ['cartrita-worker', ['--dialect', 'bulmq', '-q', 'q', '-p', 'noop', ...where]],
    ['cartrita-q', ['queue', 'ls', '--dialect', 'bulmq', ...where]],
  ];
  for (const [program, args] of wrong) {
    const { code, lines } = await runProgram(t, program, args);
    assert.notEqual(code, 0);
    assert.match(lines.join('\n'), /did you mean 'bullmq'\?/, program);
  }
  const pool = await runProgram(t, 'cartrita-worker', [...(await file({ pools: [{ queue: 'q', plugin: 'noop', dialect: 'bulmq' }] })), ...where]);
  assert.match(pool.lines.join('\n'), /did you mean 'bullmq'\?/);
});

test('the dialect of the daemon holds where nobody says one', options, async (t) => {
  const redis = await startRedis(t);
  const daemon = await startDaemon(t, redis, { args: ['--dialect', 'bullmq'] });
  assert.equal(`${(await (await attach(t, daemon)).take('attached')).dialect}`, 'bullmq');
  const other = await attach(t, daemon, { queue: 'other', dialect: 'bull' });
  assert.equal(`${(await other.take('attached')).dialect}`, 'bull');
});

/* --- mixed ------------------------------------------------------------------------------------- */

async function mixed(t) {
  const redis = await startRedis(t);
  const client = redis.client();
  await mqQueue(t, redis).add('n', {});
  await client.set(`${P}meta-paused`, 1);
  await client.del(`${P}meta-paused`);
  await client.zadd(`${P}priority`, 3, '1');
  return { redis, client };
}

test('a queue of both: what changes it is refused, until --dialect says whose it is', options, async (t) => {
  const { redis, client } = await mixed(t);
  const before = await client.call('DEBUG', 'DIGEST').catch(() => null);
  const destructive = [
    ['queue', 'drain', 'q'],
    ['queue', 'obliterate', 'q'],
    ['queue', 'clean', 'q', '--state', 'waiting', '--older', '1ms'],
    ['queue', 'pause', 'q'],
    ['queue', 'resume', 'q'],
    ['job', 'rm', 'q', '1'],
    ['job', 'move', 'q', 'other', '--all'],
  ];
  for (const args of destructive) {
    const yes = args[1] === 'pause' || args[1] === 'resume' ? [] : ['--yes'];
    const { code, stderr } = await runQ(t, redis, ...args, ...yes);
    assert.equal(code, 4, `${args.join(' ')}: ${stderr}`);
    assert.match(stderr, /keys of both Bull and BullMQ, .*meta opts\.maxLenEvents.*priority.*--dialect bull or --dialect bullmq/);
  }
  if (before) assert.equal(await client.call('DEBUG', 'DIGEST'), before);
  /* Looking is not refused. */
  assert.equal((await jsonOfQ(t, redis, 'queue', 'show', 'q')).dialect, 'bullmq');
  const { code, stderr } = await runQ(t, redis, 'job', 'rm', 'q', '1', '--yes', '--dialect', 'bullmq');
  assert.equal(code, 0, stderr);
  assert.equal(await client.exists(`${P}1`), 0);
});

test('a queue that tells whose it is is not changed as the other\'s', options, async (t) => {
  const redis = await startRedis(t);
  const client = redis.client();
  await mqQueue(t, redis, 'new').add('n', {});
  await bullQueue(t, redis, 'old').add('n', {});
  for (const [queue, wrong, right] of [['new', 'bull', 'bullmq'], ['old', 'bullmq', 'bull']]) {
    for (const args of [['queue', 'pause', queue], ['job', 'add', queue, 'n'], ['job', 'rm', queue, '1', '--yes']]) {
      const { code, stderr } = await runQ(t, redis, ...args, '--dialect', wrong);
      assert.equal(code, 4, `${args.join(' ')}: ${stderr}`);
      assert.match(stderr, new RegExp(`not of the dialect ${wrong} but of ${right}, .*: leave --dialect out`));
    }
    assert.equal(await client.llen(`bull:${queue}:wait`), 1);
    assert.equal(await client.exists(`bull:${queue}:2`), 0);
  }
});

test('a queue of both is served, and warned of', options, async (t) => {
  const { redis } = await mixed(t);
  const daemon = await startDaemon(t, redis, {});
  assert.equal(`${(await (await attach(t, daemon)).take('attached')).dialect}`, 'bullmq');
  assert.match(await daemon.program.untilLine(/level=warn/), /both Bull and BullMQ.*dialect.*queue=q.*served_as=bullmq.*signs=/);
  const given = await startDaemon(t, redis, {});
  assert.equal(`${(await (await attach(t, given, { dialect: 'bull' })).take('attached')).dialect}`, 'bull');
  assert.doesNotMatch(given.program.log, /level=warn/);
});
