/* What a queue is in Redis, as a plain object that two runs can be compared by. Called by interop
 * tests: the same thing done by Bull or BullMQ and by Cartrita must leave the same state.
 *
 * normalise() replaces only what must differ between two runs: times (by "<time>"), lock tokens (by
 * "<token>"), the ids of a stream and the frames of stack traces. Everything else stays, to the byte. */

const TIME_WINDOW_MS = 2 * 24 * 3600 * 1000;
const DELAYED_FACTOR = 4096;

/* {suffix: {type, value}} of every key that starts with `prefix:name:`, or with `prefix:` when `name` is
 * null. zset values are [[member, score], ...] in order; sets are sorted; a stream is its entries, each a
 * flat list of fields and values; expiring keys carry expires: true. */
export async function dump(client, name = 'q', prefix = 'bull') {
  const base = name === null ? `${prefix}:` : `${prefix}:${name}:`;
  const state = {};

  for (const key of (await keysOf(client, base)).sort()) {
    const type = await client.type(key);
    if (type === 'none') continue; /* it has expired meanwhile */
    const entry = { type, value: await valueOf(client, key, type) };
    if ((await client.pttl(key)) >= 0) entry.expires = true;
    state[key.slice(base.length)] = entry;
  }
  return state;
}

async function keysOf(client, base) {
  const keys = new Set();
  const pattern = `${base.replace(/[[\]*?\\]/g, '\\$&')}*`;
  let cursor = '0';
  do {
    const [next, some] = await client.scan(cursor, 'MATCH', pattern, 'COUNT', 1000);
    for (const key of some) keys.add(key);
    cursor = next;
  } while (cursor !== '0');
  return [...keys];
}

async function valueOf(client, key, type) {
  switch (type) {
    case 'string':
      return client.get(key);
    case 'list':
      return client.lrange(key, 0, -1);
    case 'set':
      return (await client.smembers(key)).sort();
    case 'hash': {
      const hash = await client.hgetall(key);
      return Object.fromEntries(Object.entries(hash).sort(([a], [b]) => (a < b ? -1 : 1)));
    }
    case 'zset': {
      const flat = await client.zrange(key, 0, -1, 'WITHSCORES');
      return flat.flatMap((item, i) => (i % 2 === 0 ? [[item, Number(flat[i + 1])]] : []));
    }
    case 'stream':
      return (await client.xrange(key, '-', '+')).map(([, fields]) => fields);
    default:
      throw new Error(`key ${key} has the unexpected type ${type}`);
  }
}

const isTime = (number) => Math.abs(number - Date.now()) < TIME_WINDOW_MS;

/* A number or numeric text that is a time near now becomes "<time>". */
function maskTime(value) {
  const number = Number(value);
  return value !== '' && Number.isFinite(number) && isTime(number) ? '<time>' : value;
}

function maskJson(text, mask = (value) => value) {
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    return text;
  }
  const walk = (item) => {
    if (typeof item === 'number') return maskTime(item);
    if (Array.isArray(item)) return item.map(walk);
    if (item && typeof item === 'object') {
      return Object.fromEntries(Object.entries(item).map(([key, inner]) => [key, walk(inner)]));
    }
    return item;
  };
  return JSON.stringify(mask(walk(value)));
}

/* Frames differ by nature; how many traces there are does not. The first line is compared only when
 * asked for (a Node worker's and ours may word it alike, as in "Error: boom"). */
function maskStacktrace(text, keepFirstLine) {
  return maskJson(text, (traces) =>
    Array.isArray(traces) ? traces.map((trace) => (keepFirstLine ? String(trace).split('\n')[0] : '<trace>')) : traces,
  );
}

const sorted = (item) =>
  item && typeof item === 'object' && !Array.isArray(item)
    ? Object.fromEntries(Object.keys(item).sort().map((key) => [key, sorted(item[key])]))
    : item;

/* An iteration of a scheduler: its delay is what was left until its slot, its id has the slot in it. */
function maskIteration(hash) {
  if (hash.delay !== '0') hash.delay = '<left>';
  hash.opts = maskId(maskJson(hash.opts, (opts) => ({ ...opts, ...(opts.delay && { delay: '<left>' }) })));
}

function maskHash(hash, options) {
  const masked = {};
  for (const [field, value] of Object.entries(hash)) {
    if (field === 'stacktrace') masked[field] = maskStacktrace(value, options.keepTraceLine);
    else if (field === 'opts' || field === 'parent') masked[field] = maskJson(value, options.sortJson ? sorted : undefined);
    else if (['timestamp', 'processedOn', 'finishedOn', 'retriedOn', 'prevTS'].includes(field))
      masked[field] = maskTime(value);
    /* a scheduler's, by its counter: where in the interval it was made */
    else if (field === 'offset' && hash.ic && hash.every) masked[field] = '<offset>';
    else masked[field] = value;
  }
  if (hash.rjk) maskIteration(masked);
  return masked;
}

/* A delayed score is ms * 4096 + low bits: the low bits are kept, the time is not. */
function maskScore(suffix, score) {
  if (/(^|:)delayed$/.test(suffix) && score > DELAYED_FACTOR) {
    const due = Math.floor(score / DELAYED_FACTOR);
    return isTime(due) ? `<time>+${Math.floor(score % DELAYED_FACTOR)}` : score;
  }
  return maskTime(score);
}

