/* The demo, from its first line to its last, and stopped in the middle. */

import assert from 'node:assert/strict';
import { chmod, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { LSAN } from '../lib/plugin.mjs';
import { BUILD, commandOf, startProgram } from '../lib/processes.mjs';
import { temporaryDirectory } from '../lib/redis.mjs';
import { until, within } from '../lib/wait.mjs';

async function startDemo(t) {
  const dir = await temporaryDirectory(t);
  await chmod(dir, 0o711); /* started as root, PostgreSQL runs as another user */
  /* Built with AddressSanitizer, a process would tell of the signal instead of dying of it. */
  const env = { BUILD, TMPDIR: dir, ASAN_OPTIONS: 'handle_segv=0', LSAN_OPTIONS: LSAN };
  const program = startProgram(t, process.execPath, ['examples/demo/demo.mjs'], { env });
  return { dir, program };
}

/* Command lines of living processes that name `text`. */
async function commandsWith(text) {
  const found = [];
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const command = (await commandOf(pid)).join(' ');
    if (command.includes(text)) found.push(command);
  }
  return found;
}

test('the demo meets every expectation and leaves nothing behind', async (t) => {
  const { dir, program } = await startDemo(t);
  await within(program.exited, { deadlineMs: 120_000 });
  assert.equal(program.code, 0, program.stdout);
  assert.match(program.stdout, /every expectation was met/);
  assert.doesNotMatch(program.stdout, /✘/);
  assert.deepEqual(await readdir(dir), []);
  assert.deepEqual(await commandsWith(dir), []);
  /* All of its parts are there when tests run: nothing is left out. */
  assert.doesNotMatch(program.stdout, /left out/);
  const [, results] = program.stdout.match(/to look at: (.+)/);
  for (const name of ['mail-1.eml', 'mail-2.eml', 'pictures/manifest.json', 'speech.json', 'events.html', 'events.png'])
    assert.ok((await readFile(join(results, name))).length > 0, name);
});

for (const signal of ['SIGINT', 'SIGTERM'])
  test(`the demo cleans up after ${signal}`, async (t) => {
    const { dir, program } = await startDemo(t);
    await until(() => /completed/.test(program.stdout), { deadlineMs: 20_000 });
    program.kill(signal);
    await within(program.exited, { deadlineMs: 20_000 });
    assert.equal(program.code, 130);
    assert.match(program.stdout, /interrupted/);
    assert.deepEqual(await readdir(dir), []);
    assert.deepEqual(await commandsWith(dir), []);
  });

test('the demo takes its programs along when it is killed', async (t) => {
  const { dir, program } = await startDemo(t);
  await until(() => /completed/.test(program.stdout), { deadlineMs: 20_000 });
  assert.ok((await commandsWith(dir)).length > 0);
  program.kill('SIGKILL');
  await until(async () => (await commandsWith(dir)).length === 0, { deadlineMs: 20_000 });
});
