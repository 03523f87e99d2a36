/* What keeps a runner apart: its supervisor connects for it, and takes nothing from it but lines. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';

import { untilCounts, untilState } from '../lib/bull.mjs';
import { isAlive, programPath, runProgram } from '../lib/processes.mjs';
import { until, within } from '../lib/wait.mjs';
import { failedReason, job, SKIP, startBench } from './naughty.mjs';

const options = { skip: SKIP, concurrency: true };
/* Another user can get there; the harness gives a folder that is its own. */
const TMPDIR = tmpdir();
const needsRoot = { ...options, skip: SKIP || (process.getuid() !== 0 && 'only root can become another user') };
/* What a process has open; some of it may be closed meanwhile. */
function namesOf(pid) {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
    } catch {
      return [];
    }
  });
}

test('a runner that sends its supervisor file descriptors is ended, and they are closed', options, async (t) => {
  const bench = await startBench(t);
  const worker = await bench.work();
  const bad = await job(bench.queue, 'sendfd');

  await untilState(bench.queue, bad.id, 'failed');
  assert.match(await failedReason(bench.queue, bad.id), /it sent its supervisor a file descriptor/);
  await job(bench.queue, 'ok');
  await untilCounts(bench.queue, { completed: 1, failed: 1 });
  await until(() => !namesOf(worker.program.pid).includes('/dev/zero'), { what: 'them to be closed' });
  await worker.stop();
});

test('jobs of a worker that root starts run as nobody, wherever plugin and daemon are', needsRoot, async (t) => {
  const bench = await startBench(t); /* plugin and the daemon's socket lie in folders of root alone */
  const accounts = spawnSync('getent', ['passwd', 'cartrita', 'nobody'], { encoding: 'utf8' }).stdout;
  const [name, , uid, gid, , home] = accounts.split('\n')[0].split(':');
  const worker = await bench.work({
    env: { TMPDIR, CARTRITA_USER: '', REDIS_URL: bench.redis.url, NOTIFY_SOCKET: '/nowhere', WATCHDOG_USEC: '1' },
  });
  const asked = await job(bench.queue, 'whoami');
  const { TMPDIR: own, ...who } = await asked.finished();

  assert.match(own, /^\/.*\/cartrita-held-\w{6}\/\w{6}$/);
  assert.deepEqual(who, {
    uid: Number(uid), gid: Number(gid), groups: 0, regained: 0, death: constants.signals.SIGKILL, HOME: home, USER: name, LOGNAME: name,
  });
  const before = await worker.pids();
  worker.kill();
  await until(() => before.every((pid) => !isAlive(pid)), { what: 'the runners to die with their supervisor' });
});

test('a user by number, and root where it is wanted', needsRoot, async (t) => {
  const bench = await startBench(t);
  for (const [user, uid, gid] of [['12345:54321', 12345, 54321], ['root', 0, 0]]) {
    const worker = await bench.work({ args: ['--user', user], env: { TMPDIR } });
    const asked = await job(bench.queue, 'whoami');
    const who = await asked.finished();
    assert.deepEqual([who.uid, who.gid], [uid, gid]);
    assert.equal(/jobs run as root/.test(worker.log), uid === 0, worker.log);
    await worker.stop();
  }
});

test('a user that cannot get to its temporary files is told what to set', needsRoot, async (t) => {
  const bench = await startBench(t);
  const worker = await bench.work({ args: ['--user', 'nobody'], waitReady: false });
  await within(worker.program.exited, { what: 'the worker to end' });
  assert.equal(worker.program.code, 1);
  assert.match(worker.log, /user nobody cannot get to its temporary files .* set TMPDIR/);
});

test('a plugin that the user may not read is refused with that reason', needsRoot, async (t) => {
  const bench = await startBench(t);
  chmodSync(bench.plugin, 0o700);
  const worker = await bench.work({ args: ['--user', 'nobody'], env: { TMPDIR }, waitReady: false });
  await within(worker.program.exited, { what: 'the worker to end' });
  assert.equal(worker.program.code, 1);
  assert.match(worker.log, /naughty.so cannot be read by user \d+: .*--user/);
});

test('a user that does not exist, or another one for who is not root, is refused', options, async (t) => {
  const args = ['--queue', 'q', '--plugin', 'x', '--user'];
  const none = await runProgram(t, programPath('cartrita-worker'), [...args, 'no-such-user']);
  assert.equal(none.code, 2);
  assert.match(none.log, /user 'no-such-user' does not exist/);
  if (process.getuid() === 0) return;
  const other = await runProgram(t, programPath('cartrita-worker'), [...args, '0:0']);
  assert.equal(other.code, 2);
  assert.match(other.log, /only a worker that is started as root/);
});

