/** What a record may say of a segment: whatever can be built passes, and what no files can hold does not. */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { findImplausible } from '../../../../node/agents/rag/routing/plausible-totals.ts'
import { buildSketch } from '../../../../node/agents/rag/routing/sketch.ts'
import { openSegment } from '../../../../node/agents/rag/segment/open-segment.ts'
import { writeSegment } from '../../../../node/agents/rag/segment/write-segment.ts'
import { madeDocument } from '../../../helpers/index-documents.ts'

const test = suite('plausible totals')

/** Honest and small: the worst case for lower bounds of sizes. */
const texts = fc.oneof(
  fc.constant('a'),
  fc.nat(2_000).map((times) => 'a '.repeat(times + 1)),
  fc
    .array(fc.constantFrom('w', 'v', 'u', '漢字', '!'), { minLength: 1, maxLength: 50 })
    .map((words) => words.join(' ')),
)

test('every segment that is written may be published', () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'plausible-'))
  const libraries = fc.array(fc.array(texts, { minLength: 1, maxLength: 30 }), { minLength: 1, maxLength: 8 })
  fc.assert(
    fc.property(libraries, fc.integer({ min: 1, max: 16 }), (library, fingerprintBits) => {
      const documents = library.map((pieces, at) => {
        const made = madeDocument({ name: `d${at}` })
        const [first] = made.chunks
        return {
          ...made,
          chunks: pieces.map((text, ordinal) => ({ ...first!, ordinal, text, end: text.length })),
        }
      })
      const { id } = writeSegment(directory, documents)
      const at = path.join(directory, id)
      const segment = openSegment(directory, id)
      const { chunks, totalLength } = segment.header
      const sketch = buildSketch(segment.terms(), { chunks, totalLength }, { fingerprintBits })
      const totals = {
        ...{ chunks, totalLength, documents: segment.header.documents, sketchBytes: sketch.byteLength },
        sizeBytes: readdirSync(at).reduce((sum, file) => sum + statSync(path.join(at, file)).size, 0),
      }
      segment.close()
      rmSync(at, { recursive: true })
      assert.is(findImplausible(totals), null)
      // More terms or chunks than bytes fit into no files.
      const more = totals.sizeBytes + 1
      for (const lie of [{ totalLength: more }, { chunks: more }, { sizeBytes: 2 ** 40 }, { sketchBytes: 9 }])
        assert.type(findImplausible({ ...totals, ...lie }), 'string')
    }),
    { numRuns: 60 },
  )
  rmSync(directory, { recursive: true })
})

test('whatever passes adds up to numbers that are exact', () => {
  const claims = fc.record({
    chunks: fc.nat(2 ** 24),
    documents: fc.nat(100),
    totalLength: fc.nat(2 ** 30),
    sizeBytes: fc.integer({ min: 0, max: 2 ** 36 }),
    sketchBytes: fc.nat(1_000),
  })
  fc.assert(
    fc.property(claims, (claim) => {
      if (findImplausible(claim) !== null) return
      assert.ok(claim.totalLength <= claim.sizeBytes && claim.chunks <= claim.sizeBytes / 16)
      assert.ok(claim.sizeBytes * 1_000 < Number.MAX_SAFE_INTEGER)
    }),
  )
})

test.run()
