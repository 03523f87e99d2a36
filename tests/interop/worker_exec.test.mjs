/* The exec plugin's contract, line by line, with children written here. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';

import { bullQueue, untilCounts, untilState } from '../lib/bull.mjs';
import { childrenOf, isAlive, missing, pluginPath, ROOT } from '../lib/processes.mjs';
import { until } from '../lib/wait.mjs';
import { job, startBench, untilActive } from './naughty.mjs';

const SKIP = missing('cartrita-worker', 'cartrita-queued', 'plugins/exec.so');
const options = { skip: SKIP, concurrency: true };

/* Every line the child gets is appended to LINES; `answer(line)` is the test's. */
const FRAME = `
import { appendFileSync, existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
const raw = (text) => process.stdout.write(text);
const say = (line) => raw(JSON.stringify(line) + '\\n');
const log = (text) => appendFileSync(process.env.LINES, text + '\\n');
`;

async function startChild(t, source, { env = {}, set = {}, ...more } = {}) {
  const bench = await startBench(t);
  const file = bench.file('child.mjs');
  const lines = bench.file('lines');
  writeFileSync(file, `${FRAME}\n${source}`);
  writeFileSync(lines, '');
  const worker = await bench.work({
    plugin: pluginPath('exec'),
    set: { argv: [process.execPath, file], ...set },
    env: { LINES: lines, TEST_REDIS_URL: bench.redis.url, ...env },
    ...more,
  });
  const heard = () => readFileSync(lines, 'utf8').split('\n').filter(Boolean).map((text) => JSON.parse(text));
  return { ...bench, worker, heard };
}

const LOOP = (body) => `createInterface({ input: process.stdin }).on('line', (text) => { log(text); const line = JSON.parse(text); ${body} });`;

test('a job line has exactly these members', options, async (t) => {
  const child = await startChild(t, LOOP("say({ type: 'completed', id: line.id, returnvalue: { ok: [1, 2] } });"));
  const added = await job(child.queue, 'resize', { url: 'x\ny', n: 1.5 }, { attempts: 2, jobId: 'my:id "1"' });

  await untilState(child.queue, added.id, 'completed');
  const [line] = child.heard();
  assert.deepEqual(Object.keys(line), ['type', 'id', 'name', 'queue', 'data', 'opts', 'attemptsMade', 'timestamp', 'token']);
  assert.equal(line.type, 'job');
  assert.equal(line.id, 'my:id "1"');
  assert.equal(line.name, 'resize');
  assert.equal(line.queue, 'q');
  assert.deepEqual(line.data, { url: 'x\ny', n: 1.5 });
  assert.equal(line.opts.attempts, 2);
  assert.equal(line.attemptsMade, 0);
  assert.equal(line.timestamp, added.timestamp);
  assert.match(line.token, /./);
  assert.deepEqual((await child.queue.getJob(added.id)).returnvalue, { ok: [1, 2] });
  await child.worker.stop();
});

test('tempDir: each job has a folder of its own, which goes when it has ended', options, async (t) => {
  const child = await startChild(
    t,
    LOOP(`const file = line.tempDir + '/' + line.id;
      appendFileSync(file, 'x');
      say({ type: 'completed', id: line.id, returnvalue: { dir: line.tempDir, tmp: process.env.TMPDIR } });`),
    { set: { tempDir: true }, concurrency: 2 },
  );
  const values = [];
  for (const added of [await job(child.queue, 'a'), await job(child.queue, 'b')]) {
    await untilState(child.queue, added.id, 'completed');
    values.push((await child.queue.getJob(added.id)).returnvalue);
  }
  assert.notEqual(values[0].dir, values[1].dir);
  for (const { dir, tmp } of values) {
    assert.ok(dir.startsWith(`${tmp}/job-`), dir);
    await until(() => !existsSync(dir), { what: 'the folder to be gone' });
  }
  assert.ok(existsSync(values[0].tmp));
  await child.worker.stop();
  assert.ok(!existsSync(values[0].tmp));
});

