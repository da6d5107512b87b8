/**
 * The language of queries. Plain words rank; every operator narrows:
 *
 *     "heat transfer"      these words, one after the other
 *     +slab                this word, or the phrase after it
 *     -review  -"in vivo"  passages without it
 *     title:slab           in the title (heading, body): title:"heat transfer", +title:slab, -title:review
 *
 * Words with an operator also rank, but for excluded ones. Nothing is an error: what cannot be read as an operator is
 * taken as words, and a warning says so. Filters are no part of the text (parse-filter.ts).
 */
import type { TextField } from '../search-types.ts'

export interface QueryPart {
  /** Without its operators; one word or, in quotes, several. */
  readonly text: string
  readonly role: 'ranks' | 'required' | 'excluded'
  readonly field: TextField | null
}

export interface ParsedQuery {
  readonly parts: readonly QueryPart[]
  /** For people, without a word of the query. */
  readonly warnings: readonly string[]
}

const FIELDS: Readonly<Record<string, TextField>> = { title: 'title', heading: 'heading', body: 'body' }
const LOOSE_FIELD = /^(title|heading|body):$/i
/** Typing aids turn straight quotes into these. */
const QUOTES = /["“”„‟]/

/** Runs once over the text: time grows with its length alone. */
export function parseQuery(text: string): ParsedQuery {
  const parts: QueryPart[] = []
  const warnings = new Set<string>()
  let at = 0
  while (at < text.length) {
    if (/\s/.test(text[at]!)) {
      at++
      continue
    }
    const piece = readPiece(text, at)
    if (piece.warning !== null) warnings.add(piece.warning)
    if (piece.part !== null) parts.push(piece.part)
    at = piece.end
  }
  return { parts, warnings: [...warnings] }
}

interface Piece {
  readonly part: QueryPart | null
  readonly end: number
  readonly warning: string | null
}

function readPiece(text: string, start: number): Piece {
  const sign = text[start] === '+' || text[start] === '-' ? text[start]! : ''
  const afterSign = start + sign.length
  const field = fieldAt(text, afterSign)
  const content = afterSign + (field?.length ?? 0)
  const role = sign === '-' ? 'excluded' : 'required'
  if (QUOTES.test(text[content] ?? '')) {
    const close = text.slice(content + 1).search(QUOTES)
    if (close === -1)
      return {
        part: null,
        // What is behind the quote is read on as words and operators.
        end: content + 1,
        warning: 'A quote is not closed: its words are taken one by one.',
      }
    const end = content + 1 + close
    const quoted = text.slice(content + 1, end)
    return {
      part: quoted.trim() === '' ? null : { text: quoted, role, field: field?.name ?? null },
      end: end + 1,
      warning: quoted.trim() === '' ? 'There is nothing between two quotes.' : null,
    }
  }
  const end = wordEnd(text, content)
  const word = text.slice(content, end)
  if (sign === '' && field === null)
    return { part: { text: word, role: 'ranks', field: null }, end, warning: null }
  if (!/^[\p{L}\p{N}]/u.test(word) || LOOSE_FIELD.test(word))
    // A dash between words, `--help`, `+ 3`, `title:` with nothing behind it.
    return {
      part: { text: text.slice(start, end), role: 'ranks', field: null },
      end,
      warning: looseSign(word),
    }
  return { part: { text: word, role, field: field?.name ?? null }, end, warning: null }
}

const looseSign = (word: string): string | null =>
  word === '' ? null : 'An operator is not followed by a word: it is taken as text.'

function fieldAt(text: string, at: number): { name: TextField; length: number } | null {
  const match = /^(title|heading|body):(?=\S)/i.exec(text.slice(at, at + 9))
  if (match === null) return null
  return { name: FIELDS[match[1]!.toLowerCase()]!, length: match[0].length }
}

/** A word ends at a space, or where a quote opens. */
function wordEnd(text: string, start: number): number {
  let end = start
  while (end < text.length && !/\s/.test(text[end]!) && (end === start || !QUOTES.test(text[end]!))) end++
  return Math.max(end, start)
}
