/** Element-wise operators of one tensor. */
import { FLOAT32 } from '../../onnx/data-types.ts'
import type { Tape } from '../autodiff/tape.ts'
import {
  floatAttribute,
  type GradientContext,
  intAttribute,
  type Operator,
  type OperatorTable,
  stringAttribute,
  typeAt,
  unsupported,
} from './operator.ts'

/** The derivative from input x and output y; the row multiplies it by the gradient. */
type Derivative = (tape: Tape, x: string, y: string, context: GradientContext) => string

const sameType: Operator['infer'] = (context) => [typeAt(context, 0)]

function row(derivative: Derivative): Operator {
  return {
    infer: sameType,
    gradient(context) {
      const { tape, node } = context
      return [
        tape.add('Mul', [
          context.gradients[0]!,
          derivative(tape, node.inputs[0]!, node.outputs[0]!, context),
        ]),
      ]
    },
  }
}

const times = (tape: Tape, value: string, factor: number): string =>
  tape.add('Mul', [value, tape.scalar(factor)])
const square = (tape: Tape, value: string): string => tape.add('Mul', [value, value])
const oneMinus = (tape: Tape, value: string): string => tape.add('Sub', [tape.scalar(1), value])

/** Φ(x) + x φ(x), the derivative of x Φ(x) (Hendrycks & Gimpel, arXiv 1606.08415). */
function exactGelu(tape: Tape, x: string): string {
  const erf = tape.add('Erf', [times(tape, x, Math.SQRT1_2)])
  const cumulative = times(tape, tape.add('Add', [erf, tape.scalar(1)]), 0.5)
  const density = tape.add('Exp', [times(tape, square(tape, x), -0.5)])
  const scaled = times(tape, tape.add('Mul', [x, density]), 1 / Math.sqrt(2 * Math.PI))
  return tape.add('Add', [cumulative, scaled])
}

/** The derivative of 0.5 x (1 + tanh u), u = √(2/π) (x + 0.044715 x³). */
function tanhGelu(tape: Tape, x: string): string {
  const k = Math.sqrt(2 / Math.PI)
  const squared = square(tape, x)
  const inner = tape.add('Add', [times(tape, squared, 0.044715 * k), tape.scalar(k)])
  const t = tape.add('Tanh', [tape.add('Mul', [x, inner])])
  const slope = tape.add('Add', [times(tape, squared, 3 * 0.044715 * k), tape.scalar(k)])
  const half = times(tape, tape.add('Add', [t, tape.scalar(1)]), 0.5)
  const rest = tape.add('Mul', [
    times(tape, x, 0.5),
    tape.add('Mul', [oneMinus(tape, square(tape, t)), slope]),
  ])
  return tape.add('Add', [half, rest])
}

/** y = x σ(αx): y' = σ + α y (1 − σ). */
function quickGelu(tape: Tape, x: string, y: string, { node }: GradientContext): string {
  const alpha = floatAttribute(node.attributes, 'alpha', 1.702)
  const s = tape.add('Sigmoid', [alpha === 1 ? x : times(tape, x, alpha)])
  const scaled = alpha === 1 ? y : times(tape, y, alpha)
  return tape.add('Add', [s, tape.add('Mul', [scaled, oneMinus(tape, s)])])
}

export const UNARY: OperatorTable = {
  Identity: { infer: sameType, fold: ({ known }) => known(0), gradient: ({ gradients }) => [gradients[0]] },
  Neg: { infer: sameType, gradient: ({ tape, gradients }) => [tape.add('Neg', [gradients[0]!])] },
  Exp: row((_tape, _x, y) => y),
  Log: row((tape, x) => tape.add('Reciprocal', [x])),
  Sqrt: row((tape, _x, y) => tape.add('Div', [tape.scalar(0.5), y])),
  Reciprocal: row((tape, _x, y) => tape.add('Neg', [square(tape, y)])),
  Sigmoid: row((tape, _x, y) => tape.add('Mul', [y, oneMinus(tape, y)])),
  Tanh: row((tape, _x, y) => oneMinus(tape, square(tape, y))),
  Softplus: row((tape, x) => tape.add('Sigmoid', [x])),
  Erf: row((tape, x) =>
    times(tape, tape.add('Exp', [tape.add('Neg', [square(tape, x)])]), 2 / Math.sqrt(Math.PI)),
  ),
  Sin: row((tape, x) => tape.add('Cos', [x])),
  Cos: row((tape, x) => tape.add('Neg', [tape.add('Sin', [x])])),
  Abs: row((tape, x) => tape.add('Sign', [x])),
  Sign: { infer: sameType },
  Gelu: row((tape, x, _y, { node }) =>
    stringAttribute(node.attributes, 'approximate') === 'tanh' ? tanhGelu(tape, x) : exactGelu(tape, x),
  ),
  FastGelu: row((tape, x) => tanhGelu(tape, x)),
  QuickGelu: row(quickGelu),
  Relu: {
    infer: sameType,
    gradient({ tape, node, gradients }) {
      const positive = tape.add('Greater', [node.inputs[0]!, tape.scalar(0)])
      return [tape.add('Where', [positive, gradients[0]!, tape.scalar(0)])]
    },
  },
  Cast: {
    infer(context) {
      return [{ elementType: intAttribute(context.attributes, 'to', 0), dims: typeAt(context, 0).dims }]
    },
    fold: ({ known, attributes }) => (intAttribute(attributes, 'to', 0) === 7 ? known(0) : undefined),
    gradient({ tape, node, gradients }) {
      const from = tape.typeOf(node.inputs[0]!).elementType
      if (from !== FLOAT32) throw unsupported('Cast', 'is differentiated between float32 values only')
      return [tape.add('Cast', [gradients[0]!], { to: { int: from } })]
    },
  },
}
