import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { CodecParams } from '../../../node/compute/codecs/codec.ts'
import { codecById, codecByName, decodeSlice } from '../../../node/compute/codecs/table.ts'
import { joinSlices, readSlice, type Slice, writeSlice } from '../../../node/compute/codecs/wire.ts'
import { loadKernels } from '../../../node/compute/kernels.ts'
import { VillageError } from '../../../node/errors.ts'
import { neededAids } from '../../helpers/codebooks.ts'
import { allKernels, gaussianMatrix } from '../../helpers/weights.ts'

const kernels = loadKernels()
const everyKernels = allKernels()

const SAMPLES = (
  [
    ['int8', { zeroPoints: true }],
    ['int4', {}],
    ['int4', { zeroPoints: true, blockSize: 16, scaleType: 'fp32' }],
    ['ternary', { force: true }],
    ['ternary', { force: true, packing: '2bit' }],
    ['seedlm', {}],
    ['seedlm', { bits: 3 }],
    ['trellis', {}],
    ['trellis', { bits: 3, blockSize: 32 }],
    ['trellis', { bits: 2 }],
    ['vptq', { bits: 2, layout: 'small' }],
    ['vptq', { bits: 4, layout: 'residual' }],
    ['ternary', { force: true, scales: 'row' }],
    ['planes', { blockSize: 32 }],
  ] as [string, CodecParams][]
).map(([name, params]) => {
  const codec = codecByName(name)
  return codec.encode(gaussianMatrix(3, 35), params, kernels, neededAids(codec, params))
})

/** The codebook of the layout that a blob states, whatever else is wrong with it. */
function ownCodebook(packed: Uint8Array): Uint8Array | undefined {
  const { codecId, params } = readSlice(packed)
  const codec = codecById(codecId)
  if (!codec.aids.includes('codebook')) return undefined
  const { bits, layout } = params
  try {
    return neededAids(codec, codec.parseParams({ bits, layout } as CodecParams)).codebook
  } catch {
    return undefined
  }
}

/**
 * Runs on hostile bytes: they decode to something of the shape that they state, or they are CODEC_MALFORMED.
 */
function survives(packed: Uint8Array): void {
  for (const each of everyKernels)
    try {
      const codebook = ownCodebook(packed)
      const { rows, cols, data } = decodeSlice(packed, each, codebook)
      assert.is(data.length, rows * cols)
      assert.ok(data.every(Number.isFinite), 'all values are finite')
      codecById(readSlice(packed).codecId).runtimeForm(packed, each, codebook)
    } catch (error) {
      if (!(error instanceof VillageError) || error.code !== 'CODEC_MALFORMED') throw error
    }
}

function isMalformed(packed: Uint8Array, why: RegExp): void {
  assert.throws(
    () => decodeSlice(packed, kernels),
    (error: unknown) => {
      assert.instance(error, VillageError)
      assert.is((error as VillageError).code, 'CODEC_MALFORMED')
      assert.match((error as VillageError).message, why)
      return true
    },
  )
}

test('a slice is written and read back', () => {
  for (const packed of SAMPLES) assert.equal(writeSlice(readSlice(packed)), packed)
})

test('a slice may lie anywhere in a larger buffer', () => {
  for (const packed of SAMPLES) {
    const larger = new Uint8Array(packed.length + 7)
    larger.set(packed, 3)
    const part = larger.subarray(3, 3 + packed.length)
    const codebook = ownCodebook(packed)
    assert.equal(decodeSlice(part, kernels, codebook).data, decodeSlice(packed, kernels, codebook).data)
  }
})

test('any flipped byte is found', () => {
  for (const packed of SAMPLES)
    fc.assert(
      fc.property(fc.nat(packed.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
        const changed = packed.slice()
        changed[at] = changed[at]! ^ mask
        isMalformed(changed, /./)
      }),
      { seed: 3, numRuns: 100 },
    )
})

test('any cut or lengthened blob is refused', () => {
  for (const packed of SAMPLES) {
    for (let length = 0; length < packed.length; length += 5) isMalformed(packed.subarray(0, length), /./)
    const longer = new Uint8Array(packed.length + 1)
    longer.set(packed)
    isMalformed(longer, /length/)
  }
})

test('blobs with a right checksum and wrong content never crash, hang or take memory', () => {
  const slices = SAMPLES.map(readSlice)
  const hostile = fc.record({
    base: fc.constantFrom(...slices),
    rows: fc.option(
      fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(2 ** 28, 2 ** 31, 2 ** 32 - 1)),
    ),
    cols: fc.option(
      fc.oneof(fc.integer({ min: 1, max: 70 }), fc.constantFrom(2 ** 28, 2 ** 31, 2 ** 32 - 1)),
    ),
    codecId: fc.option(fc.integer({ min: 0, max: 255 })),
    params: fc.option(fc.dictionary(fc.string({ maxLength: 8 }), fc.jsonValue() as fc.Arbitrary<never>)),
    flips: fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 12 }),
    resize: fc.option(fc.integer({ min: 0, max: 300 })),
  })
  fc.assert(
    fc.property(hostile, ({ base, rows, cols, codecId, params, flips, resize }) => {
      const payload = new Uint8Array(resize ?? base.payload.length)
      payload.set(base.payload.subarray(0, payload.length))
      for (const [at, value] of flips) if (payload.length > 0) payload[at % payload.length] = value
      const slice: Slice = {
        codecId: codecId ?? base.codecId,
        rows: rows ?? base.rows,
        cols: cols ?? base.cols,
        params: params ?? base.params,
        payload,
      }
      survives(writeSlice(slice))
    }),
    { seed: 5, numRuns: 1500 },
  )
})

test('random bytes are refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => isMalformed(bytes, /./)),
    { seed: 5, numRuns: 300 },
  )
})

test('every refusal of a codec has its reason', () => {
  const [, int4, , ternary, , seedlm] = SAMPLES.map(readSlice)
  const change = (slice: Slice | undefined, fields: Partial<Slice>): Uint8Array =>
    writeSlice({ ...slice!, ...fields })
  const filled = (slice: Slice | undefined, value: number): Uint8Array =>
    change(slice, { payload: new Uint8Array(slice!.payload.length).fill(value) })
  isMalformed(change(int4, { codecId: 99 }), /codec 99 is not known/)
  isMalformed(change(int4, { rows: 2 }), /payload has the wrong length/)
  isMalformed(change(int4, { rows: 2 ** 20, cols: 2 ** 20 }), /shape is out of bounds/)
  isMalformed(change(int4, { params: { ...int4!.params, blockSize: 33 } }), /out of range/)
  isMalformed(change(int4, { params: {} }), /missing/)
  isMalformed(change(int4, { params: { deep: {} } }), /canonical/)
  isMalformed(filled(int4, 0xff), /scale is not finite/)
  isMalformed(filled(ternary, 0xff), /not a trit/)
  isMalformed(change(ternary, { params: { ...ternary!.params, scale: 0.1 } }), /out of range/)
  isMalformed(filled(seedlm, 0), /seed is zero/)
  isMalformed(change(seedlm, { params: { bits: 4 } }), /missing/)
})

test('slices of different tensors do not join', () => {
  const [int8, int4] = SAMPLES
  const other = codecByName('int4').encode(gaussianMatrix(3, 36), {}, kernels)
  for (const slices of [
    [int8!, int4!],
    [int4!, other],
  ])
    assert.throws(() => joinSlices(slices), /not of one tensor/)
  assert.throws(() => joinSlices([]), /no slices/)
})

test.run()
