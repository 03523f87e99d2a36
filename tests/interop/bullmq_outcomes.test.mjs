/* How a job of BullMQ ends: results, failures, retries, backoff, retention, data, logs, progress. The same
 * job under a Node worker and under ours leaves the same keys and the same events. */

import assert from 'node:assert/strict';

import { runsOf, sameAsNode, until } from '../lib/e2e_mq.mjs';

const BOTH = [5, 6];

for (const [name, result, stored] of [
  ['an object', { sum: 3, list: [1, null, 'ü'] }, '{"sum":3,"list":[1,null,"ü"]}'],
  ['a text', '\u2028 " \\ / \u0000 😀', JSON.stringify('\u2028 " \\ / \u0000 😀')],
  ['nothing', undefined, 'null'],
  ['false', false, 'false'],
]) {
  sameAsNode(`a job completes with ${name}`, { versions: BOTH, normalise: { inOrder: true, withoutEvents: [] } }, async (side) => {
    await side.queue.add('named', { result }, { attempts: 3, backoff: 500 });
    await side.work();
    await side.untilState('1', 'completed');
    assert.equal(await side.client.hget(side.key(1), 'returnvalue'), stored);
    assert.equal(await side.client.exists(side.key('1:lock')), 0);
  });
}

sameAsNode('a job added to a worker that waits', { versions: BOTH }, async (side) => {
  await side.work();
  await side.queue.add('named', { result: 1 });
  await side.untilState('1', 'completed');
});

sameAsNode('a worker with a name', { worker: { settings: { name: 'w1' } } }, async (side) => {
  await side.work();
  await side.queue.add('named', { result: 1 });
  await side.untilState('1', 'completed');
  assert.equal(await side.client.hget(side.key(1), 'pb'), 'w1');
  const workers = await side.queue.getWorkers();
  assert.deepEqual(
    workers.map(({ rawname }) => rawname),
    [`${side.prefix}:cQ==:w:w1`],
  );
});

const TRACES = { normalise: { keepTraceLine: true, inOrder: true, withoutEvents: [] } };

sameAsNode('a job fails for good', { versions: BOTH, ...TRACES }, async (side) => {
  await side.queue.add('named', { error: 'boom "quoted" ü' });
  await side.work();
  await side.untilState('1', 'failed');
  const job = await side.queue.getJob('1');
  assert.equal(job.failedReason, 'boom "quoted" ü');
  assert.equal(job.attemptsMade, 1);
});

sameAsNode('a job is retried at once until it succeeds', { versions: BOTH, ...TRACES }, async (side) => {
  await side.queue.add('named', { error: 'not yet', failTimes: 2, result: 1 }, { attempts: 3 });
  await side.work();
  await side.untilState('1', 'completed');
  const { attemptsMade, attemptsStarted, stacktrace } = await side.queue.getJob('1');
  assert.deepEqual([attemptsMade, attemptsStarted, stacktrace.length], [3, 3, 2]);
});

sameAsNode('a job runs out of attempts', TRACES, async (side) => {
  await side.queue.add('named', { error: 'never' }, { attempts: 3 });
  await side.work();
  await side.untilState('1', 'failed');
});

sameAsNode('a retried job goes to the end, one with lifo to the front', {}, async (side) => {
  const record = `${side.dir}/record`;
  const fails = { error: 'once', failTimes: 1, record, result: 1 };
  await side.queue.add('a', fails, { attempts: 2 });
  for (const name of ['b', 'c']) await side.queue.add(name, { record, result: 2 });
  await side.queue.add('d', fails, { attempts: 2, lifo: true });
  await side.work();
  await side.untilCounts({ completed: 4 });
  return runsOf(record);
});

sameAsNode('a retried job keeps its priority', {}, async (side) => {
  const record = `${side.dir}/record`;
  await side.queue.add('a', { error: 'once', failTimes: 1, record }, { attempts: 2, priority: 2 });
  for (const priority of [2, 1, 3]) await side.queue.add('x', { record }, { priority });
  await side.work();
  await side.untilCounts({ completed: 4 });
  return runsOf(record);
});

sameAsNode('fixed backoff', TRACES, async (side) => {
  await side.queue.add('named', { error: 'no' }, { attempts: 3, backoff: 100 });
  await side.work();
  await side.untilState('1', 'failed');
});

sameAsNode('exponential backoff', { versions: BOTH, ...TRACES }, async (side) => {
  await side.queue.add('named', { error: 'no', failTimes: 3, result: 1 }, { attempts: 4, backoff: { type: 'exponential', delay: 50 } });
  await side.work();
  await side.untilState('1', 'completed');
  assert.equal(await side.client.hget(side.key(1), 'delay'), '0', 'promotion clears it');
});

