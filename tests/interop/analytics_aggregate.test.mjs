/* Aggregates over a real PostgreSQL: known answers, windows, results that are replaced, queries of the
 * configuration, a replica. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { RETRIES, skipWithout } from '../lib/plugin.mjs';
import { skipWithoutPostgres, startReplica } from '../lib/postgres.mjs';
import { newScope } from '../lib/scope.mjs';
import { until } from '../lib/wait.mjs';
import { startAnalytics, startPostgres } from './analytics_bench.mjs';

const skip = skipWithoutPostgres || skipWithout('analytics');
const scope = newScope();
const HOUR = 3_600_000;
const NOW = Math.floor(Date.now() / HOUR) * HOUR; /* the last full hour ended then */
const queries = {
  echo: {
    sql: 'SELECT $1 AS t, $2 + 1 AS i, $3 AS n, $4 AS b, $5 AS at, $6 AS j, $7 AS l',
    params: [
      { name: 't' },
      { name: 'i', type: 'integer', default: 41 },
      { name: 'n', type: 'number', default: null },
      { name: 'b', type: 'boolean', default: true },
      { name: 'at', type: 'timestamp', default: 0 },
      { name: 'j', type: 'json', default: { a: [1] } },
      { name: 'l', type: 'texts', default: ['a"b', 'c\\d', ''] },
    ],
  },
  many: { sql: 'SELECT generate_series(1, $1) AS n', params: [{ name: 'count', type: 'integer' }] },
  sleep: { sql: 'SELECT pg_sleep(300)' },
  divide: { sql: 'SELECT 1 / $1 AS x -- a comment', params: [{ name: 'by', type: 'integer' }] },
  wrong: { sql: 'SELECT nonsense' },
  writes: { sql: "INSERT INTO events SELECT * FROM events RETURNING 1" },
  where: { sql: 'SELECT pg_is_in_recovery() AS standby' },
};
let postgres, bench;

const aggregate = (data, opts = RETRIES) => bench.run('aggregate', data, opts);
async function rowsOf(query, params, more = { from: NOW - HOUR, to: NOW }) {
  const ended = await aggregate({ query, params, ...more });
  assert.equal(ended.state, 'completed', ended.reason);
  return ended.result.windows[0].rows;
}
const steps = (type, count, minute) =>
  Array.from({ length: count }, (_, i) => ({
    eventType: type,
    userId: `u${i}`,
    at: NOW - HOUR + minute * 60_000 + i * 1000,
    data: { ms: i + 1, page: `/${i % 3}`, odd: i % 2 ? i : 'text' },
  }));

before(async () => {
  if (skip) return;
  postgres = await startPostgres(scope);
  bench = await startAnalytics(scope, postgres, { set: { queries, rowsMax: 500, windowsMax: 48, queryTimeout: '20s' }, concurrency: 4 });
  const events = [...steps('visit', 20, 0), ...steps('cart', 10, 10), ...steps('pay', 5, 30)];
  assert.equal((await bench.run('track', { events })).state, 'completed');
});
after(() => scope.close());

test('what is built in has known answers', { skip }, async () => {
  assert.deepEqual(await rowsOf('eventCounts'), [
    { eventType: 'visit', events: 20, users: 20 },
    { eventType: 'cart', events: 10, users: 10 },
    { eventType: 'pay', events: 5, users: 5 },
  ]);
  assert.deepEqual(
    (await rowsOf('eventSeries', { step: '30 minutes' })).map(({ events }) => events),
    [30, 5],
  );
  assert.deepEqual(await rowsOf('topK', { field: 'page', eventType: 'visit', k: 2 }), [
    { value: '/0', events: 7 },
    { value: '/1', events: 7 },
  ]);
  assert.deepEqual(await rowsOf('topK', { k: 1 }), [{ value: 'u0', events: 3 }]);
  assert.deepEqual(await rowsOf('percentiles', { field: 'ms', eventType: 'visit', percentiles: ['100', '0', '50'] }), [
    { percentile: 0, value: 1, events: 20 },
    { percentile: 50, value: 10.5, events: 20 },
    { percentile: 100, value: 20, events: 20 },
  ]);
  assert.equal((await rowsOf('percentiles', { field: 'odd', eventType: 'visit' }))[0].events, 10); /* the texts do not count */
  const users = async (params) => (await rowsOf('funnel', params)).map((row) => row.users);
  assert.deepEqual(await users({ steps: ['visit', 'cart', 'pay', 'none'] }), [20, 10, 5, 0]);
  assert.deepEqual(await users({ steps: ['visit', 'cart', 'pay'], within: '20 minutes' }), [20, 10, 0]);
  assert.deepEqual(await users({ steps: ['pay', 'visit'] }), [5, 0]);
});

