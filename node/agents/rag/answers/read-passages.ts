/** A passage as answers look at it: its sentences, and the terms of each. */
import { eachToken } from '../analysis/analyzer.ts'
import { sectionAt } from '../chunk-sections.ts'
import { CODE_MEDIA_TYPE } from '../document.ts'
import type { SearchHit } from '../query/search-answer.ts'
import { splitSentences } from './split-sentences.ts'

export interface ReadSentence {
  /** On one line; of source code its own lines. */
  readonly text: string
  /** UTF-16 offsets in the passage. */
  readonly start: number
  readonly end: number
  readonly terms: ReadonlySet<string>
  /** Tokens: what has none says nothing. */
  readonly length: number
  /** Index of its section in the passage. */
  readonly section: number
  /** Terms of the title, and of the headings that stand above it. */
  readonly aboveTerms: ReadonlySet<string>
}

export interface ReadPassage {
  readonly hit: SearchHit
  readonly sentences: readonly ReadSentence[]
  /** Of its title, headings and text. */
  readonly terms: ReadonlySet<string>
}

/** A passage of ours is far shorter; one of another member may be whatever it says. What is longer is read so far. */
const MAX_CHARACTERS = 50_000

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim()
/** Line ends of code mean something. */
const ownLines = (text: string): string => text.replace(/[^\S\n]+$/gm, '').trim()

export function readPassage(hit: SearchHit): ReadPassage {
  const above = hit.sections.map(({ headings }) => {
    const own = new Set<string>()
    for (const name of [hit.title, ...headings]) eachToken(name, hit.language, (term) => own.add(term))
    return own
  })
  const terms = new Set(above.flatMap((own) => [...own]))
  const text = hit.text.slice(0, MAX_CHARACTERS)
  const write = hit.record.mediaType === CODE_MEDIA_TYPE ? ownLines : oneLine
  const sentences = splitSentences(text, hit.language).map(({ start, end }): ReadSentence => {
    const own = new Set<string>()
    let length = 0
    eachToken(text.slice(start, end), hit.language, (term) => {
      own.add(term)
      terms.add(term)
      length += 1
    })
    const section = sectionAt(hit, start)
    const aboveTerms = above[section]!
    return { text: write(text.slice(start, end)), start, end, terms: own, length, section, aboveTerms }
  })
  return { hit, sentences, terms }
}
