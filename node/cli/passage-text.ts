/**
 * Passages for a terminal: wrapped, with marked words. Their texts come from documents, some from other members: whatever a
 * terminal would obey is shown escaped, before any style is put around it.
 */
import { printable } from './format.ts'

export interface Piece {
  readonly text: string
  readonly isMarked: boolean
}

export interface Style {
  strong(text: string): string
  faint(text: string): string
  mark(text: string): string
}

const wrappedIn = (open: number, close: number) => (text: string) => `\u001b[${open}m${text}\u001b[${close}m`
const plain = (text: string): string => text

/** Bold, dim and bold yellow; nothing where the output is not styled. */
export function styleOf(styled: boolean): Style {
  if (!styled) return { strong: plain, faint: plain, mark: plain }
  const bold = wrappedIn(1, 22)
  const yellow = wrappedIn(33, 39)
  return { strong: bold, faint: wrappedIn(2, 22), mark: (text) => bold(yellow(text)) }
}

/** Splits a text at its highlights (UTF-16 offsets, rising and apart; others are ignored). */
export function piecesOf(
  text: string,
  highlights: readonly { readonly start: number; readonly end: number }[],
): Piece[] {
  const pieces: Piece[] = []
  let at = 0
  for (const { start, end } of highlights) {
    if (start < at || end <= start || end > text.length) continue
    if (start > at) pieces.push({ text: text.slice(at, start), isMarked: false })
    pieces.push({ text: text.slice(start, end), isMarked: true })
    at = end
  }
  if (at < text.length) pieces.push({ text: text.slice(at), isMarked: false })
  return pieces
}

/** Columns that a text takes: letters of East Asian scripts take two, marks on letters none. */
export function widthOf(text: string): number {
  let width = 0
  for (const character of text)
    width += /\p{M}/u.test(character)
      ? 0
      : /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u.test(
            character,
          )
        ? 2
        : 1
  return width
}

interface Word {
  readonly shown: string
  readonly width: number
}

/** What stands between two spaces; a word may have marked and other parts. */
function wordsOf(pieces: readonly Piece[], style: Style): Word[] {
  const words: Word[] = []
  let isOpen = false
  // Line ends and tabs are space here; other control characters are shown.
  for (const { text, isMarked } of pieces)
    for (const part of text.replace(/[\s\u2028\u2029]+/g, ' ').split(/( )/)) {
      if (part === '') continue
      if (part === ' ') {
        isOpen = false
        continue
      }
      const safe = printable(part)
      const word = { shown: isMarked ? style.mark(safe) : safe, width: widthOf(safe) }
      const last = words.at(-1)
      if (isOpen && last !== undefined)
        words[words.length - 1] = { shown: last.shown + word.shown, width: last.width + word.width }
      else words.push(word)
      isOpen = true
    }
  return words
}

/** Lines of at most `columns` with the indent; null: one line. A word that is longer stands alone. */
export function wrapped(
  pieces: readonly Piece[],
  init: { columns: number | null; indent: number; style: Style },
): string {
  const { columns, indent, style } = init
  const space = ' '.repeat(indent)
  const lines: string[] = []
  let line = ''
  let width = indent
  for (const word of wordsOf(pieces, style)) {
    const isFull = columns !== null && width + 1 + word.width > columns
    if (line !== '' && isFull) {
      lines.push(`${space}${line}`)
      line = ''
      width = indent
    }
    if (line !== '') {
      line += ' '
      width += 1
    }
    line += word.shown
    width += word.width
  }
  if (line !== '') lines.push(`${space}${line}`)
  return lines.join('\n')
}
