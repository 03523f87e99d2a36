// What the viewer sees while it runs: on a terminal a table that is drawn in place, elsewhere a line
// an event.
const FRAME_MS = 100;
const LINES_PER_QUEUE = 5;
const STATES = ['waiting', 'active', 'delayed', 'completed', 'failed'];

const isTerminal = process.stdout.isTTY === true;
const hasColor = isTerminal && !process.env.NO_COLOR;
const paint = (code) => (text) => (hasColor ? `\x1b[${code}m${text}\x1b[0m` : text);

export const bold = paint('1');
export const dim = paint('2');
export const green = paint('32');
export const red = paint('31');
export const yellow = paint('33');

const number = (n) => (n > 0 ? String(n) : '·').padStart(9);

export class Screen {
  constructor(names) {
    this.names = names;
    this.begin = Date.now();
    this.counts = Object.fromEntries(names.map((name) => [name, {}]));
    this.last = {};
    this.told = {};
    this.drawn = 0;
  }

  start() {
    if (!isTerminal) return;
    process.stdout.write('\x1b[?25l');
    this.timer = setInterval(() => this.draw(), FRAME_MS);
  }

  stop() {
    clearInterval(this.timer);
    if (!isTerminal || this.isStopped) return;
    this.isStopped = true;
    this.draw();
    process.stdout.write('\x1b[?25h\n');
  }

  seconds() {
    return ((Date.now() - this.begin) / 1000).toFixed(2).padStart(6);
  }

  // Something happened to a job. `tone` colours it. What is not usual is always told.
  event(queue, text, { tone = (plain) => plain, isUsual = false } = {}) {
    this.last[queue] = tone(text);
    if (isTerminal) return;
    if (isUsual) this.told[queue] = (this.told[queue] ?? 0) + 1;
    if (!isUsual || this.told[queue] <= LINES_PER_QUEUE) console.log(`${this.seconds()} s  ${queue.padEnd(22)} ${text}`);
    else if (this.told[queue] === LINES_PER_QUEUE + 1) console.log(`${this.seconds()} s  ${queue.padEnd(22)} and so on`);
  }

  note(text) {
    if (!isTerminal) console.log(`${this.seconds()} s  ${text}`);
    else this.footer = text;
  }

  draw() {
    const width = process.stdout.columns || 100;
    const head = `${'queue'.padEnd(22)}${STATES.map((state) => state.padStart(9 + (state.length > 8))).join('')}`;
    const lines = [bold(`${head}   last event`)];
    for (const name of this.names) {
      const counts = this.counts[name];
      const cells = STATES.map((state) => {
        const cell = number(state === 'waiting' ? (counts.waiting ?? 0) + (counts.paused ?? 0) : counts[state] ?? 0);
        const wide = state.length > 8 ? ` ${cell}` : cell;
        if (state === 'failed' && counts.failed > 0) return red(wide);
        if (state === 'completed' && counts.completed > 0) return green(wide);
        return counts[state] > 0 ? wide : dim(wide);
      }).join('');
      const room = Math.max(10, width - head.length - 4);
      lines.push(`${name.padEnd(22)}${cells}   ${clip(this.last[name] ?? '', room)}`);
    }
    lines.push('', dim(clip(`${this.seconds().trim()} s  ${this.footer ?? ''}`, width - 1)));
    process.stdout.write(
      (this.drawn ? `\x1b[${this.drawn}A` : '') + lines.map((line) => `\x1b[2K${line}\n`).join(''),
    );
    this.drawn = lines.length;
  }
}

// Cuts to `room` columns; colour codes take none.
function clip(text, room) {
  let used = 0;
  let out = '';
  for (const [piece] of text.matchAll(/\x1b\[\d+m|[\s\S]/gu)) {
    if (piece.startsWith('\x1b')) out += piece;
    else if (used < room - 1) (out += piece), used++;
    else return `${out}…${hasColor ? '\x1b[0m' : ''}`;
  }
  return out;
}
