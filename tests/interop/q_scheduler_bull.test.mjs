/* cartrita-q scheduler beside Bull's own calls for repeatable jobs: what they leave, what they list,
 * and when jobs come. */

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';

import { bullQueue, recordMessages, untilState } from '../lib/bull.mjs';
import { jsonOfQ, runQ } from '../lib/q.mjs';
import { startRedis } from '../lib/redis.mjs';
import { differences, dump, normalise, normaliseMessages } from '../lib/state.mjs';
import { until } from '../lib/wait.mjs';

const require = createRequire(import.meta.url);
const cronParser = createRequire(require.resolve('bull'))('cron-parser');

const HOUR_MS = 3600_000;
const FAR_MS = Date.UTC(2099, 0, 1);

async function open(t) {
  const redis = await startRedis(t);
  const ours = bullQueue(t, redis, 'ours');
  const theirs = bullQueue(t, redis, 'theirs');
  await Promise.all([ours.isReady(), theirs.isReady()]);
  return {
    redis,
    client: redis.client(),
    ours,
    theirs,
    q: (...args) => runQ(t, redis, 'scheduler', ...args),
    json: (...args) => jsonOfQ(t, redis, 'scheduler', ...args),
  };
}

/* How long a job still had to wait when it was added differs by what went by in between. */
function withoutDelay(state) {
  for (const { type, value } of Object.values(state)) {
    if (type !== 'hash') continue;
    value.delay = '<delay>';
    value.opts = value.opts.replace(/"delay":\d+/, '"delay":"<delay>"');
  }
  return state;
}

async function sameState(side) {
  const [a, b] = await Promise.all(['ours', 'theirs'].map((name) => dump(side.client, name)));
  assert.deepEqual(differences(withoutDelay(normalise(a)), withoutDelay(normalise(b))), []);
}

test('add leaves and publishes what Bull does for the same rule', async (t) => {
  const side = await open(t);
  const [ourMessages, theirMessages] = [await recordMessages(side.redis, 'ours'), await recordMessages(side.redis, 'theirs')];
  const end = ['--end', '2098-12-31T19:00-05:00'];
  const cases = [
    [['n', '--cron', '0 0 1 1 *', '--tz', 'Europe/Madrid'], {}, { repeat: { cron: '0 0 1 1 *', tz: 'Europe/Madrid' } }],
    [['n', '--cron', '0 0 1 1 *', '--tz', 'UTC', '--data', '{"a": [1]}'], { a: [1] }, { repeat: { cron: '0 0 1 1 *', tz: 'UTC' } }],
    [['n', '--every', '1d'], {}, { repeat: { every: 24 * HOUR_MS } }],
    [['other', '--every', '1d', '--limit', '3', '--job-id', 'mine'], {}, { repeat: { every: 24 * HOUR_MS, limit: 3 }, jobId: 'mine' }],
    [['other', '--cron', '0 0 1 1 *', '--tz', 'UTC', ...end], {}, { repeat: { cron: '0 0 1 1 *', tz: 'UTC', endDate: FAR_MS } }],
    [['n', '--every', '2d', '--opts', '{"attempts": 4, "backoff": 7}'], {}, { repeat: { every: 48 * HOUR_MS }, attempts: 4, backoff: 7 }],
    /* again: only the counter goes on */
    [['n', '--every', '1d', '--data', '{"other": 1}'], { other: 1 }, { repeat: { every: 24 * HOUR_MS } }],
  ];
  for (const [args, data, opts] of cases) {
    await side.theirs.add(args[0], data, opts);
    const { code, stdout, stderr } = await side.q('add', 'ours', ...args);
    assert.equal(code, 0, stderr);
    const keys = (await side.theirs.getRepeatableJobs()).map(({ key }) => key);
    assert.ok(keys.includes(stdout.trimEnd()), `${stdout} of ${keys}`);
  }
  await sameState(side);
  await until(() => ourMessages.length >= theirMessages.length && theirMessages.length > 0);
  const bare = (messages) => normaliseMessages(messages).map((line) => line.replace(/^delayed .*/, 'delayed'));
  assert.deepEqual(bare(ourMessages), bare(theirMessages));

  const again = await side.q('add', 'ours', 'n', '--every', '1d');
  assert.match(again.stderr, /is there already: its next job keeps its data/);
});

