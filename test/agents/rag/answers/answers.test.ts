/** From question to answer over ten documents, by the real search on a backend in memory. */
import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createAnswers } from '../../../../node/agents/rag/answers/answers.ts'
import { createSearch } from '../../../../node/agents/rag/query/search.ts'
import type { SearchAnswer } from '../../../../node/agents/rag/query/search-answer.ts'
import { VillageError } from '../../../../node/errors.ts'
import { createLog } from '../../../../node/log.ts'
import { libraryDocuments } from '../../../helpers/memory-knowledge.ts'
import { createNaiveBackend } from '../../../helpers/naive-backend.ts'
import { searchAnswer, searchHit } from '../../../helpers/search-hits.ts'
import { ANSWERABLE, MORE_ANSWERABLE, NEAR_MISSES, UNANSWERABLE } from '../../../helpers/small-library.ts'
import { rejectsCode } from '../../../helpers/throws.ts'

const test = suite('answers')
const log = createLog({ level: 'silent' })
const signal = new AbortController().signal
const NO_MODEL = { 'knowledge.answerModel': null, 'knowledge.answerThreshold': null }
const noGeneration = { generate: () => Promise.reject(new Error('no model was to be asked')) }
/** Letters by their places: like texts have like vectors, which is all that is needed here. */
const embed = async (_model: string, texts: readonly string[]) => {
  const dims = 64
  const vectors = new Float32Array(texts.length * dims)
  for (const [row, text] of texts.entries()) {
    const own = vectors.subarray(row * dims, (row + 1) * dims)
    for (let at = 0; at + 2 < text.length; at++)
      own[(text.charCodeAt(at) * 31 + text.charCodeAt(at + 1) * 7 + text.charCodeAt(at + 2)) % dims]! += 1
    const norm = Math.hypot(...own)
    for (let at = 0; at < dims; at++) own[at]! /= norm
  }
  return { dims, vectors, tokens: new Int32Array(texts.length), truncated: new Uint8Array(texts.length) }
}

const town = createNaiveBackend({ town: libraryDocuments() })
const search = createSearch({ embed, log })
const collection = { name: 'town', languages: ['en'], encoder: null, weight: 0.5, chunks: 10 }

type AnswersComponents = Parameters<typeof createAnswers>[0]

const townKnowledge: AnswersComponents['knowledge'] = {
  search: (options, given) => search.search(town, { ...options, collections: [collection] }, given),
  collections: async () => [],
}
const answers = createAnswers(
  { knowledge: townKnowledge, embedding: { embed }, generation: noGeneration, log },
  { config: NO_MODEL },
)

/** Whatever is asked, this is found. */
const finding = (found: Partial<SearchAnswer>, over: Partial<AnswersComponents> = {}) =>
  createAnswers(
    {
      knowledge: { search: async () => searchAnswer(found), collections: async () => [] },
      embedding: { embed },
      generation: noGeneration,
      log,
      ...over,
    },
    { config: { ...NO_MODEL, 'knowledge.answerThreshold': 0 } },
  )

test('forty questions: each is answered, from its document, with the sentence', async () => {
  let first = 0
  for (const { question, source, answer } of [...ANSWERABLE, ...MORE_ANSWERABLE]) {
    const given = await answers.ask(question, {}, signal)
    assert.ok(given.isFound, `${question}: ${given.confidence}`)
    const best = [...given.sentences].sort((a, b) => b.score - a.score)[0]!
    if (best.text.includes(answer)) first += 1
    assert.ok(
      given.sentences.some(({ text }) => text.includes(answer)),
      `${question}: ${given.text}`,
    )
    assert.ok(given.sources.some((one) => one.source === source))
  }
  assert.is(first, 40)
})

test('that what was asked for is in no sentence is said, and never of the forty that are answered', async () => {
  for (const { question } of [...ANSWERABLE, ...MORE_ANSWERABLE]) {
    const { warnings } = await answers.ask(question, {}, signal)
    assert.not.ok(
      warnings.some(({ code }) => code === 'ANSWER_TYPE_ABSENT'),
      question,
    )
  }
  const hits = [searchHit('The extractor was borrowed from Margarete Olsen, who lives in Flensburg.')]
  const asked = async (question: string) =>
    (await finding({ hits }).ask(question, {}, signal)).warnings.map(({ code }) => code)
  assert.equal(await asked('How old is Margarete Olsen?'), ['ANSWER_TYPE_ABSENT'])
  assert.equal(await asked('When was the extractor borrowed?'), ['ANSWER_TYPE_ABSENT'])
  assert.equal(await asked('Who lives in Flensburg?'), [])
  assert.equal(await asked('What was borrowed?'), [])
})

