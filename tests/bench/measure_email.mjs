/* Mails per second: the email plugin against nodemailer (pool: true) in a Bull worker, the same concurrency, mails and sink. The clock runs
 * from resume() of a filled queue to the last job's completion.
 *
 * nodemailer writes a mail and its final dot apart, with Nagle's algorithm on, which probably makes each mail wait for the receiver's delayed
 * acknowledgement (40 ms on Linux): its rate is far below what its CPU would allow. The row of CPU compares the work itself. */

import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import Bull from 'bull';

import { pluginPath, programPath, runnersOf, startProgram } from '../lib/processes.mjs';
import { newScope } from '../lib/scope.mjs';
import { until } from '../lib/wait.mjs';
import { checkDelivery, fill, interleave, median, processCpu, untilCompleted } from './common.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const QUEUE = 'bench';
const MAILS = 3000;
const CONCURRENCY = 10;
const MAIL = {
  to: 'Ann Example <ann@example.org>',
  subject: 'Your order is on its way',
  text: 'Hello Ann,\n\nyour order is on its way.\n'.repeat(20),
  html: '<p>Hello Ann,</p><p>your order is on its way.</p>\n'.repeat(20),
};

const STARTS = {
  bull: (scope, redis, port, processes) =>
    Array.from({ length: processes }, () =>
      startProgram(scope, process.execPath, [
        join(HERE, 'mail_worker.mjs'),
        JSON.stringify({ connection: redis.connection, queue: QUEUE, concurrency: CONCURRENCY, port }),
      ]),
    ),
  cartrita: (scope, redis, port, processes) => [
    startProgram(scope, programPath('cartrita-worker'), [
      ...['--redis', `redis://${redis.connection.host}:${redis.connection.port}`, '--queue', QUEUE, '--dialect', 'bull'],
      ...['--plugin', pluginPath('email'), '--set', `url=smtp://127.0.0.1:${port}`, '--set', 'from=shop@example.com'],
      ...['--processes', processes, '--concurrency', CONCURRENCY, '--core', '--log-level', 'warn'],
    ]),
  ],
};

async function once(redis, name, port, processes) {
  const scope = newScope();
  const client = redis.client();
  await client.flushall();
  const queue = new Bull(QUEUE, { redis: redis.connection });
  try {
    await queue.pause();
    await fill({ addBulk: (jobs) => queue.addBulk(jobs.map(() => ({ name: 'send', data: MAIL }))) }, MAILS);
    const programs = STARTS[name](scope, redis, port, processes);
    if (name === 'bull') await Promise.all(programs.map((program) => program.untilLine(/^ready/, { deadlineMs: 30_000 })));
    const workers = () => (name === 'bull' ? programs.map(({ pid }) => pid) : runnersOf(programs[0].pid));
    const pids = await until(async () => (await workers()).length === processes && (await client.client('LIST')).includes(`${Buffer.from(QUEUE).toString('base64')} `) && workers(), {
      what: 'the workers',
      deadlineMs: 30_000,
      describe: () => programs[0].log,
    });
    const before = await processCpu(pids);
    const from = performance.now();
    await queue.resume();
    await untilCompleted(client, MAILS);
    const seconds = (performance.now() - from) / 1000;
    const cpu = (await processCpu(pids)) - before;
    await checkDelivery(client, MAILS);
    return { rate: MAILS / seconds, workerUs: (cpu * 1e6) / MAILS };
  } finally {
    await scope.close();
    await queue.close();
    client.disconnect();
  }
}

export async function measureEmail({ redis, scope, names: all, runs, note }) {
  const names = all.filter((name) => STARTS[name]);
  const sink = startProgram(scope, process.execPath, [join(HERE, 'mail_sink.mjs')]);
  const port = await until(() => Number(sink.stdout), { what: 'the port of the sink', describe: () => sink.log });
  const rows = [];

  for (const processes of [1, 2]) {
    const label = `mails, concurrency ${CONCURRENCY}, ${processes} process${processes > 1 ? 'es' : ''}`;
    const results = await interleave(
      names,
      runs,
      (name) => once(redis, name, port, processes),
      (name, i, m) => note(`${label}, ${name}, run ${i + 1}: ${Math.round(m.rate)} mails/s, workers ${Math.round(m.workerUs)} us a mail`),
    );
    const of = (what) => Object.fromEntries(names.map((name) => [name, median(results[name][what])]));
    rows.push({ group: 'email', label, unit: 'mails/s', digits: 0, values: of('rate'), runs: results, target: { kind: 'atLeastTimes', factor: 1 } });
    rows.push({ group: 'email', label: "  workers' CPU per mail", unit: 'us', digits: 0, values: of('workerUs') });
  }
  return rows;
}
