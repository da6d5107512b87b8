/**
 * Trains a codebook of `vptq`: k-means (Lloyd, 1982) on weighted vectors, begun by k-means++ on a part of them. All
 * of it is seeded and in a written order (fp32 distances, float64 sums), so that every peer gives the same bytes.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { VillageError } from '../../errors.ts'
import { seededRandom } from '../evaluate/seeded-random.ts'
import type { Kernels } from '../kernels.ts'
import { fromHalfBits, toHalfBits } from '../reference/f16.ts'
import { MAX_CENTROID, type ParsedCodebook } from './vptq-codebook.ts'
import type { VptqLayout } from './vptq-layouts.ts'

export interface TrainingVectors {
  /** count × vector, in units of the scale of their rows. */
  readonly points: Float32Array
  /** How much the error of each counts: finite, not negative. */
  readonly weights: Float32Array
}

export interface Training {
  readonly codebook: ParsedCodebook
  /** Weighted mean squared error of one weight of the sample, in units of the squared scale of its row. */
  readonly distortion: number
  readonly vectors: number
}

/** Entries find their places on a part of the vectors, so many an entry, and settle on all of them. */
const ROUGH_BY_ENTRY = 64
const ROUGH_ITERATIONS = 10
const FINE_ITERATIONS = 8
/** Iterations end early once one gains less than this share. */
const LEAST_GAIN = 0.001
/** k-means++ looks at this many vectors an entry: its cost is their number times that of the entries. */
const SPREAD_BY_ENTRY = 8

interface Assigned {
  readonly nearest: Uint32Array
  /** Weighted squared distance of each vector. */
  readonly costs: Float64Array
  readonly total: number
}

function assign(kernels: Kernels, sample: TrainingVectors, vector: number, entries: Float32Array): Assigned {
  const { points, weights } = sample
  const nearest = kernels.vptqNearest(points, vector, entries)
  const costs = new Float64Array(weights.length)
  let total = 0
  for (let i = 0; i < weights.length; i++) {
    let square = 0
    for (let d = 0; d < vector; d++) {
      const difference = points[i * vector + d]! - entries[nearest[i]! * vector + d]!
      square += difference * difference
    }
    costs[i] = weights[i]! * square
    total += costs[i]!
  }
  return { nearest, costs, total }
}

/** Each entry becomes the mean of its vectors; one that has none becomes a vector that costs most where it is. */
function moveEntries(
  sample: TrainingVectors,
  vector: number,
  entries: Float32Array,
  { nearest, costs }: Assigned,
): void {
  const { points, weights } = sample
  const count = entries.length / vector
  const sums = new Float64Array(entries.length)
  const totals = new Float64Array(count)
  for (let i = 0; i < weights.length; i++) {
    const entry = nearest[i]!
    const weight = weights[i]!
    totals[entry] = totals[entry]! + weight
    for (let d = 0; d < vector; d++)
      sums[entry * vector + d] = sums[entry * vector + d]! + weight * points[i * vector + d]!
  }
  const empty: number[] = []
  for (let entry = 0; entry < count; entry++) {
    if (totals[entry]! > 0)
      for (let d = 0; d < vector; d++)
        entries[entry * vector + d] = sums[entry * vector + d]! / totals[entry]!
    else empty.push(entry)
  }
  if (empty.length === 0) return
  const dearest = Array.from(costs.keys()).sort((a, b) => costs[b]! - costs[a]! || a - b)
  for (const [rank, entry] of empty.entries()) {
    const from = dearest[rank % dearest.length]!
    entries.set(points.subarray(from * vector, (from + 1) * vector), entry * vector)
  }
}

function roundToHalf(entries: Float32Array): void {
  for (let i = 0; i < entries.length; i++) {
    const value = Math.max(-MAX_CENTROID, Math.min(MAX_CENTROID, entries[i]!))
    entries[i] = fromHalfBits(toHalfBits(value))
  }
}