test('a window done again replaces what it gave', { skip }, async () => {
  const data = { query: 'eventCounts', window: 'hour', from: NOW - 3 * HOUR, to: NOW, name: 'hourly' };
  const stored = () =>
    bench.sql("SELECT window_start, value FROM @aggregates WHERE name = 'hourly' ORDER BY window_start, position");
  const first = await aggregate(data);
  assert.equal(first.result.windows.length, 3);
  assert.deepEqual(first.result.windows.map(({ rows }) => rows.length), [0, 0, 3]);
  assert.equal((await stored()).length, 3);
  await bench.run('track', { eventType: 'late', at: NOW - HOUR - 1 });
  await Promise.all([aggregate(data), aggregate(data), aggregate(data)]);
  const rows = await stored();
  assert.equal(rows.length, 4);
  assert.deepEqual(rows[0].value, { eventType: 'late', events: 1, users: 0 });
  await aggregate({ ...data, store: false, name: 'unstored' });
  assert.equal((await bench.sql("SELECT 1 FROM @aggregates WHERE name = 'unstored'")).length, 0);
});

test('a window without a time is the last full one before the job was due', { skip }, async () => {
  const now = await aggregate({ query: 'eventCounts', window: 'minute', store: false });
  const { from, to } = now.result.windows[0];
  assert.equal(Date.parse(to), Math.floor(now.job.timestamp / 60_000) * 60_000);
  assert.equal(Date.parse(to) - Date.parse(from), 60_000);
  const timestamp = Date.now() - 10 * HOUR;
  const delayed = await aggregate({ query: 'eventCounts', window: 'hour', store: false }, { timestamp, delay: 1 });
  assert.equal(Date.parse(delayed.result.windows[0].to), Math.floor((timestamp + 1) / HOUR) * HOUR);
});

test('parameters have types', { skip }, async () => {
  assert.deepEqual(await rowsOf('echo', { t: "'; DROP TABLE events; --", i: -1, n: 1.5, at: '2026-01-31T12:00:00+02:00' }), [
    {
      t: "'; DROP TABLE events; --",
      i: 0,
      n: 1.5,
      b: true,
      at: '2026-01-31T10:00:00+00:00',
      j: { a: [1] },
      l: ['a"b', 'c\\d', ''],
    },
  ]);
  assert.equal((await rowsOf('echo', { t: null }))[0].i, 42);
});

