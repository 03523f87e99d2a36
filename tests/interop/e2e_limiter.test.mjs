/* Rate limits, end to end: how many start per window, where the others are parked meanwhile, groups,
 * and that nothing is lost with bounceBack (where Bull loses jobs). */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';

import { untilCounts } from '../lib/bull.mjs';
import { sameAsBull } from '../lib/e2e.mjs';
import { parseRecord } from '../lib/script.mjs';
import { until } from '../lib/wait.mjs';

/* A window begins with its first job: the end of one and the beginning of the next may meet, but more
 * than two windows' jobs always take a whole one. A little less is looked at: a limit is counted where
 * it is stored, starts are stamped where they are made. */
function assertRate(times, max, duration) {
  const sorted = [...times].sort((a, b) => a - b);
  for (let i = 0; i + 2 * max < sorted.length; i++) {
    const span = sorted[i + 2 * max] - sorted[i];
    assert.ok(
      span >= duration * 0.85,
      `${2 * max + 1} jobs started within ${span} ms, the limit is ${max} per ${duration} ms`,
    );
  }
}

async function startTimes(side, ids) {
  return Promise.all(ids.map(async (id) => Number(await side.client.hget(`bull:q:${id}`, 'processedOn'))));
}

const idsOf = (n) => Array.from({ length: n }, (_, i) => String(i + 1));
/* How often one is parked again is a matter of timing; what is left at the end is not. */
const LIMITED = { withoutMessages: ['waiting'], normalise: { without: ['stalled', 'stalled-check', 'limiter'] } };

sameAsBull(
  'one job per window',
  { ...LIMITED, worker: { settings: { limiter: { max: 1, duration: 400 } } } },
  async (side) => {
    for (let i = 0; i < 3; i++) await side.queue.add({ result: i });
    await side.work();
    await untilCounts(side.queue, { completed: 1, delayed: 2 });
    assert.deepEqual((await side.client.smembers('bull:q:limiter:limited')).sort(), ['2', '3']);
    assert.deepEqual(await side.client.hgetall('bull:q:limiter:index'), {
      2: 'bull:q:limiter:limited',
      3: 'bull:q:limiter:limited',
    });
    assert.equal(await side.client.llen('bull:q:active'), 0);
    await untilCounts(side.queue, { completed: 3, delayed: 0 });
    assertRate(await startTimes(side, idsOf(3)), 1, 400);
    assert.equal(await side.client.exists('bull:q:limiter:limited', 'bull:q:limiter:index'), 0);
  },
);

sameAsBull(
  'several jobs per window, with concurrency',
  { ...LIMITED, worker: { concurrency: 10, settings: { limiter: { max: 5, duration: 500 } } } },
  async (side) => {
    for (let i = 0; i < 15; i++) await side.queue.add({ result: i });
    await side.work();
    await untilCounts(side.queue, { completed: 15, delayed: 0 }, { deadlineMs: 20_000 });
    assertRate(await startTimes(side, idsOf(15)), 5, 500);
  },
);

sameAsBull(
  'a limited queue that is busy again later',
  { ...LIMITED, worker: { settings: { limiter: { max: 2, duration: 300 } } } },
  async (side) => {
    await side.work();
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 3; i++) await side.queue.add({ result: i });
      await untilCounts(side.queue, { completed: 3 * (round + 1), delayed: 0 }, { deadlineMs: 15_000 });
    }
  },
);

const GROUPED = { max: 1, duration: 500, groupKey: 'customer.id' };

sameAsBull(
  'groups are limited each for itself',
  { isCompared: false, producer: { limiter: GROUPED }, worker: { settings: { limiter: GROUPED } } },
  async (side) => {
    const jobs = [];
    for (const id of ['A', 'A', 'B']) jobs.push(await side.queue.add({ result: 1, customer: { id } }));
    assert.match(jobs[0].id, /:A$/);
    await side.work({ concurrency: 3 });
    await untilCounts(side.queue, { completed: 2, delayed: 1 });
    assert.deepEqual(await side.client.smembers('bull:q:limiter:A:limited'), [jobs[1].id]);
    assert.equal(await side.client.hget('bull:q:limiter:index', jobs[1].id), 'bull:q:limiter:A:limited');
    await untilCounts(side.queue, { completed: 3, delayed: 0 });
    assertRate(await startTimes(side, [jobs[0].id, jobs[1].id]), 1, 500);
    assert.equal(
      await side.client.exists('bull:q:limiter:A:limited', 'bull:q:limiter:B:limited', 'bull:q:limiter:index'),
      0,
    );
  },
);

/* Bull takes a job that is over the limit out of every list: it is lost. Ours goes back to the front. */
sameAsBull(
  'bounceBack loses no job',
  { isOursAlone: true, worker: { concurrency: 2, settings: { limiter: { max: 2, duration: 300, bounceBack: true } } } },
  async (side) => {
    for (let i = 0; i < 8; i++) await side.queue.add({ result: i });
    await side.work();
    await until(
      async () => {
        const { waiting, active, completed, delayed } = await side.queue.getJobCounts();
        assert.equal(delayed, 0);
        assert.ok(waiting + active + completed >= 7, 'no job leaves the lists'); /* counts are not one atomic look */
        return completed === 8;
      },
      { what: 'all to be done', deadlineMs: 20_000 },
    );
    assertRate(await startTimes(side, idsOf(8)), 2, 300);
  },
);

sameAsBull(
  'two workers share one limit',
  { isCompared: false, worker: { concurrency: 4, settings: { limiter: { max: 3, duration: 400 } } } },
  async (side) => {
    const record = `${side.dir}/record`;
    for (let i = 0; i < 9; i++) await side.queue.add({ record });
    await Promise.all([side.work(), side.work()]);
    await untilCounts(side.queue, { completed: 9, delayed: 0 }, { deadlineMs: 20_000 });
    assertRate(await startTimes(side, idsOf(9)), 3, 400);
    assert.deepEqual(
      parseRecord(await readFile(record, 'utf8'))
        .map((run) => run.id)
        .sort(),
      idsOf(9),
    );
  },
);

sameAsBull(
  'a failing job that is limited again keeps its attempts',
  { ...LIMITED, worker: { settings: { limiter: { max: 1, duration: 200 } } } },
  async (side) => {
    await side.work();
    await side.queue.add({ error: 'no' }, { attempts: 3 });
    await untilCounts(side.queue, { failed: 1, delayed: 0 });
    assert.equal((await side.queue.getJob('1')).attemptsMade, 3);
  },
);
