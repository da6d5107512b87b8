import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  decodeRecords,
  encodeRecords,
  FINISHES,
  type ItemRecord,
  joinRecords,
  type RecordSet,
} from '../../../node/compute/evaluate/item-records.ts'
import { checkGenerated, outputBytes } from '../../../node/compute/evaluate/output-bytes.ts'
import type { VillageError } from '../../../node/errors.ts'
import { throwsCode } from '../../helpers/throws.ts'

const test = suite('records of items')

const vector = JSON.parse(
  readFileSync(new URL('../../vectors/evaluate/records.json', import.meta.url), 'utf8'),
) as { set: { start: number; records: ({ type: string; vector?: number[] } & object)[] }; bytes: string[] }

const golden: RecordSet = {
  start: vector.set.start,
  records: vector.set.records.map(
    (record) =>
      (record.type === 'embed'
        ? { type: 'embed', vector: Float32Array.from(record.vector!) }
        : record) as ItemRecord,
  ),
}
const goldenBytes = Uint8Array.from(Buffer.from(vector.bytes.join('').replaceAll(' ', ''), 'hex'))

const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const logProbability = fc.double({ min: -1e6, max: 0, noNaN: true })
/** With the prototype of object literals, as decoded ones have. */
const plain = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record<T>(model, { noNullPrototype: true })
const float = fc.float({ noNaN: true, noDefaultInfinity: true })
const record: fc.Arbitrary<ItemRecord> = fc.oneof(
  plain({
    type: fc.constant('choice' as const),
    dropped: u32,
    choices: fc.array(plain({ logProbability, tokens: u32, greedy: fc.boolean() }), { maxLength: 5 }),
  }),
  plain({
    type: fc.constant('generate' as const),
    promptTokens: u32,
    dropped: u32,
    samples: fc.array(
      plain({
        tokens: fc.array(
          plain({
            token: u32,
            runnerUp: u32,
            gap: fc.float({ min: 0, noNaN: true, noDefaultInfinity: true }),
          }),
          {
            maxLength: 5,
          },
        ),
        finish: fc.constantFrom(...FINISHES),
        text: fc.string({ unit: 'grapheme' }),
      }),
      { maxLength: 3 },
    ),
  }),
  plain({ type: fc.constant('text' as const), logProbability, tokens: u32, windows: u32 }),
  plain({
    type: fc.constant('embed' as const),
    vector: fc.array(float, { minLength: 1, maxLength: 9 }).map((values) => Float32Array.from(values)),
  }),
)

test('the golden set has its bytes, and the bytes the golden set', () => {
  assert.equal(encodeRecords(golden), goldenBytes)
  assert.equal(decodeRecords(goldenBytes), golden)
})

test('what was encoded is decoded', () => {
  fc.assert(
    fc.property(u32, fc.array(record, { minLength: 1, maxLength: 6 }), (start, records) => {
      assert.equal(decodeRecords(encodeRecords({ start, records })), { start, records })
    }),
    { numRuns: 200 },
  )
})

test('damaged bytes give a named error or another set, and never read past their end', () => {
  fc.assert(
    fc.property(fc.nat(goldenBytes.length), fc.nat(255), fc.boolean(), (at, value, isCut) => {
      const bytes = isCut ? goldenBytes.slice(0, at) : goldenBytes.slice()
      if (!isCut && at < bytes.length) bytes[at] = value
      try {
        const { records } = decodeRecords(bytes)
        assert.ok(!isCut || at === goldenBytes.length)
        assert.is(records.length, 4)
      } catch (error) {
        assert.is((error as VillageError).code, 'EVALUATION_RESULT_MALFORMED', String(error))
      }
    }),
    { numRuns: 1000 },
  )
})

test('what no model answers is refused', () => {
  const wrong: ItemRecord[] = [
    { type: 'text', logProbability: 0.1, tokens: 1, windows: 1 },
    { type: 'text', logProbability: Number.NaN, tokens: 1, windows: 1 },
    { type: 'choice', dropped: 0, choices: [{ logProbability: -Infinity, tokens: 1, greedy: false }] },
    { type: 'embed', vector: new Float32Array(0) },
    { type: 'embed', vector: Float32Array.of(Number.NaN) },
  ]
  for (const one of wrong)
    throwsCode(
      () => decodeRecords(encodeRecords({ start: 0, records: [one] })),
      'EVALUATION_RESULT_MALFORMED',
    )
  throwsCode(() => decodeRecords(encodeRecords({ start: 0, records: [] })), 'EVALUATION_RESULT_MALFORMED')
  throwsCode(() => decodeRecords(Uint8Array.from([...goldenBytes, 0])), 'EVALUATION_RESULT_MALFORMED')
})

test('parts are joined whatever their order; gaps and overlaps are refused', () => {
  const part = (start: number, count: number): RecordSet => ({
    start,
    records: Array.from({ length: count }, (_, index) => ({
      type: 'text',
      logProbability: -(start + index),
      tokens: 1,
      windows: 1,
    })),
  })
  assert.equal(joinRecords([part(3, 2), part(0, 3)]), part(0, 5))
  throwsCode(() => joinRecords([part(0, 3), part(4, 2)]), 'EVALUATION_RESULT_MALFORMED')
  throwsCode(() => joinRecords([part(0, 3), part(2, 2)]), 'EVALUATION_RESULT_MALFORMED')
  throwsCode(() => joinRecords([part(1, 3)]), 'EVALUATION_RESULT_MALFORMED')
  throwsCode(() => joinRecords([]), 'EVALUATION_RESULT_MALFORMED')
})

test('the bound of an output holds for the largest honest records', () => {
  const sample = {
    tokens: Array.from({ length: 20 }, () => ({ token: 1, runnerUp: 2, gap: 1 })),
    finish: 'length' as const,
    text: 'x'.repeat(20 * 64),
  }
  const records: ItemRecord[] = [
    { type: 'generate', promptTokens: 1, dropped: 0, samples: [sample, sample] },
    { type: 'embed', vector: new Float32Array(4096).fill(1) },
  ]
  const bound = outputBytes(
    [
      { type: 'generate', prompt: '', stop: [], maxTokens: 20, samples: 2, temperature: 1, seed: 0 },
      { type: 'embed', text: 'a' },
    ],
    16,
  )
  assert.ok(encodeRecords({ start: 0, records }).length <= bound)
})

test('an evaluation whose texts would not fit its owner is refused', () => {
  const item = { type: 'generate', prompt: '', stop: [], temperature: 1, seed: 0 } as const
  const items = Array.from({ length: 164 }, () => ({ ...item, samples: 20, maxTokens: 1024 }))
  checkGenerated(items)
  throwsCode(() => checkGenerated(items.map((one) => ({ ...one, samples: 200 }))), 'EVALUATION_DATA_INVALID')
})

test.run()
