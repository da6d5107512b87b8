/**
 * Names in code are found whole and by their words: `parseJsonFile`, `parse_json_file` and `HTTPServer` hold `parse`, `json`,
 * `file`, `server`. The same rule reads `mRNA` and `iPhone`.
 */
export interface NamePart {
  readonly text: string
  readonly start: number
  readonly end: number
}

/** A lower-case letter before an upper-case one, or the last of several upper-case letters before a lower-case one. */
const SEAMS = /(?<=[\p{Ll}\p{N}])(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})/u
/** `PDFs`, `APIs` are one word. */
const PLURAL = /^\p{Lu}{2,}s$/u
/** Of what is no name but an encoding. */
const MAX_PARTS = 12

/** Null for what has no seams: most words. */
export function splitIdentifier(word: string): NamePart[] | null {
  if (!word.includes('_') && !SEAMS.test(word)) return null
  if (PLURAL.test(word)) return null
  const parts: NamePart[] = []
  let start = 0
  for (const piece of word.split('_')) {
    let at = start
    for (const text of piece === '' ? [] : piece.split(SEAMS)) {
      parts.push({ text, start: at, end: at + text.length })
      at += text.length
    }
    start += piece.length + 1
  }
  return parts.length < 2 || parts.length > MAX_PARTS ? null : parts
}
