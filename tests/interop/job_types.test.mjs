/* examples/job-types.yaml as a user would run it, with a mail server, a database and a directory of the test's own. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import sharp from 'sharp';

import { bullQueue } from '../lib/bull.mjs';
import { startMailbox } from '../lib/mailbox.mjs';
import { LSAN } from '../lib/plugin.mjs';
import { skipWithoutPostgres, startPostgres } from '../lib/postgres.mjs';
import { missing, pluginPath, ROOT, startProgram } from '../lib/processes.mjs';
import { startRedis, temporaryDirectory } from '../lib/redis.mjs';
import { within } from '../lib/wait.mjs';

const TYPES = ['email', 'file', 'ai', 'analytics'];
const skip = skipWithoutPostgres || missing('cartrita-worker', 'cartrita-queued', ...TYPES.map((name) => `plugins/${name}.so`));

test('examples/job-types.yaml serves the queues of the four job types', { skip }, async (t) => {
  const dir = await temporaryDirectory(t);
  const postgres = await startPostgres(t);
  const login = { authOptional: true, disabledCommands: ['STARTTLS'], allowInsecureAuth: true, onAuth: ({ username }, _session, done) => done(null, { user: username }) };
  const [redis, box] = [await startRedis(t), await startMailbox(t, login)];
  const config = join(dir, 'job-types.yaml');
  let text = readFileSync(join(ROOT, 'examples/job-types.yaml'), 'utf8')
    .replaceAll('url: smtp://127.0.0.1:587', `url: ${box.url}\n      tls: never`)
    .replaceAll(/\/srv\/(pictures|models)/g, dir);
  for (const name of TYPES) text = text.replaceAll(`plugin: ${name}\n`, `plugin: ${pluginPath(name)}\n`).replaceAll(`plugin: ${name} `, `plugin: ${pluginPath(name)} `);
  await writeFile(config, text);
  await sharp({ create: { width: 40, height: 20, channels: 3, background: 'red' } }).png().toFile(join(dir, 'red.png'));
  const worker = startProgram(t, 'cartrita-worker', ['--config', config, '--redis', redis.url, ...(process.getuid() === 0 ? ['--user', 'root'] : [])], {
    env: { SMTP_PASSWORD: 'a-password', DATABASE_URL: postgres.url(), LSAN_OPTIONS: LSAN },
  });

  async function run(name, job, data) {
    const added = await bullQueue(t, redis, name).add(job, data);
    return within(added.finished(), { deadlineMs: 30_000, what: `${name} to run ${job}` });
  }
  const message = { subject: 'Hello', text: 'Hello Ann' };
  const [mail, notice, picture, events, unknown] = await Promise.allSettled([
    run('email-processing', 'welcome', { type: 'send', data: { to: 'ann@example.org', ...message } }),
    run('notification-delivery', 'welcome', { type: 'email', recipient: 'bob@example.org', message }),
    run('image-processing', 'resize', { operation: 'resize', imageUrl: 'red.png', options: { width: 10, output: 'small.png' } }),
    run('analytics-processing', 'page-view', { eventType: 'page-view', data: { path: '/' }, userId: 7 }),
    run('inference', 'infer', { model: 'none.onnx', inputs: {} }),
  ]);

  assert.deepEqual(mail.value?.accepted, ['ann@example.org'], mail.reason?.message);
  assert.deepEqual(notice.value?.accepted, ['bob@example.org'], notice.reason?.message);
  assert.deepEqual([picture.value?.width, (await sharp(join(dir, 'small.png')).metadata()).width], [10, 10], picture.reason?.message);
  assert.deepEqual(events.value, { events: 1, duplicate: false }, events.reason?.message);
  assert.match(unknown.reason.message, /none\.onnx/, worker.log);
});
