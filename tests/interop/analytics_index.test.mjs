/* Documents into a search index: a server that speaks _bulk, as strictly as the real ones, and misbehaves when told. */

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, beforeEach, test } from 'node:test';

import { RETRIES, skipWithout, startPlugin } from '../lib/plugin.mjs';
import { skipWithoutPostgres, startPostgres } from '../lib/postgres.mjs';
import { newScope } from '../lib/scope.mjs';

const skip = skipWithout('analytics') || skipWithoutPostgres;
const scope = newScope();
const SECRET = 'ApiKey c2VjcmV0LXNlYXJjaC1rZXk=';
const LIMIT = 20_000; /* bytes of a request that the server takes */

/* What is stored: 'index/id' -> document. `misbehave(doc, id, times)` may answer {status, type, reason} for an item. */
class SearchServer {
  constructor() {
    this.http = createServer((request, response) => this.serve(request, response));
    this.forget();
  }

  forget() {
    this.stored = new Map();
    this.seen = new Map();
    this.requests = [];
    this.misbehave = () => undefined;
    this.refuse = () => undefined;
  }

  async serve(request, response) {
    const pieces = [];
    for await (const piece of request) pieces.push(piece);
    const body = Buffer.concat(pieces).toString();
    const answer = (status, value) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(value));
    };
    this.requests.push(body);
    assert.equal(request.headers['content-type'], 'application/x-ndjson');
    assert.match(request.url, /^\/_bulk\?filter_path=/);
    const refused = this.refuse(this.requests.length);
    if (refused) return answer(refused, { error: { type: 'x', reason: 'told to' } });
    if (request.headers.authorization !== SECRET) return answer(401, { error: 'no' });
    if (body.length > LIMIT) return answer(413, {});
    assert.equal(body.at(-1), '\n');
    const lines = body.slice(0, -1).split('\n').map((line) => JSON.parse(line));
    const items = [];
    for (let i = 0; i < lines.length; i += 2) items.push(this.take(lines[i], lines[i + 1]));
    answer(200, { errors: items.some((item) => Object.values(item)[0].error), items });
  }

  take(action, document) {
    const [[op, { _index, _id }]] = Object.entries(action);
    const key = `${_index}/${_id}`;
    const times = (this.seen.get(key) ?? 0) + 1;
    this.seen.set(key, times);
    const wrong = this.misbehave(document, _id, times);
    if (wrong) return { [op]: { _index, _id, status: wrong.status, error: wrong } };
    if (op === 'create' && this.stored.has(key)) return { create: { _index, _id, status: 409, error: { type: 'version_conflict_engine_exception' } } };
    const status = this.stored.has(key) ? 200 : 201;
    this.stored.set(key, document);
    return { [op]: { _index, _id, status } };
  }
}

const server = new SearchServer();
let bench;

before(async () => {
  if (skip) return;
  const postgres = await startPostgres(scope);
  await new Promise((done) => server.http.listen(0, '127.0.0.1', done));
  scope.defer(() => new Promise((done) => server.http.close(done).closeAllConnections()));
  bench = await startPlugin(scope, 'analytics', {
    concurrency: 2,
    env: { SEARCH_AUTH: SECRET },
    set: {
      url: postgres.url(),
      searchUrl: `http://127.0.0.1:${server.http.address().port}/`,
      searchAuthorization: 'env:SEARCH_AUTH',
      searchBatch: 100,
      queries: JSON.stringify({
        days: { sql: "SELECT 'd' || n AS key, n, timestamptz '2026-01-01' + n * interval '1 day' AS at, '{\"a\":\n[1]}'::json AS extra FROM generate_series(1, $1) AS n", params: [{ name: 'count', type: 'integer' }] },
      }),
    },
  });
});
after(() => scope.close());
beforeEach(() => server.forget());

const index = (data, opts) => bench.run('index', data, opts);
const TIMES = (count) => Array.from({ length: count }, (_, n) => ({ n }));

test('documents have an index by date and an id that a retry repeats', { skip }, async () => {
  const job = await index({ index: 'logs-{yyyy.MM.dd}', time: '2026-03-04T05:06:07Z', documents: TIMES(3) });
  assert.deepEqual(job.result, { indexed: 3, existing: 0, refused: 0, errors: [] });
  assert.deepEqual([...server.stored.keys()], [0, 1, 2].map((n) => `logs-2026.03.04/q-${job.id}-${n}`));
  assert.deepEqual([...server.stored.values()], TIMES(3));
});

test("a query's rows, in batches, each in the index of its own day", { skip }, async () => {
  const job = await index({ index: 'days-{yyyy-MM}', query: 'days', params: { count: 250 }, idField: 'key', timeField: 'at' });
  assert.equal(job.result?.indexed, 250, job.reason);
  assert.deepEqual(server.stored.get('days-2026-01/d1'), { key: 'd1', n: 1, at: '2026-01-02T00:00:00Z', extra: { a: [1] } });
  assert.ok(server.stored.has('days-2026-09/d250'));
  assert.equal(server.requests.length, 3);
  assert.deepEqual(job.job.progress(), { indexed: 250, refused: 0 });
});

