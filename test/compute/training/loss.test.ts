import ort from 'onnxruntime-node'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { backward } from '../../../node/compute/training/autodiff/backward.ts'
import { emitModel } from '../../../node/compute/training/autodiff/emit.ts'
import { createTape, float32, type Tape } from '../../../node/compute/training/autodiff/tape.ts'
import { loadGraphSession } from '../../../node/compute/training/graph-session.ts'
import { crossEntropy, LABEL_WEIGHTS, LABELS } from '../../../node/compute/training/loss.ts'
import { spread } from '../../../scripts/bench/gradient-check.ts'

const test = suite('training loss')

const [ROWS, WIDTH, VOCABULARY] = [7, 5, 11]
const LABELS_OF_ROWS = [3, 0, 10, 4, 4, 9, 1]
const WEIGHTS = [1, 1, 0, 1, 1, 0, 1]
const HIDDEN = spread(ROWS * WIDTH, 1)
const MATRIX = spread(WIDTH * VOCABULARY, 2)
const BIAS = spread(VOCABULARY, 3)

interface Result {
  readonly loss: number
  readonly hidden: Float32Array
  readonly matrix: Float32Array
}

/** In double precision, by the definition. */
function expected(withBias: boolean): Result {
  const hidden = new Float64Array(ROWS * WIDTH)
  const matrix = new Float64Array(WIDTH * VOCABULARY)
  let loss = 0
  for (let row = 0; row < ROWS; row++) {
    const logits = Array.from({ length: VOCABULARY }, (_, token) => {
      let sum = withBias ? BIAS[token]! : 0
      for (let i = 0; i < WIDTH; i++) sum += HIDDEN[row * WIDTH + i]! * MATRIX[i * VOCABULARY + token]!
      return sum
    })
    const total = logits.reduce((sum, value) => sum + Math.exp(value), 0)
    loss += WEIGHTS[row]! * (Math.log(total) - logits[LABELS_OF_ROWS[row]!]!)
    for (const [token, value] of logits.entries()) {
      const target = token === LABELS_OF_ROWS[row] ? 1 : 0
      const gradient = WEIGHTS[row]! * (Math.exp(value) / total - target)
      for (let i = 0; i < WIDTH; i++) {
        hidden[row * WIDTH + i]! += gradient * MATRIX[i * VOCABULARY + token]!
        matrix[i * VOCABULARY + token]! += gradient * HIDDEN[row * WIDTH + i]!
      }
    }
  }
  return { loss, hidden: Float32Array.from(hidden), matrix: Float32Array.from(matrix) }
}

async function computed(
  head: (tape: Tape) => string,
  maxLogits: number,
): Promise<Result & { pieces: number }> {
  const tape = createTape()
  tape.input('hidden', float32([ROWS, WIDTH]))
  tape.input('matrix', float32([WIDTH, VOCABULARY]))
  tape.input('bias', float32([VOCABULARY]))
  const { total, gradients, rows, vocabulary } = crossEntropy(tape, head(tape), maxLogits)
  assert.equal([rows, vocabulary], [ROWS, VOCABULARY])
  const found = backward(tape, gradients, ['hidden', 'matrix'])
  const shown = new Map([
    ['loss', total],
    ...[...found].map(([name, value]) => [`d:${name}`, value] as const),
  ])
  const session = await loadGraphSession(emitModel(tape, shown, 17), 1)
  try {
    const tensor = (data: Float32Array, dims: number[]) => new ort.Tensor('float32', data, dims)
    const loss = new Float32Array(1)
    const hidden = new Float32Array(HIDDEN.length)
    const matrix = new Float32Array(MATRIX.length)
    await session.run(
      {
        hidden: tensor(HIDDEN, [ROWS, WIDTH]),
        matrix: tensor(MATRIX, [WIDTH, VOCABULARY]),
        bias: tensor(BIAS, [VOCABULARY]),
        [LABELS]: new ort.Tensor('int64', BigInt64Array.from(LABELS_OF_ROWS, BigInt), [ROWS, 1]),
        [LABEL_WEIGHTS]: tensor(Float32Array.from(WEIGHTS), [ROWS, 1]),
      },
      {
        loss: tensor(loss, [1]),
        'd:hidden': tensor(hidden, [ROWS, WIDTH]),
        'd:matrix': tensor(matrix, [WIDTH, VOCABULARY]),
      },
    )
    return { loss: loss[0]!, hidden, matrix, pieces: gradients.size }
  } finally {
    await session.close()
  }
}

const near = (a: Float32Array, b: Float32Array) =>
  a.every((value, at) => Math.abs(value - b[at]!) < 1e-5 * (1 + Math.abs(value)))

for (const [title, head, withBias] of [
  ['a product', (tape: Tape) => tape.add('MatMul', ['hidden', 'matrix']), false],
  ['a product with a bias', (tape: Tape) => tape.add('Gemm', ['hidden', 'matrix', 'bias']), true],
  [
    'what cannot be cut',
    (tape: Tape) => tape.add('Add', [tape.add('MatMul', ['hidden', 'matrix']), 'bias']),
    true,
  ],
] as const)
  test(`logits of ${title}: loss and gradients are those of the definition, whole and in pieces`, async () => {
    const wanted = expected(withBias)
    for (const [maxLogits, pieces] of [
      [ROWS * VOCABULARY, 1],
      [30, 3],
      [1, ROWS],
    ] as const) {
      const found = await computed(head, maxLogits)
      assert.is(found.pieces, title === 'what cannot be cut' ? 1 : pieces)
      assert.ok(Math.abs(found.loss - wanted.loss) < 1e-5 * wanted.loss, `${found.loss} for ${wanted.loss}`)
      assert.ok(near(found.hidden, wanted.hidden), `hidden, ${pieces}`)
      assert.ok(near(found.matrix, wanted.matrix), `matrix, ${pieces}`)
    }
  })

test.run()
