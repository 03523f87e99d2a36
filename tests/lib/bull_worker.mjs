/* A Bull worker in a process of its own, so that a test can kill it. Started by workers.mjs with one
 * argument: JSON {connection, queue, concurrency, options}. Writes "ready" to stderr. */

import Bull from 'bull';

import { runScript } from './script.mjs';

const { connection, name, concurrency, options } = JSON.parse(process.argv[2]);
const queue = new Bull(name, {
  ...options,
  redis: { ...connection, maxRetriesPerRequest: null, enableReadyCheck: false },
});

queue.on('error', (error) => process.stderr.write(`error ${error.message}\n`));
queue.process('*', concurrency, (job) => runScript(job));
queue.isReady().then(() => process.stderr.write('ready\n'));
process.once('SIGTERM', () => queue.close().then(() => process.exit(0)));
