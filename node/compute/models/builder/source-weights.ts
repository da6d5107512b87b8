/**
 * The weights that a graph is built from, as tensors to write: float32 whatever they are stored in, transposed where the
 * operator wants it. Nothing is read before it is written, and then one band of 32 MiB at a time.
 */
import { VillageError } from '../../../errors.ts'
import { FLOAT32 } from '../../onnx/data-types.ts'
import type { TensorSource } from '../../onnx/encode.ts'
import { floatTypeOf, type SafeTensor } from '../../safetensors/header.ts'
import type { SafetensorsModel } from '../../safetensors/read.ts'

const BAND_ELEMENTS = 2 ** 23
/** Rows that are turned at once: what they write lies in one cache line. */
const TILE_ROWS = 16

export interface SourceWeights {
  has(name: string): boolean
  /** A tensor with these dims, as it lies. Throws MODEL_WEIGHT_MISSING and MODEL_WEIGHT_SHAPE. */
  tensor(name: string, dims: readonly number[], init?: { as?: string }): TensorSource
  /** Of a matrix [rows, cols], its transpose [cols, rows]. */
  transposed(name: string, rows: number, cols: number): TensorSource
  /** Numbers in the tensors that were asked for, each counted once. */
  parameters(): number
  /** Throws MODEL_WEIGHT_UNUSED for a tensor that was not asked for and that none of `ignored` matches. */
  checkAllUsed(ignored: readonly RegExp[]): void
}

export function createSourceWeights(
  model: SafetensorsModel,
  init: { bandElements?: number } = {},
): SourceWeights {
  const bandElements = init.bandElements ?? BAND_ELEMENTS
  const byName = new Map(model.tensors.map((tensor) => [tensor.name, tensor]))
  const used = new Set<string>()

  function find(name: string, dims: readonly number[]): SafeTensor {
    const tensor = byName.get(name)
    if (tensor === undefined)
      throw new VillageError('MODEL_WEIGHT_MISSING', `The weights lack the tensor "${name}".`, {
        fields: { tensor: name },
      })
    const { shape, dtype } = tensor
    if (shape.length !== dims.length || shape.some((size, axis) => size !== dims[axis]))
      throw new VillageError(
        'MODEL_WEIGHT_SHAPE',
        `The tensor "${name}" is [${shape.join(', ')}], and config.json asks for [${dims.join(', ')}].`,
        { fields: { tensor: name, shape: shape.join('×'), expected: dims.join('×') } },
      )
    if (floatTypeOf(dtype) === undefined)
      throw new VillageError(
        'MODEL_WEIGHT_SHAPE',
        `The tensor "${name}" is stored as ${dtype}, which is not F32, F16 or BF16.`,
        { fields: { tensor: name, dtype } },
      )
    used.add(name)
    return tensor
  }

  return {
    has: (name) => byName.has(name),

    tensor(name, dims, { as = name } = {}) {
      const tensor = find(name, dims)
      return {
        name: as,
        elementType: FLOAT32,
        dims,
        sizeBytes: tensor.elements * 4,
        write(push) {
          for (let at = 0; at < tensor.elements; at += bandElements)
            push(bytesOf(model.readFloats(tensor, at, Math.min(bandElements, tensor.elements - at))))
        },
      }
    },

    transposed(name, rows, cols) {
      const tensor = find(name, [rows, cols])
      return {
        name,
        elementType: FLOAT32,
        dims: [cols, rows],
        sizeBytes: tensor.elements * 4,
        write: (push) => writeTransposed(model, tensor, Math.max(1, Math.floor(bandElements / rows)), push),
      }
    },

    parameters: () => [...used].reduce((sum, name) => sum + byName.get(name)!.elements, 0),

    checkAllUsed(ignored) {
      for (const name of byName.keys())
        if (!used.has(name) && !ignored.some((pattern) => pattern.test(name)))
          throw new VillageError(
            'MODEL_WEIGHT_UNUSED',
            `The weights have the tensor ${JSON.stringify(name.slice(0, 200))}, which the architecture has no place for.`,
            { fields: { tensor: name.slice(0, 200) } },
          )
    },
  }
}

const bytesOf = (data: Float32Array): Uint8Array =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength)

/** A band of `width` columns after another, each turned into rows. A matrix that fits one band is read from front to back. */
function writeTransposed(
  model: SafetensorsModel,
  tensor: SafeTensor,
  width: number,
  push: (bytes: Uint8Array) => void,
): void {
  const [rows, cols] = tensor.shape as readonly [number, number]
  for (let col = 0; col < cols; col += width) {
    const band = Math.min(width, cols - col)
    const turned = new Float32Array(band * rows)
    for (let row = 0; row < rows; row += TILE_ROWS) {
      const count = Math.min(TILE_ROWS, rows - row)
      const tile =
        band === cols
          ? model.readFloats(tensor, row * cols, count * cols)
          : readTile(model, tensor, { row, count, col, band, cols })
      for (let c = 0; c < band; c++)
        for (let r = 0; r < count; r++) turned[c * rows + row + r] = tile[r * band + c]!
    }
    push(bytesOf(turned))
  }
}

interface Tile {
  readonly row: number
  readonly count: number
  readonly col: number
  readonly band: number
  readonly cols: number
}

function readTile(model: SafetensorsModel, tensor: SafeTensor, at: Tile): Float32Array {
  const tile = new Float32Array(at.count * at.band)
  for (let r = 0; r < at.count; r++)
    tile.set(model.readFloats(tensor, (at.row + r) * at.cols + at.col, at.band), r * at.band)
  return tile
}
