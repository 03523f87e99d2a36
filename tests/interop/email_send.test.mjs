/* The e-mail plugin's `send`: what arrives at a real server, as an independent parser reads it. */

import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { writeFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import test, { after, before } from 'node:test';

import { dkimVerify } from 'mailauth/lib/dkim/verify.js';
import nodemailer from 'nodemailer';
import { simpleParser } from 'mailparser';

import { refusal, startMailbox } from '../lib/mailbox.mjs';
import { RETRIES, skipWithout, startPlugin } from '../lib/plugin.mjs';
import { temporaryDirectory } from '../lib/redis.mjs';
import { newScope } from '../lib/scope.mjs';

const skip = skipWithout('email');
const scope = newScope();
const FROM = { name: 'Jörg Müller', address: 'joerg@example.com' };
let box, bench, dir, dkim;

before(async () => {
  if (skip) return;
  dir = await temporaryDirectory(scope, 'cartrita-mail-');
  await mkdir(join(dir, 'templates'));
  await writeFile(join(dir, 'templates/welcome.subject'), 'Hello {{name}}\n');
  await writeFile(join(dir, 'templates/welcome.html'), '<p>Dear <b>{{name}}</b></p>');
  await writeFile(join(dir, 'templates/welcome.txt'), 'Dear {{name}}');
  await writeFile(join(dir, 'report.pdf'), Buffer.from('%PDF-1.4 not really'));
  dkim = generateKeyPairSync('rsa', { modulusLength: 2048 });
  await writeFile(join(dir, 'dkim.pem'), dkim.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  box = await startMailbox(scope);
  bench = await startPlugin(scope, 'email', {
    set: {
      url: box.url,
      from: 'Shop <shop@example.com>',
      templates: join(dir, 'templates'),
      roots: dir,
      dkimDomain: 'example.com',
      dkimSelector: 'k1',
      dkimKey: `file:${join(dir, 'dkim.pem')}`,
    },
  });
});
after(() => scope.close());

async function sent(data, opts) {
  const count = box.mails.length;
  const job = await bench.run('send', data, opts);
  assert.equal(job.state, 'completed', job.reason);
  assert.equal(box.mails.length, count + 1);
  return { ...box.mails[count], result: job.result, job };
}

async function refused(data, pattern) {
  const count = box.mails.length;
  const job = await bench.run('send', data, RETRIES);
  assert.match(job.reason, pattern);
  assert.equal(job.attempts, 1, 'failed for good');
  assert.equal(box.mails.length, count);
}

const resolver = (key) => async (name, type) => {
  assert.equal(type, 'TXT');
  assert.match(name, /^k1\._domainkey\.example\.com$/);
  return [[key]];
};

async function verified(raw, record) {
  const { results } = await dkimVerify(raw, { resolver: resolver(record) });
  return results.map(({ status }) => status.result);
}

test('a text mail', { skip }, async () => {
  const { parsed, from, to, result, job } = await sent({ to: 'ann@example.org', subject: 'Hi', text: 'One\nTwo\n.\nThree' });
  assert.equal(from, 'shop@example.com');
  assert.deepEqual(to, ['ann@example.org']);
  assert.equal(parsed.subject, 'Hi');
  assert.equal(parsed.from.text, '"Shop" <shop@example.com>');
  assert.equal(parsed.text.trimEnd(), 'One\nTwo\n.\nThree');
  assert.equal(parsed.messageId, `<${result.messageId}>`);
  assert.equal(parsed.date.getTime(), Math.floor(job.job.timestamp / 1000) * 1000);
  assert.deepEqual(result.accepted, ['ann@example.org']);
  assert.match(result.response, /^250 /);
});

test('everything a mail can have reads as what nodemailer makes of it', { skip }, async () => {
  const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
  const message = {
    from: FROM,
    to: ['Änne <a@example.org>', { name: 'B, C', address: 'b@exämple.org' }],
    cc: 'c@example.org, D <d@example.org>',
    bcc: 'e@example.org',
    replyTo: 'replies@example.com',
    subject: 'Grüße aus Köln, mit einer Zeile, die so lang ist, dass sie in mehreren Teilen steht: 日本語',
    text: `Liebe Änne,\n\n${'lang '.repeat(400)}\n.`,
    html: `<p>Grüße</p><img src="cid:dot">${'日本'.repeat(300)}`,
    headers: { 'X-Campaign': 'spring', 'List-Unsubscribe': '<https://example.com/u?x=1>' },
  };
  const ours = await sent({
    ...message,
    attachments: [
      { base64: pixel, filename: 'dot.png', cid: 'dot' },
      { path: join(dir, 'report.pdf') },
      { text: 'a,b\n1,2\n', filename: 'Übersicht.csv' },
    ],
  });
  const theirs = await nodemailer.createTransport({ streamTransport: true, buffer: true }).sendMail({
    ...message,
    attachments: [
      { content: pixel, encoding: 'base64', filename: 'dot.png', cid: 'dot' },
      { path: join(dir, 'report.pdf') },
      { content: 'a,b\n1,2\n', filename: 'Übersicht.csv' },
    ],
  });
  const peer = await simpleParser(theirs.message);
  const seen = ({ parsed }) => ({
    from: parsed.from.text,
    to: parsed.to.text,
    cc: parsed.cc.text,
    replyTo: parsed.replyTo.text,
    subject: parsed.subject,
    text: parsed.text.trimEnd(),
    html: parsed.html.replace(/\s+$/, ''),
    campaign: parsed.headers.get('x-campaign'),
    list: parsed.headers.get('list'),
    files: parsed.attachments.map(({ filename, contentType, cid, content }) => [filename, contentType, cid ?? null, content.toString('base64')]).sort(),
  });
  assert.deepEqual(seen(ours), seen({ parsed: peer }));
  assert.equal(ours.parsed.bcc, undefined);
  assert.deepEqual(ours.to, ['a@example.org', 'b@exämple.org', 'c@example.org', 'd@example.org', 'e@example.org']);
  const text = ours.raw.toString('latin1');
  assert.ok(!/[^\r]\n|\r[^\n]/.test(text), 'every line ends with CR LF');
  assert.ok(!/[^\x00-\x7f]/.test(text), 'seven bits');
  assert.ok(text.split('\r\n').every((line) => line.length <= 998));
  const key = dkim.publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
  assert.deepEqual(await verified(ours.raw, `v=DKIM1; k=rsa; p=${key}`), ['pass']);
  const changed = Buffer.from(text.replace('X-Campaign', 'X-Other').replace('Subject: ', 'Subject: Re '), 'latin1');
  assert.notDeepEqual(await verified(changed, `v=DKIM1; k=rsa; p=${key}`), ['pass']);
});

test('templates, from files and from the job', { skip }, async () => {
  const named = await sent({ to: 'a@example.org', template: 'welcome', variables: { name: 'Tom & Jerry' } });
  assert.equal(named.parsed.subject, 'Hello Tom & Jerry');
  assert.match(named.parsed.html, /<b>Tom &amp; Jerry<\/b>/);
  assert.equal(named.parsed.text.trim(), 'Dear Tom & Jerry');
  const own = await sent({ to: 'a@example.org', template: { subject: '{{n}} new', text: '{{#l}}{{.}};{{/l}}' }, variables: { n: 2, l: ['x', 'y'] } });
  assert.equal(own.parsed.subject, '2 new');
  assert.equal(own.parsed.text.trim(), 'x;y;');
  await refused({ to: 'a@example.org', template: 'welcome' }, /name/);
  await refused({ to: 'a@example.org', template: 'welcom' }, /no template "welcom"/);
  await refused({ to: 'a@example.org', template: 'welcome', variables: { name: 'a\r\nBcc: x@y.z' } }, /subject: has a line break/);
});

test('no header and no command can be smuggled in', { skip }, async () => {
  const base = { to: 'a@example.org', text: 'x' };
  await refused({ ...base, subject: 'a\r\nBcc: b@example.org' }, /subject/);
  await refused({ ...base, to: 'a@example.org>\r\nRCPT TO:<b@example.org' }, /data\.to/);
  await refused({ ...base, to: { name: 'x\nBcc: y', address: 'a@example.org' } }, /data\.to/);
  await refused({ ...base, headers: { 'X-A': 'b\r\nBcc: c@example.org' } }, /X-A has a line break/);
  await refused({ ...base, headers: { 'X-A: b\r\nBcc': 'c' } }, /no name of a header/);
  await refused({ ...base, headers: { bcc: 'c@example.org' } }, /bcc is set by the mail itself/);
  await refused({ ...base, from: 'a b' }, /no mail address/);
  await refused({ ...base, attachments: [{ text: 'x', filename: 'a\r\nb' }] }, /filename/);
  await refused({ ...base, messageId: 'a\u0001@example.org' }, /messageId/);
  await refused({ ...base, messageId: 'ä@example.org' }, /messageId/);
  await refused({ ...base, attachments: [{ path: '/etc/passwd' }] }, /attachments\[0\]/);
  await refused({ ...base, attachments: [{ url: 'http://127.0.0.1:1/x' }] }, /127\.0\.0\.1/);
  await refused({ text: 'x' }, /to, cc or bcc is needed/);
  await refused({ to: 'a@example.org' }, /text, html or a template/);
  await refused({ ...base, sbject: 'x' }, /sbject/);
});

test('a retry is the same mail, to the byte, and goes only to those who lack it', { skip }, async () => {
  let round = 0;
  box.rules.rcpt = (address) => {
    if (address === 'later@example.org' && ++round < 3) throw refusal(451, 'greylisted');
    if (address === 'never@example.org') throw refusal(550, 'no such user');
  };
  const count = box.mails.length;
  const job = await bench.run('send', { to: ['now@example.org', 'later@example.org', 'never@example.org'], text: 'x', html: '<i>x</i>' }, RETRIES);
  delete box.rules.rcpt;
  assert.equal(await job.job.getState(), 'completed', job.reason); /* Bull keeps the reason of an earlier attempt */
  const [first, second] = box.mails.slice(count);
  assert.equal(box.mails.length, count + 2);
  assert.deepEqual([first.to, second.to], [['now@example.org'], ['later@example.org']]);
  assert.deepEqual(first.raw, second.raw);
  assert.deepEqual(job.result.accepted, ['now@example.org', 'later@example.org']);
});

test('an Ed25519 key signs as well', { skip }, async (t) => {
  const pair = generateKeyPairSync('ed25519');
  await writeFile(join(dir, 'ed.pem'), pair.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const plugin = await startPlugin(t, 'email', {
    set: { url: box.url, from: 'shop@example.com', dkimDomain: 'example.com', dkimSelector: 'k1', dkimKey: `file:${join(dir, 'ed.pem')}` },
  });
  const count = box.mails.length;
  const job = await plugin.run('send', { to: 'a@example.org', subject: 'a  b ', text: 'line \n\n  two\n\n\n' });
  assert.equal(job.state, 'completed', job.reason);
  const key = pair.publicKey.export({ type: 'spki', format: 'der' }).subarray(-32).toString('base64');
  assert.deepEqual(await verified(box.mails[count].raw, `v=DKIM1; k=ed25519; p=${key}`), ['pass']);
});

test('a notification by type', { skip }, async () => {
  const count = box.mails.length;
  const one = await bench.run('anything', { type: 'email', recipient: 'u@example.org', message: 'Ping' });
  const two = await bench.run('__default__', { type: 'send', data: { to: 'v@example.org', text: 'Pong' } });
  assert.deepEqual([one.state, two.state], ['completed', 'completed'], one.reason ?? two.reason);
  assert.deepEqual(box.mails.slice(count).map(({ to, parsed }) => [to[0], parsed.text.trim()]), [['u@example.org', 'Ping'], ['v@example.org', 'Pong']]);
  const none = await bench.run('anything', { type: 'fax' }, RETRIES);
  assert.match(none.reason, /email, send, bulk, webhook/);
  assert.equal(none.attempts, 1);
});

test('a file that is called like a header is attached under a plain name', { skip }, async () => {
  await writeFile(join(dir, 'a\r\nBcc: b@example.org'), 'x');
  const { parsed } = await sent({ to: 'a@example.org', subject: 's', text: 't', attachments: [{ path: join(dir, 'a\r\nBcc: b@example.org') }] });
  assert.equal(parsed.attachments[0].filename, 'a__Bcc: b@example.org');
});

test('a job from no time is refused', { skip }, async () => {
  for (const timestamp of [-1, Number.MAX_SAFE_INTEGER]) {
    const job = await bench.run('send', { to: 'a@example.org', subject: 's', text: 't' }, { ...RETRIES, timestamp });
    assert.match(job.reason, /make no date/);
    assert.equal(job.attempts, 1);
  }
});
