/** A cheap look at a model that is still changing: one line of its history. */
import path from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { MomentsKernels } from '../../compute/kernels/moments.ts'
import { MODEL_FILE } from '../../compute/models/model-files.ts'
import { openWeights } from '../../compute/models/weight-source.ts'
import type { JsonObject } from '../../json.ts'
import type { MatrixReader } from './matrix-reader.ts'
import type { Points } from './nearest-neighbours.ts'
import { fitPowerLaw } from './power-law.ts'
import { principalDimensionsOf } from './principal.ts'
import { spectralMeasures } from './spectral-measures.ts'
import { spectrumOf } from './spectrum.ts'
import { evenly, readsTexts, textPoints } from './text-points.ts'
import { intrinsicDimension } from './two-nn.ts'

/** Matrices that are looked at, and the largest smaller side of one: a look costs a second at most. */
const MAX_MATRICES = 64
const MIN_SIDE = 8
const MAX_LOOKED_SIDE = 512

export interface HiddenGeometry extends JsonObject {
  /** Intrinsic dimension (two-nn.ts), corrected where that is known; null with too few points. */
  readonly dimension: number | null
  readonly standardError: number | null
  readonly points: number
  readonly participationRatio: number | null
  readonly directions90: number | null
}

export interface WeightsGeometry extends JsonObject {
  /** Means over the matrices; null where none was looked at. */
  readonly stableRank: number | null
  readonly entropy: number | null
  /** Median exponent of the spectra's tails. */
  readonly alpha: number | null
  readonly matrices: number
}

interface Components {
  readonly kernels: Pick<MomentsKernels, 'addMoments'>
  readonly pause: () => Promise<void>
}

export async function hiddenGeometry(
  points: Points,
  { kernels, pause }: Components,
): Promise<HiddenGeometry> {
  const found = intrinsicDimension(points, 0, { scales: false })
  const principal = points.count === 0 ? null : await principalDimensionsOf(points, kernels, pause)
  return {
    dimension: found?.dimension ?? found?.maximumLikelihood ?? null,
    standardError: found?.standardError ?? null,
    points: found?.points ?? points.count,
    participationRatio: principal?.participationRatio ?? null,
    directions90: principal?.directions90 ?? null,
  }
}

const mean = (values: readonly number[]): number | null =>
  values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length

export async function weightsGeometry(
  matrices: readonly MatrixReader[],
  { kernels, pause }: Components,
): Promise<WeightsGeometry> {
  const looked = evenly(
    matrices.filter(({ rows, cols }) => {
      const side = Math.min(rows, cols)
      return side >= MIN_SIDE && side <= MAX_LOOKED_SIDE
    }),
    MAX_MATRICES,
  )
  const ranks: number[] = []
  const entropies: number[] = []
  const alphas: number[] = []
  for (const matrix of looked) {
    const spectrum = await spectrumOf(matrix, kernels, pause)
    const { stableRank, entropy } = spectralMeasures(spectrum)
    ranks.push(stableRank)
    entropies.push(entropy ?? 0)
    const tail = fitPowerLaw(spectrum.squares)
    if (tail !== null) alphas.push(tail.alpha)
  }
  return {
    stableRank: mean(ranks),
    entropy: mean(entropies),
    alpha: alphas.toSorted((a, b) => a - b)[alphas.length >> 1] ?? null,
    matrices: looked.length,
  }
}

/** Of a model's files: what evolution keeps of the best of a generation. The hidden states are those of the last layer. */
export async function snapshotOfModel(
  { kernels }: Pick<Components, 'kernels'>,
  request: { modelDirectory: string; workDirectory: string; texts: readonly string[] },
  signal: AbortSignal,
): Promise<HiddenGeometry & WeightsGeometry> {
  const pause = async () => {
    await nextTurn()
    signal.throwIfAborted()
  }
  using source = openWeights(path.join(request.modelDirectory, MODEL_FILE))
  const matrices = source.weights().map(({ name, rows, cols }) => ({
    rows,
    cols,
    read: (start: number, count: number) => source.readRows(name, start, count).data,
  }))
  const weights = await weightsGeometry(matrices, { kernels, pause })
  const layers = readsTexts(request.modelDirectory)
    ? (await textPoints(request, signal, () => {})).layers
    : []
  const last = layers.at(-1)?.points ?? { values: new Float32Array(0), count: 0, dims: 1 }
  return { ...(await hiddenGeometry(last, { kernels, pause })), ...weights }
}