/* Members whose times are masked have no order left: what ended in one millisecond may be either way. */
function maskZset(suffix, value) {
  const clean = value.map(([member, score]) => [maskId(member), maskScore(suffix, score)]);
  const isTimed = clean.some(([, score]) => typeof score === 'string');
  return isTimed ? clean.sort(([a], [b]) => (a < b ? -1 : 1)) : clean;
}

const isToken = (text) => /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(:.*)?$/i.test(text);
/* Times inside of ids: the slot of a repeatable's iteration. */
const maskId = (text) => text.replace(/\b\d{13}\b/g, (digits) => (isTime(Number(digits)) ? '<time>' : digits));

/* An entry as one line: "event jobId=1 prev=active". */
function maskEvent(fields) {
  const pairs = [];
  for (let i = 0; i < fields.length; i += 2) {
    const value = fields[i] === 'delay' ? maskTime(fields[i + 1]) : maskId(fields[i + 1]);
    pairs.push(fields[i] === 'event' ? value : `${fields[i]}=${value}`);
  }
  return pairs.join(' ');
}

/* Without what a job that is handed back before it was begun, and fetched again, adds: whoever looks ahead
 * does that when the job before takes longer than expected. */
function dropHandBacks(entries) {
  const idOf = (fields) => fields[fields.indexOf('jobId') + 1];
  const dropped = new Set();
  const last = new Map(); /* job id -> its last three events */
  for (const fields of entries) {
    const past = [...(last.get(idOf(fields)) ?? []), fields].slice(-3);
    last.set(idOf(fields), past);
    const [first, second, third] = past;
    if (past.length < 3 || second[1] !== 'waiting' || !second.includes('active')) continue;
    if (first[1] !== 'active' || third[1] !== 'active') continue;
    dropped.add(second).add(third);
    last.set(idOf(fields), [first]);
  }
  return entries.filter((fields) => !dropped.has(fields));
}

/* {job id: [event, ...]}: order holds per job, between jobs it is a matter of timing; or all of them in
 * order when `inOrder`. */
function maskStream(entries, { inOrder = false, withoutEvents = ['drained'] }) {
  const kept = dropHandBacks(entries).filter((fields) => !withoutEvents.includes(fields[1]));
  if (inOrder) return kept.map(maskEvent);
  const byJob = {};
  for (const fields of kept) {
    const at = fields.indexOf('jobId');
    (byJob[at < 0 ? '' : fields[at + 1]] ??= []).push(maskEvent(fields));
  }
  return maskKeys(byJob);
}

/* Several iterations of one series: numbered, as their times are. */
function maskKeys(object) {
  const masked = {};
  for (const key of Object.keys(object).sort()) {
    let name = maskId(key);
    for (let i = 2; masked[name]; i++) name = `${maskId(key)} (${i})`;
    masked[name] = object[key];
  }
  return masked;
}

/* options.without: suffixes (text or RegExp) to leave out; by default what only tells that a worker
 * is alive. options.keepTraceLine: keep the first line of each stack trace. options.sortJson: the order
 * of members in options is nobody's. options.inOrder, withoutEvents: of streams. */
export function normalise(state, options = {}) {
  const without = options.without ?? ['stalled-check', 'stalled'];
  const masked = {};

  for (const [suffix, entry] of Object.entries(state)) {
    if (without.some((item) => (item instanceof RegExp ? item.test(suffix) : item === suffix))) continue;
    const { type, value } = entry;
    let clean = value;
    if (type === 'hash') clean = maskHash(value, options);
    else if (type === 'zset') clean = maskZset(suffix, value);
    else if (type === 'string') clean = suffix.endsWith(':lock') || isToken(value) ? '<token>' : maskTime(value);
    else if (type === 'list') clean = value.map(maskId);
    else if (type === 'set') clean = value.map(maskId).sort();
    else if (type === 'stream') clean = maskStream(value, options);
    masked[suffix] = { ...entry, value: clean };
  }
  return maskKeys(masked);
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/* Jobs of flows have random ids: "<name of the job>" instead, as it was told when it was added. */
export function nameJobs(state) {
  let text = JSON.stringify(state);
  for (const { type, value } of Object.values(state)) {
    if (type !== 'stream') continue;
    for (const [, event, , id, , name] of value) {
      if (event === 'added' && UUID.test(id)) text = text.replaceAll(id, `<${name}>`);
    }
  }
  return JSON.parse(text);
}

/* The differences of two plain values, a line each ("path: ours | theirs"), `max` at the most. */
export function differences(ours, theirs, max = 20) {
  const found = [];
  const walk = (a, b, path) => {
    if (found.length >= max || Object.is(a, b)) return;
    const isBoth = a && b && typeof a === 'object' && typeof b === 'object';
    if (!isBoth) {
      found.push(`${path}: ${JSON.stringify(a)?.slice(0, 300)} | ${JSON.stringify(b)?.slice(0, 300)}`);
      return;
    }
    for (const key of new Set([...Object.keys(a), ...Object.keys(b)]))
      walk(a[key], b[key], path ? `${path}.${key}` : key);
  };
  walk(ours, theirs, '');
  return found;
}

/* Messages (of recordMessages) without what must differ: the token after "@", times. */
export function normaliseMessages(messages) {
  return messages.map(({ channel, message }) => {
    const [name, token] = channel.split('@');
    const channelMasked = token === undefined ? name : `${name}@${token === '' ? '' : '<token>'}`;
    return `${channelMasked} ${name === 'delayed' ? '<time>' : maskId(message)}`;
  });
}
