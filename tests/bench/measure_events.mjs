/* Events per second into PostgreSQL: `track` against a Node worker with `pg`, one event a job. PostgreSQL runs
 * without fsync, so that the workers are measured and not the disk; all have the same table and indexes,
 * ours also what makes a job count once.
 *
 * The queue is filled while it is paused, as for throughput. Each system has the concurrency that suits it:
 * ours a few threads that take batches, Node's many jobs at once. */

import { pluginPath } from '../lib/processes.mjs';
import { startPostgres } from '../lib/postgres.mjs';
import { until } from '../lib/wait.mjs';
import { checkDelivery, fill, interleave, median, untilCompleted } from './common.mjs';
import { jobsFor } from './measure_throughput.mjs';
import { isOurs, systemOf } from './systems.mjs';

const PROBE_JOBS = 3000;
const CONCURRENCY = { ours: 3, one: 50, many: 300 };
const TYPES = ['page_view', 'click', 'signup', 'purchase'];

const TABLE = `CREATE SCHEMA node;
  CREATE TABLE node.events (at timestamptz NOT NULL, event_type text NOT NULL, user_id text, data jsonb,
    queue text NOT NULL, job_id text NOT NULL, position integer NOT NULL DEFAULT 0) PARTITION BY RANGE (at);
  CREATE INDEX ON node.events (event_type, at);
  CREATE INDEX ON node.events (user_id, event_type, at) WHERE user_id IS NOT NULL;
  CREATE TABLE node.events_all PARTITION OF node.events DEFAULT;
  ALTER ROLE app SET search_path = node`;

const eventOf = (i) => ({
  name: 'track',
  data: {
    eventType: TYPES[i % TYPES.length],
    userId: i % 5000,
    data: { page: `/products/${i % 300}`, referrer: 'https://example.org/', ms: i % 977, tags: ['a', 'b'] },
  },
});

async function eventsOnce({ redis, postgres }, name, { processes, how, count }) {
  const client = redis.client();
  await client.flushall();
  await postgres.query('TRUNCATE node.events');
  await postgres.query('DROP SCHEMA IF EXISTS cartrita CASCADE');
  const system = systemOf(name, redis);
  const producer = await system.open();
  await producer.pause();
  await fill(producer, count, eventOf);
  const worker = await system.work({
    processes,
    concurrency: CONCURRENCY[isOurs(name) ? 'ours' : how],
    job: 'events',
    settings: { url: postgres.url(), how },
    plugin: [pluginPath('analytics'), { url: postgres.url() }],
  });
  try {
    const from = performance.now();
    await producer.resume();
    await untilCompleted(client, count);
    const seconds = (performance.now() - from) / 1000;
    await checkDelivery(client, count);
    const schema = isOurs(name) ? 'cartrita' : 'node';
    await until(
      async () => Number((await postgres.query(`SELECT count(DISTINCT job_id) AS n FROM ${schema}.events`))[0].n) === count,
      { what: `${count} events of ${name}` },
    );
    return { rate: count / seconds };
  } finally {
    await worker.stop();
    await producer.close();
    client.disconnect();
  }
}

export async function measureEvents({ redis, scope, names, runs, note }) {
  const postgres = await startPostgres(scope);
  const context = { redis, postgres };
  const rows = [];

  await postgres.query(TABLE);
  for (const [how, words] of [['one', 'an INSERT a job'], ['many', 'gathered INSERTs']]) {
    for (const processes of [1, 2]) {
      const label = `events, ${processes} process${processes > 1 ? 'es' : ''}, Node: ${words}`;
      const counts = {};
      for (const name of names) {
        counts[name] = jobsFor((await eventsOnce(context, name, { processes, how, count: PROBE_JOBS })).rate);
      }
      const results = await interleave(
        names,
        runs,
        (name) => eventsOnce(context, name, { processes, how, count: counts[name] }),
        (name, i, m) => note(`${label}, ${name}, run ${i + 1}: ${Math.round(m.rate)} events/s`),
      );
      rows.push({
        group: 'events',
        label,
        unit: 'events/s',
        digits: 0,
        values: Object.fromEntries(names.map((name) => [name, median(results[name].rate)])),
        runs: results,
        target: { kind: 'atLeastTimes', factor: 1 },
      });
    }
  }
  return rows;
}
