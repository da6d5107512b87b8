import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { matchesName, parseIgnoreRules } from '../../../../node/agents/rag/ingest/ignore-rules.ts'

/** Rows of the documentation of .gitignore: rules, path, what is decided. A path that ends with / is a folder. */
const CASES: readonly (readonly [string, string, boolean | null])[] = [
  ['*.log', 'a.log', true],
  ['*.log', 'deep/er/a.log', true],
  ['*.log', 'a.log.txt', null],
  ['/only.md', 'only.md', true],
  ['/only.md', 'sub/only.md', null],
  ['build/', 'build/', true],
  ['build/', 'build', null],
  ['build/', 'x/build/', true],
  ['doc/frotz/', 'doc/frotz/', true],
  ['doc/frotz', 'a/doc/frotz', null],
  ['**/foo', 'foo', true],
  ['**/foo/bar', 'x/y/foo/bar', true],
  ['abc/**', 'abc/x/y', true],
  ['abc/**', 'abc', null],
  ['a/**/b', 'a/b', true],
  ['a/**/b', 'a/x/y/b', true],
  ['*.md\n!keep.md', 'keep.md', false],
  ['!keep.md\n*.md', 'keep.md', true],
  ['# comment', '# comment', null],
  ['\\#file', '#file', true],
  ['trailing  ', 'trailing', true],
  ['[ab]?.txt', 'ac.txt', true],
  ['[!ab]?.txt', 'ac.txt', null],
  ['[a-c].txt', 'b.txt', true],
  ['a*c*e', 'abcde', true],
  ['a*c*e', 'abcd', null],
  ['', 'x', null],
  ['/', 'x', null],
  ['a//b', 'a/b', null],
]

test('rules decide as the documentation of .gitignore says', () => {
  for (const [rules, path, decided] of CASES) {
    const names = path.replace(/\/$/, '').split('/')
    assert.is(parseIgnoreRules(rules).decide(names, path.endsWith('/')), decided, `${rules} on ${path}`)
  }
})

test('stars match like a regular expression, and never take long', () => {
  const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 8 })
  const name = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 10 })
  fc.assert(
    fc.property(pattern, name, (glob, text) => {
      const expression = new RegExp(`^${glob.replaceAll('*', '.*').replaceAll('?', '.')}$`)
      assert.is(matchesName(glob, text), expression.test(text), `${glob} on ${text}`)
    }),
    { numRuns: 2_000, seed: 7 },
  )
  // A backtracking matcher would not come to an end here.
  assert.is(matchesName(`${'*a'.repeat(100)}b`, 'a'.repeat(5_000)), false)
  const rules = parseIgnoreRules(`${'**/'.repeat(60)}b`)
  assert.is(
    rules.decide(
      Array.from({ length: 400 }, () => 'a'),
      false,
    ),
    null,
  )
})

test.run()
