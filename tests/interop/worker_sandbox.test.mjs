/* What each preset of the sandbox denies, tried for real: by a plugin in the runner, and by a Node
 * child of exec. A denied call fails its job with the error's own text, and nobody dies of it. */
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { basename, dirname, join } from 'node:path';
import test from 'node:test';

import { bullQueue } from '../lib/bull.mjs';
import { isAlive, missing, pluginPath, programPath, ROOT, runProgram, startProgram } from '../lib/processes.mjs';
import { startRedis, temporaryDirectory } from '../lib/redis.mjs';
import { scopeOf } from '../lib/scope.mjs';
import { startCartritaWorker } from '../lib/workers.mjs';

const PLUGIN = 'tests/plugins/wall.so';
const CHILD = join(ROOT, 'tests/lib/wall.mjs');
const check = (...args) => runProgram({ after() {} }, programPath('cartrita-worker'), ['--check-sandbox', ...args]);

/* A machine without Landlock or seccomp has less to test; --check-sandbox says what is in force. */
async function whyNot() {
  const gone = missing('cartrita-worker', 'cartrita-queued', 'plugins/exec.so', PLUGIN);
  if (gone) return gone;
  const { stdout } = await check();
  const off = stdout.split('\n').find((line) => line.startsWith('NOT IN FORCE') && !line.includes('ptrace'));
  return off ? `this kernel: ${off}` : false;
}
const options = { skip: await whyNot(), concurrency: true };
const isLeakChecked = options.skip ? false : (await check()).stdout.includes('ptrace is allowed');

const DENIED = /^(.*: )?(EACCES|EPERM|Permission denied|Operation not permitted|cannot create .*: Permission denied|.*\b(EACCES|EPERM)\b.*)$/;

/* [what, data, presets that allow it, 'plugin' or 'child' where only one of them tries]. */
function rowsOf(at) {
  const nowhere = [];
  const open = ['open'];
  const some = ['network', 'open'];
  const all = ['pure', 'network', 'open'];
  return [
    ['write', { path: 'TMPDIR/made' }, all],
    ['write', { path: at.around('made') }, open],
    ['write', { path: at.given('made') }, all],
    ['write', { path: at.outside('made') }, open],
    ['write', { path: at.shown('made') }, open],
    ['write', { path: '/dev/null' }, all],
    ['write', { path: at.shared }, open],
    ['remove', { path: at.outside('victim') }, open],
    ['truncate', { path: at.outside('file') }, open],
    ['shell', { path: at.outside('shell') }, open, 'child'],
    ['shell', { path: at.given('shell') }, all, 'child'],
    ['read', { path: at.outside('file') }, some],
    ['read', { path: at.shown('file') }, all],
    ['read', { path: '/etc/hostname' }, some],
    ['read', { path: '/etc/passwd' }, all],
    ['read', { path: '/proc/1/cmdline' }, some],
    ['read', { path: `/proc/${at.supervisor}/environ` }, process.getuid() === 0 ? some : nowhere], /* root may */
    ['list', { path: '/etc' }, some],
    ['list', { path: '/usr' }, all],
    ['execute', { path: '/bin/true' }, all],
    ['execute', { path: at.outside('true') }, some],
    ['execute', { path: at.shown('true') }, all],
    ['connect', { number: at.port }, some],
    ['kill', { number: at.supervisor }, nowhere],
    ['kill', { number: -at.supervisor }, nowhere],
    ['kill', { number: -1 }, nowhere],
    ['kill', { number: at.daemon }, nowhere],
    ['kill', { number: process.pid }, nowhere],
    ['renice', { number: at.supervisor }, nowhere],
    ['limit', { number: at.supervisor }, nowhere, 'plugin'],
    ['mount', {}, nowhere, 'plugin'],
    ['unshare', {}, nowhere, 'plugin'],
    ['keyctl', {}, nowhere, 'plugin'],
    ['ptrace', { number: at.supervisor }, nowhere, 'plugin'],
    ['constructor', {}, open, 'plugin'],
  ];
}

/* Folders: `given` by files:, `shown` by read:, `outside` by neither. */
async function startWall(t, who, preset) {
  const redis = await startRedis(t);
  const dir = await temporaryDirectory(t, 'cartrita-wall-');
  const at = (name) => (file) => join(dir, name, file);
  for (const name of ['given', 'shown', 'outside']) {
    mkdirSync(join(dir, name));
    writeFileSync(join(dir, name, 'file'), 'x');
    copyFileSync('/bin/true', join(dir, name, 'true'));
    chmodSync(join(dir, name, 'true'), 0o755);
  }
  writeFileSync(join(dir, 'outside', 'victim'), 'x');
  const shared = `/dev/shm/${basename(dir)}`;
  scopeOf(t).defer(() => rmSync(shared, { force: true }));
  const server = createServer((socket) => socket.destroy());
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  scopeOf(t).defer(() => server.close());

  const queue = bullQueue(t, redis);
  await queue.isReady();
  const sandbox = preset === 'open' ? ['open'] : [preset, `files:${join(dir, 'given')}`, `read:${join(dir, 'shown')}`];
  if (who === 'child' && preset === 'pure') sandbox.push(`read:${dirname(CHILD)}`, `read:${dirname(process.execPath)}`);
  const worker = await startCartritaWorker(t, redis, {
    sandbox,
    ...(who === 'plugin' ? { plugin: programPath(PLUGIN) } : { set: { argv: [process.execPath, CHILD] } }),
  });
  return {
    queue,
    worker,
    at: {
      given: at('given'),
      shown: at('shown'),
      outside: at('outside'),
      around: (file) => join(worker.dir, file), /* the supervisor's TMPDIR: the runner's own lies in it */
      shared,
      port: server.address().port,
      supervisor: worker.program.pid,
      daemon: await worker.daemon(),
    },
  };
}

