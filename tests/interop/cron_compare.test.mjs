/* The cron dialects against the real ones: random expressions, zones and moments go through the
 * cron-parser of Bull and BullMQ 5, or that of BullMQ 6, and through ours (tests/interop/cron_cli.c), and
 * must agree on every slot, on every "there is none" and on every refusal. SEED=n repeats a run, CASES=n makes it
 * longer; both are printed on failure. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import test from 'node:test';

import { BUILD, missing } from '../lib/processes.mjs';

const require = createRequire(import.meta.url);
const parserOf = (name) => createRequire(require.resolve(name))('cron-parser');
const EDITIONS = {
  4: { parse: parserOf('bull').parseExpression, args: [], isOdd: () => false },
  /* Version 5 reads some noise by accident of its code, and where clocks change around midnight or by half
   * an hour it may leave out a day, or a time. */
  5: {
    parse: (...args) => parserOf('bullmq').CronExpressionParser.parse(...args),
    args: ['5'],
    isOdd: ({ text, zone }) => /[*?]L|L[^,\s]|\d{3}L|L\S*L|-0|-(?!\d)/.test(text) || /Lord_Howe|Chatham|Azores|Beirut|Havana|Cairo|Santiago|Asuncion/.test(zone),
  },
};

/* One seed for all, so that a failure is about what changed; SEED=$(date +%s) looks for more. */
const SEED = Number(process.env.SEED ?? 20_261_123);
const CASES = Number(process.env.CASES ?? 4000);
const ZONES_MIN = 15;
const CLI = 'tests/interop/cron_cli';

let state = BigInt(SEED) + 0x9e3779b97f4a7c15n;
const MASK = (1n << 64n) - 1n;
function random(below) {
  state = (state + 0x9e3779b97f4a7c15n) & MASK;
  let z = state;
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK;
  return Number((z ^ (z >> 31n)) % BigInt(below));
}
const pick = (list) => list[random(list.length)];
const chance = (percent) => random(100) < percent;

const FIELDS = [
  { min: 0, max: 59 },
  { min: 0, max: 59 },
  { min: 0, max: 23 },
  { min: 1, max: 31, extra: ['L', '?', '15L'] },
  { min: 1, max: 12, names: ['jan', 'Feb', 'MAR', 'apr', 'jun', 'dec', 'foo'] },
  { min: 0, max: 7, names: ['sun', 'Mon', 'TUE', 'fri', 'sat', 'bar'], extra: ['5L', 'L', '?', '0L', '7L', '1#2', 'fri#5', '2#1', '3#6'] },
];

function atom(kind) {
  const number = () => (chance(97) ? kind.min + random(kind.max - kind.min + 1) : random(100));
  const range = () => {
    const ends = [number(), number()];
    if (chance(97)) ends.sort((a, b) => a - b);
    return ends.join('-');
  };
  const step = () => (chance(95) ? 1 + random(20) : random(100));

  if (kind.names && chance(15)) return pick(kind.names);
  if (kind.extra && chance(15)) return pick(kind.extra);
  switch (random(8)) {
    case 0: return '*';
    case 1: return range();
    case 2: return `${range()}/${step()}`;
    case 3: return `*/${step()}`;
    case 4: return `${number()}/${step()}`;
    default: return String(number());
  }
}

/* What nobody writes on purpose, but a stored expression may hold. */
function noise(text) {
  const at = random(text.length + 1);
  return text.slice(0, at) + pick([...'*?-/,L#0123456789a', ' ', '@']) + text.slice(at);
}

function expression() {
  if (chance(1)) return pick(['@yearly', '@monthly', '@weekly', '@daily', '@hourly', '@reboot', '']);
  const count = pick([5, 5, 5, 5, 6, 6, 6, 4, 3, 2, 1, 7]);
  const fields = [];
  for (let i = 0; i < count; i++) {
    const kind = FIELDS[Math.max(0, 6 - count + i)] ?? FIELDS[5];
    if (chance(30)) fields.push('*');
    else fields.push(Array.from({ length: chance(75) ? 1 : 1 + random(4) }, () => atom(kind)).join(','));
  }
  const text = fields.join(' ');
  return chance(8) ? noise(text) : text;
}

