/* Events into a real PostgreSQL: what is stored, what is refused, and that each job counts once. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { RETRIES, skipWithout } from '../lib/plugin.mjs';
import { skipWithoutPgbouncer, skipWithoutPostgres, startPgbouncer } from '../lib/postgres.mjs';
import { runnersOf } from '../lib/processes.mjs';
import { newScope } from '../lib/scope.mjs';
import { until } from '../lib/wait.mjs';
import { again, startAnalytics, startPostgres } from './analytics_bench.mjs';

const skip = skipWithoutPostgres || skipWithout('analytics');
const scope = newScope();
let postgres, bench;

before(async () => {
  if (skip) return;
  postgres = await startPostgres(scope);
  bench = await startAnalytics(scope, postgres, { set: { eventsMax: 3, eventBytesMax: 200 } });
});
after(() => scope.close());

const HARD = 'tab\t line\n return\r backslash \\ \\N \\. quote " \' ünïcödé 🎈 , {}';

test('an event is stored as it was given', { skip }, async () => {
  const at = new Date(Date.now() - 3_600_000).toISOString();
  const { result, reason } = await bench.run('track', { eventType: HARD, data: { [HARD]: [HARD, null, 1.5] }, userId: HARD, at });
  assert.deepEqual(result, { events: 1, duplicate: false }, reason);
  const [row] = await bench.sql('SELECT * FROM @events WHERE event_type = $1', [HARD]);
  assert.equal(row.user_id, HARD);
  assert.deepEqual(row.data, { [HARD]: [HARD, null, 1.5] });
  assert.equal(row.at.toISOString(), at);
  assert.equal(row.queue, 'q');
});

test('a number is stored with the digits it had', { skip }, async () => {
  const data = { price: 19.99, small: 1e-7, list: [0.1, -2.5, 5e-324, 3], yes: true, no: false, text: '0.10000000000000001 "\\' };
  const { job, reason } = await bench.run('track', { eventType: 'priced', data });
  const [row] = await bench.sql('SELECT data, data->>$2 AS price, data#>>$3 AS first FROM @events WHERE job_id = $1', [job.id, 'price', ['list', '0']]);
  assert.deepEqual([row?.data, row?.price, row?.first], [data, '19.99', '0.1'], reason);
});

test('what is absent is NULL, a number is a user, and the time is that of the job', { skip }, async () => {
  const { job, result } = await bench.run('page_view', { events: [{ eventType: 'bare', data: null }, { eventType: 'numbered', userId: 42 }] });
  assert.equal(result.events, 2);
  const rows = await bench.sql('SELECT * FROM @events WHERE job_id = $1 ORDER BY position', [job.id]);
  assert.deepEqual([rows[0].user_id, rows[0].data, rows[1].user_id, rows[1].position], [null, null, '42', 1]);
  assert.equal(rows[0].at.getTime(), job.timestamp);
  assert.equal((await bench.run('track', { events: [] })).result.events, 0);
});

test('a bad event fails its own job for good, and no other', { skip }, async () => {
  const bad = [
    [{}, /^data\.eventType: is missing/],
    ['text', /^data: must be an object/],
    [{ eventType: '' }, /^data\.eventType: must not be empty/],
    [{ eventType: 'x'.repeat(201) }, /^data\.eventType: .*200/],
    [{ eventType: 'x', userId: {} }, /^data\.userId: /],
    [{ eventType: 'x', at: '2026-02-30' }, /^data\.at: must be a time/],
    [{ eventType: 'x', at: 12 }, /^data\.at: 1970-01-01.* is not from .*eventAgeMax/],
    [{ eventType: 'x', data: 'y'.repeat(200) }, /^data\.data: has 202 bytes, over the limit of 200 \(eventBytesMax\)/],
    [{ eventType: 'x', data: 'nul \0' }, /^data: .*\\u0000 is not allowed/],
    [{ events: {} }, /^data\.events: must be an array/],
    [{ events: [{ eventType: 'x' }, { data: 1 }] }, /^data\.events\[1\]\.eventType: is missing/],
    [{ events: Array(4).fill({ eventType: 'x' }) }, /^data\.events: has 4 events, over the limit of 3 \(eventsMax\)/],
  ];
  const before = await bench.count('events');
  const jobs = [];
  for (const [data] of bad) {
    jobs.push(await bench.add('track', data, RETRIES));
    await bench.add('track', { eventType: 'neighbour' }, { ...RETRIES, jobId: `beside-${jobs.length}` });
  }
  for (const [i, [, reason]] of bad.entries()) {
    const ended = await bench.ended(jobs[i].id);
    assert.match(ended.reason, reason);
    assert.equal(ended.job.attemptsMade, 1);
    assert.equal((await bench.ended(`beside-${i + 1}`)).state, 'completed');
  }
  assert.equal(await bench.count('events'), before + bad.length);
});

test('data that only PostgreSQL refuses fails its own job, not the batch', { skip }, async () => {
  await bench.sql("ALTER TABLE @events ADD CONSTRAINT tasteful CHECK (event_type <> 'tasteless')");
  const jobs = [];
  await bench.queue.pause();
  for (let i = 0; i < 20; i++) jobs.push(await bench.add('track', { eventType: i === 7 ? 'tasteless' : 'fine' }, RETRIES));
  await bench.queue.resume();
  for (const [i, { id }] of jobs.entries()) {
    const ended = await bench.ended(id);
    assert.equal(ended.state, i === 7 ? 'failed' : 'completed', ended.reason);
    if (i === 7) assert.match(ended.reason, /tasteful/);
  }
  const [{ n }] = await bench.sql("SELECT count(*) AS n FROM @events WHERE event_type = 'fine'");
  assert.equal(Number(n), 19);
});

test('a job that runs again adds nothing; one with its id, added later, does', { skip }, async () => {
  const first = await bench.run('track', { eventType: 'once' }, { jobId: 'same' });
  const second = await again(bench, first.job);
  assert.deepEqual(second.result, { events: 1, duplicate: true });
  await first.job.remove();
  await until(async () => (await bench.run('track', { eventType: 'once' }, { jobId: 'same' })).result.duplicate === false, {
    what: 'a new job of the same id to count',
  });
  const [{ n }] = await bench.sql("SELECT count(*) AS n FROM @events WHERE event_type = 'once'");
  assert.equal(Number(n), 2);
});

/* Each job's events are there once, and all of it. */
async function assertExact(one, count) {
  const [row] = await one.sql(
    'SELECT count(*) AS n, count(DISTINCT job_id) AS jobs, (SELECT count(*) FROM @tracked) AS tracked FROM @events',
  );
  assert.deepEqual([Number(row.n), Number(row.jobs), Number(row.tracked)], [count, count, count]);
}

