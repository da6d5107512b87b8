/**
 * Writes a weight that comes a few rows at a time as the tensor that it is in a model: of the tensor's float type, and for
 * a transposed weight column by column. Memory is one band of rows, whatever the size of the tensor.
 */
import { VillageError } from '../../errors.ts'
import { BFLOAT16, encodeFloats, FLOAT16, FLOAT32 } from './data-types.ts'

export interface DenseShape {
  readonly name: string
  /** Output channels; the order in which they come. */
  readonly rows: number
  readonly cols: number
  /** Stored as cols × rows. */
  readonly transposed: boolean
  /** ONNX code of float32, float16 or bfloat16. */
  readonly elementType: number
}

export interface DenseWriter {
  /** The next rows, row-major: a whole number of them. Throws INVALID_ARGUMENT. */
  push(values: Float32Array): void
  /** Throws INVALID_ARGUMENT unless all rows came. */
  end(): void
}

/** 32 MiB as float32: a band of a wide matrix is then written in stretches of some kilobytes. */
const BAND_WEIGHTS = 2 ** 23

export function elementBytes(elementType: number): number {
  if (elementType === FLOAT32) return 4
  if (elementType === FLOAT16 || elementType === BFLOAT16) return 2
  throw new VillageError('INVALID_ARGUMENT', `A weight of element type ${elementType} cannot be written`)
}

/** `write` gets every byte of the tensor once; only the order of its calls is not that of the bytes. */
export function createDenseWriter(
  shape: DenseShape,
  write: (offset: number, bytes: Uint8Array) => void,
  init: { bandWeights?: number } = {},
): DenseWriter {
  const { name, rows, cols, transposed, elementType } = shape
  const sizeBytes = elementBytes(elementType)
  const bandRows = Math.max(1, Math.min(rows, Math.floor((init.bandWeights ?? BAND_WEIGHTS) / cols)))
  /** cols × bandRows of the rows from bandStart on. */
  const band = transposed ? new Float32Array(bandRows * cols) : undefined
  let bandStart = 0
  let row = 0

  const wrong = (what: string) =>
    new VillageError('INVALID_ARGUMENT', `"${name}" of ${rows} × ${cols} weights was given ${what}`)

  function flush(values: Float32Array): void {
    const height = row - bandStart
    const bytes = encodeFloats(elementType, values)!
    if (height === rows) write(0, bytes.subarray(0, rows * cols * sizeBytes))
    else
      for (let col = 0; col < cols; col++) {
        const from = col * bandRows * sizeBytes
        write((col * rows + bandStart) * sizeBytes, bytes.subarray(from, from + height * sizeBytes))
      }
    bandStart = row
  }

  return {
    push(values) {
      const count = values.length / cols
      if (!Number.isInteger(count) || row + count > rows) throw wrong(`${values.length} values at row ${row}`)
      if (band === undefined) {
        write(row * cols * sizeBytes, encodeFloats(elementType, values)!)
        row += count
        return
      }
      for (let from = 0; from < values.length; from += cols) {
        const at = row - bandStart
        for (let col = 0; col < cols; col++) band[col * bandRows + at] = values[from + col]!
        row++
        if (row - bandStart === bandRows) flush(band)
      }
    },
    end() {
      if (row !== rows) throw wrong(`${row} rows`)
      if (band !== undefined && row > bandStart) flush(band)
    },
  }
}
