/* Completion of cartrita-q: what the program offers, and what real shells make of it. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { bullQueue } from '../lib/bull.mjs';
import { programPath, runProgram } from '../lib/processes.mjs';
import { freePort, startRedis, temporaryDirectory } from '../lib/redis.mjs';
import { noTerminal, openTerminal } from '../lib/terminal.mjs';

async function words(t, line, env = {}) {
  const { code, stdout } = await runProgram(t, 'cartrita-q', ['completion', 'words', line], { env: { CARTRITA_REDIS_URL: '', REDIS_URL: 'redis://127.0.0.1:1', ...env } });
  assert.equal(code, 0, line);
  return stdout.split('\n').filter(Boolean).map((entry) => entry.split('\t')[0] || entry);
}

function installed(...command) {
  try {
    execFileSync(command[0], command.slice(1), { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

test('nouns, verbs, options and values come from the tables', async (t) => {
  const nouns = await words(t, 'cartrita-q ');
  for (const noun of ['queue', 'job', 'dead', 'worker', 'tail', 'completion']) assert.ok(nouns.includes(noun), noun);
  assert.equal(new Set(nouns).size, nouns.length);
  assert.deepEqual(await words(t, 'cartrita-q wor'), ['worker']);
  assert.deepEqual(await words(t, 'cartrita-q --v'), ['--version']);
  assert.ok((await words(t, 'cartrita-q queue ')).includes('ls'));
  assert.deepEqual(await words(t, 'cartrita-q job sh'), ['show']);
  assert.deepEqual(await words(t, 'cartrita-q job ls q --des'), ['--desc']);
  assert.deepEqual(await words(t, 'cartrita-q job ls q -o '), ['table', 'json', 'jsonl', 'none']);
  assert.deepEqual(await words(t, 'cartrita-q job ls q --output=js'), ['--output=json', '--output=jsonl']);
  assert.deepEqual(await words(t, 'cartrita-q job ls q --dialect '), ['bull', 'bullmq', 'auto']);
  assert.deepEqual(await words(t, 'cartrita-q job ls q --state fa'), ['failed']);
  assert.deepEqual(await words(t, 'cartrita-q queue ls --redis-password-file '), ['\tfiles']);
  /* Nothing is known of these. */
  for (const line of ['cartrita-q job show q ', 'cartrita-q job ls q --limit ', 'cartrita-q nothing ', 'cartrita-q queue nothing ', 'cartrita-q', 'cartrita-q "'])
    assert.deepEqual(await words(t, line), line === 'cartrita-q "' ? nouns : [], line);
});

test('names of queues, of the Redis that the line means', async (t) => {
  const redis = await startRedis(t);
  const dir = await temporaryDirectory(t);
  for (const name of ['mail', 'mail:slow', 'images', 'with space', 'evil\u001b[31m', 'two\nlines']) await bullQueue(t, redis, name).add({});
  await bullQueue(t, redis, 'other', { prefix: 'acme' }).add({});
  await mkdir(join(dir, 'cartrita'));
  await writeFile(join(dir, 'cartrita', 'q.yaml'), `profiles:\n  prod: {redis: "${redis.url}", prefix: acme}\n  test: {}\n`, { mode: 0o600 });
  const env = { REDIS_URL: redis.url };

  assert.deepEqual(await words(t, 'cartrita-q queue show ', env), ['images', 'mail', 'mail:slow', 'with space']);
  assert.deepEqual(await words(t, `cartrita-q job ls --redis ${redis.url} ma`), ['mail', 'mail:slow']);
  assert.deepEqual(await words(t, "cartrita-q job ls 'with s", env), ['with space']);
  assert.deepEqual(await words(t, 'cartrita-q job ls with\\ s', env), ['with space']);
  assert.deepEqual(await words(t, 'cartrita-q queue show --prefix acme ', env), ['other']);
  assert.deepEqual(await words(t, 'cartrita-q dead redrive mail --to im', env), ['images']);
  assert.deepEqual(await words(t, 'cartrita-q tail mail im', env), ['images']);
  assert.deepEqual(await words(t, 'cartrita-q queue ls --profile ', { XDG_CONFIG_HOME: dir }), ['prod', 'test']);
  assert.deepEqual(await words(t, 'cartrita-q queue show --profile=prod ', { XDG_CONFIG_HOME: dir }), ['other']);
  /* No Redis, no names, no noise. */
  const none = await runProgram(t, 'cartrita-q', ['completion', 'words', `cartrita-q queue show --redis redis://127.0.0.1:${await freePort()} `]);
  assert.deepEqual([none.code, none.stdout, none.lines], [0, '', []]);
});

test('a bash completes commands, queues with colons and blanks, and files', { skip: noTerminal }, async (t) => {
  const redis = await startRedis(t);
  for (const name of ['mail:slow:a', 'with space']) await bullQueue(t, redis, name).add({});
  const terminal = await openTerminal(t, { width: 120, env: { REDIS_URL: redis.url } });
  await writeFile(join(terminal.dir, 'secret.txt'), 'x');
  await terminal.run(`cd ${terminal.dir} && source <(cartrita-q completion bash)`);
  const completes = async (typed, whole) => {
    terminal.key('C-u', 'C-l');
    await terminal.until(/^\$$/);
    terminal.type(typed);
    terminal.key('Tab');
    await terminal.until(new RegExp(`^\\$ ${whole.replace(/[\\/.*+?()[\]{}|^$]/g, '\\$&')} ?$`, 'm'), `${typed} to become ${whole}`);
  };

  await completes('cartrita-q que', 'cartrita-q queue');
  await completes('cartrita-q job ls mail', 'cartrita-q job ls mail:slow:a');
  await completes('cartrita-q job ls mail:sl', 'cartrita-q job ls mail:slow:a');
  await completes('cartrita-q job ls wi', 'cartrita-q job ls with\\ space');
  await completes('cartrita-q job ls q --output=n', 'cartrita-q job ls q --output=none');
  await completes('cartrita-q job ls q --color al', 'cartrita-q job ls q --color always');
  await completes('cartrita-q queue ls --redis-password-file se', 'cartrita-q queue ls --redis-password-file secret.txt');
});

for (const [shell, ...check] of [['bash', '-n'], ['zsh', '-n'], ['fish', '-n']]) {
  test(`the script for ${shell} is one`, { skip: installed(shell, '-c', 'true') ? false : `no ${shell} here` }, async (t) => {
    const dir = await temporaryDirectory(t);
    const file = join(dir, 'script');
    await writeFile(file, execFileSync(programPath('cartrita-q'), ['completion', shell]));
    execFileSync(shell, [...check, file]);
  });
}
