/* The child command of the exec plugin in tests: reads jobs as lines of JSON on stdin, runs what their
 * data says (script.mjs), answers on stdout. Ends when stdin ends. Started by cartrita-worker. */

import { createInterface } from 'node:readline';

import { runScript } from './script.mjs';

const running = new Map(); /* job id -> AbortController */

const send = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

async function run(line) {
  const { id, data, attemptsMade } = line;
  const cancelled = new AbortController();
  let isDiscarded = false;
  const job = {
    id,
    data,
    attemptsMade,
    log: (row) => send({ type: 'log', id, line: row }),
    progress: (value) => send({ type: 'progress', id, value }),
    discard: () => {
      isDiscarded = true;
    },
  };

  running.set(id, cancelled);
  try {
    const returnvalue = await runScript(job, cancelled.signal);
    send({ type: 'completed', id, returnvalue });
  } catch (error) {
    send({
      type: 'failed',
      id,
      reason: error.message,
      name: error.name,
      stacktrace: [error.stack],
      unrecoverable: isDiscarded,
    });
  } finally {
    running.delete(id);
  }
}

createInterface({ input: process.stdin }).on('line', (text) => {
  const line = JSON.parse(text);
  if (line.type === 'job') run(line);
  else if (line.type === 'cancel') running.get(line.id)?.abort(line.reason);
});
