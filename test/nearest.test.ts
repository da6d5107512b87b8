import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { editDistance, nearest } from '../node/nearest.ts'

const words = suite('nearest')

words('distances known by hand', () => {
  for (const [a, b, distance] of [
    ['', '', 0],
    ['abc', '', 3],
    ['', 'abc', 3],
    ['kitten', 'sitting', 3],
    ['flaw', 'lawn', 2],
    ['api.port', 'api.prot', 2],
  ] as const)
    assert.is(editDistance(a, b), distance, `${a} → ${b}`)
})

words('it is a metric', () => {
  const word = fc.string({ maxLength: 12, unit: fc.constantFrom('a', 'b', 'c') })
  fc.assert(
    fc.property(word, word, word, (a, b, c) => {
      assert.is(editDistance(a, a), 0)
      assert.is(editDistance(a, b), editDistance(b, a))
      assert.is(editDistance(a, b) === 0, a === b)
      assert.ok(editDistance(a, c) <= editDistance(a, b) + editDistance(b, c))
    }),
  )
})

words('suggests the nearest of the known words, whatever the case, and nothing when all are far', () => {
  const known = ['status', 'peers', 'members', 'model']
  assert.is(nearest('stauts', known), 'status')
  assert.is(nearest('PEER', known), 'peers')
  assert.is(nearest('member', known), 'members')
  assert.is(nearest('quantise', known), null)
  assert.is(nearest('status', []), null)
})

words('does not compare what no person typed', () => {
  const long = 'a'.repeat(129)
  assert.is(nearest(long, [long]), null)
})

words.run()
