// A producer of BullMQ as any Node application has one: a flow (an album that waits for its pictures),
// and a job scheduler. Who runs the jobs, a Node worker or Cartrita, it cannot tell.
//
//   npm ci --prefix examples
//   node examples/flow-node/producer.mjs [redis://127.0.0.1:6379]
import { FlowProducer, Queue, QueueEvents } from 'bullmq';

const connection = { url: process.argv[2] ?? process.env.REDIS_URL ?? 'redis://127.0.0.1:6379' };
const queues = ['albums', 'pictures'].map((name) => new Queue(name, { connection }));
const [albums, pictures] = queues;
const flows = new FlowProducer({ connection });
const events = new QueueEvents('albums', { connection });
await events.waitUntilReady();

// The album runs when all its pictures have ended; one that fails is left out of it.
const picture = (url) => ({
  name: 'resize',
  queueName: 'pictures',
  data: { url, width: 640 },
  opts: { attempts: 2, ignoreDependencyOnFailure: true },
});
const { job } = await flows.add({
  name: 'album',
  queueName: 'albums',
  data: { title: 'holidays' },
  children: [picture('sea.png'), picture('hill.png'), picture('broken.png')],
});
console.log(JSON.stringify(await job.waitUntilFinished(events, 30_000)));

// Every night; the first job waits for its time.
await pictures.upsertJobScheduler('nightly', { pattern: '0 3 * * *', tz: 'Europe/Madrid' }, { name: 'cleanup', data: { days: 30 } });
const [next] = await pictures.getDelayed();
console.log(`next: ${next.name} at ${new Date(next.timestamp + next.delay).toISOString()}`);

await Promise.all([...queues, flows, events].map((one) => one.close()));
