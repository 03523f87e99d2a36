/* Manual pages: every program and verb has one, with every option of its help, and groff has nothing to
 * say against them. */

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { ROOT, programPath } from '../lib/processes.mjs';

const commands = [...readFileSync(join(ROOT, 'server/q/commands.def'), 'utf8').matchAll(/^COMMAND\((\w+)\)$/gm)].map(([, name]) => ['cartrita-q', ...name.split('_')]);
const pages = [['cartrita-queued'], ['cartrita-worker'], ['cartrita-q'], ...commands];
const hasGroff = spawnSync('groff', ['--version']).status === 0;
const output = ([program, ...words], flag) => execFileSync(programPath(program), [...words, flag], { encoding: 'utf8' });

test('each page has what --help has', () => {
  assert.ok(commands.length > 20);
  for (const page of pages) {
    const plain = output(page, '--man').replaceAll('\\-', '-').replaceAll('\\e', '\\').replaceAll(/\\\(aq/g, "'");
    const flags = output(page, '--help').split('\n').filter((line) => /^ {2}-/.test(line));
    assert.match(plain, new RegExp(`^\\.TH "${page.join('-')}" 1`));
    for (const flag of flags) assert.ok(plain.includes(`.B ${flag.trim()}\n`), `${page.join(' ')}: ${flag}`);
    assert.match(plain, /^\.SH "NAME"\n.+ - .+\n/m);
  }
});

test('groff takes them without a warning', { skip: hasGroff ? false : 'no groff here' }, () => {
  for (const page of pages) {
    const { stdout, stderr, status } = spawnSync('groff', ['-man', '-ww', '-Tutf8', '-K', 'utf8'], { input: output(page, '--man'), encoding: 'utf8' });
    assert.deepEqual([status, stderr], [0, ''], page.join(' '));
    assert.ok(stdout.includes(page.join('-')));
  }
});
