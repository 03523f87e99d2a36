/* The database as it is in bad times: away, refusing, read by old and new workers at once, full. And the
 * schema: made once, brought up to date, partitioned, cleaned. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { RETRIES, skipWithout } from '../lib/plugin.mjs';
import { PASSWORD, skipWithoutPostgres } from '../lib/postgres.mjs';
import { childrenOf } from '../lib/processes.mjs';
import { freePort } from '../lib/redis.mjs';
import { newScope } from '../lib/scope.mjs';
import { until } from '../lib/wait.mjs';
import { downgradeToVersion1, startAnalytics, startPostgres } from './analytics_bench.mjs';

const skip = skipWithoutPostgres || skipWithout('analytics');
const scope = newScope();
const DAY = 86_400_000;
const EVENT = { eventType: 'x' };
let postgres;

before(async () => {
  if (!skip) postgres = await startPostgres(scope);
});
after(() => scope.close());

async function assertRetried(ended, reason) {
  assert.match(ended.reason ?? 'completed', reason);
  assert.equal(ended.trace.length, 3, ended.reason);
}

test('a database that is away is retried, and used when it is back', { skip }, async (t) => {
  const own = await startPostgres(t);
  const bench = await startAnalytics(t, own);
  assert.equal((await bench.run('track', EVENT)).state, 'completed');
  await own.stop();
  await assertRetried(await bench.run('track', EVENT, RETRIES), /^the database: .*refused/);
  const job = await bench.add('track', EVENT, { attempts: 200, backoff: { type: 'fixed', delay: 50 } });
  await own.start();
  const ended = await bench.ended(job.id);
  assert.equal(ended.state, 'completed', ended.reason);
  assert.equal(await bench.count('events'), 2);
});

test('wrong credentials and names are told without the password', { skip }, async (t) => {
  const wrong = [
    [postgres.url({ password: 'not-it-at-all' }), /^preparing schema .*password authentication failed for user "app"/],
    [postgres.url({ user: 'nobody-here' }), /password authentication failed/],
    [postgres.url({ database: 'nowhere' }), /database "nowhere" does not exist/],
    [postgres.url().replace(`:${postgres.port}`, `:${await freePort()}`), /[Cc]onnection refused/],
  ];
  for (const [url, reason] of wrong) {
    const scopeOfOne = newScope();
    try {
      const bench = await startAnalytics(scopeOfOne, postgres, { via: { url: () => url } });
      const ended = await bench.run('track', EVENT, RETRIES);
      await assertRetried(ended, reason);
      assert.ok(!`${ended.reason}${ended.trace}${bench.worker.log}`.includes(PASSWORD));
      assert.ok(!`${ended.reason}${ended.trace}${bench.worker.log}`.includes('not-it-at-all'));
    } finally {
      await scopeOfOne.close();
    }
  }
});

test('a server that does not answer is given up in time', { skip }, async (t) => {
  const own = await startPostgres(t);
  const bench = await startAnalytics(t, own, { set: { connectTimeout: 300 } });
  own.freeze();
  t.after(() => own.thaw());
  const ended = await bench.run('track', EVENT, RETRIES);
  own.thaw();
  await assertRetried(ended, /connecting to the database: no answer in time/);
});

/* The server and its processes; one of these may end meanwhile. */
async function signalAll(server, signal) {
  for (const pid of [server.pid, ...(await childrenOf(server.pid))])
    try {
      process.kill(pid, signal);
    } catch (error) {
      assert.equal(error.code, 'ESRCH');
    }
}

test('a job that waits for a frozen server stops when it should', { skip }, async (t) => {
  const own = await startPostgres(t);
  const queries = { sleep: { sql: 'SELECT pg_sleep(300)' } };
  const bench = await startAnalytics(t, own, { set: { queries } });
  assert.equal((await bench.run('track', EVENT)).state, 'completed');
  const runners = await bench.worker.pids();
  const job = await bench.add('aggregate', { query: 'sleep', from: 0, to: 1 }, { timeout: 5000 });
  await until(async () => (await own.admin("SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(300)%' AND pid <> pg_backend_pid()")).length === 1, { what: 'the query to run' });
  await signalAll(own, 'SIGSTOP');
  const ended = await bench.ended(job.id);
  await signalAll(own, 'SIGCONT');
  assert.match(ended.reason, /timed out after 5000/);
  assert.equal((await bench.run('track', EVENT, RETRIES)).state, 'completed');
  assert.deepEqual(await bench.worker.pids(), runners); /* none had to be replaced */
});

test('without the right to create, the reason says which right', { skip }, async (t) => {
  await postgres.admin("CREATE ROLE guest LOGIN PASSWORD 'guest-password'");
  const bench = await startAnalytics(t, postgres, { via: { url: () => postgres.url({ user: 'guest', password: 'guest-password' }) } });
  const ended = await bench.run('track', EVENT, RETRIES);
  assert.match(ended.reason, /permission denied for database app \(42501\); grant it to the user of the url/);
});

test('a limit of the server on space is retried', { skip }, async (t) => {
  await postgres.admin("CREATE ROLE narrow LOGIN PASSWORD 'narrow-password' IN ROLE app");
  await postgres.admin("ALTER ROLE narrow SET temp_file_limit = '64kB'");
  await postgres.admin("ALTER ROLE narrow SET work_mem = '64kB'");
  await postgres.admin('GRANT CREATE ON DATABASE app TO narrow');
  const queries = { big: { sql: 'SELECT max(n) FROM (SELECT n FROM generate_series(1, 100000) n ORDER BY md5(n::text)) x' } };
  const bench = await startAnalytics(t, postgres, { via: { url: () => postgres.url({ user: 'narrow', password: 'narrow-password' }) }, set: { queries } });
  await assertRetried(await bench.run('aggregate', { query: 'big', from: 0, to: 1 }, RETRIES), /temporary file size exceeds .*\(53400\)/);
});

