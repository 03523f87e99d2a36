/* How a job ends, end to end: results, failures, retries, backoff, time limits, retention. The same
 * job under Bull and under Cartrita leaves the same keys and messages. */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';

import { untilCounts, untilState } from '../lib/bull.mjs';
import { sameAsBull } from '../lib/e2e.mjs';
import { until } from '../lib/wait.mjs';

for (const [name, result, stored] of [
  ['an object', { sum: 3, list: [1, null, 'ü'] }, '{"sum":3,"list":[1,null,"ü"]}'],
  ['a text', 'ok', '"ok"'],
  ['null', null, 'null'],
  ['false', false, 'false'],
  ['a fraction', 0.1, '0.1'],
]) {
  sameAsBull(`a job completes with ${name}`, {}, async (side) => {
    await side.work();
    await side.queue.add('named', { result });
    const [message] = await side.messagesOf('completed');
    assert.deepEqual(JSON.parse(message.message), { jobId: '1', val: stored });
    assert.equal(await side.client.hget('bull:q:1', 'returnvalue'), stored);
    assert.equal(await side.client.exists('bull:q:1:lock'), 0);
    assert.equal(await side.client.hexists('bull:q:1', 'attemptsMade'), 0);
  });
}

/* Through JSON lines a missing result and null are told apart on the way in, not in what is stored;
 * the message of a result that is absent carries no val in Bull. */
sameAsBull('a job completes without a result', { isCompared: false }, async (side) => {
  await side.work();
  await side.queue.add({});
  await side.messagesOf('completed');
  assert.equal(await side.client.hget('bull:q:1', 'returnvalue'), 'null');
});

sameAsBull('a job fails for good', {}, async (side) => {
  await side.work();
  await side.queue.add('named', { error: 'boom "quoted" ü' });
  const [message] = await side.messagesOf('failed');
  assert.deepEqual(JSON.parse(message.message), { jobId: '1', val: 'boom "quoted" ü' });
  const job = await side.queue.getJob('1');
  assert.equal(job.failedReason, 'boom "quoted" ü');
  assert.equal(job.attemptsMade, 1);
  assert.equal(job.stacktrace.length, 1);
  assert.match(job.stacktrace[0], /^Error: boom "quoted" ü\n\s+at /);
});

sameAsBull('a job is retried at once until it succeeds', { normalise: { keepTraceLine: true } }, async (side) => {
  await side.work();
  await side.queue.add({ error: 'not yet', failTimes: 2, result: 1 }, { attempts: 3 });
  await untilState(side.queue, '1', 'completed');
  const job = await side.queue.getJob('1');
  assert.equal(job.attemptsMade, 2);
  assert.equal(job.stacktrace.length, 2);
});

sameAsBull('a job runs out of attempts', { normalise: { keepTraceLine: true } }, async (side) => {
  await side.work();
  await side.queue.add({ error: 'never' }, { attempts: 3 });
  await untilState(side.queue, '1', 'failed');
  assert.equal((await side.queue.getJob('1')).attemptsMade, 3);
});

sameAsBull('a stack trace limit keeps the last ones', { normalise: { keepTraceLine: true } }, async (side) => {
  await side.work();
  await side.queue.add({ error: 'never' }, { attempts: 4, stackTraceLimit: 2 });
  await untilState(side.queue, '1', 'failed');
  assert.equal((await side.queue.getJob('1')).stacktrace.length, 2);
});

sameAsBull('a job that says so is not tried again', {}, async (side) => {
  await side.work();
  await side.queue.add({ error: 'useless', discard: true }, { attempts: 5 });
  await untilState(side.queue, '1', 'failed');
  assert.equal((await side.queue.getJob('1')).attemptsMade, 1);
});

/* The time between two attempts, measured by the worker's own processedOn. */
async function gaps(side, attempts) {
  const at = [];
  await until(
    async () => {
      const on = await side.client.hget('bull:q:1', 'processedOn');
      if (on && at.at(-1) !== Number(on)) at.push(Number(on));
      return at.length === attempts;
    },
    { what: `${attempts} attempts` },
  );
  return at.slice(1).map((time, i) => time - at[i]);
}

const WORK_MAX_MS = 600; /* what an attempt itself and a busy machine may add */

function assertGaps(actual, expected) {
  assert.equal(actual.length, expected.length);
  actual.forEach((gap, i) => {
    assert.ok(gap >= expected[i], `attempt ${i + 2} came ${gap} ms after, backoff is ${expected[i]}`);
    assert.ok(gap < expected[i] + WORK_MAX_MS, `attempt ${i + 2} came only ${gap} ms after, backoff is ${expected[i]}`);
  });
}

