/**
 * Source code and configuration. The text is kept as it is: the blocks, joined by an empty line, are the file (without white space
 * at its ends), so that an offset tells the line. A block ends where an empty line stands before a definition.
 */
import type { Block } from '../../document.ts'
import { decodeText } from './decode-text.ts'
import { type ParseContext, type ParsedBody, toTitle } from './format.ts'

/** Blocks of about this many lines where nothing better to cut at comes. */
const MAX_LINES = 60

/** Generated files of one endless line are of no use to a reader. */
const MAX_LINE_CHARACTERS = 20_000

/** A line at the left margin that is no closing bracket and continues nothing: something new begins. */
function beginsSomething(line: string): boolean {
  return line !== '' && /^[^\s})\].,;:&|+*/-]|^[*/]{2,}|^#|^\/\*/.test(line)
}

export function parseCode(bytes: Buffer, context: ParseContext): ParsedBody {
  const decoded = decodeText(bytes)
  const text = decoded.text.trimEnd().toWellFormed()
  const blocks: Block[] = []
  const push = (piece: string) => blocks.push({ kind: 'code', level: null, page: null, text: piece })
  let start = 0
  let at = 0
  let lines = 0
  // Cut only at "\n\n", and leave further empty lines to the next block: joining then gives the file again.
  for (;;) {
    const gap = text.indexOf('\n\n', at)
    if (gap < 0) break
    lines += countLines(text, at, gap)
    let lineStart = gap + 2
    while (text[lineStart] === '\n') lineStart++
    const lineEnd = text.indexOf('\n', lineStart)
    const line = text.slice(lineStart, lineEnd < 0 ? text.length : Math.min(lineEnd, lineStart + 200))
    if (beginsSomething(line) || lines >= MAX_LINES) {
      push(text.slice(start, gap))
      start = gap + 2
      lines = 0
    }
    at = lineStart
  }
  if (text !== '') push(text.slice(start))
  const warnings = [...decoded.warnings]
  if (text.split('\n').some((line) => line.length > MAX_LINE_CHARACTERS))
    warnings.push('The file has very long lines; it may be generated.')
  const isNamed = context.extension.startsWith('.')
  return {
    title: toTitle(isNamed ? `${context.stem}${context.extension}` : context.stem),
    language: null,
    fields: { extension: context.extension },
    blocks,
    warnings,
  }
}

function countLines(text: string, start: number, end: number): number {
  let lines = 1
  for (let at = text.indexOf('\n', start); at >= 0 && at < end; at = text.indexOf('\n', at + 1)) lines++
  return lines
}
