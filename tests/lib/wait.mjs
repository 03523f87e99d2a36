/* Waiting, always for a condition and always with a deadline. Nothing here sleeps "to be sure". */

export const DEADLINE_MS = 10_000;
const POLL_FIRST_MS = 2;
const POLL_MAX_MS = 50;

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/* Resolves with the first truthy value of `condition` (may be async). When `deadlineMs` passes, the
 * error says what was waited for, what was seen last and, if given, what `describe()` adds. */
export async function until(condition, { what = 'a condition', deadlineMs = DEADLINE_MS, describe } = {}) {
  const end = performance.now() + deadlineMs;
  let pollMs = POLL_FIRST_MS;
  let last;

  for (;;) {
    try {
      last = await condition();
      if (last) return last;
    } catch (error) {
      if (error.isFinal) throw error;
      last = error;
    }
    if (performance.now() >= end) break;
    await pause(pollMs);
    pollMs = Math.min(pollMs * 2, POLL_MAX_MS);
  }
  const seen = last instanceof Error ? last.message : JSON.stringify(last);
  const more = describe ? `\n${await describe()}` : '';
  throw new Error(`waited ${deadlineMs} ms for ${what}; last seen: ${seen}${more}`);
}

/* Resolves and rejects as `promise` does, or rejects when it takes too long. */
export async function within(promise, { what = 'a promise', deadlineMs = DEADLINE_MS } = {}) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${deadlineMs} ms for ${what}`)), deadlineMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/* Resolves with the arguments of the first `event` for which `matches` holds. Call it before the
 * thing that makes the event happen. */
export function nextEvent(emitter, event, { matches = () => true, deadlineMs = DEADLINE_MS } = {}) {
  let listener;
  const seen = new Promise((done) => {
    listener = (...args) => {
      if (matches(...args)) done(args);
    };
    emitter.on(event, listener);
  });
  const result = within(seen, { what: `event ${event}`, deadlineMs });
  const forget = () => emitter.removeListener(event, listener);
  result.then(forget, forget);
  return result;
}

/* Where time itself is the subject: nothing must happen, or a load must last. */
export { pause };
