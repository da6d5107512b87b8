import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { OPERATORS } from '../../../node/compute/training/operators/table.ts'
import { checkGradients } from '../../../scripts/bench/gradient-check.ts'
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

test.run()
