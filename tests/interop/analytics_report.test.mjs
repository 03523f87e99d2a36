/* Reports of real rows: every format looked into, every refusal told. */

import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import sharp from 'sharp';

import { bullQueue } from '../lib/bull.mjs';
import { RETRIES, skipWithout, startPlugin } from '../lib/plugin.mjs';
import { skipWithoutPostgres, startPostgres } from '../lib/postgres.mjs';
import { temporaryDirectory } from '../lib/redis.mjs';
import { newScope } from '../lib/scope.mjs';

const skip = skipWithout('analytics') || skipWithoutPostgres;
const scope = newScope();
let bench, dir;

const QUERIES = {
  oddities: {
    sql: `SELECT * FROM (VALUES
      (1, 'plain', 1.50::numeric, true, '{"a": [1, 2]}'::jsonb, timestamptz '2026-01-31 12:00:00+00', NULL),
      (-2, 'a "quoted", text', 'NaN'::numeric, false, NULL, timestamptz '2026-02-01 00:30:00.5+02', ''),
      (9007199254740993, E'two\\nlines', 1e-7::numeric, NULL, '[]', NULL, '=1+1'),
      (0, '<b>&"ü</b>', -0.5, true, '"x"', timestamptz '2026-02-02 00:00:00+00', '-5')
    ) AS t (id, name, amount, good, data, at, note)`,
  },
  numbers: {
    sql: 'SELECT n, repeat($2, 100) AS filler FROM generate_series(1, $1) AS n',
    params: [{ name: 'count', type: 'integer' }, { name: 'text', type: 'text', default: 'x' }],
  },
  none: { sql: 'SELECT 1 AS a, 2 AS b WHERE false' },
  series: {
    sql: `SELECT d AS day, 10 * i AS visits, 600 - 10 * i AS orders
          FROM generate_series(timestamptz '2026-01-01', '2026-02-28', '1 day') WITH ORDINALITY AS g(d, i)`,
  },
  bars: { sql: "SELECT * FROM (VALUES ('red', 'a', 3), ('red', 'b', 5), ('#blue', 'a', 4), ('#blue', 'b', 1)) AS t (colour, kind, n)" },
  many: { sql: "SELECT 'k' || n AS k, n, n AS x FROM generate_series(1, 30) AS n" },
  sleeps: { sql: 'SELECT pg_sleep(60) AS nothing' },
  writes: { sql: 'CREATE TABLE never ()' },
  wrong: { sql: 'SELECT nothing FROM nowhere' },
};

before(async () => {
  if (skip) return;
  const postgres = await startPostgres(scope);
  dir = await temporaryDirectory(scope, 'cartrita-reports-');
  bench = await startPlugin(scope, 'analytics', {
    concurrency: 4,
    set: {
      url: postgres.url(),
      roots: JSON.stringify([dir]),
      queries: JSON.stringify(QUERIES),
      mailQueue: 'mails',
      inlineMax: '8k',
      reportRowsMax: 5000,
      reportBytesMax: '300k',
    },
  });
});
after(() => scope.close());

const report = (data, opts) => bench.run('report', data, opts);
async function done(data) {
  const job = await report(data);
  assert.equal(job.state, 'completed', job.reason);
  return job.result;
}
async function refused(data, reason, attempts = 1) {
  const job = await report(data, RETRIES);
  assert.equal(job.state, 'failed');
  assert.match(job.reason, reason);
  assert.equal(job.attempts, attempts);
}

