/* What keeping jobs apart costs: the default sandbox against none (--sandbox open --core), each run of
 * one beside a run of the other, for jobs that do nothing and for a start. The flight recorder cannot be
 * switched off: its cost shows only against a build from before it. */

import { interleave, median } from './common.mjs';
import { startOnce } from './measure_processes.mjs';
import { jobsFor, throughputOnce } from './measure_throughput.mjs';

const LOAD = { processes: 1, concurrency: 50 };
const PROBE_JOBS = 2000;
const PAIRS_MIN = 15; /* a single run is off by more than what is looked for */
const STARTS_MIN = 5;
const COST_MAX = 3; /* percent */
const WAYS = {
  'default sandbox': { isReadable: false },
  'no sandbox': { args: ['--sandbox', 'open'] },
};

/* In percent, by the median of the pairs: what else the machine does hits both of a pair. */
function costOf({ 'default sandbox': ours, 'no sandbox': none }) {
  return 100 * (1 - median(ours.rate.map((rate, i) => rate / none.rate[i])));
}

async function measureSandboxCost({ redis, runs, isQuick, note }) {
  const once = (way, count) => throughputOnce(redis, 'cartrita', { ...LOAD, count, worker: WAYS[way] });
  const count = jobsFor((await once('no sandbox', PROBE_JOBS)).rate);
  const results = await interleave(
    Object.keys(WAYS),
    isQuick ? runs : Math.max(runs, PAIRS_MIN),
    (way) => once(way, count),
    (way, i, m) => note(`no-op jobs, ${way}, run ${i + 1}: ${Math.round(m.rate)} jobs/s, workers ${m.workerUs.toFixed(2)} us a job`),
  );
  const row = (label, unit, digits, value, more) => ({
    group: 'isolation',
    label,
    unit,
    digits,
    values: { cartrita: value },
    ...more,
  });
  return [
    ...Object.entries(results).flatMap(([way, { rate, workerUs }]) => [
      row(`concurrency ${LOAD.concurrency}, ${way}`, 'jobs/s', 0, median(rate), { runs: results[way] }),
      row("  workers' CPU per job", 'us', 2, median(workerUs)),
    ]),
    row('  throughput that the sandbox costs', '%', 1, costOf(results), {
      target: { kind: 'atMost', value: COST_MAX },
    }),
  ];
}

async function measureSandboxStart({ redis, runs, note }) {
  const results = await interleave(
    Object.keys(WAYS),
    Math.max(runs, STARTS_MIN),
    (way) => startOnce(redis, 'cartrita', WAYS[way]),
    (way, i, m) => note(`start to first job done, ${way}, run ${i + 1}: ${m.start.toFixed(1)} ms`),
  );
  return Object.keys(WAYS).map((way) => ({
    group: 'isolation',
    label: `start to first job done, ${way}`,
    unit: 'ms',
    digits: 1,
    values: { cartrita: median(results[way].start) },
    runs: results[way],
  }));
}

export async function measureIsolation(context) {
  if (!context.names.includes('cartrita')) return [];
  return [...(await measureSandboxCost(context)), ...(await measureSandboxStart(context))];
}
