/**
 * Han, kana and Hangul: overlapping pairs of characters, and each Han character alone. The terms of a run depend on the run
 * alone, so that a phrase finds exactly the texts in which it stands, also within a compound; a dictionary that cuts a query
 * and a text differently would lose them. Pairs rank as well as words do (Nie, Gao, Zhang and Zhou, "On the use of words and
 * n-grams for Chinese information retrieval", 2000).
 */
import type { EmitToken } from './analyzer.ts'
import { classAt, HAN, MARK, unitsAt } from './character-class.ts'

/** In the order of the text: character, pair that it begins, next character. Offsets are those of the text as given. */
export function gramsOf(text: string, start: number, end: number, emit: EmitToken): void {
  let current = clusterAt(text, start, end)
  const isAlone = current.end >= end
  while (true) {
    const pieces = [...current.text]
    for (const [index, piece] of pieces.entries()) {
      if (current.isHan || (isAlone && pieces.length === 1)) emit(piece, current.start, current.end)
      if (index + 1 < pieces.length) emit(piece + pieces[index + 1]!, current.start, current.end)
    }
    if (current.end >= end) return
    const next = clusterAt(text, current.end, end)
    const pair = (pieces.at(-1) ?? '') + ([...next.text][0] ?? '')
    if (pair !== '') emit(pair, current.start, next.end)
    current = next
  }
}

interface Cluster {
  readonly text: string
  readonly isHan: boolean
  readonly start: number
  readonly end: number
}

/** A character and its marks, in NFKC: `ｶﾞ` is `ガ`. */
function clusterAt(text: string, start: number, limit: number): Cluster {
  const isHan = classAt(text, start) === HAN
  let end = start + unitsAt(text, start)
  while (end < limit && classAt(text, end) === MARK) end += unitsAt(text, end)
  const plain = text.slice(start, end).normalize('NFKC').toLowerCase()
  return { text: plain.replace(/[^\p{L}\p{N}]/gu, ''), isHan, start, end }
}