test('what is wrong with a query or its data fails for good, with the reason', { skip }, async () => {
  const time = { from: NOW - HOUR, to: NOW };
  const wrong = [
    [{ query: 'nothing', ...time }, /^data\.query: no query is called "nothing"; there are echo, /],
    [{ query: 'echo', ...time }, /^data\.params\.t: must be given: a text/],
    [{ query: 'echo', ...time, params: { t: 'x', i: 1.5 } }, /^data\.params\.i: must be a whole number/],
    [{ query: 'echo', ...time, params: { t: 'x', at: 'noon' } }, /^data\.params\.at: must be a time/],
    [{ query: 'echo', ...time, params: { t: 'x', l: [1] } }, /^data\.params\.l: must be an array of texts/],
    [{ query: 'echo', ...time, params: { t: 'x'.repeat(70_000) } }, /^data\.params\.t: longer than 65536 bytes/],
    [{ query: 'echo', ...time, params: { sql: 'x' } }, /^data\.params: there is no "sql" here/],
    [{ query: 'echo', ...time, sql: 'SELECT 1' }, /^data: there is no "sql" here/],
    [{ query: 'echo', from: NOW }, /^data\.to: is missing/],
    [{ query: 'echo', from: NOW, to: NOW }, /^data\.to: must be later than from/],
    [{ query: 'eventCounts', window: 'hour', from: NOW + 1, to: NOW + HOUR }, /must be the beginning of a hour/],
    [{ query: 'eventCounts', window: 'hour', from: NOW - 49 * HOUR, to: NOW }, /over the limit of 48 \(windowsMax\)/],
    [{ query: 'many', ...time, params: { count: 501 } }, /^query many: query many gives more than 500 rows a window \(rowsMax\)/],
    [{ query: 'divide', ...time, params: { by: 0 } }, /^query divide: the database: division by zero \(22012\)/],
    [{ query: 'wrong', ...time }, /^query wrong: the database: column "nonsense" does not exist \(42703\)/],
    [{ query: 'writes', ...time }, /^query writes: the database: /],
  ];
  const jobs = [];
  for (const [data] of wrong) jobs.push(await bench.add('aggregate', data, RETRIES));
  for (const [i, [, reason]] of wrong.entries()) {
    const ended = await bench.ended(jobs[i].id);
    assert.match(ended.reason ?? 'completed', reason);
    assert.equal(ended.trace.length, 1, ended.reason);
  }
  assert.equal((await rowsOf('many', { count: 500 })).length, 500);
});

const sleepers = async () =>
  Number((await postgres.admin("SELECT count(*) AS n FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(300)%' AND pid <> pg_backend_pid()"))[0].n);

test('a query that is stopped ends on the server, too', { skip }, async () => {
  const job = await bench.add('aggregate', { query: 'sleep', from: 0, to: 1 }, { timeout: 5000 });
  await until(async () => (await sleepers()) === 1, { what: 'the query to run' });
  const ended = await bench.ended(job.id);
  assert.match(ended.reason, /^Promise timed out after 5000 milliseconds/);
  await until(async () => (await sleepers()) === 0, { what: 'the query to end', deadlineMs: 5000 });
  assert.equal((await bench.run('track', { eventType: 'alive' })).state, 'completed');
});

test('a query over its time is told so, and may be tried again', { skip }, async (t) => {
  const one = await startAnalytics(t, postgres, { set: { queries, queryTimeout: 200 } });
  const ended = await one.run('aggregate', { query: 'sleep', from: 0, to: 1 }, RETRIES);
  assert.match(ended.reason, /canceling statement due to statement timeout \(57014\).*queryTimeout/);
  assert.equal(ended.trace.length, 3);
});

test('reads go to the replica, writes to the primary; a replica that is away is waited for', { skip }, async (t) => {
  const primary = await startPostgres(t);
  const replica = await startReplica(t, primary);
  const one = await startAnalytics(t, primary, { set: { queries, replicaUrl: replica.url() } });
  assert.equal((await one.run('track', { eventType: 'seen' })).state, 'completed');
  await replica.untilCaughtUp();
  const ask = { query: 'where', from: NOW - HOUR, to: NOW };
  const ended = await one.run('aggregate', ask, RETRIES);
  assert.deepEqual(ended.result?.windows[0].rows, [{ standby: true }], ended.reason);
  assert.equal(await one.count('aggregates'), 1);
  await replica.stop();
  const away = await one.run('aggregate', ask, RETRIES);
  assert.match(away.reason, /^the replica: .*refused/);
  assert.equal(away.trace.length, 3);
});

test('a window of a job from no time of use is refused', { skip }, async () => {
  for (const timestamp of [-9223372036854775000, 9223372036854775000]) {
    const ended = await aggregate({ query: 'eventCounts', window: 'hour' }, { ...RETRIES, timestamp });
    assert.match(ended.reason, /^data\.from: is missing, and the job was due at .* say from and to/);
    assert.equal(ended.attempts, 1);
  }
});
