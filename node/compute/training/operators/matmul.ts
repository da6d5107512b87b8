/**
 * Matrix products. MatMul, Gemm and onnxruntime's FusedMatMul are all Y = α op(A) op(B), where op may transpose, so that one
 * rule gives the gradients of all and no transposed copy is ever made:
 * dA = α dY op(B)ᵀ and dB = α op(A)ᵀ dY, transposed where the operand is.
 */
import type { Tape } from '../autodiff/tape.ts'
import { asMatrix, reshape, unbroadcast } from './broadcasting.ts'
import {
  broadcast,
  floatAttribute,
  type GradientContext,
  intAttribute,
  type OperatorContext,
  type OperatorTable,
  typeAt,
  unsupported,
  type ValueType,
} from './operator.ts'

interface Factors {
  readonly alpha: number
  readonly transA: boolean
  readonly transB: boolean
}

function factorsOf(attributes: OperatorContext['attributes']): Factors {
  for (const name of ['transBatchA', 'transBatchB'])
    if (intAttribute(attributes, name, 0) !== 0)
      throw unsupported('FusedMatMul', `is not supported with ${name}`)
  return {
    alpha: floatAttribute(attributes, 'alpha', 1),
    transA: intAttribute(attributes, 'transA', 0) !== 0,
    transB: intAttribute(attributes, 'transB', 0) !== 0,
  }
}

function matmulType(context: OperatorContext): ValueType[] {
  const [a, b] = [typeAt(context, 0), typeAt(context, 1)]
  const { transA, transB } = factorsOf(context.attributes)
  const left = a.dims.length === 1 ? [1, ...a.dims] : [...a.dims]
  const right = b.dims.length === 1 ? [...b.dims, 1] : [...b.dims]
  const [rows, inner] = swapped(left.splice(-2), transA)
  const [otherInner, columns] = swapped(right.splice(-2), transB)
  if (inner !== otherInner)
    throw unsupported(context.opType, `cannot multiply [${a.dims.join(', ')}] by [${b.dims.join(', ')}]`)
  const dims = broadcast(context.opType, left, right)
  if (a.dims.length > 1) dims.push(rows)
  if (b.dims.length > 1) dims.push(columns)
  return [{ elementType: a.elementType, dims }]
}

function swapped(pair: readonly number[], swap: boolean): readonly [number, number] {
  return swap ? [pair[1]!, pair[0]!] : [pair[0]!, pair[1]!]
}

/** α op(A) op(B); the plain case stays a MatMul. */
export function multiply(tape: Tape, a: string, b: string, factors: Partial<Factors> = {}): string {
  const { alpha = 1, transA = false, transB = false } = factors
  if (alpha === 1 && !transA && !transB) return tape.add('MatMul', [a, b])
  return tape.add('FusedMatMul', [a, b], {
    alpha: { float: alpha },
    transA: { int: transA ? 1 : 0 },
    transB: { int: transB ? 1 : 0 },
  })
}

function matmulGradient({ tape, node, gradients, needs }: GradientContext): (string | undefined)[] {
  const { alpha, transA, transB } = factorsOf(node.attributes)
  const [inputA, inputB] = [node.inputs[0]!, node.inputs[1]!]
  const [dimsA, dimsB] = [tape.dimsOf(inputA), tape.dimsOf(inputB)]
  let a = dimsA.length === 1 ? reshape(tape, inputA, [1, ...dimsA]) : inputA
  const b = dimsB.length === 1 ? reshape(tape, inputB, [...dimsB, 1]) : inputB
  let g = matrixGradient(tape, gradients[0]!, dimsA.length === 1, dimsB.length === 1)
  // A weight is shared by all rows: as one tall matrix they are one product, and no sum over the batch is left.
  if (tape.dimsOf(b).length === 2 && tape.dimsOf(a).length > 2 && !transA) {
    a = asMatrix(tape, a, tape.dimsOf(a).at(-1)!)
    g = asMatrix(tape, g, tape.dimsOf(g).at(-1)!)
  }
  const gradientA = () =>
    transA
      ? multiply(tape, b, g, { alpha, transA: transB, transB: true })
      : multiply(tape, g, b, { alpha, transB: !transB })
  const gradientB = () =>
    transB
      ? multiply(tape, g, a, { alpha, transA: true, transB: transA })
      : multiply(tape, a, g, { alpha, transA: !transA })
  const backTo = (gradient: string, operand: string, dims: readonly number[]) =>
    reshape(tape, unbroadcast(tape, gradient, tape.dimsOf(operand)), dims)
  return [
    needs(0) ? backTo(gradientA(), a, dimsA) : undefined,
    needs(1) ? backTo(gradientB(), b, dimsB) : undefined,
  ]
}

/** Puts back the axis that a vector operand took out of the result. */
function matrixGradient(tape: Tape, gradient: string, vectorA: boolean, vectorB: boolean): string {
  const dims = [...tape.dimsOf(gradient)]
  if (vectorB) dims.push(1)
  if (vectorA) dims.splice(-1, 0, 1)
  return reshape(tape, gradient, dims)
}

export const MATMUL: OperatorTable = {
  MatMul: { infer: matmulType, gradient: matmulGradient },
  FusedMatMul: { infer: matmulType, gradient: matmulGradient },
  Gemm: {
    infer: matmulType,
    gradient(context) {
      const { tape, node, gradients, needs } = context
      const bias = node.inputs[2]
      const beta = floatAttribute(node.attributes, 'beta', 1)
      const scaled = () => (beta === 1 ? gradients[0]! : tape.add('Mul', [gradients[0]!, tape.scalar(beta)]))
      return [
        ...matmulGradient(context),
        bias !== undefined && bias !== '' && needs(2)
          ? unbroadcast(tape, scaled(), tape.dimsOf(bias))
          : undefined,
      ]
    },
  },
}
