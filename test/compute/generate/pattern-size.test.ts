/** What a regular expression is when its repeats are written out. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { writtenOutSize } from '../../../node/compute/generate/pattern-size.ts'

test('repeats count as often as they repeat, and groups in groups multiply', () => {
  const sizes: readonly [string, number][] = [
    ['', 0],
    ['abc', 3],
    ['a{3}b', 4],
    ['ab{2,5}', 6],
    ['ab{2,}', 3],
    ['(ab){10}', 20],
    ['x(ab{3}c){10}y{2}', 1 + 50 + 2],
    ['[a-z{9}]{4}', 4],
    ['\\d{4}-\\d{2}-\\d{2}', 10],
    ['(a|b)*c+', 3],
    ['(a|b{2}){5}', 15],
    ['((a{100}){100}){100}', 1_000_000],
  ]
  for (const [pattern, size] of sizes) assert.is(writtenOutSize(pattern), size, pattern)
})

test('a pattern that is not well formed has some size', () => {
  for (const pattern of [')))', '(((', '[abc', '\\', 'a{', '{3}', 'a{99999999999999999999}'])
    assert.type(writtenOutSize(pattern), 'number', pattern)
})

test.run()
