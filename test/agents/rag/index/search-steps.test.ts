/** Searches that pause: what happens between two steps does not change what they find, and what costs too much ends. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createIndexReader, type IndexReader } from '../../../../node/agents/rag/index/index-reader.ts'
import { createIndexWriter } from '../../../../node/agents/rag/index/index-writer.ts'
import { createIndex } from '../../../../node/agents/rag/index/manifest-file.ts'
import type { FieldFilter, Phrase, SearchRequest } from '../../../../node/agents/rag/search-types.ts'
import { finish, SearchWork } from '../../../../node/agents/rag/search-work.ts'
import { documentId, madeDocument, unitVector } from '../../../helpers/index-documents.ts'
import { seededRandom } from '../../../helpers/rag-documents.ts'
import { throwsCode } from '../../../helpers/throws.ts'

const test = suite('search in steps')
const DIMS = 8
let directory = ''
test.before.each(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'village-steps-'))
})
test.after.each(() => rmSync(directory, { recursive: true }))

function add(from: number, count: number): void {
  const writer = createIndexWriter(directory)
  const numbers = Array.from({ length: count }, (_, at) => from + at)
  writer.add(
    numbers.map((number) => madeDocument({ name: `d${number}`, words: 60, dims: DIMS, fields: { number } })),
  )
  writer.commit()
  writer.close()
}

function makeIndex(): IndexReader {
  createIndex(directory, { maxSegmentChunks: 400, dims: DIMS })
  add(0, 500)
  return createIndexReader(directory)
}

const phrase = (...terms: string[]): Phrase => ({ alternatives: [terms], field: null })
const request = (wish: {
  terms?: readonly string[]
  required?: Phrase[]
  excluded?: Phrase[]
  filters?: FieldFilter[]
  isHybrid?: boolean
}): SearchRequest => ({
  lexical: {
    terms: (wish.terms ?? ['w1', 'w20']).map((term) => ({ term, weight: 1, field: null })),
    required: wish.required ?? [],
    excluded: wish.excluded ?? [],
  },
  vector: wish.isHybrid === true ? unitVector(DIMS, seededRandom(3)) : null,
  filters: wish.filters ?? [],
  limit: 20,
})

/** Pauses wherever it can. */
const restless = () => new SearchWork(Number.POSITIVE_INFINITY, 1)

function costOf(reader: IndexReader, asked: SearchRequest): number {
  const work = new SearchWork()
  finish(reader.inSteps.search(asked, null, undefined, work))
  return work.done
}

const word = fc.nat(30).map((number) => `w${number}`)
const anyPhrase = fc.record({
  alternatives: fc.array(fc.array(word, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 3 }),
  field: fc.constantFrom(null, 'body' as const),
})
const anyRequest = fc
  .record({
    terms: fc.uniqueArray(word, { maxLength: 6 }),
    required: fc.array(anyPhrase, { maxLength: 2 }),
    excluded: fc.array(anyPhrase, { maxLength: 2 }),
    filters: fc.array(
      fc.record({
        field: fc.constantFrom('number', 'nothing'),
        test: fc.constantFrom('below' as const, 'not-equals' as const),
        value: fc.integer({ min: 100, max: 500 }),
      }),
      { maxLength: 2 },
    ),
    isHybrid: fc.boolean(),
  })
  .map(request)

test('searches by turns on one thread find what each finds alone, to the last bit', () => {
  const reader = makeIndex()
  fc.assert(
    fc.property(fc.array(anyRequest, { minLength: 2, maxLength: 4 }), (requests) => {
      const expected = requests.map((asked) => reader.search(asked, null))
      const found = new Map<number, unknown>()
      const running = new Map(
        requests.map((asked, at) => [at, reader.inSteps.search(asked, null, undefined, restless())]),
      )
      while (running.size > 0)
        for (const [at, steps] of running) {
          const step = steps.next()
          if (step.done !== true) continue
          found.set(at, step.value)
          running.delete(at)
        }
      assert.equal(
        requests.map((_, at) => found.get(at)),
        expected,
      )
    }),
    { numRuns: 25 },
  )
  reader.close()
})

