/**
 * onnxruntime's GroupQueryAttention over whole rows (no past), written out: rotary positions, scaled products, a causal mask (of a
 * sliding window where the model has one), the soft maximum and the weighted values.
 *
 * The query heads that share a key head lie one below the other as one matrix of (group × length) rows, so that keys and values
 * are never repeated and their gradients sum over the group by themselves.
 */
import { VillageError } from '../../../errors.ts'
import { reshape } from '../operators/broadcasting.ts'
import { multiply } from '../operators/matmul.ts'
import { type Attributes, floatAttribute, intAttribute } from '../operators/operator.ts'
import type { Tape } from './tape.ts'

/** Far below every score: its exponential is 0, and adding it to a score does not overflow. */
const MASKED = -1e9
/** Tokens whose scores are computed together: of the scores of 1,024 tokens less than three fifths are. */
const BLOCK = 128

interface Shape {
  readonly batch: number
  readonly length: number
  readonly heads: number
  readonly keyHeads: number
  readonly headSize: number
}

function refuse(what: string): VillageError {
  return new VillageError(
    'TRAIN_OPERATOR_UNSUPPORTED',
    `GroupQueryAttention with ${what} cannot be trained.`,
    {
      fields: { operator: 'GroupQueryAttention' },
    },
  )
}

/** Inputs and attributes as of the operator; scores are computed for `block` tokens at a time. */
export function groupQueryAttention(
  tape: Tape,
  inputs: readonly string[],
  attributes: Attributes,
  block: number = BLOCK,
): readonly [string] {
  const input = (index: number): string => inputs[index] ?? ''
  if (input(10) !== '' || input(11) !== '') throw refuse('an attention bias or a head sink')
  if (intAttribute(attributes, 'smooth_softmax', 0) === 1) throw refuse('a smooth softmax')
  const heads = intAttribute(attributes, 'num_heads', 0)
  const keyHeads = intAttribute(attributes, 'kv_num_heads', 0)
  if (heads < 1 || keyHeads < 1 || heads % keyHeads !== 0)
    throw refuse(`${heads} heads over ${keyHeads} key heads`)
  const [batch = 0, length = 0, width = 0] = tape.dimsOf(input(0))
  const headSize = width / (input(1) === '' ? heads + 2 * keyHeads : heads)
  const shape: Shape = { batch, length, heads, keyHeads, headSize }

  const [q, k, v] = input(1) === '' ? unpacked(tape, input(0), shape) : [input(0), input(1), input(2)]
  const rotated = (value: string) =>
    intAttribute(attributes, 'do_rotary', 0) === 0 ? value : rotary(tape, value, inputs, attributes)
  const window = intAttribute(attributes, 'local_window_size', -1)
  const scale = floatAttribute(attributes, 'scale', 0)
  const alpha = scale === 0 ? headSize ** -0.5 : scale
  const softcap = floatAttribute(attributes, 'softcap', 0)

  const sizes = blockSizes(length, block)
  const queries = split(tape, headFirst(tape, rotated(q), heads, shape), sizes)
  const keys = split(tape, headFirst(tape, rotated(k), keyHeads, shape), sizes)
  const values = split(tape, headFirst(tape, v, keyHeads, shape), sizes)
  const results = queries.map((query, at) => {
    const rows = sizes[at]!
    const start = sizes.slice(0, at).reduce((sum, size) => sum + size, 0)
    const first = firstBlock(sizes, start, window)
    const from = sizes.slice(0, first).reduce((sum, size) => sum + size, 0)
    const seen = (blocks: readonly string[]) => join(tape, blocks.slice(first, at + 1))
    const group = reshape(tape, query, [batch, keyHeads, (heads / keyHeads) * rows, headSize])
    let scores = multiply(tape, group, seen(keys), { alpha, transB: true })
    if (softcap !== 0) {
      const cap = tape.scalar(softcap)
      scores = tape.add('Mul', [tape.add('Tanh', [tape.add('Div', [scores, cap])]), cap])
    }
    const mask = causalMask(tape, { rows, groups: heads / keyHeads, start, from, window })
    const weights = tape.add('Softmax', [tape.add('Add', [scores, mask])], { axis: { int: -1 } })
    const mixed = tape.add('MatMul', [weights, seen(values)])
    return reshape(tape, mixed, [batch, heads, rows, headSize])
  })
  const moved = tape.add('Transpose', [join(tape, results)], { perm: { ints: [0, 2, 1, 3] } })
  return [reshape(tape, moved, [batch, length, heads * headSize])]
}