test('values travel byte for byte; a missing returnvalue is null', options, async (t) => {
  const child = await startChild(
    t,
    LOOP(`raw(line.name === 'none' ? '{"type":"completed","id":"' + line.id + '"}\\n'
      : '{"id":"' + line.id + '", "returnvalue" : {"a": 1.0, "b":12345678901234567890, "c":"\\\\ud800"} ,"type":"completed"}\\n');`),
  );
  const odd = await job(child.queue, 'odd');
  const none = await job(child.queue, 'none');

  await untilCounts(child.queue, { completed: 2 });
  assert.equal(await child.client.hget(`bull:q:${odd.id}`, 'returnvalue'), '{"a": 1.0, "b":12345678901234567890, "c":"\\ud800"}');
  assert.equal(await child.client.hget(`bull:q:${none.id}`, 'returnvalue'), 'null');
  await child.worker.stop();
});

test('answers in any order, up to the concurrency at once', options, async (t) => {
  const child = await startChild(
    t,
    `const all = []; ${LOOP("all.push(line.id); if (all.length === 4) for (const id of all.splice(0).reverse()) say({ type: 'completed', id, returnvalue: id });")}`,
    { concurrency: 4 },
  );
  for (let i = 0; i < 8; i++) await job(child.queue, 'x');
  await untilCounts(child.queue, { completed: 8 });
  for (const one of await child.queue.getCompleted()) assert.equal(one.returnvalue, one.id);
  await child.worker.stop();
});

test('progress and log before the end; all that failed can say', options, async (t) => {
  const child = await startChild(
    t,
    LOOP(`const id = line.id;
      say({ type: 'progress', id, value: { half: true } });
      say({ type: 'log', id, line: 'first' });
      if (line.name === 'plain') say({ type: 'failed', id, reason: 'plain' });
      else if (line.name === 'last') say({ type: 'failed', id, reason: 'no more', unrecoverable: true });
      else if (line.name === 'wait') say({ type: 'failed', id, reason: 'later', delay: 100000 });
      else say({ type: 'failed', id, reason: 'bad', name: 'RangeError', stacktrace: ['RangeError: bad', '    at x'] });`),
  );
  const { queue } = child;
  const full = await job(queue, 'full');
  await untilState(queue, full.id, 'failed');
  const seen = await queue.getJob(full.id);
  assert.deepEqual(seen.stacktrace, ['RangeError: bad\n    at x']);
  assert.equal(seen.failedReason, 'bad');
  assert.deepEqual(await seen.progress(), { half: true });
  assert.deepEqual((await queue.getJobLogs(full.id)).logs, ['first']);
  const plain = await job(queue, 'plain');
  await untilState(queue, plain.id, 'failed');
  assert.match((await queue.getJob(plain.id)).stacktrace[0], /^Error: plain/);
  const last = await job(queue, 'last', {}, { attempts: 5 });
  await untilState(queue, last.id, 'failed');
  assert.equal((await queue.getJob(last.id)).attemptsMade, 1);
  const wait = await job(queue, 'wait', {}, { attempts: 5 });
  await untilState(queue, wait.id, 'delayed');
  await child.worker.stop();
});

