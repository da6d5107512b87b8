import ort from 'onnxruntime-node'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { backward } from '../../../node/compute/training/autodiff/backward.ts'
import { emitModel } from '../../../node/compute/training/autodiff/emit.ts'
import { createTape, float32, int64 } from '../../../node/compute/training/autodiff/tape.ts'
import { loadGraphSession } from '../../../node/compute/training/graph-session.ts'
import { OPERATORS } from '../../../node/compute/training/operators/table.ts'
import { checkGradients, spread } from '../../../scripts/bench/gradient-check.ts'
import { SAMPLED_OPERATORS, samplesOf } from '../../../scripts/bench/operator-samples.ts'

const test = suite('training operators')

/** The bar of docs/training.md. */
const TOLERANCE = 1e-3

test('every operator with a gradient is checked', () => {
  const differentiable = Object.keys(OPERATORS).filter((opType) => OPERATORS[opType]!.gradient !== undefined)
  assert.equal([...SAMPLED_OPERATORS].sort(), differentiable.sort())
})

for (const opType of SAMPLED_OPERATORS)
  test(`the gradient of ${opType} is that of finite differences`, async () => {
    for (const { title, ...sample } of samplesOf(opType))
      for (const { name, error, largest } of await checkGradients(sample)) {
        assert.ok(largest > 0, `${title}: nothing depends on ${name}`)
        assert.ok(error < TOLERANCE, `${title}: the gradient of ${name} is off by ${error}`)
      }
  })

test('rows that are picked many times are summed in their order, whatever the threads', async () => {
  const [rows, count, width] = [65_536, 5, 16]
  const tape = createTape()
  tape.input('table', float32([count, width]))
  tape.input('given', float32([rows, width]))
  const picked = tape.add('Gather', ['table', tape.input('indices', int64([rows]))])
  const gradient = backward(tape, new Map([[picked, 'given']]), ['table']).get('table')!
  const session = await loadGraphSession(emitModel(tape, new Map([['sum', gradient]]), 17), 4)
  try {
    const given = spread(rows * width, 3)
    const expected = new Float32Array(count * width)
    for (let at = 0; at < given.length; at++)
      expected[(Math.floor(at / width) % count) * width + (at % width)]! += given[at]!
    const indices = BigInt64Array.from({ length: rows }, (_, row) => BigInt(row % count))
    const feeds = {
      given: new ort.Tensor('float32', given, [rows, width]),
      indices: new ort.Tensor('int64', indices, [rows]),
    }
    for (let run = 0; run < 20; run++) {
      const sum = new Float32Array(count * width)
      await session.run(feeds, { sum: new ort.Tensor('float32', sum, [count, width]) })
      assert.equal(sum, expected)
    }
  } finally {
    await session.close()
  }
})

test.run()
