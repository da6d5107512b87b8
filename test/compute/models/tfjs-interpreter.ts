/**
 * An interpreter of the operators of the published TF.js graph, in float64 and without any care for speed:
 * the oracle that the project's own ONNX graph of the encoder is right. It shares nothing with the code under
 * test but the reader of the weight shards.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openTfjsWeights } from '../../../node/compute/models/tfjs-weights.ts'

export interface Value {
  readonly shape: readonly number[]
  readonly data: Float64Array
}

interface GraphNode {
  readonly name: string
  readonly op: string
  readonly input?: readonly string[]
  readonly attr?: Readonly<Record<string, { i?: string; b?: boolean; list?: { i?: readonly string[] } }>>
}

const size = (shape: readonly number[]): number => shape.reduce((product, dim) => product * dim, 1)
const make = (shape: readonly number[], data: ArrayLike<number>): Value => ({
  shape,
  data: Float64Array.from(data),
})
const vector = (data: ArrayLike<number>): Value => make([data.length], data)
const axisOf = (value: Value, axis: number): number => (axis < 0 ? axis + value.shape.length : axis)

/** Row-major index of each output element in an input that is broadcast to `shape`. */
function broadcastIndex(value: Value, shape: readonly number[], flat: number): number {
  let index = 0
  let stride = 1
  let rest = flat
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const at = rest % shape[axis]!
    rest = Math.floor(rest / shape[axis]!)
    const own = axis - (shape.length - value.shape.length)
    if (own < 0) continue
    if (value.shape[own] !== 1) index += at * stride
    stride *= value.shape[own]!
  }
  return index
}

function binary(a: Value, b: Value, apply: (x: number, y: number) => number): Value {
  const rank = Math.max(a.shape.length, b.shape.length)
  const dim = (value: Value, axis: number): number => value.shape[axis - (rank - value.shape.length)] ?? 1
  const shape = Array.from({ length: rank }, (_, axis) => (dim(a, axis) === 1 ? dim(b, axis) : dim(a, axis)))
  const data = Array.from({ length: size(shape) }, (_, flat) =>
    apply(a.data[broadcastIndex(a, shape, flat)]!, b.data[broadcastIndex(b, shape, flat)]!),
  )
  return make(shape, data)
}

function unary(a: Value, apply: (x: number) => number): Value {
  return make(a.shape, a.data.map(apply))
}

function reduce(
  a: Value,
  axes: Value,
  keep: boolean,
  start: number,
  apply: (sum: number, x: number) => number,
): Value {
  const axis = axisOf(a, axes.data[0]!)
  const inner = size(a.shape.slice(axis + 1))
  const length = a.shape[axis]!
  const outer = size(a.shape.slice(0, axis))
  const out = new Float64Array(outer * inner).fill(start)
  for (let o = 0; o < outer; o++)
    for (let k = 0; k < length; k++)
      for (let i = 0; i < inner; i++) {
        const at = o * inner + i
        out[at] = apply(out[at]!, a.data[(o * length + k) * inner + i]!)
      }
  const shape = a.shape.flatMap((dim, index) => (index === axis ? (keep ? [1] : []) : [dim]))
  return make(shape, out)
}

function matMul(a: Value, b: Value, transposeB: boolean): Value {
  const [m, k] = a.shape.slice(-2) as [number, number]
  const n = transposeB ? b.shape.at(-2)! : b.shape.at(-1)!
  const batch = size(a.shape.slice(0, -2))
  const shared = b.shape.length === 2
  const out = new Float64Array(batch * m * n)
  for (let s = 0; s < batch; s++) {
    const atB = shared ? 0 : s * k * n
    for (let i = 0; i < m; i++)
      for (let j = 0; j < n; j++) {
        let sum = 0
        for (let x = 0; x < k; x++)
          sum += a.data[(s * m + i) * k + x]! * b.data[atB + (transposeB ? j * k + x : x * n + j)]!
        out[(s * m + i) * n + j] = sum
      }
  }
  return make([...a.shape.slice(0, -1), n], out)
}

function transpose(a: Value, perm: readonly number[]): Value {
  const shape = perm.map((axis) => a.shape[axis]!)
  const strides = a.shape.map((_, axis) => size(a.shape.slice(axis + 1)))
  const data = Array.from({ length: a.data.length }, (_, flat) => {
    let rest = flat
    let from = 0
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += (rest % shape[axis]!) * strides[perm[axis]!]!
      rest = Math.floor(rest / shape[axis]!)
    }
    return a.data[from]!
  })
  return make(shape, data)
}

function concat(parts: readonly Value[], axis: number): Value {
  const at = axisOf(parts[0]!, axis)
  const outer = size(parts[0]!.shape.slice(0, at))
  const data: number[] = []
  for (let o = 0; o < outer; o++)
    for (const part of parts) {
      const width = size(part.shape.slice(at))
      for (let i = 0; i < width; i++) data.push(part.data[o * width + i]!)
    }
  const total = parts.reduce((sum, part) => sum + part.shape[at]!, 0)
  return make(
    parts[0]!.shape.map((dim, index) => (index === at ? total : dim)),
    data,
  )
}

