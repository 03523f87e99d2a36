/* A Bull or BullMQ worker process for the measurements, as plain as its users write it. Started by
 * systems.mjs with one argument: JSON {system, connection, queue, concurrency, job, record}.
 * job: "noop" does nothing; "stamp" returns the monotonic clock in ns at its start; "hold" appends it
 * to the file `record` and never ends; "events" is in node_events.mjs, "infer" in
 * node_infer.mjs, with `settings`; "image" in node_images.mjs. */

import { appendFileSync } from 'node:fs';

const { system, connection, queue, concurrency, job, record, settings } = JSON.parse(process.argv[2]);

const jobs = {
  noop: async () => null,
  stamp: async () => String(process.hrtime.bigint()),
  hold: async () => {
    appendFileSync(record, `${process.hrtime.bigint()}\n`);
    await new Promise(() => setInterval(() => {}, 60_000));
  },
};
if (job === 'events') jobs.events = (await import('./node_events.mjs')).eventsJob(settings);
if (job === 'infer') jobs.infer = await (await import('./node_infer.mjs')).inferJob(settings);
if (job === 'image') jobs.image = (await import('./node_images.mjs')).imageJob;

/* Imported only when it is the one: the start time and memory of one is not the other's. */
if (system === 'bull') {
  const { default: Bull } = await import('bull');
  const worker = new Bull(queue, { redis: connection });
  worker.on('error', () => {});
  worker.process('*', concurrency, jobs[job]);
  await worker.isReady();
} else {
  const { Worker } = await import('bullmq');
  const worker = new Worker(queue, jobs[job], {
    connection: { ...connection, maxRetriesPerRequest: null },
    concurrency,
  });
  worker.on('error', () => {});
  await worker.waitUntilReady();
}
process.stderr.write('ready\n');
