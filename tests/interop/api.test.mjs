/* The JSON API on real queues: what it can do, who may, and what it says to those who may not. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { request as tlsRequest } from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';
import test from 'node:test';

import { bullQueue } from '../lib/bull.mjs';
import { mqQueue } from '../lib/bullmq.mjs';
import { addressOf } from '../lib/http.mjs';
import { childrenOf, missing, runProgram } from '../lib/processes.mjs';
import { startRedis, temporaryDirectory } from '../lib/redis.mjs';
import { until } from '../lib/wait.mjs';
import { startCartritaWorker, startDaemon } from '../lib/workers.mjs';

const options = { skip: missing('cartrita-queued', 'cartrita-q'), concurrency: 2 };
const SLOW_MS = 60_000;
const sha256 = (text) => createHash('sha256').update(text).digest('hex');

async function bench(t, { redis: how = {}, args = [], more = '' } = {}) {
  const redis = await startRedis(t, how);
  const dir = await temporaryDirectory(t);
  const tokens = Object.fromEntries(['viewer', 'operator', 'admin'].map((role) => [role, randomBytes(16).toString('hex')]));
  const file = join(dir, 'tokens.yaml');
  await writeFile(join(dir, 'operator'), `${tokens.operator}\n`);
  await writeFile(file, `- {name: v, role: viewer, sha256: ${sha256(tokens.viewer)}}\n- {name: o, role: operator, token_file: ${dir}/operator}\n- {name: a, role: admin, env: ADMIN_TOKEN}\n${more}`);
  const daemon = await startDaemon(t, redis, { args: ['--http', '127.0.0.1:0', '--api-tokens', file, ...args], env: { ADMIN_TOKEN: tokens.admin } });
  const url = await addressOf(daemon.program);
  const ask = async (role, method, path, { body, headers = {}, raw } = {}) => {
    const answer = await fetch(`${url}/api${path}`, {
      method,
      headers: { ...(role && { authorization: `Bearer ${tokens[role] ?? role}` }), ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      body: raw ?? (body === undefined ? undefined : JSON.stringify(body)),
    });
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, text, json: JSON.parse(text) };
  };
  return { redis, dir, daemon, url, tokens, ask };
}

test('looks at queues, jobs and workers, and changes them', options, async (t) => {
  const { redis, daemon, ask } = await bench(t);
  const queue = mqQueue(t, redis, 'mail/out');
  const path = `/v1/queues/${encodeURIComponent('mail/out')}`;
  const added = await ask('operator', 'POST', `${path}/jobs?dialect=bullmq`, { body: { name: 'send', data: { to: 'ada', n: [1, 2] }, opts: { attempts: 3, delay: 600_000 } } });
  assert.equal(added.status, 201, added.text);
  const [job] = await queue.getJobs(['delayed']);
  assert.deepEqual([job.name, job.data, job.opts.attempts], ['send', { to: 'ada', n: [1, 2] }, 3]);

  const list = await ask('viewer', 'GET', '/v1/queues');
  assert.deepEqual(list.json.map(({ name }) => name), ['mail/out']);
  const jobs = await ask('viewer', 'GET', `${path}/jobs?state=delayed&limit=5`);
  assert.deepEqual(jobs.json.map(({ id }) => id), [job.id]);
  const shown = await ask('viewer', 'GET', `${path}/jobs/${job.id}`);
  assert.deepEqual(shown.json.data, { to: 'ada', n: [1, 2] });

  assert.equal((await ask('operator', 'POST', `${path}/jobs/${job.id}/promote`)).status, 200);
  assert.equal(await job.getState(), 'waiting');
  assert.equal((await ask('operator', 'POST', `${path}/pause`)).status, 200);
  assert.equal(await queue.isPaused(), true);
  assert.equal((await ask('operator', 'POST', `${path}/resume`)).status, 200);
  assert.equal(await queue.isPaused(), false);
  assert.equal((await ask('operator', 'DELETE', `${path}/jobs/${job.id}`)).status, 200);
  assert.equal(await queue.getJob(job.id), undefined);

  const worker = await startCartritaWorker(t, redis, { plugin: 'noop', server: daemon.server, queue: 'w', waitReady: false });
  const workers = await until(async () => {
    const answer = await ask('viewer', 'GET', '/v1/workers');
    return answer.json.length === 1 && answer;
  }, { what: 'the worker to be listed', deadlineMs: SLOW_MS });
  assert.equal((await ask('viewer', 'GET', `/v1/workers/${workers.json[0].worker}`)).status, 200);
  await worker.stop();
  const audit = daemon.program.lines.filter((line) => / msg=API /.test(line));
  assert.equal(audit.length, 5, audit.join('\n'));
  assert.match(audit[0], /who=o from=127\.0\.0\.1 method=POST path=\S*mail%2Fout\/jobs status=201/);
});

test('each role may what it may, and nobody else anything', options, async (t) => {
  const { ask, url, tokens } = await bench(t);
  const { json } = await ask(undefined, 'GET', '/openapi.json');
  const rank = { viewer: 1, operator: 2, admin: 3 };
  let rows = 0;
  for (const [path, methods] of Object.entries(json.paths)) {
    for (const [method, { description }] of Object.entries(methods)) {
      const needs = /Role: (\w+)/.exec(description)[1];
      const real = path.replace('/api', '').replace('{runners}', '1').replaceAll(/\{\w+\}/g, 'none');
      assert.equal((await ask(undefined, method.toUpperCase(), real)).status, 401);
      for (const role of Object.keys(rank)) {
        if (rank[role] >= rank[needs]) continue;
        const refused = await ask(role, method.toUpperCase(), real);
        assert.equal(refused.status, 403, `${role} ${method} ${path}`);
        assert.match(refused.json.error.message, new RegExp(`has the role ${role}; this needs ${needs}`));
      }
      rows++;
    }
  }
  assert.ok(rows >= 25);
  for (const wrong of ['x', `${tokens.admin}x`, tokens.admin.slice(1), sha256(tokens.admin), 'x'.repeat(5000)]) assert.equal((await ask(wrong, 'GET', '/v1/queues')).status, 401);
  const basic = await fetch(`${url}/api/v1/queues`, { headers: { authorization: `Basic ${btoa(`a:${tokens.admin}`)}` } });
  assert.equal(basic.status, 401);
  assert.equal(basic.headers.get('www-authenticate'), 'Bearer');
});

test('what is wrong with a request is said, and nothing of it is an option', options, async (t) => {
  const { redis, daemon, ask, dir } = await bench(t);
  await bullQueue(t, redis, 'q').add({ a: 1 });
  const says = async (expected, pattern, ...request) => {
    const answer = await ask('admin', ...request);
    assert.equal(answer.status, expected, `${request[1]}: ${answer.text}`);
    assert.match(answer.json.error.message, pattern);
  };
  await says(404, /./, 'GET', '/v1/queues/none');
  await says(404, /./, 'GET', '/v1/queues/q/jobs/99');
  await says(404, /openapi/, 'GET', '/v1/nothing');
  await says(404, /./, 'GET', '/v1/queues//jobs');
  await says(405, /allowed: GET, POST/, 'PUT', '/v1/queues/q/jobs');
  await says(400, /no parameter 'redis' here/, 'GET', '/v1/queues?redis=redis://elsewhere');
  await says(400, /no parameter 'output' here/, 'GET', '/v1/queues?output=table');
  await says(400, /is true or false/, 'GET', '/v1/queues/q/jobs?asc=maybe');
  await says(400, /./, 'GET', '/v1/queues/q/jobs?state=nonsense');
  await says(400, /./, 'GET', '/v1/queues/%zz');
  await says(400, /./, 'GET', '/v1/queues/a%00b');
  await says(415, /application\/json/, 'POST', '/v1/queues/q/jobs', { raw: 'x=1', headers: { 'content-type': 'text/plain' } });
  await says(400, /./, 'POST', '/v1/queues/q/jobs', { raw: '{"data":', body: 1 });
  await says(400, /'dta' is not that/, 'POST', '/v1/queues/q/jobs', { body: { dta: 1 } });
  await says(413, /API_BODY_OPTS_MAX/, 'POST', '/v1/queues/q/jobs', { body: { opts: { jobId: 'x'.repeat(70_000) } } });
  await says(413, /API_TEXT_MAX/, 'GET', `/v1/queues/q/jobs?state=${'x'.repeat(5000)}`);
  /* Ids and names that look like options, paths or shell. */
  for (const id of ['--help', '--redis=redis://127.0.0.1:1', '-o', '@/etc/passwd', '$(id)', '../../x', "';x"]) {
    const answer = await ask('admin', 'GET', `/v1/queues/q/jobs/${encodeURIComponent(id)}`);
    assert.equal(answer.status, 404, `${id}: ${answer.text}`);
  }
  const named = await ask('admin', 'POST', '/v1/queues/q/jobs', { body: { name: '--help', data: `@${dir}/tokens.yaml` } });
  assert.equal(named.status, 201, named.text);
  const job = (await bullQueue(t, redis, 'q').getJobs(['waiting'])).find(({ name }) => name === '--help');
  assert.equal(job.data, `@${dir}/tokens.yaml`, 'text is text, and no file');
  assert.equal((await ask('admin', 'GET', '/v1/queues')).status, 200);
  await redis.stop();
  await says(503, /./, 'GET', '/v1/queues');
  assert.ok(daemon.program.isRunning);
});

