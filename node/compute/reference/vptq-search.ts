/**
 * Nearest entries of a codebook and the start of k-means: twins of native/vptq_encode.cc. Every operation is
 * rounded to fp32 in the written order (sums of costs are float64), so both choose the same.
 */
const f = Math.fround

/** A codebook of `entries` × `vector` floats with -|c|² / 2 of each entry. */
export interface VptqSearch {
  readonly vector: number
  readonly codebook: Float32Array
  readonly bias: Float32Array
}

export function vptqSearch(codebook: Float32Array, vector: number): VptqSearch {
  const bias = new Float32Array(codebook.length / vector)
  for (let entry = 0; entry < bias.length; entry++) {
    let square = 0
    for (let d = 0; d < vector; d++) {
      const value = codebook[entry * vector + d]!
      square = f(square + f(value * value))
    }
    bias[entry] = -0.5 * square
  }
  return { vector, codebook, bias }
}

/** The entry with the largest x·c − |c|²/2, which is the nearest; the first among equals. */
export function nearestEntry(search: VptqSearch, points: Float32Array, at: number): number {
  const { vector, codebook, bias } = search
  let best = -Infinity
  let nearest = 0
  for (let entry = 0; entry < bias.length; entry++) {
    let score = bias[entry]!
    for (let d = 0; d < vector; d++) score = f(score + f(points[at + d]! * codebook[entry * vector + d]!))
    if (score > best) {
      best = score
      nearest = entry
    }
  }
  return nearest
}

/** For each of the points (count × vector) the nearest entry. */
export function vptqNearest(points: Float32Array, vector: number, codebook: Float32Array): Uint32Array {
  const search = vptqSearch(codebook, vector)
  return Uint32Array.from({ length: points.length / vector }, (_, i) =>
    nearestEntry(search, points, i * vector),
  )
}

/** Costs are summed by blocks of points, and the blocks then: a draw looks at a block, not at every point. */
const BLOCK = 256

/**
 * k-means++ (Arthur and Vassilvitskii, 2007): one point by draw (numbers in [0, 1)), each with a probability
 * proportional to its weight times the squared distance to the nearest that was drawn before it.
 */
export function vptqSpread(
  points: Float32Array,
  weights: Float32Array,
  vector: number,
  draws: Float64Array,
): Uint32Array {
  const count = weights.length
  const distances = new Float32Array(count).fill(Infinity)
  const costs = weights.slice()
  const blocks = new Float64Array(Math.ceil(count / BLOCK))
  const chosen = new Uint32Array(draws.length)
  for (let entry = 0; entry < draws.length; entry++) {
    const pick = draw(costs, blocks, draws[entry]!) ?? entry % count
    chosen[entry] = pick
    for (let i = 0; i < count; i++) {
      let square = 0
      for (let d = 0; d < vector; d++) {
        const difference = f(points[i * vector + d]! - points[pick * vector + d]!)
        square = f(square + f(difference * difference))
      }
      if (square < distances[i]!) distances[i] = square
      costs[i] = distances[i]! * weights[i]!
    }
  }
  return chosen
}

/** The point that a draw falls on; undefined where every cost is zero. */
function draw(costs: Float32Array, blocks: Float64Array, share: number): number | undefined {
  let total = 0
  for (let block = 0; block < blocks.length; block++) {
    let sum = 0
    const end = Math.min(costs.length, (block + 1) * BLOCK)
    for (let i = block * BLOCK; i < end; i++) sum += costs[i]!
    blocks[block] = sum
    total += sum
  }
  if (!(total > 0)) return undefined
  let left = share * total
  let block = 0
  while (block + 1 < blocks.length && left >= blocks[block]!) left -= blocks[block++]!
  const last = Math.min(costs.length, (block + 1) * BLOCK) - 1
  let pick = block * BLOCK
  while (pick < last && left >= costs[pick]!) left -= costs[pick++]!
  return pick
}
