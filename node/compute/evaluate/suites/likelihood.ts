/**
 * How likely a language model finds the project's own sentences: a measure that needs no data, by which a changed model is
 * held against the one that it was made of. None of them is a sentence that compressions are calibrated with.
 */
import type { ItemSuite } from '../item-suite.ts'
import type { Interval } from '../scores.ts'
import { SENTENCE_GROUPS } from '../sentences.ts'
import { bootstrap } from '../statistics.ts'
import { type TextAnswer, type TextScore, textItem, textMetrics, textScore } from './perplexity.ts'

/** Sentences of one item, each of another subject. */
const SENTENCES = 4

function paragraphs(): string[] {
  const ways = Math.max(...SENTENCE_GROUPS.map((group) => group.length))
  const sentences = Array.from({ length: ways }, (_, way) =>
    SENTENCE_GROUPS.flatMap((group) => group.slice(way, way + 1)),
  ).flat()
  return Array.from({ length: Math.ceil(sentences.length / SENTENCES) }, (_, index) =>
    sentences.slice(index * SENTENCES, (index + 1) * SENTENCES).join(' '),
  )
}

export const likelihood: ItemSuite = {
  form: 'items',
  name: 'likelihood',
  title: 'How likely the model finds plain English sentences',
  needs: 'a language model',
  fits: ({ kind }) => kind === 'language',
  files: { required: [], optional: [] },
  options: [],
  itemsByTask: 8,
  prepare() {
    const taken = paragraphs().map((text, index) =>
      textItem(text, { id: `${index}`, words: text.split(' ').length, stride: null }),
    )
    return {
      items: taken.map(({ item }) => item),
      answers: taken.map(({ answer }) => answer),
      facts: {},
    }
  },
  report(answers, records, { seed }) {
    const scores = (answers as readonly TextAnswer[]).map((answer, index) =>
      textScore(answer, records[index]!),
    )
    return { metrics: textMetrics(scores, seed), scores, facts: {} }
  },
}

/**
 * The share of its quality that a changed model keeps: exp(−Σ |Δ log p(text)| / Σ tokens), so 1 where no text became likelier or
 * less likely. Where all became less likely it is the perplexity of the original over its own, and where the texts are such
 * as the original would write, that is exp(−KL(original ‖ changed)) by token. A text that became likelier counts as well: a
 * model that answers otherwise is another one. Paired bootstrap over texts.
 */
export function likelihoodKept(
  original: readonly TextScore[],
  changed: readonly TextScore[],
  seed: number,
): Interval {
  return bootstrap(
    original.length,
    (times) => {
      let nats = 0
      let tokens = 0
      for (const [item, count] of times.entries()) {
        nats += count * Math.abs(changed[item]!.logProbability - original[item]!.logProbability)
        tokens += count * original[item]!.tokens
      }
      return Math.exp(-nats / Math.max(1, tokens))
    },
    { seed },
  )
}
