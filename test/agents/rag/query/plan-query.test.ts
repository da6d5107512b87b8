/** What a search takes from its collections where it does not say itself. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { planQuery } from '../../../../node/agents/rag/query/plan-query.ts'
import type { SearchCollection, SearchOptions } from '../../../../node/agents/rag/query/search-options.ts'

const test = suite('plan of a search')

const plain: SearchCollection = { name: 'a', languages: ['en'], encoder: 'e', weight: 0.5, chunks: 10 }
const tuned: SearchCollection = { ...plain, name: 'b', feedback: true, candidates: 20 }
const plan = (collections: readonly SearchCollection[], options: Partial<SearchOptions> = {}) =>
  planQuery({ text: 'a lighthouse', collections, ...options })

test('settings that all collections share hold, where the search says nothing else', () => {
  const { feedback, candidates, mostCandidates } = plan([tuned, { ...tuned, name: 'c' }])
  assert.equal(
    { feedback, candidates, mostCandidates },
    { feedback: true, candidates: 20, mostCandidates: 20 },
  )
  assert.is(plan([tuned], { feedback: false }).feedback, false)
  assert.is(plan([tuned], { candidates: 300 }).candidates, 300)
})

test('where collections differ, or say nothing, a search goes as it always does', () => {
  for (const collections of [[plain], [plain, tuned], [{ ...tuned, feedback: false, candidates: null }]]) {
    const { feedback, candidates, mostCandidates } = plan(collections)
    assert.equal(
      { feedback, candidates, mostCandidates },
      { feedback: false, candidates: 100, mostCandidates: 1000 },
    )
  }
})

test('a search by vectors alone has no words that could be added', () => {
  assert.is(plan([tuned], { mode: 'vectors' }).feedback, false)
})

test.run()
