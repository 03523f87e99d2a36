/* Images per second: job `image` of plugin `file` beside sharp in a Bull worker. From a photo-like JPEG in a file to
 * a small one in a file, one thread of libvips for each image, the same qualities, as many images at once.
 *
 * Beside it: how late the event loop of the process that made the jobs is meanwhile, over what it is when idle. */

import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';

import sharp from 'sharp';

import { pluginPath } from '../lib/processes.mjs';
import { temporaryDirectory } from '../lib/redis.mjs';
import { pause } from '../lib/wait.mjs';
import { checkDelivery, fill, interleave, median, processCpu, untilCompleted } from './common.mjs';
import { isOurs, systemOf } from './systems.mjs';

const CONCURRENCY = 4; /* the threads of libuv's pool, which sharp works in */
const SECONDS = 3;
const PROBE = 40;
const [WIDTH, HEIGHT] = [2000, 1500];
const RESIZED = 400;
const QUALITY = 80;
const RESOLUTION_MS = 5;

/* Noise of three sizes over gradients: edges, texture and smooth parts. */
async function makePicture(path) {
  const layer = async (part, sigma) => ({
    blend: 'soft-light',
    input: await sharp({
      create: { width: WIDTH / part, height: HEIGHT / part, channels: 3, background: '#888', noise: { type: 'gaussian', mean: 128, sigma } },
    })
      .resize(WIDTH, HEIGHT)
      .png({ compressionLevel: 1 })
      .toBuffer(),
  });
  const gradients = Buffer.from(`<svg width="${WIDTH}" height="${HEIGHT}">
    <linearGradient id="sky" x2="0.3" y2="1"><stop stop-color="#27c"/><stop offset="0.6" stop-color="#fc9"/><stop offset="1" stop-color="#231"/></linearGradient>
    <radialGradient id="sun"><stop stop-color="#fff"/><stop offset="1" stop-color="#fa0" stop-opacity="0"/></radialGradient>
    <rect width="100%" height="100%" fill="url(#sky)"/><circle cx="1400" cy="500" r="400" fill="url(#sun)"/></svg>`);
  await sharp(gradients)
    .composite(await Promise.all([layer(1, 15), layer(5, 50), layer(50, 60)]))
    .jpeg({ quality: 90 })
    .toFile(path);
}

/* Milliseconds that the event loop of this process is late, for one in a hundred, while `work` goes on. */
async function lateness(work) {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  await work();
  delay.disable();
  return Math.max(0, delay.percentile(99) / 1e6 - RESOLUTION_MS);
}

async function once(redis, name, { dir, format, processes, count }) {
  const client = redis.client();
  const made = join(dir, 'out');
  await client.flushall();
  rmSync(made, { recursive: true, force: true });
  mkdirSync(made);
  const system = systemOf(name, redis);
  const producer = await system.open();
  await producer.pause();
  await fill(producer, count, (i) => ({
    name: 'image',
    data: { source: join(dir, 'in.jpg'), resize: { width: RESIZED }, quality: QUALITY, output: join(made, `${i}.${format}`) },
  }));
  const worker = await system.work({
    processes,
    concurrency: CONCURRENCY,
    job: 'image',
    plugin: [pluginPath('file'), { roots: dir }],
    args: ['--sandbox', 'network', '--sandbox', `files:${dir}`],
  });
  try {
    const pids = (await worker.pids()).map(({ pid }) => pid);
    const before = await processCpu(pids);
    const from = performance.now();
    const lateMs = await lateness(async () => {
      await producer.resume();
      await untilCompleted(client, count);
    });
    const rate = (count * 1000) / (performance.now() - from);
    const cpuMs = (((await processCpu(pids)) - before) * 1000) / count;
    await checkDelivery(client, count);
    const images = readdirSync(made);
    const { width } = await sharp(join(made, images[0])).metadata();
    if (images.length !== count || width !== RESIZED) throw new Error(`${name} made ${images.length} of ${count} images, ${width} wide`);
    return { rate, cpuMs, lateMs };
  } finally {
    await worker.stop();
    await producer.close();
    client.disconnect();
  }
}

export async function measureImages({ redis, scope, names, runs, note }) {
  const dir = await temporaryDirectory(scope, 'cartrita-bench-');
  const rows = [];

  await makePicture(join(dir, 'in.jpg'));
  const idleMs = await lateness(() => pause(SECONDS * 1000));
  for (const format of ['jpeg', 'webp'])
    for (const processes of [1, 2]) {
      const label = `${WIDTH} to ${RESIZED} wide, ${format}, ${processes} process${processes > 1 ? 'es' : ''}`;
      const run = (name, count) => once(redis, name, { dir, format, processes, count });
      const counts = {};
      for (const name of names) counts[name] = Math.ceil((await run(name, PROBE)).rate * SECONDS);
      const results = await interleave(
        names,
        runs,
        (name) => run(name, counts[name]),
        (name, i, m) => note(`${label}, ${name}, run ${i + 1}: ${m.rate.toFixed(1)} images/s, ${m.cpuMs.toFixed(2)} ms of CPU each, producer ${m.lateMs.toFixed(2)} ms late`),
      );
      const of = (what) => Object.fromEntries(names.map((name) => [name, median(results[name][what])]));
      rows.push({
        group: 'images',
        label,
        unit: '1/s',
        digits: 1,
        values: of('rate'),
        runs: results,
        target: names.some(isOurs) ? { kind: 'atLeastTimes', factor: 1 } : undefined,
      });
      rows.push({ group: 'images', label: "  workers' CPU per image", unit: 'ms', digits: 2, values: of('cpuMs') });
      rows.push({ group: 'images', label: `  producer late, p99 (idle ${idleMs.toFixed(2)})`, unit: 'ms', digits: 2, values: of('lateMs') });
    }
  return rows;
}
