/**
 * Packed weights that lie, with a right checksum so that each codec's own checks are reached: they are
 * CODEC_MALFORMED or decode to finite weights of the shape that they state, at once and in little memory.
 */
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { CodecParams } from '../../../node/compute/codecs/codec.ts'
import { CODECS, codecById } from '../../../node/compute/codecs/table.ts'
import { MAX_SLICE_WEIGHTS } from '../../../node/compute/codecs/tensor-stats.ts'
import { readSlice, type Slice, writeSlice } from '../../../node/compute/codecs/wire.ts'
import type { Kernels } from '../../../node/compute/kernels.ts'
import { checkNBits } from '../../../node/compute/onnx/nbits.ts'
import { VillageError } from '../../../node/errors.ts'
import { CODEC_VARIANTS } from '../../helpers/codec-variants.ts'
import { allKernels, gaussianMatrix } from '../../helpers/weights.ts'

const everyKernels = allKernels()
const plain = everyKernels[0]!
const widest = everyKernels.at(-1)!

/** What came of a blob: its weights, or null where it was refused. */
function decoded(packed: Uint8Array, kernels: Kernels, codebook?: Uint8Array): Float32Array | null {
  try {
    const slice = readSlice(packed)
    const codec = codecById(slice.codecId)
    const { rows, cols, data } = codec.decode(packed, kernels, codebook)
    assert.equal([rows, cols, data.length], [slice.rows, slice.cols, rows * cols])
    assert.ok(data.every(Number.isFinite), 'all values are finite')
    const form = codec.runtimeForm(packed, kernels, codebook)
    if (form.kind === 'nbits') {
      checkNBits('fuzzed', form, rows, cols)
      assert.ok(form.scales.every(Number.isFinite), 'all scales are finite')
    } else assert.is(form.data.length, rows * cols)
    return data
  } catch (error) {
    if (error instanceof VillageError && error.code === 'CODEC_MALFORMED') return null
    throw error
  }
}

/** Whoever decodes a blob finds the same. */
function survives(packed: Uint8Array, codebook?: Uint8Array): void {
  const expected = decoded(packed, plain, codebook)
  const actual = decoded(packed, widest, codebook)
  assert.is(actual === null, expected === null, 'native and reference refuse the same')
  if (expected === null || actual === null) return
  assert.ok(Buffer.compare(bytesOf(actual), bytesOf(expected)) === 0, 'native and reference differ')
}

function bytesOf(data: Float32Array): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength)
}

const HOSTILE_VALUES: CodecParams[string][] = [
  0,
  -1,
  1,
  3,
  7,
  1e-300,
  1e300,
  2 ** 31,
  -100,
  100,
  0.5,
  '',
  'fp16',
  'AAAA',
  'x'.repeat(300),
  true,
  false,
]

const seldom = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> =>
  fc.oneof({ weight: 6, arbitrary: fc.constant(null) }, { weight: 1, arbitrary })

/** How a slice is changed; what is null stays. */
const changes = fc.record({
  flips: fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 6 }),
  fill: seldom(fc.nat(255)),
  noise: seldom(fc.uint8Array({ minLength: 400, maxLength: 400 })),
  rows: seldom(fc.integer({ min: 1, max: 40 })),
  cols: seldom(fc.integer({ min: 1, max: 90 })),
  length: seldom(fc.nat(800)),
  param: seldom(fc.record({ at: fc.nat(), value: fc.constantFrom(null, ...HOSTILE_VALUES) })),
})
type Change = typeof changes extends fc.Arbitrary<infer T> ? T : never

function changed(slice: Slice, { flips, fill, noise, rows, cols, length, param }: Change): Uint8Array {
  const payload = new Uint8Array(length ?? slice.payload.length)
  payload.set(slice.payload.subarray(0, payload.length))
  if (fill !== null) payload.fill(fill)
  if (noise !== null) payload.set(noise.subarray(0, payload.length))
  for (const [at, value] of flips) if (payload.length > 0) payload[at % payload.length] = value
  const params: Record<string, CodecParams[string]> = { ...slice.params }
  const names = Object.keys(params)
  if (param !== null) {
    const name = names[param.at % names.length]!
    if (param.value === null) delete params[name]
    else params[name] = param.value
  }
  return writeSlice({ ...slice, rows: rows ?? slice.rows, cols: cols ?? slice.cols, params, payload })
}

for (const { label, encode, aids } of CODEC_VARIANTS)
  test(`${label}: changed blobs with a right checksum are refused or decode alike everywhere`, () => {
    const slices = [
      gaussianMatrix(8, 35, 2),
      gaussianMatrix(1, 1, 3),
      gaussianMatrix(8, 64, 4),
      { rows: 8, cols: 16, data: new Float32Array(128) },
    ].map((matrix) => readSlice(encode(matrix, widest)))
    let accepted = 0
    fc.assert(
      fc.property(fc.constantFrom(...slices), changes, (slice, change) => {
        const packed = changed(slice, change)
        survives(packed, aids.codebook)
        if (decoded(packed, widest, aids.codebook) !== null) accepted++
      }),
      { seed: 21, numRuns: 400 },
    )
    assert.ok(accepted > 0, 'some are valid, so that decoding itself was reached')
  })

