/* A worker for cartrita's exec plugin: jobs come as lines on stdin, answers go to stdout. Nothing but
 * answers may be printed there; use console.error for logging. */
import { createInterface } from 'node:readline';

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const running = new Map(); /* job id -> AbortController */

const handlers = {
  async resize({ data, progress, signal }) {
    progress(10);
    await new Promise((done) => setTimeout(done, 20));
    if (signal.aborted) throw new Error(signal.reason);
    progress(100);
    return { url: data.imageUrl, width: data.options?.width ?? 640 };
  },
  async fail({ data }) {
    throw new TypeError(data.message ?? 'asked to fail');
  },
};

async function run(job) {
  const abort = new AbortController();
  running.set(job.id, abort);
  try {
    const handler = handlers[job.name];
    if (!handler) throw new Error(`no handler for jobs named ${job.name}`);
    const returnvalue = await handler({
      ...job,
      signal: abort.signal,
      progress: (value) => say({ type: 'progress', id: job.id, value }),
      log: (line) => say({ type: 'log', id: job.id, line }),
    });
    say({ type: 'completed', id: job.id, returnvalue });
  } catch (error) {
    say({ type: 'failed', id: job.id, reason: error.message, name: error.name, stacktrace: error.stack.split('\n') });
  } finally {
    running.delete(job.id);
  }
}

for await (const text of createInterface({ input: process.stdin })) {
  const line = JSON.parse(text);
  if (line.type === 'job') run(line);
  else if (line.type === 'cancel') running.get(line.id)?.abort(line.reason);
}
