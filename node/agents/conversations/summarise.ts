/** A conversation in a few sentences of its own, for the Twin: no model is needed for it. Pure. */
import { analyze } from '../rag/analysis/analyzer.ts'
import { isFunctionWord } from '../rag/answers/function-words.ts'
import { splitSentences } from '../rag/answers/split-sentences.ts'
import type { Turn } from './conversation.ts'

const SENTENCES = 3
const MOST_CHARACTERS = 600
const SENTENCE_CHARACTERS = 240
/** "Thanks." and "Yes." tell nothing of a conversation. */
const LEAST_TERMS = 3

/**
 * The first message, then the sentences of the person's messages whose words come up most in the conversation. Sentences are weighed
 * by the mean count of their terms (SumBasic: Nenkova and Vanderwende, "The impact of frequency on summarization", 2005), and a term
 * that was told counts the square of its share afterwards, so that the next says something else. Only what the person said: what
 * agents answered may be another's text.
 */
export function summarise(turns: readonly Turn[]): string {
  const said = turns.filter((turn) => turn.role === 'user').map(({ text }) => text)
  const sentences = said.flatMap((text) =>
    splitSentences(text, null).map(({ start, end }) => text.slice(start, end).replace(/\s+/g, ' ').trim()),
  )
  const rows = sentences
    .filter((sentence) => sentence !== '')
    .map((sentence, order) => ({
      sentence: sentence.slice(0, SENTENCE_CHARACTERS),
      order,
      terms: termsOf(sentence),
    }))
    .filter(({ order, terms }) => order === 0 || terms.length >= LEAST_TERMS)
  const shares = new Map<string, number>()
  const total = rows.reduce((sum, { terms }) => sum + terms.length, 0)
  for (const { terms } of rows)
    for (const term of terms) shares.set(term, (shares.get(term) ?? 0) + 1 / total)
  const chosen: typeof rows = []
  const left = [...rows]
  while (chosen.length < SENTENCES && left.length > 0) {
    const weigh = ({ terms }: { terms: readonly string[] }) =>
      terms.length === 0 ? 0 : terms.reduce((sum, term) => sum + shares.get(term)!, 0) / terms.length
    const best = chosen.length === 0 ? left[0]! : left.reduce((a, b) => (weigh(b) > weigh(a) ? b : a))
    left.splice(left.indexOf(best), 1)
    if (weigh(best) === 0) break
    for (const term of best.terms) shares.set(term, shares.get(term)! ** 2)
    chosen.push(best)
  }
  return chosen
    .sort((a, b) => a.order - b.order)
    .map(({ sentence }) => sentence)
    .join(' ')
    .slice(0, MOST_CHARACTERS)
}

function termsOf(sentence: string): string[] {
  return analyze(sentence, 'en')
    .filter(({ start, end }) => !isFunctionWord(sentence.slice(start, end).toLowerCase(), ['en']))
    .map(({ term }) => term)
}
