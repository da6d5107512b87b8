/** One passage that several collections have is one candidate, unless that is the word of somebody about another's. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Candidate } from '../../../../node/agents/rag/search-types.ts'
import { nameOnce } from '../../../../node/agents/rag/village/same-passages.ts'
import { segmentKey } from '../../../../node/agents/rag/village/segment-key.ts'

const [a, b, c] = ['a', 'b', 'c'].map((letter) => letter.repeat(32)) as [string, string, string]
const segment = '1'.repeat(64)
const found = (collection: string, chunk = 0): Candidate => ({
  ...{ segment: segmentKey(collection, segment), chunk, document: 'd', ordinal: 0 },
  ...{ lexical: 1, cosine: 0.5 },
})
const names = (outcomes: ReturnType<typeof nameOnce>) =>
  outcomes.map(({ lexical, vectors }) =>
    [...lexical, ...vectors].map((one) => one.segment.slice(0, 1)).join(''),
  )

test('own collections: the first', () => {
  const own = [
    { lexical: [found(b)], vectors: [] },
    { lexical: [found(a), found(a, 1)], vectors: [found(a)] },
  ]
  assert.equal(names(nameOnce(own)), ['b', 'bab'])
})

test('what is here stands for what others say of the same', () => {
  const own = [{ lexical: [found(c)], vectors: [] }]
  const others = [{ lexical: [found(a), found(a, 1)], vectors: [found(b)] }]
  assert.equal(names(nameOnce(own, others, (key) => key.slice(0, 1))), ['c', 'cac'])
})

test('of others, collections of one owner are joined, those of different owners are not', () => {
  const others = [
    { lexical: [found(b)], vectors: [found(c)] },
    { lexical: [found(a)], vectors: [] },
  ]
  const ownerOf = (key: string) => (key.startsWith('c') ? 'liar' : 'ann')
  assert.equal(names(nameOnce([], others, ownerOf)), ['ac', 'a'])
  assert.equal(names(nameOnce([], [...others].reverse(), ownerOf)), ['a', 'ac'])
})

test.run()
