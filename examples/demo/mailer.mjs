// The demo's mailer: a child of the exec plugin. Reads a job a line, answers with an object a line.
// Addresses tell what happens: flaky@ fails its first attempt, nobody@ each one.
import { createInterface } from 'node:readline';

const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

async function send(job) {
  const { to } = job.data.data;
  say({ type: 'progress', id: job.id, value: 50 });
  await new Promise((resolve) => setTimeout(resolve, 250));
  if (to.startsWith('nobody@')) throw new Error(`550 no such mailbox: ${to}`);
  if (to.startsWith('flaky@') && job.attemptsMade === 0) throw new Error('421 try again later');
  say({ type: 'log', id: job.id, line: `sent to ${to}` });
  return { accepted: [to] };
}

for await (const line of createInterface({ input: process.stdin })) {
  const job = JSON.parse(line);
  if (job.type !== 'job') continue;
  send(job).then(
    (returnvalue) => say({ type: 'completed', id: job.id, returnvalue }),
    (error) =>
      say({ type: 'failed', id: job.id, name: error.name, reason: error.message, stacktrace: [error.stack] }),
  );
}
