/* The frame of the end to end tests: a scenario runs once with a Bull worker and once with ours, each
 * on a Redis of its own, and both must leave the same keys and the same messages. Called by
 * tests/interop/e2e_*.test.mjs.
 *
 * KINDS=bull (or cartrita) runs one side alone. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { bullQueue, recordMessages, untilMessages } from './bull.mjs';
import { startRedis, temporaryDirectory } from './redis.mjs';
import { differences, dump, normalise, normaliseMessages } from './state.mjs';
import { KINDS, startWorker } from './workers.mjs';

/* What may differ between two correct workers: when timers are told, and how often a fetch found
 * nothing. Their own tests look at these. */
const UNCOMPARED_CHANNELS = ['delayed', 'drained', 'end'];

/* {job id: [message, ...]}: order holds per job; between jobs it is a matter of timing. */
function messagesByJob(messages, without = []) {
  const byJob = {};
  for (const message of messages) {
    const channel = message.channel.split('@')[0];
    if (UNCOMPARED_CHANNELS.includes(channel) || without.includes(channel)) continue;
    const id = idOf(message.message);
    (byJob[id] ??= []).push(normaliseMessages([message])[0]);
  }
  return byJob;
}

function idOf(message) {
  if (!message.startsWith('{')) return message;
  try {
    return JSON.parse(message).jobId ?? '';
  } catch {
    return '';
  }
}

/* What one run of a scenario has in hands, whatever the dialect. */
export class Side {
  constructor(t, kind, redis, options) {
    this.t = t;
    this.kind = kind;
    this.redis = redis;
    this.options = options;
    this.workers = [];
  }

  /* The worker under test. */
  async work(options = {}) {
    const worker = await startWorker(this.t, this.kind, this.redis, { ...this.options.worker, ...options });
    this.workers.push(worker);
    return worker;
  }

  async stopWorkers() {
    for (const worker of this.workers.splice(0)) await worker.stop();
  }
}

class BullSide extends Side {
  static async open(t, kind, options) {
    const side = new BullSide(t, kind, await startRedis(t), options);
    side.client = side.redis.client();
    side.dir = await temporaryDirectory(t, 'cartrita-e2e-');
    side.messages = await recordMessages(side.redis);
    side.queue = bullQueue(t, side.redis, 'q', options.producer);
    await side.queue.isReady();
    return side;
  }

  messagesOf(channel, count = 1, options) {
    return untilMessages(this.messages, channel, count, options);
  }

  /* All messages published so far have arrived when this resolves. */
  async flushMessages() {
    const seen = this.messages.filter((m) => m.channel === 'end').length;
    await this.client.publish('bull:q:end', 'end');
    await untilMessages(this.messages, 'end', seen + 1);
  }

  async result(extra) {
    await this.stopWorkers();
    await this.flushMessages();
    const result = {
      state: normalise(await dump(this.client), this.options.normalise),
      messages: messagesByJob(this.messages, this.options.withoutMessages),
      extra,
    };
    return JSON.parse(JSON.stringify(result).replaceAll(this.dir, '<dir>'));
  }
}

/* Runs `scenario` once on each of `kinds`, side by side; {kind: what side.result() says}. */
export async function runSides(t, kinds, open, scenario) {
  const results = {};
  const run = async (inner, kind) => {
    const side = await open(inner, kind);
    try {
      const extra = await scenario(side);
      results[kind] = await side.result(extra);
    } catch (error) {
      for (const worker of side.workers)
        if (worker.log) error.message += `\n--- log of the worker ---\n${worker.log}`;
      throw error;
    }
  };
  await Promise.all(kinds.map((kind) => t.test(kind, (inner) => run(inner, kind))));
  return results;
}

/* Declares a test. `scenario(side)` adds jobs with side.queue, starts side.work() when it wants, waits
 * for what must happen, asserts what must hold in any case, and may return more to be compared.
 * options: worker (see workers.mjs), producer (Bull options), normalise (see state.mjs),
 * withoutMessages: channels that are a matter of timing in this scenario, isCompared:
 * false where the difference is deliberate and the scenario asserts it itself, isOursAlone: true where
 * Bull itself would hang or lose the job. */
export function sameAsBull(name, options, scenario) {
  const kinds = options.isOursAlone ? KINDS.filter((kind) => kind === 'cartrita') : KINDS;

  test(name, { concurrency: true }, async (t) => {
    const results = await runSides(t, kinds, (inner, kind) => BullSide.open(inner, kind, options), scenario);
    if (results.bull && results.cartrita && options.isCompared !== false) {
      const found = differences(results.cartrita, results.bull);
      assert.equal(
        found.length,
        0,
        `Cartrita and Bull leave something different behind (ours | theirs):\n${found.join('\n')}`,
      );
    }
  });
}