/** Equal blocks of at most so many tokens: each looks at the blocks up to its own, and nothing of the later ones is computed. */
function blockSizes(length: number, block: number): number[] {
  const count = Math.ceil(length / block)
  return Array.from(
    { length: count },
    (_, at) => Math.floor(((at + 1) * length) / count) - Math.floor((at * length) / count),
  )
}

/** The first block of keys that the token at `start` sees. */
function firstBlock(sizes: readonly number[], start: number, window: number): number {
  if (window <= 0) return 0
  let end = 0
  return sizes.findIndex((size) => {
    end += size
    return end > start - window + 1
  })
}

/** Along the tokens of [batch, heads, length, size]. */
function split(tape: Tape, value: string, sizes: readonly number[]): readonly string[] {
  if (sizes.length === 1) return [value]
  return tape.addMany('Split', [value, tape.integers(sizes)], { axis: { int: 2 } }, { outputs: sizes.length })
}

function join(tape: Tape, blocks: readonly string[]): string {
  return blocks.length === 1 ? blocks[0]! : tape.add('Concat', blocks, { axis: { int: 2 } })
}

/** Query, key and value that come as one tensor. */
function unpacked(
  tape: Tape,
  packed: string,
  { heads, keyHeads, headSize }: Shape,
): [string, string, string] {
  const sizes = tape.integers([heads, keyHeads, keyHeads].map((count) => count * headSize))
  const parts = tape.addMany('Split', [packed, sizes], { axis: { int: 2 } }, { outputs: 3 })
  return [parts[0]!, parts[1]!, parts[2]!]
}

function rotary(tape: Tape, value: string, inputs: readonly string[], attributes: Attributes): string {
  const [cosines = '', sines = '', positions = ''] = inputs.slice(7, 10)
  const interleaved = { int: intAttribute(attributes, 'rotary_interleaved', 0) }
  // One position stands for the first token; the others follow it.
  const start = positions === '' ? tape.integers([0]) : positions
  return tape.add('RotaryEmbedding', [value, start, cosines, sines], { interleaved })
}

/** [batch, length, count × size] to [batch, count, length, size]. */
function headFirst(tape: Tape, value: string, count: number, { batch, length, headSize }: Shape): string {
  const apart = reshape(tape, value, [batch, length, count, headSize])
  return tape.add('Transpose', [apart], { perm: { ints: [0, 2, 1, 3] } })
}

interface MaskShape {
  readonly rows: number
  readonly groups: number
  /** Position of the first query. */
  readonly start: number
  /** Position of the first key; the last one is that of the last query. */
  readonly from: number
  readonly window: number
}

/** [groups × rows, keys]: 0 where a token may look, MASKED at later tokens and at those that have left the window. */
function causalMask(tape: Tape, { rows, groups, start, from, window }: MaskShape): string {
  const keys = start + rows - from
  const mask = new Float32Array(groups * rows * keys)
  for (let row = 0; row < groups * rows; row++) {
    const token = start + (row % rows)
    for (let key = 0; key < keys; key++) {
      const other = from + key
      if (other > token || (window > 0 && token - other >= window)) mask[row * keys + key] = MASKED
    }
  }
  const name = `causal ${rows} ${groups} ${start} ${from} ${window}`
  return tape.sharedFloats(name, [groups * rows, keys], mask)
}
