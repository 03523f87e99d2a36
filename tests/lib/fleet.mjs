/* A client that asks a daemon for its workers and orders them about, as cartrita-q does. */
import { openSession, ROLE } from './wire.mjs';

class Fleet {
  #client;
  #request = 0;

  constructor(client) {
    this.#client = client;
  }

  async #ask(type, fields = {}) {
    const request = ++this.#request;
    this.#client.send(type, { request, ...fields });
    return this.#client.take('done', { request });
  }

  /* All of them. */
  async reports() {
    return JSON.parse((await this.#ask('fleet')).value);
  }

  /* {code, detail} of an order for the worker with that UUID. */
  order(worker, verb, fields = {}) {
    return this.#ask('order', { worker, verb, ...fields });
  }
}

export async function openFleet(t, server) {
  return new Fleet(await openSession(t, server, { role: ROLE.client }));
}
