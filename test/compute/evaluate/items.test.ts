import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  encodeItems,
  ITEM_LIMITS,
  type Item,
  type PreparedItem,
  readItems,
} from '../../../node/compute/evaluate/items.ts'
import { throwsCode } from '../../helpers/throws.ts'

const test = suite('items')
const directory = mkdtempSync(path.join(tmpdir(), 'village-items-'))
const file = path.join(directory, 'items.jsonl')
test.after(() => rmSync(directory, { recursive: true, force: true }))

const write = (content: Uint8Array | string) => writeFileSync(file, content)
const text = fc.string({ unit: 'grapheme', maxLength: 30 })
const item: fc.Arbitrary<Item> = fc.oneof(
  fc.record({
    type: fc.constant('choice' as const),
    context: text,
    choices: fc.array(
      text.filter((one) => one !== ''),
      { minLength: 1, maxLength: 5 },
    ),
  }),
  fc.record({
    type: fc.constant('generate' as const),
    prompt: text,
    stop: fc.array(
      text.filter((one) => one !== ''),
      { maxLength: 3 },
    ),
    maxTokens: fc.integer({ min: 1, max: ITEM_LIMITS.maxTokens }),
    samples: fc.integer({ min: 1, max: ITEM_LIMITS.samples }),
    temperature: fc.double({ min: 0, max: ITEM_LIMITS.temperature, noNaN: true }).map((value) => value + 0),
    seed: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  }),
  fc.record({
    type: fc.constant('text' as const),
    text,
    stride: fc.option(fc.integer({ min: 1, max: 2 ** 24 }), { nil: null }),
  }),
  fc.record({ type: fc.constant('embed' as const), text }),
)
const prepared = fc.record({ prefix: fc.constantFrom('', 'Examples.\n\n', 'é\u2028\n'), item })

const withPrefix = ({ prefix, item: one }: PreparedItem): Item => {
  if (one.type === 'choice') return { ...one, context: prefix + one.context }
  if (one.type === 'generate') return { ...one, prompt: prefix + one.prompt }
  return { ...one, text: prefix + one.text }
}

test('any range that was written is read, with its prefixes', () => {
  fc.assert(
    fc.property(fc.array(prepared, { minLength: 1, maxLength: 12 }), fc.nat(), fc.nat(), (items, a, b) => {
      write(encodeItems(items))
      const start = a % items.length
      const count = 1 + (b % (items.length - start))
      assert.equal(readItems(file, start, count), items.slice(start, start + count).map(withPrefix))
    }),
    { numRuns: 60 },
  )
})

test('prefixes are stored once, and equal items give equal bytes', () => {
  const items: PreparedItem[] = [0, 1, 2].map((index) => ({
    prefix: 'A long beginning. ',
    item: { type: 'embed', text: `${index}` },
  }))
  const bytes = encodeItems(items)
  assert.equal(bytes, encodeItems(structuredClone(items)))
  assert.is(Buffer.from(bytes).toString().split('A long beginning').length, 2)
})

test('what workers would refuse is not written', () => {
  const text = 'x'.repeat(ITEM_LIMITS.lineBytes)
  throwsCode(() => encodeItems([{ prefix: '', item: { type: 'embed', text } }]), 'EVALUATION_ITEMS_MALFORMED')
  throwsCode(() => encodeItems([]), 'EVALUATION_ITEMS_MALFORMED')
})

test('a list that is not right is refused, with its line', () => {
  const head = '{"version":1,"items":1,"prefixes":0}\n'
  const wrong: [string, RegExp][] = [
    ['', /is empty/],
    ['{"version":2,"items":1,"prefixes":0}\n', /not of version 1 in line 1/],
    [`${head}{"type":"choice","context":"","choices":[]}\n`, /without choices in line 2/],
    [`${head}{"type":"choice","context":"","choices":[""]}\n`, /no proper "choices" in line 2/],
    [`${head}{"type":"run","text":"rm"}\n`, /unknown type in line 2/],
    [`${head}{"type":"text","text":"a","stride":0}\n`, /no proper "stride" in line 2/],
    [`${head}{"type":"embed","prefix":0,"text":"a"}\n`, /no proper "prefix" in line 2/],
    [`${head}[]\n`, /something else than an object in line 2/],
    [`${head}{"type":\n`, /something else than JSON in UTF-8 in line 2/],
    [head, /ends before its last item/],
    ['{"version":1,"items":1,"prefixes":99999999}\n', /no proper "prefixes" in line 1/],
    [
      `${head}{"type":"generate","prompt":"","stop":[],"maxTokens":1e9,"samples":1,"temperature":0,"seed":0}\n`,
      /no proper "maxTokens" in line 2/,
    ],
  ]
  for (const [content, message] of wrong) {
    write(content)
    assert.match(throwsCode(() => readItems(file, 0, 1), 'EVALUATION_ITEMS_MALFORMED').message, message)
  }
  write(`${head}{"type":"embed","text":"a"}\n`)
  throwsCode(() => readItems(file, 0, 2), 'EVALUATION_ITEMS_MALFORMED')
  throwsCode(() => readItems(file, 1, 1), 'EVALUATION_ITEMS_MALFORMED')
  write(Buffer.concat([Buffer.from(head), Buffer.alloc(ITEM_LIMITS.lineBytes + 1, 0x20)]))
  assert.match(
    throwsCode(() => readItems(file, 0, 1), 'EVALUATION_ITEMS_MALFORMED').message,
    /more than 8388608 bytes in line 2/,
  )
})

test.run()
