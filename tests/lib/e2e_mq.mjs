/* The frame of the end to end tests of BullMQ: a scenario runs once with a Node worker and once with ours,
 * and both must leave the same keys and the same events in the same streams. Called by
 * tests/interop/bullmq_*.test.mjs.
 *
 * The scenarios of a file share one Redis and one daemon: each side has a prefix of its own.
 * MQ_KINDS=bullmq,bullmq5 (or one alone) runs without ours. */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test, { after } from 'node:test';

import { untilCounts, untilState } from './bull.mjs';
import { mqEvents, mqFlow, mqQueue, untilEvents } from './bullmq.mjs';
import { runSides, Side } from './e2e.mjs';
import { startRedis, temporaryDirectory } from './redis.mjs';
import { newScope } from './scope.mjs';
import { parseRecord } from './script.mjs';
import { differences, dump, nameJobs, normalise } from './state.mjs';
import { until } from './wait.mjs';
import { startDaemon } from './workers.mjs';

const KINDS = (process.env.MQ_KINDS ?? 'bullmq,cartrita').split(',');
const REFERENCE = KINDS[0];
/* Whether somebody is to be woken is a matter of timing once a worker is there. */
const UNCOMPARED_KEYS = [/(^|:)(marker|stalled|stalled-check)$/];

/* Where we do not do as the package does, on purpose; see "Where BullMQ loses jobs" in the README. A scenario that
 * meets one of these says so, and must meet it. */
export const KNOWN = {
  D1: 'attemptsMade of an older version counts as attempts, so that retries end',
  D2: 'a drain takes out exactly what it removes',
  D3: 'an upsert while paused finds the pending iteration',
  D9: 'a repeatable of version 5 keeps its data',
  again: 'a job that waits for children and has none that is pending begins again: a plugin is not called back',
  T20: 'an id without a job is dropped, not run',
  wording: 'the text of a completion that is refused is nobody\'s protocol',
};

const scope = newScope();
let common; /* the promise of {redis, daemon} */
let sides = 0;

function commons() {
  common ??= (async () => {
    const redis = await startRedis(scope);
    const daemon = KINDS.includes('cartrita') ? await startDaemon(scope, redis) : undefined;
    return { redis, daemon };
  })();
  return common;
}

/* No script may fail, however well that is coped with. */
after(async () => {
  const { daemon } = (await common?.catch(() => {})) ?? {};
  await scope.close();
  const failed = daemon?.program.lines.find((line) => /user_script|commit failed/.test(line));
  assert.equal(failed, undefined);
});

export class MqSide extends Side {
  static async open(t, kind, options) {
    const { redis, daemon } = await commons();
    const side = new MqSide(t, kind, redis, options);
    side.daemon = daemon;
    side.prefix = `side${++sides}`;
    side.dir = await temporaryDirectory(t, 'cartrita-e2e-');
    side.client = redis.client();
    side.version = options.version ?? 6;
    side.queue = side.open(options.queue ?? 'q', options.producer);
    await side.queue.waitUntilReady();
    return side;
  }

  open(name, options) {
    return mqQueue(this.t, this.redis, name, { version: this.version, prefix: this.prefix, ...options });
  }

  flows() {
    return mqFlow(this.t, this.redis, { version: this.version, prefix: this.prefix });
  }

  events(name = 'q', version = 6) {
    return mqEvents(this.t, this.redis, name, { version, prefix: this.prefix });
  }

  key(suffix, name = 'q') {
    return `${this.prefix}:${name}:${suffix}`;
  }

  async work({ settings, queue = 'q', ...options } = {}) {
    const ours = { dialect: 'bullmq', server: this.daemon?.server, logLevel: 'warn' };
    return super.work({
      queue,
      settings: { prefix: this.prefix, ...this.options.worker?.settings, ...settings },
      ...options,
      ...(this.kind === 'cartrita' && ours),
    });
  }

  /* The counts given are what the queue has, and no job is about to change them. */
  untilCounts(counts, queue = this.queue) {
    return untilCounts(queue, { active: 0, ...counts });
  }

  untilState(id, state, queue = this.queue) {
    return untilState(queue, id, state);
  }

  /* A worker that is idle has looked and found nothing: whatever a fetch leaves is left. */
  async result(extra) {
    await this.stopWorkers();
    const state = nameJobs(await dump(this.client, null, this.prefix));
    const result = {
      state: normalise(state, { without: UNCOMPARED_KEYS, sortJson: true, ...this.options.normalise }),
      extra,
    };
    const text = JSON.stringify(result).replaceAll(this.dir, '<dir>').replaceAll(`${this.prefix}:`, '<prefix>:');
    return JSON.parse(text);
  }
}

/* Those of `found` that `differs` ({KNOWN name: pattern of the line}) does not explain. */
function unexplained(found, differs) {
  const patterns = Object.entries(differs);
  for (const [name, pattern] of patterns) {
    assert.ok(KNOWN[name], `${name} is no known difference`);
    assert.ok(found.some((line) => pattern.test(line)), `no difference like ${pattern} (${KNOWN[name]})`);
  }
  return found.filter((line) => !patterns.some(([, pattern]) => pattern.test(line)));
}

/* Declares a test for each version of producers (options.versions, by default of 6 alone). `scenario(side)` adds
 * jobs with side.queue and starts side.work() when it wants, waits for what must happen, asserts what
 * must hold in any case, and may return more to be compared. options: worker (see workers.mjs),
 * producer (of Queue), normalise (see state.mjs), differs: {name in KNOWN: pattern of a line}, isCompared:
 * false where the scenario asserts all by itself, isOursAlone: true where a Node worker would hang or lose
 * the job. */
export function sameAsNode(name, options, scenario) {
  const kinds = options.isOursAlone ? KINDS.filter((kind) => kind === 'cartrita') : KINDS;

  for (const version of options.versions ?? [6]) {
    test(`${name}${options.versions ? `, added by ${version}` : ''}`, { concurrency: true }, async (t) => {
      const open = (inner, kind) => MqSide.open(inner, kind, { ...options, version });
      const results = await runSides(t, kinds, open, scenario);
      const [theirs, ours] = [results[REFERENCE], results[kinds.at(-1)]];
      if (!theirs || !ours || theirs === ours || options.isCompared === false) return;
      if (KINDS.at(-1) !== 'cartrita') options.differs = undefined; /* two versions of Node */
      const found = unexplained(differences(ours, theirs), options.differs ?? {});
      assert.equal(
        found.length,
        0,
        `Cartrita and BullMQ leave something different behind (ours | theirs):\n${found.join('\n')}`,
      );
    });
  }
}

/* [[id, attempts made], ...] in the order in which jobs ran that had that `record` (script.mjs). */
export async function runsOf(record) {
  return parseRecord(await readFile(record, 'utf8').catch(() => '')).map(({ id, attempt }) => [id, attempt]);
}

export { until, untilEvents };
