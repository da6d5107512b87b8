import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createNaiveBackend } from '../../../helpers/naive-backend.ts'
import { document, LIBRARY, run, sources } from '../../../helpers/toy-search.ts'

const test = suite('what a search says of its hits')

const codes = ({ warnings }: Awaited<ReturnType<typeof run>>) => warnings.map(({ code }) => code)

test('words that are nowhere are named, and what is near by meaning is not passed off as found', async () => {
  const nowhere = await run({ text: 'scriptword123 zzz' })
  assert.ok(nowhere.hits.length > 0)
  assert.ok(nowhere.hits.every(({ wordsFound, wordsAsked }) => wordsFound === 0 && wordsAsked === 2))
  assert.equal(nowhere.warnings, [
    {
      code: 'WORDS_NOWHERE',
      message: 'No passage has the words “scriptword123”, “zzz”: these are the nearest by meaning.',
    },
  ])
  const byWords = await run({ text: 'scriptword123', mode: 'lexical' })
  assert.equal(
    [byWords.hits.length, byWords.warnings[0]!.message],
    [0, 'No passage has the word “scriptword123”.'],
  )
  const inTitle = await run({ text: 'title:zzz' })
  assert.is(inTitle.warnings[0]!.message, 'No passage has the word “zzz” in its title.')
  const some = await run({ text: 'gull scriptword123' })
  assert.equal(codes(some), ['SOME_WORDS_NOWHERE'])
  assert.equal([some.hits[0]!.wordsFound, some.hits[0]!.wordsAsked], [1, 2])
  assert.equal(codes(await run({ text: 'gull' })), [])
  // Words that only other documents have.
  const filters = [{ field: 'source', test: 'equals', value: 'gull.md' }] as const
  assert.equal(codes(await run({ text: 'slab', filters })), ['WORDS_NOWHERE'])
  const long = await run({ text: Array.from({ length: 12 }, (_, at) => `qx${at}`).join(' ') })
  assert.match(long.warnings[0]!.message, /“qx7” and 4 more: these/)
})

test('a passage without any word is only shown where it is as near as one that has some', async () => {
  const library = [
    document('a.md', '', 'Gulls and heat.'),
    document('b.md', '', 'Warm things, of heat and water.'),
    document('c.md', '', 'A bird of heat, another word.'),
    document('d.md', '', 'Nothing.'),
  ]
  const backend = createNaiveBackend({ library })
  assert.equal(sources(await run({ text: 'heat' }, backend)).sort(), ['a.md', 'b.md', 'c.md'])
  // The only passage with the word is not nearer in meaning than the others.
  assert.equal(sources(await run({ text: 'gulls' }, backend))[0], 'a.md')
  assert.ok(sources(await run({ text: 'gulls' }, backend)).includes('d.md'))
})

test('signs without a word are nothing to search for, whatever the mode', async () => {
  for (const text of ['+', '', '-', '"', '+ -- !'])
    for (const mode of ['hybrid', 'vectors', 'lexical'] as const) {
      const answer = await run({ text, mode })
      assert.is(answer.hits.length, 0)
      assert.ok(codes(answer).includes('QUERY_WITHOUT_WORDS'), `${text} ${mode}`)
    }
})

test('in the mode hybrid, too, one long document does not keep the others out', async () => {
  const hog = document('hog.md', 'Hog', ...Array.from({ length: 150 }, (_, at) => `Heat heat heat ${at}.`))
  const backend = createNaiveBackend({ library: [...LIBRARY, hog] })
  for (const mode of ['hybrid', 'vectors', 'lexical'] as const) {
    backend.calls.length = 0
    const found = await run({ text: 'heat', mode, limit: 4, perDocument: 1 }, backend)
    assert.equal(new Set(sources(found)).size, 4, mode)
    assert.equal(backend.calls, ['statistics', 'search', 'search', 'chunks'])
  }
})

test('filters that nothing passes, fields that nothing has and languages that nobody speaks are told', async () => {
  const unknown = await run({ text: 'heat', filters: [{ field: 'nosuch', test: 'equals', value: 1 }] })
  assert.is(unknown.hits.length, 0)
  assert.ok(
    unknown.warnings.some(({ code, message }) => code === 'FILTERED_OUT' && /field "nosuch"/.test(message)),
  )
  const none = await run({ text: 'heat', filters: [{ field: 'year', test: 'above', value: 99 }] })
  assert.ok(none.warnings.some(({ code, message }) => code === 'FILTERED_OUT' && /meets them/.test(message)))
  const fitting = await run({ text: 'heat', filters: [{ field: 'year', test: 'above', value: 0 }] })
  assert.not.ok(codes(fitting).includes('FILTERED_OUT'))
  assert.equal(codes(await run({ text: 'heat', language: 'xx' })), ['LANGUAGE_ABSENT'])
  assert.equal(codes(await run({ text: 'heat', language: 'en' })), [])
})

test('a hit is cited by the place of its snippet', async () => {
  const text = 'Spring\n\nThe hives wake up.\n\nHoney\n\nThe hives give honey.'
  const sections = [
    { start: 0, page: 1, headings: [0] },
    { start: text.indexOf('Honey'), page: 2, headings: [0, 1] },
  ]
  const plain = createNaiveBackend({
    library: [{ source: 'bees.md', chunks: [{ text, headings: ['Spring', 'Honey'] }] }],
  })
  const backend: typeof plain = {
    ...plain,
    async chunks(references, given) {
      const { value, missing } = await plain.chunks(references, given)
      return { value: value.map((chunk) => chunk && { ...chunk, page: 1, sections }), missing }
    },
  }
  const place = async (query: string) => {
    const { page, headings, snippet } = (await run({ text: query, mode: 'lexical' }, backend)).hits[0]!
    return [page, headings, snippet.text]
  }
  assert.equal(await place('honey'), [2, ['Spring', 'Honey'], '…Honey · The hives give honey.'])
  assert.equal(await place('wake'), [1, ['Spring'], '…The hives wake up.…'])
  const [hit] = (await run({ text: 'heading:honey', mode: 'lexical' }, backend)).hits
  assert.equal(hit!.sections, [
    { start: 0, page: 1, headings: ['Spring'] },
    { start: 28, page: 2, headings: ['Spring', 'Honey'] },
  ])
})

test.run()
