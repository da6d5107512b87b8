import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { VillageError } from '../../../node/errors.ts'
import {
  bool,
  bytes,
  double,
  list,
  message,
  nested,
  optional,
  string,
  uint32,
  uint64,
} from '../../../node/mesh/protocols/message.ts'
import { throwsCode } from '../../helpers/throws.ts'

const Inner = message('Inner', { name: [1, string(16)] })
const All = message('All', {
  small: [1, uint32()],
  large: [2, uint64()],
  flag: [3, bool()],
  real: [4, double()],
  text: [5, string(64)],
  data: [6, bytes(64)],
  maybe: [7, optional(uint32())],
  inner: [8, optional(nested(Inner, 32))],
  numbers: [9, list(uint32(), 8)],
  inners: [10, list(nested(Inner, 32), 8)],
})

const text = fc.string({ unit: 'grapheme', maxLength: 4 }).filter((value) => Buffer.byteLength(value) <= 16)
const inner = fc.record({ name: text }, { noNullPrototype: true })
const values = fc.record({
  small: fc.nat(2 ** 32 - 1),
  large: fc.nat(Number.MAX_SAFE_INTEGER),
  flag: fc.boolean(),
  real: fc.double({ noNaN: true }),
  text,
  data: fc.uint8Array({ maxLength: 64 }),
  maybe: fc.option(fc.nat(), { nil: undefined }),
  inner: fc.option(inner, { nil: undefined }),
  numbers: fc.array(fc.nat(), { maxLength: 8 }),
  inners: fc.array(inner, { maxLength: 8 }),
})

test('what is encoded is decoded, and encodes to the same bytes again', () => {
  fc.assert(
    fc.property(values, (value) => {
      const encoded = All.encode(value)
      const decoded = All.decode(encoded)
      assert.equal({ ...decoded, data: [...decoded.data] }, { ...value, data: [...value.data] })
      assert.equal([...All.encode(decoded)], [...encoded])
    }),
  )
})

test('the bytes are those of proto3', () => {
  // From the encoding guide of protobuf: field 1 with 150 is 08 96 01, field 2 "testing" is 12 07 74 65 73 74 69 6e 67.
  const Guide = message('Guide', { a: [1, uint32()], b: [2, string(16)] })
  assert.is(
    Buffer.from(Guide.encode({ a: 150, b: 'testing' })).toString('hex'),
    '08960112' + '0774657374696e67',
  )
  assert.is(Guide.encode({ a: 0, b: '' }).byteLength, 0, 'defaults are left out')
})

test('any bytes decode or are malformed: no other error, no hang', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (random) => {
      try {
        All.decode(random)
      } catch (error) {
        assert.ok(error instanceof VillageError)
        assert.is(error.code, 'PROTOCOL_MALFORMED')
      }
    }),
    { numRuns: 2_000 },
  )
})

test('every bound holds on both sides', () => {
  const Wide = message('Wide', {
    text: [5, string(1_000)],
    data: [6, bytes(1_000)],
    numbers: [9, list(uint32(), 100)],
  })
  const wide = { text: '', data: new Uint8Array(0), numbers: [] as number[] }
  for (const change of [
    { text: 'x'.repeat(65) },
    { data: new Uint8Array(65) },
    { numbers: Array(9).fill(1) },
  ]) {
    throwsCode(() => All.decode(Wide.encode({ ...wide, ...change })), 'PROTOCOL_MALFORMED')
    const empty = { small: 0, large: 0, flag: false, real: 0, maybe: undefined, inner: undefined, inners: [] }
    throwsCode(() => All.encode({ ...empty, ...wide, ...change }), 'PROTOCOL_MALFORMED')
  }
})

test('a cut message, a wrong type and text that is no UTF-8 are malformed', () => {
  const encoded = All.encode({ ...All.decode(new Uint8Array(0)), text: 'hello' })
  throwsCode(() => All.decode(encoded.subarray(0, -1)), 'PROTOCOL_MALFORMED')
  throwsCode(() => All.decode(Buffer.from([0x0a, 1, 65])), 'PROTOCOL_MALFORMED')
  throwsCode(() => All.decode(Buffer.from([0x2a, 1, 0xff])), 'PROTOCOL_MALFORMED')
  throwsCode(() => All.decode(Buffer.from([0x10, ...Array(9).fill(0xff), 1])), 'PROTOCOL_MALFORMED')
})

test('a later version may add fields', () => {
  const Later = message('Later', { small: [1, uint32()], added: [99, string(16)] })
  assert.is(All.decode(Later.encode({ small: 5, added: 'new' })).small, 5)
})

test('a field number used twice is a mistake of ours', () => {
  assert.throws(() => message('Twice', { a: [1, uint32()], b: [1, uint32()] }), /field number twice/)
})

test.run()
