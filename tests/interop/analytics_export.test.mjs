/* Exports: what lies in the folder, that it is all or nothing, and what is refused. */

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { gunzipSync } from 'node:zlib';

import { RETRIES, skipWithout, startPlugin } from '../lib/plugin.mjs';
import { skipWithoutPostgres, startPostgres } from '../lib/postgres.mjs';
import { temporaryDirectory } from '../lib/redis.mjs';
import { newScope } from '../lib/scope.mjs';

const skip = skipWithout('analytics') || skipWithoutPostgres;
const scope = newScope();
const QUERIES = {
  /* Not in the order of the days, and more days than are open at once. */
  sales: {
    sql: "SELECT n AS id, timestamptz '2026-01-01' + (n * 7 % 40) * interval '1 day' AS at, '=' || n AS note FROM generate_series(1, $1) AS n",
    params: [{ name: 'count', type: 'integer' }],
  },
  shops: { sql: "SELECT * FROM (VALUES ('a/b c', 1), (NULL, 2), ('../x', 3)) AS t (shop, n)" },
  fails: { sql: 'SELECT 1 / (500 - n) AS x FROM generate_series(1, 1000) AS n' },
};
let bench, dir;

before(async () => {
  if (skip) return;
  const postgres = await startPostgres(scope);
  dir = await temporaryDirectory(scope, 'cartrita-exports-');
  bench = await startPlugin(scope, 'analytics', {
    concurrency: 2,
    set: { url: postgres.url(), roots: dir, queries: JSON.stringify(QUERIES), exportRowsMax: 5000, exportFilesMax: 500 },
  });
});
after(() => scope.close());

async function done(data) {
  const job = await bench.run('export', data);
  assert.equal(job.state, 'completed', job.reason);
  return job.result;
}
async function refused(data, reason) {
  const job = await bench.run('export', data, RETRIES);
  assert.match(job.reason ?? '', reason);
  assert.equal(job.attempts, 1);
}
const unpack = async (...path) => gunzipSync(await readFile(join(dir, ...path))).toString();

test('rows lie in the folder of their day, each once, and the manifest names all', { skip }, async () => {
  const result = await done({ query: 'sales', params: { count: 400 }, directory: 'sales/january', partitionBy: 'at' });
  assert.equal(result.rows, 400);
  const manifest = JSON.parse(await readFile(join(dir, 'sales/january/manifest.json')));
  assert.deepEqual(manifest, result);
  assert.deepEqual(manifest.columns, [{ name: 'id', type: 'number' }, { name: 'at', type: 'time' }, { name: 'note', type: 'text' }]);
  const ids = new Set();
  const days = new Set();
  for (const { path, rows, bytes } of manifest.files) {
    const [, day] = path.match(/^dt=(\d{4}-\d\d-\d\d)\/part-\d{4}\.csv\.gz$/);
    days.add(day);
    const text = await unpack('sales/january', path);
    assert.equal(text.length, bytes);
    const [head, ...lines] = text.trimEnd().split('\r\n');
    assert.equal(head, 'id,at,note');
    assert.equal(lines.length, rows);
    for (const line of lines) {
      assert.ok(line.includes(`,${day}T`), line);
      ids.add(line.split(',')[0]);
    }
  }
  assert.equal(ids.size, 400);
  assert.equal(days.size, 40);
  const found = (await readdir(join(dir, 'sales/january'), { recursive: true })).filter((name) => /part/.test(name));
  assert.equal(found.length, manifest.files.length);
});

test('without partitions: files of so many rows, not compressed', { skip }, async () => {
  const { files } = await done({ query: 'sales', params: { count: 25 }, directory: 'flat', format: 'ndjson', compress: false, rowsPerFile: 10 });
  assert.deepEqual(files.map(({ path, rows }) => [path, rows]), [['part-0001.ndjson', 10], ['part-0002.ndjson', 10], ['part-0003.ndjson', 5]]);
  const lines = (await readFile(join(dir, 'flat/part-0003.ndjson'), 'utf8')).trimEnd().split('\n');
  assert.deepEqual(JSON.parse(lines[4]), { id: 25, at: '2026-01-16T00:00:00Z', note: '=25' });
});

test('values of partitions are names of folders and nothing else', { skip }, async () => {
  const { files } = await done({ query: 'shops', directory: 'shops', partitionBy: 'shop', format: 'ndjson' });
  assert.deepEqual(files.map(({ path }) => path).sort(), [
    'shop=..%2Fx/part-0001.ndjson.gz', 'shop=__HIVE_DEFAULT_PARTITION__/part-0001.ndjson.gz', 'shop=a%2Fb%20c/part-0001.ndjson.gz',
  ]);
});

test('what is there stays, unless it is to be replaced, and then as a whole', { skip }, async () => {
  const sales = { query: 'sales', directory: 'again', partitionBy: 'at', format: 'ndjson' };
  await done({ ...sales, params: { count: 40 } });
  await refused({ ...sales, params: { count: 1 } }, /again is there already: give "replace": true/);
  await refused({ ...sales, query: 'fails', partitionBy: 'x', replace: true }, /division by zero/);
  assert.equal((await readdir(join(dir, 'again'))).length, 41);
  await done({ ...sales, params: { count: 1 }, replace: true });
  assert.deepEqual((await readdir(join(dir, 'again'))).sort(), ['dt=2026-01-08', 'manifest.json']);
  assert.equal((await readdir(dir)).some((name) => name.startsWith('.')), false, 'nothing is left of those that failed');
});

test('what a user gets wrong fails for good and says what', { skip }, async () => {
  const sales = { query: 'sales', params: { count: 1 } };
  await Promise.all([
    refused(sales, /data\.directory/),
    refused({ ...sales, directory: 'a/..' }, /data\.directory: its last part must be a name/),
    refused({ ...sales, directory: '../out' }, /\.\./),
    refused({ ...sales, directory: 'x', partitionBy: 'shade' }, /data\.partitionBy: the query has no column "shade"/),
    refused({ ...sales, directory: 'x', format: 'png' }, /data\.format/),
    refused({ query: 'sales', params: { count: 5001 }, directory: 'x' }, /more than 5000 rows, the limit of setting exportRowsMax/),
    refused({ query: 'sales', params: { count: 2000 }, directory: 'x', partitionBy: 'id' }, /more than 500 files, the limit of setting exportFilesMax/),
  ]);
  assert.equal((await readdir(dir)).some((name) => name.startsWith('.') || name === 'x'), false);
});