test('codecs with a codebook refuse blobs without it, with another, or with a damaged one', () => {
  for (const { codec, label, encode, aids } of CODEC_VARIANTS) {
    const { codebook } = aids
    if (codebook === undefined) continue
    const packed = encode(gaussianMatrix(8, 64, 6), widest)
    assert.ok(decoded(packed, widest, codebook) !== null)
    const damaged = codebook.slice()
    damaged[damaged.length - 1]! ^= 1
    for (const wrong of [undefined, new Uint8Array(0), codebook.subarray(1), damaged])
      assert.is(decoded(packed, widest, wrong), null, label)
    assert.ok(codec.aids.includes('codebook'))
  }
})

type Constructor = new (...args: never[]) => ArrayLike<number> & { byteLength: number }
const ARRAYS = [
  'Float32Array',
  'Float64Array',
  'Int8Array',
  'Uint8Array',
  'Int16Array',
  'Uint16Array',
  'Int32Array',
  'Uint32Array',
] as const

/** Runs and counts the bytes of the typed arrays that are made meanwhile; views of a buffer count nothing. */
function allocatedBytes(run: () => void): number {
  let bytes = 0
  const scope = globalThis as unknown as Record<string, Constructor>
  const originals = ARRAYS.map((name) => scope[name]!)
  ARRAYS.forEach((name, i) => {
    scope[name] = new Proxy(originals[i]!, {
      construct(target, args: never[], newTarget) {
        const made = Reflect.construct(target, args, newTarget) as InstanceType<Constructor>
        if (!((args[0] as unknown) instanceof ArrayBuffer)) bytes += made.byteLength
        return made
      },
    })
  })
  try {
    run()
  } finally {
    ARRAYS.forEach((name, i) => {
      scope[name] = originals[i]!
    })
  }
  return bytes
}

test('a small blob never makes a large allocation, whatever shape it states', () => {
  const shapes = [
    [MAX_SLICE_WEIGHTS, 1],
    [1, MAX_SLICE_WEIGHTS],
    [2 ** 14, 2 ** 14],
    [3, 2 ** 26],
    [2 ** 26, 3],
  ] as const
  for (const { label, encode, aids } of CODEC_VARIANTS) {
    const slice = readSlice(encode(gaussianMatrix(8, 64, 2), widest))
    for (const kernels of [plain, widest]) {
      // Tables that are made once are not the blob's.
      decoded(writeSlice(slice), kernels, aids.codebook)
      for (const [rows, cols] of shapes)
        for (const length of [0, slice.payload.length, 20_000]) {
          const packed = writeSlice({ ...slice, rows, cols, payload: new Uint8Array(length) })
          let outcome: Float32Array | null = new Float32Array(0)
          const bytes = allocatedBytes(() => {
            outcome = decoded(packed, kernels, aids.codebook)
          })
          assert.is(outcome, null, `${label}: ${rows} by ${cols} from ${length} bytes`)
          assert.ok(bytes < 2 ** 20, `${label}: ${bytes} bytes for ${rows} by ${cols}`)
        }
    }
  }
})

test('what a valid blob allocates is in proportion to its weights', () => {
  for (const { label, encode, aids } of CODEC_VARIANTS) {
    const packed = encode(gaussianMatrix(16, 512, 2), widest)
    decoded(packed, widest, aids.codebook)
    const bytes = allocatedBytes(() => void decoded(packed, widest, aids.codebook))
    assert.ok(bytes >= 16 * 512 * 4, `${label}: what is allocated is counted`)
    // The weights and the runtime form, each with a copy to spare, and the codebook's own tables.
    const codebookBytes = 16 * (aids.codebook?.length ?? 0)
    assert.ok(bytes < 16 * 512 * 4 * 8 + 65_536 + codebookBytes, `${label}: ${bytes} bytes`)
  }
})

test('random payloads of the right length decode to finite weights or are refused', () => {
  for (const { encode, aids } of CODEC_VARIANTS) {
    const slice = readSlice(encode(gaussianMatrix(8, 67, 2), widest))
    const { length } = slice.payload
    fc.assert(
      fc.property(fc.uint8Array({ minLength: length, maxLength: length }), (payload) =>
        survives(writeSlice({ ...slice, payload }), aids.codebook),
      ),
      { seed: 8, numRuns: 40 },
    )
  }
})

test('the blob of one codec under the id of another', () => {
  for (const { encode, aids } of CODEC_VARIANTS) {
    const slice = readSlice(encode(gaussianMatrix(8, 40, 2), widest))
    for (const { id } of CODECS) {
      const packed = writeSlice({ ...slice, codecId: id })
      if (id === slice.codecId) assert.ok(decoded(packed, widest, aids.codebook) !== null)
      else survives(packed, aids.codebook)
    }
  }
})

test.run()
