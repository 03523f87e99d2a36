/* deploy/install-deps.sh where nothing is missing, and where it can do nothing about what is. */

import assert from 'node:assert/strict';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { ROOT, runProgram } from '../lib/processes.mjs';
import { temporaryDirectory } from '../lib/redis.mjs';

const SCRIPT = join(ROOT, 'deploy/install-deps.sh');

/* A PATH with these programs and no others. */
async function pathOf(t, names) {
  const dir = await temporaryDirectory(t);
  for (const name of names) {
    const { stdout } = await runProgram(t, '/bin/sh', ['-c', `command -v ${name}`]);
    await symlink(stdout.trim(), join(dir, name));
  }
  return dir;
}

test('with nothing missing it says nothing and asks nobody', async (t) => {
  /* apt-get and sudo would be found here and fail the run. */
  const dir = await temporaryDirectory(t);
  for (const name of ['apt-get', 'sudo', 'npm']) await symlink('/bin/false', join(dir, name));
  const { code, stdout, lines } = await runProgram(t, SCRIPT, ['build'], { env: { PATH: `${dir}:${process.env.PATH}` } });
  assert.deepEqual([code, stdout, lines], [0, '', []]);
});

test('without apt-get it names what is missing', async (t) => {
  const PATH = await pathOf(t, ['sh', 'dirname', 'id', 'make']);
  const { code, lines } = await runProgram(t, '/bin/sh', [SCRIPT, 'build'], { env: { PATH } });
  assert.equal(code, 1);
  assert.match(lines[0], /^deps: missing: gcc .*libuv1-dev libhiredis-dev/);
  assert.match(lines.join('\n'), /there is no apt-get here/);
  assert.doesNotMatch(lines[0], / make/);
});

test('an unknown word is refused', async (t) => {
  const { code, lines } = await runProgram(t, SCRIPT, ['all']);
  assert.equal(code, 2);
  assert.match(lines.join('\n'), /usage: deploy\/install-deps\.sh \[build\|demo\|check\]/);
});