sameAsBull('fixed backoff', {}, async (side) => {
  await side.work();
  await side.queue.add({ error: 'no' }, { attempts: 3, backoff: 200 });
  assertGaps(await gaps(side, 3), [200, 200]);
  await untilState(side.queue, '1', 'failed');
});

sameAsBull('exponential backoff', {}, async (side) => {
  await side.work();
  await side.queue.add({ error: 'no' }, { attempts: 4, backoff: { type: 'exponential', delay: 100 } });
  assertGaps(await gaps(side, 4), [100, 300, 700]);
  await untilState(side.queue, '1', 'failed');
});

sameAsBull(
  'custom backoff strategy, which may stop early',
  { worker: { strategies: { mine: [150, 250, -1] } } },
  async (side) => {
    await side.work();
    await side.queue.add({ error: 'no' }, { attempts: 9, backoff: { type: 'mine' } });
    assertGaps(await gaps(side, 3), [150, 250]);
    await untilState(side.queue, '1', 'failed');
    assert.equal((await side.queue.getJob('1')).attemptsMade, 3);
  },
);

sameAsBull(
  'a strategy that is named like a built-in one wins',
  { worker: { strategies: { fixed: [120] } } },
  async (side) => {
    await side.work();
    await side.queue.add({ error: 'no' }, { attempts: 2, backoff: { type: 'fixed', delay: 60_000 } });
    assertGaps(await gaps(side, 2), [120]);
    await untilState(side.queue, '1', 'failed');
  },
);

sameAsBull('while a job backs off it is delayed, with its failure kept', {}, async (side) => {
  await side.work();
  await side.queue.add({ error: 'later' }, { attempts: 2, backoff: 3_600_000 });
  await untilState(side.queue, '1', 'delayed');
  assert.equal(await side.client.exists('bull:q:1:lock'), 0);
});

/* Bull leaves such a job in active until it counts as stalled; we fail it with the reason. */
sameAsBull('an unknown backoff strategy does not hang the job', { isOursAlone: true }, async (side) => {
  await side.work();
  await side.queue.add({ error: 'no' }, { attempts: 5, backoff: { type: 'nobody', delay: 10 } });
  await untilState(side.queue, '1', 'failed');
  assert.match((await side.queue.getJob('1')).failedReason, /nobody/);
});

sameAsBull('a time limit', {}, async (side) => {
  await side.work({ concurrency: 2 });
  await side.queue.add({ gate: `${side.dir}/never` }, { timeout: 150 });
  await untilState(side.queue, '1', 'failed');
  assert.equal((await side.queue.getJob('1')).failedReason, 'Promise timed out after 150 milliseconds');
  await side.queue.add({ result: 1 });
  await untilState(side.queue, '2', 'completed');
  writeFileSync(`${side.dir}/never`, ''); /* Bull does not stop the handler: let it end */
});

sameAsBull('a time limit counts as an attempt', {}, async (side) => {
  await side.work();
  await side.queue.add({ sleep: 300 }, { timeout: 100, attempts: 2 });
  await untilState(side.queue, '1', 'failed');
  const job = await side.queue.getJob('1');
  assert.equal(job.attemptsMade, 2);
  assert.equal(job.stacktrace.length, 2);
});

sameAsBull('progress, logs and result of one job', {}, async (side) => {
  await side.work();
  await side.queue.add({ logs: ['one', 'two ü', ''], progress: [10, { at: 'half' }, 'text', 100], result: 'done' });
  await side.messagesOf('completed');
  const { logs, count } = await side.queue.getJobLogs('1');
  assert.deepEqual([logs, count], [['one', 'two ü', ''], 3]);
  assert.equal((await side.queue.getJob('1'))._progress, 100);
  assert.deepEqual(
    side.messages.filter((m) => m.channel === 'progress').map((m) => JSON.parse(m.message).progress),
    [10, { at: 'half' }, 'text', 100],
  );
});

sameAsBull('progress and logs of a failing job are kept', {}, async (side) => {
  await side.work();
  await side.queue.add({ logs: ['tried'], progress: [50], error: 'no' }, { attempts: 2 });
  await untilState(side.queue, '1', 'failed');
  assert.deepEqual((await side.queue.getJobLogs('1')).logs, ['tried', 'tried']);
});

