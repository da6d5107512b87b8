/** What the training graph knows of an operator: the shape that it gives and its gradient. One row an operator in table.ts. */
import { VillageError } from '../../../errors.ts'
import type { AttributeValue } from '../../onnx/encode.ts'
import type { Tape, TapeNode } from '../autodiff/tape.ts'

/** Element type (a code of data-types.ts) and concrete dims: batch and length are fixed when a training graph is made. */
export interface ValueType {
  readonly elementType: number
  readonly dims: readonly number[]
}

/** Whole numbers that are known while the graph is made: shapes, axes, positions. */
export interface KnownIntegers {
  readonly dims: readonly number[]
  readonly values: readonly number[]
}

export type Attributes = Readonly<Record<string, AttributeValue>>

export interface OperatorContext {
  readonly opType: string
  /** Undefined where an optional input is left out. */
  readonly types: readonly (ValueType | undefined)[]
  readonly attributes: Attributes
  /** How many outputs the node has. */
  readonly outputs: number
  /** The values of an input, where they are known. */
  known(index: number): KnownIntegers | undefined
}

export interface GradientContext {
  readonly tape: Tape
  readonly node: TapeNode
  /** Of each output; undefined where nothing depends on it. */
  readonly gradients: readonly (string | undefined)[]
  /** Whether the gradient of this input is wanted: what is not wanted may be left undefined. */
  needs(index: number): boolean
  /** Nodes of the forward graph that read a value. */
  consumers(name: string): readonly TapeNode[]
  /** The gradient of any value whose consumers were all differentiated. */
  gradientOf(name: string): string | undefined
}

export interface Operator {
  /** Types of all outputs. Throws MODEL_UNSUPPORTED for inputs that the operator cannot take. */
  infer(context: OperatorContext): readonly ValueType[]
  /** The value itself where every input that matters is known; for integers only. */
  fold?(context: OperatorContext): KnownIntegers | undefined
  /**
   * Adds nodes that compute, from the gradients of the outputs, the gradients of the inputs, in the inputs' order. Each has
   * the dims of its input. An operator without this row can be run but not differentiated.
   */
  gradient?(context: GradientContext): readonly (string | undefined)[]
}

export type OperatorTable = Readonly<Record<string, Operator>>

export function unsupported(opType: string, what: string): VillageError {
  return new VillageError('MODEL_UNSUPPORTED', `The operator ${opType} ${what}.`)
}

/** The type of an input that must be there. */
export function typeAt(context: OperatorContext, index: number): ValueType {
  const type = context.types[index]
  if (type === undefined) throw unsupported(context.opType, `has no input ${index}`)
  return type
}

/** Integers of an input that must be known, such as the shape of a Reshape. */
export function integersAt(context: OperatorContext, index: number): readonly number[] {
  const known = context.known(index)
  if (known === undefined)
    throw unsupported(context.opType, `takes its input ${index} from data: training needs it constant`)
  return known.values
}

/** Known indices must lie inside their table: a model has only so many positions. Throws INVALID_ARGUMENT. */
export function checkPositions(context: OperatorContext, index: number, rows: number): void {
  const values = context.known(index)?.values ?? []
  const largest = values.reduce((most, value) => Math.max(most, value), 0)
  if (largest >= rows)
    throw new VillageError('INVALID_ARGUMENT', 'The rows are longer than the positions that the model has.', {
      fields: { argument: 'length' },
    })
}

export function intAttribute(attributes: Attributes, name: string, fallback: number): number {
  const value = attributes[name]
  return value !== undefined && 'int' in value ? value.int : fallback
}

export function floatAttribute(attributes: Attributes, name: string, fallback: number): number {
  const value = attributes[name]
  return value !== undefined && 'float' in value ? value.float : fallback
}

export function intsAttribute(attributes: Attributes, name: string): readonly number[] | undefined {
  const value = attributes[name]
  return value !== undefined && 'ints' in value ? value.ints : undefined
}

export function stringAttribute(attributes: Attributes, name: string): string | undefined {
  const value = attributes[name]
  return value !== undefined && 'string' in value ? value.string : undefined
}

/** An axis counted from the front. */
export function frontAxis(opType: string, axis: number, rank: number): number {
  const front = axis < 0 ? axis + rank : axis
  if (!(front >= 0 && front < Math.max(rank, 1)))
    throw unsupported(opType, `has axis ${axis} for a tensor of rank ${rank}`)
  return front
}

export function product(dims: readonly number[]): number {
  return dims.reduce((total, dim) => total * dim, 1)
}

/** The dims of an element-wise result (ONNX broadcasting, as NumPy's). */
export function broadcast(opType: string, a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length)
  return Array.from({ length: rank }, (_, at) => {
    const x = a[at - rank + a.length] ?? 1
    const y = b[at - rank + b.length] ?? 1
    if (x !== y && x !== 1 && y !== 1)
      throw unsupported(opType, `cannot combine dims [${a.join(', ')}] and [${b.join(', ')}]`)
    return x === 1 ? y : x
  })
}

export function sameDims(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((dim, axis) => dim === b[axis])
}
