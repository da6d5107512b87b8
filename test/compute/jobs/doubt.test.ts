/** Whether a finished job rests on a liar's word: pure functions over what was kept of it. */
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { doubtOf, sameDoubt, wordsOf } from '../../../node/compute/jobs/doubt.ts'

const lies = (times: Record<string, number>) => (peer: string) => times[peer] ?? null
const result = (vouchers: string[], exact = false) => ({ vouchers, exact })
const job = (results: { vouchers: string[]; exact: boolean }[]) => ({
  words: wordsOf(results),
  finishedAtMs: 100,
})

test('results of the same peers are one word, and what was checked here is none', () => {
  const words = wordsOf([
    result(['a']),
    result(['b', 'a']),
    result(['a', 'b']),
    result(['own'], true),
    result(['a'], true),
    result(['a']),
  ])
  assert.equal(words, [
    { vouchers: ['a'], tasks: 2 },
    { vouchers: ['a', 'b'], tasks: 2 },
  ])
})

test('a lie after the end makes the job doubtful, with who, how much and since when', () => {
  const done = job([result(['a']), result(['a']), result(['b']), result(['own'], true)])
  assert.equal(doubtOf(done, lies({ a: 200 })), { peers: ['a'], tasks: 2, sinceMs: 200 })
  assert.equal(doubtOf(done, lies({ a: 200, b: 300 })), { peers: ['a', 'b'], tasks: 3, sinceMs: 300 })
  assert.equal(doubtOf(done, lies({ a: 100 }))!.sinceMs, 100, 'in the millisecond of its end')
  assert.is(doubtOf(done, lies({})), null)
})

test('a peer that vouched beside a liar is enough, until it is caught itself', () => {
  const done = job([result(['a', 'b'])])
  assert.is(doubtOf(done, lies({ a: 200 })), null)
  assert.is(doubtOf(done, lies({ b: 200 })), null)
  assert.equal(doubtOf(done, lies({ a: 50, b: 200 })), { peers: ['a', 'b'], tasks: 1, sinceMs: 200 })
})

test('a lie that was known when the result was accepted is no news', () => {
  assert.is(doubtOf(job([result(['a'])]), lies({ a: 99 })), null)
})

test('property: every doubted task is one whose vouchers all lied, and no other', () => {
  const peer = fc.constantFrom('a', 'b', 'c', 'd')
  const results = fc.array(
    fc.record({
      vouchers: fc.uniqueArray(peer, { minLength: 1, maxLength: 3 }),
      exact: fc.boolean(),
    }),
  )
  const times = fc.dictionary(peer, fc.integer({ min: 100, max: 200 }))
  fc.assert(
    fc.property(results, times, (given, lied) => {
      const doubt = doubtOf(job(given), lies(lied))
      const fallen = given.filter(({ vouchers, exact }) => !exact && vouchers.every((one) => one in lied))
      assert.is(doubt?.tasks ?? 0, fallen.length)
      assert.equal(doubt?.peers ?? [], [...new Set(fallen.flatMap(({ vouchers }) => vouchers))].sort())
    }),
  )
})

test('the same doubt is no change', () => {
  const doubt = { peers: ['a'], tasks: 1, sinceMs: 5 }
  assert.ok(sameDoubt(null, null))
  assert.ok(sameDoubt(doubt, { ...doubt }))
  for (const other of [
    null,
    { ...doubt, tasks: 2 },
    { ...doubt, sinceMs: 6 },
    { ...doubt, peers: ['a', 'b'] },
  ])
    assert.not.ok(sameDoubt(doubt, other))
})

test.run()
