/* The rules for Prometheus and the board for Grafana: checked by promtool, and each query of them run
 * against a real Prometheus that scrapes a daemon and a worker at work. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';

import { bullQueue, untilCounts } from '../lib/bull.mjs';
import { addressOf } from '../lib/http.mjs';
import { missing, ROOT, startProgram } from '../lib/processes.mjs';
import { freePort, startRedis, temporaryDirectory } from '../lib/redis.mjs';
import { until } from '../lib/wait.mjs';
import { startCartritaWorker, startDaemon } from '../lib/workers.mjs';

const has = (program) => spawnSync(program, ['--version']).status === 0;
const folder = join(ROOT, 'deploy/prometheus');
const board = JSON.parse(readFileSync(join(ROOT, 'deploy/grafana/cartrita.json'), 'utf8'));
const SLOW_MS = 60_000;

const promtool = { skip: has('promtool') ? false : 'promtool is not installed' };

test('promtool takes configuration and rules, and the rules do what they say', promtool, () => {
  const run = (...args) => execFileSync('promtool', args, { cwd: folder, encoding: 'utf8' });
  run('check', 'config', 'prometheus.yml');
  run('check', 'rules', 'cartrita.rules.yml');
  run('test', 'rules', 'cartrita.test.yml');
  const alerts = (file) => [...readFileSync(join(folder, file), 'utf8').matchAll(/^ *- (?:alert|.*alertname): (\w+)|alertname: (\w+)/gm)].map(([, one, two]) => one ?? two);
  const tested = new Set(alerts('cartrita.test.yml'));
  assert.deepEqual(alerts('cartrita.rules.yml').filter((name) => !tested.has(name)), [], 'alerts without a test');
  const page = readFileSync(join(folder, 'README.md'), 'utf8');
  assert.deepEqual(alerts('cartrita.rules.yml'), [...page.matchAll(/^\| (Cartrita\w+) \|/gm)].map(([, name]) => name));
});

/* Grafana's own variables, as it would fill them in. */
const filledIn = (query) => query.replaceAll('$queue', '.*').replaceAll('$__rate_interval', '1m');

test('each query of the board and of the rules has an answer', { skip: has('prometheus') ? missing('cartrita-queued', 'cartrita-worker', 'plugins/noop.so') : 'Prometheus is not installed' }, async (t) => {
  const redis = await startRedis(t);
  const daemon = await startDaemon(t, redis, { args: ['--http', '127.0.0.1:0'] });
  const worker = await startCartritaWorker(t, redis, { plugin: 'noop', server: daemon.server, args: ['--http', '127.0.0.1:0'] });
  const targets = { 'cartrita-queued': await addressOf(daemon.program), 'cartrita-worker': await addressOf(worker.program) };
  const dir = await temporaryDirectory(t);
  const port = await freePort();
  const jobs = Object.entries(targets).map(([job, url]) => `  - {job_name: ${job}, static_configs: [{targets: ["${new URL(url).host}"]}]}`);
  await writeFile(join(dir, 'prometheus.yml'), `global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [${join(folder, 'cartrita.rules.yml')}]\nscrape_configs:\n${jobs.join('\n')}\n`);
  const prometheus = startProgram(t, '/usr/bin/env', ['prometheus', `--config.file=${join(dir, 'prometheus.yml')}`, `--storage.tsdb.path=${dir}/data`, `--web.listen-address=127.0.0.1:${port}`]);
  const api = async (path) => {
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`).catch(() => undefined);
    return answer && (await answer.json());
  };
  const query = (text) => api(`query?query=${encodeURIComponent(text)}`);

  const queue = bullQueue(t, redis);
  let added = 0;
  const work = async () => {
    await queue.addBulk(Array.from({ length: 50 }, (_, n) => ({ data: { n } })));
    added += 50;
    await untilCounts(queue, { completed: added }, { deadlineMs: SLOW_MS });
  };
  const values = async (text) => (await query(text))?.data?.result ?? [];
  await until(async () => {
    await work();
    return (await values('sum(rate(cartrita_queue_jobs_ended_total[1m])) > 0')).length > 0 && (await values('cartrita_queue_ready_jobs')).length > 0 && (await values('cartrita_worker_runners')).length > 0;
  }, { what: 'Prometheus to have seen jobs', deadlineMs: SLOW_MS, describe: () => prometheus.log });

  /* These have no answer while all is well. */
  const quiet = /failed|stalled/;
  for (const panel of board.panels) {
    for (const { expr } of panel.targets) {
      /* A rate needs two scrapes of each target. */
      await until(async () => {
        const answer = await query(filledIn(expr));
        assert.equal(answer.status, 'success', `${panel.title}: ${answer.error}`);
        return quiet.test(expr) || answer.data.result.length > 0;
      }, { what: `an answer for ${panel.title}: ${expr}`, deadlineMs: SLOW_MS });
    }
  }
  const { data } = await api('rules');
  const rules = data.groups.flatMap((group) => group.rules);
  assert.ok(rules.length >= 11);
  for (const rule of rules) assert.notEqual(rule.health, 'err', `${rule.name}: ${rule.lastError}`);
  await until(async () => (await values('count by (outcome) (cartrita:jobs_ended:rate5m)')).length > 0, { what: 'the recording rule', deadlineMs: SLOW_MS });
  await worker.stop();
});

test('the board is one that Grafana can place: panels apart, ids apart, data source as provisioned', () => {
  const ids = board.panels.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
  const taken = new Set();
  for (const { title, gridPos, datasource } of board.panels) {
    assert.equal(datasource.uid, 'prometheus', title);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        assert.ok(x < 24 && !taken.has(`${x} ${y}`), `${title} lies over another panel`);
        taken.add(`${x} ${y}`);
      }
    }
  }
  assert.match(readFileSync(join(ROOT, 'deploy/grafana/datasource.yaml'), 'utf8'), /uid: prometheus/);
});
