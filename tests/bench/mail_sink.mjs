/* The cheapest mail server there can be, in a process of its own: says yes to everything and forgets it. Prints its port. Started by
 * measure_email.mjs. */

import { createServer } from 'node:net';

const END = Buffer.from('\r\n.\r\n');

createServer((socket) => {
  let isBody = false;
  let tail = Buffer.alloc(0);
  let line = '';
  socket.setNoDelay(true);
  socket.on('error', () => {});
  socket.write('220 sink\r\n');
  socket.on('data', (bytes) => {
    if (isBody) {
      tail = Buffer.concat([tail, bytes]);
      isBody = !tail.subarray(-END.length).equals(END);
      if (isBody) tail = tail.subarray(-END.length);
      else socket.write('250 taken\r\n');
      return;
    }
    line += bytes.toString('latin1');
    while (line.includes('\n')) {
      const end = line.indexOf('\n') + 1;
      const verb = line.slice(0, 4).toUpperCase();
      line = line.slice(end);
      if (verb === 'DATA') {
        isBody = true;
        tail = Buffer.from(END.subarray(0, 2));
        socket.write('354 go\r\n');
      } else if (verb === 'QUIT') socket.end('221 bye\r\n');
      else socket.write('250 sink\r\n');
    }
  });
}).listen(0, '127.0.0.1', function () {
  process.stdout.write(`${this.address().port}\n`);
});
