/* A TCP proxy that cuts connections on demand, in front of a Redis: requests that were sent and whose
 * answers never come. Called by chaos tests. Changes no byte; owns its sockets, closed with the test. */

import { connect, createServer } from 'node:net';

import { scopeOf } from './scope.mjs';
import { pause } from './wait.mjs';

/* {host, port, url, cut(), swallow()}: cut() ends all connections at once; swallow() first lets
 * requests through for `ms` while answers are dropped, then cuts: what Redis did, nobody hears. */
export async function cutProxy(t, redis) {
  const pairs = new Set();
  let isSwallowing = false;

  const server = createServer((client) => {
    const upstream = connect(redis.port, redis.host);
    const pair = { client, upstream };
    const end = () => {
      client.destroy();
      upstream.destroy();
      pairs.delete(pair);
    };
    pairs.add(pair);
    for (const socket of [client, upstream]) socket.setNoDelay(true).on('error', end).on('close', end);
    client.on('data', (bytes) => upstream.write(bytes));
    upstream.on('data', (bytes) => {
      if (!isSwallowing) client.write(bytes);
    });
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const cut = () => {
    for (const { client, upstream } of [...pairs]) {
      client.destroy();
      upstream.destroy();
    }
  };
  scopeOf(t).defer(() => {
    cut();
    server.close();
  });
  const { port } = server.address();
  return {
    host: '127.0.0.1',
    port,
    url: `redis://127.0.0.1:${port}`,
    cut,
    swallow: async (ms) => {
      isSwallowing = true;
      await pause(ms);
      cut();
      isSwallowing = false;
    },
  };
}
