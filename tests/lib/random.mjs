/* A random that can be repeated: SEED=n. Called by chaos and by what needs a large, odd input. */

export const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);

/* mulberry32: [0, 1). */
export function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}
