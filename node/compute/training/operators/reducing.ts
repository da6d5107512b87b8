/** Sums, means and the soft maximum. */
import type { Tape } from '../autodiff/tape.ts'
import { reshape, sumOver } from './broadcasting.ts'
import {
  frontAxis,
  type GradientContext,
  intAttribute,
  integersAt,
  intsAttribute,
  type Operator,
  type OperatorContext,
  type OperatorTable,
  product,
  typeAt,
} from './operator.ts'

function reducedAxes(context: OperatorContext): number[] {
  const { dims } = typeAt(context, 0)
  const given =
    context.types[1] === undefined ? intsAttribute(context.attributes, 'axes') : integersAt(context, 1)
  if (given === undefined || given.length === 0)
    return intAttribute(context.attributes, 'noop_with_empty_axes', 0) === 0
      ? dims.map((_, axis) => axis)
      : []
  return given.map((axis) => frontAxis(context.opType, axis, dims.length))
}

function reducedDims(context: OperatorContext): number[] {
  const { dims } = typeAt(context, 0)
  const axes = reducedAxes(context)
  if (intAttribute(context.attributes, 'keepdims', 1) !== 0)
    return dims.map((dim, axis) => (axes.includes(axis) ? 1 : dim))
  return dims.filter((_, axis) => !axes.includes(axis))
}

/** Repeats the gradient along the reduced axes; `factor` from the number of elements that were reduced to one. */
function reduction(factor: (count: number) => number): Operator {
  return {
    infer: (context) => [{ elementType: typeAt(context, 0).elementType, dims: reducedDims(context) }],
    gradient({ tape, node, gradients }) {
      const { dims } = tape.typeOf(node.inputs[0]!)
      const { attributes, opType } = node
      const types = node.inputs.map((name) => (name === '' ? undefined : tape.typeOf(name)))
      const known = (index: number) => tape.knownIntegers(node.inputs[index] ?? '')
      const axes = reducedAxes({ opType, outputs: 1, types, attributes, known })
      const scale = factor(product(axes.map((axis) => dims[axis]!)))
      const scaled = scale === 1 ? gradients[0]! : tape.add('Mul', [gradients[0]!, tape.scalar(scale)])
      const kept = reshape(
        tape,
        scaled,
        dims.map((dim, axis) => (axes.includes(axis) ? 1 : dim)),
      )
      return [tape.add('Expand', [kept, tape.integers(dims)])]
    },
  }
}

const axisOf = (context: GradientContext): number => {
  const { node, tape } = context
  return frontAxis(
    node.opType,
    intAttribute(node.attributes, 'axis', -1),
    tape.dimsOf(node.outputs[0]!).length,
  )
}

/**
 * Σ y·dy along the soft maximum's axis. Where its only reader multiplies it by a matrix (attention: O = P V), this is Σ o·do,
 * over the width of a head instead of over all positions (Dao et al., arXiv 2205.14135, appendix B.2).
 */
function weightedSum(context: GradientContext, axis: number): string {
  const { tape, node } = context
  const y = node.outputs[0]!
  const readers = context.consumers(y)
  const [reader] = readers
  const attends =
    readers.length === 1 &&
    reader?.opType === 'MatMul' &&
    reader.inputs[0] === y &&
    reader.inputs[1] !== y &&
    axis === tape.dimsOf(y).length - 1 &&
    tape.dimsOf(reader.inputs[1]!).length === tape.dimsOf(y).length
  if (!attends) return sumOver(tape, tape.add('Mul', [context.gradients[0]!, y]), [axis])
  const output = reader.outputs[0]!
  const product = tape.add('Mul', [context.gradientOf(output)!, output])
  return sumOver(tape, product, [tape.dimsOf(output).length - 1])
}

const same: Operator['infer'] = (context) => [typeAt(context, 0)]

const difference = (tape: Tape, a: string, b: string): string => tape.add('Sub', [a, b])

export const REDUCING: OperatorTable = {
  ReduceSum: reduction(() => 1),
  ReduceMean: reduction((count) => 1 / count),
  Softmax: {
    infer: same,
    gradient(context) {
      const { tape, node, gradients } = context
      const centred = difference(tape, gradients[0]!, weightedSum(context, axisOf(context)))
      return [tape.add('Mul', [centred, node.outputs[0]!])]
    },
  },
  LogSoftmax: {
    infer: same,
    gradient(context) {
      const { tape, node, gradients } = context
      const total = sumOver(tape, gradients[0]!, [axisOf(context)])
      const share = tape.add('Mul', [tape.add('Exp', [node.outputs[0]!]), total])
      return [difference(tape, gradients[0]!, share)]
    },
  },
}
