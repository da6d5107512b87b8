/** Turns a tape into an ONNX model that gives some of its values. */
import type { NodeSpec } from '../../onnx/encode.ts'
import type { ModelSpec } from '../../onnx/write.ts'
import { liveNodes } from './backward.ts'
import type { Tape, TapeNode } from './tape.ts'

/** The oldest opset that has all operators of the gradients. */
const OLDEST_OPSET = 17

/**
 * `outputs`: the model's outputs and the values that they show. What none of them needs is left out, inputs included: the
 * model's inputs are those that it lists. `opset` is that of the model whose nodes lie on the tape.
 */
export function emitModel(tape: Tape, outputs: ReadonlyMap<string, string>, opset: number): ModelSpec {
  const live = liveNodes(tape.nodes, outputs.values())
  const made = new Set(live.flatMap((node) => node.outputs))
  /** A value takes the name of the first output that shows it; the others repeat it, and so does an output that is an input. */
  const renamed = new Map<string, string>()
  const repeats: NodeSpec[] = []
  for (const [output, value] of outputs)
    if (made.has(value) && !renamed.has(value)) renamed.set(value, output)
    else repeats.push({ opType: 'Identity', inputs: [renamed.get(value) ?? value], outputs: [output] })
  const nameOf = (value: string) => renamed.get(value) ?? value
  const used = new Set([...live.flatMap((node) => node.inputs), ...repeats.flatMap((node) => node.inputs)])
  const specs = live.map((node, index) => specOf(node, index, nameOf, used, outputs))
  // onnxruntime runs what the last leaf of the file needs first, then the leaf before it. With the leaves in reverse, a weight's
  // gradient is computed as soon as it can be, and what it reads is freed: otherwise all of them wait for the end.
  const isLeaf = (node: TapeNode) => node.outputs.every((name) => !used.has(name))
  const nodes = [
    ...specs.filter((_, at) => !isLeaf(live[at]!)),
    ...specs.filter((_, at) => isLeaf(live[at]!)).reverse(),
  ]
  return {
    irVersion: 8,
    producer: 'aivillage',
    opsets: [
      { domain: '', version: Math.max(OLDEST_OPSET, opset) },
      { domain: 'com.microsoft', version: 1 },
    ],
    graphName: 'training',
    nodes: [...nodes, ...repeats],
    inputs: [...tape.inputs].filter(([name]) => used.has(name)).map(([name, type]) => ({ name, ...type })),
    outputs: [...outputs].map(([name, value]) => ({ name, ...tape.typeOf(value) })),
    initializers: [...tape.constants].filter(([name]) => used.has(name)).map(([, source]) => source),
  }
}

/** Outputs that nobody reads are left out, so that onnxruntime does not compute them. */
function specOf(
  node: TapeNode,
  index: number,
  nameOf: (value: string) => string,
  used: ReadonlySet<string>,
  outputs: ReadonlyMap<string, string>,
): NodeSpec {
  const shown = new Set(outputs.values())
  const { opType, domain, attributes } = node
  const isNeeded = (name: string) => used.has(name) || shown.has(name)
  // The first output of a norm must be there, and every part of a Split.
  const results = node.outputs.map((name, at) =>
    at === 0 || opType === 'Split' || isNeeded(name) ? nameOf(name) : '',
  )
  while (results.at(-1) === '') results.pop()
  return {
    opType,
    domain,
    attributes,
    inputs: node.inputs.map(nameOf),
    outputs: results,
    name: `${opType}_${index}`,
  }
}
