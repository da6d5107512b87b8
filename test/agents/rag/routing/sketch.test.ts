/** Sketches: no term is lost, every interval holds the truth, and bytes from anybody are refused or harmless. */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { averageLengthOf, impactOf } from '../../../../node/agents/rag/lexical/bm25.ts'
import { readSketch } from '../../../../node/agents/rag/routing/read-sketch.ts'
import { buildSketch, type SketchTerm } from '../../../../node/agents/rag/routing/sketch.ts'
import { documentFrequencyEdges } from '../../../../node/agents/rag/routing/sketch-levels.ts'
import { hashTerm } from '../../../../node/agents/rag/routing/term-hash.ts'
import { seededRandom } from '../../../../node/compute/evaluate/seeded-random.ts'
import { VillageError } from '../../../../node/errors.ts'
import { throwsCode } from '../../../helpers/throws.ts'

const test = suite('sketches')

/** A segment's terms with numbers that hang together. */
const segments = fc
  .tuple(
    fc.uniqueArray(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }), { maxLength: 60 }),
    fc.integer({ min: 1, max: 50_000 }),
    fc.integer({ min: 1, max: 400 }),
    fc.infiniteStream(fc.nat()),
    fc.integer({ min: 1, max: 16 }),
  )
  .map(([names, chunks, meanLength, numbers, fingerprintBits]) => {
    const next = (limit: number) => 1 + (numbers.next().value! % limit)
    const terms: SketchTerm[] = names.map((term) => {
      const maxFrequency = next(30)
      return { term, df: next(chunks), maxFrequency, minLength: maxFrequency + next(500) }
    })
    return { terms, totals: { chunks, totalLength: chunks * meanLength + names.length }, fingerprintBits }
  })

test('a term that is there is found, its frequency is in the interval and its impact below the bound', () => {
  fc.assert(
    fc.property(segments, ({ terms, totals, fingerprintBits }) => {
      const sketch = readSketch(buildSketch(terms, totals, { fingerprintBits }))
      assert.equal(
        { chunks: sketch.chunks, totalLength: sketch.totalLength, terms: sketch.terms },
        { ...totals, terms: terms.length },
      )
      for (const { term, df, maxFrequency, minLength } of terms) {
        const { dfLow, dfHigh, maxImpact } = sketch.estimate(term)
        assert.ok(dfLow >= 1 && dfLow <= df && df <= dfHigh && dfHigh <= totals.chunks)
        const impact = impactOf(maxFrequency, minLength, averageLengthOf(totals))
        assert.ok(maxImpact >= impact && maxImpact <= 1)
      }
    }),
    { numRuns: 300 },
  )
})

test('the order of the terms changes no byte', () => {
  fc.assert(
    fc.property(segments, ({ terms, totals }) => {
      assert.equal(buildSketch(terms, totals), buildSketch(terms.toReversed(), totals))
    }),
    { numRuns: 50 },
  )
})

const vocabulary = (count: number, prefix: string): SketchTerm[] =>
  Array.from({ length: count }, (_, at) => ({
    term: `${prefix}${at}`,
    df: 1 + (at % 7),
    maxFrequency: 1 + (at % 5),
    minLength: 20 + (at % 300),
  }))

test('a term takes 2.25 bytes, and one that is not there is taken for another once in 256 times', () => {
  const bytes = buildSketch(vocabulary(20_000, 'there'), { chunks: 400, totalLength: 60_000 })
  const sketch = readSketch(bytes)
  assert.is(bytes.length, 124 + 20_000 * 2.25)
  const matches = vocabulary(50_000, 'absent').filter(({ term }) => sketch.estimate(term).dfHigh > 0).length
  assert.ok(matches > 120 && matches < 280, `${matches} false matches, 195 expected`)
})

test('more terms than buckets, and none at all', () => {
  const few = readSketch(buildSketch([], { chunks: 0, totalLength: 0 }))
  assert.equal(few.estimate('anything'), { dfLow: 0, dfHigh: 0, maxImpact: 0 })
  assert.is(readSketch(buildSketch([], { chunks: 3, totalLength: 0 })).chunks, 3)
})

test('frequencies up to 16 are kept exactly, and the scale reaches any largest one', () => {
  assert.equal(documentFrequencyEdges(3), [1, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3])
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 32 - 1 }), (largest) => {
      const edges = documentFrequencyEdges(largest)
      assert.is(edges.length, 16)
      assert.is(edges.at(-1), largest)
      for (const [level, edge] of edges.entries()) if (level > 0) assert.ok(edge >= edges[level - 1]!)
    }),
  )
})

