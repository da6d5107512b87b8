import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseFilter } from '../../../../node/agents/rag/query/parse-filter.ts'
import { parseQuery } from '../../../../node/agents/rag/query/parse-query.ts'
import { throwsCode } from '../../../helpers/throws.ts'

const test = suite('the language of queries')

const parts = (text: string) =>
  parseQuery(text).parts.map(
    ({ text: words, role, field }) => `${role}${field === null ? '' : ` ${field}`}: ${words}`,
  )

test('plain words rank', () => {
  assert.equal(parts('heat  transfer\nin slabs'), [
    'ranks: heat',
    'ranks: transfer',
    'ranks: in',
    'ranks: slabs',
  ])
  assert.equal(parseQuery('').parts, [])
})

test('every operator narrows', () => {
  assert.equal(parts('"heat transfer" +slab -review -"in vivo"'), [
    'required: heat transfer',
    'required: slab',
    'excluded: review',
    'excluded: in vivo',
  ])
  assert.equal(parts('title:slab Heading:"heat flow" +body:air -title:review'), [
    'required title: slab',
    'required heading: heat flow',
    'required body: air',
    'excluded title: review',
  ])
  assert.equal(parts('„heat transfer“ and “slip flow”'), [
    'required: heat transfer',
    'ranks: and',
    'required: slip flow',
  ])
})

test('signs inside a word, unknown fields and loose signs are text', () => {
  assert.equal(parts('slip-flow a+b http://x.y note:this x=1'), [
    'ranks: slip-flow',
    'ranks: a+b',
    'ranks: http://x.y',
    'ranks: note:this',
    'ranks: x=1',
  ])
  for (const [text, warned] of [
    ['heat - transfer', false],
    ['heat -- transfer', true],
    ['--help', true],
    ['+ slab', false],
    ['title: x', false],
    ['-title:', true],
    ['+-slab', true],
  ] as const) {
    const parsed = parseQuery(text)
    assert.ok(
      parsed.parts.every(({ role }) => role === 'ranks'),
      text,
    )
    assert.is(parsed.warnings.length > 0, warned, text)
  }
})

test('a quote that is not closed and one with nothing in it never fail', () => {
  const open = parseQuery('slab "heat -transfer')
  assert.equal(
    open.parts.map(({ text, role }) => [text, role]),
    [
      ['slab', 'ranks'],
      ['heat', 'ranks'],
      ['transfer', 'excluded'],
    ],
  )
  assert.is(open.warnings.length, 1)
  const empty = parseQuery('a "" b')
  assert.equal(
    empty.parts.map(({ text }) => text),
    ['a', 'b'],
  )
  assert.is(empty.warnings.length, 1)
})

test('any text is read, no warning repeats its words, and no part has an operator that was understood', () => {
  const words = fc.constantFrom(
    'a',
    '+',
    '-',
    '"',
    '“',
    'title:',
    ':',
    ' ',
    '\n',
    '😀',
    'ß',
    '(',
    '\u0000',
    'body:"',
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.array(words).map((list) => list.join('')),
      ),
      (text) => {
        const { parts: read, warnings } = parseQuery(text)
        for (const { text: part } of read) {
          assert.ok(part.trim() !== '')
          assert.ok(text.includes(part))
        }
        assert.ok(warnings.length <= 4)
      },
    ),
    { numRuns: 500 },
  )
})

test('a filter is a field, a test and a value of a type', () => {
  assert.equal(parseFilter('language=en'), { field: 'language', test: 'equals', value: 'en' })
  assert.equal(parseFilter('year>1990'), { field: 'year', test: 'above', value: 1990 })
  assert.equal(parseFilter('year<-1.5e3'), { field: 'year', test: 'below', value: -1500 })
  assert.equal(parseFilter('draft!=true'), { field: 'draft', test: 'not-equals', value: true })
  assert.equal(parseFilter('source^=notes/2024='), {
    field: 'source',
    test: 'starts-with',
    value: 'notes/2024=',
  })
  assert.equal(parseFilter('code="007"'), { field: 'code', test: 'equals', value: '007' })
  assert.equal(parseFilter('title='), { field: 'title', test: 'equals', value: '' })
  assert.equal(parseFilter('modifiedAtMs>1970-01-02'), {
    field: 'modifiedAtMs',
    test: 'above',
    value: 86_400_000,
  })
  for (const bad of [
    '',
    'language',
    '=en',
    'a b=c',
    'x~y',
    'modifiedAtMs<2024-99-99',
    `a=${'x'.repeat(2000)}`,
  ])
    throwsCode(() => parseFilter(bad), 'INVALID_ARGUMENT')
})

test.run()
