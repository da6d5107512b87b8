/** Which tensors a refusal names. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ChosenWeight } from '../../../node/compute/jobs/compress-choice.ts'
import { costliest } from '../../../node/compute/jobs/compress-gate.ts'

const report = {
  tensors: [
    { name: 'a', weights: 100, relativeError: 0.5 },
    { name: 'b', weights: 1000, relativeError: 0.4 },
    { name: 'c', weights: 10, relativeError: 0.1 },
  ],
}
const chosen = (losses: Readonly<Record<string, number | null>>): ChosenWeight[] =>
  Object.entries(losses).map(([name, expectedLoss]) => ({
    name,
    rows: 1,
    cols: 1,
    codec: 'int4',
    params: {},
    codebook: null,
    expectedLoss,
  }))

test('expected losses decide where they are known of every tensor', () => {
  assert.equal(costliest({ report }, chosen({ a: 0.1, b: 0.2, c: 0.9 })), ['c', 'b', 'a'])
})

test('one tensor without an expected loss makes errors decide: the two are no common measure', () => {
  assert.equal(costliest({ report }, chosen({ a: 1e-9, b: null, c: 0.9 })), ['b', 'a', 'c'])
  assert.equal(costliest({ report }, null), ['b', 'a', 'c'])
})

test.run()
