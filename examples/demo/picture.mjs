// A picture to work on: the Mandelbrot set, as a PNG.
import { deflateSync } from 'node:zlib';

const TABLE = Int32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
  return n;
});

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type), data]);
  const out = Buffer.alloc(body.length + 8);
  let crc = -1;
  for (const byte of body) crc = TABLE[(crc ^ byte) & 255] ^ (crc >>> 8);
  out.writeUInt32BE(data.length, 0);
  body.copy(out, 4);
  out.writeInt32BE(~crc, body.length + 4);
  return out;
}

function escape(a, b) {
  let [x, y, n] = [0, 0, 0];
  for (; n < 60 && x * x + y * y < 4; n++) [x, y] = [x * x - y * y + a, 2 * x * y + b];
  return n / 60;
}

export function paint(width, height) {
  const rows = Buffer.alloc(height * (1 + 3 * width));
  for (let row = 0, at = 0; row < height; row++) {
    at++; // the row's filter: none
    for (let column = 0; column < width; column++) {
      const heat = escape((3 * column) / width - 2.2, (2 * row) / height - 1);
      for (const power of [0.6, 1.5, 0.3]) rows[at++] = heat === 1 ? 0 : 255 * heat ** power;
    }
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8); // 8 bits, RGB
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', head), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))]);
}
