/* The daemon's /metrics: what it says of real jobs, and in a form that Prometheus takes. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';

import { bullQueue } from '../lib/bull.mjs';
import { mqQueue } from '../lib/bullmq.mjs';
import { addressOf, get, metricsOf } from '../lib/http.mjs';
import { missing, ROOT, runProgram } from '../lib/processes.mjs';
import { startRedis, temporaryDirectory } from '../lib/redis.mjs';
import { until } from '../lib/wait.mjs';
import { openRunner } from '../lib/wire.mjs';
import { startDaemon } from '../lib/workers.mjs';

const options = { skip: missing('cartrita-queued'), concurrency: 2 };
const hasPromtool = spawnSync('promtool', ['--version']).status === 0;
const SAMPLED_MS = 30_000;

async function bench(t) {
  const redis = await startRedis(t);
  const daemon = await startDaemon(t, redis, { args: ['--http', '127.0.0.1:0'] });
  return { redis, daemon, url: await addressOf(daemon.program) };
}

async function end(runner, type, fields = {}) {
  const job = await runner.take('job');
  runner.send(type, { lease: job.lease, ...fields });
  await runner.take('ack');
}

test('counts jobs by name and outcome, and times them', options, async (t) => {
  const { redis, daemon, url } = await bench(t);
  const queue = bullQueue(t, redis);
  await queue.add('resize', {});
  await queue.add('resize', {});
  await queue.add('send', {}, { attempts: 2, backoff: { type: 'fixed', delay: 0 } });
  await queue.add('later', {}, { delay: 600_000 });
  const runner = await openRunner(t, daemon.server);
  await end(runner, 'completed');
  await end(runner, 'completed');
  await end(runner, 'failed', { reason: 'no' });
  await end(runner, 'failed', { reason: 'no' });

  const page = await metricsOf(url);
  const ended = (name, outcome) => page.get(`cartrita_queue_jobs_ended_total{queue="q",name="${name}",outcome="${outcome}"}`);
  assert.deepEqual([ended('resize', 'completed'), ended('resize', 'failed')], [2, 0]);
  assert.deepEqual([ended('send', 'retried'), ended('send', 'failed')], [1, 1]);
  assert.equal(page.get('cartrita_queue_jobs_fetched_total{queue="q"}'), 4);
  assert.equal(page.get('cartrita_queue_wait_seconds_count{queue="q"}'), 3, 'a second attempt did not wait for a worker');
  assert.equal(page.get('cartrita_queue_run_seconds_count{queue="q"}'), 4);
  assert.equal(page.get('cartrita_queue_run_seconds_bucket{queue="q",le="+Inf"}'), 4);
  assert.ok(page.get('cartrita_queue_commit_seconds_count{queue="q"}') > 0);
  assert.equal(page.get('cartrita_redis_up'), 1);
  assert.equal(page.get('cartrita_queues'), 1);
  assert.ok(page.get('process_resident_memory_bytes') > 1e6);
});

test('tells how many jobs are where, of Bull and BullMQ, also without workers', options, async (t) => {
  const { redis, daemon, url } = await bench(t);
  const bull = bullQueue(t, redis, 'one');
  const mq = mqQueue(t, redis, 'two');
  await bull.add({});
  await bull.add({}, { delay: 600_000 });
  await mq.add('x', {}, { priority: 3 });
  await mq.pause();
  const runner = await openRunner(t, daemon.server, 'one');
  const job = await runner.take('job');
  (await openRunner(t, daemon.server, 'two', { dialect: 'bullmq' })).send('bye');

  const page = await until(
    async () => {
      const now = await metricsOf(url);
      return now.get('cartrita_queue_jobs{queue="one",state="active"}') === 1 && now.get('cartrita_queue_paused{queue="two"}') === 1 && now;
    },
    { what: 'samples of both queues', deadlineMs: SAMPLED_MS },
  );
  assert.equal(page.get('cartrita_queue_jobs{queue="one",state="delayed"}'), 1);
  assert.equal(page.get('cartrita_queue_jobs{queue="two",state="prioritized"}'), 1);
  assert.equal(page.get('cartrita_leases'), 1);
  runner.send('completed', { lease: job.lease });
  await runner.take('ack');
  runner.send('bye');

  await bull.add({});
  await until(async () => (await metricsOf(url)).get('cartrita_queue_ready_jobs{queue="one"}') === 1, { what: 'a backlog without workers', deadlineMs: SAMPLED_MS });
});

test('wants workers by what waits, as the configuration file says', options, async (t) => {
  const redis = await startRedis(t);
  const dir = await temporaryDirectory(t);
  const config = join(dir, 'queues.yaml');
  await writeFile(config, 'queues: [{name: q, scaling: {slots: 5, max: 9}}, {name: idle, dialect: bull, scaling: {min: 2}}]\n');
  const args = ['--http', '127.0.0.1:0', '--config', config];
  const daemon = await startDaemon(t, redis, { args });
  const url = await addressOf(daemon.program);
  const queue = bullQueue(t, redis);
  await queue.addBulk(Array.from({ length: 300 }, () => ({ data: {} })));
  const wanted = async (name) => (await metricsOf(url)).get(`cartrita_queue_wanted_workers{queue="${name}"}`);
  /* 300 jobs of one second, as nothing is known, within 15 s, 5 at once. */
  await until(async () => (await wanted('q')) >= 4 && (await wanted('idle')) === 2, { what: 'workers to be wanted', deadlineMs: SAMPLED_MS });
  assert.ok((await wanted('q')) <= 9);

  await writeFile(config, 'queues: [{name: q, scaling: {min: 101}}]\n');
  const wrong = await runProgram(t, 'cartrita-queued', args);
  assert.equal(wrong.code, 2);
  assert.match(wrong.lines.join('\n'), /queues\.yaml.*min is above max/);
  await writeFile(config, 'queues: [{name: q, scaling: {target: 1ms}}]\n');
  assert.match((await runProgram(t, 'cartrita-queued', args)).lines.join('\n'), /target must be a duration such as 30s, from 1000ms to 1d/);
});

