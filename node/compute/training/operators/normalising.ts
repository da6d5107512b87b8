/** Layer normalisation (Ba et al., arXiv 1607.06450), RMS normalisation (Zhang & Sennrich, arXiv 1910.07467), rotary positions. */
import { FLOAT32 } from '../../onnx/data-types.ts'
import type { Tape } from '../autodiff/tape.ts'
import { reshape, sumOver } from './broadcasting.ts'
import { multiply } from './matmul.ts'
import {
  checkPositions,
  frontAxis,
  type GradientContext,
  intAttribute,
  type OperatorContext,
  type OperatorTable,
  product,
  typeAt,
  type ValueType,
} from './operator.ts'

/** The normalised axes keep a dim of 1 in the statistics. */
function statistics(context: OperatorContext): ValueType {
  const { dims } = typeAt(context, 0)
  const axis = frontAxis(context.opType, intAttribute(context.attributes, 'axis', -1), dims.length)
  return { elementType: FLOAT32, dims: dims.map((dim, at) => (at < axis ? dim : 1)) }
}

/** Everything as matrices: one row for each normalised vector. */
interface Rows {
  readonly x: string
  readonly gradient: string
  /** [width, 1] */
  readonly scale: string
  readonly width: number
}

function rowsOf({ tape, node, gradients }: GradientContext): Rows {
  const [input, scale] = node.inputs as readonly [string, string]
  const width = product(tape.dimsOf(scale))
  const rows = product(tape.dimsOf(input)) / width
  return {
    x: reshape(tape, input, [rows, width]),
    gradient: reshape(tape, gradients[0]!, [rows, width]),
    scale: reshape(tape, scale, [width, 1]),
    width,
  }
}

const column = (tape: Tape, value: string): string => reshape(tape, value, [product(tape.dimsOf(value)), 1])

/**
 * With x̂ the normalised input, g the gradient, w the scale and s the inverse deviation of a row:
 * dx = s (g w − x̂ mean(g w x̂) − mean(g w)), the last term only where the mean was taken out; dw = Σ g x̂.
 */
function normGradient(
  context: GradientContext,
  statistic: { mean: string | null; inverse: string },
): (string | undefined)[] {
  const { tape, node, needs } = context
  const [input, scale, bias] = node.inputs as readonly [string, string, string?]
  const { x, gradient, scale: weights, width } = rowsOf(context)
  const inverse = column(tape, statistic.inverse)
  const centred = statistic.mean === null ? x : tape.add('Sub', [x, column(tape, statistic.mean)])
  const normalised = tape.add('Mul', [centred, inverse])
  const weighted = tape.add('Mul', [gradient, normalised])
  const gradients: (string | undefined)[] = [undefined, undefined]
  if (needs(0)) {
    const alpha = 1 / width
    const along = multiply(tape, weighted, weights, { alpha })
    let dx = tape.add('Sub', [
      tape.add('Mul', [gradient, reshape(tape, weights, [width])]),
      tape.add('Mul', [normalised, along]),
    ])
    if (statistic.mean !== null) dx = tape.add('Sub', [dx, multiply(tape, gradient, weights, { alpha })])
    gradients[0] = reshape(tape, tape.add('Mul', [dx, inverse]), tape.dimsOf(input))
  }
  if (needs(1)) gradients[1] = reshape(tape, sumOver(tape, weighted, [0]), tape.dimsOf(scale))
  if (bias !== undefined && bias !== '' && needs(2))
    gradients[2] = reshape(tape, sumOver(tape, gradient, [0]), tape.dimsOf(bias))
  return gradients
}

export const NORMALISING: OperatorTable = {
  LayerNormalization: {
    infer: (context) => [typeAt(context, 0), statistics(context), statistics(context)],
    gradient: (context) =>
      normGradient(context, { mean: context.node.outputs[1]!, inverse: context.node.outputs[2]! }),
  },
  SimplifiedLayerNormalization: {
    infer: (context) => [typeAt(context, 0), statistics(context)],
    gradient: (context) => normGradient(context, { mean: null, inverse: context.node.outputs[1]! }),
  },
  RotaryEmbedding: {
    infer(context) {
      const { dims } = typeAt(context, 0)
      const rows = typeAt(context, 2).dims[0]!
      // One position is that of the first token.
      const first = context.known(1)?.values.length === 1 ? dims.at(-2)! - 1 : 0
      checkPositions(context, 1, rows - first)
      return [typeAt(context, 0)]
    },
    // The transpose of a rotation is the rotation by the opposite angle: the sine changes its sign.
    gradient({ tape, node, gradients }) {
      const [, positions, cosines, sines] = node.inputs as readonly [string, string, string, string]
      const opposite = tape.add('Neg', [sines])
      return [tape.add('RotaryEmbedding', [gradients[0]!, positions, cosines, opposite], node.attributes)]
    },
  },
}
