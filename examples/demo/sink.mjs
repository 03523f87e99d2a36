// A mail server of the demo: takes what it is given and stores each mail as a file.
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

const HELLO = ['250-demo', '250-8BITMIME', '250-SMTPUTF8', '250 SIZE 10000000'].join('\r\n');

export class Sink {
  mails = []; // {file, text}

  constructor(folder) {
    this.folder = folder;
    this.server = createServer((socket) => this.talk(socket));
  }

  async open() {
    await new Promise((done, fail) => this.server.once('error', fail).listen(0, '127.0.0.1', done));
    this.server.unref();
    this.port = this.server.address().port;
  }

  talk(socket) {
    let rest = '';
    let isData = false;
    const say = (line) => socket.write(`${line}\r\n`);
    socket.unref().setEncoding('latin1').on('error', () => {});
    socket.on('data', (chunk) => {
      rest += chunk;
      for (;;) {
        const end = rest.indexOf(isData ? '\r\n.\r\n' : '\r\n');
        if (end < 0) return;
        const piece = rest.slice(0, end);
        rest = rest.slice(end + (isData ? 5 : 2));
        if (isData) {
          this.keep(`${piece}\r\n`.replace(/^\.\./gm, '.'));
          say('250 kept');
        } else {
          const verb = piece.slice(0, 4).toUpperCase();
          say(verb === 'EHLO' ? HELLO : verb === 'DATA' ? '354 go on' : verb === 'QUIT' ? '221 bye' : '250 ok');
          if (verb === 'QUIT') socket.end();
        }
        isData = !isData && piece.toUpperCase() === 'DATA';
      }
    });
    say('220 demo');
  }

  keep(text) {
    const file = join(this.folder, `mail-${this.mails.length + 1}.eml`);
    writeFileSync(file, text, 'latin1');
    this.mails.push({ file, text });
  }

  close() {
    this.server.close();
  }
}
