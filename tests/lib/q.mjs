/* cartrita-q as tests run it: against one Redis, to its end. Called by interop/q_*.test.mjs. */

import { runProgram } from './processes.mjs';

/* {code, stdout, stderr} of `cartrita-q ARGS --redis URL`; the last of `args` may be options of
 * runProgram. */
export async function runQ(t, redis, ...args) {
  const options = typeof args.at(-1) === 'object' ? args.pop() : {};
  const all = redis ? [...args, '--redis', redis.url] : args;
  const { code, signal, stdout, lines } = await runProgram(t, 'cartrita-q', all, options);
  return { code: code ?? signal, stdout, stderr: lines.join('\n') };
}

/* The JSON of a command that must succeed. */
export async function jsonOfQ(t, redis, ...args) {
  const { code, stdout, stderr } = await runQ(t, redis, ...args, '-o', 'json');
  if (code !== 0) throw new Error(`cartrita-q ${args.join(' ')}: exit ${code}\n${stderr}`);
  return JSON.parse(stdout);
}
