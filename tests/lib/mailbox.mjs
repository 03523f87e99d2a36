/* A mail server for tests: npm's smtp-server on a free port, whose received mail is kept, raw and parsed. What it refuses and when is
 * told by functions that a test may set. Called by tests/interop/email_*.test.mjs. */

import { once } from 'node:events';

import { simpleParser } from 'mailparser';
import { SMTPServer } from 'smtp-server';

import { scopeOf } from './scope.mjs';
import { until } from './wait.mjs';

/* An error with the answer's code, for the functions below. */
export const refusal = (responseCode, text) => Object.assign(new Error(text), { responseCode });

/* options: those of smtp-server. `rules`: {rcpt(address), data(mail)} may throw a refusal. */
export async function startMailbox(t, options = {}, rules = {}) {
  const mails = [];
  let connections = 0;
  const server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    logger: false,
    disableReverseLookup: true,
    onConnect: (_session, done) => {
      connections++;
      done();
    },
    onRcptTo: ({ address }, _session, done) => {
      try {
        rules.rcpt?.(address);
        done();
      } catch (error) {
        done(error);
      }
    },
    onData: async (stream, session, done) => {
      const pieces = [];
      for await (const piece of stream) pieces.push(piece);
      const raw = Buffer.concat(pieces);
      const mail = {
        raw,
        from: session.envelope.mailFrom.address,
        to: session.envelope.rcptTo.map(({ address }) => address),
        user: session.user,
        isSecure: session.secure,
      };
      try {
        rules.data?.(mail);
        mails.push({ ...mail, parsed: await simpleParser(raw) });
        done();
      } catch (error) {
        done(error);
      }
    },
    ...options,
  });
  server.on('error', () => {}); /* connections that the test cuts */
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  scopeOf(t).defer(() => new Promise((done) => server.close(done)));
  const { port } = server.server.address();
  return {
    port,
    url: `smtp://127.0.0.1:${port}`,
    mails,
    rules,
    server,
    connections: () => connections,
    untilMail: (count) => until(() => mails.length >= count && mails, { what: `${count} mails` }),
  };
}
