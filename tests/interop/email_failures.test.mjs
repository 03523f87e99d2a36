/* The e-mail plugin against servers that refuse, stall, cut and lie: what the user reads, and whether the job is tried again. Bulk and
 * notifications with theirs. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer as createHttp } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import test, { after, before } from 'node:test';

import { refusal, startMailbox } from '../lib/mailbox.mjs';
import { RETRIES, skipWithout, startPlugin } from '../lib/plugin.mjs';
import { startRedis, temporaryDirectory } from '../lib/redis.mjs';
import { newScope } from '../lib/scope.mjs';

const skip = skipWithout('email');
const scope = newScope();
const MAIL = { from: 'shop@example.com', to: 'a@example.org', subject: 'x', text: 'x' };
let redis, box, main;

before(async () => {
  if (skip) return;
  redis = await startRedis(scope);
  box = await startMailbox(scope);
  main = await startPlugin(scope, 'email', {
    redis,
    queue: 'main',
    set: { url: box.url, from: 'shop@example.com', privateAddresses: 'true', webhookSecret: 'whsec-quiet', httpTimeout: '2s' },
  });
});
after(() => scope.close());

let queues = 0;
const pluginWith = (t, set) => startPlugin(t, 'email', { redis, queue: `q${queues++}`, set });

/* A server that speaks lines: `answer(line, socket)`; null is the greeting. */
async function startLines(t, answer) {
  const sockets = new Set();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    answer(null, socket);
    socket.on('data', (bytes) => bytes.toString().split('\r\n').forEach((line) => line && answer(line, socket)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `smtp://127.0.0.1:${server.address().port}`;
}

async function fails(plugin, pattern, attempts, data = MAIL) {
  const job = await plugin.run('send', data, RETRIES);
  assert.equal(job.state, 'failed');
  assert.match(job.reason, pattern);
  assert.equal(job.attempts, attempts);
  return job;
}

test('5xx fails for good, 4xx is tried again, each with the server’s words', { skip }, async () => {
  box.rules.rcpt = () => {
    throw refusal(550, '5.1.1 no such user');
  };
  await fails(main, /refuses the recipient a@example\.org: 550 5\.1\.1 no such user/, 1);
  box.rules.rcpt = () => {
    throw refusal(450, 'try later');
  };
  await fails(main, /450 try later/, 3);
  delete box.rules.rcpt;
  box.rules.data = () => {
    throw refusal(554, 'spam');
  };
  await fails(main, /refuses the mail: 554 spam/, 1);
  box.rules.data = () => {
    throw refusal(452, 'disk full');
  };
  await fails(main, /refuses the mail: 452 disk full/, 3);
  delete box.rules.data;
  const nobody = await main.run('send', { ...MAIL, from: [], bounceTo: 'b@example.com' }, RETRIES);
  assert.equal(nobody.state, 'completed', nobody.reason);
  await fails(main, /messageMax/, 1, { ...MAIL, attachments: [{ text: 'x'.repeat(20 * 1024 * 1024) }] });
});

test('connections are kept, and one that died is replaced at once', { skip }, async () => {
  const before = box.connections();
  for (let i = 0; i < 3; i++) assert.equal((await main.run('send', MAIL)).state, 'completed');
  const kept = box.connections();
  assert.ok(kept <= before + 1, 'one connection for all');
  for (const connection of box.server.connections) connection._socket.destroy();
  const job = await main.run('send', MAIL, { attempts: 1 });
  assert.equal(job.state, 'completed', job.reason);
  assert.equal(box.connections(), kept + 1);
  for (const connection of box.server.connections) connection.send(421, 'closing'), connection.close();
  assert.equal((await main.run('send', MAIL, { attempts: 1 })).state, 'completed');
});

test('a server that is not there, stalls, or cuts', { skip }, async (t) => {
  const closed = createServer().listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const { port } = closed.address();
  closed.close();
  await fails(await pluginWith(t, { url: `smtp://127.0.0.1:${port}` }), /cannot be connected to/, 3);

  const silent = await startLines(t, () => {});
  await fails(await pluginWith(t, { url: silent, replyTimeout: '1s' }), /timed out without a greeting/, 3);

  const ids = [];
  const cutting = await startLines(t, (line, socket) => {
    if (line?.startsWith('Message-Id:') || line?.startsWith('Message-ID:')) ids.push(line);
    if (line === '.') return socket.destroy();
    if (line === 'DATA') return socket.write('354 go\r\n');
    if (line === null || /^(EHLO|MAIL|RCPT)/.test(line)) socket.write('250 ok\r\n'.replace('250', line === null ? '220' : '250'));
  });
  await fails(await pluginWith(t, { url: cutting }), /may have arrived: the next attempt has the same Message-ID/, 3);
  assert.equal(ids.length, 3);
  assert.equal(new Set(ids).size, 1);
});

test('login and TLS', { skip }, async (t) => {
  const dir = await temporaryDirectory(t, 'cartrita-tls-');
  const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert], { stdio: 'ignore' });
  const safe = await startMailbox(t, {
    disabledCommands: [],
    key: readFileSync(key),
    cert: readFileSync(cert),
    onAuth: ({ username, password }, _session, done) =>
      username === 'app' && password === 'right-horse' ? done(null, { user: username }) : done(refusal(535, 'bad credentials')),
  });
  const set = { url: safe.url, user: 'app', password: 'right-horse', caFile: cert };
  const good = await pluginWith(t, set);
  const job = await good.run('send', MAIL);
  assert.equal(job.state, 'completed', job.reason);
  assert.deepEqual([safe.mails[0].user, safe.mails[0].isSecure], ['app', true]);

  const wrong = await fails(await pluginWith(t, { ...set, password: 'wrong-horse' }), /refuses the login of app .*535/, 1);
  assert.ok(!wrong.reason.includes('horse'));
  const { caFile, ...unknown } = set;
  await fails(await pluginWith(t, unknown), /certificate is not trusted/, 3);
  await fails(await pluginWith(t, { url: box.url, tls: 'verify' }), /offers no STARTTLS/, 3);
});

