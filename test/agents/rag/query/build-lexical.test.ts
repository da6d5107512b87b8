import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { inverseDocumentFrequency } from '../../../../node/agents/rag/lexical/bm25.ts'
import { buildLexical, scoredTerms } from '../../../../node/agents/rag/query/build-lexical.ts'
import { parseQuery } from '../../../../node/agents/rag/query/parse-query.ts'
import { planQuery } from '../../../../node/agents/rag/query/plan-query.ts'

const test = suite('from words to terms')

const build = (text: string, languages: string[] = ['en']) => buildLexical(parseQuery(text), languages)
const terms = (text: string, languages?: string[]) =>
  build(text, languages).lexical.terms.map(
    ({ term, weight, field }) => `${field === null ? '' : `${field}:`}${term} ${weight}`,
  )

test('terms keep the order of the text, and repetitions count', () => {
  assert.equal(terms('heating the heated slabs'), ['heat 2', 'the 1', 'slab 1'])
  assert.equal(terms('slab title:slab "heat slab"'), ['slab 2', 'title:slab 1', 'heat 1'])
})

test('every language that is searched stems a word in its way', () => {
  assert.equal(terms('Häuser running', ['de']), ['haus 1', 'running 1'])
  const both = terms('Häuser running', ['de', 'en'])
  assert.ok(both.includes('haus 1') && both.includes('run 1') && both.length === 4, both.join())
})

test('what is required or excluded becomes sequences of terms, by language', () => {
  const { lexical, words } = build('wing +"lifting bodies" -review -title:"wind tunnels"')
  assert.equal(lexical.required, [{ alternatives: [['lift', 'bodi']], field: null }])
  assert.equal(lexical.excluded, [
    { alternatives: [['review']], field: null },
    { alternatives: [['wind', 'tunnel']], field: 'title' },
  ])
  assert.equal(
    lexical.terms.map(({ term }) => term),
    ['wing', 'lift', 'bodi'],
  )
  assert.is(words, 'wing lifting bodies')
  const [running] = build('+Häuser', ['de', 'en']).lexical.required
  assert.is(running!.alternatives.length, 2)
  assert.equal(build('+, -!').lexical.required, [])
})

test('more than can be asked is left out, and said', () => {
  const long = Array.from({ length: 300 }, (_, at) => `word${at}`).join(' ')
  const built = build(long)
  assert.ok(built.isTruncated && built.lexical.terms.length <= 256)
  const phrases = build(Array.from({ length: 20 }, (_, at) => `+word${at}`).join(' '))
  assert.ok(phrases.isTruncated && phrases.lexical.required.length === 16)
  const text = Array.from({ length: 40 }, (_, at) => `w${String.fromCharCode(97 + (at % 26))}x`).join(' ')
  const required = build(`"${text}"`).lexical.required[0]!
  assert.is(required.alternatives[0]!.length, 32)
  // A shorter sequence would exclude more than was asked.
  assert.equal(build(`-"${text}"`).lexical.excluded, [])
  assert.is(build('slab').isTruncated, false)
})

test('of many terms the telling ones are scored, in the order of the query', () => {
  const { lexical } = build(
    Array.from(
      { length: 100 },
      (_, at) => `q${'abcdefghij'[at % 10]}${'klmnopqrst'[Math.floor(at / 10)]}z`,
    ).join(' '),
  )
  const frequencies = lexical.terms.map(({ term }, at) => [term, at < 10 ? 0 : at] as const)
  const statistics = {
    chunks: 1000,
    totalLength: 10_000,
    documentFrequency: new Map(frequencies.filter(([, df]) => df > 0)),
  }
  const { query, isTruncated } = scoredTerms(lexical, statistics, (df, chunks) =>
    inverseDocumentFrequency(chunks, df),
  )
  assert.ok(isTruncated)
  assert.equal(
    query.terms.map(({ term }) => term),
    frequencies.slice(10, 74).map(([term]) => term),
  )
  const few = scoredTerms({ ...lexical, terms: lexical.terms.slice(5, 15) }, statistics, (df) => df)
  assert.equal([few.isTruncated, few.query.terms.length], [false, 5])
})

test('a query speaks the languages of what is searched, and that of documents whose language was not told', () => {
  const collection = (languages: string[], chunks: number) => ({
    name: 'c',
    languages,
    encoder: null,
    weight: 0.5,
    chunks,
  })
  const plan = (collections: ReturnType<typeof collection>[], language?: string) =>
    planQuery({ text: 'a', collections, mode: 'lexical', ...(language !== undefined && { language }) })
      .languages
  assert.equal(plan([collection(['de'], 5), collection(['fr', 'it'], 9)]), ['fr', 'it', 'de', 'en'])
  assert.equal(plan([collection([], 5)]), ['en'])
  assert.equal(plan([collection(['de', 'en'], 5)], 'ru'), ['ru'])
  const many = Array.from({ length: 12 }, (_, at) => `${'abcdefghijkl'[at]}a`)
  assert.is(plan([collection(many, 1)]).length, 9)
})

test.run()