test('a commit between two steps counts, and closing ends the search', () => {
  const reader = makeIndex()
  const asked = request({ required: [phrase('w1')], isHybrid: true })
  const steps = reader.inSteps.search(asked, null, undefined, restless())
  assert.is(steps.next().done, false)
  const writer = createIndexWriter(directory)
  const before = reader.search(asked, null)
  assert.is(writer.remove([documentId('d7'), before.lexical[0]!.document]), 2)
  writer.commit()
  writer.compact()
  writer.close()
  // Nobody has told the search: another call of the reader has let go of the old files.
  const after = reader.search(asked, null)
  assert.not.equal(after, before)
  assert.equal(finish(steps), after)

  const reading = reader.inSteps.chunks(after.lexical, restless())
  assert.is(reading.next().done, false)
  assert.equal(finish(reading), reader.chunks(after.lexical))
  const counting = reader.inSteps.statistics(['w1'], undefined, restless())
  assert.is(counting.next().done, false)
  assert.equal(finish(counting), reader.statistics(['w1']))

  const last = reader.inSteps.search(asked, null, undefined, restless())
  assert.is(last.next().done, false)
  reader.close()
  throwsCode(() => finish(last), 'INDEX_MISSING')
})

test('segments that go away as a search begins are looked for again', () => {
  const asked = request({})
  const reader = makeIndex()
  let isReplaced = false
  const found = finish(
    reader.inSteps.search(
      {
        ...asked,
        // Read after the reader has looked at the manifest, and before it opens the terms of a segment.
        get lexical() {
          if (!isReplaced) {
            isReplaced = true
            const writer = createIndexWriter(directory)
            writer.remove(Array.from({ length: 500 }, (_, number) => documentId(`d${number}`)))
            writer.commit()
            writer.close()
            add(500, 20)
          }
          return asked.lexical
        },
      },
      null,
      undefined,
      restless(),
    ),
  )
  assert.ok(isReplaced && found.lexical.length > 0)
  assert.equal(found, reader.search(asked, null))
  reader.close()
})

test('a search ends where its work goes over the limit', () => {
  makeIndex().close()
  const requests = [
    request({}),
    request({ terms: ['w0', 'w1', 'w2', 'w3'] }),
    request({ excluded: [phrase('w0', 'w1', 'w0')] }),
    request({ terms: [], required: [phrase('w0', 'w1'), phrase('w2')] }),
    request({ filters: [{ field: 'number', test: 'below', value: 9 }] }),
    request({ isHybrid: true }),
  ]
  const costs = requests.map((asked) => {
    // Filters are worked out once.
    const fresh = [0, 1, 2].map(() => createIndexReader(directory))
    const cost = costOf(fresh[0]!, asked)
    finish(fresh[1]!.inSteps.search(asked, null, undefined, new SearchWork(cost)))
    const tooLittle = new SearchWork(cost - 1)
    const steps = fresh[2]!.inSteps.search(asked, null, undefined, tooLittle)
    throwsCode(() => finish(steps), 'SEARCH_TOO_COSTLY')
    for (const one of fresh) one.close()
    return cost
  })
  // Every part of a search counts.
  for (const cost of costs.slice(1)) assert.ok(cost > costs[0]!)
})

test('no phrase is looked for twice', () => {
  const reader = makeIndex()
  const [one, other] = [phrase('w0', 'w1'), phrase('w1', 'w0', 'w1')]
  const base = costOf(reader, request({}))
  const excluded = costOf(reader, request({ excluded: [one, other] }))
  assert.ok(excluded > base)
  const twice: Phrase = { alternatives: [...one.alternatives, ...one.alternatives], field: null }
  assert.is(costOf(reader, request({ excluded: [one, other, twice, other, one] })), excluded)
  // Both rankers share what the phrases let through.
  const vectors = costOf(reader, request({ isHybrid: true })) - base
  const hybrid = costOf(reader, request({ isHybrid: true, excluded: [one, other] }))
  assert.ok(hybrid - excluded < vectors + (excluded - base) / 2)
  // Neither are chunks that something else has ruled out.
  const rare = phrase('w200')
  const narrowed =
    costOf(reader, request({ required: [rare, one] })) - costOf(reader, request({ required: [rare] }))
  assert.ok(narrowed < (costOf(reader, request({ required: [one] })) - base) / 2)
  reader.close()
})

test('fields that no document has are read for once', () => {
  const reader = makeIndex()
  const asked = (field: string) => request({ filters: [{ field, test: 'not-equals', value: 1 }] })
  const first = costOf(reader, asked('nothing'))
  const next = costOf(reader, asked('naught'))
  assert.ok(next < first / 10)
  assert.equal(reader.search(asked('nil'), null), reader.search(request({}), null))
  reader.close()
})

test.run()