test('bulk: each gets a mail of its own, and nobody two', { skip }, async () => {
  const recipients = Array.from({ length: 30 }, (_, i) => ({ to: `u${i}@example.org`, variables: { n: i } }));
  let isLater = true;
  box.rules.rcpt = (address) => {
    if (address === 'u3@example.org') throw refusal(550, 'gone');
    if (address === 'u7@example.org' && isLater) {
      isLater = false;
      throw refusal(451, 'later');
    }
  };
  const count = box.mails.length;
  const job = await main.run('bulk', { template: { subject: 'No. {{n}}', text: 'Number {{n}} {{x}}' }, variables: { x: 'y' }, recipients }, RETRIES);
  delete box.rules.rcpt;
  assert.equal(await job.job.getState(), 'completed', job.reason);
  assert.deepEqual([job.result.sent, job.result.refused], [29, 1]);
  const mails = box.mails.slice(count);
  assert.equal(mails.length, 29);
  assert.equal(new Set(mails.map(({ to }) => to[0])).size, 29);
  assert.equal(new Set(mails.map(({ parsed }) => parsed.messageId)).size, 29);
  const ninth = mails.find(({ to }) => to[0] === 'u9@example.org');
  assert.equal(ninth.parsed.text.trim(), 'Number 9 y');
  assert.equal(`<${job.result.recipients[9].messageId}>`, ninth.parsed.messageId);
  assert.deepEqual([job.result.recipients[3].state, job.result.recipients[7].state], ['refused', 'sent']);
  assert.match(job.result.recipients[3].reason, /550 gone/);
  assert.deepEqual(await job.job.progress(), { total: 30, sent: 29, refused: 1 });
});

test('redirectTo: nobody else gets anything', { skip }, async (t) => {
  const plugin = await pluginWith(t, { url: box.url, redirectTo: 'dev@example.com' });
  const count = box.mails.length;
  await plugin.run('send', { ...MAIL, cc: 'b@example.org', bcc: 'c@example.org' });
  assert.deepEqual(box.mails[count].to, ['dev@example.com']);
  assert.equal(box.mails[count].parsed.headers.get('x-original-to'), 'a@example.org');
});

test('webhook and Slack', { skip }, async (t) => {
  const seen = [];
  const answers = [];
  const http = createHttp(async (request, response) => {
    let body = '';
    for await (const piece of request) body += piece;
    seen.push({ headers: request.headers, body });
    response.writeHead(answers.shift() ?? 200).end('ok');
  }).listen(0, '127.0.0.1');
  await once(http, 'listening');
  t.after(() => {
    http.closeAllConnections();
    http.close();
  });
  const url = `http://127.0.0.1:${http.address().port}/hook`;

  answers.push(503);
  const job = await main.run('any', { type: 'webhook', recipient: url, message: { event: 'paid', id: 7 } }, RETRIES);
  assert.equal(await job.job.getState(), 'completed', job.reason);
  assert.equal(seen.length, 2);
  assert.equal(seen[0].headers['cartrita-delivery'], seen[1].headers['cartrita-delivery']);
  assert.deepEqual(JSON.parse(seen[1].body), { event: 'paid', id: 7 });
  const [, time, signature] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(seen[1].headers['cartrita-signature']);
  assert.equal(createHmac('sha256', 'whsec-quiet').update(`${time}.${seen[1].body}`).digest('hex'), signature);

  await main.run('slack', { url, message: 'Deployed' });
  assert.deepEqual(JSON.parse(seen[2].body), { text: 'Deployed' });
  assert.equal(seen[2].headers['cartrita-signature'], undefined);

  answers.push(404);
  const gone = await main.run('webhook', { url, message: 1 }, RETRIES);
  assert.match(gone.reason, /404/);
  assert.equal(gone.attempts, 1);
});