test('ten that the documents do not answer are not found', async () => {
  for (const question of UNANSWERABLE) {
    const given = await answers.ask(question, {}, signal)
    assert.not.ok(given.isFound, `${question}: ${given.confidence} ${given.text}`)
    assert.is(given.text, 'Not found in the collections.')
    assert.equal(given.sentences, [])
  }
})

test('questions that share most words with a document and are not answered: most are refused, which is measured here', async () => {
  const given = await Promise.all(NEAR_MISSES.map((question) => answers.ask(question, {}, signal)))
  assert.is(given.filter(({ isFound }) => !isFound).length, 7)
})

test('German, French, Russian, Japanese and Chinese', async () => {
  const document = (language: string, text: string) => ({
    source: `${language}.md`,
    language,
    chunks: [{ text }],
  })
  const backend = createNaiveBackend({
    world: [
      document(
        'de',
        'Der Mars ist der vierte Planet. Er hat zwei kleine Monde. Seine Farbe kommt vom Eisenoxid.',
      ),
      document('fr', "Le phare a été construit en 1871 par l'ingénieur Yves Le Goff. Sa lampe est haute."),
      document('ru', 'Байкал — самое глубокое озеро на Земле. Его глубина достигает 1642 метров.'),
      document('ja', '琵琶湖は日本で最も大きい湖である。面積は670平方キロメートルである。'),
      document('zh', '长城是中国古代的防御工程。明代长城的长度约为8850公里。'),
    ],
  })
  const world = { ...collection, name: 'world', languages: ['de', 'fr', 'ru', 'ja', 'zh'] }
  const knowledge: AnswersComponents['knowledge'] = {
    search: (options, given) => search.search(backend, { ...options, collections: [world] }, given),
    collections: async () => [],
  }
  const asking = createAnswers(
    { knowledge, embedding: { embed }, generation: noGeneration, log },
    { config: NO_MODEL },
  )
  const questions = [
    ['Wie viele Monde hat der Mars?', 'zwei kleine Monde'],
    ['Qui a construit le phare ?', 'Yves Le Goff'],
    ['Какая глубина озера Байкал?', '1642'],
    ['琵琶湖の面積はどれくらいですか', '670'],
    ['长城有多长？', '8850'],
  ] as const
  for (const [question, answer] of questions) {
    const { text } = await asking.ask(question, {}, signal)
    assert.ok(text.includes(answer), `${question}: ${text}`)
  }
  for (const question of ['Wer hat das Telefon erfunden?', '東京タワーの高さは何メートルですか'])
    assert.is((await asking.ask(question, {}, signal)).isFound, false)
})

test('a citation gives the place of its sentence in the document', async () => {
  const { sentences, sources } = await answers.ask(ANSWERABLE[1]!.question, {}, signal)
  for (const { text, citation, start, end } of sentences) {
    const source = sources.find(({ number }) => number === citation)!
    const quoted = source.text.slice(start - source.start, end - source.start)
    assert.is(quoted.replace(/\s+/g, ' '), text)
  }
})

test('nothing in the collections, or nothing of a question: not found, never an error', async () => {
  const empty = await finding({ hits: [] }).ask('What is it?', {}, signal)
  assert.equal([empty.isFound, empty.confidence, empty.sources], [false, 0, []])
  const silent = await finding({ hits: [searchHit('')] }).ask('What is it?', {}, signal)
  assert.is(silent.isFound, false)
  const signs = await answers.ask('?!', {}, signal)
  assert.is(signs.isFound, false)
})

test('whatever a passage says, and in whatever language it says it is: an answer of its sentences, in their places', async () => {
  const text = fc.string({ unit: 'binary', maxLength: 200 })
  const wild = fc.array(fc.oneof(text, fc.constantFrom('. ', '\n\n', 'Mars ', 'moon. It', '。', '?')), {
    maxLength: 8,
  })
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(wild, text, fc.oneof(fc.constantFrom('en', 'zh', '', 'x-'), text)), { maxLength: 4 }),
      text.filter((question) => question.trim() !== ''),
      async (passages, question) => {
        const hits = passages.map(([parts, title, language], chunk) =>
          searchHit(parts.join(''), { chunk, title, headings: [title], language, score: 1 / (chunk + 1) }),
        )
        const given = await finding({ hits }).ask(question, {}, signal)
        assert.ok(given.confidence >= 0 && given.confidence <= 1)
        for (const { citation, start, end, text: sentence, score } of given.sentences) {
          const source = given.sources.find(({ number }) => number === citation)!
          assert.is(source.text.slice(start, end).replace(/\s+/g, ' ').trim(), sentence)
          assert.ok(score >= 0 && score <= 1)
        }
      },
    ),
    { numRuns: 200 },
  )
})

