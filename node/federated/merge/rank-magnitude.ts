/**
 * Which elements of a tensor lie between two ranks of magnitude, without sorting: the bits of a positive float grow with its value,
 * so that three histograms (11, 10 and 10 bits) find the element of any rank. Equal magnitudes are ranked by position, a later one as
 * larger, so that the count is always exact.
 */

const MAGNITUDE = 0x7fffffff
/** Of the 31 bits, from the highest on: how far down they lie and how many they are. */
const DIGITS = [
  { shift: 20, bits: 11 },
  { shift: 10, bits: 10 },
  { shift: 0, bits: 10 },
] as const

interface Ranked {
  /** Of the magnitude at that rank. */
  readonly bits: number
  /** How many are smaller. */
  readonly below: number
}

/** Counts by the first digit, in four histograms: neighbours often have the same, and a counter is slow to be counted up twice in a row. */
function countAll(words: Uint32Array, shift: number, bins: Uint32Array): void {
  const four = Array.from({ length: 4 }, () => new Uint32Array(bins.length))
  const [a, b, c, d] = four as [Uint32Array, Uint32Array, Uint32Array, Uint32Array]
  const end = words.length - (words.length % 4)
  for (let i = 0; i < end; i += 4) {
    a[(words[i]! & MAGNITUDE) >>> shift]!++
    b[(words[i + 1]! & MAGNITUDE) >>> shift]!++
    c[(words[i + 2]! & MAGNITUDE) >>> shift]!++
    d[(words[i + 3]! & MAGNITUDE) >>> shift]!++
  }
  for (let i = end; i < words.length; i++) a[(words[i]! & MAGNITUDE) >>> shift]!++
  for (let bin = 0; bin < bins.length; bin++) bins[bin] = a[bin]! + b[bin]! + c[bin]! + d[bin]!
}

/** The element of `rank`, 0 for the smallest. */
function atRank(words: Uint32Array, rank: number): Ranked {
  let below = 0
  let prefix = 0
  for (const { shift, bits } of DIGITS) {
    const bins = new Uint32Array(2 ** bits)
    const mask = bins.length - 1
    const above = shift + bits
    if (above === 31) countAll(words, shift, bins)
    else
      for (let i = 0; i < words.length; i++) {
        const magnitude = words[i]! & MAGNITUDE
        if (magnitude >>> above === prefix) bins[(magnitude >>> shift) & mask]!++
      }
    let digit = 0
    while (below + bins[digit]! <= rank) below += bins[digit++]!
    prefix = (prefix << bits) | digit
  }
  return { bits: prefix, below }
}

/** How many elements a share is: the product is rounded up where only its last bits are missing (0.29 · 100). */
export const countOf = (share: number, elements: number): number =>
  Math.min(elements, Math.floor(share * elements * (1 + 2 ** -50)))

/** Sets what does not have a rank of magnitude from `from` to `end` − 1 to zero, in place; rank 0 is the smallest. */
export function keepRanks(values: Float32Array, from: number, end: number): void {
  const count = values.length
  if (from <= 0 && end >= count) return
  if (from >= end) {
    values.fill(0)
    return
  }
  const words = new Uint32Array(values.buffer, values.byteOffset, count)
  // Nothing lies below the one border or above the other where the ranks reach the end: no tie is cut there.
  const low = from <= 0 ? { bits: -1, below: 0 } : atRank(words, from)
  const high = end >= count ? { bits: MAGNITUDE, below: Number.NEGATIVE_INFINITY } : atRank(words, end)
  let lowSeen = low.below
  let highSeen = high.below
  for (let i = 0; i < count; i++) {
    const bits = words[i]! & MAGNITUDE
    if (bits === low.bits || bits === high.bits) {
      const isAbove = bits !== low.bits || lowSeen++ >= from
      const isBelow = bits !== high.bits || highSeen++ < end
      if (!(isAbove && isBelow)) words[i] = 0
      continue
    }
    // All ones between the borders and zero outside, without a branch that nobody could predict.
    words[i]! &= ((low.bits - bits) >> 31) & ((bits - high.bits) >> 31)
  }
}

/** Keeps the share of a tensor that is largest, in place. */
export function keepLargest(values: Float32Array, density: number): void {
  keepRanks(values, values.length - countOf(density, values.length), values.length)
}
