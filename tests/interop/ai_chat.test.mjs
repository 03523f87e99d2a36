/* The plugin ai talks to language models: a server of the test's own streams, stalls, cuts, limits. */
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';

import { startLlm, TEXT } from '../lib/llm_server.mjs';
import { RETRIES, skipWithout, startPlugin } from '../lib/plugin.mjs';
import { newScope } from '../lib/scope.mjs';
import { until } from '../lib/wait.mjs';

const options = { skip: skipWithout('ai') };
const scope = newScope();
let bench, llm;

before(async () => {
  if (options.skip) return;
  llm = await startLlm(scope);
  const providers = [
    { name: 'away', url: 'http://127.0.0.1:1/v1', model: 'good' },
    { name: 'main', url: llm.url, key: 'env:LLM_KEY', model: 'good' },
    { name: 'hasty', url: llm.url, model: 'stall', timeout: 200 },
    { name: 'locked', url: llm.url, key: 'sk-secret', model: 'denied' },
  ];
  bench = await startPlugin(scope, 'ai', {
    concurrency: 2,
    env: { LLM_KEY: 'sk-main' },
    set: { providers: JSON.stringify(providers) },
  });
});
after(() => scope.close());

const chat = (data, opts = RETRIES) => bench.run('chat', { prompt: 'Hi', provider: 'main', ...data }, opts);
const fails = async (data, text, attempts) => {
  const job = await chat(data);
  assert.equal(job.state, 'failed');
  assert.match(job.reason, text);
  assert.equal(job.attempts, attempts);
  return job;
};

test('a text comes with its usage, and the request has what the job said', options, async () => {
  const job = await chat({ system: 'Be short', options: { temperature: 0 } });
  assert.equal(job.reason, undefined);
  assert.deepEqual(job.result, {
    text: TEXT,
    model: 'good-1',
    finishReason: 'stop',
    usage: { promptTokens: 3, completionTokens: 4, totalTokens: 7 },
    provider: 'main',
    attempts: 1,
  });
  const { path, key, body } = llm.requests.at(-1);
  assert.equal(path, '/v1/chat/completions');
  assert.equal(key, 'Bearer sk-main');
  assert.equal(body.temperature, 0);
  assert.deepEqual(body.messages, [
    { role: 'system', content: 'Be short' },
    { role: 'user', content: 'Hi' },
  ]);
});

test('the pieces are the progress', options, async () => {
  const job = await chat({ model: 'good' });
  assert.equal((await bench.queue.getJob(job.id)).progress().length, Buffer.byteLength(TEXT));
});

test('a server that does not stream will do', options, async () => {
  assert.equal((await chat({ model: 'plain' })).result.text, TEXT);
});

test('a cut stream and a busy server are asked again, and nothing comes twice', options, async () => {
  for (const model of ['cut', 'busy']) {
    const { result } = await chat({ model });
    assert.equal(result.text, TEXT);
    assert.equal(result.attempts, 2);
  }
});

test('broken streams are tried again by the job', options, async () => {
  await fails({ model: 'early' }, /provider main: the stream ended before the answer did/, 3);
  await fails({ model: 'broken' }, /the stream is broken: .* is no JSON/, 3);
});

test('what no attempt can mend fails for good', options, async () => {
  await fails({ model: 'long' }, /provider main: 400 context_length_exceeded: too many tokens/, 1);
  await fails({ model: 'quota' }, /429: the quota is used up: pay/, 1);
  const job = await fails({ provider: 'locked' }, /provider locked: 401: check the key of provider locked/, 1);
  assert.doesNotMatch(JSON.stringify(job.trace), /sk-secret/);
  await fails({ provider: 'nobody' }, /no such provider: nobody/, 1);
  await fails({ options: { tools: [] } }, /data.options: may not have tools/, 1);
  await fails({ prompt: undefined }, /data.prompt: is missing/, 1);
});

test('a server that stalls is given up', options, async () => {
  const job = await bench.run('chat', { prompt: 'Hi', provider: 'hasty' });
  assert.match(job.reason, /not finished within 200 ms \(timeout\) \(3 attempts\)/);
});

test('who is told to come back in two hours does', options, async () => {
  const delayed = await bench.add('chat', { prompt: 'Hi', provider: 'main', model: 'limited' }, RETRIES);
  /* Bull keeps the time in the upper bits of the score. */
  await until(async () => (await bench.queue.client.zscore(bench.queue.toKey('delayed'), delayed.id)) / 4096 - Date.now() > 7_000_000, {
    what: 'the job to be delayed',
    describe: () => bench.worker.log,
  });
});

test('the next provider answers for one that is away', options, async () => {
  const { result } = await bench.run('chat', { messages: [{ role: 'user', content: 'Hi' }] }, RETRIES);
  assert.equal(result.provider, 'main');
  assert.equal(result.text, TEXT);
  assert.equal(result.failures[0].provider, 'away');
  assert.match(result.failures[0].reason, /127\.0\.0\.1:1\/v1\/chat\/completions: connection refused \(3 attempts\)/);
});
