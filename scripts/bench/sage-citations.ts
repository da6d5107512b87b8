/** Whole questions over the docs: each citation gives the place of what it quotes, and the cited passages hold the answer. */
import { createAnswers } from '../../node/agents/rag/answers/answers.ts'
import type { Search } from '../../node/agents/rag/query/search.ts'
import type { Embedding } from '../../node/compute/models/embedding.ts'
import { createLog } from '../../node/log.ts'
import type { BenchContext } from './bench.ts'
import { type DocsCollection, holdsAnswer } from './docs-collection.ts'
import { searchCollection } from './evidence-rows.ts'
import { ENCODER } from './indexed-collection.ts'

interface Components {
  readonly search: Search
  readonly embed: Embedding['embed']
}

const sameText = (text: string): string => text.replace(/\s+/g, ' ').trim()

export async function reportCitations(
  { report, signal }: BenchContext,
  docs: DocsCollection,
  { search, embed }: Components,
): Promise<void> {
  const collections = [searchCollection(docs.name, docs.chunks)]
  const answers = createAnswers(
    {
      knowledge: {
        search: (options, given) => search.search(docs.backend, { ...options, collections }, given),
        collections: async () => [{ label: docs.name, encoder: ENCODER }] as never, // no more is read
      },
      embedding: { embed },
      generation: { generate: () => Promise.reject(new Error('no model is asked')) },
      log: createLog({ level: 'silent' }),
    },
    { config: { 'knowledge.answerModel': null, 'knowledge.answerThreshold': null } },
  )
  let [citations, exact, answered, cited, sentence] = [0, 0, 0, 0, 0]
  const times: number[] = []
  const asked = docs.questions.filter(({ kind, split }) => kind === 'answered' && split === 'held-out')
  for (const { question, answer = '' } of asked) {
    const { isFound, sources, sentences, tookMs } = await answers.ask(question, {}, signal)
    times.push(tookMs)
    if (!isFound) continue
    answered += 1
    const used = new Set(sentences.map(({ citation }) => citation))
    for (const { text, start, end, citation } of sentences) {
      citations += 1
      const source = sources.find(({ number }) => number === citation)
      const page = source === undefined ? '' : docs.textOf(source.source)
      if (source !== undefined && sameText(page.slice(start, end)) === sameText(text)) exact += 1
    }
    const passages = sources.filter(({ number }) => used.has(number))
    if (passages.some(({ text }) => holdsAnswer(text, answer))) cited += 1
    if (sentences.some(({ text }) => holdsAnswer(text, answer) || holdsAnswer(answer, text))) sentence += 1
  }
  times.sort((a, b) => a - b)
  const share = (name: string, value: number, bar: number | null) =>
    report({ case: `sage docs answers: ${name}`, value, unit: 'share', better: 'higher', bar })
  share('citations whose offsets give what they quote', exact / Math.max(1, citations), 1)
  share('answered', answered / asked.length, 0.9)
  share('of them a cited passage holds the judged answer', cited / Math.max(1, answered), null)
  share('of them a sentence has the judged answer', sentence / Math.max(1, answered), null)
  const p95 = times[Math.ceil(0.95 * times.length) - 1]!
  report({ case: 'sage docs answers: p95', value: p95, unit: 'ms', better: 'lower', bar: null })
}
