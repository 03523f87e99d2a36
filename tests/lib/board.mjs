/* bull-board over its own HTTP handlers, as its users mount it. Called by interop/*_board.test.mjs. */

import assert from 'node:assert/strict';
import { createServer } from 'node:http';

import { createBullBoard } from '@bull-board/api';
import { ExpressAdapter } from '@bull-board/express';

import { scopeOf } from './scope.mjs';

/* `queues`: adapters of the board. Returns call(method, path, body) -> {status, body}. */
export async function mountBoard(t, ...queues) {
  const serverAdapter = new ExpressAdapter();
  createBullBoard({ queues, serverAdapter });
  const server = createServer(serverAdapter.getRouter());
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  scopeOf(t).defer(() => server.closeAllConnections() ?? server.close());
  const base = `http://127.0.0.1:${server.address().port}/api`;

  return async (method, path, body) => {
    const response = await fetch(base + path, {
      method,
      headers: { 'content-type': 'application/json', connection: 'close' },
      body: body && JSON.stringify(body),
    });
    const text = await response.text();
    assert.ok(!text.startsWith('<'), `${method} ${path}: ${text.slice(0, 300)}`);
    return { status: response.status, body: text && JSON.parse(text) };
  };
}

/* The body of an answer that must be no error. */
export async function ok(answer) {
  const { status, body } = await answer;
  assert.ok(status < 300, `HTTP ${status}: ${JSON.stringify(body)}`);
  return body;
}
