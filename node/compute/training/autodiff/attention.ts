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

export function groupQueryAttention(
  tape: Tape,
  inputs: readonly string[],
  attributes: Attributes,
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
  const queries = queryRows(tape, rotated(q), shape)
  const keys = headFirst(tape, rotated(k), shape)
  const values = headFirst(tape, v, shape)

  const scale = floatAttribute(attributes, 'scale', 0)
  const alpha = scale === 0 ? headSize ** -0.5 : scale
  let scores = multiply(tape, queries, keys, { alpha, transB: true })
  const softcap = floatAttribute(attributes, 'softcap', 0)
  if (softcap !== 0) {
    const cap = tape.scalar(softcap)
    scores = tape.add('Mul', [tape.add('Tanh', [tape.add('Div', [scores, cap])]), cap])
  }
  const mask = causalMask(tape, shape, intAttribute(attributes, 'local_window_size', -1))
  const weights = tape.add('Softmax', [tape.add('Add', [scores, mask])], { axis: { int: -1 } })
  return [tokenFirst(tape, tape.add('MatMul', [weights, values]), shape)]
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

/** [batch, length, heads × size] to [batch, key heads, group × length, size]. */
function queryRows(tape: Tape, value: string, shape: Shape): string {
  const { batch, length, heads, keyHeads, headSize } = shape
  if (heads === keyHeads) return headFirst(tape, value, shape)
  const group = heads / keyHeads
  const split = reshape(tape, value, [batch, length, heads, headSize])
  const moved = tape.add('Transpose', [split], { perm: { ints: [0, 2, 1, 3] } })
  return reshape(tape, moved, [batch, keyHeads, group * length, headSize])
}

/** [batch, length, key heads × size] to [batch, key heads, length, size]. */
function headFirst(tape: Tape, value: string, { batch, length, keyHeads, headSize }: Shape): string {
  const split = reshape(tape, value, [batch, length, keyHeads, headSize])
  return tape.add('Transpose', [split], { perm: { ints: [0, 2, 1, 3] } })
}

/** [batch, key heads, group × length, size] to [batch, length, heads × size]. */
function tokenFirst(tape: Tape, value: string, { batch, length, heads, headSize }: Shape): string {
  const split = reshape(tape, value, [batch, heads, length, headSize])
  const moved = tape.add('Transpose', [split], { perm: { ints: [0, 2, 1, 3] } })
  return reshape(tape, moved, [batch, length, heads * headSize])
}

/** [group × length, length]: 0 where a token may look, MASKED at later tokens and at those that have left the window. */
function causalMask(tape: Tape, { length, heads, keyHeads }: Shape, window: number): string {
  const rows = (heads / keyHeads) * length
  const mask = new Float32Array(rows * length)
  for (let row = 0; row < rows; row++) {
    const token = row % length
    for (let other = 0; other < length; other++)
      if (other > token || (window > 0 && token - other >= window)) mask[row * length + other] = MASKED
  }
  return tape.sharedFloats(`causal ${rows} ${length} ${window}`, [rows, length], mask)
}