for (const who of ['plugin', 'child']) {
  for (const preset of ['network', 'pure', 'open']) {
    test(`${preset}: what a ${who} is denied, and what not`, options, async (t) => {
      const wall = await startWall(t, who, preset);
      const [runner] = await wall.worker.pids();

      for (const [what, data, presets, only = who] of rowsOf(wall.at)) {
        if (only !== who) continue;
        const tried = await wall.queue.add(what, data);
        const outcome = await tried.finished().then(() => 'allowed', (error) => error.message);
        const row = `${what} ${JSON.stringify(data)}: ${outcome}`;
        if (presets.includes(preset)) assert.equal(outcome, 'allowed', row);
        else assert.match(outcome, DENIED, row);
      }
      assert.deepEqual(await wall.worker.pids(), [runner], `the runner has not lived through it\n${wall.worker.log}`);
      assert.ok(isAlive(wall.worker.program.pid));
      await wall.worker.stop();
    });
  }
}

test('a runner cannot be looked into, and leaves no core', { ...options, skip: options.skip || isLeakChecked && 'a build with a leak check' }, async (t) => {
  const { worker } = await startWall(t, 'plugin', 'network');
  const [runner] = await worker.pids();
  const status = readFileSync(`/proc/${runner}/status`, 'utf8');

  assert.match(status, /^NoNewPrivs:\s+1$/m);
  assert.match(status, /^Seccomp:\s+2$/m);
  assert.match(readFileSync(`/proc/${runner}/limits`, 'utf8'), /^Max core file size +[01] +[01] /m);
  await worker.stop();
});

test('a runner has no descriptor that its supervisor was started with', options, async (t) => {
  const redis = await startRedis(t);
  const dir = await temporaryDirectory(t);
  const queue = bullQueue(t, redis);
  const worker = startProgram(t, '/bin/sh', [
    '-c', 'exec 9</etc/passwd; exec "$0" "$@"', programPath('cartrita-worker'),
    '--redis', redis.url, '--queue', 'q', '--plugin', programPath(PLUGIN), '--sandbox', 'open',
  ], { env: { XDG_RUNTIME_DIR: dir, TMPDIR: dir } });

  await worker.untilLine(/runner ready/, { deadlineMs: 20_000 });
  assert.equal(readlinkSync(`/proc/${worker.pid}/fd/9`), '/etc/passwd');
  await (await queue.add('descriptor', { path: '/dev/null' })).finished(); /* its stdin */
  const tried = await queue.add('descriptor', { path: '/etc/passwd' });
  await assert.rejects(tried.finished(), /^Error: Bad file descriptor$/);
  await worker.stop();
});

test('--core leaves the limit as it was', options, async (t) => {
  const redis = await startRedis(t);
  const worker = await startCartritaWorker(t, redis, { plugin: programPath(PLUGIN), args: ['--core'] });
  const [runner] = await worker.pids();
  const of = (pid) => /^Max core file size.*$/m.exec(readFileSync(`/proc/${pid}/limits`, 'utf8'))[0];

  assert.equal(of(runner), of(worker.program.pid));
  await worker.stop();
});

test('--check-sandbox says what is in force, with a status', options, async () => {
  for (const preset of ['network', 'pure', 'open']) {
    const { code, stdout } = await check('--sandbox', preset);
    assert.equal(code, isLeakChecked ? 1 : 0, stdout);
    assert.match(stdout, new RegExp(`^sandbox ${preset}`));
    assert.match(stdout, /^in force +system calls \(seccomp\)/m);
    assert.equal(/files \(Landlock\)/.test(stdout), preset !== 'open');
  }
  for (const [wrong, said] of [
    [['--sandbox', 'pur'], /did you mean pure\?/],
    [['--sandbox', 'open', '--sandbox', 'files:/tmp'], /add nothing/],
    [['--sandbox', 'files:/nowhere/at/all'], /No such file/],
  ]) {
    const { code, lines } = await check(...wrong);
    assert.equal(code, 2);
    assert.match(lines.join('\n'), said);
  }
});

test('the sandbox of a pool stands in the file, too, and is checked there', options, async (t) => {
  const dir = await temporaryDirectory(t);
  const file = join(dir, 'worker.yaml');
  writeFileSync(file, 'pools:\n- queue: q\n  plugin: noop\n  sandbox: [pure, network]\n');
  const { code, lines } = await runProgram(t, programPath('cartrita-worker'), ['--config', file, '--redis', 'redis://127.0.0.1:1']);

  assert.equal(code, 2);
  assert.match(lines.join('\n'), /pool q: sandbox: pure and network exclude each other/);
});
