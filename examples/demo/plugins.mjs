// The four plugins on real input: mails, pictures, a model, a database. Each act leaves what came of it in the
// folder of results; one whose parts are missing says what they are, and is left out.
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Database } from './database.mjs';
import { paint } from './picture.mjs';
import { Sink } from './sink.mjs';

const MODULES = fileURLToPath(new URL('../../tests', import.meta.url));
const MODEL = join(MODULES, 'node_modules/@ricky0123/vad-web/dist/silero_vad_v5.onnx');

// Jobs one after the other: go() adds them and answers {ok, text}.
class Chain {
  constructor(queue, plugins) {
    this.queue = queue;
    this.plugins = plugins;
    this.results = plugins.results;
    this.jobs = [];
  }

  async start() {
    const skip = this.missing();
    this.end = skip && { ok: true, text: `left out: ${skip}` };
    if (!skip)
      this.go().then(
        (end) => (this.end = end),
        (error) => (this.end = { ok: false, text: error.message }),
      );
  }

  // Adds a job and waits for its result.
  async ask(name, data) {
    const job = await this.queue.add(name, data, { attempts: 3, backoff: 200 });
    this.jobs.push(job);
    return job.finished();
  }

  file(name) {
    return join(this.results, name);
  }

  async done() {
    return this.end !== undefined;
  }

  async outcome() {
    return this.end ?? { ok: false, text: 'not done in time' };
  }

  async tally() {
    const states = await Promise.all(this.jobs.map((job) => job.getState()));
    return { completed: states.filter((state) => state === 'completed').length, failed: states.filter((state) => state === 'failed').length };
  }
}

class Mail extends Chain {
  asks = 'email: a mail with HTML and an attachment, to a mail server';
  missing = () => this.plugins.lacks('email');

  async go() {
    await this.ask('send', {
      to: 'Grace <grace@example.org>',
      subject: 'Grüße aus der Queue',
      text: 'Dear Grace, this came from a job.',
      html: '<p>Dear Grace, this came from a <b>job</b>.</p>',
      attachments: [{ text: 'a,b\n1,2\n', filename: 'numbers.csv' }],
    });
    const mail = this.plugins.sink.mails.find(({ text }) => /^To: .*grace@example\.org/m.test(text));
    return { ok: /^Message-ID: /im.test(mail?.text) && /numbers\.csv/.test(mail.text), text: `it arrived: ${mail?.file}` };
  }
}

class Picture extends Chain {
  asks = 'file: a picture for the web, in three widths and two formats';
  missing = () => this.plugins.lacks('file');

  async go() {
    writeFileSync(this.file('picture.png'), paint(1200, 800));
    const { images } = await this.ask('image', {
      source: 'picture.png',
      widths: [320, 640, 1200],
      formats: ['webp', 'jpeg'],
      output: 'pictures/{stem}-{width}.{ext}',
      manifest: 'pictures/manifest.json',
    });
    const sizes = images.map(({ path }) => statSync(this.file(path)).size);
    const source = statSync(this.file('picture.png')).size;
    return {
      ok: images.length === 6 && sizes.every((size) => size > 500),
      text: `${images.length} files of ${Math.min(...sizes)} to ${Math.max(...sizes)} bytes, from ${source}`,
    };
  }
}

class Inference extends Chain {
  asks = 'ai: is there speech in these sounds? by a neural network';
  missing = () =>
    this.plugins.lacks('ai') ||
    (existsSync(MODEL) ? undefined : 'there is no model and no ONNX Runtime; `make deps` installs both below tests/');

  async go() {
    const heard = [];
    for (const loud of [0, 0.5]) {
      const sound = Array.from({ length: 512 }, (_, i) => Math.sin(i * 0.2) * loud);
      const state = { data: new Array(256).fill(0), shape: [2, 1, 128] };
      const { outputs } = await this.ask('infer', { model: MODEL, inputs: { input: [sound], state, sr: 16000 } });
      heard.push(outputs.output.data[0]);
    }
    writeFileSync(this.file('speech.json'), JSON.stringify({ silence: heard[0], tone: heard[1] }));
    return {
      ok: heard.every((chance) => chance >= 0 && chance < 0.5),
      text: `no: ${heard.map((chance) => `${(100 * chance).toFixed(1)} %`).join(' in silence, ')} in a tone`,
    };
  }
}