/* Zones with two changes a year, half-hour steps, changes at midnight, none, and odd offsets. */
const ALL_ZONES = [
  'UTC', 'Europe/Madrid', 'America/New_York', 'America/Los_Angeles', 'Australia/Lord_Howe',
  'Australia/Sydney', 'America/Santiago', 'Asia/Kolkata', 'Asia/Kathmandu', 'Africa/Cairo', 'Africa/Casablanca',
  'America/Havana', 'Asia/Beirut', 'Pacific/Chatham', 'America/St_Johns', 'Europe/Dublin',
  'Atlantic/Azores', 'America/Asuncion', 'Asia/Tokyo', 'europe/london',
  'utc+5:30', 'UTC-3', 'Etc/GMT+5', 'Mars/Olympus', '',
];

/* Moments near clock changes come up far more often than by chance. */
const HOUR = 3_600_000;
const CHANGES = [
  '2024-03-31T01:00:00Z', '2024-10-27T01:00:00Z', '2024-03-10T07:00:00Z', '2024-11-03T06:00:00Z',
  '2024-04-06T15:00:00Z', '2024-10-05T15:30:00Z', '2024-09-08T04:00:00Z', '2024-04-07T03:00:00Z',
  '2024-04-25T22:00:00Z', '2024-10-31T21:00:00Z', '2023-03-25T22:00:00Z', '2021-03-28T01:00:00Z',
].map(Date.parse);

function moment() {
  const base = chance(50)
    ? pick(CHANGES) + (random(60) - 40) * HOUR
    : Date.UTC(2015, 0, 1) + random(20 * 366) * 24 * HOUR;
  return base + pick([0, random(HOUR), random(60) * 60_000, random(3600) * 1000]);
}

function ask({ zone, after, end, text }, edition) {
  let cron;
  try {
    cron = EDITIONS[edition].parse(text, {
      currentDate: new Date(after),
      tz: zone === '' ? undefined : zone,
      endDate: end ?? undefined,
    });
  } catch (error) {
    return { answer: 'error', detail: error.message };
  }
  try {
    return { answer: String(cron.next().getTime()) };
  } catch (error) {
    return { answer: 'none', detail: error.message };
  }
}

async function askOurs(cases, edition = 4) {
  const child = spawn(resolve(BUILD, CLI), EDITIONS[edition].args, { stdio: ['pipe', 'pipe', 'inherit'] });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (chunk) => (out += chunk));
  child.stdin.end(cases.map((c) => `${c.zone}\t${c.after}\t${c.end ?? ''}\t${c.text}\n`).join(''));
  const code = await new Promise((done, fail) => child.on('close', done).on('error', fail));
  assert.equal(code, 0, 'cron_cli ends well');
  const lines = out.split('\n');
  lines.pop();
  assert.equal(lines.length, cases.length, 'one answer a question');
  return lines;
}

/* What follows an agreed slot is asked as well: a chain as a series of jobs makes it. */
function chain(first, length, edition) {
  const cases = [];
  let at = first;
  for (let i = 0; i < length; i++) {
    const theirs = ask(at, edition);
    cases.push({ ...at, theirs });
    if (!/^-?\d+$/.test(theirs.answer)) break;
    at = { ...at, after: Number(theirs.answer) };
  }
  return cases;
}

/* Node brings time zone data of its own. Where it is not the system's, slots differ for that reason
 * alone, so such zones are left out. */
async function zonesAlike(t) {
  const named = ALL_ZONES.filter((zone) => zone.includes('/') && !zone.startsWith('Mars'));
  const cases = [];
  for (const zone of named) {
    const clock = new Intl.DateTimeFormat('en-US', {
      timeZone: zone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric',
    });
    for (let at = Date.UTC(2014, 0, 1); at < Date.UTC(2045, 0, 1); at += 7 * 24 * HOUR) {
      const part = Object.fromEntries(clock.formatToParts(at).map((p) => [p.type, Number(p.value)]));
      const local = Date.UTC(part.year, part.month - 1, part.day, part.hour, part.minute);
      cases.push({ zone, after: at, text: 'offset', expected: String((local - at) / 1000) });
    }
  }
  const ours = await askOurs(cases);
  const unlike = new Set(cases.filter((c, i) => ours[i] !== c.expected).map((c) => c.zone));
  for (const zone of unlike) t.diagnostic(`${zone}: Node's time zone data (${process.versions.tz}) differs, left out`);
  const alike = ALL_ZONES.filter((zone) => !unlike.has(zone));
  assert.ok(alike.length >= ZONES_MIN, `too many zones differ: ${[...unlike]}`);
  return alike;
}

