/** A goal as sentences: by full stops, lines of a list, dashes and colons. */
import type { Word } from './clause.ts'
import { beginsClause } from './mood.ts'

export interface Sentence {
  readonly words: readonly Word[]
  readonly asks: boolean
}

export function splitSentences(words: readonly Word[]): Sentence[] {
  const sentences: Sentence[] = []
  let from = 0
  const end = (at: number, asks: boolean) => {
    if (at > from)
      sentences.push({ words: words.slice(from, at).filter(({ kind }) => kind !== 'break'), asks })
    from = at + 1
  }
  for (let at = 0; at < words.length; at++) {
    const { norm, kind } = words[at]!
    // `1. list my models 2. list my jobs`
    if (
      kind === 'number' &&
      words[at]!.text.length <= 2 &&
      at > from &&
      /^[.)]$/.test(words[at + 1]?.norm ?? '') &&
      beginsClause(words.slice(at + 2, at + 18))
    ) {
      end(at, false)
      from = at
    }
    // `(a) list my models (b) …`, `(iv) …`.
    if (
      norm === '(' &&
      /^(?:[a-h]|[ivx]{1,4})$/.test(words[at + 1]?.lower ?? '') &&
      words[at + 2]?.norm === ')'
    ) {
      end(at, false)
      at += 2
      from = at + 1
      continue
    }
    if (kind === 'break' && endsLine(words, at)) end(at, false)
    else if (kind !== 'mark') continue
    else if (norm === '!' && words[at - 1]?.kind === 'number' && words[at - 1]!.end === words[at]!.start)
      continue
    else if (/^[.!;…]$/.test(norm)) {
      // `e.g.` is a word and a dot; `.jsonl` is one too.
      const isInside =
        norm === '.' && words[at + 1]?.start === words[at]!.end && words[at + 1]!.kind !== 'break'
      if (!isInside && !/^(?:e\.g|i\.e|etc|vs|approx|no)$/.test(words[at - 1]?.lower ?? '')) end(at, false)
    } else if (norm === '?') end(at, true)
    else if (
      norm === ':' &&
      at - from > 2 &&
      !(at - from <= 3 && words.slice(from, at).some((word) => word.norm.endsWith('-doing'))) &&
      !/^(?:quoted|code)$/.test(words[at + 1]?.kind ?? '')
    )
      end(at, false)
    else if (/^[—–]$/.test(norm) || (norm === '-' && at > from && !isArithmetic(words, at))) end(at, false)
  }
  end(words.length, false)
  return sentences.filter((sentence) => sentence.words.length > 0)
}

const isArithmetic = (words: readonly Word[], at: number): boolean =>
  [words[at - 1], words[at + 1]].every(
    (word) => word === undefined || /^(?:number|percent|size|mark)$/.test(word.kind),
  )

/** A line that goes on in the next one does not end there. */
function endsLine(words: readonly Word[], at: number): boolean {
  const next = words[at + 1]
  if (next === undefined || next.kind === 'break') return true
  if (/^[-*•]$/.test(next.text) || next.kind === 'number' || next.kind === 'code') return true
  return /^\p{Lu}/u.test(next.text) || beginsClause(words.slice(at + 1, at + 20))
}
