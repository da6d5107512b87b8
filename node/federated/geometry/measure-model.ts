/** Everything that is measured of one model: its matrices, and what its layers make of texts. */
import path from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { MomentsKernels } from '../../compute/kernels/moments.ts'
import { MODEL_FILE } from '../../compute/models/model-files.ts'
import { openWeights, type WeightSummary } from '../../compute/models/weight-source.ts'
import type { JsonObject } from '../../json.ts'
import { fitWithGoodness, type GoodFit } from './power-law.ts'
import { principalDimensionsOf } from './principal.ts'
import { type PrincipalDimensions, type SpectralMeasures, spectralMeasures } from './spectral-measures.ts'
import { spectrumOf } from './spectrum.ts'
import { evenly, readsTexts, textPoints } from './text-points.ts'
import { type IntrinsicDimension, intrinsicDimension } from './two-nn.ts'

/** Smaller matrices have no spectrum to speak of. */
const MIN_SIDE = 8
const MIN_ELEMENTS = 1024
/** Of a model with more, evenly spread ones are measured. */
const MAX_MATRICES = 512
/** Share of the work, as the progress shows it. */
const WEIGHTS_SHARE = 0.6

export interface MatrixGeometry extends SpectralMeasures {
  readonly name: string
  readonly rows: number
  readonly cols: number
  /** Of σ²; null where there are too few values, or only the largest are known. */
  readonly tail: GoodFit | null
}

export interface LayerGeometry {
  readonly layer: string
  readonly dims: number
  readonly intrinsic: IntrinsicDimension | null
  readonly principal: PrincipalDimensions | null
}

export interface ModelGeometry {
  readonly matrices: readonly MatrixGeometry[]
  /** Null for a model that reads no texts. */
  readonly layers: readonly LayerGeometry[] | null
  readonly texts: number
}

export interface MeasureRequest {
  readonly modelDirectory: string
  readonly workDirectory: string
  readonly texts: readonly string[]
  /** Of each goodness of fit; 0 for none. */
  readonly bootstrap: number
  readonly seed: number
}

export async function measureModel(
  components: { kernels: Pick<MomentsKernels, 'addMoments'> },
  request: MeasureRequest,
  signal: AbortSignal,
  progress: (share: number) => void,
): Promise<ModelGeometry> {
  const pause = async () => {
    await nextTurn()
    signal.throwIfAborted()
  }
  const matrices = await measureMatrices(components, request, pause, (share) =>
    progress(share * WEIGHTS_SHARE),
  )
  if (!readsTexts(request.modelDirectory)) return { matrices, layers: null, texts: 0 }
  const { layers, kept } = await textPoints(request, signal, () => {})
  const measured: LayerGeometry[] = []
  for (const { layer, points } of layers) {
    await pause()
    measured.push({
      layer,
      dims: points.dims,
      intrinsic: intrinsicDimension(points, request.seed),
      principal: await principalDimensionsOf(points, components.kernels, pause),
    })
    progress(WEIGHTS_SHARE + ((1 - WEIGHTS_SHARE) * measured.length) / layers.length)
  }
  return { matrices, layers: measured, texts: kept.length }
}

async function measureMatrices(
  { kernels }: { kernels: Pick<MomentsKernels, 'addMoments'> },
  { modelDirectory, bootstrap, seed }: MeasureRequest,
  pause: () => Promise<void>,
  progress: (share: number) => void,
): Promise<MatrixGeometry[]> {
  using source = openWeights(path.join(modelDirectory, MODEL_FILE))
  const found = source.weights(MIN_ELEMENTS).filter(({ rows, cols }) => Math.min(rows, cols) >= MIN_SIDE)
  const chosen: WeightSummary[] = evenly(found, MAX_MATRICES)
  const measured: MatrixGeometry[] = []
  for (const { name, rows, cols } of chosen) {
    const read = (start: number, count: number) => source.readRows(name, start, count).data
    const spectrum = await spectrumOf({ rows, cols, read }, kernels, pause)
    const tail = spectrum.isComplete
      ? await fitWithGoodness(spectrum.squares, { sets: bootstrap, seed }, pause)
      : null
    measured.push({ name, rows, cols, ...spectralMeasures(spectrum), tail })
    progress(measured.length / chosen.length)
  }
  return measured
}

/** As JSON; numbers that are not finite become null. */
export const geometryJson = (geometry: object): JsonObject =>
  JSON.parse(JSON.stringify(geometry)) as JsonObject
