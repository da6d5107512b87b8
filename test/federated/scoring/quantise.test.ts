import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  dequantise,
  packedBytes,
  packScores,
  quantise,
  unpackScores,
} from '../../../node/federated/scoring/quantise.ts'
import { throwsCode } from '../../helpers/throws.ts'

const test = suite('quantised scores')

test('packing gives back what was packed, in as few bytes as there are bits', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(1 as const, 8 as const),
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 70 }),
      (bits, scores) => {
        const values = quantise(scores, bits)
        const packed = packScores(values, bits)
        assert.is(packed.length, packedBytes(scores.length, bits))
        assert.equal(unpackScores(packed, scores.length, bits), values)
        const step = bits === 1 ? 1 : 1 / 255
        for (const [item, score] of dequantise(values, bits).entries())
          assert.ok(Math.abs(score - scores[item]!) <= step / 2 + 1e-12)
      },
    ),
  )
})

test('equal scores have one form: other lengths and bits behind the last item are refused', () => {
  throwsCode(() => unpackScores(Uint8Array.of(0b1000_0000), 7, 1), 'INVALID_ARGUMENT')
  throwsCode(() => unpackScores(Uint8Array.of(0, 0), 8, 1), 'INVALID_ARGUMENT')
  throwsCode(() => unpackScores(Uint8Array.of(0, 0), 3, 8), 'INVALID_ARGUMENT')
})

test('what is no share of a whole is refused', () => {
  for (const score of [Number.NaN, -0.1, 1.01, Number.POSITIVE_INFINITY])
    throwsCode(() => quantise([score], 8), 'INVALID_ARGUMENT')
})

test.run()