test('ls and show tell what getRepeatableJobs does, those that are next first', async (t) => {
  const side = await open(t);
  const { theirs } = side;
  await theirs.add('report', { x: 1 }, { repeat: { cron: '0 0 1 1 *', tz: 'Europe/Madrid', limit: 9 }, attempts: 3 });
  await theirs.add('tick', {}, { repeat: { every: HOUR_MS }, jobId: 'r1' });
  await theirs.add({}, { repeat: { cron: '0 12 31 12 *', endDate: FAR_MS } });

  const listed = await side.json('ls', 'theirs');
  const wanted = await theirs.getRepeatableJobs(0, -1, true);
  assert.deepEqual(
    listed.map(({ key, name, id, endDate, tz, cron, every, next }) => ({ key, name, id, endDate, tz, cron, every, next })),
    wanted,
  );
  for (const { state, jobId, next } of listed) {
    assert.equal(state, 'delayed');
    assert.equal((await theirs.getJob(jobId)).opts.prevMillis, next);
  }
  const shown = await side.json('show', 'theirs', 'report');
  assert.deepEqual([shown.limit, shown.count, shown.data, shown.opts.attempts], [9, 1, { x: 1 }, 3]);
  const sheet = await side.q('show', 'theirs', 'tick:r1::3600000');
  assert.match(sheet.stdout, /^when +every 1h$/m);
  assert.match((await side.q('ls', 'theirs')).stdout, /^key +name +when +zone +next +state\n/);
});

test('rm leaves what removeRepeatableByKey leaves', async (t) => {
  const side = await open(t);
  const rules = [
    ['a', { repeat: { cron: '0 0 1 1 *', tz: 'UTC+03:30' } }],
    ['a', { repeat: { every: 24 * HOUR_MS }, jobId: 'mine' }],
    ['b', { repeat: { cron: '0 0 1 1 *', endDate: FAR_MS } }],
    ['stays', { repeat: { every: 24 * HOUR_MS } }],
  ];
  for (const queue of [side.ours, side.theirs]) {
    for (const [name, opts] of rules) await queue.add(name, {}, structuredClone(opts));
  }
  const keys = (await side.theirs.getRepeatableJobs()).map(({ key }) => key).filter((key) => !key.startsWith('stays'));
  assert.equal(keys.length, 3);

  const dry = await side.json('rm', 'ours', ...keys, '--dry-run');
  assert.deepEqual([dry.matched, dry.removed, dry.series], [3, 0, []]);
  const asked = await side.q('rm', 'ours', ...keys);
  assert.equal(asked.code, 2);
  assert.match(asked.stderr, /3 series of queue "ours" end; next jobs that go with them: 3\n.*nothing was done/s);
  await sameState(side);

  const done = await side.json('rm', 'ours', ...keys, keys[0], '--yes');
  assert.deepEqual([done.matched, done.removed, done.jobsRemoved, done.dryRun], [3, 3, 3, false]);
  for (const key of keys.filter((key) => !key.includes('+03:30'))) await side.theirs.removeRepeatableByKey(key);
  /* Bull reads the zone's colon as the end of the zone, and leaves the job; told in full it does not. */
  await side.theirs.removeRepeatable('a', { cron: '0 0 1 1 *', tz: 'UTC+03:30' });
  await sameState(side);
});

test('names with colons lose their next job, too', async (t) => {
  const side = await open(t);
  await side.ours.add('mail:send', {}, { repeat: { cron: '0 0 1 1 *', tz: 'UTC' }, jobId: 'a:b' });
  await side.ours.add('mail:send', {}, { repeat: { every: HOUR_MS } });
  const listed = await side.json('ls', 'ours');
  assert.deepEqual(listed.map(({ name, id, state }) => [name, id, state]), [['mail:send', null, 'delayed'], ['mail:send', 'a:b', 'delayed']]);
  const two = await side.q('show', 'ours', 'mail:send');
  assert.equal(two.code, 4);
  assert.match(two.stderr, /2 series of queue "ours" are named "mail:send"/);
  /* Without its job only the key tells, and Bull itself would take "send" for the id. */
  await (await side.ours.getJob(listed[0].jobId)).remove();
  const [robbed] = (await side.json('ls', 'ours')).filter(({ state }) => state === 'stopped');
  assert.deepEqual([robbed.key, robbed.every], [listed[0].key, HOUR_MS]);
  await side.json('rm', 'ours', ...listed.map(({ key }) => key), '--yes');
  assert.deepEqual(Object.keys(await dump(side.client, 'ours')), ['id']);
});