test('numbers that no segment has are refused', () => {
  const totals = { chunks: 5, totalLength: 50 }
  const term = { term: 'a', df: 1, maxFrequency: 1, minLength: 1 }
  for (const wrong of [
    { df: 0 },
    { df: 6 },
    { df: 1.5 },
    { maxFrequency: 0 },
    { minLength: 0 },
    { minLength: Number.NaN },
  ])
    throwsCode(() => buildSketch([{ ...term, ...wrong }], totals), 'INVALID_ARGUMENT')
  for (const wrong of [{ chunks: -1 }, { chunks: 2 ** 32 }, { totalLength: 0.5 }])
    throwsCode(() => buildSketch([], { ...totals, ...wrong }), 'INVALID_ARGUMENT')
  throwsCode(() => buildSketch([], totals, { fingerprintBits: 17 }), 'INVALID_ARGUMENT')
})

test('bytes of a peer are refused, or give an estimate of every term', () => {
  const random = seededRandom(7)
  const honest = buildSketch(vocabulary(40, 'word'), { chunks: 12, totalLength: 900 })
  const names = vocabulary(60, 'word').map(({ term }) => term)
  let refused = 0
  for (let round = 0; round < 3_000; round++) {
    const bytes = honest.slice(0, random() < 0.3 ? Math.floor(random() * honest.length) : honest.length)
    for (let flips = Math.floor(random() * 4); flips >= 0 && bytes.length > 0; flips--)
      bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256)
    try {
      const sketch = readSketch(bytes)
      for (const name of names) {
        const { dfLow, dfHigh, maxImpact } = sketch.estimate(name)
        assert.ok(dfLow >= 0 && dfLow <= dfHigh && dfHigh <= Math.max(1, sketch.chunks))
        assert.ok(maxImpact >= 0 && maxImpact <= 1)
      }
    } catch (error) {
      if (!(error instanceof VillageError) || error.code !== 'SKETCH_MALFORMED') throw error
      refused++
    }
  }
  assert.ok(refused > 1_000)
})

test('bucket sizes of too many or too few terms are refused', () => {
  const honest = buildSketch(vocabulary(40, 'word'), { chunks: 12, totalLength: 900 })
  for (let bit = 0; bit < 80; bit++) {
    const bytes = honest.slice()
    bytes[124 + (bit >>> 3)]! ^= 1 << (bit & 7)
    throwsCode(() => readSketch(bytes), 'SKETCH_MALFORMED')
  }
})

test('a count of terms that the bytes do not have takes no memory', () => {
  const bytes = buildSketch(vocabulary(40, 'word'), { chunks: 12, totalLength: 900 })
  new DataView(bytes.buffer).setUint32(16, 0xffff_ffff, true)
  throwsCode(() => readSketch(bytes), 'SKETCH_MALFORMED')
})

test('the reader keeps a copy, also of a Buffer within a larger one', () => {
  const whole = Buffer.concat([
    Buffer.alloc(3),
    buildSketch(vocabulary(10, 'word'), { chunks: 9, totalLength: 300 }),
  ])
  const bytes = whole.subarray(3)
  const sketch = readSketch(bytes)
  const before = sketch.estimate('word3')
  bytes.fill(255)
  assert.equal(sketch.estimate('word3'), before)
})

interface Golden {
  readonly hashes: readonly { term: string; bucket: number; fingerprint: number }[]
  readonly sketches: readonly {
    terms: readonly SketchTerm[]
    chunks: number
    totalLength: number
    fingerprintBits: number
    hex: string
    estimates: Readonly<Record<string, { dfLow: number; dfHigh: number; maxImpact: number }>>
  }[]
}

const golden = JSON.parse(
  readFileSync(new URL('../../../vectors/rag/sketches.json', import.meta.url), 'utf8'),
) as Golden

test('hashes are those of the specification', () => {
  assert.ok(golden.hashes.length > 5)
  for (const { term, ...hash } of golden.hashes) assert.equal(hashTerm(term), hash)
})

test('bytes are those of the specification', () => {
  assert.ok(golden.sketches.length > 2)
  for (const { terms, hex, estimates, fingerprintBits, ...totals } of golden.sketches) {
    const bytes = buildSketch(terms, totals, { fingerprintBits })
    assert.is(Buffer.from(bytes).toString('hex'), hex)
    const sketch = readSketch(Buffer.from(hex, 'hex'))
    for (const [term, estimate] of Object.entries(estimates)) assert.equal(sketch.estimate(term), estimate)
  }
})

test.run()
