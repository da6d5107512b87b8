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
 * The share of its quality that a changed model keeps, by token and at most 1, paired bootstrap over texts. On texts of the
 * original's own drawing exp(−D), where D, the mean of log p − log p', estimates KL(original ‖ changed). On other texts
 * exp(−M), where M is how far the likelihoods of texts moved, up or down: a model that finds strange texts likelier is no
 * better for it.
 */
export function likelihoodKept(
  original: readonly TextScore[],
  changed: readonly TextScore[],
  init: { isOwn: boolean; seed: number },
): Interval {
  const lost = (item: number): number => {
    const nats = original[item]!.logProbability - changed[item]!.logProbability
    return init.isOwn ? nats : Math.abs(nats)
  }
  return bootstrap(
    original.length,
    (times) => {
      let nats = 0
      let tokens = 0
      for (const [item, count] of times.entries()) {
        nats += count * lost(item)
        tokens += count * original[item]!.tokens
      }
      return Math.min(1, Math.exp(-nats / Math.max(1, tokens)))
    },
    init,
  )
}
