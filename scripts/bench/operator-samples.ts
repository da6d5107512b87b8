/** For every operator that has a gradient, small graphs that use it in each of its forms. */
import { createTape, float32, type Tape } from '../../node/compute/training/autodiff/tape.ts'
import type { Attributes } from '../../node/compute/training/operators/operator.ts'
import { spread } from './gradient-check.ts'

export interface Sample {
  readonly title: string
  readonly tape: Tape
  readonly variables: ReadonlyMap<string, Float32Array>
  readonly outputs: readonly string[]
}

interface SampleInit {
  readonly title?: string
  /** Dims of the inputs that are differentiated; they come first. */
  readonly dims: readonly (readonly number[])[]
  readonly attributes?: Attributes
  /** Inputs after these, constants of the tape. */
  readonly rest?: (tape: Tape) => readonly string[]
  /** What becomes of the random start values. */
  readonly values?: (value: number, input: number) => number
  readonly outputs?: number
  /** Constants before the inputs. */
  readonly first?: (tape: Tape) => readonly string[]
  readonly domain?: string
  /** Which outputs are looked at; all if absent. */
  readonly shown?: readonly number[]
}

function sample(opType: string, init: SampleInit): Sample {
  const tape = createTape()
  const variables = new Map<string, Float32Array>()
  const inputs = init.dims.map((dims, at) => {
    const length = dims.reduce((total, dim) => total * dim, 1)
    const data = spread(length, at + opType.length * 7)
    variables.set(`x${at}`, init.values === undefined ? data : data.map((value) => init.values!(value, at)))
    return tape.input(`x${at}`, float32(dims))
  })
  const names = [...(init.first?.(tape) ?? []), ...inputs, ...(init.rest?.(tape) ?? [])]
  const { outputs = 1, attributes = {}, domain } = init
  const made = tape.addMany(opType, names, attributes, { outputs, ...(domain !== undefined && { domain }) })
  const shown = init.shown?.map((at) => made[at]!) ?? made
  return {
    title: `${opType}${init.title === undefined ? '' : `, ${init.title}`}`,
    tape,
    variables,
    outputs: shown,
  }
}

const unary = { dims: [[2, 3, 4]] }
const positive = { ...unary, values: (value: number) => Math.abs(value) }
const pair = {
  same: {
    dims: [
      [3, 4],
      [3, 4],
    ],
  },
  row: { title: 'a row repeated', dims: [[2, 3, 4], [4]] },
  column: {
    title: 'a column repeated',
    dims: [
      [3, 1],
      [2, 3, 4],
    ],
  },
  scalar: { title: 'a scalar', dims: [[], [3, 4]] },
}
const pairs = (init: Partial<SampleInit> = {}): SampleInit[] =>
  Object.values(pair).map((each) => ({ ...each, ...init }))
const ints =
  (...lists: readonly (readonly number[])[]) =>
  (tape: Tape) =>
    lists.map((list) => tape.integers(list))
/** Neither side is near the other. */
const apart = (value: number, input: number): number => (input === 0 ? value + 2 * Math.sign(value) : value)
const int = (value: number) => ({ int: value })
const microsoft = { domain: 'com.microsoft' }
const flags = [0, 1].flatMap((transA) =>
  [0, 1].map((transB) => ({ transA: int(transA), transB: int(transB) })),
)
const angles = (tape: Tape) =>
  [Math.cos, Math.sin].map((fn) =>
    tape.floats(
      [8, 2],
      Float32Array.from({ length: 16 }, (_, at) => fn((at >> 1) * (at % 2 === 0 ? 1 : 0.3))),
    ),
  )

