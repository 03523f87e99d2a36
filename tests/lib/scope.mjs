/* Owns what a test must give back: every helper that starts or opens something registers here how
 * to end it. Called by all of tests/lib. Ends things newest first, so that clients go before the
 * server that they talk to; an end that fails is reported and does not keep the others from ending.
 *
 * `t` is a node:test context (its end is ours) or what newScope() returns (call close() yourself).
 * If the process dies first, children are still killed, by pid, when it exits. */

const scopes = new WeakMap();
const pids = new Set();

class Scope {
  #ends = [];
  directories = []; /* what temporaryDirectory made: the jobs of the test may write there */

  defer(end) {
    this.#ends.push(end);
  }

  async close() {
    const errors = [];
    while (this.#ends.length > 0) {
      const end = this.#ends.pop();
      try {
        await end();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, `ending: ${errors.map((e) => e.message).join('; ')}`);
  }
}

/* For programs that are no node:test: bench and chaos. */
export function newScope() {
  return new Scope();
}

/* The scope of `t`, made on first use. */
export function scopeOf(t) {
  if (t instanceof Scope) return t;
  let scope = scopes.get(t);
  if (!scope) {
    scope = new Scope();
    scopes.set(t, scope);
    t.after(() => scope.close());
  }
  return scope;
}

/* A child process that must not outlive us, whatever happens. */
export function guardPid(pid) {
  pids.add(pid);
}

export function releasePid(pid) {
  pids.delete(pid);
}

process.on('exit', () => {
  for (const pid of pids) {
    for (const target of [-pid, pid]) {
      try {
        process.kill(target, 'SIGKILL');
      } catch {
        /* already gone, or no group of its own */
      }
    }
  }
});
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
]) {
  process.once(signal, () => process.exit(code));
}
