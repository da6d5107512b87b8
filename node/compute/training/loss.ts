/** Cross-entropy of next tokens, and its gradient at the logits. */
import { INT64 } from '../onnx/data-types.ts'
import { float32, type Tape } from './autodiff/tape.ts'
import { asMatrix, reshape } from './operators/broadcasting.ts'

/** Inputs of the training graph beside the tokens. */
export const LABELS = 'labels'
export const LABEL_WEIGHTS = 'label_weights'

export interface Loss {
  /** Σ weight · −ln softmax(logits)[label], [1]. */
  readonly total: string
  /** Logits as the loss reads them: [rows, vocabulary]. */
  readonly logits: string
  /** Of `total` by `logits`. */
  readonly gradient: string
}

/**
 * The loss over all rows; a row of weight 0 does not count (its label may be any token). The gradient is
 * weight · (softmax − one-hot), written as such: by way of the logarithm it would take three times as many passes over
 * rows × vocabulary numbers.
 */
export function crossEntropy(tape: Tape, value: string): Loss {
  const vocabulary = tape.dimsOf(value).at(-1)!
  const logits = asMatrix(tape, value, vocabulary)
  const rows = tape.dimsOf(logits)[0]!
  const labels = tape.input(LABELS, { elementType: INT64, dims: [rows, 1] })
  const weights = tape.input(LABEL_WEIGHTS, float32([rows, 1]))
  const logarithms = tape.add('LogSoftmax', [logits], { axis: { int: -1 } })
  const picked = tape.add('GatherElements', [logarithms, labels], { axis: { int: 1 } })
  const sum = tape.add('ReduceSum', [tape.add('Mul', [picked, weights]), tape.integers([0, 1])], {
    keepdims: { int: 0 },
  })
  const total = reshape(tape, tape.add('Neg', [sum]), [1])

  const weighted = tape.add('Mul', [tape.add('Exp', [logarithms]), weights])
  const rowIndices = tape.integers(
    Array.from({ length: rows }, (_, row) => row),
    [rows, 1],
  )
  const places = tape.add('Concat', [rowIndices, labels], { axis: { int: 1 } })
  const minus = reshape(tape, tape.add('Neg', [weights]), [rows])
  const gradient = tape.add('ScatterND', [weighted, places, minus], { reduction: { string: 'add' } })
  return { total, logits, gradient }
}