/** Row numbers that a list of index rows means in a tensor of `shape`. */
function flatRows(indices: Value, shape: readonly number[]): number[] {
  const width = indices.shape[1]!
  return Array.from({ length: indices.shape[0]! }, (_, row) => {
    let flat = 0
    for (let i = 0; i < width; i++) flat = flat * shape[i]! + indices.data[row * width + i]!
    return flat
  })
}

function stridedSlice(a: Value, begin: Value, end: Value, node: GraphNode): Value {
  const bit = (name: string, axis: number): boolean => ((Number(node.attr?.[name]?.i ?? 0) >> axis) & 1) === 1
  let out = a
  const shape: number[] = []
  for (let axis = 0; axis < a.shape.length; axis++) {
    const given = axis < begin.data.length
    const from = given && !bit('begin_mask', axis) ? begin.data[axis]! : 0
    const shrink = given && bit('shrink_axis_mask', axis)
    const to = shrink ? from + 1 : given && !bit('end_mask', axis) ? end.data[axis]! : a.shape[axis]!
    const picked = Array.from({ length: to - from }, (_, index) => from + index)
    out = gather(out, vector(picked), axis)
    if (!shrink) shape.push(to - from)
  }
  return make(shape, out.data)
}

function gather(a: Value, indices: Value, axis: number): Value {
  const inner = size(a.shape.slice(axis + 1))
  const outer = size(a.shape.slice(0, axis))
  const data: number[] = []
  for (let o = 0; o < outer; o++)
    for (const index of indices.data) {
      const start = (o * a.shape[axis]! + index) * inner
      for (let i = 0; i < inner; i++) data.push(a.data[start + i]!)
    }
  return make([...a.shape.slice(0, axis), ...indices.shape, ...a.shape.slice(axis + 1)], data)
}

function where(a: Value): Value {
  const rows: number[] = []
  for (const [flat, value] of a.data.entries()) {
    if (value === 0) continue
    let rest = flat
    rows.push(
      ...a.shape.map((_, axis) => {
        const stride = size(a.shape.slice(axis + 1))
        const at = Math.floor(rest / stride)
        rest %= stride
        return at
      }),
    )
  }
  return make([rows.length / a.shape.length, a.shape.length], rows)
}

function scatter(indices: Value, updates: Value, shape: readonly number[], fill: number): Value {
  const out = new Float64Array(size(shape)).fill(fill)
  const width = size(updates.shape.slice(1))
  for (const [row, flat] of flatRows(indices, shape).entries())
    for (let i = 0; i < width; i++) out[flat * width + i] = updates.data[row * width + i]!
  return make(shape, out)
}

function reshape(a: Value, wanted: Value): Value {
  const known = wanted.data.filter((dim) => dim >= 0).reduce((product, dim) => product * dim, 1)
  return make(
    Array.from(wanted.data, (dim) => (dim < 0 ? a.data.length / known : dim)),
    a.data,
  )
}

function expandDims(a: Value, axis: number): Value {
  const at = axis < 0 ? axis + a.shape.length + 1 : axis
  return make([...a.shape.slice(0, at), 1, ...a.shape.slice(at)], a.data)
}

function softmax(a: Value): Value {
  const width = a.shape.at(-1)!
  const out = new Float64Array(a.data.length)
  for (let row = 0; row < a.data.length / width; row++) {
    const values = a.data.subarray(row * width, (row + 1) * width)
    const top = values.reduce((max, x) => Math.max(max, x), -Infinity)
    const weights = values.map((x) => Math.exp(x - top))
    const sum = weights.reduce((total, x) => total + x, 0)
    out.set(
      weights.map((x) => x / sum),
      row * width,
    )
  }
  return make(a.shape, out)
}

function split(a: Value, sizes: Value, axis: number): Value[] {
  let from = 0
  return Array.from(sizes.data, (length) => {
    const indices = vector(Array.from({ length }, (_, index) => from + index))
    from += length
    return gather(a, indices, axis)
  })
}

type Op = (inputs: readonly Value[], node: GraphNode) => Value | Value[]
const keepDims = (node: GraphNode): boolean => node.attr?.keep_dims?.b === true
const add: Op = ([a, b]) => binary(a!, b!, (x, y) => x + y)