test('the threshold of the request comes before the configured one', async () => {
  const { question } = ANSWERABLE[0]!
  assert.is((await answers.ask(question, { threshold: 1 }, signal)).isFound, false)
  const unsure = await answers.ask(UNANSWERABLE[0]!, { threshold: 0 }, signal)
  assert.is(unsure.isFound, true)
  assert.is(unsure.threshold, 0)
})

test('a question that is empty or too long is refused', async () => {
  await rejectsCode(answers.ask('  ', {}, signal), 'INVALID_ARGUMENT')
  await rejectsCode(answers.ask('x'.repeat(2001), {}, signal), 'INVALID_ARGUMENT')
})

test('what the search lacked is passed on', async () => {
  const missing = [{ collection: 'notes@x', segments: 2, chunks: 30, reason: 'PEER_UNREACHABLE' }]
  const given = await finding({ hits: [searchHit('The answer is a long sentence.')], missing }).ask(
    'answer?',
    {},
    signal,
  )
  assert.equal(given.missing, missing)
})

test('sentences are embedded where their collection has an encoder; one that fails is a warning', async () => {
  const asked: string[] = []
  const hits = [searchHit('The lamp is high. The tower is old.', { cosine: 0.5 })]
  const known = { label: 'notes', encoder: 'bafyencoder' }
  const knowledge = {
    search: async () => searchAnswer({ hits }),
    collections: async () => [known] as never, // only label and encoder are read
  }
  const counting = async (model: string, texts: readonly string[]) => {
    asked.push(model, ...texts)
    return embed(model, texts)
  }
  const fine = await finding({}, { knowledge, embedding: { embed: counting } }).ask('lamp?', {}, signal)
  assert.equal(asked.slice(0, 2), ['bafyencoder', 'lamp?'])
  assert.equal(fine.warnings, [])
  const broken = async () => {
    throw new VillageError('MODEL_UNKNOWN')
  }
  const warned = await finding({}, { knowledge, embedding: { embed: broken } }).ask('lamp?', {}, signal)
  assert.ok(warned.isFound && warned.sentences.length > 0)
  assert.equal(
    warned.warnings.map(({ code }) => code),
    ['SENTENCES_NOT_EMBEDDED'],
  )
})

test('a language model is asked with the sources of the answer, and what it wrote comes beside the extract', async () => {
  const prompts: string[] = []
  const generate = async (_model: string, request: { prompt: unknown }) => {
    prompts.push(JSON.stringify(request.prompt))
    return { text: 'Tallis [1], I think [9].', tokens: [1], promptTokens: 3 } as never // the fields that are read
  }
  const writing = createAnswers(
    { knowledge: townKnowledge, embedding: { embed }, generation: { generate }, log },
    { config: { ...NO_MODEL, 'knowledge.answerModel': 'village-lm' } },
  )
  const { question } = ANSWERABLE[1]!
  const given = await writing.ask(question, {}, signal)
  assert.is(given.generated!.text, 'Tallis [1], I think.')
  assert.match(given.text, /Moira Tallis/)
  assert.match(prompts[0]!, /<source number=/)
  assert.equal(
    given.warnings.map(({ code }) => code),
    ['GENERATION_EXPERIMENTAL', 'CITATIONS_REMOVED'],
  )
  const without = await writing.ask(question, { model: null }, signal)
  assert.is(without.generated, null)
  const weak = await writing.ask(UNANSWERABLE[0]!, {}, signal)
  assert.equal(
    weak.warnings.map(({ code }) => code),
    ['GENERATION_SKIPPED'],
  )
  assert.is(prompts.length, 1)
})

test('a model that fails is a warning, and the extract is there', async () => {
  const generate = async () => {
    throw new VillageError('GENERATE_BUSY')
  }
  const failing = createAnswers(
    { knowledge: townKnowledge, embedding: { embed }, generation: { generate }, log },
    { config: NO_MODEL },
  )
  const given = await failing.ask(ANSWERABLE[1]!.question, { model: 'm' }, signal)
  assert.match(given.text, /Moira Tallis/)
  assert.is(given.generated, null)
  assert.match(given.warnings[0]!.message, /GENERATE_BUSY/)
})

test('an abort ends it with the reason', async () => {
  const ending = new AbortController()
  const reason = new VillageError('ABORTED')
  const generate = async () => {
    ending.abort(reason)
    throw new Error('cut off')
  }
  const aborted = createAnswers(
    { knowledge: townKnowledge, embedding: { embed }, generation: { generate }, log },
    { config: NO_MODEL },
  )
  await rejectsCode(aborted.ask(ANSWERABLE[1]!.question, { model: 'm' }, ending.signal), 'ABORTED')
})

test.run()