test('finished lines come to a child that asked for them, and only to it', options, async (t) => {
  const asks = await startChild(
    t,
    `say({ type: 'hello', finished: true }); ${LOOP("if (line.type === 'job') say(line.name === 'bad' ? { type: 'failed', id: line.id, reason: 'x' } : { type: 'completed', id: line.id });")}`,
  );
  const good = await job(asks.queue, 'good');
  const bad = await job(asks.queue, 'bad');
  await until(() => asks.heard().filter((line) => line.type === 'finished').length === 2, { what: 'two finished lines' });
  assert.deepEqual(
    asks.heard().filter((line) => line.type === 'finished'),
    [
      { type: 'finished', id: good.id, state: 'completed', error: null },
      { type: 'finished', id: bad.id, state: 'failed', error: null },
    ],
  );
  await asks.worker.stop();

  const silent = await startChild(t, LOOP("say({ type: 'completed', id: line.id });"));
  await job(silent.queue, 'a');
  await untilCounts(silent.queue, { completed: 1 });
  await job(silent.queue, 'b');
  await untilCounts(silent.queue, { completed: 2 });
  assert.deepEqual([...new Set(silent.heard().map((line) => line.type))], ['job']);
  await silent.worker.stop();
});

test('a late job gets a cancel line; whatever it answers, it has failed', options, async (t) => {
  const child = await startChild(t, LOOP("if (line.type === 'cancel') say({ type: 'completed', id: line.id });"));
  const late = await job(child.queue, 'late', {}, { timeout: 100 });

  await untilState(child.queue, late.id, 'failed');
  assert.equal((await child.queue.getJob(late.id)).failedReason, 'Promise timed out after 100 milliseconds');
  assert.deepEqual(child.heard()[1], { type: 'cancel', id: late.id, reason: 'Promise timed out after 100 milliseconds' });
  await child.worker.stop();
});

test('released: the child has moved the job, and nothing is written', options, async (t) => {
  const child = await startChild(
    t,
    `import { createRequire } from 'node:module';
     const Redis = createRequire(process.env.TESTS)('ioredis');
     ${LOOP(`const redis = new Redis(process.env.TEST_REDIS_URL);
       redis.multi().lrem('bull:q:active', 0, line.id).del('bull:q:' + line.id + ':lock')
         .zadd('bull:q:delayed', (Date.now() + 3600000) * 4096, line.id).exec().then(() => {
           redis.disconnect();
           say({ type: 'released', id: line.id });
         });`)}`,
    { env: { TESTS: join(ROOT, 'tests/package.json') } },
  );
  const moved = await job(child.queue, 'moved');
  await untilState(child.queue, moved.id, 'delayed');
  await child.worker.stop(); /* which waits for the answer */
  assert.equal(await moved.getState(), 'delayed');
  const seen = await child.queue.getJob(moved.id);
  assert.equal(seen.attemptsMade, 0);
  assert.ok(!seen.finishedOn);
});

test('ratelimited: back to waiting, uncharged', options, async (t) => {
  const child = await startChild(
    t,
    `let times = 0; ${LOOP("say(times++ === 0 ? { type: 'ratelimited', id: line.id, duration: 300 } : { type: 'completed', id: line.id });")}`,
  );
  const limited = await job(child.queue, 'limited', {}, { attempts: 1 });
  await untilState(child.queue, limited.id, 'completed');
  assert.equal((await child.queue.getJob(limited.id)).attemptsMade, 0);
  assert.equal(child.heard().length, 2);
  await child.worker.stop();
});

test('a child that dies fails the jobs in it with its last words, and is started again', options, async (t) => {
  const child = await startChild(
    t,
    LOOP("if (line.name === 'die') { console.error('first'); console.error('out of ideas'); process.exitCode = 3; process.stdin.destroy(); } else say({ type: 'completed', id: line.id, returnvalue: process.pid });"),
  );
  const { queue } = child;
  const first = await job(queue, 'ok');
  await untilState(queue, first.id, 'completed');
  const bad = await job(queue, 'die');
  await untilState(queue, bad.id, 'failed');
  assert.equal((await queue.getJob(bad.id)).failedReason, 'the command exited with status 3: out of ideas');
  const second = await job(queue, 'ok');
  await untilState(queue, second.id, 'completed');
  assert.notEqual((await queue.getJob(second.id)).returnvalue, (await queue.getJob(first.id)).returnvalue);
  assert.ok(child.worker.program.lines.some((line) => line.includes('out of ideas')));
  await child.worker.stop();
});