sameAsNode('while a job backs off it is delayed, with its failure kept', TRACES, async (side) => {
  await side.queue.add('named', { error: 'later' }, { attempts: 2, backoff: 3_600_000 });
  await side.work();
  await side.untilState('1', 'delayed');
});

sameAsNode(
  'a backoff strategy of its own, which may stop early',
  { ...TRACES, worker: { strategies: { mine: [50, 80, -1] } } },
  async (side) => {
    await side.queue.add('named', { error: 'no' }, { attempts: 9, backoff: { type: 'mine' } });
    await side.work();
    await side.untilState('1', 'failed');
    assert.equal((await side.queue.getJob('1')).attemptsMade, 3);
  },
);

sameAsNode('a job that says so is not tried again', TRACES, async (side) => {
  await side.queue.add('named', { error: 'useless', discard: true }, { attempts: 5 });
  await side.work();
  await side.untilState('1', 'failed');
  const events = await side.client.xrange(side.key('events'), '-', '+');
  assert.ok(!JSON.stringify(events).includes('retries-exhausted'));
});

for (const stackTraceLimit of [0, 1, 2]) {
  sameAsNode(`a stack trace limit of ${stackTraceLimit}`, TRACES, async (side) => {
    await side.queue.add('named', { error: 'never' }, { attempts: 4, stackTraceLimit });
    await side.work();
    await side.untilState('1', 'failed');
    assert.equal((await side.queue.getJob('1')).stacktrace.length, stackTraceLimit);
  });
}

sameAsNode('progress, logs and data of one job', { versions: BOTH }, async (side) => {
  await side.queue.add(
    'named',
    { logs: ['one', 'two ü', ''], progress: [10, { at: 'half' }, 'text', 100], update: { other: [1, {}] }, result: 'done' },
    { keepLogs: 2 },
  );
  await side.work();
  await side.untilState('1', 'completed');
  assert.deepEqual((await side.queue.getJobLogs('1')).logs, ['two ü', '']);
  assert.deepEqual((await side.queue.getJob('1')).data, { other: [1, {}] });
});

sameAsNode('progress and logs of a failing job are kept', TRACES, async (side) => {
  await side.queue.add('named', { logs: ['tried'], progress: [50], error: 'no' }, { attempts: 2 });
  await side.work();
  await side.untilState('1', 'failed');
  assert.deepEqual((await side.queue.getJobLogs('1')).logs, ['tried', 'tried']);
});

for (const [name, keep, left] of [
  ['true', true, []],
  ['false', false, [1, 2, 3, 4, 5]],
  ['0', 0, []],
  ['2', 2, [4, 5]],
  ['{count: 3}', { count: 3 }, [3, 4, 5]],
  ['{age: 3600}', { age: 3600 }, [1, 2, 3, 4, 5]],
  ['{age: 0}', { age: 0 }, []],
  ['{age: 0, count: 2, limit: 1}', { age: 0, count: 2, limit: 1 }, undefined],
  ['{age: 3600, count: 1}', { age: 3600, count: 1 }, [5]],
]) {
  sameAsNode(`keep ${name}`, {}, async (side) => {
    for (let i = 0; i < 5; i++) {
      await side.queue.add('good', { result: i, logs: ['row'] }, { removeOnComplete: keep, jobId: `g${i + 1}` });
      await side.queue.add('bad', { error: 'no', logs: ['row'] }, { removeOnFail: keep, jobId: `b${i + 1}` });
    }
    const events = await side.events();
    await side.work();
    await until(() => events.seen.filter(({ event }) => event === 'completed' || event === 'failed').length === 10, {
      what: 'ten ends',
    });
    if (!left) return;
    for (const [set, letter] of [['completed', 'g'], ['failed', 'b']]) {
      const ids = (await side.client.zrange(side.key(set), 0, -1)).sort();
      assert.deepEqual(ids, left.map((i) => `${letter}${i}`));
    }
  });
}

sameAsNode('what the job says about keeping beats what the worker says', {
  worker: { settings: { removeOnComplete: { count: 1 }, removeOnFail: { count: 0 } } },
}, async (side) => {
  for (let i = 0; i < 3; i++) await side.queue.add('good', { result: i });
  for (let i = 0; i < 2; i++) await side.queue.add('good', { result: i }, { removeOnComplete: false });
  for (let i = 0; i < 2; i++) await side.queue.add('bad', { error: 'no' });
  await side.queue.add('bad', { error: 'no' }, { removeOnFail: 5 });
  const events = await side.events();
  await side.work();
  await until(() => events.seen.filter(({ event }) => event === 'completed' || event === 'failed').length === 8, {
    what: 'eight ends',
  });
});

