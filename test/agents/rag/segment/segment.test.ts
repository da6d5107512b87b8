import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { analyze } from '../../../../node/agents/rag/analysis/analyzer.ts'
import type { IndexedDocument } from '../../../../node/agents/rag/document.ts'
import { openSegment } from '../../../../node/agents/rag/segment/open-segment.ts'
import type { Segment } from '../../../../node/agents/rag/segment/segment.ts'
import {
  HEADER_FILE,
  RECORD_FILES,
  SEGMENT_FILES,
} from '../../../../node/agents/rag/segment/segment-format.ts'
import { verifySegment } from '../../../../node/agents/rag/segment/verify-segment.ts'
import { writeSegment } from '../../../../node/agents/rag/segment/write-segment.ts'
import { documentId, documentOf, randomDocuments } from '../../../helpers/random-documents.ts'
import { throwsCode } from '../../../helpers/throws.ts'

const segments = suite('segments')
let folder = ''

segments.before.each(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'village-segment-'))
})
segments.after.each(() => rmSync(folder, { recursive: true }))

function write(documents: Iterable<IndexedDocument>): Segment {
  return openSegment(folder, writeSegment(folder, documents).id)
}

function bytesOf(id: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(path.join(folder, id)).map((name) => [
      name,
      readFileSync(path.join(folder, id, name), 'base64'),
    ]),
  )
}

segments('documents come back as they went in', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          title: fc.option(fc.string({ unit: 'binary', maxLength: 20 })),
          language: fc.constantFrom(null, 'en', 'de', 'zh'),
          fields: fc.dictionary(
            fc.string({ maxLength: 8 }),
            fc.oneof(fc.string(), fc.boolean(), fc.integer(), fc.constantFrom(0.1, -2.5e-7, 1e300)),
            { noNullPrototype: true },
          ),
          chunks: fc.array(
            fc.record({
              title: fc.string({ unit: 'binary', maxLength: 20 }),
              headings: fc.array(fc.string({ unit: 'grapheme', maxLength: 10 }), { maxLength: 3 }),
              text: fc.string({ unit: 'binary', maxLength: 300 }),
              page: fc.option(fc.nat(5_000)),
              ordinal: fc.nat(9_999),
              start: fc.nat(1_000_000),
            }),
            { maxLength: 4 },
          ),
        }),
        { maxLength: 12 },
      ),
      (rows) => {
        const documents = rows.map(({ chunks, ...record }, index): IndexedDocument => {
          const { record: known } = documentOf(`document ${index}`, [], record)
          return {
            record: known,
            chunks: chunks.map((chunk) => ({
              ...chunk,
              document: known.id,
              end: chunk.start + chunk.text.length,
            })),
            vectors: null,
          }
        })
        const segment = write(documents)
        assert.equal(
          [...segment.documents()],
          documents.map(({ record }) => record),
        )
        assert.equal(
          documents.map((_, index) => segment.indexedDocument(index)),
          documents,
        )
        let chunk = 0
        documents.forEach((document, index) => {
          assert.is(segment.firstChunk(index), chunk)
          assert.is(segment.findDocument(document.record.id), index)
          for (const expected of document.chunks) {
            assert.is(segment.documentOf(chunk), index)
            assert.equal(segment.chunk(chunk), {
              ...expected,
              segment: segment.id,
              chunk,
              language: document.record.language,
              record: document.record,
            })
            const length = (text: string) => analyze(text, document.record.language).length
            assert.equal(segment.fieldLengths(chunk), {
              title: length(expected.title),
              heading: expected.headings.reduce((sum, heading) => sum + length(heading), 0),
              body: length(expected.text),
            })
            chunk++
          }
        })
        assert.is(segment.findDocument(documentId('another')), -1)
        segment.close()
      },
    ),
    { numRuns: 60 },
  )
})

segments('the same documents give the same bytes and the same id, others another', () => {
  const first = writeSegment(folder, randomDocuments(1, 200))
  const bytes = bytesOf(first.id)
  rmSync(path.join(folder, first.id), { recursive: true })
  const second = writeSegment(folder, randomDocuments(1, 200))
  assert.is(second.id, first.id)
  assert.equal(bytesOf(second.id), bytes)
  assert.is(writeSegment(folder, randomDocuments(1, 200)).id, first.id, 'once more, where it is already')
  assert.is.not(writeSegment(folder, randomDocuments(2, 200)).id, first.id)
  assert.is(readdirSync(folder).length, 2, 'nothing unfinished is left')
  const size = Object.values(bytes).reduce((sum, file) => sum + Buffer.from(file, 'base64').length, 0)
  assert.is(first.sizeBytes, size)
})

