import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { counterRandom } from '../../../node/compute/training/philox.ts'
import { VillageError } from '../../../node/errors.ts'
import { compressUpdate, updateRandom } from '../../../node/federated/learn/error-feedback.ts'
import {
  decodeUpdate,
  encodeUpdate,
  maxUpdateBytes,
  UPDATE_CODECS,
  type UpdateCodec,
} from '../../../node/federated/learn/update-codec.ts'
import { throwsCode } from '../../helpers/throws.ts'

const random = () => counterRandom(7, 9)
const UPDATE = Float32Array.of(0.5, -2, 0, 0.25, 3, -0.125, 3, 1e-3)
/** By hand, but for the random words of the rounding: int8 words 0 to 7 of philox(7, 9). */
const GOLDEN: Readonly<Record<UpdateCodec, string>> = {
  none: '564655310000000008000000080000000000003f000000c0000000000000803e00004040000000be000040406f12833a',
  int8: '564655310100000108000000080000000683c13c15ab000b7ffa7f00',
  topk: '564655310200000008000000030000000102010000 00c00000404000004040',
  'topk-int8': '564655310300000108000000030000000102010683c13cab7f7f',
}

for (const codec of UPDATE_CODECS) {
  test(`${codec}: golden bytes, and they come back`, () => {
    const bytes = encodeUpdate(UPDATE, { codec, share: 0.3 }, random())
    assert.is(Buffer.from(bytes).toString('hex'), GOLDEN[codec].replaceAll(' ', ''))
    const back = decodeUpdate(bytes, codec, UPDATE.length)
    if (codec === 'none') assert.equal(back, UPDATE)
    if (codec === 'topk') assert.equal(back, Float32Array.of(0, -2, 0, 0, 3, 0, 3, 0))
  })

  test(`${codec}: any update comes back within a step of its scale, and fits the bound`, () => {
    fc.assert(
      fc.property(
        fc.float32Array({
          minLength: 1,
          maxLength: 700,
          noNaN: true,
          noDefaultInfinity: true,
          min: -(2 ** 100),
          max: 2 ** 100,
        }),
        (update) => {
          const bytes = encodeUpdate(update, { codec, share: 1 }, random())
          assert.ok(bytes.length <= maxUpdateBytes(update.length))
          const back = decodeUpdate(bytes, codec, update.length)
          for (let i = 0; i < update.length; i++) {
            const block = update.subarray(i - (i % 256), i - (i % 256) + 256)
            const step = codec.endsWith('int8')
              ? block.reduce((peak, v) => Math.max(peak, Math.abs(v)), 0) / 127
              : 0
            assert.ok(Math.abs(back[i]! - update[i]!) <= step * 1.0001 + 1e-38)
          }
        },
      ),
      { numRuns: 60 },
    )
  })

  test(`${codec}: damaged bytes are refused with one code, or are an update of finite numbers`, () => {
    const good = encodeUpdate(UPDATE, { codec, share: 0.5 }, random())
    fc.assert(
      fc.property(
        fc.nat(good.length - 1),
        fc.integer({ min: 1, max: 255 }),
        fc.nat(good.length),
        (at, flip, cut) => {
          const bad = good.slice(0, cut === 0 ? good.length : cut)
          if (at < bad.length) bad[at]! ^= flip
          try {
            assert.ok(decodeUpdate(bad, codec, UPDATE.length).every(Number.isFinite))
          } catch (error) {
            assert.ok(error instanceof VillageError && error.code === 'UPDATE_MALFORMED', String(error))
          }
        },
      ),
      { numRuns: 300 },
    )
    throwsCode(() => decodeUpdate(good.slice(0, -1), codec, UPDATE.length), 'UPDATE_MALFORMED')
    throwsCode(() => decodeUpdate(good, codec, UPDATE.length + 1), 'UPDATE_MALFORMED')
    throwsCode(
      () => decodeUpdate(good, codec === 'none' ? 'int8' : 'none', UPDATE.length),
      'UPDATE_MALFORMED',
    )
    throwsCode(
      () => encodeUpdate(Float32Array.of(1, Number.NaN), { codec, share: 1 }, random()),
      'UPDATE_MALFORMED',
    )
  })
}

test('numbers that are not finite are refused where they arrive', () => {
  const bytes = encodeUpdate(UPDATE, { codec: 'none', share: 1 }, random())
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
    new DataView(bytes.buffer).setFloat32(16 + 8, value, true)
    throwsCode(() => decodeUpdate(bytes, 'none', UPDATE.length), 'UPDATE_MALFORMED')
  }
})

test('an index outside the model is refused before anything is written', () => {
  const bytes = encodeUpdate(UPDATE, { codec: 'topk', share: 0.3 }, random())
  bytes[16 + 2] = 100
  throwsCode(() => decodeUpdate(bytes, 'topk', UPDATE.length), 'UPDATE_MALFORMED')
})

test('int8 is right on average: the mean over many seeds comes to the value', () => {
  const update = Float32Array.of(1, 0.3003, -0.7001)
  const sums = [0, 0, 0]
  const RUNS = 4_000
  for (let seed = 0; seed < RUNS; seed++) {
    const bytes = encodeUpdate(update, { codec: 'int8', share: 1 }, counterRandom(seed, 1))
    for (const [i, value] of decodeUpdate(bytes, 'int8', 3).entries()) sums[i]! += value / RUNS
  }
  // A step is 1/127; the mean of 4,000 has a standard deviation of at most 6·10⁻⁵.
  for (let i = 0; i < 3; i++) assert.ok(Math.abs(sums[i]! - update[i]!) < 3e-4, `${sums[i]} ${update[i]}`)
})

test('with error feedback every value arrives in the end; without it the small ones never do', () => {
  const delta = Float32Array.of(1, 0.2, 0.1, 0.05)
  const ROUNDS = 200
  const compression = { codec: 'topk', share: 0.25 } as const
  let residual: Float32Array | null = null
  const fed = new Float64Array(4)
  const plain = new Float64Array(4)
  for (let round = 0; round < ROUNDS; round++) {
    const at = updateRandom({ federation: 'f', round, client: 'c' })
    const made = compressUpdate(delta, compression, residual, at)
    residual = made.residual
    const without = compressUpdate(delta, compression, null, at)
    for (let i = 0; i < 4; i++) {
      fed[i]! += made.seen[i]!
      plain[i]! += without.seen[i]!
    }
  }
  for (let i = 0; i < 4; i++) {
    // What has not arrived is what is left over.
    assert.ok(Math.abs(fed[i]! + residual![i]! - ROUNDS * delta[i]!) < 1e-2)
    assert.ok(fed[i]! > 0.9 * ROUNDS * delta[i]!, `${i}: ${fed[i]}`)
  }
  assert.equal([...plain.subarray(1)], [0, 0, 0])
})

test.run()
