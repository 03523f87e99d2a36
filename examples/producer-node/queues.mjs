// The seven queues as the application opens them: an unmodified Bull, nothing of Cartrita in it.
import Bull from 'bull';

export const names = [
  'email-processing',
  'image-processing',
  'analytics-processing',
  'notification-delivery',
  'cleanup-tasks',
  'workflow-execution',
  'security-monitoring',
];

export const defaultJobOptions = {
  attempts: 3,
  backoff: { type: 'exponential', delay: 2000 },
  removeOnComplete: 100,
  removeOnFail: 50,
};

// `redis`: a URL, or options of ioredis such as { path: '/run/redis.sock' }.
export function openQueues(redis, options = defaultJobOptions, list = names) {
  return Object.fromEntries(
    list.map((name) => {
      const queue =
        typeof redis === 'string'
          ? new Bull(name, redis, { defaultJobOptions: options })
          : new Bull(name, { redis, defaultJobOptions: options });
      return [name, queue];
    }),
  );
}
