/** Operators that pick elements by index. Their gradients add each picked element back where it came from. */
import type { Tape } from '../autodiff/tape.ts'
import { reshape } from './broadcasting.ts'
import {
  checkPositions,
  frontAxis,
  intAttribute,
  integersAt,
  type KnownIntegers,
  type OperatorContext,
  type OperatorTable,
  product,
  typeAt,
  unsupported,
} from './operator.ts'

const MAX_CONSTANT_ZEROS = 2 ** 12

interface SliceRange {
  readonly axis: number
  readonly start: number
  readonly end: number
  readonly step: number
}

/** The stretch of each sliced axis, with negative and too large limits resolved (ONNX Slice). */
function slices(context: OperatorContext): SliceRange[] {
  const { dims } = typeAt(context, 0)
  const starts = integersAt(context, 1)
  const ends = integersAt(context, 2)
  const axes = context.types[3] === undefined ? starts.map((_, at) => at) : integersAt(context, 3)
  const steps = context.types[4] === undefined ? starts.map(() => 1) : integersAt(context, 4)
  return axes.map((wanted, at) => {
    const axis = frontAxis('Slice', wanted, dims.length)
    const step = steps[at]!
    if (step < 1) throw unsupported('Slice', `has step ${step}: training takes positive steps only`)
    const clamp = (value: number) =>
      Math.min(dims[axis]!, Math.max(0, value < 0 ? value + dims[axis]! : value))
    const start = clamp(starts[at]!)
    return { axis, start, end: Math.max(start, clamp(ends[at]!)), step }
  })
}

const lengthOf = ({ start, end, step }: SliceRange): number => Math.ceil((end - start) / step)

/**
 * Rows of a [rows, inner] gradient added at their indices in `base`: [count, inner]. By elements: onnxruntime's ScatterND adds rows in
 * several threads at once and loses some where indices are equal (seen with 1.30), ScatterElements adds them in their order.
 */
function scatterRows(tape: Tape, rows: string, indices: string, base: string): string {
  const [length = 0, inner = 0] = tape.dimsOf(rows)
  const column = reshape(tape, indices, [length, 1])
  const places = tape.add('Expand', [column, tape.integers([length, inner])])
  const attributes = { axis: { int: 0 }, reduction: { string: 'add' } }
  return tape.add('ScatterElements', [base, places, rows], attributes)
}

/**
 * Zeros to add to. For a large table they are made when the graph runs: a constant of its size would stay in memory, and so would
 * any that onnxruntime can compute beforehand.
 */
function zerosLike(tape: Tape, table: string): string {
  const { dims } = tape.typeOf(table)
  return product(dims) <= MAX_CONSTANT_ZEROS ? tape.zeros(dims) : tape.add('Mul', [table, tape.scalar(0)])
}

function gatherDims(context: OperatorContext): { dims: number[]; axis: number } {
  const { dims } = typeAt(context, 0)
  const axis = frontAxis('Gather', intAttribute(context.attributes, 'axis', 0), dims.length)
  return { dims: [...dims.slice(0, axis), ...typeAt(context, 1).dims, ...dims.slice(axis + 1)], axis }
}

export const INDEXING: OperatorTable = {
  Gather: {
    infer(context) {
      const { dims, axis } = gatherDims(context)
      checkPositions(context, 1, typeAt(context, 0).dims[axis]!)
      return [{ elementType: typeAt(context, 0).elementType, dims }]
    },
    fold(context): KnownIntegers | undefined {
      const [from, picked] = [context.known(0), context.known(1)]
      if (from === undefined || picked === undefined || from.dims.length !== 1) return undefined
      const values = picked.values.map((at) => from.values[at < 0 ? at + from.values.length : at]!)
      return { dims: picked.dims, values }
    },
    gradient({ tape, node, gradients }) {
      const [table, indices] = node.inputs as readonly [string, string]
      const dims = tape.dimsOf(table)
      const axis = frontAxis('Gather', intAttribute(node.attributes, 'axis', 0), dims.length)
      const indexRank = tape.dimsOf(indices).length
      const rank = dims.length - 1 + indexRank
      // The index axes to the front, so that the rest is one row for each index; and back again at the end.
      const front = Array.from({ length: indexRank }, (_, at) => axis + at)
      const others = Array.from({ length: rank }, (_, at) => at).filter((at) => !front.includes(at))
      const moved = tape.add('Transpose', [gradients[0]!], { perm: { ints: [...front, ...others] } })
      const inner = product(dims) / dims[axis]!
      const rows = reshape(tape, moved, [product(tape.dimsOf(indices)), inner])
      const base = reshape(tape, zerosLike(tape, table), [dims[axis]!, inner])
      const summed = scatterRows(tape, rows, indices, base)
      const rest = dims.filter((_, at) => at !== axis)
      const perm = dims.map((_, at) => (at < axis ? at + 1 : at === axis ? 0 : at))
      return [
        tape.add('Transpose', [reshape(tape, summed, [dims[axis]!, ...rest])], { perm: { ints: perm } }),
      ]
    },
  },
  GatherElements: {
    infer: (context) => [{ elementType: typeAt(context, 0).elementType, dims: typeAt(context, 1).dims }],
    gradient({ tape, node, gradients }) {
      const [from, indices] = node.inputs as readonly [string, string]
      const axis = { int: intAttribute(node.attributes, 'axis', 0) }
      const attributes = { axis, reduction: { string: 'add' } }
      return [tape.add('ScatterElements', [zerosLike(tape, from), indices, gradients[0]!], attributes)]
    },
  },
  ScatterElements: { infer: (context) => [typeAt(context, 0)] },
  ScatterND: { infer: (context) => [typeAt(context, 0)] },
  Pad: {
    infer(context) {
      const { elementType, dims } = typeAt(context, 0)
      const pads = integersAt(context, 1)
      return [{ elementType, dims: dims.map((dim, axis) => dim + pads[axis]! + pads[axis + dims.length]!) }]
    },
  },
  Slice: {
    infer(context) {
      const { elementType, dims } = typeAt(context, 0)
      const out = [...dims]
      for (const range of slices(context)) out[range.axis] = lengthOf(range)
      return [{ elementType, dims: out }]
    },
    fold(context) {
      const known = context.known(0)
      if (known === undefined || known.dims.length !== 1) return undefined
      const range = slices(context)[0]!
      const values = known.values.filter(
        (_, at) => at >= range.start && at < range.end && (at - range.start) % range.step === 0,
      )
      return { dims: [values.length], values }
    },
    gradient({ tape, node, gradients }) {
      const dims = tape.dimsOf(node.inputs[0]!)
      const known = (index: number) => tape.knownIntegers(node.inputs[index] ?? '')
      const types = node.inputs.map((name) => (name === '' ? undefined : tape.typeOf(name)))
      const ranges = slices({ opType: 'Slice', outputs: 1, types, attributes: node.attributes, known })
      if (ranges.some(({ step }) => step !== 1))
        throw unsupported('Slice', 'is differentiated for steps of 1 only')
      const before = dims.map((_, axis) => ranges.find((range) => range.axis === axis)?.start ?? 0)
      const after = dims.map((dim, axis) => dim - (ranges.find((range) => range.axis === axis)?.end ?? dim))
      return [tape.add('Pad', [gradients[0]!, tape.integers([...before, ...after])])]
    },
  },
}
