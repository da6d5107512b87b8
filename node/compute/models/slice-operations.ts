/**
 * A slice of a model's weight, encoded or checked where it is read: its floats stay on the worker thread. Sent through the
 * event loop they cost it a copy's worth of memory for each slice, and the collections of garbage that go with it.
 */
import type { AidFiles } from '../calibration/aids.ts'
import type { CodecParams, WeightMatrix } from '../codecs/codec.ts'
import { CODEC_OPERATIONS } from '../codecs/operations.ts'
import { type Kernels, loadKernels } from '../kernels.ts'
import {
  createWeightReader,
  type PreparedSlice,
  type PrepareRequest,
  prepareSlice,
} from './prepared-slices.ts'
import { openWeights } from './weight-source.ts'

let kernels: Kernels | undefined
const weightOf = createWeightReader()

/** Rows of one weight; `cols` is what the caller reckoned with. */
interface SliceOfModel {
  readonly modelPath: string
  readonly name: string
  readonly startRow: number
  readonly rows: number
  readonly cols: number
}

interface SliceCoding {
  readonly slice: SliceOfModel
  readonly codec: string
  readonly params: CodecParams
  readonly aids?: AidFiles
}

type Encoded = Awaited<ReturnType<(typeof CODEC_OPERATIONS)['codec.encode']>>
type Checked = Awaited<ReturnType<(typeof CODEC_OPERATIONS)['codec.check']>>

function read({ modelPath, name, startRow, rows, cols }: SliceOfModel): WeightMatrix {
  using source = openWeights(modelPath)
  return source.readRows(name, startRow, rows, cols)
}

export const SLICE_OPERATIONS = {
  /** `codec.encode` of rows of a model. Throws what reading the model throws as well. */
  async 'slice.encode'(
    { slice, ...coding }: SliceCoding,
    signal: AbortSignal,
    progress: (share: number) => void,
  ): Promise<Encoded> {
    return CODEC_OPERATIONS['codec.encode']({ ...coding, matrix: read(slice) }, signal, progress)
  },

  /** `codec.check` against rows of a model; `rows` are numbers within the slice. */
  async 'slice.check'(
    { slice, ...claim }: SliceCoding & { readonly packed: Uint8Array; readonly rows: readonly number[] },
    signal: AbortSignal,
  ): Promise<Checked> {
    return CODEC_OPERATIONS['codec.check']({ ...claim, matrix: read(slice) }, signal)
  },

  /** Throws what prepareSlice() throws. */
  'slice.prepare'(input: PrepareRequest): PreparedSlice | null {
    kernels ??= loadKernels()
    return prepareSlice({ kernels, weightOf }, input)
  },

  /** Decodes a slice and lets the weights go: whether it can be decoded is all that is asked. Throws CODEC_MALFORMED. */
  'slice.decodes'(input: { packed: Uint8Array; codebookPath?: string }): void {
    CODEC_OPERATIONS['codec.decode'](input)
  },
}
