/* Repeatable jobs, end to end: the next iteration is scheduled when the current one starts, under the
 * same ids as Bull's, and ends with limit, endDate or removal. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';

import { untilCounts, untilState } from '../lib/bull.mjs';
import { sameAsBull } from '../lib/e2e.mjs';
import { pause, until } from '../lib/wait.mjs';

const md5 = (text) => createHash('md5').update(text).digest('hex');
const idOf = (name, key, slot) => `repeat:${md5(`${name}:${md5(key)}`)}:${slot}`;

/* ids and delays of iterations hold the time of day: the scenario looks at them itself. */
const REPEAT = { isCompared: false };

async function completedSlots(side, count, deadlineMs = 15_000) {
  await untilCounts(side.queue, { completed: count }, { deadlineMs });
  const ids = await side.client.zrange('bull:q:completed', 0, -1);
  return ids.map((id) => Number(id.split(':').pop())).sort((a, b) => a - b);
}

/* What one iteration left, without its times. */
async function describe(side, id) {
  const hash = await side.client.hgetall(`bull:q:${id}`);
  const opts = JSON.parse(hash.opts);
  assert.equal(opts.jobId, id);
  assert.equal(opts.prevMillis, Number(id.split(':').pop()));
  assert.equal(Number(hash.timestamp) + opts.delay, opts.prevMillis);
  for (const name of ['jobId', 'prevMillis', 'timestamp', 'delay']) opts[name] = '<masked>';
  return { fields: Object.keys(hash).sort(), name: hash.name, data: hash.data, opts: JSON.stringify(opts) };
}

for (const [name, repeat, key] of [
  ['every', { every: 400 }, 'nm:::400'],
  ['every with an id', { every: 400, jobId: 'mine' }, null],
  ['cron by the second', { cron: '* * * * * *' }, 'nm::::* * * * * *'],
  ['cron with a time zone', { cron: '*/1 * * * * *', tz: 'America/New_York' }, 'nm:::America/New_York:*/1 * * * * *'],
]) {
  sameAsBull(`repeats: ${name}`, REPEAT, async (side) => {
    await side.queue.add('nm', { result: 1 }, { repeat, attempts: 2 });
    await side.work();
    const slots = await completedSlots(side, 3);
    const step = repeat.every ?? 1000;
    for (let i = 0; i < 3; i++) {
      assert.equal(slots[i] % step, 0, 'slots are aligned');
      if (key) {
        const id = idOf('nm', key, slots[i]);
        assert.equal(await side.client.exists(`bull:q:${id}`), 1, `job ${id}`);
        const { processedOn } = await side.queue.getJob(id);
        assert.ok(
          processedOn >= slots[i] && processedOn < slots[i] + 400,
          `started at ${processedOn}, due ${slots[i]}`,
        );
      }
    }
    const [{ next, key: listed }] = await side.queue.getRepeatableJobs();
    if (key) assert.equal(listed, key);
    assert.ok(next > slots[0]);
    const ids = await side.client.zrange('bull:q:completed', 0, 1);
    const described = await Promise.all(ids.map((id) => describe(side, id)));
    assert.equal(JSON.parse(described[0].opts).repeat.count, 1);
    assert.equal(JSON.parse(described[1].opts).repeat.count, 2);
    await side.queue.removeRepeatableByKey(listed);
    return described;
  });
}

sameAsBull("the shape of an iteration is Bull's", { ...REPEAT, worker: {} }, async (side) => {
  await side.queue.add(
    'nm',
    { result: 1, z: 1, a: 2 },
    { repeat: { every: 300, limit: 2 }, priority: 3, attempts: 4, removeOnFail: 5 },
  );
  await side.work();
  await untilCounts(side.queue, { completed: 2, delayed: 0 });
  const [first, second] = await side.client.zrange('bull:q:completed', 0, -1);
  const [a, b] = [await describe(side, first), await describe(side, second)];
  /* The second was made by the worker, the first by Bull's add: same keys in the same order. */
  assert.equal(b.opts.replace('"count":2', '"count":1'), a.opts);
  assert.deepEqual(b.data, a.data);
  assert.deepEqual(b.fields, a.fields);
});

sameAsBull('limit ends a series', REPEAT, async (side) => {
  await side.queue.add('nm', { result: 1 }, { repeat: { every: 200, limit: 3 } });
  await side.work();
  await completedSlots(side, 3);
  await pause(500); /* a fourth must not come */
  await untilCounts(side.queue, { completed: 3, delayed: 0, waiting: 0, active: 0 });
  assert.equal(await side.client.zcard('bull:q:repeat'), 1, 'it stays listed, as in Bull');
});

sameAsBull('endDate ends a series', REPEAT, async (side) => {
  const endDate = Date.now() + 700;
  await side.queue.add('nm', { result: 1 }, { repeat: { every: 200, endDate } });
  await side.work();
  await until(async () => Date.now() > endDate + 500, { what: 'the end date to pass' });
  const { completed } = await untilCounts(side.queue, { delayed: 0, waiting: 0, active: 0 });
  assert.ok(completed >= 2 && completed <= 5, `${completed} iterations`);
});

sameAsBull('a removed series does not come back', REPEAT, async (side) => {
  const gate = `${side.dir}/gate`;
  await side.work();
  await side.queue.add('nm', { gate }, { repeat: { every: 200 } });
  await untilCounts(side.queue, { active: 1, delayed: 1 });
  await side.queue.removeRepeatable('nm', { every: 200 });
  assert.equal(await side.client.exists('bull:q:repeat'), 0);
  assert.equal(await side.client.zcard('bull:q:delayed'), 0);
  writeFileSync(gate, '');
  await untilCounts(side.queue, { completed: 1 });
  await pause(500); /* no other iteration must come */
  await untilCounts(side.queue, { completed: 1, delayed: 0, waiting: 0, active: 0 });
});

sameAsBull('an iteration that is retried schedules the next one once', REPEAT, async (side) => {
  await side.work();
  await side.queue.add('nm', { error: 'no' }, { repeat: { every: 60_000 }, attempts: 3 });
  const [armed] = await side.queue.getDelayed();
  await armed.promote();
  await untilState(side.queue, armed.id, 'failed');
  assert.equal((await side.queue.getDelayed()).length, 1);
  assert.equal((await side.messagesOf('duplicated', 2)).length, 2);
});

sameAsBull('the next iteration is there before the current one runs', REPEAT, async (side) => {
  const gate = `${side.dir}/gate`;
  await side.work();
  await side.queue.add('nm', { gate }, { repeat: { every: 300 } });
  await untilCounts(side.queue, { active: 1, delayed: 1 });
  await side.queue.removeRepeatable('nm', { every: 300 });
  writeFileSync(gate, '');
  await untilCounts(side.queue, { completed: 1 });
});

sameAsBull('a series that missed its slots starts again at the next', REPEAT, async (side) => {
  await side.queue.add('nm', { result: 1 }, { repeat: { every: 200 } });
  const [armed] = await side.queue.getDelayed();
  await until(() => Date.now() > armed.opts.prevMillis + 700, { what: 'some slots to pass' });
  await side.work();
  const slots = await completedSlots(side, 2);
  assert.equal(slots[0], armed.opts.prevMillis);
  assert.ok(slots[1] >= slots[0] + 600, 'the missed ones are skipped');
  await side.queue.removeRepeatable('nm', { every: 200 });
});
