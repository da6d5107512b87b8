/** Small models that the ONNX tests write, and a plain block-wise quantiser. */
import { FLOAT32, INT64 } from '../../../node/compute/onnx/data-types.ts'
import { float32Tensor, type ValueSpec } from '../../../node/compute/onnx/encode.ts'
import { blocksPerRow, type NBits } from '../../../node/compute/onnx/nbits.ts'
import type { TensorValue } from '../../../node/compute/onnx/tensor-value.ts'
import { createGraphBuilder, type GraphBuilder, writeModel } from '../../../node/compute/onnx/write.ts'

/** Numbers in [-0.5, 0.5), the same in every run. */
export function noise(length: number, seed = 1): Float32Array {
  let state = seed
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return state / 2 ** 31 - 0.5
  })
}

export const VOCABULARY = 50
export const WIDTH = 40
export const HIDDEN = 24

export const floats = (name: string, dims: ValueSpec['dims']): ValueSpec => ({
  name,
  elementType: FLOAT32,
  dims,
})

/** ids [n] → Gather(table) → MatMul + bias → Gemm(transB) → out [n, 16]. */
export function writeSmallModel(path: string, init: { external?: boolean } = {}): void {
  const graph = createGraphBuilder()
  const table = graph.tensor(float32Tensor('table', [VOCABULARY, WIDTH], noise(VOCABULARY * WIDTH, 1)))
  const rows = graph.add('Gather', [table, 'ids'], { axis: { int: 0 } })
  const kernel = graph.tensor(float32Tensor('kernel', [WIDTH, HIDDEN], noise(WIDTH * HIDDEN, 2)))
  const bias = graph.tensor(float32Tensor('bias', [HIDDEN], noise(HIDDEN, 3)))
  const hidden = graph.add('Add', [graph.add('MatMul', [rows, kernel]), bias])
  const head = graph.tensor(float32Tensor('head', [16, HIDDEN], noise(16 * HIDDEN, 4)))
  const headBias = graph.tensor(float32Tensor('head_bias', [16], noise(16, 5)))
  graph.add('Gemm', [hidden, head, headBias], { transB: { int: 1 } }, 'out')
  writeGraph(path, graph, {
    ...init,
    inputs: [{ name: 'ids', elementType: INT64, dims: ['n'] }],
    outputs: [floats('out', ['n', 16])],
  })
}

export function writeGraph(
  path: string,
  graph: GraphBuilder,
  init: { inputs: readonly ValueSpec[]; outputs: readonly ValueSpec[]; external?: boolean },
): void {
  const { inputs, outputs, external = false } = init
  const opsets = [{ domain: '', version: 17 }]
  const { nodes, initializers } = graph
  writeModel(
    path,
    { irVersion: 8, producer: 'test', opsets, graphName: 'g', nodes, initializers, inputs, outputs },
    { external },
  )
}

export const SMALL_FEEDS: Record<string, TensorValue> = {
  ids: { type: 'int64', dims: [3], data: BigInt64Array.of(0n, 7n, 49n) },
}

/**
 * Rounds to the nearest of 2^bits levels of each block; with zero points the levels span the block's range.
 */
export function quantize(
  values: Float32Array,
  rows: number,
  cols: number,
  init: { bits: 2 | 4 | 8; blockSize: number; zeroPoints: boolean },
): NBits {
  const { bits, blockSize } = init
  const blocks = blocksPerRow(cols, blockSize)
  const packed = new Uint8Array((rows * blocks * blockSize * bits) / 8)
  const scales = new Float32Array(rows * blocks)
  const zeroBytes = Math.ceil((blocks * bits) / 8)
  const zeroPoints = new Uint8Array(rows * zeroBytes)
  const top = 2 ** bits - 1
  for (let row = 0; row < rows; row++) {
    for (let block = 0; block < blocks; block++) {
      const from = row * cols + block * blockSize
      const part = values.subarray(from, from + Math.min(blockSize, cols - block * blockSize))
      const low = Math.min(0, ...part)
      const high = Math.max(0, ...part)
      const scale = init.zeroPoints ? (high - low) / top : Math.max(-low, high) / (top / 2)
      const zero = init.zeroPoints ? Math.round(-low / scale) : 2 ** (bits - 1)
      scales[row * blocks + block] = scale
      zeroPoints[row * zeroBytes + ((block * bits) >> 3)]! |= zero << ((block * bits) & 7)
      for (const [index, value] of part.entries()) {
        const level = Math.max(0, Math.min(top, Math.round(value / scale) + zero))
        const bit = ((row * blocks + block) * blockSize + index) * bits
        packed[bit >> 3]! |= level << (bit & 7)
      }
    }
  }
  return { kind: 'nbits', bits, blockSize, packed, scales, zeroPoints: init.zeroPoints ? zeroPoints : null }
}
