/* A Node worker of BullMQ, of either version, whose jobs do what their data says (script.mjs). Called by
 * workers.mjs for one in the test's process and by node_worker.mjs for one of its own; so it must not
 * touch signals or the test's scope. */

import * as bullmq6 from 'bullmq';
import * as bullmq5 from 'bullmq5';

import { runScript } from './script.mjs';

export const PACKAGES = { 5: bullmq5, 6: bullmq6 };
export const connectionOf = (redis) => ({ ...redis.connection, maxRetriesPerRequest: null });

/* What the script of a job may do, in terms of BullMQ's own Job. */
function jobFace(Package, queueOf, worker, job, token) {
  const throwing = async (work, name) => {
    await work;
    throw new Package[name]();
  };
  const face = {
    id: job.id,
    get data() {
      return job.data;
    },
    attemptsMade: job.attemptsMade,
    log: (row) => job.log(row),
    progress: (value) => job.updateProgress(value),
    update: (data) => job.updateData(data),
    delay: (ms) => throwing(job.moveToDelayed(Date.now() + ms, token), 'DelayedError'),
    toWait: () => throwing(job.moveToWait(token), 'WaitingError'),
    limit: (ms) => throwing(worker.rateLimit?.(ms) ?? queueOf().rateLimit(ms), 'RateLimitError'),
    async waitChildren() {
      if (await job.moveToWaitingChildren(token)) throw new Package.WaitingChildrenError();
    },
    async addChild(name, data, opts) {
      await queueOf().add(name, data, { ...opts, parent: { id: job.id, queue: job.queueQualifiedName } });
    },
    childValues: () => job.getChildrenValues(),
    discard: () => {
      face.isDiscarded = true;
    },
  };
  return face;
}

async function runMqScript(face) {
  try {
    return await runScript(face);
  } catch (error) {
    if (face.isDiscarded && error.stack) error.name = 'UnrecoverableError'; /* a stack that is made now keeps the old name */
    throw error;
  }
}

/* A Node worker in this process; `options` as its Worker takes them, `strategies` ({name: delays in ms by
 * attempt}) become its one backoffStrategy. */
export function openMqWorker(redis, name, { version = 6, strategies = {}, ...options } = {}) {
  const Package = PACKAGES[version];
  const connection = connectionOf(redis);
  const settings = {
    backoffStrategy: (attemptsMade, type) => {
      const delays = strategies[type];
      if (!delays) throw new Error(`Unknown backoff strategy ${type}.`);
      return delays[Math.min(attemptsMade, delays.length) - 1];
    },
  };
  let queue; /* only for jobs that add others */
  const queueOf = () =>
    (queue ??= new Package.Queue(name, { connection, prefix: options.prefix, skipMetasUpdate: true }));
  const worker = new Package.Worker(
    name,
    (job, token) => runMqScript(jobFace(Package, queueOf, worker, job, token)),
    { ...options, settings, connection },
  );
  const close = worker.close.bind(worker);
  worker.close = async (...args) => {
    await close(...args);
    await queue?.close();
  };
  return worker;
}
