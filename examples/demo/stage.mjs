// The processes of the demo and their folder: a private Redis inside of cartrita-queued, and
// cartrita-worker with a pool for each queue. Nothing of it outlives the demo, however it ends.
import { spawn } from 'node:child_process';
import { createWriteStream, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

import { Plugins } from './plugins.mjs';

const READY_MS = 20000;
const STOP_MS = 8000;

// A log line of Cartrita, `level=info msg="..." key=value`, as an object.
function parseLine(line) {
  const fields = {};
  for (const [, key, quoted, plain] of line.matchAll(/([\w-]+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))/g))
    fields[key] = quoted ?? plain;
  return fields;
}

class Program {
  constructor(stage, name, file, args, { uid, gid, cwd, deathSignal = 'TERM', endSignal = 'SIGTERM' } = {}) {
    this.name = name;
    this.endSignal = endSignal;
    this.log = join(stage.folder, `${name}.log`);
    const out = createWriteStream(this.log);
    // The kernel stops it should this process be killed; on the usual road stop() does.
    this.child = spawn('setpriv', ['--pdeathsig', deathSignal, '--', file, ...args], {
      uid,
      gid,
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      // Started as root, jobs would run as a user who may not be able to read this checkout, and
      // plugins of whoever made it would be refused.
      env: {
        ...process.env,
        CARTRITA_USER: String(process.getuid()),
        CARTRITA_PLUGIN_OWNER: String(statSync(stage.build).uid),
      },
    });
    this.exited = new Promise((done) => {
      this.child.on('error', (error) => done({ error }));
      this.child.on('exit', (code, signal) => done({ code, signal }));
    });
    this.listeners = new Set();
    for (const stream of [this.child.stdout, this.child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        out.write(`${line}\n`);
        const fields = parseLine(line);
        for (const listen of this.listeners) listen(fields, line);
      });
    }
  }

  // The first log line that `matches`; rejects when the program ends first or time is up.
  line(matches, what) {
    return new Promise((done, fail) => {
      const end = (settle, value) => {
        clearTimeout(timer);
        this.listeners.delete(listen);
        settle(value);
      };
      const listen = (fields, line) => matches(fields, line) && end(done, fields);
      const refuse = (why) => end(fail, new Error(`${this.name}: ${why}; its log: ${this.tail()}`));
      const timer = setTimeout(() => refuse(`not ${what} within ${READY_MS} ms`), READY_MS);
      this.listeners.add(listen);
      this.exited.then(({ error, code, signal }) => refuse(error?.message ?? `ended (${signal ?? code})`));
    });
  }

  tail() {
    try {
      return `\n${readFileSync(this.log, 'utf8').split('\n').slice(-12).join('\n')}`;
    } catch {
      return 'empty';
    }
  }

  async stop() {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(this.endSignal);
    const timer = setTimeout(() => this.child.kill('SIGKILL'), STOP_MS);
    const end = await this.exited;
    clearTimeout(timer);
    return end;
  }
}

export class Stage {
  constructor() {
    this.build = resolve(process.env.BUILD ?? 'build');
    this.folder = mkdtempSync(join(tmpdir(), 'cartrita-demo-'));
    this.runners = { ready: 0, died: 0 };
    this.others = [];
    this.plugins = new Plugins(this);
  }

  // A program of the stage that is none of Cartrita's.
  run(name, file, args, options) {
    if (this.isClosing) throw new Error('the demo ends');
    const program = new Program(this, name, file, args, options);
    this.others.push(program);
    return program;
  }

  async open() {
    const socket = join(this.folder, 'queued.sock');
    await this.plugins.open();
    this.daemon = new Program(this, 'cartrita-queued', join(this.build, 'cartrita-queued'), [
      '--embedded', join(this.folder, 'redis'), '--listen', `unix:${socket}`,
    ]);
    await this.daemon.line((fields) => fields.msg === 'ready', 'ready');
    this.redis = { path: join(this.folder, 'redis', 'redis.sock') };

    const config = join(this.folder, 'demo.yaml');
    const text = readFileSync(new URL('demo.yaml', import.meta.url), 'utf8');
    const pools = this.plugins.pools();
    const more = pools.map((pool) => `  - ${JSON.stringify(pool)}\n`).join('');
    this.moreRunners = pools.length;
    writeFileSync(config, `${text.replaceAll('plugin: build/', `plugin: ${this.build}/`)}\n${more}`);
    this.worker = new Program(this, 'cartrita-worker', join(this.build, 'cartrita-worker'), ['--config', config, '--server', `unix:${socket}`]);
    this.worker.listeners.add(({ msg }) => {
      if (msg === 'runner ready') this.runners.ready++;
      if (msg === 'runner died') this.runners.died++;
    });
  }

  // All of the worker's runners, so that no act waits for a slow start.
  async everyRunner(count) {
    const end = Date.now() + READY_MS;
    while (this.runners.ready < count + this.moreRunners && Date.now() < end && !this.isClosing)
      await new Promise((done) => setTimeout(done, 10));
  }

  // Rejects when a program ends before it was told to.
  async trouble() {
    const [program, { error, code, signal }] = await Promise.race(
      [this.daemon, this.worker].map(async (each) => [each, await each.exited]),
    );
    if (this.isClosing) return new Promise(() => {});
    throw new Error(`${program.name} ended (${error?.message ?? signal ?? code}); its log: ${program.tail()}`);
  }

  // Exit statuses by program; 0 each when all went well.
  async close() {
    this.isClosing = true;
    const ends = {};
    for (const program of [this.worker, this.daemon]) {
      if (!program) continue;
      const { error, code, signal } = await program.stop();
      ends[program.name] = error?.message ?? signal ?? code;
    }
    // After the worker, whose jobs use them.
    await Promise.all(this.others.map((program) => program.stop()));
    this.plugins.close();
    return ends;
  }

  sweep() {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
