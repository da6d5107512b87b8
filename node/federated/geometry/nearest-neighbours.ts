/** Distances of points to their nearest neighbours: exact, over all pairs. */

/** Dimensions that are added up between looks at whether a pair still matters. */
const STEP = 32

export interface NearestPairs {
  /** Distance to the nearest and to the second nearest other point, by point. */
  readonly first: Float64Array
  readonly second: Float64Array
}

export interface Points {
  /** Row-major, `count` rows of `dims` numbers. */
  readonly values: Float32Array | Float64Array
  readonly count: number
  readonly dims: number
}

/** The chosen rows of a set, in the order given. */
export function pickPoints({ values, dims }: Points, rows: ArrayLike<number>): Points {
  const picked = new Float32Array(rows.length * dims)
  for (let at = 0; at < rows.length; at++)
    picked.set(values.subarray(rows[at]! * dims, (rows[at]! + 1) * dims), at * dims)
  return { values: picked, count: rows.length, dims }
}

/**
 * Euclidean distances to the two nearest others. Squares are added up in float64, dimension after dimension, and a pair
 * is given up as soon as it is farther than the second nearest of both its points: what comes out is that of adding up
 * everything, bit for bit. Needs three points; infinite where there are fewer.
 */
export function nearestPairs({ values, count, dims }: Points): NearestPairs {
  const first = new Float64Array(count).fill(Number.POSITIVE_INFINITY)
  const second = new Float64Array(count).fill(Number.POSITIVE_INFINITY)
  const note = (point: number, square: number): void => {
    if (square >= second[point]!) return
    if (square < first[point]!) {
      second[point] = first[point]!
      first[point] = square
    } else second[point] = square
  }
  for (let a = 0; a < count; a++) {
    const aStart = a * dims
    for (let b = a + 1; b < count; b++) {
      const bStart = b * dims
      const limit = Math.max(second[a]!, second[b]!)
      let square = 0
      for (let from = 0; from < dims && square < limit; from += STEP) {
        const end = Math.min(dims, from + STEP)
        for (let at = from; at < end; at++) {
          const difference = values[aStart + at]! - values[bStart + at]!
          square += difference * difference
        }
      }
      note(a, square)
      note(b, square)
    }
  }
  return { first: first.map(Math.sqrt), second: second.map(Math.sqrt) }
}
