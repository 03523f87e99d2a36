/* A Node worker, of Bull or BullMQ, in a process of its own, so that a test can kill it. Started by
 * workers.mjs with one argument: JSON {connection, name, concurrency, options, version}; version (of
 * BullMQ) is absent for Bull. Writes "ready" to stderr. */

import { runScript } from './script.mjs';

const { connection, name, concurrency, options, version } = JSON.parse(process.argv[2]);

async function openBull() {
  const { default: Bull } = await import('bull');
  const queue = new Bull(name, {
    ...options,
    redis: { ...connection, maxRetriesPerRequest: null, enableReadyCheck: false },
  });
  queue.process('*', concurrency, (job) => runScript(job));
  await queue.isReady();
  return queue;
}

async function openBullMq() {
  const { openMqWorker } = await import('./mq_worker.mjs');
  const worker = openMqWorker({ connection }, name, { ...options, version, concurrency });
  await worker.waitUntilReady();
  return worker;
}

const worker = await (version ? openBullMq() : openBull());
worker.on('error', (error) => process.stderr.write(`error ${error.message}\n`));
process.stderr.write('ready\n');
process.once('SIGTERM', () => worker.close().then(() => process.exit(0)));
