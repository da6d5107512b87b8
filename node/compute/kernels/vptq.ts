import { type VptqAids, type VptqCodebook, vptqDecode, vptqEncode } from '../reference/vptq.ts'
import { type VptqShape, vptqGroup } from '../reference/vptq-layout.ts'
import { vptqNearest, vptqSpread } from '../reference/vptq-search.ts'

export type { VptqAids, VptqCodebook } from '../reference/vptq.ts'
export type { VptqShape } from '../reference/vptq-layout.ts'

export interface VptqKernels {
  vptqEncode(data: Float32Array, shape: VptqShape, codebook: VptqCodebook, aids: VptqAids): Uint8Array
  vptqDecode(payload: Uint8Array, shape: VptqShape, codebook: VptqCodebook): Float32Array
  /** For each of the points (count × vector) the nearest entry of the codebook, the first among equals. */
  vptqNearest(points: Float32Array, vector: number, codebook: Float32Array): Uint32Array
  /** The start of k-means: numbers of one point by draw (see reference/vptq-search.ts). */
  vptqSpread(points: Float32Array, weights: Float32Array, vector: number, draws: Float64Array): Uint32Array
}

/** All of them fill one of their arguments, which has the size that the numbers ask for. */
export interface VptqAddon {
  vptqEncode(
    data: Float32Array,
    payload: Uint8Array,
    entries: Float32Array,
    residuals: Float32Array,
    outliers: Uint32Array,
    columnWeights: Float32Array | null,
    feedback: Float32Array | null,
    ...shapeAndLevel: number[]
  ): void
  vptqDecode(
    payload: Uint8Array,
    data: Float32Array,
    entries: Float32Array,
    residuals: Float32Array,
    outliers: Uint32Array,
    ...shape: number[]
  ): void
  vptqNearest(
    points: Float32Array,
    codebook: Float32Array,
    nearest: Uint32Array,
    ...countVectorEntriesAndLevel: number[]
  ): void
  vptqSpread(
    points: Float32Array,
    weights: Float32Array,
    draws: Float64Array,
    chosen: Uint32Array,
    ...countVectorEntriesAndLevel: number[]
  ): void
}

export const referenceVptq: VptqKernels = { vptqEncode, vptqDecode, vptqNearest, vptqSpread }

function numbers({ rows, cols, vector, indexBits, residualBits }: VptqShape): number[] {
  return [rows, cols, vector, indexBits, residualBits]
}

export function bindVptq(addon: VptqAddon, level: number): VptqKernels {
  return {
    vptqEncode(data, shape, { entries, residuals }, { columnWeights, feedback }) {
      const layout = vptqGroup(shape)
      const payload = new Uint8Array(layout.bytes * layout.groups)
      const { outliers } = shape
      addon.vptqEncode(
        data,
        payload,
        entries,
        residuals,
        outliers,
        columnWeights,
        feedback,
        ...numbers(shape),
        level,
      )
      return payload
    },
    vptqDecode(payload, shape, { entries, residuals }) {
      const data = new Float32Array(shape.rows * shape.cols)
      addon.vptqDecode(payload, data, entries, residuals, shape.outliers, ...numbers(shape))
      return data
    },
    vptqNearest(points, vector, codebook) {
      const count = points.length / vector
      const nearest = new Uint32Array(count)
      addon.vptqNearest(points, codebook, nearest, count, vector, codebook.length / vector, level)
      return nearest
    },
    vptqSpread(points, weights, vector, draws) {
      const chosen = new Uint32Array(draws.length)
      addon.vptqSpread(points, weights, draws, chosen, weights.length, vector, draws.length, level)
      return chosen
    },
  }
}