test('a series whose next job is due waits, one without a next job has stopped', async (t) => {
  const side = await open(t);
  const { ours } = side;
  await ours.add('ends', {}, { repeat: { every: 200, limit: 2 } });
  await ours.add('robbed', {}, { repeat: { every: HOUR_MS } });
  await ours.add('due', {}, { repeat: { every: HOUR_MS } });
  let last;
  ours.process('ends', (job) => {
    last = job.id;
  });
  await until(() => ours.getCompletedCount().then((count) => count === 2));
  await untilState(ours, last, 'completed');
  await ours.pause();

  const byName = async () => Object.fromEntries((await side.json('ls', 'ours')).map((item) => [item.name, item]));
  const before = await byName();
  await (await ours.getJob(before.due.jobId)).promote();
  await (await ours.getJob(before.robbed.jobId)).remove();
  const { ends, robbed, due } = await byName();
  assert.deepEqual([ends.state, robbed.state, due.state], ['stopped', 'stopped', 'waiting']);
  assert.deepEqual([ends.limit, ends.count, robbed.jobId, robbed.every, robbed.count], [2, 2, null, HOUR_MS, null]);
  assert.match((await side.q('ls', 'ours')).stderr, /^2 stopped: there is no next job/m);

  const next = await side.q('next', 'ours', 'ends');
  assert.equal(next.code, 4);
  assert.match(next.stderr, /has stopped/);
  await side.json('rm', 'ours', 'due', 'ends', 'robbed', '--yes');
  assert.equal(await ours.getRepeatableCount(), 0);
  assert.equal(await ours.getPausedCount(), 1, 'what waits already is left');
});

test('next tells the times that cron-parser finds, and marks where clocks change', async (t) => {
  const cases = [
    ['30 2 * * *', 'Europe/Madrid', '2026-03-20T00:00:00Z'],
    ['0 0/30 * * * *', 'Europe/Madrid', '2026-10-24T22:00:00Z'],
    ['15 1,2,3 * * *', 'America/New_York', '2026-03-06T00:00:00Z'],
    ['0 0 L * 5', 'Australia/Lord_Howe', '2026-01-01T00:00:00Z'],
    ['*/20 * * * *', 'Asia/Kathmandu', '2026-01-01T00:00:00Z'],
    ['0 12 * * 1-5', 'UTC', '2024-02-26T00:00:00Z'],
  ];
  for (const [cron, tz, from] of cases) {
    const parsed = cronParser.parseExpression(cron, { tz, currentDate: new Date(from) });
    const wanted = Array.from({ length: 40 }, () => parsed.next().getTime());
    const rows = await jsonOfQ(t, null, 'scheduler', 'next', '--cron', cron, '--tz', tz, '--from', from, '-n', '40');
    assert.deepEqual(rows.map(({ at }) => at), wanted, cron);
    for (const [i, { local, at, offset, offsetChanged }] of rows.entries()) {
      assert.equal(Date.parse(local.replace(' ', 'T').replace(' ', '')), at);
      assert.equal(local.slice(-6), offset);
      assert.equal(offsetChanged, i > 0 && rows[i - 1].offset !== offset);
    }
  }
  const { stdout } = await runQ(t, null, 'scheduler', 'next', '--cron', '30 2 * * *', '--tz', 'Europe/Madrid', '--from', '2026-03-28', '-n', '2');
  assert.match(stdout, /2026-03-28 02:30:00 \+01:00.*\n2026-03-29 03:30:00 \+02:00.*clocks went forward by 1h\n$/);
});

