/** Work of the matrix products of a graph: the measure that training is compared by. */
import { product } from '../operators/operator.ts'
import { liveNodes } from './backward.ts'
import type { Tape } from './tape.ts'

/** 2 · rows · columns · inner for every product that these values need; everything else is not counted. */
export function matmulFlops(tape: Tape, values: Iterable<string>): number {
  let flops = 0
  for (const { opType, inputs, outputs, attributes } of liveNodes(tape.nodes, values)) {
    if (opType !== 'MatMul' && opType !== 'FusedMatMul' && opType !== 'Gemm') continue
    const dims = tape.dimsOf(inputs[0]!)
    const { transA } = attributes
    const isTransposed = transA !== undefined && 'int' in transA && transA.int !== 0
    const inner = dims.at(isTransposed ? -2 : -1)!
    flops += 2 * product(tape.dimsOf(outputs[0]!)) * inner
  }
  return flops
}
