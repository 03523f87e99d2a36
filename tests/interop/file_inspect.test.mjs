/* Checksums, true types, and pipelines of steps. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';

import sharp from 'sharp';

import { RETRIES } from '../lib/plugin.mjs';
import { newScope } from '../lib/scope.mjs';
import { BLUE, GREEN, isQuarters, keep, look, quarters, RED, SKIP, startFiles, WHITE } from './file_bench.mjs';

const digest = (kind, bytes) => createHash(kind).update(bytes).digest('hex');

describe('file: checksum, inspect, pipeline', { skip: SKIP, concurrency: true }, () => {
  const scope = newScope();
  const large = Buffer.alloc(3_000_001, 'abcdefg');
  let bench, photo;

  before(async () => {
    bench = await startFiles(scope, { concurrency: 4, set: { stepsMax: 4 } });
    photo = await keep(bench, 'photo.jpg', quarters(600, 400).jpeg({ quality: 95 }));
    await keep(bench, 'large.bin', large);
    await keep(bench, 'empty', '');
  });
  after(() => scope.close());

  async function done(name, data) {
    const { state, result, reason } = await bench.run(name, data);
    assert.equal(state, 'completed', reason);
    return result;
  }
  async function refused(name, data, reason) {
    const end = await bench.run(name, data, RETRIES);
    assert.equal(end.state, 'failed', JSON.stringify(end.result));
    assert.match(end.reason, reason);
    assert.equal(end.attempts, 1, 'tried again');
  }

  test('checksum: of each kind, of several files, of nothing', async () => {
    assert.deepEqual(await done('checksum', { source: 'large.bin' }), { name: 'large.bin', bytes: large.length, sha256: digest('sha256', large) });
    const all = await done('checksum', { source: { path: bench.at('large.bin') }, algorithms: ['md5', 'sha1', 'sha256', 'sha512'] });
    for (const kind of ['md5', 'sha1', 'sha256', 'sha512']) assert.equal(all[kind], digest(kind, large));
    const { files } = await done('checksum', { sources: ['empty', 'large.bin'], algorithm: 'sha1' });
    assert.deepEqual(files.map(({ sha1 }) => sha1), [digest('sha1', ''), digest('sha1', large)]);
  });

  test('checksum: compared with what is expected', async () => {
    await done('checksum', { source: 'large.bin', expected: digest('sha256', large).toUpperCase() });
    await done('checksum', { source: 'large.bin', expected: { md5: digest('md5', large), sha512: digest('sha512', large) } });
    await refused('checksum', { source: 'large.bin', expected: digest('sha256', 'other') }, /large\.bin is not what was expected: its sha256 is /);
    await refused('checksum', { source: 'large.bin', expected: 'abc' }, /data\.expected/);
    await refused('checksum', { source: 'large.bin', algorithm: 'crc8' }, /data\.algorithm: "crc8" is none of/);
    await refused('checksum', { source: 'nowhere' }, /nowhere/);
    await refused('checksum', {}, /data\.source: it is missing/);
  });

  test('inspect: the content counts, not the name', async () => {
    const turned = await keep(bench, 'photo.txt', sharp(await quarters(60, 40).png().toBuffer()).withMetadata({ orientation: 6 }).jpeg());
    const { image, ...file } = await done('inspect', { source: turned });
    assert.equal(file.type, 'image/jpeg');
    assert.equal(file.isText, false);
    assert.match(file.description, /^JPEG image data/);
    assert.deepEqual(image, {
      format: 'jpeg', width: 60, height: 40, pages: 1, space: 'srgb', channels: 3, hasAlpha: false, orientation: 6, hasProfile: true, hasExif: true,
    });
    const text = await done('inspect', { source: await keep(bench, 'text.jpg', 'Grüße\n') });
    assert.deepEqual([text.type, text.encoding, text.isText, text.image], ['text/plain', 'utf-8', true, undefined]);
    const empty = await done('inspect', { source: 'empty' });
    assert.match(empty.type, /x-empty$/);
    assert.deepEqual([empty.bytes, empty.isText], [0, false]);
    const avif = await done('inspect', { source: await keep(bench, 'a.avif', quarters(64, 64).avif()) });
    assert.deepEqual([avif.image.format, avif.image.codec, avif.image.width], ['avif', 'av1', 64]);
    const cut = await done('inspect', { source: await keep(bench, 'cut.png', (await quarters(64, 64).png().toBuffer()).subarray(0, 20)) });
    assert.deepEqual([cut.type, cut.image], ['image/png', undefined]);
  });

  test('pipeline: what one step makes is what the next works on', async () => {
    const { steps } = await done('pipeline', {
      steps: [
        { image: { source: photo, widths: [300, 150], formats: ['png', 'webp'] } },
        { image: { rotate: 90, output: 'piped/{stem}.{ext}' } },
        { checksum: {} },
        { inspect: {} },
      ],
    });
    assert.deepEqual(steps.map(({ step }) => step), ['image', 'image', 'checksum', 'inspect']);
    assert.equal(steps[0].images.length, 4);
    assert.ok(steps[0].images.every(({ path, base64 }) => !path && !base64));
    assert.equal(steps[1].images.length, 4);
    for (const [i, { path, width, height, sha256 }] of steps[1].images.entries()) {
      assert.equal(width / height, 2 / 3);
      isQuarters(await look(bench.at(path)), [BLUE, RED, WHITE, GREEN], 20);
      assert.equal(sha256, steps[2].files[i].sha256);
    }
    assert.deepEqual(steps[3].files.map(({ type }) => type), ['image/png', 'image/webp', 'image/png', 'image/webp']);
  });

  test('pipeline: the first step that fails ends it, and is named', async () => {
    await refused(
      'pipeline',
      { steps: [{ inspect: { source: photo } }, { checksum: { expected: digest('sha256', 'x') } }, { image: { output: 'late.png' } }] },
      /step 2 \(checksum\): photo\.jpg is not what was expected/,
    );
    assert.ok(!existsSync(bench.at('late.png')));
    await refused('pipeline', { steps: [{ image: { source: photo, resize: { width: -1 } } }] }, /data\.steps\[0\]\.image\.resize\.width/);
    await refused('pipeline', { steps: [{ image: {} }] }, /steps\[0\]\.image\.source: it is missing/);
    await refused('pipeline', { steps: [{ paint: {} }] }, /data\.steps\[0\]: a step is an object of one member.*image, checksum, inspect/);
    await refused('pipeline', { steps: [] }, /one step at least/);
    await refused('pipeline', { steps: Array(5).fill({ inspect: { source: photo } }) }, /data\.steps/);
    await refused('pipeline', { steps: [{ inspect: { source: photo } }], more: 1 }, /more/);
  });
});
