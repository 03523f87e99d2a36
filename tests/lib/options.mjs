/* The options of the programs as Markdown, from their own --help, so that the pages cannot be wrong.
 *
 *   BUILD=build node tests/lib/options.mjs --write     puts them into the pages
 *
 * interop/readme.test.mjs fails while a page says something else. */

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { ROOT, programPath } from './processes.mjs';

const BEGIN = '<!-- options: written by tests/lib/options.mjs from --help -->\n';
const END = '<!-- end of options -->\n';
const PAGES = [
  { page: 'README.md', programs: [['cartrita-worker'], ['cartrita-queued']] },
  {
    page: 'server/q/README.md',
    programs: [
      ['cartrita-q', 'job', 'ls'],
      ['cartrita-q', 'job', 'show'],
      ['cartrita-q', 'job', 'find'],
      ['cartrita-q', 'job', 'logs'],
      ['cartrita-q', 'job', 'wait'],
      ['cartrita-q', 'stats'],
      ['cartrita-q', 'top'],
      ['cartrita-q', 'tail'],
      ['cartrita-q', 'flow', 'show'],
      ['cartrita-q', 'job', 'add'],
      ['cartrita-q', 'job', 'cancel'],
      ['cartrita-q', 'job', 'retry'],
      ['cartrita-q', 'job', 'promote'],
      ['cartrita-q', 'job', 'rm'],
      ['cartrita-q', 'job', 'move'],
      ['cartrita-q', 'queue', 'drain'],
      ['cartrita-q', 'queue', 'clean'],
      ['cartrita-q', 'queue', 'obliterate'],
      ['cartrita-q', 'scheduler', 'ls'],
      ['cartrita-q', 'scheduler', 'next'],
      ['cartrita-q', 'scheduler', 'add'],
      ['cartrita-q', 'scheduler', 'rm'],
      ['cartrita-q', 'bench'],
      ['cartrita-q', 'dead', 'ls'],
      ['cartrita-q', 'dead', 'redrive'],
      ['cartrita-q', 'dead', 'rm'],
      ['cartrita-q', 'doctor'],
      ['cartrita-q', 'acl', 'print'],
      ['cartrita-q', 'queue', 'ls'],
      ['cartrita-q', 'worker', 'scale'],
      ['cartrita-q', 'worker', 'ls'],
    ],
  },
];
/* What the verbs of cartrita-q share is told once, and once for those of workers, which have it from
 * a daemon. */
const SHARED = ['Where', 'Output', 'Other'];
const OVER_ALL = { queue: 'cartrita-q, every command on Redis', worker: 'cartrita-q worker, every command' };

/* [{group, options: [{flag, text}]}] of a help text. */
export function parseHelp(text) {
  const groups = [];
  for (const line of text.split('\n')) {
    if (/^\S.*:$/.test(line)) groups.push({ group: line.slice(0, -1), options: [] });
    else if (/^ {2}-/.test(line)) groups.at(-1).options.push({ flag: line.trim(), text: '' });
    else if (/^ {8}\S/.test(line)) {
      const option = groups.at(-1).options.at(-1);
      if (option) option.text += `${option.text && ' '}${line.trim()}`;
    }
  }
  return groups.filter(({ options }) => options.length > 0);
}

const cell = (text) => text.replaceAll('|', '\\|');

function table(groups) {
  const rows = groups.flatMap(({ options }) => options.map(({ flag, text }) => `| \`${cell(flag)}\` | ${cell(text)} |`));
  return `| option | |\n|---|---|\n${rows.join('\n')}\n`;
}

function optionsText(programs) {
  const parts = programs.map(([program, ...words]) => {
    const groups = parseHelp(execFileSync(programPath(program), [...words, '--help'], { encoding: 'utf8' }));
    const isVerb = words.length > 0;
    const own = groups.filter(({ group }) => !isVerb || !SHARED.includes(group));
    if (isVerb && own.length === 0) return `### ${OVER_ALL[words[0]]}\n\n${table(groups)}`;
    if (words[0] === 'worker') words[1] = 'scale, pause, resume, stop, start, restart, drain';
    return `### ${[program, ...words].join(' ')}\n\n${table(own.filter(({ group }) => group !== 'Other' || !isVerb))}`;
  });
  return parts.join('\n');
}

/* [{page, text, wanted}]: each page as it is, and as --help wants it. */
export function pages() {
  return PAGES.map(({ page, programs }) => {
    const text = readFileSync(join(ROOT, page), 'utf8');
    const [before, rest] = text.split(BEGIN);
    const [, after] = (rest ?? '').split(END);
    if (after === undefined) throw new Error(`${page} lacks the line ${BEGIN}or ${END}`);
    return { page, text, wanted: `${before}${BEGIN}${optionsText(programs)}${END}${after}` };
  });
}

if (process.argv[2] === '--write') {
  for (const { page, wanted } of pages()) writeFileSync(join(ROOT, page), wanted);
}
