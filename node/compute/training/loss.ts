/** Cross-entropy of next tokens, and its gradient at the logits. */
import { INT64 } from '../onnx/data-types.ts'
import { float32, type Tape, type TapeNode } from './autodiff/tape.ts'
import { asMatrix, reshape } from './operators/broadcasting.ts'
import { intAttribute } from './operators/operator.ts'

/** Inputs of the training graph beside the tokens. */
export const LABELS = 'labels'
export const LABEL_WEIGHTS = 'label_weights'

export interface Loss {
  /** Σ weight · −ln softmax(logits)[label], [1]. */
  readonly total: string
  /** Gradients of `total` by the logits that it reads: a piece of the rows each. */
  readonly gradients: ReadonlyMap<string, string>
  readonly rows: number
  readonly vocabulary: number
  /** What the output matrix reads, [rows, width]: the last hidden states. Null where the logits are made in another way. */
  readonly hidden: string | null
}

/** Logits that are alive at once: above this the rows are taken in pieces. 64 MiB, of which there are about three. */
const MAX_LOGITS = 2 ** 24

/**
 * The loss over all rows; a row of weight 0 does not count (its label may be any token). Where rows × vocabulary is large, the
 * output matrix is applied to a piece of the rows at a time, so that the logits of all are never there together.
 */
export function crossEntropy(tape: Tape, value: string, maxLogits: number = MAX_LOGITS): Loss {
  const vocabulary = tape.dimsOf(value).at(-1)!
  const logits = asMatrix(tape, value, vocabulary)
  const rows = tape.dimsOf(logits)[0]!
  const labels = tape.input(LABELS, { elementType: INT64, dims: [rows, 1] })
  const weights = tape.input(LABEL_WEIGHTS, float32([rows, 1]))
  const count = Math.min(rows, Math.ceil((rows * vocabulary) / maxLogits))
  const head = tape.nodes.find((node) => node.outputs[0] === logits)
  const gradients = new Map<string, string>()
  const isSplittable = head !== undefined && isRowWise(tape, head, rows)
  const states = isSplittable ? head.inputs[0]! : null
  if (count <= 1 || !isSplittable) {
    const { total, gradient } = lossOf(tape, logits, labels, weights)
    return { total, gradients: gradients.set(logits, gradient), rows, vocabulary, hidden: states }
  }

  const sizes = Array.from(
    { length: count },
    (_, at) => Math.floor(((at + 1) * rows) / count) - Math.floor((at * rows) / count),
  )
  const pieces = (name: string) =>
    tape.addMany('Split', [name, tape.integers(sizes)], { axis: { int: 0 } }, { outputs: count })
  const [hidden = '', ...rest] = head.inputs
  const [hiddenPieces, labelPieces, weightPieces] = [hidden, labels, weights].map(pieces)
  const totals = sizes.map((_, at) => {
    const { opType, attributes, domain } = head
    const [part = ''] = tape.addMany(opType, [hiddenPieces![at]!, ...rest], attributes, { domain })
    const { total, gradient } = lossOf(tape, part, labelPieces![at]!, weightPieces![at]!)
    gradients.set(part, gradient)
    return total
  })
  return {
    total: totals.reduce((sum, part) => tape.add('Add', [sum, part])),
    gradients,
    rows,
    vocabulary,
    hidden: states,
  }
}

/** Whether a node makes each row of its result from the same row of its first input. */
function isRowWise(tape: Tape, { opType, inputs, attributes }: TapeNode, rows: number): boolean {
  const [hidden = '', matrix = '', bias = ''] = inputs
  const isProduct = opType === 'MatMul' || opType === 'Gemm' || opType === 'FusedMatMul'
  return (
    isProduct &&
    intAttribute(attributes, 'transA', 0) === 0 &&
    tape.dimsOf(hidden).length === 2 &&
    tape.dimsOf(hidden)[0] === rows &&
    tape.dimsOf(matrix).length === 2 &&
    (bias === '' || tape.dimsOf(bias).length < 2)
  )
}

/**
 * The gradient is weight · (softmax − one-hot), written as such: by way of the logarithm it would take three times as many
 * passes over rows × vocabulary numbers.
 */
function lossOf(
  tape: Tape,
  logits: string,
  labels: string,
  weights: string,
): { total: string; gradient: string } {
  const rows = tape.dimsOf(logits)[0]!
  const logarithms = tape.add('LogSoftmax', [logits], { axis: { int: -1 } })
  const picked = tape.add('GatherElements', [logarithms, labels], { axis: { int: 1 } })
  const product = tape.add('Mul', [picked, weights])
  const sum = tape.add('ReduceSum', [product, tape.integers([0, 1])], { keepdims: { int: 0 } })
  const total = reshape(tape, tape.add('Neg', [sum]), [1])

  const weighted = tape.add('Mul', [tape.add('Exp', [logarithms]), weights])
  const rowIndices = tape.integers(
    Array.from({ length: rows }, (_, row) => row),
    [rows, 1],
  )
  const places = tape.add('Concat', [rowIndices, labels], { axis: { int: 1 } })
  const minus = reshape(tape, tape.add('Neg', [weights]), [rows])
  const gradient = tape.add('ScatterND', [weighted, places, minus], { reduction: { string: 'add' } })
  return { total, gradient }
}
