/* A server that speaks as OpenAI's does, and does what the model's name asks for: "good" streams an
 * answer, others stall, cut, limit or refuse. Called by tests/interop/ai_{chat,embed}.test.mjs. */
import { createServer } from 'node:http';

const event = (object) => `data: ${JSON.stringify(object)}\n\n`;
const piece = (content) => event({ model: 'good-1', choices: [{ delta: { content } }] });
const fail = (res, status, error, headers) => res.writeHead(status, headers).end(JSON.stringify({ error }));

const WORDS = ['Grüße', ' aus', ' dem', ' Strom'];
export const TEXT = WORDS.join('');

const chats = {
  good(res) {
    for (const word of WORDS) res.write(piece(word));
    res.write(event({ choices: [{ delta: {}, finish_reason: 'stop' }] }));
    res.end(`${event({ choices: [], usage: { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 } })}data: [DONE]\n\n`);
  },
  plain(res) {
    res.end(JSON.stringify({ model: 'plain-1', choices: [{ message: { content: TEXT }, finish_reason: 'stop' }] }));
  },
  cut(res, count) {
    if (count > 1) return chats.good(res);
    res.write(piece('lost'));
    setImmediate(() => res.destroy());
  },
  early: (res) => res.end(piece('half')),
  broken: (res) => res.end('data: {"choices": [\n\n'),
  stall: (res) => res.write(piece('and')),
  busy: (res, count) => (count > 1 ? chats.good(res) : fail(res, 503, { message: 'busy' }, { 'retry-after': '0' })),
  limited: (res) => fail(res, 429, { message: 'slower' }, { 'retry-after': '7200' }),
  quota: (res) => fail(res, 429, { message: 'pay', code: 'insufficient_quota' }),
  long: (res) => fail(res, 400, { message: 'too many tokens', code: 'context_length_exceeded' }),
  denied: (res) => fail(res, 401, { message: 'wrong key sk-secret' }),
};

function embed(res, { input, model }) {
  if (model === 'words') return res.end(JSON.stringify({ data: input.map(() => ({ embedding: ['x', null] })) }));
  if (model === 'refused') return res.writeHead(400).end(JSON.stringify({ error: 'boom' }));
  if (model === 'few') return res.end(JSON.stringify({ data: [] }));
  const data = input.map((text, index) => ({ index, embedding: [text.length, 0.5] })).reverse();
  return res.end(JSON.stringify({ model: 'vec-1', data, usage: { prompt_tokens: input.length, total_tokens: input.length } }));
}

/* {url, requests: [{path, key, body}], close()}; its end is the scope's. */
export async function startLlm(scope) {
  const requests = [];
  const counts = new Map();
  const server = createServer(async (req, res) => {
    let text = '';
    for await (const part of req) text += part;
    const body = JSON.parse(text);
    requests.push({ path: req.url, key: req.headers.authorization, body });
    counts.set(body.model, (counts.get(body.model) ?? 0) + 1);
    if (req.url === '/v1/embeddings') embed(res, body);
    else chats[body.model](res, counts.get(body.model));
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  scope.defer(() => {
    server.closeAllConnections();
    return new Promise((done) => server.close(done));
  });
  return { url: `http://127.0.0.1:${server.address().port}/v1`, requests };
}