async function compare(cases, edition) {
  const ours = await askOurs(cases, edition);
  const differ = [];
  cases.forEach((c, i) => {
    const answer = ours[i].startsWith('error') ? 'error' : ours[i];
    if (answer !== c.theirs.answer && !EDITIONS[edition].isOdd(c)) differ.push({ ...c, ours: ours[i] });
  });
  assert.deepEqual(differ.slice(0, 10), [], `${differ.length} of ${cases.length} differ; SEED=${SEED} CASES=${CASES}`);
}

for (const edition of Object.keys(EDITIONS)) {
  test(`random expressions agree with cron-parser ${edition}`, { skip: missing(CLI) }, async (t) => {
    const zones = await zonesAlike(t);
    const cases = [];
    while (cases.length < CASES) {
      const after = moment();
      const end = chance(10) ? after + random(400) * 24 * HOUR : null;
      cases.push(...chain({ zone: pick(zones), after, end, text: expression() }, 3, edition));
    }
    await compare(cases, edition);
  });

  test(`days of clock changes agree with cron-parser ${edition}, hour by hour`, { skip: missing(CLI) }, async (t) => {
    const zones = await zonesAlike(t);
    const texts = ['30 2 * * *', '0 * * * *', '*/20 1 * * *', '*/30 2 * * *', '30 2,3 * * *', '0 0 * * *', '0 0-6 * * *', '15 */2 * * *', '30 23,0 * * *', '0 0 1 * 0', '59 59 1 * * *'];
    const cases = [];
    for (const zone of zones) {
      for (const at of CHANGES) {
        const text = pick(texts);
        cases.push(...chain({ zone, after: at - 30 * HOUR + random(20 * HOUR), end: null, text }, 4, edition));
      }
    }
    await compare(cases, edition);
  });
}

test('words that only cron-parser 5 knows', { skip: missing(CLI) }, async () => {
  const texts = ['@minutely', '@secondly', '@weekdays', '@weekends', '@yearly', '? ? ? * *', '*/15 ? * * mon', '0 9 * *'];
  await compare(texts.flatMap((text) => chain({ zone: 'Europe/Madrid', after: Date.UTC(2026, 2, 27, 12), end: null, text }, 5, 5)), 5);

  /* H is any value that would do, and stays: cron-parser picks another one whenever it is asked. */
  const fits = {
    'H * * * *': { minute: (m) => m >= 0 },
    'H(10-20) * * * *': { minute: (m) => m >= 10 && m <= 20 },
    'H H(2-4) * * *': { hour: (h) => h >= 2 && h <= 4 },
    'H/15 * * * *': { count: 4 },
    'H H H * *': {},
    'H(0-29)/10 5 * * *': { hour: (h) => h === 5, minute: (m) => m < 30 },
  };
  for (const [text, { minute = () => true, hour = () => true, count }] of Object.entries(fits)) {
    const slots = [];
    for (let after = Date.UTC(2026, 0, 1); slots.length < 12; after = slots.at(-1)) {
      const [answer] = await askOurs([{ zone: 'UTC', after, text }], 5);
      slots.push(Number(answer));
    }
    for (const slot of slots) {
      const at = new Date(slot);
      assert.ok(minute(at.getUTCMinutes()) && hour(at.getUTCHours()), `${text} gave ${at.toISOString()}`);
    }
    if (count) assert.equal(slots[count] - slots[0], HOUR, text);
  }
  for (const text of ['H(5-2) * * * *', 'H(70-80) * * * *', 'H/0 * * * *', 'H( * * * *', '* * * * L', '1,1 * * * *']) {
    const [answer] = await askOurs([{ zone: 'UTC', after: 0, text }], 5);
    assert.match(answer, /^error/, text);
  }
});
