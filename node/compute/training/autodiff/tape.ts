/**
 * The training graph while it is made: nodes in topological order over values of known type. Equal nodes are made once, and
 * what need not be computed (sums with zero, reshapes to the same dims, products with a frozen zero) is not added at all.
 */
import { VillageError } from '../../../errors.ts'
import { FLOAT32, INT64 } from '../../onnx/data-types.ts'
import { float32Tensor, int64Tensor, type TensorSource } from '../../onnx/encode.ts'
import type { Attributes, KnownIntegers, OperatorContext, ValueType } from '../operators/operator.ts'
import { product } from '../operators/operator.ts'
import { OPERATORS } from '../operators/table.ts'
import { shortcut } from './shortcuts.ts'

export interface TapeNode {
  readonly opType: string
  /** '' is the ONNX default domain. */
  readonly domain: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: Attributes
}

export interface NodeInit {
  readonly domain?: string
  readonly outputs?: number
}

export interface Tape {
  readonly nodes: readonly TapeNode[]
  /** Values that are given from outside: inputs and parameters. */
  readonly inputs: ReadonlyMap<string, ValueType>
  /** Constants by name, whether or not a node uses them. */
  readonly constants: ReadonlyMap<string, TensorSource>
  typeOf(name: string): ValueType
  dimsOf(name: string): readonly number[]
  input(name: string, type: ValueType): string
  constant(source: TensorSource): string
  floats(dims: readonly number[], data: Float32Array): string
  /** The same constant for the same key: layers share their masks. */
  sharedFloats(key: string, dims: readonly number[], data: Float32Array): string
  scalar(value: number): string
  /** An int64 vector; with `dims` a tensor. */
  integers(values: readonly number[], dims?: readonly number[]): string
  zeros(dims: readonly number[]): string
  isZero(name: string): boolean
  knownIntegers(name: string): KnownIntegers | undefined
  /** The value of a constant of one float element, where this tape made it or was told so. */
  knownScalar(name: string): number | undefined
  /** Adds one node and returns its first output. Throws TRAIN_OPERATOR_UNSUPPORTED, MODEL_UNSUPPORTED. */
  add(opType: string, inputs: readonly string[], attributes?: Attributes): string
  /** The same for operators of several outputs. */
  addMany(
    opType: string,
    inputs: readonly string[],
    attributes: Attributes,
    init?: NodeInit,
  ): readonly string[]
}

/** Operators of onnxruntime that this project emits itself; what comes from a model brings its domain along. */
const CONTRIBUTED: ReadonlySet<string> = new Set(['FusedMatMul', 'RotaryEmbedding', 'QuickGelu'])

/** Of one constant: a graph that doubles a list again and again stops here. */
const MAX_INTEGERS = 2 ** 20

export function createTape(): Tape {
  const nodes: TapeNode[] = []
  const inputs = new Map<string, ValueType>()
  const constants = new Map<string, TensorSource>()
  const types = new Map<string, ValueType>()
  const integers = new Map<string, KnownIntegers>()
  const scalars = new Map<string, number>()
  const zeros = new Set<string>()
  /** Outputs by what makes them. */
  const made = new Map<string, readonly string[]>()
  let count = 0

  function typeOf(name: string): ValueType {
    const type = types.get(name)
    if (type === undefined) throw new VillageError('MODEL_MALFORMED', `Nothing makes the value "${name}".`)
    return type
  }

  function constant(source: TensorSource): string {
    constants.set(source.name, source)
    types.set(source.name, { elementType: source.elementType, dims: source.dims })
    return source.name
  }

  function once(key: string, make: (name: string) => void): string {
    const known = made.get(key)
    if (known !== undefined) return known[0]!
    const name = `c${count++}`
    make(name)
    made.set(key, [name])
    return name
  }

  function addInteger({ dims, values }: KnownIntegers): string {
    if (values.length > MAX_INTEGERS)
      throw new VillageError('MODEL_UNSUPPORTED', 'The model computes with too many whole numbers.')
    return once(`int64 ${dims.join('x')} ${values.join(',')}`, (name) => {
      constant(int64Tensor(name, dims, values))
      integers.set(name, { dims, values })
    })
  }

  const tape: Tape = {
    nodes,
    inputs,
    constants,
    typeOf,
    dimsOf: (name) => typeOf(name).dims,
    input(name, type) {
      inputs.set(name, type)
      types.set(name, type)
      return name
    },
    constant,
    floats(dims, data) {
      const name = constant(float32Tensor(`c${count++}`, dims, data))
      if (data.length === 1) scalars.set(name, data[0]!)
      return name
    },
    sharedFloats: (key, dims, data) => once(key, (name) => constant(float32Tensor(name, dims, data))),
    scalar: (value) =>
      once(`float32 ${value}`, (name) => {
        constant(float32Tensor(name, [], Float32Array.of(value)))
        scalars.set(name, value)
      }),
    integers: (values, dims = [values.length]) => addInteger({ dims, values }),
    zeros: (dims) =>
      once(`zeros ${dims.join('x')}`, (name) => {
        const sizeBytes = 4 * product(dims)
        const write = (push: (bytes: Uint8Array) => void) => push(new Uint8Array(sizeBytes))
        constant({ name, elementType: FLOAT32, dims, sizeBytes, write })
        zeros.add(name)
      }),
    isZero: (name) => zeros.has(name),
    knownIntegers: (name) => integers.get(name),
    knownScalar: (name) => scalars.get(name),
    add: (opType, names, attributes = {}) => tape.addMany(opType, names, attributes)[0]!,

    addMany(opType, names, attributes, init = {}) {
      const operator = Object.hasOwn(OPERATORS, opType) ? OPERATORS[opType] : undefined
      if (operator === undefined)
        throw new VillageError(
          'TRAIN_OPERATOR_UNSUPPORTED',
          `The operator ${opType} cannot be part of a training graph.`,
          { fields: { operator: opType } },
        )
      const domain = init.domain ?? (CONTRIBUTED.has(opType) ? 'com.microsoft' : '')
      const context: OperatorContext = {
        opType,
        types: names.map((name) => (name === '' ? undefined : typeOf(name))),
        attributes,
        outputs: init.outputs ?? 1,
        known: (index) => integers.get(names[index] ?? ''),
      }
      const folded = operator.fold?.(context)
      if (folded !== undefined) return [addInteger(folded)]
      const outputTypes = operator.infer(context)
      const replaced = shortcut(tape, { opType, inputs: names, attributes }, outputTypes)
      if (replaced !== undefined) return [replaced]
      const outputs = init.outputs ?? Math.min(outputTypes.length, 1)
      const key = JSON.stringify([domain, opType, names, attributes, outputs])
      const known = made.get(key)
      if (known !== undefined) return known
      const results = outputTypes.slice(0, outputs).map((type) => {
        const name = `v${count++}`
        types.set(name, type)
        return name
      })
      made.set(key, results)
      nodes.push({ opType, domain, inputs: names, outputs: results, attributes })
      return results
    },
  }
  return tape
}

export const float32 = (dims: readonly number[]): ValueType => ({ elementType: FLOAT32, dims })
export const int64 = (dims: readonly number[]): ValueType => ({ elementType: INT64, dims })
