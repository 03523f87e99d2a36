// `make demo`: a private Redis, Cartrita's daemon and workers, and a Node application with seven Bull
// queues that knows nothing of them, and four more for the plugins. Shows what happens, checks each expectation, and cleans up.
// Exit status 0 when all was met, 1 when not, 130 after Ctrl-C.
import { names as seven, openQueues } from '../producer-node/queues.mjs';
import { acts } from './acts.mjs';
import { bold, dim, green, red, Screen, yellow } from './screen.mjs';
import { Stage } from './stage.mjs';

const DEADLINE_MS = 40000;
const LOOK_MS = 100;
const RUNNERS = 9; // of demo.yaml: three for pictures, one for each other of the seven

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const stage = new Stage();
const names = [...seven, ...stage.plugins.names];
const screen = new Screen(names);
let queues = {};
let leaving;

// In whatever state things are: the queues, then the workers, then Redis.
function leave(options) {
  leaving ??= (async () => {
    screen.stop();
    const left = options?.isInterrupted ? undefined : await leftovers();
    await Promise.allSettled(Object.values(queues).map((queue) => queue.close(true)));
    const ends = await stage.close();
    return { ends, left };
  })();
  return leaving;
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.on(signal, async () => {
    await leave({ isInterrupted: true });
    stage.sweep();
    console.log('\ninterrupted; everything is stopped and removed');
    process.exit(130);
  });

function watch(name, queue) {
  const tell = async (id, describe, tone) => {
    const job = await queue.getJob(id).catch(() => null);
    const took = job?.finishedOn && job?.processedOn ? ` in ${job.finishedOn - job.processedOn} ms` : '';
    const again = job?.attemptsMade > 0 && tone === green ? `, at attempt ${job.attemptsMade + 1}` : '';
    screen.event(name, `#${shortId(id)} ${job?.name ?? ''} ${describe(took)}${again}`, {
      tone,
      isUsual: tone === green && !again,
    });
  };
  queue.on('global:completed', (id) => tell(id, (took) => `completed${took}`, green));
  queue.on('global:failed', (id, reason) => tell(id, () => `failed: ${reason}`, red));
  queue.on('global:stalled', (id) => tell(id, () => 'stalled, goes back', yellow));
}

// Bull subscribes when the first listener comes, and tells nobody when that is done.
async function listening(queue) {
  await queue.isReady();
  const channels = ['completed', 'failed'].map((event) => queue.toKey(event));
  for (;;) {
    const counts = await queue.client.pubsub('NUMSUB', ...channels);
    if (counts.filter((_, i) => i % 2 === 1).every((count) => Number(count) > 0)) return;
    await sleep(5);
  }
}

const shortId = (id) => (id.startsWith('repeat:') ? `repeat:${id.slice(-13)}` : id);

// What Cartrita must not leave in Redis once its workers are idle.
async function leftovers() {
  const [first] = Object.values(queues);
  if (!first) return undefined;
  const locks = await first.client.keys('bull:*:lock');
  const active = await Promise.all(Object.values(queues).map((queue) => queue.getActiveCount()));
  return locks.length + active.reduce((sum, n) => sum + n, 0);
}

async function run() {
  greet();
  const begun = Date.now();
  await stage.open();
  return Promise.race([stage.trouble(), play(begun)]);
}

function greet() {
  console.log(`${bold('Cartrita')}: Bull queues of a Node application, their jobs run outside of Node\n`);
}

// Keeps the screen's counts fresh until the end.
async function follow() {
  while (!leaving) {
    const counts = await Promise.all(names.map((name) => queues[name].getJobCounts())).catch(() => []);
    counts.forEach((count, i) => (screen.counts[names[i]] = count));
    await sleep(LOOK_MS);
  }
}

async function play(begun) {
  queues = openQueues(stage.redis, undefined, names);
  for (const queue of Object.values(queues)) queue.on('error', () => {});
  const cast = Object.fromEntries(names.map((name) => [name, acts[name] ? new acts[name](queues[name]) : stage.plugins.act(name, queues[name])]));
  for (const name of names) watch(name, queues[name]);
  await Promise.all([stage.everyRunner(RUNNERS), ...Object.values(queues).map(listening)]);
  screen.note(`Redis, cartrita-queued and cartrita-worker are up after ${Date.now() - begun} ms`);
  screen.begin = Date.now();
  screen.start();
  follow();
  await Promise.all(Object.values(cast).map((act) => act.start()));

  const deadline = Date.now() + DEADLINE_MS;
  let open = names;
  while (open.length > 0 && Date.now() < deadline && !leaving) {
    await sleep(LOOK_MS);
    const done = await Promise.all(open.map((name) => cast[name].done()));
    open = open.filter((_, i) => !done[i]);
  }
  const results = await Promise.all(names.map(async (name) => [name, cast[name], await cast[name].outcome(), await cast[name].tally()]));
  const took = (Date.now() - screen.begin) / 1000;
  return { results, took };
}

function report({ results, took }, { ends, left }) {
  let met = true;
  let jobs = 0;
  const line = (ok, head, asked, happened) => {
    met &&= ok;
    console.log(`${ok ? green('✔') : red('✘')} ${bold(head.padEnd(22))} ${asked}\n  ${' '.repeat(22)} ${dim(happened)}`);
  };
  console.log(`${bold('What was asked for')} ${dim('and what happened')}\n`);
  for (const [name, act, { ok, text }, tally] of results) {
    jobs += tally.completed + tally.failed;
    line(ok, name, act.asks, text);
  }
  const runners = RUNNERS + stage.moreRunners;
  const replaced = stage.runners.ready - runners;
  line(replaced === 3, 'processes', 'each that crashed or hung is replaced', `${replaced} of ${runners} were`);
  const clean = left === 0 && Object.values(ends).every((end) => end === 0);
  line(clean, 'afterwards', 'no lock and no active job left, every program ends by itself',
    `${left} left; ${Object.entries(ends).map(([name, end]) => `${name} ended with ${end}`).join(', ')}`);
  console.log(`\n${jobs} jobs in ${took.toFixed(1)} s: ${met ? green('every expectation was met') : red('not every expectation was met')}`);
  console.log(`to look at: ${stage.plugins.results}`);
  return met;
}

try {
  const show = await run();
  const met = report(show, await leave());
  if (met) stage.sweep();
  else console.log(`logs: ${stage.folder}`);
  process.exit(met ? 0 : 1);
} catch (error) {
  if (leaving) await new Promise(() => {});
  await leave({ isInterrupted: true });
  console.error(`\n${red('the demo could not go on')}: ${error.message}\nlogs: ${stage.folder}`);
  process.exit(1);
}
