/** An index through the life of its documents, held against a plain map of what was committed. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { IndexedDocument } from '../../../../node/agents/rag/document.ts'
import { checkIndex } from '../../../../node/agents/rag/index/check-index.ts'
import { createIndexReader, type IndexReader } from '../../../../node/agents/rag/index/index-reader.ts'
import { createIndexWriter, type IndexWriter } from '../../../../node/agents/rag/index/index-writer.ts'
import { createIndex } from '../../../../node/agents/rag/index/manifest-file.ts'
import type { SearchRequest } from '../../../../node/agents/rag/search-types.ts'
import { documentId, madeDocument, unitVector } from '../../../helpers/index-documents.ts'
import { seededRandom } from '../../../helpers/rag-documents.ts'
import { throwsCode } from '../../../helpers/throws.ts'

const test = suite('index-writer')
const DIMS = 8
let directory = ''
test.before.each(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'village-index-'))
})
test.after.each(() => rmSync(directory, { recursive: true }))

function holds(reader: IndexReader, model: ReadonlyMap<string, IndexedDocument>): void {
  const expected = [...model.keys()].sort()
  const listed: string[] = []
  for (let after: string | undefined; ; after = listed.at(-1)) {
    const page = reader.documents({ limit: 3, ...(after !== undefined && { after }) })
    listed.push(...page.map((record) => record.id))
    if (page.length === 0) break
  }
  assert.equal(listed, expected)
  for (const [id, { record, chunks }] of model) {
    const stored = reader.documentChunks(id)
    assert.equal(
      stored.map(({ text, ordinal, title, headings }) => ({ text, ordinal, title, headings })),
      [...chunks.map(({ text, ordinal, title, headings }) => ({ text, ordinal, title, headings }))],
    )
    for (const chunk of stored) assert.equal(chunk.record, record)
  }
  const { segments } = reader.manifest()
  const count = (key: 'chunks' | 'deletedChunks' | 'documents' | 'deletedDocuments') =>
    segments.reduce((sum, segment) => sum + segment[key], 0)
  assert.is(
    count('chunks') - count('deletedChunks'),
    [...model.values()].reduce((sum, one) => sum + one.chunks.length, 0),
  )
  assert.is(count('documents') - count('deletedDocuments'), model.size)
}

const REQUEST: SearchRequest = {
  lexical: {
    terms: ['w0', 'w5', 'w40'].map((term) => ({ term, weight: 1, field: null })),
    required: [],
    excluded: [],
  },
  vector: unitVector(DIMS, seededRandom(9)),
  filters: [],
  limit: 5,
}

/** What a search gives, by document: segments are named otherwise in every index. */
function answers(reader: IndexReader) {
  const { lexical, vectors } = reader.search(REQUEST, null)
  return [lexical, vectors].map((list) =>
    list.map(({ document, ordinal, lexical: score, cosine }) => ({ document, ordinal, score, cosine })),
  )
}

type Step =
  | { readonly kind: 'add'; readonly names: readonly number[]; readonly revision: number }
  | { readonly kind: 'remove'; readonly names: readonly number[] }
  | { readonly kind: 'commit' | 'reopen' | 'maintain' | 'compact' | 'join' }

const names = fc.array(fc.nat(15), { minLength: 1, maxLength: 4 })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('add' as const), names, revision: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove' as const), names }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constantFrom<'commit' | 'reopen' | 'maintain' | 'compact' | 'join'>(
        'commit',
        'commit',
        'commit',
        'reopen',
        'maintain',
        'compact',
        'join',
      ),
    }),
  },
)

test('whatever is added, removed, committed, merged and reopened: the index holds what was committed', () => {
  let run = 0
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const index = path.join(directory, `${run++}`)
      createIndex(index, { maxSegmentChunks: 9, dims: DIMS })
      let writer: IndexWriter = createIndexWriter(index)
      const reader = createIndexReader(index)
      let committed = new Map<string, IndexedDocument>()
      let next = new Map<string, IndexedDocument>()
      for (const one of steps) {
        if (one.kind === 'add') {
          const documents = one.names.map((name) =>
            madeDocument({
              name: `d${name}`,
              revision: one.revision,
              chunks: 1 + (name % 4),
              words: 5,
              dims: name % 5 === 0 ? null : DIMS,
            }),
          )
          writer.add(documents)
          for (const document of documents) next.set(document.record.id, document)
        } else if (one.kind === 'remove') {
          const ids = one.names.map((name) => documentId(`d${name}`))
          assert.is(writer.remove(ids), ids.filter((id) => next.delete(id)).length)
        } else if (one.kind === 'commit') {
          const before = writer.manifest.generation
          assert.ok(writer.commit().generation - before <= 2)
          committed = new Map(next)
        } else if (one.kind === 'reopen') {
          writer.close()
          writer = createIndexWriter(index)
          next = new Map(committed)
        } else if (one.kind === 'maintain') writer.maintain()
        else writer.compact({ merge: one.kind === 'join' })
        if (one.kind !== 'add' && one.kind !== 'remove') holds(reader, committed)
        if (one.kind === 'compact')
          assert.ok(writer.manifest.segments.every((segment) => segment.deletedChunks === 0))
      }
      // The same documents in one segment, in the order of the index, give the same answers to the last bit.
      writer.close()
      const last = createIndexWriter(index)
      last.compact()
      last.close()
      const whole = path.join(directory, `${run}-whole`)
      createIndex(whole, { maxSegmentChunks: 1_000, dims: DIMS })
      const other = createIndexWriter(whole)
      other.add([...committed.values()])
      other.commit()
      other.close()
      const wholeReader = createIndexReader(whole)
      assert.equal(answers(reader), answers(wholeReader))
      assert.equal(checkIndex(index), [])
      wholeReader.close()
      reader.close()
      rmSync(index, { recursive: true })
      rmSync(whole, { recursive: true })
    }),
    { numRuns: 30 },
  )
})