test('lines that make no sense are logged, bounded, and harm no job', options, async (t) => {
  const child = await startChild(
    t,
    `for (let i = 0; i < 1000; i++) raw('garbage ' + i + '\\n'); raw('\\n{"type":1}\\n[]\\n{"type":"completed","id":"nobody"}\\n{"type":"what","id":"1"}\\n{"type":"progress","id":"1","value":}\\n');
     ${LOOP("say({ type: 'completed', id: line.id });")}`,
  );
  await job(child.queue, 'ok');
  await untilCounts(child.queue, { completed: 1 });
  const complaints = child.worker.program.lines.filter((line) => /exec: the child wrote/.test(line));
  assert.ok(complaints.length >= 1 && complaints.length <= 12, `${complaints.length} complaints`);
  assert.match(complaints[0], /garbage 0/);
  await child.worker.stop();
});

test('a result that is not JSON, and one over the limit, fail their job alone', options, async (t) => {
  const child = await startChild(
    t,
    LOOP("if (line.name === 'big') raw('{\"type\":\"completed\",\"id\":\"' + line.id + '\",\"returnvalue\":\"' + 'x'.repeat(17 * 1024 * 1024) + '\"}\\n'); else if (line.name === 'bad') raw('{\"type\":\"completed\",\"id\":\"' + line.id + '\",\"returnvalue\":nope}\\n'); else say({ type: 'completed', id: line.id });"),
  );
  const { queue } = child;
  const bad = await job(queue, 'bad');
  const big = await job(queue, 'big');
  await job(queue, 'ok');
  await untilCounts(queue, { completed: 1, failed: 2 });
  assert.match((await queue.getJob(bad.id)).failedReason, /result that is not JSON/);
  assert.match((await queue.getJob(big.id)).failedReason, /longer than the limit of 16777216 bytes a line/);
  await child.worker.stop();
});

test('what the child leaves behind dies with the runner', options, async (t) => {
  const child = await startChild(
    t,
    `import { spawn } from 'node:child_process'; spawn('sleep', ['1000'], { stdio: 'ignore' }); ${LOOP("if (line.type === 'cancel') return;")}`,
  );
  await job(child.queue, 'hang');
  await untilActive(child.queue);
  const [runner] = await child.worker.pids();
  const [guard] = await childrenOf(runner);
  const family = await until(
    async () => {
      const [command] = await childrenOf(guard);
      const sleeps = command ? await childrenOf(command) : [];
      return sleeps.length > 0 && [guard, command, ...sleeps];
    },
    { what: 'the child and its own child' },
  );
  process.kill(runner, 'SIGKILL');
  await until(() => family.every((pid) => !isAlive(pid)), { what: 'all of them to be gone' });
  await child.worker.stop();
});

test('the Node example works', options, async (t) => {
  const bench = await startBench(t);
  const worker = await bench.work({ plugin: pluginPath('exec'), set: { command: 'node worker.mjs', cwd: join(ROOT, 'examples/exec-node') }, concurrency: 4 });
  const good = await job(bench.queue, 'resize', { imageUrl: 'a.png', options: { width: 80 } });
  const bad = await job(bench.queue, 'fail', { message: 'on purpose' });
  await untilCounts(bench.queue, { completed: 1, failed: 1 });
  assert.deepEqual((await bench.queue.getJob(good.id)).returnvalue, { url: 'a.png', width: 80 });
  assert.match((await bench.queue.getJob(bad.id)).stacktrace[0], /^TypeError: on purpose\n/);
  await worker.stop();
});

test('wrong settings are refused with what to write instead', options, async (t) => {
  const bench = await startBench(t);
  const worker = await bench.work({ plugin: pluginPath('exec'), set: { comand: 'x' }, waitReady: false });
  await worker.program.untilLine(/exec 1\.0 does not open: set either command .* or argv/);
  await worker.stop();
  const other = await bench.work({ plugin: pluginPath('exec'), set: { command: 'x', tempDir: 'yes' }, waitReady: false });
  await other.program.untilLine(/exec 1\.0 does not open: tempDir must be true or false/);
  await other.stop();
});

