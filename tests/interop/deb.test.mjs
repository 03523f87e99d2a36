/* make deb: the packages are made, hold what they should, and their programs run a job from where a
 * package puts them. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';

import { bullQueue, untilState } from '../lib/bull.mjs';
import { ROOT, runProgram, startProgram } from '../lib/processes.mjs';
import { startRedis, temporaryDirectory } from '../lib/redis.mjs';

const has = (program) => spawnSync(program, ['--version']).status === 0;
const isClone = () => spawnSync('git', ['ls-files', '--error-unmatch', 'deploy/debian/control'], { cwd: ROOT }).status === 0;
const lacks = ['dpkg-buildpackage', 'git'].find((program) => !has(program)) ?? (spawnSync('dh', ['--list']).error ? 'debhelper' : undefined);
const BUILD_MS = 600_000;

test('packages are made and work', { skip: lacks ? `${lacks} is not installed` : isClone() ? false : 'no git checkout' }, async (t) => {
  const dir = await temporaryDirectory(t, 'cartrita-deb-');
  const made = await runProgram(t, '/usr/bin/make', ['-s', '-j2', 'deb', `BUILD=${dir}`], { deadlineMs: BUILD_MS });
  assert.equal(made.code, 0, made.log);
  const files = readdirSync(join(dir, 'deb')).filter((name) => name.endsWith('.deb') && !name.includes('dbgsym'));
  assert.deepEqual(files.map((name) => name.split('_')[0]).sort(), ['cartrita-dev', 'cartrita-plugins', 'cartrita-q', 'cartrita-queued', 'cartrita-worker']);
  const stage = join(dir, 'stage');
  for (const file of files) execFileSync('dpkg-deb', ['-x', join(dir, 'deb', file), stage]);
  const about = (name, field) => execFileSync('dpkg-deb', ['-f', join(dir, 'deb', files.find((file) => file.startsWith(`${name}_`))), field], { encoding: 'utf8' });
  assert.match(about('cartrita-plugins', 'Depends'), /libvips42/);
  assert.match(about('cartrita-queued', 'Depends'), /libmicrohttpd12/);
  assert.doesNotMatch(about('cartrita-q', 'Depends'), /libvips|libmicrohttpd/);

  const redis = await startRedis(t);
  const run = await temporaryDirectory(t);
  const worker = startProgram(t, join(stage, 'usr/bin/cartrita-worker'), ['--redis', redis.url, '--queue', 'q', '--plugin', 'noop'], { env: { XDG_RUNTIME_DIR: run, TMPDIR: run } });
  const queue = bullQueue(t, redis);
  const job = await queue.add({});
  await untilState(queue, job.id, 'completed', { deadlineMs: 60_000, describe: () => worker.log });
  await worker.stop();
});