class Reports extends Chain {
  asks = 'analytics: 500 events into PostgreSQL, a table and a chart of them, by mail';
  missing = () =>
    this.plugins.lacks('analytics') || (this.plugins.database.bin ? undefined : 'PostgreSQL is not installed (Debian: apt install postgresql)');

  async go() {
    await this.plugins.databaseReady;
    const to = Date.now() + 1000;
    const from = to - 24 * 3600 * 1000;
    // More in the middle of the day, as usual.
    const events = Array.from({ length: 500 }, (_, n) => ({
      eventType: ['page-view', 'page-view', 'sign-up'][n % 3],
      userId: `user${n % 40}`,
      at: from + Math.round((0.5 + 0.49 * Math.sin(n * 1.7) ** 3) * 23 * 3600 * 1000),
      data: { n },
    }));
    await this.ask('track', { events });
    const params = { from, to };
    const table = await this.ask('report', { query: 'eventCounts', params, format: 'html', title: 'Events', file: 'events.html' });
    const canMail = !this.plugins.lacks('email');
    const chart = await this.ask('report', {
      query: 'eventSeries',
      params,
      format: 'png',
      title: 'Events of a day',
      chart: { x: 'from', xLabel: 'hour', yLabel: 'an hour' },
      file: 'events.png',
      ...(canMail && { mail: { to: 'boss@example.org', subject: 'Events of a day' } }),
    });
    const mail = canMail && (await this.arrived(/^To: .*boss@example\.org/m));
    const isPng = readFileSync(this.file('events.png')).subarray(1, 4).toString() === 'PNG';
    return {
      ok: isPng && table.rows === 2 && chart.rows > 5 && chart.bytes > 5000 && (!canMail || /events\.png/.test(mail?.text)),
      text: `${chart.file}${mail ? `, and as an attachment in ${mail.file}` : ''}`,
    };
  }

  // The mail is a job of its own: it comes when it comes.
  async arrived(pattern) {
    for (;;) {
      const mail = this.plugins.sink.mails.find(({ text }) => pattern.test(text));
      if (mail) return mail;
      await new Promise((done) => setTimeout(done, 50));
    }
  }
}

const acts = { mails: Mail, pictures: Picture, inference: Inference, reports: Reports };

export class Plugins {
  constructor(stage) {
    this.stage = stage;
    this.results = join(stage.build, 'demo-results');
    this.sink = new Sink(this.results);
    this.database = new Database(stage);
    this.names = Object.keys(acts);
  }

  // Why a plugin cannot be shown.
  lacks(plugin) {
    return existsSync(this.so(plugin)) ? undefined : `${this.so(plugin)} is not built`;
  }

  so(plugin) {
    return join(this.stage.build, 'plugins', `${plugin}.so`);
  }

  act(name, queue) {
    return new acts[name](queue, this);
  }

  async open() {
    rmSync(this.results, { recursive: true, force: true });
    mkdirSync(this.results, { recursive: true });
    await this.sink.open();
    if (this.lacks('analytics') || !this.database.bin) return;
    // Nobody waits for it but the act that needs it.
    this.databaseReady = this.database.open((...program) => this.stage.run(...program));
    this.databaseReady.catch(() => {});
  }

  // Of cartrita-worker: one for each plugin that is there.
  pools() {
    const roots = [this.results];
    const sandbox = ['network', `files:${this.results}`];
    return [
      { plugin: 'email', queue: 'mails', concurrency: 4, set: { url: `smtp://127.0.0.1:${this.sink.port}`, tls: 'never', from: 'Cartrita <demo@example.org>', roots } },
      { plugin: 'file', queue: 'pictures', concurrency: 2, sandbox, set: { roots } },
      { plugin: 'ai', queue: 'inference', concurrency: 2, set: { runtime: MODULES } },
      { plugin: 'analytics', queue: 'reports', concurrency: 2, sandbox, set: { url: this.database.url, roots, mailQueue: 'mails' } },
    ]
      .filter(({ plugin }) => !this.lacks(plugin))
      .map((pool) => ({ ...pool, plugin: this.so(pool.plugin) }));
  }

  close() {
    this.sink.close();
  }
}
