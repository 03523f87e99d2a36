/* The plugin ai turns texts into vectors, many in one request, by a server of the test's own. */
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';

import { startLlm } from '../lib/llm_server.mjs';
import { RETRIES, skipWithout, startPlugin } from '../lib/plugin.mjs';
import { newScope } from '../lib/scope.mjs';

const options = { skip: skipWithout('ai') };
const scope = newScope();
let bench, llm;

before(async () => {
  if (options.skip) return;
  llm = await startLlm(scope);
  const providers = [{ name: 'main', url: `${llm.url}/`, model: 'vec' }];
  bench = await startPlugin(scope, 'ai', { set: { providers: JSON.stringify(providers) } });
});
after(() => scope.close());

const embed = (data) => bench.run('embed', data, RETRIES);

test('each text gets its vector, in the order given', options, async () => {
  const job = await embed({ input: ['a', 'bcd'], dimensions: 2 });
  assert.deepEqual(job.result, {
    embeddings: [
      [1, 0.5],
      [3, 0.5],
    ],
    model: 'vec-1',
    usage: { promptTokens: 2, totalTokens: 2 },
    provider: 'main',
    attempts: 1,
  });
  assert.equal(llm.requests.at(-1).body.dimensions, 2);
  assert.deepEqual((await embed({ input: 'four' })).result.embeddings, [[4, 0.5]]);
});

test('many texts go in several requests', options, async () => {
  const before = llm.requests.length;
  const { result } = await embed({ input: Array.from({ length: 600 }, (_, i) => 'x'.repeat(1 + (i % 7))) });
  assert.equal(llm.requests.length - before, 3);
  assert.equal(result.attempts, 3);
  assert.equal(result.usage.totalTokens, 600);
  assert.deepEqual(
    result.embeddings.map(([length]) => length),
    Array.from({ length: 600 }, (_, i) => 1 + (i % 7)),
  );
});

test('what is wrong is said', options, async () => {
  const empty = await embed({ input: [] });
  assert.match(empty.reason, /data\.input: must be a text, or a list of 1 to 4096 texts/);
  assert.equal(empty.attempts, 1);
  assert.match((await embed({ input: ['a', 7] })).reason, /data\.input: item 1 is no text, or empty/);
  const few = await embed({ input: 'a', model: 'few' });
  assert.match(few.reason, /provider main: the server did not give a vector for each of 1 inputs/);
  assert.equal(few.attempts, 3);
  assert.match((await embed({ input: 'a', model: 'words' })).reason, /did not give a vector for each/);
  assert.match((await embed({ input: 'a', model: 'refused' })).reason, /provider main: 400: boom/);
});
