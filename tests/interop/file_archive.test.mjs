/* Step `archive` of the plugin `file`: archives are made, looked at and unpacked; those that somebody has made to do
 * harm are refused as a whole. Evil archives are put together here byte by byte. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmod, lstat, mkdir, readdir, readFile, readlink, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';

import AdmZip from 'adm-zip';

import { RETRIES, skipWithout, startPlugin } from '../lib/plugin.mjs';
import { newScope } from '../lib/scope.mjs';

const skip = skipWithout('file');
const scope = newScope();
let bench;

before(async () => {
  if (!skip) bench = await startPlugin(scope, 'file', { set: { archiveMaxBytes: '200M' } });
});
after(() => scope.close());

/* One entry of a tar archive: {name, type: '0' file, '1' hard link, '2' symbolic link, '3' device, '5' directory}. */
function tarEntry({ name, type = '0', content = '', target = '', mode = 0o644, size = content.length }) {
  const head = Buffer.alloc(512);
  const octal = (value, at, width) => head.write(value.toString(8).padStart(width - 1, '0'), at);
  head.write(name, 0);
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(1_600_000_000, 136, 12);
  head.write('        ', 148);
  head.write(type, 156);
  head.write(target, 157);
  head.write('ustar\0' + '00', 257);
  octal([...head].reduce((sum, byte) => sum + byte, 0), 148, 7);
  head.write('\0 ', 154);
  const body = Buffer.from(content);
  return Buffer.concat([head, body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
}
const tar = (...entries) => Buffer.concat([...entries.map(tarEntry), Buffer.alloc(1024)]);

async function put(name, bytes) {
  await writeFile(bench.file(name), bytes);
  return bench.file(name);
}
const run = (data) => bench.run('archive', data, RETRIES);
const exists = (path) => lstat(path).then(() => true, () => false);
const leftovers = async () => (await readdir(bench.dir)).filter((name) => name.endsWith('.part'));

/* Nothing comes of it, for good, and the reason says why. */
async function refuses(data, reason) {
  const job = await run(data);
  assert.equal(job.state, 'failed', JSON.stringify(job.result));
  assert.match(job.reason, reason);
  assert.equal(job.attempts, 1, job.reason);
  assert.deepEqual(await leftovers(), []);
  if (data.output) assert.equal(await exists(data.output), false);
}

test('what goes into an archive comes out again, in every format', { skip }, async () => {
  const source = bench.file('source');
  await mkdir(`${source}/deep/er`, { recursive: true });
  await writeFile(`${source}/a.txt`, 'alpha');
  await writeFile(`${source}/deep/grün.txt`, 'green');
  await writeFile(`${source}/deep/er/run.sh`, '#!/bin/sh\n');
  await chmod(`${source}/deep/er/run.sh`, 0o755);
  await writeFile(`${source}/noise.log`, 'no');
  await symlink('/etc/passwd', `${source}/outside`);
  for (const format of ['zip', 'tar', 'tar.gz', 'tar.xz', 'tar.zst']) {
    const output = bench.file(`made.${format}`);
    const made = await run({
      operation: 'create',
      files: [source, { path: `${source}/a.txt`, as: 'copy/b.txt' }, { text: 'typed', as: 'typed.txt' }],
      exclude: ['**.log'],
      sha256: true,
      output,
    });
    assert.equal(made.state, 'completed', made.reason);
    assert.equal(made.result.skipped, 1, 'the symbolic link');
    assert.equal(made.result.sha256, createHash('sha256').update(await readFile(output)).digest('hex'));
    const to = bench.file(`out.${format}`);
    const got = await run({ operation: 'extract', input: { path: output }, output: to, sha256: true });
    assert.equal(got.state, 'completed', got.reason);
    assert.equal(got.result.files, 5);
    assert.equal(await readFile(`${to}/source/a.txt`, 'utf8'), 'alpha');
    assert.equal(await readFile(`${to}/source/deep/grün.txt`, 'utf8'), 'green');
    assert.equal(await readFile(`${to}/copy/b.txt`, 'utf8'), 'alpha');
    assert.equal(await readFile(`${to}/typed.txt`, 'utf8'), 'typed');
    assert.equal((await stat(`${to}/source/deep/er/run.sh`)).mode & 0o777, 0o755);
    assert.equal(await exists(`${to}/source/noise.log`), false);
    const alpha = got.result.entries.find((entry) => entry.name === 'source/a.txt');
    assert.equal(alpha.sha256, createHash('sha256').update('alpha').digest('hex'));
  }
  const names = new AdmZip(bench.file('made.zip')).getEntries().map((entry) => entry.entryName);
  assert.ok(names.includes('source/deep/grün.txt'), `another reader finds ${names}`);
});

test('a deterministic archive has the same bytes whenever it is made', { skip }, async () => {
  const digests = [];
  for (const [format, time] of [['zip', 1e9], ['zip', 1.1e9], ['tar.gz', 1e9], ['tar.gz', 1.1e9]]) {
    const path = await put('timed.txt', 'same');
    await utimes(path, time, time);
    const made = await run({ operation: 'create', files: [path], deterministic: true, sha256: true, output: bench.file(`d.${format}`) });
    digests.push(made.result.sha256);
  }
  assert.equal(digests[0], digests[1]);
  assert.equal(digests[2], digests[3]);
});

test('a part of an archive is listed and extracted', { skip }, async () => {
  const input = await put('part.tar', tar({ name: 'top/', type: '5' }, { name: 'top/a.txt', content: 'a' }, { name: 'top/sub/b.txt', content: 'bb' }, { name: 'top/c.bin', content: 'c' }));
  const list = await run({ operation: 'list', input, include: ['**.txt'] });
  assert.deepEqual(list.result.entries.map(({ name, type, size }) => [name, type, size]), [['top/a.txt', 'file', 1], ['top/sub/b.txt', 'file', 2]]);
  assert.equal(list.result.count, 4);
  const cut = await run({ operation: 'list', input, listMax: 1 });
  assert.deepEqual([cut.result.entries.length, cut.result.isCut], [1, true]);
  const output = bench.file('part');
  const got = await run({ operation: 'extract', input, include: ['**.txt'], strip: 1, output });
  assert.equal(got.state, 'completed', got.reason);
  assert.deepEqual((await readdir(output)).sort(), ['a.txt', 'sub']);
  /* It is there now: only "replace" puts another one in its place. */
  const again = await run({ operation: 'extract', input, output });
  assert.match(again.reason, /exists already/);
  const replaced = await run({ operation: 'extract', input, output, replace: true });
  assert.equal(replaced.state, 'completed', replaced.reason);
  assert.deepEqual(await readdir(output), ['top']);
  assert.deepEqual(await leftovers(), []);
});

test('names, links and devices that lead out are refused', { skip }, async () => {
  const evil = [
    [/climbs out/, { name: '../evil.txt', content: 'x' }],
    [/climbs out/, { name: 'a/../../evil.txt', content: 'x' }],
    [/is absolute/, { name: '/tmp/evil.txt', content: 'x' }],
    [/leads, or may lead, out/, { name: 'l', type: '2', target: '/etc' }],
    [/leads, or may lead, out/, { name: 'a/l', type: '2', target: '../../etc' }],
    [/leads, or may lead, out/, { name: 'l', type: '2', target: 'a/../..' }],
    [/hard link that leads out/, { name: 'h', type: '1', target: '../secret' }],
    [/hard link that leads out/, { name: 'h', type: '1', target: '/etc/passwd' }],
    [/was not extracted before it/, { name: 'h', type: '1', target: 'missing' }],
    [/device/, { name: 'null', type: '3' }],
    [/device/, { name: 'pipe', type: '6' }],
    [/deeper than maxDepth/, { name: 'a/'.repeat(45) + 'f', content: 'x' }],
  ];
  for (const [reason, entry] of evil) {
    const input = await put('evil.tar', tar({ name: 'good.txt', content: 'good' }, entry));
    await refuses({ operation: 'extract', input, output: bench.file('evil') }, reason);
  }
  /* Through a link of the archive's own: it is made last, so there is nothing to go through. */
  const input = await put('through.tar', tar({ name: 'l', type: '2', target: 'inside' }, { name: 'l/x', content: 'x' }));
  await refuses({ operation: 'extract', input, output: bench.file('through') }, /link l: File exists/);
  const zip = new AdmZip();
  zip.addFile('plain.txt', Buffer.from('x'));
  zip.getEntries()[0].entryName = '../../slip.txt';
  await refuses({ operation: 'extract', input: await put('slip.zip', zip.toBuffer()), output: bench.file('slip') }, /climbs out/);
  const list = await run({ operation: 'list', input: bench.file('slip.zip') });
  assert.deepEqual([list.result.entries[0].name, list.result.entries[0].unsafe], ['../../slip.txt', 'climbs out with ".."']);
});

test('links that stay inside are kept, and no special rights are taken over', { skip }, async () => {
  const input = await put(
    'kind.tar',
    tar({ name: 'd/f', content: 'text', mode: 0o6755 }, { name: 'd/l', type: '2', target: '../d/f' }, { name: 'h', type: '1', target: 'd/f' }),
  );
  const output = bench.file('kind');
  const got = await run({ operation: 'extract', input, output });
  assert.equal(got.state, 'completed', got.reason);
  assert.equal((await stat(`${output}/d/f`)).mode & 0o7777, 0o755);
  assert.equal(await readlink(`${output}/d/l`), '../d/f');
  assert.equal(await readFile(`${output}/h`, 'utf8'), 'text');
  assert.equal((await stat(`${output}/h`)).nlink, 1);
  assert.equal(got.result.links, 1);
  const without = await run({ operation: 'extract', input, output: bench.file('nolinks'), links: 'skip' });
  assert.deepEqual([without.result.links, without.result.skipped], [0, 1]);
});

test('bombs are stopped by the limit that they break', { skip }, async () => {
  const zeros = gzipSync(tar({ name: 'zeros', content: Buffer.alloc(24 << 20) }));
  const bomb = await put('bomb.tar.gz', zeros);
  const output = bench.file('boom');
  await refuses({ operation: 'extract', input: bomb, output }, /maxRatio=200/);
  await refuses({ operation: 'list', input: bomb }, /maxRatio=200/);
  await refuses({ operation: 'extract', input: bomb, output, maxBytes: 1 << 20 }, /maxBytes=1048576/);
  await refuses({ operation: 'extract', input: bomb, output, maxFileBytes: 1000 }, /"zeros" is over the limit maxFileBytes=1000/);
  const many = await put('many.tar', tar(...Array.from({ length: 50 }, (_, i) => ({ name: `f${i}` }))));
  await refuses({ operation: 'extract', input: many, output, maxEntries: 49 }, /maxEntries=49/);
  const huge = await put('huge.tar', tar({ name: 'huge', size: 2 ** 32 }));
  await refuses({ operation: 'extract', input: huge, output }, /over the limit/);
  const links = await put('links.tar', tar({ name: 'f', content: 'x'.repeat(1000) }, ...Array.from({ length: 9 }, (_, i) => ({ name: `h${i}`, type: '1', target: 'f' }))));
  await refuses({ operation: 'extract', input: links, output, maxBytes: 5000 }, /maxBytes=5000/);
  /* A job may ask for less than the owner allows, not for more. */
  await refuses({ operation: 'extract', input: many, output, maxEntries: 1e9 }, /maxEntries/);
});

test('broken, cut and encrypted archives fail for good', { skip }, async () => {
  const output = bench.file('broken');
  const noise = Buffer.from(Array.from({ length: 60000 }, (_, i) => (i * 7919) & 255));
  const zip = new AdmZip();
  zip.addFile('one.bin', noise);
  zip.addFile('two.txt', Buffer.from('second'));
  const good = zip.toBuffer();
  await refuses({ operation: 'extract', input: await put('text.zip', 'this is no archive'), output }, /no tar, zip or 7z archive/);
  await refuses({ operation: 'extract', input: await put('empty.zip', ''), output }, /archive/);
  const cut = gzipSync(tar({ name: 'f', content: noise })).subarray(0, 300);
  await refuses({ operation: 'extract', input: await put('cut.tar.gz', cut), output }, /broken/);
  await refuses({ operation: 'extract', input: await put('cut.zip', good.subarray(0, 100)), output }, /broken/);
  const flipped = Buffer.from(good);
  flipped[60] ^= 0xff;
  await refuses({ operation: 'extract', input: await put('flipped.zip', flipped), output }, /broken/);
  /* The flag for encryption, in the local and in the central head. */
  const locked = Buffer.from(good);
  locked[6] |= 1;
  locked[locked.indexOf(Buffer.from('PK\x01\x02')) + 8] |= 1;
  await refuses({ operation: 'extract', input: await put('locked.zip', locked), output }, /encrypted/);
  await refuses({ operation: 'extract', input: bench.file('missing.zip'), output }, /No such file/);
});

test('what a job asks for wrongly is told', { skip }, async () => {
  const input = await put('ok.tar', tar({ name: 'f', content: 'x' }));
  await refuses({ input }, /operation: it is missing/);
  await refuses({ operation: 'extract', input }, /output: it is missing/);
  await refuses({ operation: 'extract', input, outptu: 'x' }, /outptu/);
  await refuses({ operation: 'create', files: [], output: bench.file('x.zip') }, /files: it is missing/);
  await refuses({ operation: 'create', files: [input], output: bench.file('x.rar') }, /format: it is missing/);
  await refuses({ operation: 'create', files: [{ path: input, as: '../x' }], output: bench.file('x.zip') }, /climbs out/);
});

test('an archive that one step makes is unpacked by the next', { skip }, async () => {
  const path = await put('piped.txt', 'piped');
  const job = await bench.run('pipeline', {
    steps: [
      { archive: { operation: 'create', files: [path], format: 'tar.zst' } },
      { archive: { operation: 'extract' } },
      { archive: { operation: 'create', format: 'zip', output: bench.file('piped.zip') } },
    ],
  });
  assert.equal(job.state, 'completed', job.reason);
  assert.equal(new AdmZip(bench.file('piped.zip')).readAsText('piped.txt'), 'piped');
});
