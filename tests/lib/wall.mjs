/* The child of the exec plugin that does what tests/plugins/wall.c does. Started by cartrita-worker
 * for worker_sandbox.test.mjs. */
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, readdirSync, truncateSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { setPriority } from 'node:os';
import { createInterface } from 'node:readline';

const walls = {
  write: ({ path }) => closeSync(openSync(path, constants.O_WRONLY | constants.O_CREAT, 0o600)),
  read: ({ path }) => closeSync(openSync(path, 'r')),
  list: ({ path }) => readdirSync(path),
  remove: ({ path }) => unlinkSync(path),
  truncate: ({ path }) => truncateSync(path, 0),
  execute: ({ path }) => execFileSync(path, { stdio: 'ignore' }),
  connect: ({ number }) =>
    new Promise((done, fail) => {
      const socket = connect(number, '127.0.0.1', () => done(socket.destroy()));
      socket.on('error', fail);
    }),
  kill: ({ number }) => process.kill(number, 0),
  renice: ({ number }) => setPriority(number, 19),
  shell: ({ path }) => {
    const { status, stderr } = spawnSync('/bin/sh', ['-c', 'echo x >"$0"', path], { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr.trim());
  },
};

createInterface({ input: process.stdin }).on('line', async (text) => {
  const { type, id, name, data } = JSON.parse(text.replace('"TMPDIR/', `"${process.env.TMPDIR}/`));
  const say = (line) => process.stdout.write(`${JSON.stringify({ id, ...line })}\n`);
  if (type !== 'job') return;
  try {
    await walls[name](data);
    say({ type: 'completed' });
  } catch (error) {
    say({ type: 'failed', reason: error.message });
  }
});
