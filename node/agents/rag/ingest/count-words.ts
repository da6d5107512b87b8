/** How much text is how many words: the measure of chunks. */

/** A longer token counts as several words, so that text without spaces has a bounded length too. */
const TOKEN_CHARACTERS = 16
/** Chinese, Japanese and Korean have about two characters, Thai and Khmer about five letters, for what English says in a word. */
const CJK_WORDS = 0.5
const THAI_WORDS = 0.2

function isSpace(code: number): boolean {
  return (
    code === 32 ||
    (code >= 9 && code <= 13) ||
    code === 0xa0 ||
    code === 0x3000 ||
    (code >= 0x2000 && code <= 0x200b)
  )
}

/** What one UTF-16 unit counts in a script without spaces between words, or 0. */
function unspacedWords(code: number): number {
  if (code < 0x0e00) return 0
  if (code <= 0x0eff || (code >= 0x1000 && code <= 0x109f) || (code >= 0x1780 && code <= 0x17ff))
    return THAI_WORDS
  if (code >= 0x3040 && code <= 0x30ff) return CJK_WORDS
  if (code >= 0x3400 && code <= 0x9fff) return CJK_WORDS
  if (code >= 0xf900 && code <= 0xfaff) return CJK_WORDS
  // Half of a surrogate pair of the supplementary ideographic planes.
  if (code >= 0xd840 && code <= 0xd88d) return CJK_WORDS
  return 0
}

export interface MeasuredText {
  readonly words: number
  /** Offset behind the last character that was counted. */
  readonly end: number
}

/** Words between two offsets: tokens between white space (one word for each 16 characters begun), half a word for a character of Chinese. */
export function countWords(text: string, start = 0, end = text.length): number {
  return measureWords(text, start, end, Number.POSITIVE_INFINITY).words
}

/** Counts until more than `maxWords` would come: up to the end of the last whole token, or a place in it when it alone is too long. */
export function measureWords(text: string, start: number, end: number, maxWords: number): MeasuredText {
  let words = 0
  let token = 0
  let border = start
  let wordsAtBorder = 0
  for (let at = start; at < end; at++) {
    const code = text.charCodeAt(at)
    if (isSpace(code)) {
      if (token > 0) {
        border = at
        wordsAtBorder = words
      }
      token = 0
      continue
    }
    const unspaced = unspacedWords(code)
    if (unspaced === 0 && token++ % TOKEN_CHARACTERS !== 0) continue
    const added = unspaced > 0 ? unspaced : 1
    if (words + added > maxWords) {
      if (border > start) return { words: wordsAtBorder, end: border }
      // Never between the halves of a pair, and never nothing.
      const isLow = code >= 0xdc00 && code <= 0xdfff
      return { words, end: Math.max(start + 1, isLow ? at - 1 : at) }
    }
    words += added
    if (unspaced === 0) continue
    token = 0
    const isHigh = code >= 0xd800 && code <= 0xdbff
    border = Math.min(end, at + (isHigh ? 2 : 1))
    wordsAtBorder = words
  }
  return { words, end }
}
