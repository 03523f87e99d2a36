/* A listener of the daemon's feed of events, as an EventSource with a token would be. */
import { writeFile } from 'node:fs/promises';
import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';

import { scopeOf } from './scope.mjs';
import { until } from './wait.mjs';

/* A file for --api-tokens in `dir` with one viewer: {file, token}. */
export async function viewerToken(dir) {
  const token = randomBytes(16).toString('hex');
  const file = join(dir, 'tokens.yaml');
  await writeFile(file, `- {name: v, role: viewer, sha256: ${createHash('sha256').update(token).digest('hex')}}\n`);
  return { file, token };
}

/* The fields of one event: {id, event, data}. */
const fieldsOf = (part) => Object.fromEntries(part.split('\n').map((line) => [line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2)]));

/* {answer, events: [{event, id, data}], lastId, of(name), ready(), ended, cut()}; throws unless the answer is 200. */
export async function listenToEvents(t, url, token, query = '', headers = {}) {
  const controller = new AbortController();
  const cut = () => controller.abort();
  scopeOf(t).defer(cut);
  const answer = await fetch(`${url}/api/v1/events${query}`, { headers: { authorization: `Bearer ${token}`, ...headers }, signal: controller.signal });
  if (answer.status !== 200) throw new Error(`${answer.status}: ${await answer.text()}`);
  const listener = { answer, events: [], lastId: undefined, cut };
  listener.of = (name) => listener.events.filter(({ event }) => event === name);
  listener.ready = () => until(() => listener.of('listening').length > 0, { what: 'the feed to listen', deadlineMs: 60_000 });
  const read = async () => {
    let text = '';
    for await (const bytes of answer.body.pipeThrough(new TextDecoderStream())) {
      const parts = (text + bytes).split('\n\n');
      text = parts.pop();
      for (const { id, event = 'message', data } of parts.map(fieldsOf)) {
        if (id) listener.lastId = id;
        if (data) listener.events.push({ event, id, data: JSON.parse(data) });
      }
    }
  };
  listener.ended = read().catch(() => {});
  return listener;
}
