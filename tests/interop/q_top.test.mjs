/* cartrita-q top on a terminal: what it shows, what keys do, and how it leaves. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { bullQueue, untilCounts } from '../lib/bull.mjs';
import { childrenOf, startProgram } from '../lib/processes.mjs';
import { runQ } from '../lib/q.mjs';
import { startRedis } from '../lib/redis.mjs';
import { noTerminal, openTerminal } from '../lib/terminal.mjs';
import { until, within } from '../lib/wait.mjs';

const skip = noTerminal;
const FAST = ['--interval', '200ms'];

/* Top on a terminal; what it ends with is told by `left STATUS`. */
async function top(t, redis, options, ...args) {
  const terminal = await openTerminal(t, { width: 100, ...options });
  terminal.type(`cartrita-q top ${[...args, ...FAST].join(' ')} --redis ${redis.url}; echo "left $?"`);
  terminal.key('Enter');
  return terminal;
}

const shows = async (terminal, pattern) => (await terminal.until(pattern)).split('\n');
const rowOf = (lines, name) => lines.find((line) => line.startsWith(name))?.trim().split(/\s+/);

async function fill(t, redis) {
  const worker = bullQueue(t, redis, 'mail');
  const queue = bullQueue(t, redis, 'mail');
  worker.process('bad', 1, () => Promise.reject(new Error('no\u001b[31m way')));
  for (let n = 0; n < 3; n++) await queue.add('bad', { n });
  await untilCounts(queue, { failed: 3 });
  await worker.close();
  for (let n = 0; n < 4; n++) await queue.add('later', { n });
  await queue.add('soon', {}, { delay: 3600_000 });
  const images = bullQueue(t, redis, 'images');
  await images.add({});
  return { queue, images };
}

/* The terminal is as it was: no other screen, a cursor, echo. */
async function assertRestored(terminal, pattern) {
  await shows(terminal, pattern);
  assert.equal(terminal.value('alternate_on'), '0');
  assert.equal(terminal.value('cursor_flag'), '1');
  terminal.type('echo is h""ere');
  terminal.key('Enter');
  await shows(terminal, /echo is h""ere\n+(.*\n)*is here/);
}

test('top shows queues as they change and leaves the terminal as it was', { skip }, async (t) => {
  const redis = await startRedis(t);
  const { queue } = await fill(t, redis);
  const terminal = await top(t, redis, { width: 120 });

  const lines = await shows(terminal, /^mail +0 +4 +0 +1 +3 +0 +0\.0 +0\.0 +\S/m);
  assert.match(lines[0], /^\d\d:\d\d:\d\d {2}2 queues under "bull"$/);
  assert.deepEqual(lines[1].trim().split(/\s+/), ['queue', 'state', 'workers', 'waiting', 'active', 'delayed', 'failed', 'completed', 'in/s', 'out/s', 'oldest']);
  assert.match(lines[23], /^Enter jobs .* q quit$/);
  assert.equal(terminal.value('alternate_on'), '1');

  await queue.add({});
  await shows(terminal, /^mail +0 +5 /m);
  terminal.key('Down', 'p'); /* images is first */
  await shows(terminal, /^mail +paused +0 +5 /m);
  assert.equal(await queue.isPaused(), true);
  terminal.key('p');
  await shows(terminal, /^resumed$/m);
  await until(async () => !(await queue.isPaused()), { what: 'it to be resumed' });
  terminal.key('q');
  await assertRestored(terminal, /left 0/);
});

