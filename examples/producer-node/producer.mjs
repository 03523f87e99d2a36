// A producer as any Node application has one: adds a named job to each queue and waits for what
// becomes of it. Who runs the jobs, a Node worker or Cartrita, it cannot tell.
//
//   npm ci --prefix examples
//   node examples/producer-node/producer.mjs [redis://127.0.0.1:6379]
import { openQueues } from './queues.mjs';

const redis = process.argv[2] ?? process.env.REDIS_URL ?? 'redis://127.0.0.1:6379';
const queues = openQueues(redis);

const work = [
  ['email-processing', 'welcome', { type: 'welcome', data: { to: 'ada@example.org' } }],
  ['image-processing', 'resize', { operation: 'resize', imageUrl: 'cat.png', options: { width: 64 } }],
  ['analytics-processing', 'page-view', { eventType: 'page-view', data: { path: '/' }, userId: 7 }],
  ['notification-delivery', 'push', { type: 'push', recipient: 'ada', message: 'hello' }],
  ['cleanup-tasks', 'sessions', { task: 'sessions', parameters: { olderThanDays: 30 } }],
  ['workflow-execution', 'step', { workflowId: 'w1', stepId: 's1', data: {} }],
  ['security-monitoring', 'login', { eventType: 'login', severity: 'low', data: {} }],
];

const outcomes = await Promise.allSettled(
  work.map(async ([queue, name, data]) => {
    const job = await queues[queue].add(name, data);
    return [queue, job.id, await job.finished()];
  }),
);
for (const outcome of outcomes) {
  if (outcome.status === 'fulfilled') {
    const [queue, id, result] = outcome.value;
    console.log(`${queue} #${id}: ${JSON.stringify(result)}`);
  } else {
    console.log(`failed: ${outcome.reason.message}`);
    process.exitCode = 1;
  }
}
await Promise.all(Object.values(queues).map((queue) => queue.close()));
