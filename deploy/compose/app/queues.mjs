// The application's queues: an unmodified BullMQ. Password by file, as everywhere in this folder.
import { readFileSync } from 'node:fs';
import { Queue } from 'bullmq';

export const names = ['email-processing', 'image-processing', 'inference', 'analytics-processing'];

export function openQueues(env = process.env) {
  const connection = {
    host: env.REDIS_HOST ?? 'redis',
    port: Number(env.REDIS_PORT ?? 6379),
    username: env.REDIS_USER,
    password: env.REDIS_PASSWORD_FILE && readFileSync(env.REDIS_PASSWORD_FILE, 'utf8').trim(),
    maxRetriesPerRequest: null,
  };
  const defaultJobOptions = { attempts: 3, backoff: { type: 'exponential', delay: 1000 }, removeOnComplete: 1000, removeOnFail: 1000 };
  return names.map((name) => new Queue(name, { connection, defaultJobOptions }));
}
