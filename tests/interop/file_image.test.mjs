/* Images: what comes out is looked at, pixel by pixel where it matters. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';

import sharp from 'sharp';

import { newScope } from '../lib/scope.mjs';
import { BLUE, GREEN, isPainted, isQuarters, keep, look, noise, quarters, RED, rgb, SKIP, startFiles, WHITE } from './file_bench.mjs';

describe('file: image', { skip: SKIP, concurrency: true }, () => {
  const scope = newScope();
  let bench, photo, wide;

  before(async () => {
    bench = await startFiles(scope, { concurrency: 4 });
    photo = await keep(bench, 'photo.jpg', quarters(1200, 800).jpeg({ quality: 95 }));
    wide = await keep(bench, 'wide.png', quarters(400, 100).png());
  });
  after(() => scope.close());

  let count = 0;
  /* Runs one image job; {result, seen} of what it has written. */
  async function image(options, output = `out-${++count}.png`) {
    const { state, result, reason } = await bench.run('image', { source: photo, output, ...options });
    assert.equal(state, 'completed', reason);
    return { result, seen: await look(bench.at(output)) };
  }

  test('resize to a width keeps the ratio; the result describes the file', async () => {
    const { result, seen } = await image({ resize: { width: 300 } }, 'small.webp');
    const bytes = readFileSync(bench.at('small.webp'));
    assert.deepEqual(result, {
      width: 300,
      height: 200,
      format: 'webp',
      type: 'image/webp',
      bytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      path: 'small.webp',
    });
    assert.equal((await sharp(bytes).metadata()).format, 'webp');
    isQuarters(seen, [RED, GREEN, BLUE, WHITE]);
  });

  for (const [what, resize, size, check] of [
    ['cover', { width: 300, height: 300 }, [300, 300], (seen) => isQuarters(seen, [RED, GREEN, BLUE, WHITE])],
    ['cover, at one side', { width: 100, height: 800, position: 'west' }, [100, 800], (seen) => isQuarters(seen, [RED, RED, BLUE, BLUE])],
    ['cover, where the picture is', { width: 300, height: 300, position: 'attention' }, [300, 300], () => {}],
    ['inside', { width: 300, height: 300, fit: 'inside' }, [300, 200], (seen) => isQuarters(seen, [RED, GREEN, BLUE, WHITE])],
    ['outside', { width: 300, height: 300, fit: 'outside' }, [450, 300], (seen) => isQuarters(seen, [RED, GREEN, BLUE, WHITE])],
    ['fill', { width: 300, height: 500, fit: 'fill' }, [300, 500], (seen) => isQuarters(seen, [RED, GREEN, BLUE, WHITE])],
    ['larger', { height: 1600 }, [2400, 1600], (seen) => isQuarters(seen, [RED, GREEN, BLUE, WHITE])],
    ['not larger', { width: 2400, withoutEnlargement: true }, [1200, 800], (seen) => isQuarters(seen, [RED, GREEN, BLUE, WHITE])],
    ['not larger than it is to cover', { width: 2400, height: 400, withoutEnlargement: true }, [1200, 400], (seen) => isQuarters(seen, [RED, GREEN, BLUE, WHITE])],
  ])
    test(`resize: ${what}`, async () => {
      const { seen } = await image({ resize });
      assert.deepEqual([seen.width, seen.height], size);
      check(seen);
    });

  test('resize: contain fills what is left with the background', async () => {
    const { seen } = await image({ resize: { width: 300, height: 300, fit: 'contain' }, background: '#102030' });
    assert.deepEqual([seen.width, seen.height, seen.channels], [300, 300, 3]);
    isPainted(seen, [[0.5, 0.02, [16, 32, 48]], [0.5, 0.98, [16, 32, 48]], [0.25, 0.4, RED], [0.75, 0.6, WHITE]]);
    const clear = await image({ resize: { width: 300, height: 300, fit: 'contain' }, background: 'transparent' });
    assert.equal(clear.seen.channels, 4);
    isPainted(clear.seen, [[0.5, 0.02, [0, 0, 0, 0]], [0.25, 0.4, [...RED, 255]]]);
  });

  test('crop: a rectangle, to the pixel; then resized', async () => {
    const { seen } = await image({ source: wide, crop: { left: 190, top: 40, width: 20, height: 20 } });
    assert.deepEqual([seen.width, seen.height], [20, 20]);
    assert.deepEqual([[9, 9], [10, 9], [9, 10], [10, 10]].map(([x, y]) => seen.pixel(x, y).slice(0, 3)), [RED, GREEN, BLUE, WHITE]);
    const centre = await image({ source: wide, crop: { width: 200, height: 100 }, resize: { width: 100 } });
    assert.deepEqual([centre.seen.width, centre.seen.height], [100, 50]);
    isQuarters(centre.seen, [RED, GREEN, BLUE, WHITE]);
  });

  test('rotate: quarters are exact, other angles get a background; flip', async () => {
    const quarter = await image({ source: wide, rotate: 90 });
    assert.deepEqual([quarter.seen.width, quarter.seen.height], [100, 400]);
    isQuarters(quarter.seen, [BLUE, RED, WHITE, GREEN]);
    isQuarters((await image({ source: wide, rotate: -90 })).seen, [GREEN, WHITE, RED, BLUE]);
    const eighth = await image({ rotate: 45, background: 'transparent' });
    assert.equal(eighth.seen.channels, 4);
    isPainted(eighth.seen, [[0.01, 0.01, [0, 0, 0, 0]], [0.99, 0.99, [0, 0, 0, 0]]]);
    isQuarters((await image({ flip: 'horizontal' })).seen, [GREEN, RED, WHITE, BLUE]);
    isQuarters((await image({ flip: 'vertical', resize: { width: 100 } })).seen, [BLUE, WHITE, RED, GREEN]);
  });

  test('EXIF: turned upright by default, on both ways; the tag goes', async () => {
    for (const orientation of [3, 6, 8]) {
      const upright = await look(await quarters(600, 400).jpeg({ quality: 95 }).toBuffer());
      const source = await keep(
        bench,
        `turned-${orientation}.jpg`,
        sharp(await quarters(600, 400).png().toBuffer()).jpeg({ quality: 95 }).withMetadata({ orientation }),
      );
      const expected = await look(await sharp(source).rotate().toBuffer());
      assert.notDeepEqual(expected.pixel(10, 10), upright.pixel(10, 10));
      const corners = [[0.25, 0.25], [0.75, 0.25], [0.25, 0.75], [0.75, 0.75]].map(([x, y]) =>
        expected.pixel(Math.floor(x * expected.width), Math.floor(y * expected.height)),
      );
      for (const options of [{}, { resize: { width: expected.width / 2 } }]) {
        const name = `upright-${orientation}-${options.resize ? 'small' : 'full'}.jpg`;
        const { seen } = await image({ source, ...options }, name);
        assert.equal(seen.width / seen.height, expected.width / expected.height);
        isQuarters(seen, corners);
        assert.equal((await sharp(bench.at(name)).metadata()).orientation, undefined);
      }
      const asStored = await image({ source, rotate: 'none' });
      isQuarters(asStored.seen, [RED, GREEN, BLUE, WHITE]);
    }
  });

  test('each format is written, and what it cannot say is replaced', async () => {
    const clear = await keep(
      bench,
      'clear.png',
      sharp({ create: { width: 64, height: 64, channels: 4, background: rgb([0, 0, 255, 0]) } }).composite([
        { input: { create: { width: 32, height: 64, channels: 4, background: rgb([255, 0, 0, 255]) } }, left: 0, top: 0 },
      ]).png(),
    );
    for (const [format, type, keepsAlpha] of [
      ['jpeg', 'image/jpeg', false],
      ['png', 'image/png', true],
      ['webp', 'image/webp', true],
      ['avif', 'image/avif', true],
      ['gif', 'image/gif', true],
      ['tiff', 'image/tiff', true],
    ]) {
      const { result, seen } = await image({ source: clear, format, quality: format === 'tiff' ? undefined : 90 }, `clear-out.${format}`);
      assert.equal(result.type, type);
      const { format: found, hasAlpha } = await sharp(bench.at(`clear-out.${format}`)).metadata();
      assert.equal(found, format === 'avif' ? 'heif' : format);
      assert.equal(hasAlpha, keepsAlpha, format);
      isPainted(seen, [[0.2, 0.5, keepsAlpha ? [255, 0, 0, 255] : RED]], 20);
      if (keepsAlpha) assert.ok(seen.pixel(50, 32)[3] < 10, format);
      else isPainted(seen, [[0.8, 0.5, WHITE]]);
    }
  });

  test('quality and effort count; lossless is exact', async () => {
    const source = await keep(bench, 'noise.png', (await noise(300, 200)).png());
    const size = async (options) => (await image({ source, ...options }, `q-${++count}.${options.format}`)).result.bytes;
    for (const format of ['jpeg', 'webp', 'avif']) assert.ok((await size({ format, quality: 10 })) < (await size({ format, quality: 95 })), format);
    const { seen } = await image({ source: wide, lossless: true }, 'lossless.webp');
    assert.deepEqual([[199, 49], [200, 49], [199, 50], [200, 50]].map(([x, y]) => seen.pixel(x, y).slice(0, 3)), [RED, GREEN, BLUE, WHITE]);
  });

  test('metadata: gone by default, kept on request; colours become sRGB', async () => {
    const told = await keep(
      bench,
      'told.jpg',
      sharp(await quarters(200, 200).png().toBuffer()).withExif({ IFD0: { Copyright: 'ours' } }).withIccProfile('p3').jpeg({ quality: 100 }),
    );
    await image({ source: told }, 'silent.jpg');
    const silent = await sharp(bench.at('silent.jpg')).metadata();
    assert.equal(silent.exif, undefined);
    assert.equal(silent.icc, undefined);
    isQuarters(await look(bench.at('silent.jpg')), [RED, GREEN, BLUE, WHITE]);
    for (const format of ['png', 'webp']) {
      await image({ source: told }, `silent.${format}`);
      const bytes = readFileSync(bench.at(`silent.${format}`));
      assert.ok(!bytes.includes('ours'), format);
      assert.equal((await sharp(bytes).metadata()).icc, undefined);
    }
    await image({ source: told, metadata: 'keep' }, 'telling.jpg');
    assert.match((await sharp(bench.at('telling.jpg')).metadata()).exif.toString('latin1'), /ours/);
  });

  test('watermark: an image at its place, with its opacity; a text; tiles', async () => {
    const mark = await keep(bench, 'mark.png', sharp({ create: { width: 100, height: 50, channels: 4, background: rgb([0, 0, 0, 255]) } }).png());
    const { seen } = await image({ watermark: { image: mark, opacity: 0.5, position: 'southeast', margin: 20 } });
    assert.equal(seen.channels, 3);
    const inside = seen.pixel(1200 - 20 - 50, 800 - 20 - 25);
    for (const value of inside) assert.ok(Math.abs(value - 127) < 8, String(inside));
    isPainted(seen, [[0.25, 0.25, RED], [0.75, 0.75, WHITE], [1195 / 1200, 0.99, WHITE]]);
    const part = await image({ watermark: { image: { path: mark }, opacity: 1, width: 0.5, position: 'northwest', margin: 0 } });
    isPainted(part.seen, [[0.4, 0.2, [0, 0, 0]], [0.6, 0.2, GREEN]]);
    const text = await image({ watermark: { text: '<b>& ours', colour: 'black', opacity: 1, font: 'sans 60', position: 'centre' } });
    let dark = 0;
    for (let x = 400; x < 800; x++) for (let y = 350; y < 450; y++) dark += Math.max(...text.seen.pixel(x, y)) < 60 ? 1 : 0;
    assert.ok(dark > 500, `${dark} dark pixels`);
    const tiled = await image({ watermark: { image: mark, opacity: 1, tile: true, margin: 50 } });
    isPainted(tiled.seen, [[50 / 1200, 25 / 800, [0, 0, 0]], [200 / 1200, 25 / 800, [0, 0, 0]], [125 / 1200, 25 / 800, RED], [1100 / 1200, 725 / 800, [0, 0, 0]]]);
  });

  test('a responsive set has a manifest; nothing is larger than the source', async () => {
    const { state, result, reason } = await bench.run('image', {
      source: { path: photo },
      widths: [320, 640, 2000, 4000],
      formats: ['webp', 'jpeg'],
      output: 'set/{stem}-{width}.{ext}',
      manifest: 'set/manifest.json',
    });
    assert.equal(state, 'completed', reason);
    assert.equal(result.manifest, 'set/manifest.json');
    assert.deepEqual(result.images.map(({ path }) => path), [
      'set/photo-320.webp', 'set/photo-320.jpg', 'set/photo-640.webp', 'set/photo-640.jpg', 'set/photo-1200.webp', 'set/photo-1200.jpg',
    ]);
    assert.deepEqual(JSON.parse(readFileSync(bench.at('set/manifest.json'))).images, result.images);
    for (const { path, width, height, bytes, format } of result.images) {
      const seen = await look(bench.at(path));
      assert.deepEqual([seen.width, seen.height], [width, height]);
      assert.equal(statSync(bench.at(path)).size, bytes);
      assert.equal((await sharp(bench.at(path)).metadata()).format, format);
      isQuarters(seen, [RED, GREEN, BLUE, WHITE]);
    }
  });

  test('without an output a small image is the result itself', async () => {
    const { result } = await bench.run('image', { source: photo, resize: { width: 32 }, format: 'png' });
    assert.equal(result.path, undefined);
    isQuarters(await look(Buffer.from(result.base64, 'base64')), [RED, GREEN, BLUE, WHITE]);
  });

  test('optimize: WebP without metadata, smaller than what came', async () => {
    const { state, result } = await bench.run('image', { source: photo, optimize: true, output: '{stem}-web.{ext}' });
    assert.equal(state, 'completed');
    assert.equal(result.path, 'photo-web.webp');
    assert.ok(result.bytes < statSync(photo).size);
  });

  test('animated: all pages are resized', async () => {
    const frames = await Promise.all([RED, GREEN, BLUE].map((c) => sharp({ create: { width: 60, height: 40, channels: 3, background: rgb(c) } }).png().toBuffer()));
    const source = await keep(bench, 'moving.gif', sharp(frames, { join: { animated: true } }).gif());
    for (const format of ['gif', 'webp']) {
      const { state, result, reason } = await bench.run('image', { source, animated: true, resize: { width: 30 }, output: `moving-small.${format}` });
      assert.equal(state, 'completed', reason);
      assert.deepEqual([result.width, result.height], [30, 20]);
      const found = await sharp(bench.at(`moving-small.${format}`), { animated: true }).metadata();
      assert.deepEqual([found.pages, found.width, found.pageHeight], [3, 30, 20]);
    }
  });

  test('the form of an image queue, under any job name', async () => {
    for (const [operation, options, check] of [
      ['resize', { width: 60, fit: 'inside' }, (seen) => isQuarters(seen, [RED, GREEN, BLUE, WHITE])],
      ['thumbnail', { width: 60, height: 60 }, (seen) => assert.deepEqual([seen.width, seen.height], [60, 60])],
      ['crop', { left: 0, top: 0, width: 100, height: 100 }, (seen) => isQuarters(seen, [RED, RED, RED, RED])],
      ['rotate', { angle: 180 }, (seen) => isQuarters(seen, [WHITE, BLUE, GREEN, RED])],
      ['flip', {}, (seen) => isQuarters(seen, [GREEN, RED, WHITE, BLUE])],
      ['convert', { format: 'png' }, (seen) => assert.equal(seen.width, 1200)],
      ['optimize', { width: 100 }, (seen) => assert.equal(seen.width, 100)],
    ]) {
      const output = `queue-${operation}.png`;
      const { state, reason } = await bench.run('process-image', { operation, imageUrl: photo, options: { ...options, output } });
      assert.equal(state, 'completed', reason);
      check(await look(bench.at(output)));
    }
  });
});
