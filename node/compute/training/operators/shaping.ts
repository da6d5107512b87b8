/** Operators that only move elements: the gradient moves them back. */
import { INT64 } from '../../onnx/data-types.ts'
import { reshape, unbroadcast } from './broadcasting.ts'
import {
  broadcast,
  frontAxis,
  intAttribute,
  integersAt,
  intsAttribute,
  type KnownIntegers,
  type Operator,
  type OperatorContext,
  type OperatorTable,
  product,
  typeAt,
  unsupported,
  type ValueType,
} from './operator.ts'

/** More numbers than any shape or row of positions has. */
const MAX_RANGE = 2 ** 20

const reshaped: NonNullable<Operator['gradient']> = ({ tape, node, gradients }) => [
  reshape(tape, gradients[0]!, tape.dimsOf(node.inputs[0]!)),
]

/** A row that keeps the elements in their order. */
function rearranged(dimsOf: (context: OperatorContext) => readonly number[]): Operator {
  return {
    infer: (context) => [{ elementType: typeAt(context, 0).elementType, dims: dimsOf(context) }],
    fold(context): KnownIntegers | undefined {
      const known = context.known(0)
      return known === undefined ? undefined : { dims: dimsOf(context), values: known.values }
    },
    gradient: reshaped,
  }
}

/** 0 keeps the dim of the input (unless allowzero), -1 takes what is left. */
function reshapedDims(context: OperatorContext): number[] {
  const from = typeAt(context, 0).dims
  const wanted = integersAt(context, 1)
  const keepsZero = intAttribute(context.attributes, 'allowzero', 0) !== 0
  const dims = wanted.map((dim, axis) => (dim === 0 && !keepsZero ? (from[axis] ?? 0) : dim))
  const open = dims.indexOf(-1)
  if (open >= 0) dims[open] = product(from) / product(dims.filter((_, axis) => axis !== open))
  if (product(dims) !== product(from) || dims.some((dim) => !Number.isInteger(dim) || dim < 0))
    throw unsupported(context.opType, `cannot make [${wanted.join(', ')}] of dims [${from.join(', ')}]`)
  return dims
}

/** Axes are an input since opset 13, an attribute before. */
function axesOf(context: OperatorContext): readonly number[] | undefined {
  return context.types[1] === undefined ? intsAttribute(context.attributes, 'axes') : integersAt(context, 1)
}

function unsqueezedDims(context: OperatorContext): number[] {
  const from = [...typeAt(context, 0).dims]
  const axes = axesOf(context) ?? []
  const rank = from.length + axes.length
  const added = new Set(axes.map((axis) => frontAxis(context.opType, axis, rank)))
  return Array.from({ length: rank }, (_, axis) => (added.has(axis) ? 1 : from.shift()!))
}

function squeezedDims(context: OperatorContext): number[] {
  const { dims } = typeAt(context, 0)
  const axes = axesOf(context)?.map((axis) => frontAxis(context.opType, axis, dims.length))
  return dims.filter((dim, axis) => (axes === undefined ? dim !== 1 : !axes.includes(axis)))
}

function flattenedDims(context: OperatorContext): number[] {
  const { dims } = typeAt(context, 0)
  const axis = intAttribute(context.attributes, 'axis', 1)
  const front = axis < 0 ? axis + dims.length : axis
  return [product(dims.slice(0, front)), product(dims.slice(front))]
}

function permutation(context: Pick<OperatorContext, 'attributes'>, rank: number): readonly number[] {
  return (
    intsAttribute(context.attributes, 'perm') ?? Array.from({ length: rank }, (_, axis) => rank - 1 - axis)
  )
}

/** Sizes of the outputs: an input, or equal parts. */
function splitSizes(context: OperatorContext): number[] {
  const { dims } = typeAt(context, 0)
  const dim = dims[frontAxis('Split', intAttribute(context.attributes, 'axis', 0), dims.length)]!
  const sizes =
    context.types[1] === undefined ? intsAttribute(context.attributes, 'split') : integersAt(context, 1)
  if (sizes !== undefined) return [...sizes]
  const parts = intAttribute(context.attributes, 'num_outputs', context.outputs)
  const size = Math.ceil(dim / parts)
  return Array.from({ length: parts }, (_, part) => Math.min(size, dim - part * size))
}

