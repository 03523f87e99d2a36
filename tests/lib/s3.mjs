/* An S3-compatible server for tests: s3rver behind a front that checks what s3rver does not, the signature of each
 * request (AWS Signature Version 4) and the digest of its body, by node:crypto alone. Called by
 * tests/interop/file_transfer.test.mjs. */
import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request as send } from 'node:http';

import S3rver from 's3rver';

import { temporaryDirectory } from './redis.mjs';
import { scopeOf } from './scope.mjs';

const hash = (bytes) => createHash('sha256').update(bytes).digest('hex');
const hmac = (key, text) => createHmac('sha256', key).update(text).digest();

/* The signature that the head of `request` should have. */
export function signatureOf({ method, url, headers }, secret) {
  const [, scope, names] = /Credential=[^/]+\/([^,]+), ?SignedHeaders=([^,]+)/.exec(headers.authorization);
  const [day, region, service] = scope.split('/');
  const [path, query = ''] = url.split('?');
  const lines = names.split(';').map((name) => `${name}:${headers[name]}\n`);
  const canonical = [method, path, query.split('&').sort().join('&'), lines.join(''), names, headers['x-amz-content-sha256']].join('\n');
  const text = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, hash(canonical)].join('\n');
  const key = [day, region, service, 'aws4_request'].reduce(hmac, `AWS4${secret}`);
  return hmac(key, text).toString('hex');
}

const refusal = (response, status, code) => response.writeHead(status).end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>no</Message></Error>`);

/* {endpoint, requests (method, url, headers of each), fail(request): a status and a code instead of an answer} */
export async function startS3(t, buckets) {
  const directory = await temporaryDirectory(t, 'cartrita-s3-');
  const real = new S3rver({ port: 0, address: '127.0.0.1', silent: true, directory, configureBuckets: buckets.map((name) => ({ name })) });
  const { port } = await real.run();
  scopeOf(t).defer(() => real.close());
  const s3 = { requests: [], fail: () => null };
  const front = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray());
    const given = /Signature=([0-9a-f]+)/.exec(request.headers.authorization ?? '')?.[1];
    s3.requests.push({ method: request.method, url: request.url, headers: request.headers });
    if (!given || given !== signatureOf(request, 'S3RVER')) return refusal(response, 403, 'SignatureDoesNotMatch');
    if (hash(body) !== request.headers['x-amz-content-sha256']) return refusal(response, 400, 'XAmzContentSHA256Mismatch');
    const failure = s3.fail(request);
    if (failure) return refusal(response, ...failure);
    const { host, ...headers } = request.headers;
    const onward = send({ port, host: '127.0.0.1', method: request.method, path: request.url, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    onward.end(body);
  });
  front.listen(0, '127.0.0.1');
  await once(front, 'listening');
  scopeOf(t).defer(() => {
    front.closeAllConnections();
    front.close();
  });
  s3.endpoint = `http://127.0.0.1:${front.address().port}`;
  return s3;
}
