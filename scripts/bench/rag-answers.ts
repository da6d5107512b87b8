/**
 * Whole questions to `ask` on judged collections: whether a judged document is cited, and how long it takes. Whether it knows what it does not
 * know is measured by `npm run bench -- agents --only sage`.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { analyze } from '../../node/agents/rag/analysis/analyzer.ts'
import type { AnswerSentence } from '../../node/agents/rag/answers/answer.ts'
import { createAnswers } from '../../node/agents/rag/answers/answers.ts'
import { coverage, questionWords } from '../../node/agents/rag/answers/question-words.ts'
import { createSearch, type Search } from '../../node/agents/rag/query/search.ts'
import { writeEmbeddedEncoder } from '../../node/compute/models/embedded-encoder.ts'
import { createSentenceEncoder } from '../../node/compute/models/sentence-encoder.ts'
import { createSessions } from '../../node/compute/onnx/sessions.ts'
import { createLog } from '../../node/log.ts'
import { type AnswerCollection, openAnswerCollection } from './answer-collections.ts'
import type { BenchContext } from './bench.ts'
import { MODES, searchCollection } from './evidence-rows.ts'
import { ENCODER } from './indexed-collection.ts'
import type { RagCase } from './rag.ts'

const COLLECTIONS = ['scifact', 'cranfield'] as const
const TIMED = 100
const MAX_SECOND_MS = 1_000

/** Share of the question's words in the sentences of its answer, all words alike. */
function coveredShare(question: string, sentences: readonly AnswerSentence[]): number {
  const terms = new Set(sentences.flatMap(({ text }) => analyze(text, 'en').map(({ term }) => term)))
  const words = questionWords(question, ['en'], { terms: [], chunks: 0 })
  return coverage(words, (word) => (word.terms.some((term) => terms.has(term)) ? 1 : 0))
}

/** Whole questions, with sentences chosen and embedded: is a judged document cited, and how long does it take? */
async function reportAnswers(
  context: BenchContext,
  collection: AnswerCollection,
  components: { search: Search; embed: Parameters<typeof createAnswers>[0]['embedding']['embed'] },
): Promise<void> {
  const { report, signal } = context
  const { search, embed } = components
  const answers = createAnswers(
    {
      knowledge: {
        search: (options, given) =>
          search.search(
            collection.backend,
            { ...options, collections: [searchCollection(collection.name, collection.chunks)] },
            given,
          ),
        collections: async () => [{ label: collection.name, encoder: ENCODER }] as never, // no more is read
      },
      embedding: { embed },
      generation: { generate: () => Promise.reject(new Error('no model is asked')) },
      log: createLog({ level: 'silent' }),
    },
    { config: { 'knowledge.answerModel': null, 'knowledge.answerThreshold': null } },
  )
  for (const mode of MODES) {
    const times: number[] = []
    let [answered, cited, covered] = [0, 0, 0]
    const queries = collection.queries.slice(0, TIMED)
    for (const { text, relevant } of queries) {
      const { isFound, sources, sentences, tookMs } = await answers.ask(text, { mode }, signal)
      times.push(tookMs)
      if (!isFound) continue
      answered += 1
      covered += coveredShare(text, sentences)
      const used = new Set(sentences.map(({ citation }) => citation))
      if (sources.some(({ number, source }) => used.has(number) && relevant.has(source))) cited += 1
    }
    times.sort((a, b) => a - b)
    const label = `answers ${collection.name} ${mode}`
    const share = (name: string, value: number) =>
      report({ case: `${label}: ${name}`, value, unit: 'share', better: 'higher', bar: null })
    share('answered', answered / queries.length)
    share('of the answers cite a judged document', cited / Math.max(1, answered))
    share('words of the question in the answer', covered / Math.max(1, answered))
    const p95 = times[Math.ceil(0.95 * times.length) - 1]!
    report({ case: `${label}: p95`, value: p95, unit: 'ms', better: 'lower', bar: MAX_SECOND_MS })
  }
}

export const answers: RagCase = {
  name: 'answers',
  title: 'which documents ask cites, and how long it takes',
  async run(context) {
    const directory = mkdtempSync(path.join(tmpdir(), 'village-encoder-'))
    const sessions = createSessions()
    const collections: AnswerCollection[] = []
    try {
      writeEmbeddedEncoder(directory)
      const encoder = createSentenceEncoder({ sessions })
      const embed = (_model: string, texts: readonly string[], signal: AbortSignal) =>
        encoder.embed({ modelDir: directory, texts }, signal)
      const search = createSearch({ embed, log: createLog({ level: 'silent' }) })
      for (const name of COLLECTIONS) {
        const opened = await openAnswerCollection(
          name,
          (texts) => embed(ENCODER, texts, context.signal),
          context.log,
        )
        if (opened === null) {
          context.log('skipped: no data')
          return
        }
        collections.push(opened)
      }
      for (const collection of collections) await reportAnswers(context, collection, { search, embed })
    } finally {
      for (const collection of collections) collection.close()
      await sessions.close()
      rmSync(directory, { recursive: true, force: true })
    }
  },
}
