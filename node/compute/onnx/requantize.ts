/**
 * Runtime forms that are close to the decoded weights instead of equal to them, and what the difference is. Codecs whose
 * values lie on no grid run as 8-bit integers in blocks, a quarter of the memory of float32; scales and floats take the type
 * of the model's own weights.
 */
import type { RuntimeForm } from '../codecs/codec.ts'
import { encodeFloats, FLOAT16, FLOAT32, float16ToNumber } from './data-types.ts'
import { blocksPerRow, dequantizeNBits, type NBits } from './nbits.ts'

/** One scale of 4 bytes by 32 codes: the error of 8 bits is near a thousandth of that of 4-bit codecs. */
export const RUNTIME_BLOCK_SIZE = 32
const ZERO_POINT = 128
const LARGEST_CODE = 127
const SMALLEST_HALF = 2 ** -24

/** Float64 sums over the weights of what running them changes, against their decoded values. */
export interface RuntimeLoss {
  squaredError: number
  squaredNorm: number
}

/** The nearest value of the type that scales are stored in; never 0 for a block that is not. */
function storedScale(scale: number, scaleType: number): number {
  const single = Math.fround(scale)
  if (scaleType !== FLOAT16) return single
  const half = roundToHalf(single)
  return half === 0 && single > 0 ? SMALLEST_HALF : half
}

const oneHalf = new Float32Array(1)

function roundToHalf(value: number): number {
  oneHalf[0] = value
  const bytes = encodeFloats(FLOAT16, oneHalf)!
  return float16ToNumber(bytes[0]! | (bytes[1]! << 8))
}

/**
 * Row-major rows × cols values as 8-bit codes with one scale a block, largest magnitude / 127, zero at 128. `scaleType` is
 * the ONNX type that the scales will be written in: codes are chosen for the scale as it is stored. What the codes lose is
 * added to `loss`.
 */
export function quantizeTo8Bits(
  values: Float32Array,
  rows: number,
  cols: number,
  scaleType: number,
  loss: RuntimeLoss,
): NBits {
  const blockSize = RUNTIME_BLOCK_SIZE
  const blocks = blocksPerRow(cols, blockSize)
  const packed = new Uint8Array(rows * blocks * blockSize).fill(ZERO_POINT)
  const scales = new Float32Array(rows * blocks)
  let { squaredError, squaredNorm } = loss
  for (let row = 0; row < rows; row++)
    for (let block = 0; block < blocks; block++) {
      const from = row * cols + block * blockSize
      const end = row * cols + Math.min(cols, (block + 1) * blockSize)
      let largest = 0
      for (let i = from; i < end; i++) {
        const magnitude = Math.abs(values[i]!)
        if (magnitude > largest) largest = magnitude
      }
      const index = row * blocks + block
      const scale = storedScale(largest / LARGEST_CODE, scaleType)
      scales[index] = scale
      const inverse = scale === 0 ? 0 : 1 / scale
      const shift = index * blockSize - from
      // One pass over the block, with plain comparisons: this runs over every weight of a model on one thread.
      for (let i = from; i < end; i++) {
        const value = values[i]!
        let code = Math.floor(value * inverse + 0.5)
        if (code > LARGEST_CODE) code = LARGEST_CODE
        else if (code < -LARGEST_CODE) code = -LARGEST_CODE
        packed[i + shift] = ZERO_POINT + code
        const difference = value - Math.fround(code * scale)
        squaredError += difference * difference
        squaredNorm += value * value
      }
    }
  loss.squaredError = squaredError
  loss.squaredNorm = squaredNorm
  return { kind: 'nbits', bits: 8, blockSize, packed, scales, zeroPoints: null }
}

/** |ŵ − run|² / |ŵ|²; 0 where nothing was lost. */
export function normalisedLoss({ squaredError, squaredNorm }: RuntimeLoss): number {
  return squaredError === 0 ? 0 : squaredError / squaredNorm
}

function addLoss(loss: RuntimeLoss, decoded: Float32Array, run: Float32Array): void {
  let { squaredError, squaredNorm } = loss
  for (let i = 0; i < decoded.length; i++) {
    const value = decoded[i]!
    const difference = value - run[i]!
    squaredError += difference * difference
    squaredNorm += value * value
  }
  loss.squaredError = squaredError
  loss.squaredNorm = squaredNorm
}

/** Float32 values as they are once they were stored in an element type. */
function storedValues(values: Float32Array, elementType: number): Float32Array {
  if (elementType === FLOAT32) return values
  const bytes = encodeFloats(elementType, values)!
  const bits = new Uint16Array(bytes.buffer, bytes.byteOffset, values.length)
  if (elementType === FLOAT16) return Float32Array.from(bits, float16ToNumber)
  const words = Uint32Array.from(bits, (word) => word << 16)
  return new Float32Array(words.buffer)
}

/** How a weight whose codec has no grid runs: 8-bit integers, or floats of the model's own type. */
export type RuntimeChoice = 'int8' | 'dense'

/**
 * The form that is written for the rows of one slice of a weight, with what it loses added to `loss`. A grid stays the
 * grid that it is, with scales of the weight's type; other values are requantised or rounded to that type.
 */
export function runnableForm(
  form: RuntimeForm,
  shape: { rows: number; cols: number; elementType: number; quantized: boolean },
  wanted: RuntimeChoice,
  loss: RuntimeLoss,
): RuntimeForm {
  const { rows, cols, elementType, quantized } = shape
  if (form.kind === 'nbits' && quantized) {
    const scales = storedValues(form.scales, elementType)
    const rounded = { ...form, scales }
    if (scales !== form.scales && scales.some((scale, index) => scale !== form.scales[index]))
      addLoss(loss, dequantizeNBits(form, rows, cols), dequantizeNBits(rounded, rows, cols))
    return rounded
  }
  const data = form.kind === 'dense' ? form.data : dequantizeNBits(form, rows, cols)
  if (quantized && wanted === 'int8') return quantizeTo8Bits(data, rows, cols, elementType, loss)
  if (elementType !== FLOAT32) addLoss(loss, data, storedValues(data, elementType))
  return { kind: 'dense', data }
}