test('nothing is found before it is committed, and nothing is left of what was not', () => {
  createIndex(directory, { maxSegmentChunks: 4, dims: null })
  const writer = createIndexWriter(directory)
  const reader = createIndexReader(directory)
  writer.add([1, 2, 3, 4].map((name) => madeDocument({ name: `d${name}` })))
  assert.equal(reader.documents({ limit: 9 }), [])
  assert.ok(readdirSync(directory).length > 2, 'a segment was written')
  writer.close()
  assert.equal(readdirSync(directory), ['manifest.json'])
  throwsCode(() => writer.add([]), 'INTERNAL')
  reader.close()
})

test('what changed nothing makes no manifest', () => {
  createIndex(directory, { maxSegmentChunks: 100, dims: null })
  const writer = createIndexWriter(directory)
  assert.is(writer.commit().generation, 0)
  writer.add([madeDocument({ name: 'a' })])
  assert.is(writer.commit().generation, 1)
  assert.is(writer.remove([documentId('b')]), 0)
  assert.is(writer.commit().generation, 1)
  assert.is(writer.compact({ merge: true }).generation, 1)
  assert.not.ok(writer.maintain())
  writer.close()
})

test('a compaction removes the text of deleted documents from every file', () => {
  createIndex(directory, { maxSegmentChunks: 100, dims: null })
  const writer = createIndexWriter(directory)
  writer.add(['a', 'b', 'c'].map((name) => madeDocument({ name })))
  const [old] = writer.commit().segments
  writer.remove([documentId('b')])
  const [worn] = writer.commit().segments
  assert.is(worn!.id, old!.id)
  assert.ok(existsSync(path.join(directory, worn!.tombstones!)))
  const [fresh] = writer.compact().segments
  assert.equal(readdirSync(directory).sort(), [fresh!.id, 'manifest.json', 'writer.lock'].sort())
  writer.remove(['a', 'c'].map(documentId))
  assert.equal(writer.commit().segments, [], 'a segment without live documents goes at once')
  writer.close()
  assert.equal(readdirSync(directory), ['manifest.json'])
})

test('a compaction leaves alone what is written and not committed', () => {
  createIndex(directory, { maxSegmentChunks: 4, dims: null })
  const writer = createIndexWriter(directory)
  const reader = createIndexReader(directory)
  const named = (first: number, count: number) =>
    Array.from({ length: count }, (_, at) => madeDocument({ name: `d${first + at}` }))
  writer.add(named(0, 4))
  writer.commit()
  writer.remove([documentId('d0'), documentId('d2')])
  writer.commit()
  writer.add(named(10, 5))
  const before = reader.documents({ limit: 99 })
  writer.compact({ merge: true })
  assert.equal(reader.documents({ limit: 99 }), before)
  writer.commit()
  assert.equal(
    reader
      .documents({ limit: 99 })
      .map(({ title }) => title)
      .sort(),
    ['d1', 'd10', 'd11', 'd12', 'd13', 'd14', 'd3'],
  )
  writer.close()
  assert.equal(checkIndex(directory), [])
  reader.close()
})

test('the same documents once more are the same segment, once', () => {
  createIndex(directory, { maxSegmentChunks: 100, dims: null })
  const writer = createIndexWriter(directory)
  const documents = ['a', 'b'].map((name) => madeDocument({ name }))
  writer.add(documents)
  const [first] = writer.commit().segments
  writer.add(documents)
  assert.equal(writer.commit().segments, [first])
  writer.remove([documentId('a')])
  writer.commit()
  writer.add(documents)
  assert.equal(writer.commit().segments, [first], 'nothing is deleted in it any more')
  writer.close()
  assert.equal(readdirSync(directory).sort(), [first!.id, 'manifest.json'].sort())
  assert.equal(checkIndex(directory), [])
})

test('documents that cannot be indexed are refused before any is taken', () => {
  createIndex(directory, { maxSegmentChunks: 100, dims: DIMS })
  const writer = createIndexWriter(directory)
  const good = madeDocument({ name: 'good', dims: DIMS })
  const bad: IndexedDocument[] = [
    { ...good, chunks: [] },
    { ...good, record: { ...good.record, id: 'short' } },
    { ...good, chunks: [{ ...good.chunks[0]!, document: documentId('other') }] },
    { ...good, vectors: new Float32Array(3) },
    { ...good, vectors: good.vectors!.map((value) => value * 2) },
    { ...good, vectors: good.vectors!.map(() => Number.NaN) },
  ]
  for (const document of bad) throwsCode(() => writer.add([good, document]), 'INVALID_ARGUMENT')
  assert.equal(writer.commit().segments, [])
  writer.close()
})

test('one writer at a time; a claim that nobody can hold any more is taken over', () => {
  createIndex(directory, { maxSegmentChunks: 100, dims: null })
  const writer = createIndexWriter(directory, { owner: 'first' })
  throwsCode(() => createIndexWriter(directory, { owner: 'second' }), 'INDEX_LOCKED')
  const heir = createIndexWriter(directory, { owner: 'first' })
  heir.add([madeDocument({ name: 'a' })])
  heir.commit()
  heir.close()
  writer.close()
  throwsCode(() => createIndexWriter(path.join(directory, 'nowhere')), 'INDEX_MISSING')
})

test.run()
