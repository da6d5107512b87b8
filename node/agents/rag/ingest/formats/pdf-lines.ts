/** From the scattered pieces of text on a PDF's pages to headings and paragraphs. Pure: pdf.ts reads, this decides. */
import type { Block } from '../../document.ts'
import { block, heading } from './blocks.ts'

export interface TextPiece {
  readonly text: string
  /** Points from the lower left corner of the page. */
  readonly x: number
  readonly y: number
  readonly width: number
  readonly fontSize: number
  /** The producer says that a line ends here. */
  readonly endsLine: boolean
}

export interface PageLine {
  readonly page: number
  readonly text: string
  readonly y: number
  readonly fontSize: number
}

/** Pieces whose base lines are within half a font size of each other stand on one line. */
export function linesOf(pieces: readonly TextPiece[], page: number): PageLine[] {
  const lines: PageLine[] = []
  let text = ''
  let last: TextPiece | null = null
  let fontSize = 0
  let y = 0
  const flush = () => {
    const line = text.replace(/\s+/g, ' ').trim()
    if (line !== '') lines.push({ page, text: line, y, fontSize })
    text = ''
    fontSize = 0
    last = null
  }
  for (const piece of pieces) {
    const previous: TextPiece | null = last
    if (previous !== null) {
      const isSameLine = Math.abs(piece.y - y) <= Math.max(fontSize, piece.fontSize) / 2
      if (!isSameLine) flush()
      else {
        const gap = piece.x - (previous.x + previous.width)
        // A gap wider than a fifth of a letter is a space; a piece further left begins a new column or line.
        if (gap > piece.fontSize * 0.2 && !/\s$/.test(text) && !/^\s/.test(piece.text)) text += ' '
      }
    }
    if (text === '') y = piece.y
    text += piece.text
    if (piece.text.trim() !== '') fontSize = Math.max(fontSize, piece.fontSize)
    last = piece
    if (piece.endsLine) flush()
  }
  flush()
  return lines
}

/** Font sizes are equal when they round to the same half point. */
function rounded(size: number): number {
  return Math.round(size * 2) / 2
}

/** The size that most characters are set in. */
export function bodySize(lines: readonly PageLine[]): number {
  const characters = new Map<number, number>()
  for (const line of lines) {
    const size = rounded(line.fontSize)
    characters.set(size, (characters.get(size) ?? 0) + line.text.length)
  }
  let best = 0
  let most = 0
  for (const [size, count] of characters) if (count > most) [best, most] = [size, count]
  return best
}

/** Headings are this much larger than the text, and short. */
const HEADING_RATIO = 1.15
const MAX_HEADING = 200
const MAX_LEVELS = 3
/** The dots of a table of contents. */
const LEADERS = /(?:\. ?){5}/
/** Lines further apart than this many font sizes belong to different paragraphs. */
const PARAGRAPH_GAP = 1.7

function headingLevels(lines: readonly PageLine[], body: number): Map<number, number> {
  const sizes = new Set<number>()
  for (const line of lines) {
    const isLarge = body > 0 && line.fontSize >= body * HEADING_RATIO
    if (isLarge && line.text.length <= MAX_HEADING && /\p{L}/u.test(line.text))
      sizes.add(rounded(line.fontSize))
  }
  const sorted = [...sizes].sort((a, b) => b - a)
  return new Map(sorted.map((size, i) => [size, Math.min(i + 1, MAX_LEVELS)]))
}

/** Running heads, feet and page numbers: the same text (digits aside) at the top or bottom of most pages. */
export function withoutRunningLines(pages: readonly (readonly PageLine[])[]): PageLine[][] {
  const shape = (line: PageLine) => line.text.replace(/\d+/g, '0')
  const edge = (page: readonly PageLine[]) => [page[0], page.at(-1)].filter((line) => line !== undefined)
  const counts = new Map<string, number>()
  for (const page of pages)
    for (const text of new Set(edge(page).map(shape))) counts.set(text, (counts.get(text) ?? 0) + 1)
  const isRunning = (line: PageLine) => pages.length >= 4 && (counts.get(shape(line)) ?? 0) > pages.length / 2
  return pages.map((page) => {
    const drop = new Set(edge(page).filter(isRunning))
    return page.filter((line) => !drop.has(line))
  })
}

/** A word that was divided at the end of a line is whole again; other lines are joined by a space. */
function joinLines(lines: readonly string[]): string {
  let text = ''
  for (const line of lines) {
    if (/\p{Ll}[-\u00ad]$/u.test(text) && /^\p{Ll}/u.test(line)) text = text.slice(0, -1) + line
    else text += (text === '' ? '' : ' ') + line
  }
  return text
}

export function blocksOfLines(pages: readonly (readonly PageLine[])[]): Block[] {
  const kept = withoutRunningLines(pages)
  const all = kept.flat()
  const body = bodySize(all)
  const levels = headingLevels(all, body)
  const blocks: Block[] = []
  const levelOf = (line: PageLine) =>
    line.text.length <= MAX_HEADING && !LEADERS.test(line.text)
      ? (levels.get(rounded(line.fontSize)) ?? null)
      : null
  for (const page of kept) {
    let held: PageLine[] = []
    const flush = () => {
      const first = held[0]
      if (first === undefined) return
      const level = levelOf(first)
      const text = joinLines(held.map((line) => line.text))
      const made = level === null ? block('text', text, first.page) : heading(level, text, first.page)
      if (made !== null) blocks.push(made)
      held = []
    }
    for (const line of page) {
      const previous = held.at(-1)
      if (previous !== undefined) {
        const size = Math.max(previous.fontSize, line.fontSize)
        const gap = Math.abs(previous.y - line.y)
        if (gap > size * PARAGRAPH_GAP || levelOf(previous) !== levelOf(line)) flush()
      }
      held.push(line)
    }
    flush()
  }
  return blocks
}