const withDim = (dims: readonly number[], axis: number, dim: number): number[] =>
  dims.map((own, at) => (at === axis ? dim : own))

function concatenated(context: OperatorContext): ValueType[] {
  const first = typeAt(context, 0)
  const axis = frontAxis('Concat', intAttribute(context.attributes, 'axis', 0), first.dims.length)
  const total = context.types.reduce((sum, type) => sum + (type?.dims[axis] ?? 0), 0)
  return [{ elementType: first.elementType, dims: withDim(first.dims, axis, total) }]
}

export const SHAPING: OperatorTable = {
  Reshape: rearranged(reshapedDims),
  Unsqueeze: rearranged(unsqueezedDims),
  Squeeze: rearranged(squeezedDims),
  Flatten: rearranged(flattenedDims),
  Transpose: {
    infer(context) {
      const { elementType, dims } = typeAt(context, 0)
      return [{ elementType, dims: permutation(context, dims.length).map((from) => dims[from]!) }]
    },
    gradient({ tape, node, gradients }) {
      const perm = permutation(node, tape.dimsOf(node.inputs[0]!).length)
      const inverse = perm.map((_, axis) => perm.indexOf(axis))
      return [tape.add('Transpose', [gradients[0]!], { perm: { ints: inverse } })]
    },
  },
  Concat: {
    infer: concatenated,
    fold(context) {
      const parts = context.types.map((_, index) => context.known(index))
      if (!parts.every((part) => part !== undefined) || parts.some((part) => part.dims.length !== 1))
        return undefined
      const values = parts.flatMap((part) => part.values)
      return { dims: [values.length], values }
    },
    gradient({ tape, node, gradients }) {
      const dims = node.inputs.map((name) => tape.dimsOf(name))
      const axis = frontAxis('Concat', intAttribute(node.attributes, 'axis', 0), dims[0]!.length)
      const sizes = tape.integers(dims.map((own) => own[axis]!))
      const init = { outputs: dims.length }
      return tape.addMany('Split', [gradients[0]!, sizes], { axis: { int: axis } }, init)
    },
  },
  Split: {
    infer(context) {
      const { elementType, dims } = typeAt(context, 0)
      const axis = frontAxis('Split', intAttribute(context.attributes, 'axis', 0), dims.length)
      return splitSizes(context).map((size) => ({ elementType, dims: withDim(dims, axis, size) }))
    },
    gradient({ tape, node, gradients }) {
      const axis = intAttribute(node.attributes, 'axis', 0)
      const parts = gradients.map(
        (gradient, index) => gradient ?? tape.zeros(tape.dimsOf(node.outputs[index]!)),
      )
      return [tape.add('Concat', parts, { axis: { int: axis } })]
    },
  },
  Expand: {
    infer(context) {
      const { elementType, dims } = typeAt(context, 0)
      return [{ elementType, dims: broadcast('Expand', dims, integersAt(context, 1)) }]
    },
    gradient: ({ tape, node, gradients }) => [unbroadcast(tape, gradients[0]!, tape.dimsOf(node.inputs[0]!))],
  },
  Shape: {
    infer: (context) => [{ elementType: INT64, dims: [typeAt(context, 0).dims.length] }],
    fold(context) {
      const { dims } = typeAt(context, 0)
      const values = dims.slice(
        intAttribute(context.attributes, 'start', 0),
        intAttribute(context.attributes, 'end', dims.length),
      )
      return { dims: [values.length], values }
    },
  },
  Range: {
    infer(context) {
      throw unsupported(context.opType, 'takes its limits from data: training needs them constant')
    },
    fold(context) {
      const [start, limit, delta] = [0, 1, 2].map((index) => context.known(index)?.values[0])
      if (start === undefined || limit === undefined || delta === undefined) return undefined
      const length = Math.max(0, Math.ceil((limit - start) / delta))
      if (!(length <= MAX_RANGE)) throw unsupported('Range', 'is too long')
      return { dims: [length], values: Array.from({ length }, (_, at) => start + at * delta) }
    },
  },
  ConstantOfShape: {
    infer: (context) => [{ elementType: 1, dims: integersAt(context, 0) }],
  },
}
