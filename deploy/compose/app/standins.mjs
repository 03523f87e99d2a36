// What a team has elsewhere: a mail server on SMTP_PORT (2525) that takes every mail and keeps none, and
// a model on LLM_PORT (8000) that answers chats with the last words it was told.
import { createServer } from 'node:http';
import { SMTPServer } from 'smtp-server';

const host = process.env.HOST ?? '0.0.0.0';
const mail = new SMTPServer({
  authOptional: true,
  disabledCommands: ['STARTTLS', 'AUTH'],
  onData(stream, _session, done) {
    stream.resume().on('end', () => done());
  },
});
mail.listen(Number(process.env.SMTP_PORT ?? 2525), host);

const model = createServer(async (request, response) => {
  let text = '';
  for await (const part of request) text += part;
  let chat;
  try {
    chat = JSON.parse(text);
  } catch {
    return response.writeHead(400).end();
  }
  const content = chat.messages?.at(-1)?.content ?? '';
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify({
    id: 'x', object: 'chat.completion', model: chat.model,
    choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content } }],
    usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
  }));
});
model.listen(Number(process.env.LLM_PORT ?? 8000), host, () => console.log('mail and model ready'));
process.on('SIGTERM', () => process.exit(0));
