import { VillageError } from '../../errors.ts'
import { BFLOAT16, FLOAT16, FLOAT32 } from './data-types.ts'
import type { GraphInfo, NodeInfo, TensorInfo } from './model.ts'
import type { OnnxModel } from './read.ts'

/**
 * How a compressed weight can run: a quantised operator of onnxruntime where each use allows it, else dense
 * floats.
 */
export type WeightRuntime = 'quantized' | 'dense'

/**
 * A weight that a codec may compress, seen as a matrix: `rows` output channels by `cols` inputs. A MatMul
 * weight [K, N] is `transposed`: its rows are the N columns as they lie in the file.
 */
export interface WeightPlan {
  readonly name: string
  readonly tensor: TensorInfo
  readonly rows: number
  readonly cols: number
  readonly transposed: boolean
  readonly runtime: WeightRuntime
  /** Operators that read it, sorted; for people. */
  readonly uses: readonly string[]
}

interface Use {
  readonly transposed: boolean
  readonly quantized: boolean
}

const FLOAT_CODES: ReadonlySet<number> = new Set([FLOAT32, FLOAT16, BFLOAT16])
/** Types that MatMulNBits and GatherBlockQuantized take for their scales on the CPU. */
const QUANTIZED_CODES: ReadonlySet<number> = new Set([FLOAT32, FLOAT16])

/** The operators whose constant weights are compressed: which input it is, and how that input is laid out. */
const USES: Readonly<Record<string, (node: NodeInfo, input: number, rank: number) => Use | undefined>> = {
  MatMul: (_, input, rank) => (input === 1 && rank === 2 ? { transposed: true, quantized: true } : undefined),
  Gemm(node, input, rank) {
    if (input !== 1 || rank !== 2) return undefined
    return { transposed: intAttribute(node, 'transB', 0) === 0, quantized: isPlainGemm(node) }
  },
  Gather: (node, input, rank) =>
    input === 0 && rank === 2 && intAttribute(node, 'axis', 0) === 0
      ? { transposed: false, quantized: true }
      : undefined,
  Conv: (_, input, rank) => (input === 1 && rank >= 3 ? { transposed: false, quantized: false } : undefined),
}

export function intAttribute(node: NodeInfo, name: string, fallback: number): number {
  const value = node.attributes.get(name)?.int
  return value === undefined ? fallback : Number(value)
}

/** Gemm is MatMul plus a bias only without scaling and without a transposed first input. */
function isPlainGemm(node: NodeInfo): boolean {
  const float = (name: string): number => node.attributes.get(name)?.float ?? 1
  return float('alpha') === 1 && float('beta') === 1 && intAttribute(node, 'transA', 0) === 0
}

/**
 * The weights of the main graph that codecs may compress, in the order of the file: constant float inputs of
 * MatMul, Gemm, Gather (a table) and Conv with at least `minElements` elements. A weight with any other
 * reader is left alone, and so are Constant nodes and subgraphs.
 */
export function listWeights(model: OnnxModel, init: { minElements?: number } = {}): WeightPlan[] {
  const minElements = Math.max(1, init.minElements ?? 1024)
  const uses = collectUses(model.graph)
  const plans: WeightPlan[] = []
  for (const tensor of model.graph.initializers.values()) {
    const found = uses.get(tensor.name)
    if (found === undefined || found.blocked || tensor.elements < minElements) continue
    if (!FLOAT_CODES.has(tensor.type.code) || tensor.storage.kind === 'opaque') continue
    const transposed = found.uses[0]!.transposed
    // One packed form cannot serve readers of both orientations as it stands.
    const agree = found.uses.every((use) => use.transposed === transposed && use.quantized)
    const first = tensor.dims[0]!
    const rest = tensor.elements / first
    plans.push({
      name: tensor.name,
      tensor,
      rows: transposed ? rest : first,
      cols: transposed ? first : rest,
      transposed,
      runtime: agree && QUANTIZED_CODES.has(tensor.type.code) ? 'quantized' : 'dense',
      uses: [...found.operators].sort(),
    })
  }
  return plans
}

interface FoundUses {
  uses: Use[]
  operators: Set<string>
  blocked: boolean
}

function collectUses(graph: GraphInfo): Map<string, FoundUses> {
  const found = new Map<string, FoundUses>()
  const entry = (name: string): FoundUses | undefined => {
    if (!graph.initializers.has(name)) return undefined
    const known = found.get(name) ?? { uses: [], operators: new Set<string>(), blocked: false }
    found.set(name, known)
    return known
  }
  const block = (name: string): void => {
    const uses = entry(name)
    if (uses !== undefined) uses.blocked = true
  }
  for (const node of graph.nodes) {
    for (const [index, input] of node.inputs.entries()) {
      const uses = entry(input)
      if (uses === undefined) continue
      const rank = graph.initializers.get(input)!.dims.length
      const use = node.domain === '' ? USES[node.opType]?.(node, index, rank) : undefined
      if (use === undefined) uses.blocked = true
      else uses.uses.push(use)
      uses.operators.add(node.opType)
    }
    for (const attribute of node.attributes.values())
      for (const subgraph of attribute.graphs) for (const name of subgraph.freeNames) block(name)
  }
  for (const output of graph.outputs) block(output.name)
  return found
}

const CHUNK_ELEMENTS = 1024 * 1024
/** A cache line of the result. */
const TILE_COLUMNS = 16

/**
 * Rows `startRow` to `startRow + rowCount` of a weight as row-major float32 (rowCount × cols). Memory is the
 * result plus one chunk of 4 MiB: a transposed weight is read in stretches of its stored rows. `into`, of as many elements,
 * is filled and returned instead of a new array.
 */
export function readRows(
  model: OnnxModel,
  plan: WeightPlan,
  startRow: number,
  rowCount: number,
  into?: Float32Array,
): Float32Array {
  const { tensor, rows, cols } = plan
  if (
    !(Number.isInteger(startRow) && Number.isInteger(rowCount) && startRow >= 0 && rowCount >= 0) ||
    startRow + rowCount > rows
  )
    throw new VillageError(
      'INVALID_ARGUMENT',
      `Rows ${startRow} to ${startRow + rowCount} lie outside weight "${plan.name}" of ${rows} rows.`,
    )
  if (!plan.transposed)
    return model.readTensor(tensor, { start: startRow * cols, count: rowCount * cols }, into)
  const out = into ?? new Float32Array(rowCount * cols)
  // A narrow slice of a wide matrix reads only its own elements; a broad one is faster read whole.
  const narrow = rowCount * 4 < rows
  const width = narrow ? rowCount : rows
  const offset = narrow ? 0 : startRow
  const step = Math.max(1, Math.min(TILE_COLUMNS, Math.floor(CHUNK_ELEMENTS / width)))
  const tile = new Float32Array(step * width)
  for (let col = 0; col < cols; col += step) {
    const height = Math.min(step, cols - col)
    const chunk = tile.subarray(0, height * width)
    if (!narrow) model.readTensor(tensor, { start: col * rows, count: chunk.length }, chunk)
    for (let k = 0; narrow && k < height; k++) {
      const start = (col + k) * rows + startRow
      model.readTensor(tensor, { start, count: width }, chunk.subarray(k * width, (k + 1) * width))
    }
    // Row by row, so that what is written lies together; what is read stays in the cache.
    for (let row = 0; row < rowCount; row++) {
      const to = row * cols + col
      for (let k = 0, from = offset + row; k < height; k++, from += width) out[to + k] = chunk[from]!
    }
  }
  return out
}
