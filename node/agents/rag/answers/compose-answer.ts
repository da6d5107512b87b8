/** Puts the chosen sentences together: numbers their sources and writes the text with its citations. */
import type { SearchHit } from '../query/search-answer.ts'
import type { AnswerSentence, AnswerSource } from './answer.ts'
import type { ReadPassage } from './read-passages.ts'
import type { ScoredSentence } from './score-sentences.ts'

export const NOT_FOUND = 'Not found in the collections.'
/** Where a part of them did not answer in time. */
export const NOT_FOUND_IN_PART = 'Not found in the collections that answered.'

export interface ComposedAnswer {
  readonly text: string
  readonly sentences: readonly AnswerSentence[]
  readonly sources: readonly AnswerSource[]
  readonly isFound: boolean
}

/** `section`: of the sentences that cite it; null where none does. */
function sourceOf(hit: SearchHit, number: number, section: number | null): AnswerSource {
  const { collection, document, ordinal, record, start, end, text, score, vouchedBy } = hit
  const { page, headings } = section === null ? hit : hit.sections[section]!
  return {
    number,
    collection,
    document,
    ordinal,
    segment: hit.segment,
    chunk: hit.chunk,
    title: record.title ?? (hit.title === '' ? null : hit.title),
    source: record.source,
    page,
    headings,
    start,
    end,
    text,
    snippet: hit.snippet,
    score,
    vouchedBy,
  }
}

/** What a citation names: a passage, and where it has several sections one of them. */
interface Cited {
  readonly passage: number
  readonly section: number | null
}

/**
 * Sources are numbered in the order in which the sentences cite them; those that were read and not cited follow, up to `sources`. What
 * is cited is always among them.
 */
export function composeAnswer(
  passages: readonly ReadPassage[],
  chosen: readonly ScoredSentence[],
  init: { readonly sources: number; readonly isFound: boolean; readonly isPartial: boolean },
): ComposedAnswer {
  const order: Cited[] = []
  const placeOf = (sentence: Cited) =>
    order.findIndex(({ passage, section }) => passage === sentence.passage && section === sentence.section)
  for (const { passage, section } of chosen)
    if (placeOf({ passage, section }) < 0) order.push({ passage, section })
  for (const index of passages.keys()) {
    if (order.length >= init.sources) break
    if (!order.some(({ passage }) => passage === index)) order.push({ passage: index, section: null })
  }
  const sources = order.map(({ passage, section }, at) => sourceOf(passages[passage]!.hit, at + 1, section))
  if (!init.isFound)
    return { text: init.isPartial ? NOT_FOUND_IN_PART : NOT_FOUND, sentences: [], sources, isFound: false }
  const sentences = chosen.map(({ text, passage, section, score, start, end }): AnswerSentence => {
    const offset = passages[passage]!.hit.start
    return {
      text,
      citation: placeOf({ passage, section }) + 1,
      score,
      start: offset + start,
      end: offset + end,
    }
  })
  // One citation for sentences in a row from one source.
  const text = sentences
    .map((sentence, index) =>
      sentences[index + 1]?.citation === sentence.citation
        ? sentence.text
        : `${sentence.text} [${sentence.citation}]`,
    )
    .join(' ')
  return { text, sentences, sources, isFound: true }
}
