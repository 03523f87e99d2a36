/* A client of the daemon's wire that says exactly what a test wants, also what no real client would.
 * Called by the tests of the daemon. Numbers of messages and fields come from proto/messages.def. */

import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';

import { Packr } from 'msgpackr';

import { ROOT } from './processes.mjs';
import { scopeOf } from './scope.mjs';
import { until } from './wait.mjs';

const packr = new Packr({ useRecords: false, mapsAsObjects: false, int64AsType: 'number' });

/* {type name: {number, fields: {name: number}, names: {number: name}}} */
function readDefinitions() {
  const byName = {};
  const byNumber = {};
  for (const line of readFileSync(join(ROOT, 'proto/messages.def'), 'utf8').split('\n')) {
    const message = line.match(/^MESSAGE\(\w+, (\w+), (\d+)\)/);
    const field = line.match(/^FIELD\((\w+), (\d+), \w+, (\w+),/);
    if (message) {
      byName[message[1]] = { name: message[1], number: Number(message[2]), fields: {}, names: {} };
      byNumber[message[2]] = byName[message[1]];
    } else if (field) {
      byName[field[1]].fields[field[3]] = Number(field[2]);
      byName[field[1]].names[field[2]] = field[3];
    }
  }
  return { byName, byNumber };
}

const { byName, byNumber } = readDefinitions();

const bytes = (value) => (typeof value === 'string' ? Buffer.from(value) : value);

export function payloadOf(type, fields = {}) {
  const { number, fields: numbers } = byName[type];
  const map = new Map(Object.entries(fields).map(([name, value]) => [numbers[name], bytes(value)]));
  return packr.pack([number, map]);
}

export function frameOf(payload) {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(payload.length);
  return Buffer.concat([head, payload]);
}

export function messageOf(payload) {
  const [number, map] = packr.unpack(payload);
  const { name, names } = byNumber[number];
  const message = { type: name };
  for (const [key, value] of map) {
    message[names[key]] = value instanceof Uint8Array ? Buffer.from(value).toString() : Number(value);
  }
  return message;
}

class Wire {
  #socket;
  #rest = Buffer.alloc(0);

  constructor(address) {
    const path = address.replace(/^unix:/, '');
    const [, host, port] = address.match(/^tcp:\/\/(.*):(\d+)$/) ?? [];
    this.#socket = port ? connect(Number(port), host) : connect(path);
    this.messages = [];
    this.isClosed = false;
    this.#socket.on('error', () => {});
    this.#socket.on('close', () => (this.isClosed = true));
    this.#socket.on('data', (data) => {
      this.#rest = Buffer.concat([this.#rest, data]);
      while (this.#rest.length >= 4 && this.#rest.length >= 4 + this.#rest.readUInt32BE()) {
        const end = 4 + this.#rest.readUInt32BE();
        this.messages.push(messageOf(this.#rest.subarray(4, end)));
        this.#rest = this.#rest.subarray(end);
      }
    });
  }

  send(type, fields) {
    this.raw(frameOf(payloadOf(type, fields)));
  }

  raw(buffer) {
    this.#socket.write(buffer);
  }

  /* The next message of this type (with these fields) that no earlier call has taken. */
  async take(type, fields = {}, { deadlineMs } = {}) {
    const fits = (message) => message.type === type && Object.entries(fields).every(([key, value]) => message[key] === value);
    await until(() => this.messages.some(fits), {
      what: `${type} ${JSON.stringify(fields)}`,
      deadlineMs,
      describe: () => `${this.isClosed ? 'closed; ' : ''}got ${JSON.stringify(this.messages)}`,
    });
    const [message] = this.messages.splice(this.messages.findIndex(fits), 1);
    return message;
  }

  untilClosed(options = {}) {
    return until(() => this.isClosed, { what: 'the connection to end', describe: () => JSON.stringify(this.messages), ...options });
  }

  pause() {
    this.#socket.pause();
  }

  resume() {
    this.#socket.resume();
  }

  /* As when the process is gone. */
  cut() {
    this.#socket.destroy();
  }
}

export const ROLE = { runner: 1, supervisor: 2, client: 3 };

/* A connection that has said nothing yet, cut with the test. */
export function openWire(t, address) {
  const wire = new Wire(address);
  scopeOf(t).defer(() => wire.cut());
  return wire;
}

/* One that was welcomed. `hello` adds fields: worker, runner, role, ... */
export async function openSession(t, address, hello = {}) {
  const wire = openWire(t, address);
  wire.send('hello', { protocol_min: 1, protocol_max: 1, role: ROLE.runner, software: 'test/1', ...hello });
  wire.welcome = await wire.take('welcome');
  return wire;
}

/* One that is attached to `queue` (Bull's, unless `attach` says otherwise) as number 1 and wants `window`
 * jobs. */
export async function openRunner(t, address, queue = 'q', { window = 1, hello, ...attach } = {}) {
  const wire = await openSession(t, address, hello);
  wire.send('attach', { sub: 1, queue, dialect: 'bull', ...attach });
  wire.attached = await wire.take('attached');
  if (window > 0) wire.send('window', { sub: 1, count: window });
  return wire;
}
