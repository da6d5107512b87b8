/**
 * The rank of each element by magnitude within its row. Rows are sorted many at once, by radix: the bits of a positive float grow with its
 * value, and three stable passes (10, 10 and 11 bits, the lowest first) put a whole batch in order; going through that order, each
 * row counts its own elements. So the tables of a pass cost little however short the rows are.
 */

const MAGNITUDE = 0x7fffffff
const BATCH = 4_096
const LOW = 10
const HIGH = 11
const LOW_MASK = 2 ** LOW - 1

/** Counts become the places where each digit begins. */
function toStarts(counts: Uint32Array): void {
  let sum = 0
  for (let digit = 0; digit < counts.length; digit++) {
    const count = counts[digit]!
    counts[digit] = sum
    sum += count
  }
}

export interface RowRanks {
  /** Elements of a batch at most: whole rows. */
  readonly batch: number
  /** Of `count` elements (whole rows) from `start` on, by element: 0 for the smallest of its row; a later one of equals is the larger. */
  ranksOf(words: Uint32Array, start: number, count: number): Uint32Array
}

/** `columns`: the length of a row. Memory: 12 bytes an element of a batch. */
export function createRowRanks(columns: number): RowRanks {
  const rows = Math.max(1, Math.floor(BATCH / columns))
  const batch = rows * columns
  const first = new Uint32Array(2 ** LOW)
  const second = new Uint32Array(2 ** LOW)
  const third = new Uint32Array(2 ** HIGH)
  const order = new Uint32Array(batch)
  const other = new Uint32Array(batch)
  const ranks = new Uint32Array(batch)
  const seen = new Uint32Array(rows)
  const rowOf = Uint32Array.from({ length: rows === 1 ? 0 : batch }, (_, at) => Math.floor(at / columns))

  function sort(words: Uint32Array, start: number, count: number): void {
    for (const counts of [first, second, third]) counts.fill(0)
    for (let at = 0; at < count; at++) {
      const magnitude = words[start + at]! & MAGNITUDE
      first[magnitude & LOW_MASK]!++
      second[(magnitude >>> LOW) & LOW_MASK]!++
      third[magnitude >>> (2 * LOW)]!++
    }
    for (const counts of [first, second, third]) toStarts(counts)
    for (let at = 0; at < count; at++) order[first[words[start + at]! & LOW_MASK]!++] = at
    for (let place = 0; place < count; place++) {
      const at = order[place]!
      other[second[(words[start + at]! >>> LOW) & LOW_MASK]!++] = at
    }
    for (let place = 0; place < count; place++) {
      const at = other[place]!
      order[third[(words[start + at]! & MAGNITUDE) >>> (2 * LOW)]!++] = at
    }
  }

  return {
    batch,
    ranksOf(words, start, count) {
      sort(words, start, count)
      if (rows === 1) for (let place = 0; place < count; place++) ranks[order[place]!] = place
      else {
        seen.fill(0)
        for (let place = 0; place < count; place++) {
          const at = order[place]!
          ranks[at] = seen[rowOf[at]!]!++
        }
      }
      return ranks
    },
  }
}
