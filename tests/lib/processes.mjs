/* Starts the project's programs, keeps what they log, and ends them with the test. Called by interop,
 * chaos and bench. Every process is known by its pid and ended by it; nothing is ended by name.
 *
 * Programs come from $BUILD (default: build), below the project's root. */

import { spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { guardPid, releasePid, scopeOf } from './scope.mjs';
import { until, within } from './wait.mjs';

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
export const BUILD = resolve(ROOT, process.env.BUILD ?? 'build');
const STOP_MS = 15_000;
const LOG_LINES_MAX = 20_000;
const LOG_SHOWN = 60;
/* What a program built with SAN=1 says when it has found something; a test must not pass then. */
const SANITIZER = /ERROR: (Address|Leak|Thread)Sanitizer|WARNING: ThreadSanitizer|runtime error: /;

export const programPath = (name) => resolve(BUILD, name);
export const pluginPath = (name) => resolve(BUILD, 'plugins', `${name}.so`);
/* What to say when a test is skipped; false when all of `files` (below BUILD) are there. */
export function missing(...files) {
  const gone = files.filter((file) => !existsSync(resolve(BUILD, file)));
  return gone.length > 0 ? `not built: ${gone.join(', ')}` : false;
}

export class Program {
  #child;

  constructor(file, args, { env = {}, cwd, stdin = 'ignore' } = {}) {
    this.name = file.split('/').pop();
    this.lines = [];
    this.stdout = '';
    this.finding = undefined; /* the sanitizer's first line, if it has found something */
    this.code = null;
    this.signal = null;
    /* A group of its own: what it leaves behind can be ended with it. */
    this.#child = spawn(file, args.map(String), {
      cwd: cwd ?? ROOT,
      detached: true,
      /* The directories of tests are private to this user, and root may test another's checkout. A
       * test of another user, or of whose plugins are loaded, says so itself. Nobody's profiles count,
     * and nobody serves HTTP on the default port. */
      env: {
        ...process.env,
        CARTRITA_USER: String(process.getuid()),
        CARTRITA_PLUGIN_OWNER: String(statSync(ROOT).uid),
        XDG_CONFIG_HOME: '/nonexistent',
        CARTRITA_HTTP: 'off',
        ...env,
      },
      stdio: [stdin, 'pipe', 'pipe'],
    });
    this.startedAt = performance.now();
    this.exited = new Promise((done) => {
      this.#child.once('error', (error) => {
        this.lines.push(`cannot start ${file}: ${error.message}`);
        this.code = -1;
        done(this);
      });
      this.#child.once('close', (code, signal) => {
        this.code = code;
        this.signal = signal;
        done(this);
      });
    });
    if (this.#child.pid) guardPid(this.#child.pid);
    this.#collect();
  }

  #collect() {
    let rest = '';
    this.#child.stdout.setEncoding('utf8').on('data', (text) => {
      this.stdout += text;
    });
    this.#child.stderr.setEncoding('utf8').on('data', (text) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      this.finding ??= lines.find((line) => SANITIZER.test(line));
      this.lines.push(...lines);
      if (this.lines.length > LOG_LINES_MAX) this.lines.splice(0, this.lines.length - LOG_LINES_MAX);
    });
  }

  get pid() {
    return this.#child.pid;
  }

  get stdin() {
    return this.#child.stdin;
  }

  get isRunning() {
    return this.#child.exitCode === null && this.#child.signalCode === null && this.code === null;
  }

  /* The last lines it logged, for messages of failing tests. */
  get log() {
    return this.lines.slice(-LOG_SHOWN).join('\n');
  }

  /* Waits for a line (RegExp) from number `from` on; returns it. Fails at once if the program exits
   * without having written it. */
  async untilLine(pattern, { deadlineMs, from = 0 } = {}) {
    return until(
      () => {
        const line = this.lines.slice(from).find((text) => pattern.test(text));
        if (!line && !this.isRunning && this.code !== null) {
          throw Object.assign(
            new Error(`${this.name} ended (${this.code ?? this.signal}) without ${pattern}\n${this.log}`),
            {
              isFinal: true,
            },
          );
        }
        return line;
      },
      { what: `${this.name} to log ${pattern}`, deadlineMs, describe: () => this.log },
    );
  }

  kill(signal = 'SIGKILL') {
    if (this.isRunning) process.kill(this.pid, signal);
  }

  /* SIGTERM, then a deadline; a program that does not end by itself is killed and an error. */
  async stop({ signal = 'SIGTERM', deadlineMs = STOP_MS } = {}) {
    this.kill(signal);
    try {
      await within(this.exited, { what: `${this.name} to end after ${signal}`, deadlineMs });
    } catch (error) {
      this.end();
      throw new Error(`${error.message}\n${this.log}`);
    }
    this.end();
    return this.code;
  }

  /* Ends what is left of it, and of its group. */
  end() {
    if (!this.pid) return;
    try {
      process.kill(-this.pid, 'SIGKILL');
    } catch {
      /* nothing is left */
    }
    releasePid(this.pid);
  }
}

/* A program of the build directory (or a path), ended with the test. */
export function startProgram(t, file, args = [], options = {}) {
  const program = new Program(file.includes('/') ? file : programPath(file), args, options);
  scopeOf(t).defer(async () => {
    program.end();
    await program.exited;
    if (program.finding) throw new Error(`${program.finding}\n${program.log}`);
  });
  return program;
}

/* Runs a program to its end: {code, signal, stdout, lines}. */
export async function runProgram(t, file, args = [], { deadlineMs = STOP_MS, ...options } = {}) {
  const program = startProgram(t, file, args, options);
  return within(program.exited, { what: `${file} ${args.join(' ')} to end`, deadlineMs });
}

/* --- what /proc says ---------------------------------------------------------------------------- */

/* Not with promises: the readFile of Node 18's fs/promises ends at the first short read, and /proc
 * gives a page at a time. */
function readProc(pid, file) {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return ''; /* it has ended */
  }
}

/* pids of the living children of `pid`, oldest first. */
export async function childrenOf(pid) {
  const found = [];
  for (const task of await readdir(`/proc/${pid}/task`).catch(() => [])) {
    const list = readProc(pid, `task/${task}/children`);
    found.push(...list.split(' ').filter(Boolean).map(Number));
  }
  return found.sort((a, b) => a - b);
}

export async function commandOf(pid) {
  return readProc(pid, 'cmdline').split('\0').filter(Boolean);
}

/* pids of a supervisor's runners (children with --runner on their command line). */
export async function runnersOf(pid) {
  const runners = [];
  for (const child of await childrenOf(pid)) {
    if ((await commandOf(child)).some((word) => word.startsWith('--runner'))) runners.push(child);
  }
  return runners;
}

/* pid of a supervisor's private daemon, if it has one. */
export async function privateDaemonOf(pid) {
  for (const child of await childrenOf(pid)) {
    if ((await commandOf(child))[0]?.endsWith('cartrita-queued')) return child;
  }
  return undefined;
}

/* {rssKb, pssKb} of a process. */
export async function memoryOf(pid) {
  const text = readProc(pid, 'smaps_rollup');
  const of = (name) => Number(text.match(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm'))?.[1] ?? 0);
  return { rssKb: of('Rss'), pssKb: of('Pss') };
}

/* Built with SAN=...: what it needs says nothing about what it needs elsewhere. */
export function isSanitized(pid) {
  return /lib[at]san/.test(readProc(pid, 'maps'));
}

export function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
