/**
 * A seeded generator of numbers in [0, 1) for resampling: SplitMix32 (the 32-bit finaliser of MurmurHash3
 * over a Weyl sequence). The same seed gives the same numbers on every machine. Not for secrets.
 */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x9e3779b9) >>> 0
    let mixed = state ^ (state >>> 16)
    mixed = Math.imul(mixed, 0x85ebca6b)
    mixed ^= mixed >>> 13
    mixed = Math.imul(mixed, 0xc2b2ae35)
    mixed ^= mixed >>> 16
    return (mixed >>> 0) / 2 ** 32
  }
}
