/* The Node peer of measure_email.mjs: nodemailer with its pool in a Bull worker. One argument: JSON {connection, queue, concurrency, port}. */

import Bull from 'bull';
import nodemailer from 'nodemailer';

const { connection, queue, concurrency, port } = JSON.parse(process.argv[2]);
const transport = nodemailer.createTransport({ host: '127.0.0.1', port, pool: true, maxConnections: concurrency, secure: false });
const worker = new Bull(queue, { redis: connection });
worker.on('error', () => {});
worker.process('*', concurrency, async ({ data }) => {
  const { messageId, accepted, rejected, response } = await transport.sendMail({ from: 'shop@example.com', ...data });
  return { messageId, accepted, rejected, response };
});
await worker.isReady();
process.stderr.write('ready\n');
