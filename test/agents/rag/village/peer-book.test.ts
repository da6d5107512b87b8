/** Who is asked after an answer that could not be true: an owner who lies cannot have honest holders silenced. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { FailedCheck } from '../../../../node/agents/rag/routing/check-answer.ts'
import { createHoldings } from '../../../../node/agents/rag/village/holdings.ts'
import { createPeerBook } from '../../../../node/agents/rag/village/peer-book.ts'

const HOUR_MS = 3_600_000
const [GOOD, EVIL, OWN] = ['good segment', 'evil segment', 'own segment']

/** `holder` holds a segment of each of `good`, `evil` and itself. */
function made() {
  const clock = { nowMs: 0 }
  const holdings = createHoldings()
  holdings.set('holder', { segments: new Set([GOOD, EVIL, OWN]), capacityBytes: 1, usedBytes: 0 })
  const owners: Record<string, string> = { [GOOD]: 'good', [EVIL]: 'evil', [OWN]: 'holder' }
  const book = createPeerBook(
    {
      holdings,
      links: { latencyMs: () => 10, load: () => 0 },
      present: () => new Set(['holder']),
      ownerOf: (segment) => owners[segment] ?? null,
    },
    { self: 'self', now: () => clock.nowMs },
  )
  const asked = () => [...(book.holders()[0]?.segments ?? [])].sort()
  return { book, clock, asked }
}
const failed = (check: FailedCheck['check'], segment: string | null): FailedCheck => ({ check, segment })

test('what fails by the word of an owner counts for the collections of that owner only', () => {
  const { book, clock, asked } = made()
  book.judge('holder', failed('frequency', EVIL), [GOOD, EVIL])
  assert.equal(asked(), [GOOD, OWN])
  assert.is(book.countFor(EVIL), 0)
  assert.is(book.countFor(GOOD), 1)
  assert.not.ok(book.isTrusted('holder', EVIL))
  assert.ok(book.isTrusted('holder', GOOD))
  clock.nowMs = HOUR_MS
  assert.equal(asked(), [EVIL, GOOD, OWN])
  assert.not.ok(book.isTrusted('holder', EVIL), 'it has not made up for it')
  for (let answers = 0; answers < 100; answers++) book.judge('holder', null, [EVIL])
  assert.ok(book.isTrusted('holder', EVIL))
})

test('where nobody can say which segment it was, all that were asked are left out', () => {
  const { book, asked } = made()
  book.judge('holder', failed('absent-terms', null), [GOOD, EVIL])
  assert.equal(asked(), [OWN])
})

test('who breaks the protocol, or is wrong about its own collections, is not asked at all', () => {
  for (const wrong of [failed('count', null), failed('segments', null), failed('frequency', OWN)]) {
    const { book, asked } = made()
    book.judge('holder', wrong, [GOOD, OWN])
    assert.equal(asked(), [])
    assert.not.ok(book.isTrusted('holder', GOOD))
  }
})

test('doubts add up by owner', () => {
  const { book, asked } = made()
  for (let count = 0; count < 3; count++) book.doubt('holder', [EVIL])
  assert.equal(asked(), [EVIL, GOOD, OWN])
  book.doubt('holder', [EVIL])
  assert.equal(asked(), [GOOD, OWN])
})

test('a collection that was withdrawn meanwhile is nobody’s fault', () => {
  const { book, asked } = made()
  book.judge('holder', failed('frequency', 'gone'), ['gone'])
  assert.equal(asked(), [EVIL, GOOD, OWN])
})

test.run()
