/* cartrita-q job replay: one stored job, run here with a worker's limits, its queue untouched. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';

import { missing, pluginPath, ROOT } from '../lib/processes.mjs';
import { jsonOfQ, runQ } from '../lib/q.mjs';
import { dump } from '../lib/state.mjs';
import { startBench } from './naughty.mjs';

const SKIP = missing('cartrita-q', 'cartrita-worker', 'plugins/exec.so');
const COMMAND = `exec ${process.execPath} ${join(ROOT, 'tests/lib/child.mjs')}`;

async function replay(t, bench, job, ...args) {
  const before = await dump(bench.client);
  const done = await runQ(t, null, 'job', 'replay', 'q', String(job.id), '--redis', bench.redis.url, ...args);
  assert.deepEqual(await dump(bench.client), before, 'Redis is as it was');
  return done;
}

test('a job that completes: result on stdout, what it did on stderr', { skip: SKIP }, async (t) => {
  const bench = await startBench(t);
  const job = await bench.queue.add('n', { logs: ['a line'], progress: [{ at: 1 }], result: { big: 12345678901234 } });

  const { code, stdout, stderr } = await replay(t, bench, job, '--plugin', 'exec', '--set', `command=${COMMAND}`);
  assert.equal(code, 0, stderr);
  assert.deepEqual(JSON.parse(stdout), { big: 12345678901234 });
  assert.match(stderr, /^log +a line$/m);
  assert.match(stderr, /^progress +\{"at":1\}$/m);
  assert.match(stderr, /^completed in \d+ ms$/m);
});

test('what a plugin prints is on stderr, not among the result', { skip: SKIP }, async (t) => {
  const bench = await startBench(t);
  const job = await bench.queue.add('prints', {});

  const { code, stdout, stderr } = await replay(t, bench, job, '--plugin', bench.plugin);
  assert.equal(code, 0, stderr);
  assert.equal(stdout, '"done"\n');
  assert.match(stderr, /^printed by the plugin$/m);
});

test('a job that fails, crashes or takes too long: the reason, exit 1', { skip: SKIP }, async (t) => {
  const bench = await startBench(t);
  const fails = await bench.queue.add('n', { error: 'no such picture' });
  const exec = ['--plugin', 'exec', '--set', `command=${COMMAND}`];

  const failed = await replay(t, bench, fails, ...exec);
  assert.equal(failed.code, 1);
  assert.match(failed.stderr, /^failed after \d+ ms: no such picture$/m);
  assert.match(failed.stderr, /at runScript/, 'its stack');

  const dies = await replay(t, bench, await bench.queue.add('exit3', {}), '--plugin', bench.plugin);
  assert.equal(dies.code, 1);
  assert.match(dies.stderr, /exited with status 3, plugin naughty 1\.2/);

  const hangs = await bench.queue.add('deaf', {}, { timeout: 100 });
  const late = await replay(t, bench, hangs, '--plugin', bench.plugin, '--', '--cancel-grace', '50ms');
  assert.equal(late.code, 1);
  assert.match(late.stderr, /Promise timed out after 100 milliseconds/);
});

test('plugin and settings of the pool that serves the queue', { skip: SKIP }, async (t) => {
  const bench = await startBench(t);
  const config = bench.file('worker.yaml');
  const pools = [
    { queue: 'other', plugin: 'noop' },
    { queue: 'q', plugin: pluginPath('exec'), processes: 4, set: { command: COMMAND } },
  ];

  await writeFile(config, JSON.stringify({ pools }));
  const { code, stdout } = await replay(t, bench, await bench.queue.add('n', { result: 'from the pool' }), '--config', config);
  assert.equal(code, 0);
  assert.equal(stdout, '"from the pool"\n');
});

test('under a debugger', { skip: SKIP }, async (t) => {
  const bench = await startBench(t);
  const job = await bench.queue.add('n', { result: 1 }, { timeout: 1 });
  /* Any command that runs another one will do; it leaves a word for the child to find. */
  const command = `test "$UNDER" = debugger && ${COMMAND}`;

  const { code, stderr } = await replay(
    t, bench, job, '--plugin', 'exec', '--set', `command=${command}`, '--debugger', 'env UNDER=debugger',
  );
  assert.equal(code, 0, stderr);
});

test('what cannot be replayed is told, with an exit status of its kind', { skip: SKIP }, async (t) => {
  const bench = await startBench(t);
  const job = await bench.queue.add('n', {});

  for (const [args, code, message] of [
    [['q', '999', '--plugin', 'noop'], 3, /queue "q" has no job "999"/],
    [['p', '1', '--plugin', 'noop'], 3, /no queue "p"/],
    [['q', job.id], 2, /give either --plugin FILE or --config FILE/],
    [['q', job.id, '--plugin', '/no/such.so'], 2, /\/no\/such\.so: No such file/],
    [['q', job.id, '--config', '/no/such.yaml'], 2, /\/no\/such\.yaml/],
  ]) {
    const done = await runQ(t, bench.redis, 'job', 'replay', ...args);
    assert.equal(done.code, code, `${args}: ${done.stderr}`);
    assert.match(done.stderr, message);
  }
  assert.equal((await jsonOfQ(t, bench.redis, 'job', 'show', 'q', job.id)).state, 'waiting');
});
