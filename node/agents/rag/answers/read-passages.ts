/** A passage as answers look at it: its sentences, and the terms of each. */
import { eachToken } from '../analysis/analyzer.ts'
import type { SearchHit } from '../query/search-answer.ts'
import { splitSentences } from './split-sentences.ts'

export interface ReadSentence {
  /** On one line. */
  readonly text: string
  /** UTF-16 offsets in the passage. */
  readonly start: number
  readonly end: number
  readonly terms: ReadonlySet<string>
  /** Tokens: what has none says nothing. */
  readonly length: number
}

export interface ReadPassage {
  readonly hit: SearchHit
  readonly sentences: readonly ReadSentence[]
  /** Of its title and headings. */
  readonly aboveTerms: ReadonlySet<string>
  /** Of its title, headings and text. */
  readonly terms: ReadonlySet<string>
}

/** A passage of ours is far shorter; one of another member may be whatever it says. What is longer is read so far. */
const MAX_CHARACTERS = 50_000

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim()

export function readPassage(hit: SearchHit): ReadPassage {
  const above = new Set<string>()
  for (const name of [hit.title, ...hit.headings]) eachToken(name, hit.language, (term) => above.add(term))
  const terms = new Set(above)
  const text = hit.text.slice(0, MAX_CHARACTERS)
  const sentences = splitSentences(text, hit.language).map(({ start, end }): ReadSentence => {
    const own = new Set<string>()
    let length = 0
    eachToken(text.slice(start, end), hit.language, (term) => {
      own.add(term)
      terms.add(term)
      length += 1
    })
    return { text: oneLine(text.slice(start, end)), start, end, terms: own, length }
  })
  return { hit, sentences, aboveTerms: above, terms }
}
