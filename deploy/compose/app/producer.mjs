// Adds a job of each of the four types every EVERY_MS (1000), JOBS rounds of it (0: until it is stopped).
// One picture in five is none, so that there is something to see among the failed.
import { openQueues } from './queues.mjs';

const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const everyMs = Number(process.env.EVERY_MS ?? 1000);
const rounds = Number(process.env.JOBS ?? 0);
const [email, image, inference, analytics] = openQueues();

async function round(n) {
  await email.add('send', { to: 'ada@example.org', subject: `Welcome ${n}`, text: 'It works.' });
  await image.add('image', { source: { base64: n % 5 === 4 ? 'AAAA' : PIXEL }, resize: { width: 64 }, format: 'webp' });
  await inference.add('chat', { prompt: `Say ${n}` });
  await analytics.add('track', { eventType: 'page-view', userId: `u${n % 100}`, data: { path: '/' } });
}

let isStopped = false;
let wake = () => {};
process.on('SIGTERM', () => {
  isStopped = true;
  wake();
});
for (let n = 0; !isStopped && (rounds === 0 || n < rounds); n++) {
  await round(n);
  await new Promise((done) => {
    wake = done;
    setTimeout(done, everyMs);
  });
}
await Promise.all([email, image, inference, analytics].map((queue) => queue.close()));
process.exit(0);
