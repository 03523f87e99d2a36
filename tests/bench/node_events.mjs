/* Jobs of a Node worker that put events into PostgreSQL, as its users write them. Loaded by node_worker.mjs.
 *
 * one: an INSERT for each job, on a pool of connections. many: jobs that run at the same time are gathered
 * into one INSERT of many rows. Neither counts a job once when it runs twice. */

import pg from 'pg';

const CONNECTIONS = 10;
const GATHER_MS = 5;
const GATHER_MAX = 100;
const COLUMNS = 'at, event_type, user_id, data, queue, job_id';

const valuesOf = ({ id, timestamp, data }) => [
  new Date(timestamp),
  data.eventType,
  String(data.userId),
  JSON.stringify(data.data),
  'bench',
  id,
];

function insertOne(pool) {
  return (job) => pool.query(`INSERT INTO events (${COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6)`, valuesOf(job)).then(() => null);
}

function insertMany(pool) {
  let waiting = [];
  let timer;

  async function flush() {
    clearTimeout(timer);
    timer = undefined;
    const batch = waiting;
    waiting = [];
    const rows = batch.map((_, i) => `(${[1, 2, 3, 4, 5, 6].map((n) => `$${i * 6 + n}`).join(',')})`);
    try {
      await pool.query(`INSERT INTO events (${COLUMNS}) VALUES ${rows.join(',')}`, batch.flatMap(({ job }) => valuesOf(job)));
      for (const { done } of batch) done(null);
    } catch (error) {
      for (const { fail } of batch) fail(error);
    }
  }

  return (job) =>
    new Promise((done, fail) => {
      waiting.push({ job, done, fail });
      if (waiting.length >= GATHER_MAX) flush();
      else timer ??= setTimeout(flush, GATHER_MS);
    });
}

export function eventsJob({ url, how }) {
  const pool = new pg.Pool({ connectionString: url, max: CONNECTIONS });
  return how === 'many' ? insertMany(pool) : insertOne(pool);
}
