/* A script finds out only when it runs that a function which it calls is not there, and some lines run rarely:
 * each script is put together as for Redis, and each name that it calls must be declared in it or Lua's. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';

import { ROOT } from '../lib/processes.mjs';
import { temporaryDirectory } from '../lib/redis.mjs';

const FOLDER = join(ROOT, 'server/dialect');
const OF_LUA = new Set(['pcall', 'error', 'type', 'tostring', 'tonumber', 'ipairs', 'pairs', 'unpack', 'select', 'next', 'assert', 'rawget', 'setmetatable',
  'if', 'and', 'or', 'not', 'return', 'function', 'elseif', 'while', 'until', 'in', 'then', 'do', 'else', 'repeat']);

/* {name: source} */
function scriptsOf(dialect, dir) {
  execFileSync('sh', [join(FOLDER, 'embed.sh'), dialect, join(FOLDER, dialect), dir]);
  const text = readFileSync(join(dir, `${dialect}_lua.c`), 'utf8');
  const found = {};
  for (const [, name, lines] of text.matchAll(/static const char (\w+)_source\[\] =\n([^;]*(?:;(?!\nconst)[^;]*)*?)\n {4};\nconst/g)) {
    found[name] = [...lines.matchAll(/^ {4}"(.*)\\n"$/gm)].map(([, line]) => line.replace(/\\(.)/g, '$1')).join('\n');
  }
  return found;
}

const withoutTexts = (source) => source.replace(/'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/g, "''").replace(/--.*$/gm, '');

function strangersIn(source) {
  const text = withoutTexts(source);
  const declared = new Set();
  const note = (names) => names.split(',').forEach((name) => declared.add(name.trim()));
  for (const [, name] of text.matchAll(/local function (\w+)/g)) declared.add(name);
  for (const [, names] of text.matchAll(/local ((?:\w+)(?:\s*,\s*\w+)*)/g)) note(names);
  for (const [, names] of text.matchAll(/function[\w.:\s]*\(([^)]*)\)/g)) note(names);
  for (const [, names] of text.matchAll(/for ([\w\s,]+?)(?: in|\s*=)/g)) note(names);
  const called = [...text.matchAll(/(?<![.:\w])([A-Za-z_]\w*)\s*\(/g)].map(([, name]) => name);
  return [...new Set(called)].filter((name) => !declared.has(name) && !OF_LUA.has(name));
}

test('each function that a script calls is in it', async (t) => {
  const dir = await temporaryDirectory(t, 'cartrita-lua-');
  for (const dialect of ['bull', 'bullmq']) {
    const scripts = scriptsOf(dialect, dir);
    assert.ok(Object.keys(scripts).length > 20, Object.keys(scripts).join(' '));
    for (const [name, source] of Object.entries(scripts)) assert.deepEqual(strangersIn(source), [], name);
  }
});

test('a call of something else is found', () => {
  assert.deepEqual(strangersIn("local function a(b) return b(1) end\nfor _, c in ipairs({}) do c(a.x(1)) end -- z()\nreturn gone('y()')"), ['gone']);
});
