/* Volume: how fast producers add in bulk, and what a long line of waiting jobs costs the workers. */

import { pause } from '../lib/wait.mjs';
import { fill, interleave, median, key, redisCpu } from './common.mjs';
import { isOurs, systemOf } from './systems.mjs';

const ENQUEUE_JOBS = 20_000;
const BACKLOG_CONCURRENCY = 50;
const BACKLOG_SECONDS = 1.5;
const BACKLOG_PROBE = 20_000;
const BACKLOG_RUNS_MAX = 3; /* two million jobs take a while to come and go */
const BACKLOG_JOBS_MAX = 150_000;
const FILL_CHUNK = 5000; /* jobs per call: Redis is held for some milliseconds */

async function enqueueOnce(redis, name) {
  const client = redis.client();
  await client.flushall();
  const producer = await systemOf(name, redis).open();
  try {
    const from = performance.now();
    await fill(producer, ENQUEUE_JOBS);
    return { rate: ENQUEUE_JOBS / ((performance.now() - from) / 1000) };
  } finally {
    await producer.close();
    client.disconnect();
  }
}

/* Cartrita's queues are filled by Bull's producers, so two columns are enough. */
export async function measureEnqueue({ redis, names, runs, note }) {
  const producers = names.filter((name) => !isOurs(name));
  const results = await interleave(
    producers,
    runs,
    (name) => enqueueOnce(redis, name),
    (name, i, m) => note(`bulk enqueue, ${name}, run ${i + 1}: ${Math.round(m.rate)} jobs/s`),
  );
  return [
    {
      group: 'enqueue',
      label: 'bulk enqueue (addBulk of 1000)',
      unit: 'jobs/s',
      digits: 0,
      values: Object.fromEntries(producers.map((name) => [name, median(results[name].rate)])),
      runs: results,
    },
  ];
}

/* What addBulk of plain jobs leaves, without its cost: two million come in seconds. Both systems read
 * these fields; BullMQ finds jobs in wait when its worker starts. */
const FILL = `
local base, from, count, now = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local opts = '{"attempts":1,"delay":0,"timestamp":' .. now .. '}'
for i = from, from + count - 1 do
  local id = string.format('%d', i)
  redis.call('HMSET', base .. id, 'name', 'n', 'data', '{"i":1}', 'opts', opts, 'timestamp', now, 'delay', '0', 'priority', '0')
  redis.call('LPUSH', base .. 'wait', id)
end
redis.call('SET', base .. 'id', string.format('%d', from + count - 1))`;

async function fillFast(client, count) {
  for (let done = 0; done < count; done += FILL_CHUNK) {
    await client.eval(FILL, 0, key(''), done + 1, Math.min(FILL_CHUNK, count - done), Date.now());
  }
}

/* `count` jobs are done while at least `waiting` others wait behind them. The clock runs from the first
 * quarter to the end, so that the start does not count. */
async function backlogOnce(redis, name, waiting, count) {
  const client = redis.client();
  await client.flushall('SYNC');
  const system = systemOf(name, redis);
  const first = Math.round(count / 4);
  await fillFast(client, waiting + count);
  const worker = await system.work({ concurrency: BACKLOG_CONCURRENCY });
  const completed = async (least) => {
    for (;;) {
      const done = await client.zcard(key('completed'));
      if (done >= least) return { done, at: performance.now(), cpu: await redisCpu(client) };
      await pause(5);
    }
  };
  try {
    const a = await completed(first);
    const b = await completed(count);
    return { rate: (b.done - a.done) / ((b.at - a.at) / 1000), redisUs: ((b.cpu - a.cpu) * 1e6) / (b.done - a.done) };
  } finally {
    await worker.stop();
    const [done, active, wait] = await Promise.all([
      client.zcard(key('completed')),
      client.llen(key('active')),
      client.llen(key('wait')),
    ]);
    client.disconnect();
    if (isOurs(name) && done + active + wait !== waiting + count) {
      throw new Error(
        `${waiting + count} jobs were there, now ${done} are completed, ${active} active, ${wait} waiting`,
      );
    }
  }
}

const short = (n) => (n >= 1e6 ? `${n / 1e6}M` : `${n / 1000}k`);

/* Every length in turn within each run, so that the lengths are compared on the same machine. */
export async function measureBacklog({ redis, names, runs, note, backlogs = [1000, 100_000, 2_000_000] }) {
  const counts = {};
  for (const name of names) {
    const { rate } = await backlogOnce(redis, name, backlogs[0], BACKLOG_PROBE);
    counts[name] = Math.round(Math.min(BACKLOG_JOBS_MAX, Math.max(BACKLOG_PROBE, rate * BACKLOG_SECONDS)));
  }
  const results = await interleave(
    names,
    Math.min(runs, BACKLOG_RUNS_MAX),
    async (name) => {
      const measured = {};
      for (const waiting of backlogs) {
        const { rate, redisUs } = await backlogOnce(redis, name, waiting, counts[name]);
        measured[`${waiting} rate`] = rate;
        measured[`${waiting} redisUs`] = redisUs;
      }
      return measured;
    },
    (name, i, m) =>
      note(
        `backlog, ${name}, run ${i + 1}: ${backlogs.map((n) => `${short(n)} ${Math.round(m[`${n} rate`])} jobs/s`).join(', ')}`,
      ),
  );
  await redis.client().flushall('SYNC');

  const of = (waiting, what) =>
    Object.fromEntries(names.map((name) => [name, median(results[name][`${waiting} ${what}`])]));
  const base = of(backlogs[0], 'rate');
  return backlogs.flatMap((waiting, i) => [
    {
      group: 'backlog',
      label: `${short(waiting)} jobs waiting, concurrency ${BACKLOG_CONCURRENCY}`,
      unit: 'jobs/s',
      digits: 0,
      values: of(waiting, 'rate'),
      ...(i === 0 && { runs: results }),
      ...(i > 0 && { target: { kind: 'atLeastPart', factor: 0.95, base } }),
    },
    { group: 'backlog', label: '  Redis CPU per job', unit: 'us', digits: 1, values: of(waiting, 'redisUs') },
  ]);
}