test('secrets are in no command line, no log and no answer', options, async (t) => {
  const { redis, daemon, ask, tokens } = await bench(t, { redis: { password: 'redis-secret-1' } });
  redis.freeze();
  const pending = ask('operator', 'POST', '/v1/queues/q/jobs', { body: { data: { secret: 'job-secret-1' } } });
  const seen = await until(async () => {
    const lines = (await childrenOf(daemon.pid)).map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
      } catch {
        return '';
      }
    });
    return lines.find((line) => line.includes('job\0add'));
  }, { what: 'the child process' });
  assert.doesNotMatch(seen, /secret/);
  redis.thaw();
  const answer = await pending;
  const all = daemon.program.lines.join('\n') + answer.text;
  for (const secret of ['redis-secret-1', 'job-secret-1', ...Object.values(tokens)]) assert.ok(!all.includes(secret), secret);
});

test('a client that leaves takes its process along; too many are told so', options, async (t) => {
  const { redis, daemon, ask, url, tokens } = await bench(t);
  redis.freeze();
  const children = async () => (await childrenOf(daemon.pid)).length;
  const socket = connect(new URL(url).port, '127.0.0.1');
  socket.write(`GET /api/v1/queues HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${tokens.viewer}\r\n\r\n`);
  await until(async () => (await children()) === 1, { what: 'the child to run' });
  socket.destroy();
  await until(async () => (await children()) === 0, { what: 'the child to be gone' });

  const many = Array.from({ length: 4 + 64 + 5 }, () => ask('viewer', 'GET', '/v1/queues'));
  const first = await Promise.race(many);
  assert.equal(first.status, 503);
  assert.equal(first.json.error.code, 'busy');
  assert.equal(first.headers.get('retry-after'), '1');
  assert.ok((await children()) <= 4, 'CHILD_MAX');
  redis.thaw();
  const statuses = (await Promise.all(many)).map(({ status }) => status);
  assert.equal(statuses.filter((status) => status === 503).length >= 5, true);
  assert.ok(statuses.some((status) => status === 200));
  assert.equal(await daemon.stop(), 0);
});