/** Everything that table.ts gives a gradient has a row here: a test compares the two lists. */
const ROWS: Readonly<Record<string, readonly SampleInit[]>> = {
  Identity: [unary],
  Neg: [unary],
  Exp: [unary],
  Log: [positive],
  Sqrt: [positive],
  Reciprocal: [positive],
  Sigmoid: [unary],
  Tanh: [unary],
  Softplus: [unary],
  Erf: [unary],
  Sin: [unary],
  Cos: [unary],
  Abs: [unary],
  Relu: [unary],
  Gelu: [{ ...unary, ...microsoft }],
  FastGelu: [{ ...unary, ...microsoft }],
  QuickGelu: [
    { ...unary, ...microsoft },
    { title: 'SiLU', ...unary, ...microsoft, attributes: { alpha: { float: 1 } } },
  ],
  Cast: [{ ...unary, attributes: { to: int(1) } }],
  Add: pairs(),
  Sub: pairs(),
  Mul: pairs(),
  Div: pairs(),
  Pow: [
    ...pairs({ values: (value: number) => Math.abs(value) }),
    { title: 'a square', ...unary, rest: (tape) => [tape.scalar(2)] },
    { title: 'a cube', ...unary, rest: (tape) => [tape.scalar(3)] },
  ],
  Max: pairs({ values: apart }).slice(0, 3),
  Min: pairs({ values: apart }).slice(0, 3),
  Where: [
    {
      dims: [[3, 4], [4]],
      first: (tape) => {
        const order = tape.floats([3, 4], spread(12, 5))
        return [tape.add('Greater', [order, tape.scalar(0)])]
      },
    },
  ],
  MatMul: [
    {
      dims: [
        [3, 4],
        [4, 5],
      ],
    },
    {
      title: 'a shared weight',
      dims: [
        [2, 3, 4],
        [4, 5],
      ],
    },
    {
      title: 'stacks',
      dims: [
        [2, 3, 4],
        [2, 4, 5],
      ],
    },
    {
      title: 'a repeated stack',
      dims: [
        [2, 1, 3, 4],
        [5, 4, 2],
      ],
    },
    { title: 'vectors', dims: [[4], [4]] },
    { title: 'a vector by a matrix', dims: [[4], [2, 4, 3]] },
    { title: 'a matrix by a vector', dims: [[2, 3, 4], [4]] },
  ],
  FusedMatMul: flags.flatMap((flag) => {
    const attributes = { ...flag, alpha: { float: 0.7 } }
    const a = flag.transA.int === 1 ? [4, 3] : [3, 4]
    const b = flag.transB.int === 1 ? [5, 4] : [4, 5]
    const title = `transA ${flag.transA.int} transB ${flag.transB.int}`
    return [
      { title, dims: [a, b], attributes },
      {
        title: `${title}, stacks`,
        dims: [
          [2, ...a],
          [2, ...b],
        ],
        attributes,
      },
      ...(flag.transA.int === 0
        ? [{ title: `${title}, a shared weight`, dims: [[2, ...a], b], attributes }]
        : []),
    ]
  }),
  Gemm: flags.flatMap((flag) => {
    const attributes = { ...flag, alpha: { float: 0.7 }, beta: { float: 1.3 } }
    const a = flag.transA.int === 1 ? [4, 3] : [3, 4]
    const b = flag.transB.int === 1 ? [5, 4] : [4, 5]
    const title = `transA ${flag.transA.int} transB ${flag.transB.int}`
    return [[5], [3, 5], []].map((bias) => ({ title, dims: [a, b, bias], attributes }))
  }),
  Reshape: [{ ...unary, rest: ints([-1, 2, 0]), dims: [[2, 3, 6]] }],
  Unsqueeze: [{ ...unary, rest: ints([0, -1]) }],
  Squeeze: [{ dims: [[1, 3, 1]], rest: ints([0]) }],
  Flatten: [{ ...unary, attributes: { axis: int(2) } }],
  Transpose: [unary, { title: 'of given axes', ...unary, attributes: { perm: { ints: [1, 2, 0] } } }],
  Concat: [
    {
      dims: [
        [2, 3],
        [2, 1],
        [2, 2],
      ],
      attributes: { axis: int(-1) },
    },
  ],
  Split: [
    { dims: [[2, 6]], attributes: { axis: int(1) }, rest: ints([1, 3, 2]), outputs: 3 },
    {
      title: 'equal parts, one unused',
      dims: [[2, 6]],
      attributes: { axis: int(-1) },
      outputs: 3,
      shown: [0, 2],
    },
  ],
  Expand: [{ dims: [[3, 1]], rest: ints([2, 1, 4]) }],
  Gather: [
    { dims: [[5, 3]], rest: ints([4, 0, 4, -1, 2]) },
    {
      title: 'rows of a table',
      dims: [[5, 2, 2]],
      rest: (tape) => [tape.integers([1, 1, 3, 0, 4, 1], [2, 3])],
    },
    {
      title: 'a middle axis',
      dims: [[2, 4, 3]],
      attributes: { axis: int(1) },
      rest: (tape) => [tape.integers([3, 0, 3, 1], [2, 2])],
    },
    {
      title: 'one element',
      dims: [[2, 4]],
      attributes: { axis: int(-1) },
      rest: (tape) => [tape.integers([2], [])],
    },
  ],
  GatherElements: [
    {
      dims: [[3, 4]],
      attributes: { axis: int(1) },
      rest: (tape) => [tape.integers([0, 0, 3, 1, 2, 2], [3, 2])],
    },
  ],
  Slice: [
    { ...unary, rest: ints([1, 0], [9, 2], [1, -1]) },
    { title: 'from the end', ...unary, rest: ints([-3], [-1], [2], [1]) },
  ],
  ReduceSum: [
    { ...unary, rest: ints([1]), attributes: { keepdims: int(0) } },
    { title: 'everything', ...unary },
    { title: 'kept axes', ...unary, rest: ints([0, -1]) },
  ],
  ReduceMean: [
    { ...unary, attributes: { axes: { ints: [-1] }, keepdims: int(1) } },
    { title: 'everything', ...unary, attributes: { keepdims: int(0) } },
  ],
  Softmax: [unary, { title: 'a middle axis', ...unary, attributes: { axis: int(1) } }],
  LogSoftmax: [unary, { title: 'a middle axis', ...unary, attributes: { axis: int(1) } }],
  LayerNormalization: [
    {
      dims: [[2, 3, 4], [4], [4]],
      attributes: { axis: int(-1), epsilon: { float: 1e-5 } },
      outputs: 3,
      shown: [0],
    },
    { title: 'without a shift', dims: [[3, 5], [5]], outputs: 3, shown: [0] },
  ],
  SimplifiedLayerNormalization: [
    {
      dims: [[2, 3, 4], [4]],
      attributes: { axis: int(-1), epsilon: { float: 1e-5 } },
      outputs: 2,
      shown: [0],
    },
  ],
  RotaryEmbedding: [
    { ...microsoft, dims: [[2, 3, 8]], rest: (tape) => [tape.integers([2]), ...angles(tape)] },
    {
      title: 'interleaved, at given positions',
      ...microsoft,
      dims: [[2, 3, 8]],
      attributes: { interleaved: int(1) },
      rest: (tape) => [tape.integers([0, 1, 2, 3, 5, 7], [2, 3]), ...angles(tape)],
    },
  ],
}

export const SAMPLED_OPERATORS: readonly string[] = Object.keys(ROWS)

export function samplesOf(opType: string): Sample[] {
  return ROWS[opType]!.map((init) => sample(opType, init))
}