/* Each of them runs twice; nothing is charged. Bull's own delayed set holds the first. */
test('delayed and waiting: the job runs again, uncharged', options, async (t) => {
  const child = await startChild(
    t,
    LOOP(`if (line.type !== 'job') return;
      const again = appendTimes.get(line.id) ?? 0;
      appendTimes.set(line.id, again + 1);
      if (again) say({ type: 'completed', id: line.id, returnvalue: line.data });
      else if (line.name === 'later') say({ type: 'delayed', id: line.id, delay: 300 });
      else { say({ type: 'update', id: line.id, data: { step: 2 } }); say({ type: 'waiting', id: line.id }); }`)
      .replace(/^/, 'const appendTimes = new Map();\n'),
  );
  const began = Date.now();
  const later = await job(child.queue, 'later', { step: 1 });
  const again = await job(child.queue, 'again', { step: 1 });

  await untilState(child.queue, later.id, 'completed');
  await untilState(child.queue, again.id, 'completed');
  assert.ok(Date.now() - began >= 300);
  const [first, second] = [await child.queue.getJob(later.id), await child.queue.getJob(again.id)];
  assert.deepEqual([first.returnvalue, second.returnvalue], [{ step: 1 }, { step: 2 }]);
  assert.deepEqual(child.heard().filter((line) => line.type === 'job').map((line) => line.attemptsMade), [0, 0, 0, 0]);
  assert.ok(!first.failedReason && !second.failedReason);
  await child.worker.stop();
});

test('waiting-children and children in a Bull queue: a clear error', options, async (t) => {
  const child = await startChild(
    t,
    LOOP(`if (line.type === 'job') say({ type: 'children', id: line.id, which: 'ignored' });
      if (line.type === 'children') say({ type: 'waiting-children', id: line.id });`),
  );
  const added = await job(child.queue, 'a', {}, { attempts: 3 });

  await untilState(child.queue, added.id, 'failed');
  const answer = child.heard().find((line) => line.type === 'children');
  assert.equal(answer.which, 'ignored');
  assert.deepEqual(answer.children, {});
  assert.equal(answer.more, false);
  assert.match(answer.error, /jobs of queue q have no children: its dialect is bull/);
  assert.match((await child.queue.getJob(added.id)).failedReason, /cannot wait for children/);
  await child.worker.stop();
});

test('add: jobs for other queues, answered when asked for', options, async (t) => {
  const child = await startChild(
    t,
    LOOP(`const { id } = line;
      if (line.type === 'job') {
        say({ type: 'add', id, queue: 'next', name: 'n', data: { x: [1] }, opts: { attempts: 3 }, ref: 'a' });
        say({ type: 'add', id, queue: 'next', opts: 'nonsense', ref: 7 });
        say({ type: 'add', id, queue: 'next', name: 'silent' });
      }
      if (line.type === 'added' && line.ref === 7) say({ type: 'completed', id });`),
  );
  const next = bullQueue(t, child.redis, 'next');
  const added = await job(child.queue, 'a');

  await untilState(child.queue, added.id, 'completed');
  await untilCounts(next, { waiting: 2 });
  const [good, bad] = ['a', 7].map((ref) => child.heard().find((line) => line.ref === ref));
  assert.deepEqual(good, { type: 'added', id: added.id, ref: 'a', job: good.job, error: null });
  const stored = await next.getJob(good.job);
  assert.deepEqual([stored.name, stored.data, stored.opts.attempts], ['n', { x: [1] }, 3]);
  assert.equal(bad.job, null);
  assert.match(bad.error, /opts/);
  await child.worker.stop();
});
