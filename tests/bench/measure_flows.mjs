/* Flows per second: a parent that waits for CHILDREN children, all of one queue, jobs that do nothing.
 * Inserted while the queue is paused; the clock runs from resume() until the last job is completed. */

import { checkDelivery, interleave, median, redisCpu, untilCompleted } from './common.mjs';
import { QUEUE, systemOf } from './systems.mjs';

const FLOWS = 2000;
const FLOWS_QUICK = 500;
const FLOWS_AT_ONCE = 100;
const CHILDREN = 4;
const CONCURRENCY = 50;

async function flowsOnce(redis, name, count) {
  const client = redis.client();
  await client.flushall();
  const system = systemOf(name, redis);
  const producer = await system.open();
  const leaf = { name: 'n', queueName: QUEUE, data: {} };
  const tree = { ...leaf, children: Array(CHILDREN).fill(leaf) };
  await producer.pause();
  for (let done = 0; done < count; done += FLOWS_AT_ONCE) await producer.addFlows(Array(FLOWS_AT_ONCE).fill(tree));
  const worker = await system.work({ concurrency: CONCURRENCY });
  const jobs = count * (CHILDREN + 1);
  try {
    const cpuBefore = await redisCpu(client);
    const from = performance.now();
    await producer.resume();
    await untilCompleted(client, jobs);
    const seconds = (performance.now() - from) / 1000;
    const cpu = (await redisCpu(client)) - cpuBefore;
    await checkDelivery(client, jobs);
    return { rate: count / seconds, redisUs: (cpu * 1e6) / jobs };
  } finally {
    await worker.stop();
    await producer.close();
    client.disconnect();
  }
}

export async function measureFlows({ redis, names, runs, isQuick, note }) {
  const able = names.filter((name) => name.includes('mq'));
  const results = await interleave(
    able,
    runs,
    (name) => flowsOnce(redis, name, isQuick ? FLOWS_QUICK : FLOWS),
    (name, i, m) => note(`flows, ${name}, run ${i + 1}: ${Math.round(m.rate)} flows/s, Redis ${m.redisUs.toFixed(1)} us a job`),
  );
  const of = (what) => Object.fromEntries(able.map((name) => [name, median(results[name][what])]));
  return [
    {
      group: 'flows',
      label: `flows of ${CHILDREN} children, concurrency ${CONCURRENCY}`,
      unit: 'flows/s',
      digits: 0,
      values: of('rate'),
      runs: results,
    },
    { group: 'flows', label: '  Redis CPU per job', unit: 'us', digits: 1, values: of('redisUs') },
  ];
}
