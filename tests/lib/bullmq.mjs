/* BullMQ and what tests need around it, in both versions side by side: queues, flow producers, event
 * listeners and Node workers that close with the test. Called by interop and chaos. The packages are
 * used as they are; nothing here reaches into them. */

import { connectionOf, openMqWorker, PACKAGES } from './mq_worker.mjs';
import { scopeOf } from './scope.mjs';
import { until, within } from './wait.mjs';

export { PACKAGES };
export const VERSIONS = Object.keys(PACKAGES).map(Number);

const CLOSE_MS = 2000;

/* Whatever of the package has on('error') and close(): errors are kept in object.errors and not
 * thrown, for a test that kills Redis expects them and another may assert that there are none. */
function owned(t, object, close = () => object.close()) {
  object.errors = [];
  object.on('error', (error) => object.errors.push(error));
  scopeOf(t).defer(async () => {
    /* It waits for its Redis when it closes; a test that has already lost its Redis must not. */
    await within(close(), { deadlineMs: CLOSE_MS }).catch(() => object.disconnect?.().catch(() => {}));
  });
  return object;
}

/* `options`: version (5 or 6), and what its Queue takes (prefix, defaultJobOptions, ...). */
export function mqQueue(t, redis, name = 'q', { version = 6, ...options } = {}) {
  return owned(t, new PACKAGES[version].Queue(name, { ...options, connection: connectionOf(redis) }));
}

export function mqFlow(t, redis, { version = 6, ...options } = {}) {
  return owned(t, new PACKAGES[version].FlowProducer({ ...options, connection: connectionOf(redis) }));
}

const EVENTS = [
  'added', 'waiting', 'active', 'completed', 'failed', 'delayed', 'progress', 'stalled', 'removed', 'drained',
  'paused', 'resumed', 'cleaned', 'waiting-children', 'duplicated', 'deduplicated', 'retries-exhausted',
];

/* A QueueEvents that listens from the first event of the stream on; events.seen is all it was told:
 * [{event, ...parsed}], in order. */
export async function mqEvents(t, redis, name = 'q', { version = 6, ...options } = {}) {
  const events = new PACKAGES[version].QueueEvents(name, {
    lastEventId: '0',
    blockingTimeout: 1000,
    ...options,
    connection: connectionOf(redis),
  });
  events.seen = [];
  for (const event of EVENTS) {
    events.on(event, (args) => events.seen.push({ event, ...(typeof args === 'object' ? args : {}) }));
  }
  owned(t, events);
  await events.waitUntilReady();
  return events;
}

/* The events for which `matches` holds, when there are `count` of them. */
export function untilEvents(events, matches, count = 1, options = {}) {
  return until(
    () => {
      const found = events.seen.filter(matches);
      return found.length >= count && found;
    },
    { what: `${count} events`, describe: () => JSON.stringify(events.seen), ...options },
  );
}

/* A Node worker in this process, as openMqWorker takes it. */
export function mqWorker(t, redis, name, options) {
  const worker = openMqWorker(redis, name, options);
  return owned(t, worker, () => worker.close(true));
}
