/* The images, really built and really run: buildah builds them on a Debian 13 that debootstrap makes, and what
 * they hold runs as their configuration says, as user 8619 on a root that cannot be written to. Run by
 * `make images-check`, for it takes minutes. STORAGE=DIR keeps the store, and finds what was built there. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import test from 'node:test';

import { mqQueue } from '../lib/bullmq.mjs';
import { ROOT, runProgram, startProgram } from '../lib/processes.mjs';
import { freePort, startRedis, temporaryDirectory } from '../lib/redis.mjs';
import { scopeOf } from '../lib/scope.mjs';
import { until } from '../lib/wait.mjs';

const BUILD_MS = 25 * 60_000;
const TOOL_MS = 120_000;
const EXIT_NO_DEBIAN = 3; /* build.sh */
const READY_MS = 30_000;
const gone = ['buildah', 'debootstrap', 'unshare'].filter((tool) => spawnSync('which', [tool]).status !== 0);
const skip = (process.getuid() !== 0 && 'not root: no image can be built here') || (gone.length > 0 && `not installed: ${gone.join(', ')}`) ||
  (spawnSync('unshare', ['--mount', 'true']).status !== 0 && 'nothing can be mounted here');
const INSIDE = join(ROOT, 'tests/images/inside.sh');
const PLUGINS = ['ai', 'analytics', 'email', 'exec', 'file', 'noop'];
const MB_MAX = { q: 180, queued: 180, worker: 420 };
const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

class Store {
  constructor(t, dir) {
    this.t = t;
    this.dir = dir;
  }

  async buildah(...args) {
    const all = ['--root', join(this.dir, 'root'), '--runroot', join(this.dir, 'run'), '--storage-driver', process.env.DRIVER ?? 'overlay', ...args];
    const done = await runProgram(this.t, '/usr/bin/buildah', all, { deadlineMs: TOOL_MS });
    assert.equal(done.code, 0, done.log);
    return done.stdout.trim();
  }

  /* An image's configuration, and its files in a folder: {config, root, mb}. */
  async open(name) {
    const { Docker } = JSON.parse(await this.buildah('inspect', '--type', 'image', `localhost/cartrita/${name}:latest`));
    const container = await this.buildah('from', `localhost/cartrita/${name}:latest`);
    const root = await this.buildah('mount', container);
    scopeOf(this.t).defer(() => this.buildah('rm', container));
    const { stdout } = await runProgram(this.t, '/usr/bin/du', ['-sxm', root]);
    return { config: Docker.config, root, mb: parseInt(stdout, 10) };
  }
}

const pathOf = ({ config }) => config.Env.find((one) => one.startsWith('PATH=')).slice(5);

test('the images are built, and jobs run in them', { skip }, async (t) => {
  const dir = process.env.STORAGE ?? (await temporaryDirectory(t, 'cartrita-images-'));
  const shared = await temporaryDirectory(t, 'cartrita-shared-');
  const built = await runProgram(t, join(ROOT, 'deploy/containers/build.sh'), [], { deadlineMs: BUILD_MS, env: { BASE: 'debootstrap', STORAGE: dir } });
  if (built.code === EXIT_NO_DEBIAN) return t.skip(`no Debian 13 can be made here:\n${built.log}`);
  assert.equal(built.code, 0, built.log);

  const store = new Store(t, dir);
  const images = {};
  for (const name of ['queued', 'worker', 'q', 'plugin-base']) images[name] = await store.open(name);
  t.diagnostic(`MB: ${Object.entries(images).map(([name, { mb }]) => `${name} ${mb}`).join(', ')}`);
  for (const [name, most] of Object.entries(MB_MAX)) {
    assert.ok(images[name].mb < most, `${name} has ${images[name].mb} MB`);
    assert.equal(images[name].config.User, '8619:8619');
    assert.equal(images[name].config.StopSignal ?? 'SIGTERM', 'SIGTERM');
  }
  for (const name of ['queued', 'worker']) assert.deepEqual(images[name].config.Healthcheck.Test, ['CMD', `cartrita-${name}`, '--check-health']);

  const start = (image, args) => startProgram(t, INSIDE, [image.root, shared, pathOf(image), ...image.config.Entrypoint, ...args]);
  const run = (image, args) => runProgram(t, INSIDE, [image.root, shared, pathOf(image), ...args]);
  const written = await run(images.queued, ['sh', '-c', 'id -u; touch /tmp/x /run/cartrita/x && ! touch /etc/x 2>/dev/null']);
  assert.deepEqual([written.code, written.stdout], [0, '8619\n'], written.log);
  for (const plugin of PLUGINS) {
    const checked = await run(images.worker, ['cartrita-worker', '--check-plugin', `/opt/cartrita/plugins/${plugin}.so`]);
    assert.equal(checked.code, 0, checked.log);
  }

  const redis = await startRedis(t);
  const address = `127.0.0.1:${await freePort()}`;
  const daemon = start(images.queued, ['--redis', redis.url, '--listen', `tcp://${address}`]);
  await daemon.untilLine(/msg="?ready"?/, { deadlineMs: READY_MS });
  const worker = start(images.worker, ['--server', address, '--queue', 'image-processing', '--dialect', 'bullmq', '--plugin', '/opt/cartrita/plugins/file.so', '--set', 'roots=/tmp']);
  const queue = mqQueue(t, redis, 'image-processing');
  const job = await queue.add('image', { source: { base64: PIXEL }, resize: { width: 8 }, format: 'webp' });
  const state = await until(async () => {
    const now = await job.getState();
    return ['completed', 'failed'].includes(now) && now;
  }, { what: 'the job to end', deadlineMs: READY_MS, describe: () => `${daemon.log}\n${worker.log}` });
  const result = await redis.client().hgetall(`bull:image-processing:${job.id}`);
  assert.equal(state, 'completed', result.failedReason);
  assert.match(result.returnvalue, /webp/);

  const listed = await run(images.q, [...images.q.config.Entrypoint, 'queue', 'ls', '--redis', redis.url, '-o', 'json']);
  assert.equal(listed.code, 0, listed.log);
  assert.match(listed.stdout, /image-processing/);
  assert.equal(await worker.stop({ deadlineMs: READY_MS }), 0, worker.log);
  assert.equal(await daemon.stop({ deadlineMs: READY_MS }), 0, daemon.log);

  /* A team's own plugin, compiled in the base and served from the worker's image. */
  await store.buildah('bud', '-q', '--format', 'docker', '--isolation', 'chroot', '--build-arg', 'PLUGIN_BASE=localhost/cartrita/plugin-base', '--build-arg', 'WORKER=localhost/cartrita/worker',
    '-t', 'localhost/cartrita/team', '-f', join(ROOT, 'deploy/containers/plugin.Containerfile'), join(ROOT, 'examples/echo'));
  const team = await store.open('team');
  const checked = await run(team, ['cartrita-worker', '--check-plugin', '/opt/cartrita/plugins/team.so']);
  assert.equal(checked.code, 0, checked.log);
});
