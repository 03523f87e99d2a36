/* Bull and what tests need around it: queues that close with the test, workers that record what
 * they did, and a listener for the raw messages that Redis publishes. Called by interop, chaos and
 * bench. Bull is used as it is; nothing here reaches into it. */

import Bull from 'bull';

import { scopeOf } from './scope.mjs';
import { until } from './wait.mjs';

export { Bull };

/* A Bull queue on `redis`. Errors of its connections are kept in queue.errors and not thrown: a test
 * that kills Redis expects them, another may assert that there are none. */
export function bullQueue(t, redis, name = 'q', options = {}) {
  const queue = new Bull(name, {
    ...options,
    redis: { ...redis.connection, maxRetriesPerRequest: null, enableReadyCheck: false, ...options.redis },
  });
  queue.errors = [];
  queue.on('error', (error) => queue.errors.push(error));
  scopeOf(t).defer(() => closeQueue(queue));
  return queue;
}

/* Bull waits for its Redis when it closes; a test that has already lost its Redis must not. */
async function closeQueue(queue) {
  const closed = queue.close(true).catch(() => {});
  let timer;
  const late = new Promise((done) => {
    timer = setTimeout(done, 2000);
  });
  await Promise.race([closed, late]);
  clearTimeout(timer);
  for (const client of queue.clients ?? []) client.disconnect();
}

/* Waits until job `id` is in `state` (completed, failed, waiting, delayed, active, paused, gone). */
export async function untilState(queue, id, state, options = {}) {
  return until(
    async () => {
      const job = await queue.getJob(id);
      if (!job) return state === 'gone';
      return (await job.getState()) === state;
    },
    {
      what: `job ${id} to be ${state}`,
      describe: async () => {
        const job = await queue.getJob(id);
        return job ? `state ${await job.getState()}, ${JSON.stringify(job)}` : 'the job does not exist';
      },
      ...options,
    },
  );
}

/* Waits until the counts given in `counts` (names of getJobCounts) are all as given. */
export async function untilCounts(queue, counts, options = {}) {
  return until(
    async () => {
      const now = await queue.getJobCounts();
      return Object.entries(counts).every(([name, count]) => now[name] === count) ? now : false;
    },
    {
      what: `counts ${JSON.stringify(counts)}`,
      describe: async () => `counts are ${JSON.stringify(await queue.getJobCounts())}`,
      ...options,
    },
  );
}

/* Everything published on the channels of one queue, in order: [{channel, message}], with channel
 * as in the protocol, without the prefix ("waiting@<token>"). */
export async function recordMessages(redis, name = 'q', prefix = 'bull') {
  const client = redis.client();
  const base = `${prefix}:${name}:`;
  const messages = [];

  client.on('pmessage', (_pattern, channel, message) => {
    messages.push({ channel: channel.slice(base.length), message });
  });
  await client.psubscribe(`${base.replace(/[[\]*?\\]/g, '\\$&')}*`);
  return messages;
}

/* Waits until messages of `channel` (text before "@") number at least `count`; returns them. */
export async function untilMessages(messages, channel, count = 1, options = {}) {
  const of = () => messages.filter((m) => m.channel.split('@')[0] === channel);
  await until(() => of().length >= count, {
    what: `${count} messages on ${channel}`,
    describe: () => JSON.stringify(messages),
    ...options,
  });
  return of();
}