const OPS: Readonly<Record<string, Op>> = {
  Add: add,
  BiasAdd: add,
  Sub: ([a, b]) => binary(a!, b!, (x, y) => x - y),
  Mul: ([a, b]) => binary(a!, b!, (x, y) => x * y),
  RealDiv: ([a, b]) => binary(a!, b!, (x, y) => x / y),
  Maximum: ([a, b]) => binary(a!, b!, Math.max),
  Less: ([a, b]) => binary(a!, b!, (x, y) => (x < y ? 1 : 0)),
  Greater: ([a, b]) => binary(a!, b!, (x, y) => (x > y ? 1 : 0)),
  LogicalNot: ([a]) => unary(a!, (x) => (x === 0 ? 1 : 0)),
  Cast: ([a]) => a!,
  Sin: ([a]) => unary(a!, Math.sin),
  Cos: ([a]) => unary(a!, Math.cos),
  Square: ([a]) => unary(a!, (x) => x * x),
  Rsqrt: ([a]) => unary(a!, (x) => 1 / Math.sqrt(x)),
  Relu: ([a]) => unary(a!, (x) => Math.max(0, x)),
  Tanh: ([a]) => unary(a!, Math.tanh),
  Softmax: ([a]) => softmax(a!),
  Shape: ([a]) => vector(a!.shape),
  Reshape: ([a, shape]) => reshape(a!, shape!),
  Transpose: ([a, perm]) => transpose(a!, [...perm!.data]),
  ExpandDims: ([a, axis]) => expandDims(a!, axis!.data[0]!),
  Squeeze([a], node) {
    const axes = (node.attr?.squeeze_dims?.list?.i ?? []).map(Number)
    return make(
      a!.shape.filter((_, axis) => !axes.includes(axis)),
      a!.data,
    )
  },
  Pack: (inputs) => vector(inputs.map((input) => input.data[0]!)),
  ConcatV2: (inputs) => concat(inputs.slice(0, -1), inputs.at(-1)!.data[0]!),
  SplitV: ([a, sizes, axis]) => split(a!, sizes!, axis!.data[0]!),
  Slice: ([a, begin, length]) => vector(a!.data.slice(begin!.data[0]!, begin!.data[0]! + length!.data[0]!)),
  StridedSlice: ([a, begin, end], node) => stridedSlice(a!, begin!, end!, node),
  GatherV2: ([a, indices, axis]) => gather(a!, indices!, axis!.data[0]!),
  GatherNd([a, indices]) {
    const width = indices!.shape[1]!
    const flat = make([size(a!.shape.slice(0, width)), ...a!.shape.slice(width)], a!.data)
    return gather(flat, vector(flatRows(indices!, a!.shape)), 0)
  },
  ScatterNd: ([indices, updates, shape]) => scatter(indices!, updates!, [...shape!.data], 0),
  SparseToDense: ([indices, shape, values, fill]) =>
    scatter(indices!, values!, [...shape!.data], fill!.data[0]!),
  Where: ([a]) => where(a!),
  Range([from, to, step]) {
    const length = Math.ceil((to!.data[0]! - from!.data[0]!) / step!.data[0]!)
    return vector(Array.from({ length }, (_, index) => from!.data[0]! + index * step!.data[0]!))
  },
  Sum: ([a, axes], node) => reduce(a!, axes!, keepDims(node), 0, (sum, x) => sum + x),
  Max: ([a, axes], node) => reduce(a!, axes!, keepDims(node), -Infinity, Math.max),
  Prod: ([a, axes], node) => reduce(a!, axes!, keepDims(node), 1, (product, x) => product * x),
  Mean([a, axes], node) {
    const length = a!.shape[axisOf(a!, axes!.data[0]!)]!
    return unary(
      reduce(a!, axes!, keepDims(node), 0, (sum, x) => sum + x),
      (x) => x / length,
    )
  },
  MatMul: ([a, b]) => matMul(a!, b!, false),
  BatchMatMul: ([a, b], node) => matMul(a!, b!, node.attr?.adj_y?.b === true),
  // All kernels of this graph are 1 × 1: a convolution is a matrix product over channels.
  Conv2D: ([a, kernel]) => matMul(a!, make(kernel!.shape.slice(2), kernel!.data), false),
}

/**
 * Evaluates the graph's last node for the tokens of a batch of texts; the rows of the result are embeddings.
 */
export function runTfjsGraph(directory: string, texts: readonly (readonly number[])[]): Value {
  const weights = openTfjsWeights(directory)
  const json = JSON.parse(readFileSync(join(directory, 'model.json'), 'utf8')) as {
    modelTopology: { node: GraphNode[] }
  }
  const nodes = json.modelTopology.node
  const pairs = texts.flatMap((tokens, row) => tokens.map((token, column) => [row, column, token] as const))
  const values = new Map<string, Value[]>([
    [
      'indices',
      [
        make(
          [pairs.length, 2],
          pairs.flatMap((pair) => pair.slice(0, 2)),
        ),
      ],
    ],
    ['values', [vector(pairs.map(([, , token]) => token))]],
  ])
  // The file lists nodes in topological order.
  for (const node of nodes) {
    if (node.op === 'Placeholder') continue
    if (node.op === 'Const') {
      values.set(node.name, [make(weights.tensors.get(node.name)!.shape, weights.read(node.name))])
      continue
    }
    const inputs = (node.input ?? []).map((input) => {
      const [name, port] = input.split(':') as [string, string | undefined]
      return values.get(name)![Number(port ?? 0)]!
    })
    const result = OPS[node.op]!(inputs, node)
    values.set(node.name, Array.isArray(result) ? result : [result])
  }
  return values.get(nodes.at(-1)!.name)![0]!
}