for (const [name, keep, left] of [
  ['true', true, []],
  ['false', false, ['1', '2', '3', '4', '5']],
  ['0', 0, []],
  ['2', 2, ['4', '5']],
  ['-1', -1, ['1', '2', '3', '4', '5']],
  ['{count: 3}', { count: 3 }, ['3', '4', '5']],
  ['{age: 3600}', { age: 3600 }, ['1', '2', '3', '4', '5']],
  ['{age: 0}', { age: 0 }, []],
]) {
  for (const [option, channel, data] of [
    ['removeOnComplete', 'completed', { result: 1, logs: ['row'] }],
    ['removeOnFail', 'failed', { error: 'no', logs: ['row'] }],
  ]) {
    sameAsBull(`${option}: ${name}`, {}, async (side) => {
      await side.work();
      for (let i = 0; i < 5; i++) await side.queue.add(data, { [option]: keep });
      await side.messagesOf(channel, 5);
      await untilCounts(side.queue, { active: 0, waiting: 0 });
      const ids = (await side.client.zrange(`bull:q:${channel}`, 0, -1)).sort();
      assert.deepEqual(ids, left);
      for (let i = 1; i <= 5; i++) {
        const expected = left.includes(String(i)) ? 1 : 0;
        assert.equal(await side.client.exists(`bull:q:${i}`), expected, `hash of job ${i}`);
        assert.equal(await side.client.exists(`bull:q:${i}:logs`), expected, `logs of job ${i}`);
      }
    });
  }
}

sameAsBull('age removes what is older', {}, async (side) => {
  await side.work();
  await side.queue.add({ result: 1 });
  await side.messagesOf('completed');
  await side.client.zadd('bull:q:completed', Date.now() - 5000, '1');
  await side.queue.add({ result: 2 }, { removeOnComplete: { age: 2 } });
  await side.messagesOf('completed', 2);
  await untilState(side.queue, '1', 'gone');
});

/* Bull's script aborts half-way on null and loses the job; ours keeps it. */
sameAsBull('removeOnComplete: null loses nothing', { isOursAlone: true }, async (side) => {
  await side.work();
  await side.queue.add({ result: 1 }, { removeOnComplete: null, removeOnFail: null });
  await untilState(side.queue, '1', 'completed');
});

sameAsBull('job.finished() resolves and rejects', {}, async (side) => {
  const jobs = [
    await side.queue.add({ result: { a: 1 } }, { removeOnComplete: true, delay: 1 }),
    await side.queue.add({ error: 'boom' }, { delay: 1 }),
  ];
  const waits = [jobs[0].finished(), assert.rejects(jobs[1].finished(), { message: 'boom' })];
  await side.work();
  assert.deepEqual(await waits[0], { a: 1 });
  await waits[1];
  const late = await side.queue.add({ result: 'late' });
  await untilState(side.queue, late.id, 'completed');
  assert.equal(await late.finished(), 'late');
});

sameAsBull('broken data fails the one job', { isOursAlone: true }, async (side) => {
  await side.queue.add({ result: 1 });
  await side.queue.add({ result: 2 });
  await side.client.hset('bull:q:1', 'data', '{"result":');
  await side.work();
  await untilState(side.queue, '2', 'completed');
  await until(async () => (await side.client.zscore('bull:q:failed', '1')) !== null, { what: 'job 1 to fail' });
  assert.match(await side.client.hget('bull:q:1', 'failedReason'), /data/);
});

sameAsBull('falsy and odd job data arrive as they are stored', {}, async (side) => {
  await side.work();
  await side.queue.add('named', { result: '\u2028 " \\ / \u0000 😀', nested: { deep: [[[]]] } });
  await untilState(side.queue, '1', 'completed');
  assert.equal((await side.queue.getJob('1')).returnvalue, '\u2028 " \\ / \u0000 😀');
});

/* Both workers find their job gone when they end it, and go on. What is left over differs: Bull writes
 * a failure for it before it notices. */
sameAsBull(
  'a queue that is obliterated under a running job',
  { isCompared: false, worker: { settings: { retryProcessDelay: 100 } } },
  async (side) => {
    const gate = `${side.dir}/gate`;
    await side.work();
    await side.queue.add({ gate });
    await until(() => side.client.exists('bull:q:1:lock'), { what: 'the job to run' });
    await side.queue.obliterate({ force: true });
    writeFileSync(gate, '');
    await side.queue.resume();
    await side.queue.add({ result: 'next' }, { jobId: 'after' });
    await untilState(side.queue, 'after', 'completed');
    assert.equal(await side.client.zscore('bull:q:completed', '1'), null);
  },
);
