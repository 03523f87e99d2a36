/* The same jobs added to BullMQ queues by its own producers or by ours (through dialect_cli), so that what
 * each leaves in Redis can be compared. Called by bullmq_add*.test.mjs. */

import assert from 'node:assert/strict';

import { mqFlow, mqQueue } from '../lib/bullmq.mjs';
import { differences, dump, nameJobs, normalise } from '../lib/state.mjs';
import { Driver } from './bull_sides.mjs';

/* Instead of an id: it was not added. */
export const REFUSED = 'refused';

class Node {
  constructor(t, redis) {
    this.queue = mqQueue(t, redis, 'q', { skipMetasUpdate: true });
    this.flows = mqFlow(t, redis);
  }

  ready() {
    return this.queue.waitUntilReady();
  }

  async add(...jobs) {
    const ids = [];
    for (const { name = 'n', data, opts } of jobs) {
      const job = await this.queue.add(name, data, opts).catch(() => null);
      ids.push(job ? job.id : REFUSED);
    }
    return ids;
  }

  addBulk(...jobs) {
    return this.queue.addBulk(jobs.map(({ name = 'n', data, opts }) => ({ name, data, opts }))).then((all) => all.map((job) => job.id));
  }

  async addFlow(tree) {
    const added = await this.flows.add(tree).catch(() => null);
    return added ? added.job.id : REFUSED;
  }
}

const text = (value) => (value === undefined ? undefined : JSON.stringify(value));

/* Level by level, as the package adds them. */
function flatten(tree) {
  const nodes = [{ ...tree, parent: undefined }];
  for (let i = 0; i < nodes.length; i++) nodes.push(...(nodes[i].children ?? []).map((child) => ({ ...child, parent: i })));
  return nodes.map(({ name, queueName, data, opts, children, parent }) => ({
    name,
    data: text(data),
    opts: text(opts),
    node: { queue: queueName, children: (children ?? []).length > 0, ...(parent !== undefined && { parent }) },
  }));
}

export class Cartrita {
  constructor(t, redis) {
    this.open = (queue) => new Driver(t, redis, {}, queue, 'bull', 'bullmq');
    this.drivers = new Map();
  }

  async ready() {}

  driver(queue = 'q') {
    if (!this.drivers.has(queue)) this.drivers.set(queue, this.open(queue));
    return this.drivers.get(queue);
  }

  async #ask(queue, jobs) {
    this.answer = await this.driver(queue).ask({ op: 'add', jobs });
    return this.answer.results ?? jobs.map(() => this.answer);
  }

  async add(...jobs) {
    const ids = [];
    for (const job of jobs) ids.push(...(await this.addBulk(job)));
    return ids;
  }

  async addBulk(...jobs) {
    const given = jobs.map(({ name = 'n', data, opts }) => ({ name, data: text(data), opts: text(opts) }));
    return (await this.#ask('q', given)).map(({ code, id }) => (code === 0 ? id : REFUSED));
  }

  /* The answers are kept in `results`. */
  async addFlow(tree) {
    this.results = await this.#ask(tree.queueName, flatten(tree));
    return this.results[0].code === 0 ? this.results[0].id : REFUSED;
  }
}

const SIDES = { node: Node, cartrita: Cartrita };

/* Runs steps(side, client) with each; they must leave the same state and return the same. Returns
 * {state, value} of ours. options: see normalise in state.mjs. */
export async function twice(t, redis, steps, options = {}) {
  const client = redis.client();
  const seen = {};

  for (const [name, Side] of Object.entries(SIDES)) {
    const side = new Side(t, redis);
    await side.ready();
    await client.flushall();
    const value = await steps(side, client);
    const state = nameJobs(await dump(client, null));
    seen[name] = JSON.parse(JSON.stringify({
      value,
      state: normalise(state, { without: [], sortJson: true, inOrder: true, ...options }),
    }));
  }
  const found = differences(seen.cartrita, seen.node);
  assert.equal(found.length, 0, `ours | Node's:\n${found.join('\n')}`);
  return seen.cartrita;
}