/** Vectors for k-means++: all of them, or as many drawn in equal strides. */
function thin(sample: TrainingVectors, vector: number, most: number): TrainingVectors {
  const count = sample.weights.length
  if (count <= most) return sample
  const points = new Float32Array(most * vector)
  const weights = new Float32Array(most)
  for (let i = 0; i < most; i++) {
    const from = Math.floor((i * count) / most)
    points.set(sample.points.subarray(from * vector, (from + 1) * vector), i * vector)
    weights[i] = sample.weights[from]!
  }
  return { points, weights }
}

type Step = (share: number) => Promise<void>

/** Moves the entries until little is gained, or for so many iterations. */
async function settle(
  kernels: Kernels,
  sample: TrainingVectors,
  vector: number,
  entries: Float32Array,
  iterations: number,
  step: Step,
): Promise<void> {
  let before = Infinity
  for (let iteration = 0; iteration < iterations; iteration++) {
    await step(iteration / iterations)
    const assigned = assign(kernels, sample, vector, entries)
    moveEntries(sample, vector, entries, assigned)
    if (!(assigned.total < before * (1 - LEAST_GAIN))) break
    before = assigned.total
  }
}

async function trainEntries(
  kernels: Kernels,
  sample: TrainingVectors,
  vector: number,
  count: number,
  seed: number,
  step: Step,
): Promise<{ entries: Float32Array; assigned: Assigned }> {
  const start = thin(sample, vector, count * SPREAD_BY_ENTRY)
  const random = seededRandom(seed)
  const draws = Float64Array.from({ length: count }, random)
  const chosen = kernels.vptqSpread(start.points, start.weights, vector, draws)
  const entries = new Float32Array(count * vector)
  for (const [entry, from] of chosen.entries())
    entries.set(start.points.subarray(from * vector, (from + 1) * vector), entry * vector)
  const rough = thin(sample, vector, count * ROUGH_BY_ENTRY)
  await settle(kernels, rough, vector, entries, ROUGH_ITERATIONS, (share) => step(share / 2))
  if (rough !== sample)
    await settle(kernels, sample, vector, entries, FINE_ITERATIONS, (share) => step((1 + share) / 2))
  roundToHalf(entries)
  return { entries, assigned: assign(kernels, sample, vector, entries) }
}

function leftOver(
  sample: TrainingVectors,
  vector: number,
  entries: Float32Array,
  nearest: Uint32Array,
): TrainingVectors {
  const points = sample.points.map(
    (value, i) => value - entries[nearest[Math.floor(i / vector)]! * vector + (i % vector)]!,
  )
  return { points, weights: sample.weights }
}

/**
 * The codebook (and the one of residuals, where the layout has it) for a sample. Yields to the event loop between
 * iterations. Throws INVALID_ARGUMENT for a sample without vectors.
 */
export async function trainCodebook(
  kernels: Kernels,
  sample: TrainingVectors,
  layout: VptqLayout,
  seed: number,
  signal?: AbortSignal,
  progress?: (share: number) => void,
): Promise<Training> {
  const { vector, indexBits, residualBits } = layout
  if (sample.weights.length === 0)
    throw new VillageError('INVALID_ARGUMENT', 'There are no vectors to train a codebook on.', {
      fields: { argument: 'sample' },
    })
  const stages = residualBits === 0 ? 1 : 2
  const stepOf = (stage: number): Step => {
    return async (share) => {
      progress?.((stage + share) / stages)
      await nextTurn()
      signal?.throwIfAborted()
    }
  }
  const first = await trainEntries(kernels, sample, vector, 2 ** indexBits, seed, stepOf(0))
  let { assigned } = first
  let residuals = new Float32Array(0)
  if (residualBits !== 0) {
    const left = leftOver(sample, vector, first.entries, assigned.nearest)
    const second = await trainEntries(kernels, left, vector, 2 ** residualBits, seed + 1, stepOf(1))
    residuals = second.entries as Float32Array<ArrayBuffer>
    assigned = second.assigned
  }
  let weight = 0
  for (const value of sample.weights) weight += value
  const distortion = weight > 0 ? assigned.total / (weight * vector) : 0
  return {
    codebook: { layout, entries: first.entries, residuals },
    distortion,
    vectors: sample.weights.length,
  }
}