test('top shows the jobs of a queue, and asks before it changes one', { skip }, async (t) => {
  const redis = await startRedis(t);
  const { queue } = await fill(t, redis);
  const terminal = await top(t, redis, {}, 'mail');

  await shows(terminal, /^mail /m);
  terminal.key('Enter');
  const lines = await shows(terminal, /mail: waiting, 4 jobs/);
  assert.deepEqual(lines.slice(2, 6).map((line) => line.split(/\s+/)[0]), ['4', '5', '6', '7']);
  terminal.key('Left');
  await shows(terminal, /^3 +bad .* 1 +no\\x1b\[31m way/m);
  terminal.key('Down', 'R');
  await shows(terminal, /^retry job 2\? y\/N$/m);
  terminal.key('n');
  await shows(terminal, /^Esc back/m);
  assert.equal(await queue.getFailedCount(), 3);
  terminal.key('R', 'y');
  await shows(terminal, /mail: failed, 2 jobs/);
  assert.equal(await (await queue.getJob('2')).getState(), 'waiting');
  terminal.key('X', 'y');
  await shows(terminal, /mail: failed, 1 jobs/);
  assert.equal(await queue.getJob('1'), null);
  terminal.key('Right', 'R');
  await shows(terminal, /^cannot retry a job that is waiting$/m);
  assert.deepEqual((await queue.getWaiting()).map((job) => job.id), ['4', '5', '6', '7', '2']);
  terminal.key('Escape');
  await shows(terminal, /^Enter jobs/m);
  terminal.key('C-c');
  await assertRestored(terminal, /left 0/);
});

test('top follows the size of the terminal down to the narrowest', { skip }, async (t) => {
  const redis = await startRedis(t);
  await fill(t, redis);
  for (let n = 0; n < 30; n++) await bullQueue(t, redis, `q${String(n).padStart(2, '0')}`).add({});
  const terminal = await top(t, redis, { width: 120, height: 40 });

  await shows(terminal, /^q29 /m);
  terminal.resize(50, 12);
  const lines = await shows(terminal, /^queue +waiting +active +delayed +failed +out\/s$|^queue +waiting +active +failed +out\/s$/m);
  assert.ok(lines.every((line) => line.length <= 50));
  assert.equal(rowOf(lines, 'mail')[1], '4');
  terminal.key('End');
  await shows(terminal, /^q29 /m);
  terminal.resize(20, 5);
  await shows(terminal, /^q29 +1$/m);
  terminal.resize(8, 2);
  terminal.resize(120, 40);
  await shows(terminal, /^mail /m);
  terminal.key('q');
  await assertRestored(terminal, /left 0/);
});

test('top gives the terminal back on Ctrl-Z and when it is killed by a signal', { skip }, async (t) => {
  const redis = await startRedis(t);
  await fill(t, redis);
  const terminal = await top(t, redis);

  await shows(terminal, /^mail /m);
  terminal.key('C-z');
  await shows(terminal, /Stopped/);
  assert.equal(terminal.value('alternate_on'), '0');
  terminal.key('fg', 'Enter');
  await shows(terminal, /^mail /m);
  const pid = Number(terminal.value('pane_pid'));
  const [child] = await childrenOf(pid);
  process.kill(child, 'SIGTERM');
  await until(async () => (await childrenOf(pid)).length === 0, { what: 'its end' });
  await assertRestored(terminal, /fg/);
});

test('top keeps what it knows while Redis is away', { skip }, async (t) => {
  const redis = await startRedis(t, { aof: true });
  await fill(t, redis);
  const terminal = await top(t, redis);

  await shows(terminal, /^mail +0 +4 /m);
  await redis.stop();
  await shows(terminal, /trying again: /);
  await shows(terminal, /^mail +0 +4 /m);
  await redis.restart();
  await shows(terminal, /2 queues under/);
  terminal.key('q');
  await assertRestored(terminal, /left 0/);
});

test('top has no colours when nobody wants them, and lines where nothing can be drawn', { skip }, async (t) => {
  const redis = await startRedis(t);
  await fill(t, redis);
  const colored = await top(t, redis);
  await shows(colored, /^mail /m);
  assert.match(colored.screen({ escapes: true }), /\u001b\[3[0-7]m/);
  const plain = await top(t, redis, { env: { NO_COLOR: '1' } });
  await shows(plain, /^mail /m);
  assert.doesNotMatch(plain.screen({ escapes: true }), /\u001b\[3[0-7]m/);

  const dumb = await top(t, redis, { term: 'dumb' }, '--count', 2);
  const lines = await shows(dumb, /left 0/);
  assert.equal(dumb.value('alternate_on'), '0');
  assert.equal(lines.filter((line) => line.startsWith('mail')).length, 2);
  const piped = await runQ(t, redis, 'top', '--count', 1);
  assert.match(piped.stdout, /^\S+ {2}2 queues under "bull"\nqueue .*\nimages .*\nmail .*\n$/);
  const endless = startProgram(t, 'cartrita-q', ['top', ...FAST, '--redis', redis.url]);
  await until(() => endless.stdout.includes('mail'), { what: 'a table' });
  endless.kill('SIGINT');
  await within(endless.exited);
  assert.equal(endless.code, 0);
  assert.equal((await runQ(t, redis, 'top', '-o', 'json')).code, 2);
  assert.equal((await runQ(t, redis, 'top', 'none')).code, 3);
});