test('says when Redis is away, and goes on', options, async (t) => {
  const { redis, url } = await bench(t);
  await until(async () => (await metricsOf(url)).get('cartrita_redis_up') === 1, { what: 'Redis to be up' });
  await redis.stop();
  await until(async () => (await metricsOf(url)).get('cartrita_redis_up') === 0, { what: 'Redis to be away' });
  await redis.start();
  const page = await until(async () => {
    const now = await metricsOf(url);
    return now.get('cartrita_redis_up') === 1 && now;
  }, { what: 'Redis to be back' });
  assert.equal(page.get('cartrita_redis_connects_total'), 2);
});

test('is in the format of Prometheus, and METRICS.md names each metric', options, async (t) => {
  const { redis, daemon, url } = await bench(t);
  const queue = bullQueue(t, redis, 'odd "name" \\ \u00e9', { prefix: 'p' });
  await queue.add('a\nb', {});
  const runner = await openRunner(t, daemon.server, queue.name, { prefix: 'p' });
  await end(runner, 'completed');
  const { text, type } = await get(`${url}/metrics`);
  assert.equal(type, 'text/plain; version=0.0.4; charset=utf-8');
  assert.match(text, /cartrita_queue_jobs_ended_total\{queue="odd \\"name\\" \\\\ é",prefix="p",name="a\\nb",outcome="completed"\} 1\n/);

  const shown = [...text.matchAll(/^# TYPE (\S+) (\S+)/gm)].map(([, name, kind]) => `${name} ${kind}`);
  const table = readFileSync(join(ROOT, 'server/http/METRICS.md'), 'utf8');
  const told = [...table.matchAll(/^\| `(\w+)` \| (\w+) \|/gm)].map(([, name, kind]) => `${name} ${kind}`);
  assert.deepEqual(told.sort(), shown.sort());
  if (hasPromtool) execFileSync('promtool', ['check', 'metrics'], { input: text });
  else t.diagnostic('promtool is not here: the format was not checked with it');
});