test('a daemon that stops ends what its API runs', options, async (t) => {
  const { redis, daemon, ask } = await bench(t);
  redis.freeze();
  const pending = ask('viewer', 'GET', '/v1/queues').catch(() => 'cut');
  const [child] = await until(async () => {
    const list = await childrenOf(daemon.pid);
    return list.length === 1 && list;
  }, { what: 'the child to run' });
  redis.thaw();
  daemon.program.kill('SIGTERM');
  await daemon.program.exited;
  await pending;
  assert.throws(() => process.kill(child, 0));
});

test('without tokens it is off, and a wrong file is refused', options, async (t) => {
  const redis = await startRedis(t);
  const daemon = await startDaemon(t, redis, { args: ['--http', '127.0.0.1:0'] });
  const answer = await fetch(`${await addressOf(daemon.program)}/api/v1/queues`);
  assert.equal(answer.status, 404);
  assert.match((await answer.json()).error.message, /--api-tokens FILE/);
  const dir = await temporaryDirectory(t);
  const refused = async (text, pattern) => {
    await writeFile(join(dir, 'tokens.yaml'), text);
    const program = await runProgram(t, 'cartrita-queued', ['--redis', redis.url, '--listen', `unix:${dir}/q.sock`, '--http', '127.0.0.1:0', '--api-tokens', join(dir, 'tokens.yaml')]);
    assert.equal(program.code, 1);
    assert.match(program.lines.join('\n'), pattern);
  };
  await refused('- {name: x, role: boss, env: PATH}\n', /role must be viewer, operator or admin/);
  await refused('- {name: x, role: admin}\n', /needs one of sha256, token_file, env, certificate/);
  await refused('- {name: x, role: admin, sha256: abc}\n', /must be a SHA-256/);
  await refused('- {name: x, role: admin, env: NOT_THERE_AT_ALL}\n', /is not in the environment/);
  await writeFile(join(dir, 'short'), 'short\n');
  await refused(`- {name: x, role: admin, token_file: ${dir}/short}\n`, /must have 16 to 1024 bytes, this one has 5/);
});

test('certificates of clients have roles', options, async (t) => {
  const dir = await temporaryDirectory(t);
  const ssl = (...args) => execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' });
  for (const name of ['ca', 'other']) ssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.pem`);
  const sign = (name, ca) => {
    ssl('req', '-newkey', 'rsa:2048', '-nodes', '-subj', `/CN=${name}`, '-keyout', `${name}-${ca}.key`, '-out', `${name}.csr`);
    ssl('x509', '-req', '-in', `${name}.csr`, '-CA', `${ca}.pem`, '-CAkey', `${ca}.key`, '-days', '2', '-out', `${name}-${ca}.pem`);
  };
  sign('localhost', 'ca');
  sign('deploy', 'ca');
  sign('deploy', 'other');
  sign('stranger', 'ca');
  const { url } = await bench(t, { more: '- {name: d, role: viewer, certificate: deploy}\n', args: ['--http-cert', join(dir, 'localhost-ca.pem'), '--http-key', join(dir, 'localhost-ca.key'), '--http-ca', join(dir, 'ca.pem')] });
  const status = (name) =>
    new Promise((resolve) => {
      const own = name ? { cert: readFileSync(join(dir, `${name}.pem`)), key: readFileSync(join(dir, `${name}.key`)) } : {};
      tlsRequest(`${url}/api/v1/queues`, { rejectUnauthorized: false, agent: false, ...own }, (answer) => resolve(answer.statusCode))
        .on('error', () => resolve('refused'))
        .end();
    });
  assert.equal(await status('deploy-ca'), 200);
  assert.equal(await status('stranger-ca'), 401);
  assert.equal(await status(undefined), 401);
  assert.notEqual(await status('deploy-other'), 200);
});