test('an exec command that the user may not reach fails with user, path and option', needsRoot, async (t) => {
  const bench = await startBench(t);
  writeFileSync(bench.file('worker.mjs'), '');
  for (const set of [
    { command: `exec ${process.execPath} ${bench.file('worker.mjs')}` },
    { command: `exec ${process.execPath} worker.mjs`, cwd: bench.dir },
    { argv: [bench.file('worker.mjs')] },
  ]) {
    const worker = await bench.work({ plugin: 'exec', set, args: ['--user', 'nobody'], env: { TMPDIR } });
    const lost = await job(bench.queue, 'n');
    await untilState(bench.queue, lost.id, 'failed');
    const reason = await failedReason(bench.queue, lost.id);
    assert.ok(reason.includes(`user nobody may not enter ${bench.dir}`), reason);
    assert.match(reason, /--user/);
    await worker.stop();
  }
});

test('a plugin that others could replace is not loaded, at the start or by a reload', options, async (t) => {
  const bench = await startBench(t);
  chmodSync(bench.plugin, 0o777);
  const refused = await bench.work({ waitReady: false });
  await within(refused.program.exited, { what: 'the worker to end' });
  assert.equal(refused.program.code, 1);
  assert.match(refused.log, /naughty.so is not safe: everybody may write to .*naughty.so; chmod o-w it/);

  chmodSync(bench.plugin, 0o755);
  const worker = await bench.work();
  const before = await worker.pids();
  chmodSync(bench.plugin, 0o757);
  worker.program.kill('SIGHUP');
  await worker.program.untilLine(/runner cannot start.*everybody may write to/);
  assert.deepEqual(await worker.pids(), before, 'the old ones go on');
  chmodSync(bench.plugin, 0o755); /* which the next try sees */
  await until(async () => !(await worker.pids()).includes(before[0]), { what: 'new runners' });
  await worker.stop();
});

test('plugin-dir and plugin-owner', options, async (t) => {
  const bench = await startBench(t);
  const check = (args, env) => runProgram(t, programPath('cartrita-worker'), ['--check-plugin', bench.plugin, ...args], { env });
  const outside = await check(['--plugin-dir', '/usr/lib']);
  assert.equal(outside.code, 1);
  assert.match(outside.log, /none of the folders that are allowed.*plugin-dir \(now \/usr\/lib\)/);
  assert.equal((await check(['--plugin-dir', '/usr/lib', '--plugin-dir', bench.dir])).code, 0);
  if (process.getuid() !== 0) return;
  chownSync(bench.plugin, 12345, 0);
  const foreign = await check([], { CARTRITA_PLUGIN_OWNER: '' });
  assert.equal(foreign.code, 1);
  assert.match(foreign.log, /belongs to user 12345; chown root it/);
  assert.equal((await check(['--plugin-owner', '12345'])).code, 0);
});

test('temporary files of a runner go with it, however it goes', options, async (t) => {
  const bench = await startBench(t);
  const [base, run] = [bench.file('tmp'), bench.file('run')];
  const env = { TMPDIR: base, XDG_RUNTIME_DIR: run };
  const made = () => readdirSync(base).flatMap((root) => readdirSync(join(base, root)).map((name) => join(base, root, name)));
  const litter = async (go) => {
    await job(bench.queue, 'litter', { file: bench.file(go) });
    await until(() => made().length === 1 && existsSync(join(made()[0], 'link')), { what: 'litter' });
    return made()[0];
  };
  mkdirSync(base);
  mkdirSync(run);
  const worker = await bench.work({ env });

  const [killed] = await worker.pids();
  const first = await litter('never');
  process.kill(killed, 'SIGKILL');
  await until(() => !existsSync(first) && made().length === 1, { what: 'another directory' });

  const second = await litter('never');
  worker.kill();
  await worker.program.exited;
  assert.ok(existsSync(second), 'nobody is left to remove it');
  const next = await bench.work({ env });
  await until(() => !existsSync(second), { what: 'what was left to be removed' });

  await until(() => readdirSync(run).length === 1, { what: "the private daemon's folder to be the only one" });
  await next.stop();
  assert.deepEqual([...readdirSync(base), ...readdirSync(run)], []);
});
