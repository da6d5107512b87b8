/** Tables of comma- or tab-separated values (RFC 4180): one table block, its first row the header; long ones in parts. */
import { createHash } from 'node:crypto'
import { tableBlock } from './blocks.ts'
import { decodeText, detectEncoding, type TextEncoding } from './decode-text.ts'
import { type ParseContext, type ParsedPiece, toTitle } from './format.ts'

/** A block of rows: a table of any length is cut at rows, and each piece says the header again. */
const ROWS_PER_BLOCK = 200

export interface CsvRecords {
  readonly rows: string[][]
  /** Characters of `text` that the rows cover: less than all where the last record goes on in the next part. */
  readonly consumed: number
}

/** `isLast` false: an unfinished record at the end is left for the next part. */
export function readCsv(text: string, separator: string, isLast: boolean): CsvRecords {
  const rows: string[][] = []
  let row: string[] = []
  let cell = ''
  let isQuoted = false
  let consumed = 0
  let at = 0
  while (at < text.length) {
    const character = text[at]!
    if (isQuoted) {
      const end = text.indexOf('"', at)
      cell += text.slice(at, end < 0 ? text.length : end)
      if (end < 0) at = text.length
      else if (text[end + 1] === '"') {
        cell += '"'
        at = end + 2
      } else {
        isQuoted = false
        at = end + 1
      }
    } else if (character === '"' && cell === '') {
      isQuoted = true
      at++
    } else if (character === separator || character === '\n') {
      row.push(cell)
      cell = ''
      at++
      if (character === '\n') {
        rows.push(row)
        row = []
        consumed = at
      }
    } else {
      let end = at + 1
      while (end < text.length && text[end] !== separator && text[end] !== '\n') end++
      cell += text.slice(at, end)
      at = end
    }
  }
  if (isLast && (cell !== '' || row.length > 0)) {
    rows.push([...row, cell])
    consumed = text.length
  }
  return { rows, consumed: isLast ? text.length : consumed }
}

/** What separates the cells of the first line: whichever of tab, semicolon, bar and comma occurs most in it. */
export function separatorOf(extension: string, text: string): string {
  if (extension === '.tsv') return '\t'
  const line = text.slice(0, text.indexOf('\n') < 0 ? text.length : text.indexOf('\n'))
  const counts = [',', ';', '\t', '|'].map((character) => [line.split(character).length, character] as const)
  return counts.reduce((best, next) => (next[0] > best[0] ? next : best))[1]
}

export async function* parseCsv(
  parts: AsyncIterable<Buffer>,
  context: ParseContext,
): AsyncGenerator<ParsedPiece> {
  let encoding: TextEncoding | null = null
  let separator: string | null = null
  let header: string[] | null = null
  let rest = ''
  let number = 0
  let pending: Buffer | null = null
  function piece(bytes: Buffer, isLast: boolean): ParsedPiece {
    number++
    const isOnly = isLast && number === 1
    encoding ??= detectEncoding(bytes, isLast)
    const decoded = decodeText(bytes, isOnly ? null : encoding)
    const text = rest + decoded.text
    separator ??= separatorOf(context.extension, text)
    // A quote that never ends must not hold the rest of the file: after two parts it is taken as it stands.
    const isStuck = text.length > 2 * context.limits.partBytes
    const { rows, consumed } = readCsv(text, separator, isLast || isStuck)
    rest = text.slice(consumed)
    const isFirst = header === null
    header ??= rows[0] ?? []
    const body = isFirst ? rows.slice(1) : rows
    const blocks = []
    for (let start = 0; start === 0 || start < body.length; start += ROWS_PER_BLOCK) {
      const made = tableBlock([header, ...body.slice(start, start + ROWS_PER_BLOCK)])
      if (made !== null && (body.length > 0 || isFirst)) blocks.push(made)
    }
    const title = isOnly ? context.stem : `${context.stem} (${number})`
    return {
      kind: 'document',
      number: isOnly ? null : number,
      contentHash: createHash('sha256').update(bytes).digest('hex'),
      sizeBytes: bytes.length,
      body: { title: toTitle(title), language: null, fields: {}, blocks, warnings: decoded.warnings },
    }
  }
  for await (const part of parts) {
    if (pending !== null) yield piece(pending, false)
    pending = part
  }
  if (pending !== null) yield piece(pending, true)
}
