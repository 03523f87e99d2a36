/* server/MIGRATION.md: its commands, in its order, on a queue of Bull whose producer moves to BullMQ. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { bullQueue, untilState } from '../lib/bull.mjs';
import { mqEvents, mqQueue, mqWorker } from '../lib/bullmq.mjs';
import { BUILD, missing, ROOT, runProgram, startProgram } from '../lib/processes.mjs';
import { startRedis, temporaryDirectory } from '../lib/redis.mjs';
import { until, within } from '../lib/wait.mjs';

const options = { skip: missing('cartrita-queued', 'cartrita-worker', 'cartrita-q') };
const page = readFileSync(join(ROOT, 'server/MIGRATION.md'), 'utf8');
const blocks = (language) => [...page.matchAll(new RegExp('^```' + language + '\\n([\\s\\S]*?)^```', 'gm'))].map(([, text]) => text);

/* One at a time; comments go. */
const commands = blocks('sh')
  .flatMap((text) => text.split('\n'))
  .map((line) => line.replace(/\s+# .*$/, ''))
  .filter(Boolean);

/* What the application does before a command that begins so; each once. */
const meanwhile = [
  [
    'cartrita-q tail',
    async ({ t, redis, mq }) => {
      const events = await mqEvents(t, redis, 'mail-mq');
      const job = await mq.add('welcome', { to: 'ada@example.org' });
      await within(job.waitUntilFinished(events), { deadlineMs: 20_000 });
    },
  ],
  ['cartrita-q queue resume mail', ({ bull }) => bull.pause()],
  [
    'cartrita-q job retry',
    async ({ bull, delayed }) => {
      await untilState(bull, delayed.id, 'completed');
      await bull.client.zadd('bull:mail:failed', Date.now(), 'bad');
      await bull.client.hset('bull:mail:bad', 'name', 'n', 'data', '{}', 'opts', '{}', 'timestamp', Date.now(), 'failedReason', 'x', 'finishedOn', Date.now());
    },
  ],
  ['cartrita-q queue resume mail-mq', ({ mq }) => mq.pause()],
  [
    'cartrita-q queue obliterate',
    async ({ bull }) => {
      const counts = () => bull.getJobCounts();
      await until(async () => Object.entries(await counts()).every(([state, n]) => n === 0 || state === 'completed'), {
        what: 'the old queue to be dry',
        describe: async () => JSON.stringify(await counts()),
      });
    },
  ],
  [
    'cartrita-q queue show both',
    async ({ t, redis, bull }) => {
      await mqQueue(t, redis, 'both').add('n', {});
      await bull.client.zadd('bull:both:priority', 3, '1');
    },
  ],
];

test('the commands of the page, one after the other', options, async (t) => {
  const redis = await startRedis(t);
  const dir = await temporaryDirectory(t);
  const bull = bullQueue(t, redis, 'mail');
  const env = { PATH: `${BUILD}:${process.env.PATH}`, CARTRITA_REDIS_URL: redis.url, XDG_RUNTIME_DIR: dir, TMPDIR: dir };
  await bull.add('welcome', { to: 'ada@example.org' }, { priority: 3 });
  await bull.add('report', { to: 'ada@example.org' }, { repeat: { cron: '0 9 * * *', tz: 'Europe/Madrid' } });
  const delayed = await bull.add('later', {}, { delay: 3600_000 });
  const scene = { t, redis, bull, mq: mqQueue(t, redis, 'mail-mq'), delayed };
  await writeFile(join(dir, 'worker.yaml'), blocks('yaml')[0]);
  const left = [...meanwhile];
  const outputs = {};

  for (const command of commands) {
    const index = left.findIndex(([begin]) => command.startsWith(begin));
    if (index >= 0) await left.splice(index, 1)[0][1](scene);
    if (command.startsWith('cartrita-worker') || command.includes(' tail ')) {
      const program = startProgram(t, '/bin/sh', ['-c', `exec ${command}`], { env, cwd: dir });
      if (command.includes(' tail ')) program.end();
      continue;
    }
    const { code, stdout, lines } = await runProgram(t, '/bin/sh', ['-c', `exec ${command}`], { env, cwd: dir });
    assert.equal(code, 0, `${command}\n${stdout}\n${lines.join('\n')}`);
    outputs[command] = stdout;
  }
  assert.deepEqual(left.map(([begin]) => begin), [], 'all of the story was told');
  assert.ok(commands.length > 15);
  /* What is left: nothing of the old queue, and a series in the new one. */
  assert.deepEqual(await redis.client().keys('bull:mail:*'), []);
  const [scheduler] = await scene.mq.getJobSchedulers();
  assert.deepEqual([scheduler.key, scheduler.name, scheduler.pattern, scheduler.tz], ['daily', 'report', '0 9 * * *', 'Europe/Madrid']);
  assert.equal(await mqQueue(t, redis, 'both').isPaused(), true);
});

test('a job with a priority comes before those without in Bull, behind them in BullMQ', options, async (t) => {
  const redis = await startRedis(t);
  const orders = { bull: [], bullmq: [] };
  const bull = bullQueue(t, redis, 'old');
  const mq = mqQueue(t, redis, 'new');
  for (const queue of [bull, mq]) {
    await queue.add('without', {});
    await queue.add('with', {}, { priority: 5 });
  }
  const worker = mqWorker(t, redis, 'new');
  bull.process('*', 1, async ({ name }) => orders.bull.push(name));
  worker.on('active', ({ name }) => orders.bullmq.push(name));
  await until(() => orders.bull.length === 2 && orders.bullmq.length === 2, { what: 'all jobs to have run', describe: () => JSON.stringify(orders) });
  assert.deepEqual(orders, { bull: ['with', 'without'], bullmq: ['without', 'with'] });
});

test('jobs are not moved from one dialect to the other', options, async (t) => {
  const redis = await startRedis(t);
  await bullQueue(t, redis, 'mail').add('n', {});
  await mqQueue(t, redis, 'mail-mq').add('n', {});
  const { code, lines } = await runProgram(t, 'cartrita-q', ['job', 'move', 'mail', 'mail-mq', '--all', '--yes', '--redis', redis.url]);
  assert.notEqual(code, 0);
  assert.match(lines.join('\n'), /queue "mail-mq" is of the dialect bullmq, queue "mail" of bull/);
});
