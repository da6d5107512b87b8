/** Small makers of blocks that several parsers share. */
import type { Block, BlockKind } from '../../document.ts'

/** Null where nothing but white space is left. Text keeps its line breaks; blanks at the ends of lines go. */
export function block(kind: BlockKind, text: string, page: number | null = null): Block | null {
  // By line, not by a regular expression over all of it: those are quadratic in long runs of blanks.
  const lines = text.split('\n').map((line) => line.trimEnd())
  let first = 0
  while (first < lines.length && lines[first] === '') first++
  const clean = lines.slice(first).join('\n').trimEnd().toWellFormed()
  return clean.trim() === '' ? null : { kind, level: null, page, text: clean }
}

/** Level 1 to 6; a heading is a single line. */
export function heading(level: number, text: string, page: number | null = null): Block | null {
  const line = text.replace(/\s+/g, ' ').trim().toWellFormed()
  if (line === '') return null
  return { kind: 'heading', level: Math.min(6, Math.max(1, Math.trunc(level))), page, text: line }
}

/** Paragraphs of plain text: what stands between empty lines. */
export function paragraphs(text: string, page: number | null = null): Block[] {
  const found: Block[] = []
  for (const paragraph of text.split(/\n[^\S\n]*\n+/)) {
    const made = block('text', paragraph, page)
    if (made !== null) found.push(made)
  }
  return found
}

/** Rows with ` | ` between cells; the first is the header. */
export function tableBlock(rows: readonly (readonly string[])[], page: number | null = null): Block | null {
  const lines = rows.map((row) => row.map((cell) => cell.replace(/\s+/g, ' ').trim()).join(' | '))
  return block('table', lines.filter((line) => line.replace(/[ |]/g, '') !== '').join('\n'), page)
}