test('workers that start at once make one schema', { skip }, async (t) => {
  const schema = 'together';
  const benches = await Promise.all(Array.from({ length: 3 }, () => startAnalytics(t, postgres, { schema, processes: 2 })));
  const jobs = [];
  for (const bench of benches) for (let i = 0; i < 10; i++) jobs.push([bench, await bench.add('track', EVENT)]);
  for (const [bench, { id }] of jobs) {
    const ended = await bench.ended(id);
    assert.equal(ended.state, 'completed', ended.reason);
  }
  assert.deepEqual(await benches[0].sql('SELECT version FROM @migrations ORDER BY 1'), [{ version: 1 }, { version: 2 }]);
});

test('version 1 becomes version 2 with its events', { skip }, async (t) => {
  const schema = 'upgraded';
  const first = await startAnalytics(t, postgres, { schema });
  await first.run('track', { eventType: 'kept' });
  await first.worker.stop();
  await downgradeToVersion1(first);
  const closed = await startAnalytics(t, postgres, { schema, set: { migrate: false } });
  await assertRetried(await closed.run('track', EVENT, RETRIES), /schema "upgraded" is version 1, and this plugin needs 2; let a worker with migrate=true/);
  const second = await startAnalytics(t, postgres, { schema });
  const { result } = await second.run('aggregate', { query: 'eventCounts', from: Date.now() - DAY, to: Date.now() + DAY });
  assert.deepEqual(result.windows[0].rows, [{ eventType: 'kept', events: 1, users: 0 }]);
  assert.equal(await second.count('aggregates'), 1);
});

test('a schema that is newer than known is refused', { skip }, async (t) => {
  const schema = 'newer';
  const first = await startAnalytics(t, postgres, { schema });
  await first.run('track', EVENT);
  await first.sql('INSERT INTO @migrations (version) VALUES (99)');
  const second = await startAnalytics(t, postgres, { schema });
  await assertRetried(await second.run('track', EVENT, RETRIES), /schema "newer" is version 99, and this plugin knows 2 at most/);
});

const partitionsOf = async (bench) =>
  (await bench.sql("SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = '@events'::regclass ORDER BY 1")).map(
    ({ name }) => name.split('.')[1],
  );

test('partitions are made as events need them, bounded, and dropped as a whole', { skip }, async (t) => {
  const schema = 'parted';
  const at = Date.UTC(2026, 0, 31, 12);
  const age = { eventAgeMax: '3660d', eventAheadMax: '366d' };
  const days = await startAnalytics(t, postgres, { schema, set: age });
  assert.equal((await days.run('track', { ...EVENT, at })).state, 'completed');
  assert.ok((await partitionsOf(days)).includes('events_d20260131'));
  await days.worker.stop();

  /* January overlaps a day that is there: the day alone. February is free. */
  const months = await startAnalytics(t, postgres, { schema, set: { ...age, partition: 'month' } });
  for (const one of [at - DAY, at + DAY]) assert.equal((await months.run('track', { ...EVENT, at: one })).state, 'completed');
  const names = await partitionsOf(months);
  assert.ok(names.includes('events_d20260130') && names.includes('events_m20260201'), names.join());

  /* One that somebody has dropped behind our back is made again. */
  await months.sql('DROP TABLE @events_d20260130');
  const again = await months.run('track', { ...EVENT, at: at - DAY }, RETRIES);
  assert.equal(again.state, 'completed', again.reason);
  await months.worker.stop();

  const few = await startAnalytics(t, postgres, { schema, set: { ...age, partitionsMax: 2 } });
  const full = await few.run('track', { ...EVENT, at: at - 100 * DAY }, RETRIES);
  assert.match(full.reason, /partitionsMax is 2: raise it/);
  assert.equal(full.trace.length, 1);
  await few.worker.stop();

  const short = await startAnalytics(t, postgres, { schema, set: { retention: '2d', rememberJobs: '1m' } });
  await short.sql("UPDATE @tracked SET tracked_at = now() - interval '1 hour'");
  const done = await short.run('maintain', {});
  assert.equal(done.result.partitionsDropped >= (Date.now() > at + 32 * DAY ? 3 : 0), true, JSON.stringify(done.result));
  assert.ok(done.result.jobsForgotten >= 3);
  assert.equal(await short.count('tracked'), 0);
});

test('settings that are wrong are told at the start', { skip }, async (t) => {
  const wrong = [
    [{ schema: 'No"pe' }, /schema is \\"No\\"pe\\"; it must be 1 to 40/],
    [{ url: 'postgres://localhost/x?nonsense=1' }, /the URL of the database: /],
    [{ queries: { q: { sql: 'SELECT 1', params: [{ name: 'x', type: 'int' }] } } }, /queries\.q\.params\[0\]\.type/],
    [{ queries: { q: {} } }, /queries\.q\.sql: is missing/],
  ];
  for (const [set, reason] of wrong) {
    const bench = await startAnalytics(t, postgres, { set, waitReady: false });
    await bench.worker.program.untilLine(reason);
    bench.worker.kill();
  }
});
