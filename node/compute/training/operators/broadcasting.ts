/** Sums a gradient over the axes along which an input was repeated by broadcasting. */
import type { Tape } from '../autodiff/tape.ts'
import { sameDims } from './operator.ts'

export function unbroadcast(tape: Tape, gradient: string, dims: readonly number[]): string {
  const from = tape.dimsOf(gradient)
  if (sameDims(from, dims)) return gradient
  const lead = from.length - dims.length
  const axes = from.flatMap((dim, axis) =>
    axis < lead || (dims[axis - lead] === 1 && dim !== 1) ? [axis] : [],
  )
  return reshape(tape, sumOver(tape, gradient, axes), dims)
}

/** The sum over some axes, which keep a dim of 1. */
export function sumOver(tape: Tape, value: string, axes: readonly number[]): string {
  if (axes.length === 0) return value
  return tape.add('ReduceSum', [value, tape.integers(axes)], { keepdims: { int: 1 } })
}

export function reshape(tape: Tape, value: string, dims: readonly number[]): string {
  return tape.add('Reshape', [value, tape.integers(dims)])
}

/** As a matrix whose columns are the last axes that make up `columns` elements. */
export function asMatrix(tape: Tape, value: string, columns: number): string {
  const elements = tape.dimsOf(value).reduce((total, dim) => total * dim, 1)
  return reshape(tape, value, [elements / columns, columns])
}
