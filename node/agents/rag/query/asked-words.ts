/** What became of the words that were asked for: which passage has how many of them, and which occur nowhere. */
import type { Statistics, StoredChunk } from '../search-types.ts'
import type { AskedWord } from './build-lexical.ts'
import { countTerms } from './explain.ts'
import type { SearchWarning } from './search-answer.ts'

/** In a message: of more words or longer ones the rest is left out. */
const MAX_NAMED = 8
const MAX_NAMED_CHARACTERS = 40

/** How many of the words the passage has, in its title, its headings or its text; in the field that was asked for. */
export function wordsIn(
  passage: Pick<StoredChunk, 'title' | 'headings' | 'text' | 'language'>,
  asked: readonly AskedWord[],
): number {
  const { title, heading, body } = countTerms(passage)
  const fields = { title: [title], heading: [heading], body: [body] }
  return asked.filter(({ terms, field }) => {
    const where = field === null ? [title, heading, body] : fields[field]
    return terms.some((term) => where.some((counts) => counts.of(term) > 0))
  }).length
}

/** Words that no passage has in any form. */
export function wordsNowhere(asked: readonly AskedWord[], statistics: Statistics): AskedWord[] {
  return asked.filter(({ terms }) =>
    terms.every((term) => (statistics.documentFrequency.get(term) ?? 0) === 0),
  )
}

/**
 * What to say where words were not found; null where all were. `hasLexical`: some passage has one of the words and meets the
 * conditions.
 */
export function wordsWarning(
  asked: readonly AskedWord[],
  found: {
    readonly statistics: Statistics
    readonly hasLexical: boolean
    readonly hits: number
    /** Something did not answer. */
    readonly isPartial: boolean
  },
): SearchWarning | null {
  if (asked.length === 0) return null
  const absent = wordsNowhere(asked, found.statistics)
  const none = found.isPartial ? 'No passage of those that answered' : 'No passage'
  const nearest = found.hits === 0 ? '.' : ': these are the nearest by meaning.'
  if (absent.length === asked.length)
    return { code: 'WORDS_NOWHERE', message: `${none} has ${named(absent)}${nearest}` }
  if (!found.hasLexical && found.hits > 0)
    return {
      code: 'WORDS_NOWHERE',
      message: `No passage that meets the conditions has any of the words${nearest}`,
    }
  return absent.length === 0 ? null : { code: 'SOME_WORDS_NOWHERE', message: `${none} has ${named(absent)}.` }
}

function named(words: readonly AskedWord[]): string {
  const texts = words.slice(0, MAX_NAMED).map(({ text, field }) => {
    const short = text.length > MAX_NAMED_CHARACTERS ? `${text.slice(0, MAX_NAMED_CHARACTERS)}…` : text
    return `“${short.toWellFormed()}”${field === null ? '' : ` in its ${field}`}`
  })
  const more = words.length > MAX_NAMED ? ` and ${words.length - MAX_NAMED} more` : ''
  return `the ${words.length === 1 ? 'word' : 'words'} ${texts.join(', ')}${more}`
}
