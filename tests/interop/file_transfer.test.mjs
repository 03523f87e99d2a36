/* Step `transfer` of the plugin `file`: between files, http servers that behave badly, and an S3 server that checks
 * every signature. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';

import { RETRIES, skipWithout, startPlugin } from '../lib/plugin.mjs';
import { temporaryDirectory } from '../lib/redis.mjs';
import { signatureOf, startS3 } from '../lib/s3.mjs';
import { newScope } from '../lib/scope.mjs';

const skip = skipWithout('file');
const scope = newScope();
const CONTENT = randomBytes(3 << 20);
const PARTED = randomBytes(12 << 20);
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
let bench, s3, web, partials;

/* An http server of which each path behaves in its own way; `requests` are what it was asked. */
async function startWeb() {
  const requests = [];
  const visits = {};
  const puts = {};
  const server = createServer(async (request, response) => {
    const { url, headers, method } = request;
    const visit = (visits[url] = (visits[url] ?? 0) + 1);
    const start = Number(/bytes=(\d+)-/.exec(headers.range ?? '')?.[1] ?? 0);
    requests.push({ url, method, headers });
    if (method === 'PUT') {
      puts[url] = { body: Buffer.concat(await request.toArray()), headers };
      return response.end();
    }
    const serve = (content, tag, cutAt) => {
      const isRest = start > 0 && headers['if-range'] === tag;
      const rest = isRest ? content.subarray(start) : content;
      response.writeHead(isRest ? 206 : 200, {
        etag: tag,
        'content-type': 'image/png',
        'content-length': rest.length,
        ...(isRest && { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` }),
      });
      if (!cutAt) return response.end(rest);
      response.write(rest.subarray(0, cutAt), () => setImmediate(() => response.socket.destroy()));
    };
    if (url === '/plain.png') return serve(CONTENT, '"a"');
    if (url === '/cut.png') return serve(CONTENT, '"a"', visit <= 2 && 1 << 20);
    if (url === '/changed.png') return visit === 1 ? serve(PARTED, '"old"', 1 << 20) : serve(CONTENT, '"new"');
    if (url === '/dead.png') return visit === 1 ? serve(CONTENT, '"a"', 1 << 20) : visit <= 4 ? response.socket.destroy() : serve(CONTENT, '"a"');
    if (url === '/limited.png') return visit === 1 ? response.writeHead(429, { 'retry-after': '1' }).end() : serve(CONTENT, '"a"');
    if (url === '/moved.png') return response.writeHead(302, { location: '/plain.png' }).end();
    if (url === '/stalls.png') return response.writeHead(200, { 'content-length': 100 }).write('x');
    return response.writeHead(404).end('nothing here');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  return { requests, puts, url: (path) => `http://127.0.0.1:${server.address().port}${path}`, of: (path) => requests.filter((one) => one.url === path) };
}

before(async () => {
  if (skip) return;
  s3 = await startS3(scope, ['store']);
  web = await startWeb();
  partials = await temporaryDirectory(scope, 'cartrita-partials-');
  bench = await startPlugin(scope, 'file', {
    set: {
      s3: { endpoint: s3.endpoint, accessKey: 'S3RVER', secretKey: 'env:TEST_S3_KEY' },
      s3MultipartBytes: '6M',
      s3PartBytes: '5M',
      transferDirectory: partials,
      httpIdleTimeout: '1s',
    },
    env: { TEST_S3_KEY: 'S3RVER' },
  });
});
after(() => scope.close());

const run = (data) => bench.run('transfer', data, RETRIES);
async function completes(data) {
  const job = await run(data);
  assert.equal(job.state, 'completed', job.reason);
  assert.deepEqual(await readdir(partials), []);
  return job.result;
}
async function refuses(data, reason, attempts = 1) {
  const job = await run(data);
  assert.equal(job.state, 'failed', JSON.stringify(job.result));
  assert.match(job.reason, reason);
  assert.equal(job.attempts, attempts, job.reason);
}
const stored = (name) => readFile(bench.file(name));

test('the check of signatures agrees with the one in the description of S3', { skip }, () => {
  const request = {
    method: 'GET',
    url: '/test.txt',
    headers: {
      host: 'examplebucket.s3.amazonaws.com',
      range: 'bytes=0-9',
      'x-amz-content-sha256': sha256(''),
      'x-amz-date': '20130524T000000Z',
      authorization: 'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,',
    },
  };
  assert.equal(signatureOf(request, 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'), 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41');
});

test('a download is verified and stored under the name of its content', { skip }, async () => {
  const result = await completes({ from: web.url('/plain.png'), to: bench.file('{sha256:2}/{sha256}{ext}'), sha256: sha256(CONTENT) });
  const digest = sha256(CONTENT);
  assert.equal(result.to, bench.file(`${digest.slice(0, 2)}/${digest}.png`));
  assert.deepEqual(await readFile(result.to), CONTENT);
  await refuses({ from: web.url('/plain.png'), to: bench.file('wrong.png'), sha256: 'ab'.repeat(32) }, /SHA-256 is .* not abab/);
  await refuses({ from: web.url('/plain.png'), to: bench.file('large.png'), maxBytes: 1000 }, /maxBytes=1000/);
});

test('what is cut goes on where it was', { skip }, async () => {
  await completes({ from: web.url('/cut.png'), to: bench.file('cut.png') });
  assert.deepEqual(await stored('cut.png'), CONTENT);
  const asked = web.of('/cut.png');
  assert.ok(asked.length > 1 && asked.slice(1).every(({ headers }) => headers['if-range'] === '"a"' && headers.range), JSON.stringify(asked));
});

test('content that has changed meanwhile is fetched anew', { skip }, async () => {
  await completes({ from: web.url('/changed.png'), to: bench.file('changed.png') });
  assert.deepEqual(await stored('changed.png'), CONTENT);
});

test('another attempt at the job goes on with what the first has left', { skip }, async () => {
  const result = await completes({ from: web.url('/dead.png'), to: bench.file('dead.png') });
  assert.deepEqual(await stored('dead.png'), CONTENT);
  assert.ok(result.resumedFrom > 0, JSON.stringify(result));
});

test('rate limits are waited out, redirects followed, stalls retried, and what is missing is not', { skip }, async () => {
  await completes({ from: web.url('/limited.png'), to: bench.file('limited.png') });
  await completes({ from: web.url('/moved.png'), to: bench.file('moved.png') });
  assert.deepEqual(await stored('moved.png'), CONTENT);
  await refuses({ from: web.url('/missing.png'), to: bench.file('missing.png') }, /404/);
  for (const open of ['{', '{sha256', '{sha256:8', '{name']) await refuses({ from: web.url('/moved.png'), to: bench.file(open) }, /a \{ is not closed/);
  const job = await bench.run('transfer', { from: web.url('/stalls.png'), to: bench.file('stalls.png') }, { deadlineMs: 60_000 });
  assert.match(job.reason, /stalls.png/);
});

test('an upload by http carries type and cache headers', { skip }, async () => {
  await writeFile(bench.file('up.bin'), CONTENT);
  const digest = sha256(CONTENT);
  const result = await completes({
    from: bench.file('up.bin'),
    to: { url: web.url('/up/{sha256}{ext}?key=hidden'), headers: { 'x-extra': 'yes' } },
    contentType: 'application/x-test',
  });
  const { body, headers } = web.puts[`/up/${digest}.bin?key=hidden`];
  assert.deepEqual(body, CONTENT);
  assert.equal(headers['cache-control'], 'public, max-age=31536000, immutable');
  assert.deepEqual([headers['content-type'], headers['x-extra']], ['application/x-test', 'yes']);
  assert.equal(result.to, web.url(`/up/${digest}.bin`), 'the key is not told');
});

test('S3 in both directions, signed, at once and in parts', { skip }, async () => {
  await writeFile(bench.file('ü b+c.bin'), CONTENT);
  const up = await completes({ from: bench.file('ü b+c.bin'), to: 's3://store/a dir/{name}' });
  assert.equal(up.parts, 0);
  await completes({ from: 's3://store/a dir/ü b+c.bin', to: bench.file('down.bin'), sha256: sha256(CONTENT) });
  await writeFile(bench.file('large.bin'), PARTED);
  const large = await completes({ from: bench.file('large.bin'), to: 's3://store/{sha256}', contentType: 'application/x-large' });
  assert.equal(large.parts, 3);
  await completes({ from: `s3://store/${sha256(PARTED)}`, to: bench.file('large.back'), sha256: sha256(PARTED) });
  await writeFile(bench.file('empty.bin'), '');
  await completes({ from: bench.file('empty.bin'), to: 's3://store/empty' });
});

test('what S3 refuses is told, and retried only where that helps', { skip }, async () => {
  await refuses({ from: 's3://store/missing', to: bench.file('x') }, /NoSuchKey.*does not exist/);
  await refuses({ from: 's3://nowhere/missing', to: bench.file('x') }, /NoSuch/);
  await refuses({ from: 's3://store', to: bench.file('x') }, /s3:\/\/BUCKET\/KEY/);
  s3.fail = () => [403, 'SignatureDoesNotMatch'];
  await refuses({ from: 's3://store/empty', to: bench.file('x') }, /the secret key is not the one/);
  let slow = 0;
  s3.fail = () => (++slow <= 2 ? [503, 'SlowDown'] : null);
  await writeFile(bench.file('small.bin'), 'small');
  await completes({ from: bench.file('small.bin'), to: 's3://store/slow' });
  /* A part that is refused for good: the upload is taken back. */
  s3.fail = (request) => (request.url.includes('partNumber=2') ? [400, 'InvalidPart'] : null);
  s3.requests.length = 0;
  await refuses({ from: bench.file('large.bin'), to: 's3://store/given-up' }, /InvalidPart/);
  assert.ok(s3.requests.some(({ method, url }) => method === 'DELETE' && url.includes('uploadId=')));
  s3.fail = () => null;
});

test('names that are wrong are told', { skip }, async () => {
  await refuses({ from: bench.file('small.bin'), to: bench.file('{nmae}') }, /there are \{sha256\}/);
  await refuses({ from: bench.file('small.bin') }, /to: it is missing/);
  await refuses({ to: bench.file('x') }, /from/);
});
