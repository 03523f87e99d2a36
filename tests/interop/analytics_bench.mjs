/* What the tests of analytics share: one PostgreSQL for a file of them, a schema for each test. */

import { startPostgres } from '../lib/postgres.mjs';
import { startPlugin } from '../lib/plugin.mjs';

let schemas = 0;

/* A worker of `t` on a schema of its own of `postgres`; options.via: what it connects to instead; options.set: more settings. */
export async function startAnalytics(t, postgres, { via = postgres, set, schema, ...options } = {}) {
  const own = schema ?? `s${process.pid}_${++schemas}`;
  const bench = await startPlugin(t, 'analytics', {
    concurrency: 2,
    ...options,
    set: { url: via.url(), schema: own, ...set },
  });
  return {
    ...bench,
    schema: own,
    sql: (text, params) => postgres.query(text.replaceAll('@', `${own}.`), params),
    count: async (table) => Number((await postgres.query(`SELECT count(*) AS n FROM ${own}.${table}`))[0].n),
  };
}

/* The schema as its version 1 left it. */
export async function downgradeToVersion1(bench) {
  await bench.sql('DROP TABLE @aggregates');
  await bench.sql('DROP INDEX @events_user_type_at');
  await bench.sql('DELETE FROM @migrations WHERE version > 1');
}

/* A job whose lock is lost runs again: what a lost acknowledgement comes to. */
export const again = async (bench, job) => {
  const client = bench.redis.client();
  const key = `bull:q:${job.id}`;
  await client
    .multi()
    .zrem('bull:q:completed', job.id)
    .hdel(key, 'finishedOn', 'returnvalue', 'processedOn')
    .lpush('bull:q:wait', job.id)
    .exec();
  client.disconnect();
  await nudge(bench);
  return bench.ended(job.id);
};

/* Whoever waits on the list wakes up. */
async function nudge(bench) {
  await bench.queue.add('maintain', {});
}

export { startPostgres };