const MANY = { attempts: 50, backoff: { type: 'fixed', delay: 50 } };

async function addMany(one, count) {
  for (let done = 0; done < count; done += 500) {
    await one.queue.addBulk(
      Array.from({ length: 500 }, (_, i) => ({ name: 'track', data: { eventType: 'flood', userId: done + i }, opts: MANY })),
    );
  }
}

const untilAll = (one, count) =>
  until(async () => (await one.queue.getCompletedCount()) === count, {
    what: `${count} jobs to complete`,
    deadlineMs: 60_000,
    describe: async () => `${JSON.stringify(await one.queue.getJobCounts())}\n${one.worker.log}`,
  });

const untilSome = (one, least) =>
  until(async () => (await one.queue.getCompletedCount()) >= least, { what: `${least} jobs to complete`, pollMs: 1 });

test('killed runners: every event exactly once', { skip }, async (t) => {
  const one = await startAnalytics(t, postgres, { processes: 2 });
  const count = 3000;
  await addMany(one, count);
  for (const least of [100, 1000]) {
    await untilSome(one, least);
    for (const pid of await runnersOf(one.worker.program.pid)) process.kill(pid, 'SIGKILL');
  }
  await untilAll(one, count);
  await assertExact(one, count);
});

test('a killed PostgreSQL: every event exactly once', { skip }, async (t) => {
  const own = await startPostgres(t);
  const one = await startAnalytics(t, own);
  const count = 3000;
  await addMany(one, count);
  await untilSome(one, 200);
  await own.restart({ kill: true });
  await untilAll(one, count);
  await assertExact(one, count);
});

test('through pgBouncer in transaction mode, with more jobs at once than it has connections', { skip: skip || skipWithoutPgbouncer }, async (t) => {
  const bouncer = await startPgbouncer(t, postgres, { poolSize: 2 });
  const one = await startAnalytics(t, postgres, { via: bouncer, concurrency: 8, processes: 2 });
  await addMany(one, 1000);
  await untilAll(one, 1000);
  await assertExact(one, 1000);
  assert.equal(one.queue.errors.length, 0);
});
