/* The child command of the exec plugin in tests: reads jobs as lines of JSON on stdin, runs what their
 * data says (script.mjs), answers on stdout. Ends when stdin ends. Started by cartrita-worker. */

import { createInterface } from 'node:readline';

import { runScript } from './script.mjs';

const running = new Map(); /* job id -> AbortController */

const send = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

/* The job has moved itself: its run ends here, and what is said of it has been said. */
class Moved extends Error {}

const answers = new Map(); /* job id -> what takes the next answer about its children */

function childValues(id) {
  send({ type: 'children', id, which: 'processed' });
  const values = {};
  return new Promise((resolve, reject) => {
    answers.set(id, ({ children, more, error }) => {
      Object.assign(values, children);
      if (error) reject(new Error(error));
      else if (!more) resolve(values);
    });
  });
}

const adds = []; /* what takes the answer, by ref */

function addChild(message) {
  return new Promise((resolve, reject) => {
    send({ ...message, ref: adds.length });
    adds.push(({ job, error }) => (error ? reject(new Error(error)) : resolve(job)));
  });
}

async function run(line) {
  const { id, data, attemptsMade } = line;
  const cancelled = new AbortController();
  let isDiscarded = false;
  const move = (message) => {
    send({ id, ...message });
    throw new Moved();
  };
  const job = {
    id,
    data,
    attemptsMade,
    log: (row) => send({ type: 'log', id, line: row }),
    progress: (value) => send({ type: 'progress', id, value }),
    update: (value) => send({ type: 'update', id, data: value }),
    delay: (delay) => move({ type: 'delayed', delay }),
    limit: (duration) => move({ type: 'ratelimited', duration }),
    toWait: () => move({ type: 'waiting' }),
    waitChildren: () => move({ type: 'waiting-children' }),
    addChild: (name, value, opts) => addChild({ type: 'add', id, name, data: value, opts, child: true }),
    childValues: () => childValues(id),
    discard: () => {
      isDiscarded = true;
    },
  };

  running.set(id, cancelled);
  try {
    const returnvalue = await runScript(job, cancelled.signal);
    send({ type: 'completed', id, returnvalue });
  } catch (error) {
    if (error instanceof Moved) return;
    send({
      type: 'failed',
      id,
      reason: error.message,
      name: error.name,
      stacktrace: [error.stack],
      unrecoverable: isDiscarded,
    });
  } finally {
    answers.delete(id);
    running.delete(id);
  }
}

createInterface({ input: process.stdin }).on('line', (text) => {
  const line = JSON.parse(text);
  if (line.type === 'job') run(line);
  else if (line.type === 'added') adds[line.ref](line);
  else if (line.type === 'children') answers.get(line.id)?.(line);
  else if (line.type === 'cancel') running.get(line.id)?.abort(line.reason);
});
