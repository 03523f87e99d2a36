/* The other side of producer.mjs, a command for the plugin exec: resizes pictures, and makes albums of
 * what became of them. Nothing but answers may be printed; use console.error for logging. */
import { createInterface } from 'node:readline';

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const asked = new Map(); /* job id and question -> {children, resolve, reject} */

/* What became of a job's children: {key: value}. It may come in several lines. */
const childrenOf = (id, which) =>
  new Promise((resolve, reject) => {
    asked.set(`${id} ${which}`, { children: {}, resolve, reject });
    say({ type: 'children', id, which });
  });

function onChildren({ id, which, children, more, error }) {
  const question = asked.get(`${id} ${which}`);
  Object.assign(question.children, children);
  if (more) return;
  asked.delete(`${id} ${which}`);
  if (error) question.reject(new Error(error));
  else question.resolve(question.children);
}

const handlers = {
  async resize({ data }) {
    if (data.url.startsWith('broken')) throw new Error(`${data.url} is no picture`);
    return { url: data.url, width: data.width };
  },
  async album({ id, data }) {
    const pictures = Object.values(await childrenOf(id, 'processed'));
    const failed = Object.values(await childrenOf(id, 'ignored'));
    return { title: data.title, pictures: pictures.map(({ url }) => url).sort(), failed };
  },
  async cleanup({ data }) {
    return `nothing is older than ${data.days} days`;
  },
};

async function run(job) {
  try {
    say({ type: 'completed', id: job.id, returnvalue: await handlers[job.name](job) });
  } catch (error) {
    say({ type: 'failed', id: job.id, reason: error.message, name: error.name, stacktrace: error.stack.split('\n') });
  }
}

for await (const text of createInterface({ input: process.stdin })) {
  const line = JSON.parse(text);
  if (line.type === 'job') run(line);
  else if (line.type === 'children') onChildren(line);
}
