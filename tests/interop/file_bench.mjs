/* What the tests of the file plugin share: a worker, and pictures whose pixels are known. */
import { writeFile } from 'node:fs/promises';

import sharp from 'sharp';

import { skipWithout, startPlugin } from '../lib/plugin.mjs';
import { temporaryDirectory } from '../lib/redis.mjs';

export const SKIP = skipWithout('file');

/* {..., at(name): a path that jobs may read and write}. Jobs see nothing but `dir`. */
export async function startFiles(scope, { set, ...options } = {}) {
  const dir = await temporaryDirectory(scope, 'cartrita-files-');
  const bench = await startPlugin(scope, 'file', { set: { roots: dir, ...set }, ...options });
  return { ...bench, dir, at: (name) => `${dir}/${name}` };
}

/* Four quarters of one colour each: red, green, blue, white from the top left on, row by row. */
export const RED = [255, 0, 0];
export const GREEN = [0, 255, 0];
export const BLUE = [0, 0, 255];
export const WHITE = [255, 255, 255];

export function quarters(width, height) {
  const [w, h] = [Math.ceil(width / 2), Math.ceil(height / 2)];
  const part = (colour, left, top) => ({
    input: { create: { width: w, height: h, channels: 3, background: rgb(colour) } },
    left,
    top,
  });
  return sharp({ create: { width, height, channels: 3, background: rgb(RED) } }).composite([
    part(GREEN, width - w, 0),
    part(BLUE, 0, height - h),
    part(WHITE, width - w, height - h),
  ]);
}

export const rgb = ([r, g, b, a]) => ({ r, g, b, alpha: a === undefined ? 1 : a / 255 });

/* Noise that no format packs well. */
export async function noise(width, height) {
  const bytes = Buffer.alloc(width * height * 3);
  for (let i = 0, x = 1; i < bytes.length; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    bytes[i] = x >>> 24;
  }
  return sharp(bytes, { raw: { width, height, channels: 3 } });
}

export async function keep(bench, name, picture) {
  await writeFile(bench.at(name), Buffer.isBuffer(picture) || typeof picture === 'string' ? picture : await picture.toBuffer());
  return bench.at(name);
}

/* {width, height, channels, pixel(x, y), isNear(x, y, colour)} of a file or bytes. */
export async function look(input) {
  const { data, info } = await sharp(input).raw().toBuffer({ resolveWithObject: true });
  const pixel = (x, y) => {
    const at = (y * info.width + x) * info.channels;
    return [...data.subarray(at, at + info.channels)];
  };
  return { ...info, pixel };
}

/* The colours at places, as parts of width and height, are about these. */
export function isPainted(seen, places, slack = 12) {
  for (const [x, y, colour] of places) {
    const pixel = seen.pixel(Math.min(seen.width - 1, Math.floor(x * seen.width)), Math.min(seen.height - 1, Math.floor(y * seen.height)));
    const isNear = colour.every((value, i) => Math.abs(value - pixel[i]) <= slack);
    if (!isNear) throw new Error(`at ${x}, ${y} of ${seen.width} x ${seen.height}: ${pixel}, not ${colour}`);
  }
}

/* The four quarters, in this order. */
export const isQuarters = (seen, [a, b, c, d], slack) =>
  isPainted(seen, [[0.25, 0.25, a], [0.75, 0.25, b], [0.25, 0.75, c], [0.75, 0.75, d]], slack);