test('only what the server had no room for is sent again', { skip }, async () => {
  server.misbehave = (doc, id, times) => (doc.n % 10 === 0 && times < 3 ? { status: 429, type: 'es_rejected_execution_exception', reason: 'full' } : undefined);
  const job = await index({ index: 'busy', documents: TIMES(50) });
  assert.equal(job.result?.indexed, 50, job.reason);
  assert.deepEqual(server.requests.map((body) => body.split('\n').length >> 1), [50, 5, 5]);
});

test('a server that stays busy has the job retried, and nothing is there twice', { skip }, async () => {
  let isBusy = true;
  server.misbehave = (doc, id, times) => {
    if (times > 6) isBusy = false;
    return isBusy && doc.n === 1 ? { status: 429, type: 'full', reason: 'full' } : undefined;
  };
  const job = await index({ index: 'busy', op: 'create', documents: TIMES(3) }, { ...RETRIES, deadlineMs: 60_000 });
  assert.deepEqual(job.result, { indexed: 1, existing: 2, refused: 0, errors: [] });
  assert.equal(server.stored.size, 3);
  assert.match(job.trace.join(), /too busy for 1 of 3 documents, 6 times in a row/);
});

test('documents that the mapping refuses are told by id; the others are indexed', { skip }, async () => {
  const wrong = { status: 400, type: 'document_parsing_exception', reason: `failed to parse [n] ${'ü'.repeat(400)}` };
  server.misbehave = (doc) => (doc.n === 'x' ? wrong : undefined);
  const documents = [{ id: 'a', n: 1 }, { id: 'b', n: 'x' }, { id: 7, n: 2 }];
  const failed = await index({ index: 'typed', idField: 'id', documents }, RETRIES);
  assert.match(failed.reason, /1 of 3 documents were refused, the others are indexed; b: document_parsing_exception: failed to parse/);
  assert.equal(failed.attempts, 1);
  assert.deepEqual([...server.stored.keys()], ['typed/a', 'typed/7']);
  assert.match((await bench.logsOf(failed.id)).join(), /refused b: 400 document_parsing_exception/);
  const told = await index({ index: 'typed', idField: 'id', documents, onError: 'report' });
  assert.deepEqual([told.result.indexed, told.result.refused, told.result.errors[0].id, told.result.errors[0].status], [2, 1, 'b', 400]);
});

test('requests that are too large are made smaller; a document that is too large fails', { skip }, async () => {
  const documents = Array.from({ length: 20 }, (_, n) => ({ n, text: 'x'.repeat(2000) }));
  const job = await index({ index: 'large', documents });
  assert.equal(job.result?.indexed, 20, job.reason);
  const one = await index({ index: 'large', documents: [{ text: 'x'.repeat(LIMIT) }] }, RETRIES);
  assert.match(one.reason, /413/);
  assert.equal(one.attempts, 1);
});

test('a server that is down is worth a retry, one that refuses us is not', { skip }, async () => {
  server.refuse = (n) => (n === 1 ? 503 : undefined);
  assert.equal((await index({ index: 'a', documents: TIMES(1) })).result?.indexed, 1);
  server.refuse = () => 401;
  const refused = await index({ index: 'a', documents: TIMES(1) }, RETRIES);
  assert.match(refused.reason, /POST http:\/\/127\.0\.0\.1:\d+\/_bulk: 401/);
  assert.equal(refused.attempts, 1);
  assert.doesNotMatch(refused.reason + refused.trace.join(), /secret|c2Vj/);
});

test('what a user gets wrong fails for good and says what', { skip }, async () => {
  const cases = [
    [{ index: 'Upper', documents: [] }, /data\.index: must be lower case/],
    [{ index: 'a-{yyyy', documents: [] }, /data\.index: has a \{ without its \}/],
    [{ index: '_a', documents: [] }, /data\.index: must not begin with/],
    [{ index: 'a' }, /data\.documents: either these or "query" must be given/],
    [{ index: 'a', documents: [1] }, /data\.documents\[0\]: must be an object/],
    [{ index: 'a', documents: [{}], idField: 'id' }, /document 0: id, its id, must be a text of 1 to 512 bytes/],
    [{ index: 'a-{yyyy}', documents: [{ at: 'soon' }], timeField: 'at' }, /document 0: at must be a time/],
    [{ index: 'a', query: 'days' }, /data\.params\.count/],
  ];
  await Promise.all(
    cases.map(async ([data, reason]) => {
      const job = await index(data, RETRIES);
      assert.match(job.reason ?? '', reason);
      assert.equal(job.attempts, 1);
    }),
  );
});
