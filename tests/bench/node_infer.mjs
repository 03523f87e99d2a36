/* The inference of measure_inference.mjs in Node, as onnxruntime-node's users write it. Imported by node_worker.mjs. */

import { readFile } from 'node:fs/promises';

import ort from 'onnxruntime-node';

export async function inferJob({ model }) {
  const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 1, interOpNumThreads: 1 });
  return async ({ data: { inputs } }) => {
    const feeds = {};
    for (const [name, { raw, shape }] of Object.entries(inputs)) {
      const bytes = raw.path ? await readFile(raw.path) : Buffer.from(raw.base64, 'base64');
      feeds[name] = new ort.Tensor('float32', new Float32Array(Uint8Array.from(bytes).buffer), shape);
    }
    const outputs = await session.run(feeds);
    return Object.fromEntries(
      Object.entries(outputs).map(([name, { type, dims, data }]) => [name, { type, shape: dims, data: Array.from(data) }]),
    );
  };
}
