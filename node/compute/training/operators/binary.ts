/** Element-wise operators of two or three tensors, with broadcasting. */
import type { Tape } from '../autodiff/tape.ts'
import { unbroadcast } from './broadcasting.ts'
import {
  broadcast,
  type GradientContext,
  type KnownIntegers,
  type Operator,
  type OperatorContext,
  type OperatorTable,
  product,
  typeAt,
  type ValueType,
} from './operator.ts'

const BOOL = 9

function resultType(context: OperatorContext): ValueType[] {
  const a = typeAt(context, 0)
  return [{ elementType: a.elementType, dims: broadcast(context.opType, a.dims, typeAt(context, 1).dims) }]
}

const compared: Operator['infer'] = (context) =>
  resultType(context).map(({ dims }) => ({ elementType: BOOL, dims }))

/** Arithmetic on shapes: small vectors and scalars. */
function foldWith(apply: (a: number, b: number) => number): NonNullable<Operator['fold']> {
  return (context): KnownIntegers | undefined => {
    const [a, b] = [context.known(0), context.known(1)]
    if (a === undefined || b === undefined) return undefined
    const dims = broadcast(context.opType, a.dims, b.dims)
    const repeated = (from: KnownIntegers, at: number) => from.values[from.values.length === 1 ? 0 : at]!
    const size = product(dims)
    if ([a, b].some(({ values }) => values.length !== 1 && values.length !== size)) return undefined
    return { dims, values: Array.from({ length: size }, (_, at) => apply(repeated(a, at), repeated(b, at))) }
  }
}

type Side = (tape: Tape, gradient: string, operands: { a: string; b: string; y: string }) => string

/** A row from what the gradient is multiplied with on each side; the sums over repeated axes are added here. */
function row(left: Side, right: Side, fold?: (a: number, b: number) => number): Operator {
  return {
    infer: resultType,
    ...(fold && { fold: foldWith(fold) }),
    gradient({ tape, node, gradients, needs }: GradientContext) {
      const [a, b] = [node.inputs[0]!, node.inputs[1]!]
      const operands = { a, b, y: node.outputs[0]! }
      return [left, right].map((side, index) =>
        needs(index)
          ? unbroadcast(tape, side(tape, gradients[0]!, operands), tape.dimsOf(index === 0 ? a : b))
          : undefined,
      )
    },
  }
}

const passed: Side = (_tape, gradient) => gradient

/** a^b: b a^(b−1) on the left; the common exponent 2 costs no power. */
const powerBase: Side = (tape, gradient, { a, b }) => {
  if (tape.knownScalar(b) === 2) return tape.add('Mul', [gradient, tape.add('Mul', [a, tape.scalar(2)])])
  const lowered = tape.add('Pow', [a, tape.add('Sub', [b, tape.scalar(1)])])
  return tape.add('Mul', [gradient, tape.add('Mul', [b, lowered])])
}

/** The larger (or smaller) side takes the gradient; on a tie the left one does. */
function extremum(leftWins: 'GreaterOrEqual' | 'LessOrEqual'): Operator {
  const chosen = (tape: Tape, a: string, b: string) => tape.add(leftWins, [a, b])
  return row(
    (tape, gradient, { a, b }) => tape.add('Where', [chosen(tape, a, b), gradient, tape.scalar(0)]),
    (tape, gradient, { a, b }) => tape.add('Where', [chosen(tape, a, b), tape.scalar(0), gradient]),
  )
}

export const BINARY: OperatorTable = {
  Add: row(passed, passed, (a, b) => a + b),
  Sub: row(
    passed,
    (tape, gradient) => tape.add('Neg', [gradient]),
    (a, b) => a - b,
  ),
  Mul: row(
    (tape, gradient, { b }) => tape.add('Mul', [gradient, b]),
    (tape, gradient, { a }) => tape.add('Mul', [gradient, a]),
    (a, b) => a * b,
  ),
  Div: row(
    (tape, gradient, { b }) => tape.add('Div', [gradient, b]),
    (tape, gradient, { b, y }) => tape.add('Neg', [tape.add('Mul', [gradient, tape.add('Div', [y, b])])]),
    (a, b) => Math.trunc(a / b),
  ),
  Pow: row(powerBase, (tape, gradient, { a, y }) =>
    tape.add('Mul', [gradient, tape.add('Mul', [y, tape.add('Log', [a])])]),
  ),
  Max: extremum('GreaterOrEqual'),
  Min: extremum('LessOrEqual'),
  Where: {
    infer(context) {
      const [condition, a, b] = [0, 1, 2].map((index) => typeAt(context, index))
      const { opType } = context
      const dims = broadcast(opType, condition!.dims, broadcast(opType, a!.dims, b!.dims))
      return [{ elementType: a!.elementType, dims }]
    },
    gradient({ tape, node, gradients, needs }) {
      const [condition, a, b] = node.inputs as readonly [string, string, string]
      const zero = tape.scalar(0)
      const gradient = gradients[0]!
      return [
        undefined,
        needs(1)
          ? unbroadcast(tape, tape.add('Where', [condition, gradient, zero]), tape.dimsOf(a))
          : undefined,
        needs(2)
          ? unbroadcast(tape, tape.add('Where', [condition, zero, gradient]), tape.dimsOf(b))
          : undefined,
      ]
    },
  },
  Equal: { infer: compared },
  Less: { infer: compared },
  LessOrEqual: { infer: compared },
  Greater: { infer: compared },
  GreaterOrEqual: { infer: compared },
  And: { infer: compared },
  Or: { infer: compared },
  Not: { infer: (context) => [typeAt(context, 0)] },
}
