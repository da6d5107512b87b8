/** How much memory the values of a graph take at its fullest moment, when each is freed after its last reader. */
import { dataTypeByCode } from '../../onnx/data-types.ts'
import { product } from '../operators/operator.ts'
import { liveNodes } from './backward.ts'
import type { Tape } from './tape.ts'

/** Their outputs are their inputs under other dims: onnxruntime copies nothing. */
const ALIASES: ReadonlySet<string> = new Set(['Reshape', 'Squeeze', 'Unsqueeze', 'Flatten', 'Identity'])

/** Bytes of everything that is computed on the way to `outputs`, these included; inputs and constants are not counted. */
export function peakBytes(tape: Tape, outputs: Iterable<string>): number {
  const wanted = [...outputs]
  const nodes = liveNodes(tape.nodes, wanted)
  const owner = new Map<string, string>()
  const ownerOf = (name: string): string => owner.get(name) ?? name
  for (const { opType, inputs, outputs: made } of nodes)
    if (ALIASES.has(opType)) owner.set(made[0]!, ownerOf(inputs[0]!))
  const lastReader = new Map<string, number>()
  for (const [at, { inputs }] of nodes.entries()) for (const name of inputs) lastReader.set(ownerOf(name), at)
  for (const name of wanted) lastReader.set(ownerOf(name), nodes.length)

  const freedAfter = new Map<number, string[]>()
  for (const [name, at] of lastReader) freedAfter.set(at, [...(freedAfter.get(at) ?? []), name])
  const sizes = new Map<string, number>()
  let bytes = 0
  let peak = 0
  for (const [at, node] of nodes.entries()) {
    for (const name of node.outputs) {
      if (owner.has(name) || !lastReader.has(name)) continue
      const { elementType, dims } = tape.typeOf(name)
      const size = Math.ceil((product(dims) * (dataTypeByCode(elementType)?.bits ?? 64)) / 8)
      sizes.set(name, size)
      bytes += size
    }
    peak = Math.max(peak, bytes)
    for (const name of freedAfter.get(at) ?? []) bytes -= sizes.get(name) ?? 0
  }
  return peak
}