test('CSV by RFC 4180; text that a spreadsheet would run is disarmed, numbers are not', { skip }, async () => {
  const { content, rows, type, bytes } = await done({ query: 'oddities' });
  assert.equal(rows, 4);
  assert.equal(bytes, Buffer.byteLength(content));
  assert.equal(type, 'text/csv; charset=utf-8');
  assert.deepEqual(content.split('\r\n'), [
    'id,name,amount,good,data,at,note',
    '1,plain,1.50,t,"{""a"": [1, 2]}",2026-01-31T12:00:00Z,',
    '-2,"a ""quoted"", text",NaN,f,,2026-01-31T22:30:00.5Z,""',
    '9007199254740993,"two\nlines",0.0000001,,[],,"\'=1+1"',
    '0,"<b>&""ü</b>",-0.5,t,"""x""",2026-02-02T00:00:00Z,"\'-5"',
    '',
  ]);
  const other = await done({ query: 'oddities', csv: { delimiter: ';', header: false, bom: true, guard: false, null: 'NULL' } });
  assert.match(other.content, /^\ufeff1;plain;1\.50;t;"\{""a"": \[1, 2\]\}";2026-01-31T12:00:00Z;NULL\r\n/);
  assert.match(other.content, /;=1\+1\r\n/);
});

test('JSON keeps types, as rows and as lines', { skip }, async () => {
  const { data } = await done({ query: 'oddities', format: 'json' });
  assert.deepEqual(data[0], { id: 1, name: 'plain', amount: 1.5, good: true, data: { a: [1, 2] }, at: '2026-01-31T12:00:00Z', note: null });
  assert.deepEqual([data[1].amount, data[2].name, data[2].good, data[3].data], ['NaN', 'two\nlines', null, 'x']);
  const { content } = await done({ query: 'oddities', format: 'ndjson' });
  const lines = content.trimEnd().split('\n');
  assert.equal(lines.length, 4);
  assert.match(lines[2], /"id":9007199254740993,/, 'every digit is there');
  assert.deepEqual(JSON.parse(lines[3]), data[3]);
  assert.deepEqual((await done({ query: 'none', format: 'json' })).data, []);
});

test('HTML escapes what comes from data', { skip }, async () => {
  const { content } = await done({ query: 'oddities', format: 'html', title: 'A <title>' });
  assert.match(content, /<h1>A &lt;title&gt;<\/h1>/);
  assert.match(content, /<td>&lt;b&gt;&amp;&quot;ü&lt;\/b&gt;<\/td>/);
  assert.match(content, /<td class="n">-2<\/td>/);
  assert.equal(content.match(/<tr>/g).length, 5);
  assert.match((await done({ query: 'none', format: 'html' })).content, /No rows/);
});

test('a stored report is whole or not there, and streams', { skip }, async () => {
  const result = await done({ query: 'numbers', params: { count: 2000 }, file: 'deep/er/numbers.csv' });
  const path = join(dir, 'deep/er/numbers.csv');
  assert.equal(result.file, path);
  const text = await readFile(path, 'utf8');
  assert.equal(text.split('\r\n').length, 2002);
  assert.equal(result.bytes, text.length);
  assert.equal(result.content, undefined);
  await refused({ query: 'numbers', params: { count: 5000 }, file: 'deep/er/numbers.csv' }, /more than 307200 bytes, the limit of setting reportBytesMax/);
  await refused({ query: 'numbers', params: { count: 5001 }, file: 'large.csv' }, /more than 5000 rows, the limit of setting reportRowsMax|reportBytesMax/);
  assert.equal(await readFile(path, 'utf8'), text, 'what was there is there still');
  assert.deepEqual(await readdir(join(dir, 'deep/er')), ['numbers.csv'], 'and nothing beside it');
});

/* How many pixels of a picture have this colour, or one like it. */
async function pixels(buffer, [r, g, b]) {
  const { data, info } = await sharp(buffer).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  let found = 0;
  for (let i = 0; i < data.length; i += info.channels)
    if (Math.abs(data[i] - r) + Math.abs(data[i + 1] - g) + Math.abs(data[i + 2] - b) < 30) found++;
  return { found, width: info.width, height: info.height };
}
const BLUE = [31, 119, 180];
const ORANGE = [255, 127, 14];

