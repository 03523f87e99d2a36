/* What the README promises and a machine can check: its options, its paths, its first job. */

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { copyFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { bullQueue } from '../lib/bull.mjs';
import { pages } from '../lib/options.mjs';
import { BUILD, ROOT, runProgram, startProgram } from '../lib/processes.mjs';
import { startRedis, temporaryDirectory } from '../lib/redis.mjs';
import { within } from '../lib/wait.mjs';

const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');

for (const { page, text, wanted } of pages())
  test(`the options in ${page} are those of --help`, () => {
    assert.equal(text, wanted, 'run: node tests/lib/options.mjs --write');
  });

test('files that the README names are there', () => {
  const links = [...readme.matchAll(/\]\(([^)#:]+)\)/g)].map(([, path]) => path);
  const code = [...readme.matchAll(/`((?:deploy|examples|proto|server|tests|worker)\/[\w./-]+)`/g)].map(([, path]) => path);
  assert.ok(links.length > 3 && code.length > 3);
  for (const path of [...links, ...code]) assert.ok(existsSync(join(ROOT, path)), path);
});

test('each setting of a queue is in the README', () => {
  const source = readFileSync(join(ROOT, 'server/queue/settings.c'), 'utf8');
  const names = [...source.matchAll(/(?:SETTING\(|_is\([\w>.-]+, |strcmp\(name, )"(\w+)"/g)].map(([, name]) => name);
  assert.ok(names.length >= 12, names.join(' '));
  for (const name of names) assert.ok(readme.includes(`\`${name}\``), name);
});

test('the first job of the README runs as it is written there', async (t) => {
  const redis = await startRedis(t);
  const dir = await temporaryDirectory(t);
  const [, script] = readme.match(/ {3}\/\/ worker\.mjs\n([\s\S]*?) {3}```/);
  await writeFile(join(dir, 'worker.mjs'), script);

  startProgram(t, 'cartrita-worker', [
    '--redis', redis.url, '--queue', 'image-processing',
    '--plugin', 'exec', '--set', `command=node ${join(dir, 'worker.mjs')}`, '--concurrency', '3',
  ]);
  const queue = bullQueue(t, redis, 'image-processing');
  const job = await queue.add('resize', { imageUrl: 'cat.png', width: 64 }, { attempts: 3, backoff: 2000 });
  assert.deepEqual(await within(job.finished(), { deadlineMs: 20_000 }), { done: 'resize', width: 64 });
});

test('examples/cartrita.yaml serves the seven queues of examples/producer-node', async (t) => {
  const redis = await startRedis(t);
  const config = join(await temporaryDirectory(t), 'cartrita.yaml');
  const text = readFileSync(join(ROOT, 'examples/cartrita.yaml'), 'utf8');
  await writeFile(config, text.replaceAll('plugin: build/', `plugin: ${BUILD}/`));
  startProgram(t, 'cartrita-worker', ['--config', config, '--redis', redis.url]);
  const { code, stdout } = await runProgram(t, process.execPath, ['examples/producer-node/producer.mjs', redis.url], { deadlineMs: 30_000 });
  assert.equal(code, 0, stdout);
  assert.equal(stdout.trim().split('\n').length, 7);
});

test('examples/flow-node: a flow of BullMQ, and a scheduler', async (t) => {
  const redis = await startRedis(t);
  const dir = await temporaryDirectory(t);
  /* The packages are found from where the file lies: those of the tests will do. */
  await copyFile(join(ROOT, 'examples/flow-node/producer.mjs'), join(dir, 'producer.mjs'));
  await symlink(join(ROOT, 'tests/node_modules'), join(dir, 'node_modules'));
  const worker = startProgram(t, 'cartrita-worker', [
    '--redis', redis.url, '--queue', 'albums', '--queue', 'pictures', '--dialect', 'bullmq',
    '--plugin', 'exec', '--set', `command=node ${join(ROOT, 'examples/flow-node/worker.mjs')}`, '--concurrency', '4',
  ]);
  const { code, stdout, log } = await runProgram(t, process.execPath, [join(dir, 'producer.mjs'), redis.url], { deadlineMs: 30_000 });
  assert.equal(code, 0, `${stdout}${log}${worker.log}`);
  const [album, next] = stdout.trim().split('\n');
  assert.deepEqual(JSON.parse(album), { title: 'holidays', pictures: ['hill.png', 'sea.png'], failed: ['broken.png is no picture'] });
  assert.match(next, /^next: cleanup at 20/);
});
