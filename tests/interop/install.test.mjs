/* make install: what it puts where works from there, and somebody else's plugin is built with
 * pkg-config alone. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';

import { bullQueue, untilState } from '../lib/bull.mjs';
import { BUILD, missing, ROOT, startProgram } from '../lib/processes.mjs';
import { startRedis, temporaryDirectory } from '../lib/redis.mjs';

const options = { skip: missing('cartrita-queued', 'cartrita-worker', 'cartrita-q', 'plugins/noop.so') };
/* As the programs under test were built, so that nothing is built here. */
const flags = () => {
  const line = readFileSync(join(BUILD, '.flags'), 'utf8');
  return [`BUILD=${BUILD}`, `CC=${line.split(' ')[0]}`, ...(line.includes('-fsanitize=address') ? ['SAN=1'] : []), ...(line.includes('-Werror') && !line.includes('-fsanitize') ? ['WERROR=-Werror'] : [])];
};
const make = (target, stage) => execFileSync('make', ['-s', ...flags(), target, `DESTDIR=${stage}`, 'PREFIX=/usr'], { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
const filesOf = (dir) => readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.path ?? entry.parentPath, entry.name).slice(dir.length));
const isSanitized = () => readFileSync(join(BUILD, '.flags'), 'utf8').includes('-fsanitize=address');

test('installed programs, plugins and headers work from where they are, and go again', options, async (t) => {
  const stage = await temporaryDirectory(t, 'cartrita-stage-');
  make('install', stage);
  const usr = join(stage, 'usr');
  for (const file of ['bin/cartrita-queued', 'lib/cartrita/plugins/email.so', 'include/cartrita/plugin.h', 'include/cartrita/sdk/json.h', 'lib/libcartrita-sdk.a', 'share/man/man1/cartrita-q-queue-ls.1', 'lib/systemd/system/cartrita-queued.service'])
    assert.ok(existsSync(join(usr, file)), file);

  /* A third party's plugin. */
  const env = { ...process.env, PKG_CONFIG_PATH: `${usr}/lib/pkgconfig`, PKG_CONFIG_SYSROOT_DIR: '' };
  const pkg = (...args) => execFileSync('pkg-config', [`--define-variable=prefix=${usr}`, `--define-variable=includedir=${usr}/include`, `--define-variable=libdir=${usr}/lib`, ...args], { env, encoding: 'utf8' }).trim().split(/\s+/);
  assert.deepEqual(pkg('--variable=plugindir', 'cartrita-plugin'), ['/usr/lib/cartrita/plugins']);
  const source = join(stage, 'greet.c');
  await copyFile(join(ROOT, 'examples/greet/greet.c'), source);
  const sanitize = isSanitized() ? ['-fsanitize=address,undefined'] : [];
  execFileSync('cc', ['-std=c11', '-D_GNU_SOURCE', '-fPIC', '-shared', '-fvisibility=hidden', ...sanitize, ...pkg('--cflags', 'cartrita-sdk'), '-o', join(stage, 'greet.so'), source, ...pkg('--libs', 'cartrita-sdk'), '-Wl,--as-needed']);

  const redis = await startRedis(t);
  const dir = await temporaryDirectory(t);
  const start = (...args) => startProgram(t, join(usr, 'bin/cartrita-worker'), ['--redis', redis.url, ...args], { env: { XDG_RUNTIME_DIR: dir, TMPDIR: dir, SIGN_KEY: 'x' } });
  const bundled = start('--queue', 'one', '--plugin', 'noop');
  const greet = start('--queue', 'two', '--plugin', join(stage, 'greet.so'), '--set', 'key=env:SIGN_KEY');
  const one = bullQueue(t, redis, 'one');
  const two = bullQueue(t, redis, 'two');
  const plain = await one.add({});
  const rendered = await two.add('render', { template: 'Hello {{name}}', variables: { name: 'Ada' } });
  await untilState(one, plain.id, 'completed', { deadlineMs: 60_000, describe: () => bundled.log });
  await untilState(two, rendered.id, 'completed', { deadlineMs: 60_000, describe: () => greet.log });
  assert.equal((await two.getJob(rendered.id)).returnvalue, 'Hello Ada');
  await bundled.stop();
  await greet.stop();

  const own = join(stage, 'etc/cartrita');
  await mkdir(own, { recursive: true });
  await writeFile(join(own, 'queued.yaml'), '# mine\n');
  make('install', stage);
  assert.equal(readFileSync(join(own, 'queued.yaml'), 'utf8'), '# mine\n', 'a configuration is never written over');
  make('uninstall', stage);
  assert.deepEqual(filesOf(stage).sort(), ['/etc/cartrita/queued.yaml', '/greet.c', '/greet.so']);
});

const analyze = spawnSync('systemd-analyze', ['--version']).status === 0;

test('the units are ones that systemd takes, and the daemon\'s lets little through', { skip: analyze ? options.skip : 'systemd-analyze is not installed' }, async (t) => {
  const stage = await temporaryDirectory(t, 'cartrita-units-');
  make('install', stage);
  const units = join(stage, 'usr/lib/systemd/system');
  /* As installed, but for the place of the programs, which is the stage. */
  const texts = {};
  for (const name of readdirSync(units)) {
    texts[name] = readFileSync(join(units, name), 'utf8');
    await writeFile(join(units, name), texts[name].replaceAll('ExecStart=/usr', `ExecStart=${stage}/usr`));
  }
  const verified = spawnSync('systemd-analyze', ['verify', '--man=no', '--recursive-errors=no', ...Object.keys(texts).map((name) => join(units, name.replace('@.', '@mail.')))], { encoding: 'utf8' });
  const complaints = verified.stderr.split('\n').filter((line) => line.includes('cartrita'));
  if (/Failed to (initialize manager|create|connect)/.test(verified.stderr)) t.diagnostic(`systemd-analyze cannot verify here: ${verified.stderr}`);
  else assert.deepEqual(complaints, []);
  /* --grace is 30 s: systemd must not be the one that loses patience. */
  for (const text of Object.values(texts)) assert.ok(Number(/^TimeoutStopSec=(\d+)$/m.exec(text)[1]) > 30);
  const security = spawnSync('systemd-analyze', ['security', '--offline=true', '--threshold=25', join(units, 'cartrita-queued.service')], { encoding: 'utf8' });
  assert.equal(security.status, 0, security.stdout.slice(-2000) + security.stderr);
});
