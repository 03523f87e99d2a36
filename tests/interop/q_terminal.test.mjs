/* cartrita-q in real terminals: colours, wide and narrow ones, dumb ones, and what jobs hold there. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { bullQueue, untilCounts } from '../lib/bull.mjs';
import { startRedis } from '../lib/redis.mjs';
import { noTerminal, openTerminal } from '../lib/terminal.mjs';

const RED = '\u001b[31m';
const skip = noTerminal;

async function failing(t) {
  const redis = await startRedis(t);
  const queue = bullQueue(t, redis);
  queue.process('bad', () => Promise.reject(new Error('out of cheese')));
  await queue.add('bad', {}, { attempts: 1 });
  await untilCounts(queue, { failed: 1 });
  return { redis, queue };
}

test('colours on a terminal; not on a dumb one, with NO_COLOR or in a pipe', { skip }, async (t) => {
  const { redis } = await failing(t);
  const looks = async (command, options = {}) => {
    const terminal = await openTerminal(t, { ...options, env: { REDIS_URL: redis.url, ...options.env } });
    await terminal.run(command);
    return terminal.screen({ escapes: true });
  };

  assert.ok((await looks('cartrita-q job ls q')).includes(RED));
  assert.ok(!(await looks('cartrita-q job ls q | cat')).includes(RED));
  assert.ok(!(await looks('cartrita-q job ls q --color never')).includes(RED));
  assert.ok(!(await looks('cartrita-q job ls q', { env: { NO_COLOR: '1' } })).includes(RED));
  assert.ok((await looks('cartrita-q job ls q --color always', { env: { NO_COLOR: '1' } })).includes(RED));
  assert.ok(!(await looks('cartrita-q job ls q', { term: 'dumb' })).includes(RED));
});

test('a table fits its terminal, whatever is in it and however wide it is', { skip }, async (t) => {
  const { redis, queue } = await failing(t);
  const names = ['日本語のとても長い名前の仕事でずっと続く', 'é'.normalize('NFD').repeat(60), '👩‍🚀 rocket', '\u001b[2J\u001b]0;mine\u0007', `${'x'.repeat(5000)}`, '\u202egnp.exe', 'tab\tand\nline'];
  for (const name of names) await queue.add(name, { text: 'y'.repeat(10_000) }, { attempts: 1, delay: 3600_000 });
  const client = redis.client();
  await client.hset('bull:q:1', 'failedReason', Buffer.from([0xff, 0xfe, 0x00, 0x1b, 0x5b, 0x48]));

  for (const width of [200, 80, 60]) {
    const terminal = await openTerminal(t, { width, height: 40, env: { REDIS_URL: redis.url } });
    const screen = await terminal.run('cartrita-q job ls q');
    const rows = screen.split('\n');
    /* Nothing wrapped: a head and a line a job. */
    assert.equal(rows.findIndex((row) => row.startsWith('exit=')), 1 + 1 + names.length, `${width}\n${screen}`);
    assert.match(screen, /\\x1b/);
    assert.match(screen, /\\xff\\xfe/);
    assert.match(screen, /日本/);
  }
});

test('a terminal that is too narrow wraps, and a sheet cuts its lines', { skip }, async (t) => {
  const { redis, queue } = await failing(t);
  await queue.add('n', { text: 'y'.repeat(10_000) }, { jobId: 'big' });
  const terminal = await openTerminal(t, { width: 40, height: 60, env: { REDIS_URL: redis.url } });

  const sheet = await terminal.run('cartrita-q job show q big');
  assert.match(sheet, /^data +\{"text":"y+…$/m);
  terminal.resize(20, 60);
  assert.match(await terminal.run('cartrita-q queue ls'), /exit=0/);
});