segments('every term is found with what its list says, and others are not', () => {
  const documents = randomDocuments(3, 300, 5_000)
  const segment = write(documents)
  const entries = [...segment.terms()]
  assert.is(entries.length, segment.header.terms)
  assert.equal(
    entries.map(({ term }) => term),
    entries.map(({ term }) => term).sort(),
  )
  for (const { term, df } of entries) {
    assert.is(segment.df(term), df)
    const cursor = segment.postings(term)!
    let count = 0
    for (let chunk = cursor.chunk; chunk < segment.header.chunks; chunk = cursor.next()) count++
    assert.is(count, df, term)
  }
  for (const absent of ['', 'a', 'w', 'w0a', 'zzz', '\u{1f680}']) {
    assert.is(segment.df(absent), 0)
    assert.is(segment.postings(absent), null)
  }
  segment.close()
})

segments('vectors travel in half precision; a document without one has none', () => {
  const [one, two, three] = randomDocuments(4, 3)
  const vectorOf = ({ chunks }: IndexedDocument, value: number) =>
    new Float32Array(chunks.length * 4).map((_, index) => value + index / 8)
  const documents = [one!, { ...two!, vectors: vectorOf(two!, 0.5) }, three!]
  const segment = write(documents)
  assert.is(segment.header.dims, 4)
  assert.is(segment.header.files['vectors.bin']!.sizeBytes, segment.header.chunks * 8)
  assert.equal(
    documents.map((_, index) => segment.indexedDocument(index).vectors),
    documents.map(({ vectors }) => vectors),
  )
  segment.close()
  const odd = { ...one!, vectors: new Float32Array(one!.chunks.length * 3).fill(1) }
  throwsCode(() => writeSegment(folder, [...documents, odd]), 'INVALID_ARGUMENT')
})

segments('what cannot be written is refused, and leaves nothing behind', () => {
  const [document] = randomDocuments(5, 1)
  const renamed = { ...document!, record: { ...document!.record, id: 'not a hash' } }
  throwsCode(() => writeSegment(folder, [document!, document!]), 'INVALID_ARGUMENT')
  throwsCode(() => writeSegment(folder, [renamed]), 'INVALID_ARGUMENT')
  const failing = (function* () {
    yield document!
    throw new Error('the source failed')
  })()
  assert.throws(() => writeSegment(folder, failing), 'the source failed')
  assert.equal(readdirSync(folder), [])
})

segments('an empty segment, and one with an empty chunk, are segments', () => {
  for (const documents of [[], [documentOf('empty', [{ text: '' }])], [documentOf('none', [])]]) {
    const segment = write(documents)
    assert.equal([...segment.terms()], [])
    assert.is(segment.df('x'), 0)
    assert.is([...segment.documents()].length, documents.length)
    verifySegment(folder, segment.id)
    segment.close()
  }
})

segments('with its chunks away, records are still there', () => {
  const documents = randomDocuments(6, 20)
  const { id } = writeSegment(folder, documents)
  for (const name of SEGMENT_FILES)
    if (!RECORD_FILES.includes(name)) rmSync(path.join(folder, id, name), { force: true })
  verifySegment(folder, id, { recordsOnly: true })
  throwsCode(() => verifySegment(folder, id), 'SEGMENT_CORRUPT')
  const segment = openSegment(folder, id)
  assert.equal(
    [...segment.documents()],
    documents.map(({ record }) => record),
  )
  throwsCode(() => segment.chunk(0), 'SEGMENT_CORRUPT')
  throwsCode(() => segment.df('w0'), 'SEGMENT_CORRUPT')
  segment.close()
})

segments('a header that is not the one of the id is refused', () => {
  const { id } = writeSegment(folder, randomDocuments(7, 5))
  const file = path.join(folder, id, HEADER_FILE)
  writeFileSync(file, readFileSync(file, 'utf8').replace('"chunks": ', '"chunks": 1'))
  throwsCode(() => openSegment(folder, id), 'SEGMENT_CORRUPT')
  throwsCode(() => openSegment(folder, '0'.repeat(64)), 'SEGMENT_CORRUPT')
  throwsCode(() => openSegment(folder, '../etc'), 'SEGMENT_CORRUPT')
})

segments.run()