sameAsNode('age removes what is older', {}, async (side) => {
  const worker = await side.work();
  await side.queue.add('named', { result: 1 });
  await side.untilState('1', 'completed');
  await side.client.zadd(side.key('completed'), Date.now() - 5000, '1');
  await side.queue.add('named', { result: 2 }, { removeOnComplete: { age: 2 } });
  await side.untilState('2', 'completed');
  assert.equal(await side.client.exists(side.key(1)), 0);
  return worker.kind && 'gone';
});

sameAsNode('the context of telemetry is kept, through retries too', { versions: BOTH, ...TRACES }, async (side) => {
  const metadata = '{"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","baggage":"a=b/c"}';
  await side.queue.add('named', { error: 'once', failTimes: 1 }, { attempts: 2, telemetry: { metadata } });
  await side.work();
  await side.untilState('1', 'completed');
  assert.equal(JSON.parse(await side.client.hget(side.key(1), 'opts')).tm, metadata);
});

sameAsNode('options as no producer would write them are understood all the same', {}, async (side) => {
  const opts = {
    a: '{"attempts":2.0,"backoff":{"type":"fixed","delay":3e1},"removeOnFail":{},"kl":1,"unknown":[1,{"a":"\\/"}],"timestamp":1.7954301123621e+15}',
    b: '{"attempts":1,"removeOnComplete":{"age":3.6e3,"count":1e0},"removeOnFail":false,"de":{},"backoff":{}}',
    c: '{}',
  };
  for (const jobId of Object.keys(opts)) {
    await side.queue.add('x', jobId === 'a' ? { error: 'no', logs: [1, 2] } : { result: jobId }, { jobId });
    await side.client.hset(side.key(jobId), 'opts', opts[jobId]);
  }
  await side.work();
  await side.untilCounts({ completed: 2, failed: 1 });
});

/* D1: a Node worker retries it for ever. */
sameAsNode('a job of an older version: its attempts end', { isOursAlone: true }, async (side) => {
  await side.queue.add('named', { error: 'no' }, { attempts: 3 });
  await side.client.hset(side.key(1), 'attemptsMade', 1);
  await side.work();
  await until(() => side.client.zscore(side.key('failed'), '1'), { what: 'the job to fail' });
  const [ats, made] = await side.client.hmget(side.key(1), 'ats', 'attemptsMade');
  assert.deepEqual([Number(ats) <= 3, made], [true, '1']);
});

sameAsNode('broken data fails the one job', { isOursAlone: true }, async (side) => {
  await side.queue.add('a', { result: 1 });
  await side.queue.add('b', { result: 2 });
  await side.client.hset(side.key(1), 'data', '{"result":');
  await side.work();
  await side.untilState('2', 'completed');
  await until(async () => (await side.client.zscore(side.key('failed'), '1')) !== null, { what: 'job 1 to fail' });
  assert.match(await side.client.hget(side.key(1), 'failedReason'), /data/);
});

/* T20: a Node worker runs it with no name and no data, and leaves a hash of three fields. */
sameAsNode('an id without a job is dropped', { isOursAlone: true }, async (side) => {
  await side.queue.add('a', { result: 1 });
  await side.queue.add('b', { result: 2 });
  await side.client.del(side.key(1));
  await side.work();
  await side.untilState('2', 'completed');
  assert.equal(await side.client.exists(side.key(1), side.key('1:lock')), 0);
  assert.equal(await side.client.llen(side.key('active')), 0);
});

sameAsNode('metrics', { versions: BOTH, worker: { settings: { metrics: { maxDataPoints: 3 } } } }, async (side) => {
  await until(() => Date.now() % 60_000 < 50_000, { what: 'a fresh minute', deadlineMs: 20_000 });
  const minute = 60_000;
  await side.work();
  for (const [i, back] of [0, 2, 0, 7].entries()) {
    if (back) await side.client.hset(side.key('metrics:completed'), 'prevTS', Date.now() - back * minute);
    await side.queue.add('good', { result: i });
    await side.untilState(String(i + 1), 'completed');
  }
  await side.queue.add('bad', { error: 'no' });
  await side.untilState('5', 'failed');
  return [await side.queue.getMetrics('completed'), await side.queue.getMetrics('failed')].map(({ data, count }) => [data, count]);
});
