/* Images that cannot be made: what the user reads, and whether it is tried again. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';

import sharp from 'sharp';

import { RETRIES } from '../lib/plugin.mjs';
import { temporaryDirectory } from '../lib/redis.mjs';
import { newScope } from '../lib/scope.mjs';
import { until } from '../lib/wait.mjs';
import { keep, look, noise, quarters, RED, rgb, SKIP, startFiles } from './file_bench.mjs';

const PIXELS_MAX = 30_000_000;

describe('file: images that fail', { skip: SKIP, concurrency: true }, () => {
  const scope = newScope();
  let bench, photo, outside;

  before(async () => {
    outside = await temporaryDirectory(scope, 'cartrita-outside-');
    bench = await startFiles(scope, { concurrency: 4, set: { pixelsMax: PIXELS_MAX, inputMax: '4M', inlineMax: '1k', variantsMax: 4 } });
    photo = await keep(bench, 'photo.jpg', quarters(600, 400).jpeg());
  });
  after(() => scope.close());

  let count = 0;
  /* Fails for good, with that reason. */
  async function refused(options, reason) {
    const never = `never-${++count}.png`;
    const end = await bench.run('image', { source: photo, output: never, ...options }, RETRIES);
    assert.equal(end.state, 'failed', JSON.stringify(end.result));
    assert.match(end.reason, reason);
    assert.equal(end.attempts, 1, 'tried again');
    assert.ok(!readdirSync(bench.dir).some((name) => name === never), String(readdirSync(bench.dir)));
  }

  test('what is no image, or none that is read here', async () => {
    await refused({ source: await keep(bench, 'text.jpg', 'not an image at all') }, /text\.jpg is not an image of a format that is read here: jpeg, png/);
    await refused({ source: await keep(bench, 'empty.png', Buffer.alloc(0)) }, /empty\.png/);
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>';
    await refused({ source: await keep(bench, 'drawing.svg', svg) }, /drawing\.svg is not an image of a format/);
  });

  test('a truncated image, and a broken one', async () => {
    for (const [name, picture] of [
      ['cut.jpg', (await noise(800, 600)).jpeg()],
      ['cut.png', (await noise(800, 600)).png()],
      ['cut.webp', (await noise(800, 600)).webp()],
      ['cut.gif', (await noise(200, 200)).gif()],
      ['cut.tif', (await noise(200, 200)).tiff({ compression: 'lzw' })],
      ['cut.avif', (await noise(200, 200)).avif()],
    ]) {
      const path = await keep(bench, name, picture);
      truncateSync(path, Math.floor(readFileSync(path).length / 2));
      await refused({ source: path }, new RegExp(name));
      await refused({ source: path, resize: { width: 100 } }, new RegExp(name));
    }
    const broken = await keep(bench, 'broken.png', (await noise(400, 300)).png());
    const bytes = readFileSync(broken);
    bytes.fill(0x55, 2000, 4000);
    writeFileSync(broken, bytes);
    await refused({ source: broken }, /broken\.png/);
    const { state } = await bench.run('image', { source: bench.at('cut.jpg'), failOn: 'none', output: 'half.png' });
    assert.equal(state, 'completed');
  });

  test('too many pixels: told by the header, nothing is decoded', async () => {
    const flat = (width, height) => sharp({ create: { width, height, channels: 3, background: rgb(RED) } });
    const bomb = await keep(bench, 'bomb.png', flat(12_000, 9_000).png());
    assert.ok(readFileSync(bomb).length < 2 << 20);
    await refused({ source: bomb, resize: { width: 10 } }, /bomb\.png has 12000 x 9000 pixels on 1 page\(s\), more than 30000000 \(the plugin's setting pixelsMax\)/);
    await refused({ resize: { width: 20_000, height: 20_000, fit: 'fill' } }, /pixelsMax/);
    await refused({ watermark: { image: bomb } }, /bomb\.png has 12000/);
    const large = await keep(bench, 'large.bin', Buffer.alloc(5 << 20));
    await refused({ source: large }, /large\.bin.*inputMax|data\.source: is larger than the 4194304 bytes/);
  });

  test('files that are missing, no files, or not for jobs', async () => {
    await refused({ source: bench.at('nowhere.jpg') }, /nowhere\.jpg/);
    await refused({ source: bench.dir }, /cartrita-files/);
    writeFileSync(`${outside}/secret.png`, await quarters(10, 10).png().toBuffer());
    await refused({ source: `${outside}/secret.png` }, /secret\.png/);
    await refused({ source: `${bench.dir}/../${outside.split('/').pop()}/secret.png` }, /secret\.png/);
    await refused({ output: `${outside}/never.png` }, /never\.png/);
    assert.deepEqual(readdirSync(outside), ['secret.png']);
    await refused({ output: `${photo}/never.png` }, /never\.png/);
    await refused({ watermark: { image: bench.at('no-mark.png') } }, /no-mark\.png/);
  });

  test('options that make no sense are named', async () => {
    await refused({ format: 'bmp' }, /data\.format: "bmp" is no format that can be written; there are: jpeg, png/);
    await refused({ resize: { width: 0 } }, /data\.resize\.width/);
    await refused({ resize: { width: 10, fit: 'stretch' } }, /data\.resize\.fit/);
    await refused({ resize: {} }, /needs width, height or both/);
    await refused({ crop: { left: 500, top: 0, width: 200, height: 10 } }, /a crop of 200 x 10 at 500, 0 reaches out of photo\.jpg, which has 600 x 400 pixels/);
    await refused({ rotate: 'left' }, /data\.rotate/);
    await refused({ background: 'mauve' }, /data\.background: a colour is/);
    await refused({ watermark: { text: 'a', image: photo } }, /data\.watermark/);
    await refused({ rotation: 90 }, /rotation/);
    await refused({ source: undefined }, /data\.source/);
    await refused({ widths: [10, 20] }, /data\.output: for several widths it needs \{width\}/);
    await refused({ widths: [10, 20, 30, 40, 50], output: '{width}.png' }, /variantsMax/);
    await refused({ widths: [10, 'x'], output: '{width}.png' }, /data\.widths/);
    await refused({ output: undefined }, /inlineMax\): name a file with "output"/);
    await refused({ output: undefined, source: undefined, operation: 'paint', imageUrl: photo, options: {} }, /data\.operation: "paint" is none of/);
    const end = await bench.run('paint', {}, RETRIES);
    assert.match(end.reason, /no job "paint"; it has: .*image.*pipeline/);
    assert.equal(end.attempts, 1);
  });

  test('an old file stays as it was when the new one cannot be made', async () => {
    const output = await keep(bench, 'old.png', quarters(20, 20).png());
    const end = await bench.run('image', { source: bench.at('text.jpg'), output: 'old.png' });
    assert.equal(end.state, 'failed');
    assert.equal((await look(output)).width, 20);
    assert.deepEqual(readdirSync(bench.dir).filter((name) => name.startsWith('.')), []);
  });

  test('a job that is cancelled stops in the middle', async () => {
    const slow = await startFiles(scope, { timeout: 60_000, set: { pixelsMax: 200_000_000 }, queue: 'slow' });
    const source = await keep(slow, 'noise.png', (await noise(1000, 1000)).png());
    const job = await slow.add('image', { source, resize: { width: 11_000 }, format: 'webp', effort: 9, output: 'huge.png' }, { timeout: 1500 });
    const end = await slow.ended(job.id, 60_000);
    assert.equal(end.state, 'failed');
    assert.match(end.reason, /timed out after 1500 milliseconds/);
    assert.doesNotMatch(end.reason, /died/);
    const next = await slow.run('image', { source, resize: { width: 10 }, output: 'small.png' });
    assert.equal(next.state, 'completed', next.reason);
    await until(() => readdirSync(slow.dir).sort().join() === 'noise.png,small.png', { what: 'nothing else to be left' });
  });
});