test('next of a series begins with the job that there is, and ends where the series does', async (t) => {
  const side = await open(t);
  await side.ours.add('n', {}, { repeat: { every: HOUR_MS, limit: 3 } });
  const { next } = await side.json('show', 'ours', 'n');
  const run = await side.q('next', 'ours', 'n', '-o', 'jsonl');
  assert.deepEqual(run.stdout.trim().split('\n').map((line) => JSON.parse(line).at), [0, 1, 2].map((i) => next + i * HOUR_MS));
  assert.match(run.stderr, /those are all/);

  const none = await runQ(t, null, 'scheduler', 'next', '--cron', '* * * * *', '--tz', 'UTC', '--end', '2020-01-01');
  assert.deepEqual([none.code, none.stdout], [0, '']);
  assert.match(none.stderr, /does not run any more/);
});

test('many series are listed whole, in parts', async (t) => {
  const side = await open(t);
  await side.ours.add('first', {}, { repeat: { every: HOUR_MS } });
  const members = Array.from({ length: 1234 }, (_, i) => [FAR_MS + i, `s${i}:::${HOUR_MS + i}`]).flat();
  await side.client.zadd('bull:ours:repeat', ...members);
  const listed = await side.json('ls', 'ours', '--limit', '5000');
  assert.equal(listed.length, 1235);
  assert.equal(new Set(listed.map(({ key }) => key)).size, 1235);
  assert.equal((await side.json('ls', 'ours')).length, 100);
  assert.equal((await side.json('show', 'ours', 's1233')).state, 'stopped');
});

test('what is wrong is said, and nothing is added', async (t) => {
  const side = await open(t);
  await side.ours.add('n', {}, { repeat: { every: HOUR_MS } });
  const before = await dump(side.client, 'ours');
  for (const [args, code, message] of [
    [['add', 'ours', 'n'], 2, /give either --cron EXPR or --every DURATION/],
    [['add', 'ours', 'n', '--cron', '* * * * *', '--every', '1s'], 2, /give either/],
    [['add', 'ours', 'n', '--every', '1s', '--tz', 'UTC'], 2, /--tz goes with --cron/],
    [['add', 'ours', 'n', '--cron', '61 * * * *'], 2, /cron.*minute/],
    [['add', 'ours', 'n', '--cron', '* * * * *', '--tz', 'Nowhere/Else'], 2, /unknown time zone 'Nowhere\/Else'/],
    [['add', 'ours', 'n', '--cron', '* * * * *', '--end', 'soon'], 2, /--end soon: write a date/],
    [['add', 'ours', 'n', '--cron', '* * * * *', '--end', '2020-01-01'], 2, /nothing was added: the series has reached its endDate/],
    [['add', 'ours', 'n', '--every', '1s', '--data', '{'], 2, /--data/],
    [['add', 'ours', 'n', '--every', '1s', '--limit', '0'], 2, /--limit/],
    [['next'], 2, /give either QUEUE and KEY, or --cron or --every/],
    [['next', 'ours'], 2, /give either QUEUE and KEY/],
    [['next', 'ours', 'n', '--cron', '* * * * *'], 2, /give either/],
    [['next', 'ours', 'n', '--tz', 'UTC'], 2, /a series has its own/],
    [['show', 'ours', 'm'], 3, /has no series/],
    [['show', 'ours', 'n:::360000'], 3, /did you mean "n:::3600000"\?/],
    [['rm', 'ours', 'n', 'x', '--yes'], 3, /has no series/],
    [['ls', 'our'], 3, /did you mean "ours"\?/],
  ]) {
    const run = await side.q(...args);
    assert.equal(run.code, code, `${args.join(' ')}: ${run.stderr}`);
    assert.match(run.stderr, message);
    assert.equal(run.stdout, '');
  }
  assert.deepEqual(await dump(side.client, 'ours'), before);
  await side.client.set('bull:odd:repeat', 'what is this');
  await bullQueue(t, side.redis, 'odd').add({});
  const odd = await side.q('ls', 'odd');
  assert.deepEqual([odd.code, /bull:odd:repeat/.test(odd.stderr)], [4, true]);
});
