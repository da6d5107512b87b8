/**
 * Reverse-mode differentiation (Griewank & Walther, Evaluating Derivatives, chapter 3) of a tape: from the gradients of some
 * values, the nodes that compute those of others, by walking the graph backwards and summing what each reader adds.
 */
import { VillageError } from '../../../errors.ts'
import type { GradientContext } from '../operators/operator.ts'
import { OPERATORS } from '../operators/table.ts'
import type { Tape, TapeNode } from './tape.ts'

/**
 * `seeds`: gradients by value. Returns the gradients of `parameters` that anything depends on, of the parameters' dims.
 * Throws TRAIN_OPERATOR_UNSUPPORTED where the way leads through an operator without a gradient.
 */
export function backward(
  tape: Tape,
  seeds: ReadonlyMap<string, string>,
  parameters: readonly string[],
): Map<string, string> {
  const forward = liveNodes(tape.nodes, seeds.keys())
  const consumers = new Map<string, TapeNode[]>()
  const varying = new Set(parameters)
  for (const node of forward) {
    for (const name of new Set(node.inputs)) consumers.set(name, [...(consumers.get(name) ?? []), node])
    if (node.inputs.some((name) => varying.has(name))) for (const name of node.outputs) varying.add(name)
  }

  const parts = new Map<string, string[]>()
  for (const [name, gradient] of seeds) parts.set(name, [gradient])
  const sums = new Map<string, string>()
  function gradientOf(name: string): string | undefined {
    const known = sums.get(name)
    if (known !== undefined) return known
    const all = parts.get(name)
    if (all === undefined) return undefined
    const sum = all.reduce((total, part) => tape.add('Add', [total, part]))
    sums.set(name, sum)
    return sum
  }

  for (const node of forward.toReversed()) {
    if (!node.outputs.some((name) => varying.has(name))) continue
    const gradients = node.outputs.map(gradientOf)
    if (gradients.every((gradient) => gradient === undefined)) continue
    const needs = (index: number) => varying.has(node.inputs[index] ?? '')
    const context: GradientContext = {
      tape,
      node,
      gradients,
      needs,
      consumers: (name) => consumers.get(name) ?? [],
      gradientOf,
    }
    const results = differentiate(node, context)
    for (const [index, name] of node.inputs.entries()) {
      const result = results[index]
      if (result !== undefined && needs(index)) parts.set(name, [...(parts.get(name) ?? []), result])
    }
  }
  const found = new Map<string, string>()
  for (const name of parameters) {
    const gradient = gradientOf(name)
    if (gradient !== undefined) found.set(name, gradient)
  }
  return found
}

function differentiate(node: TapeNode, context: GradientContext): readonly (string | undefined)[] {
  const gradient = OPERATORS[node.opType]?.gradient
  if (gradient === undefined)
    throw new VillageError('TRAIN_OPERATOR_UNSUPPORTED', `The operator ${node.opType} has no gradient.`, {
      fields: { operator: node.opType },
    })
  return gradient(context)
}

/** The nodes that some of these values need, in their order. */
export function liveNodes(nodes: readonly TapeNode[], values: Iterable<string>): TapeNode[] {
  const wanted = new Set(values)
  const live: TapeNode[] = []
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some((name) => wanted.has(name))) continue
    for (const name of node.inputs) wanted.add(name)
    live.push(node)
  }
  return live.reverse()
}