test('a chart has its lines, by pixels', { skip }, async () => {
  await done({ query: 'series', format: 'png', file: 'series.png', title: 'Visits & orders', chart: { yLabel: 'a day', width: 800, height: 400 } });
  const png = await readFile(join(dir, 'series.png'));
  const blue = await pixels(png, BLUE);
  assert.deepEqual([blue.width, blue.height], [800, 400]);
  assert.ok(blue.found > 600, `${blue.found} blue`);
  assert.ok((await pixels(png, ORANGE)).found > 600);
  assert.ok((await pixels(png, [50, 50, 50])).found > 500, 'letters and axes');
  /* One rises, the other falls. */
  const left = await sharp(png).extract({ left: 95, top: 60, width: 80, height: 60 }).toBuffer();
  assert.ok((await pixels(left, ORANGE)).found > 20);
  assert.equal((await pixels(left, BLUE)).found, 0);
});

test('bars, several charts at once, and one without rows', { skip }, async () => {
  const chart = { type: 'bar', x: 'colour', y: ['n'], series: 'kind' };
  const all = await Promise.all(
    Array.from({ length: 6 }, (_, i) => done({ query: 'bars', format: 'png', file: `bars${i}.png`, title: '#1 of "bars"', chart })),
  );
  assert.equal(all.length, 6);
  const first = await readFile(join(dir, 'bars0.png'));
  for (let i = 1; i < 6; i++) assert.deepEqual(await readFile(join(dir, `bars${i}.png`)), first);
  const [blue, orange] = [await pixels(first, BLUE), await pixels(first, ORANGE)];
  assert.ok(blue.found > 20_000 && orange.found > 20_000, `${blue.found} and ${orange.found}`);
  const { rows } = await done({ query: 'none', format: 'png', file: 'none.png' });
  assert.equal(rows, 0);
  assert.equal((await pixels(await readFile(join(dir, 'none.png')), BLUE)).found, 0);
});

test('a mailed report is a job of the mail queue, once', { skip }, async (t) => {
  const mails = bullQueue(t, bench.redis, 'mails');
  const result = await done({ query: 'bars', file: 'mailed.csv', mail: { to: 'ada@example.org', subject: 'Bars' } });
  const job = await mails.getJob(result.mail.job);
  assert.equal(job.name, 'send');
  assert.deepEqual(job.data, {
    to: 'ada@example.org',
    subject: 'Bars',
    text: 'The report is attached.',
    attachments: [{ path: join(dir, 'mailed.csv') }],
  });
  assert.match(job.id, /^report-q-\d+$/);
  assert.equal(await mails.count(), 1);
});

test('what a user gets wrong fails for good and says what', { skip }, async () => {
  await Promise.all([
    refused({ query: 'nope' }, /no query is called "nope"; there are .*oddities/),
    refused({ query: 'numbers' }, /data\.params\.count: must be given: a whole number/),
    refused({ query: 'bars', sql: 'SELECT 1' }, /there is no "sql" here/),
    refused({ query: 'bars', format: 'xls' }, /data\.format/),
    refused({ query: 'bars', csv: { delimiter: '"' } }, /data\.csv\.delimiter: must be one character/),
    refused({ query: 'bars', file: '../out.csv' }, /\.\.\/out\.csv/),
    refused({ query: 'bars', file: '/etc/out.csv' }, /\/etc\/out\.csv/),
    refused({ query: 'bars', mail: { to: 'a@b.c' } }, /data\.mail: needs "file"/),
    refused({ query: 'bars', file: 'x.csv', mail: {} }, /data\.mail\.to: must be given/),
    refused({ query: 'bars', format: 'png', chart: { x: 'shade' } }, /data\.chart\.x: the query has no column "shade"; there are colour, kind, n/),
    refused({ query: 'many', format: 'png', chart: { series: 'k', x: 'x' } }, /more than 12 series/),
    refused({ query: 'numbers', params: { count: 100 } }, /more than 8192 bytes, the limit of setting inlineMax: give "file"/),
    refused({ query: 'writes' }, /query writes: .*read-only/),
    refused({ query: 'wrong' }, /query wrong: .*nowhere/),
  ]);
});

test('a report ends soon when its time is up', { skip }, async () => {
  const job = await report({ query: 'sleeps', file: 'sleeps.csv' }, { timeout: 500 });
  assert.match(job.reason, /timed out after 500/);
  assert.equal((await readdir(dir)).some((name) => name.includes('sleeps') || name.startsWith('.cartrita')), false);
});
