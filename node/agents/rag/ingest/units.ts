/** A document's text as units that are not cut (sentences, lines, headings), with all that a chunk has to know of them. */
import type { Block, ParsedDocument } from '../document.ts'
import { countWords, measureWords } from './count-words.ts'

export const BLOCK_SEPARATOR = '\n\n'

export interface Unit {
  /** UTF-16 offsets in the document's text; no white space at the ends. */
  readonly start: number
  readonly end: number
  readonly words: number
  readonly page: number | null
  readonly kind: Block['kind']
  /** It begins a block, so that a cut before it cuts nothing. */
  readonly beginsBlock: boolean
  /** Headings above it, outermost first; one array for all units of a section. */
  readonly path: readonly string[]
  /** First line of the table that it is a later row of. */
  readonly tableHeader: string | null
}

/** The text that offsets count in. */
export function documentText(blocks: readonly Block[]): string {
  return blocks.map((one) => one.text).join(BLOCK_SEPARATOR)
}

const MAX_HEADER = 300
const MAX_PATH_HEADING = 200

interface Span {
  readonly start: number
  readonly end: number
}

function trimmed(text: string, start: number, end: number): Span {
  let from = start
  let to = end
  while (from < to && /\s/.test(text[from]!)) from++
  while (to > from && /\s/.test(text[to - 1]!)) to--
  return { start: from, end: to }
}

function* sentences(text: string, start: number, end: number, segmenter: Intl.Segmenter): Generator<Span> {
  for (const { index, segment } of segmenter.segment(text.slice(start, end)))
    yield { start: start + index, end: start + index + segment.length }
}

function* lines(text: string, start: number, end: number): Generator<Span> {
  let at = start
  while (at < end) {
    const found = text.indexOf('\n', at)
    const to = found < 0 || found >= end ? end : found
    yield { start: at, end: to }
    at = to + 1
  }
}

/** Code keeps the blanks before its first letter: they say how deep it stands. Lines up to an empty one belong together. */
function* codeGroups(text: string, start: number, end: number, maxWords: number): Generator<Span> {
  let at = start
  while (at < end) {
    const gap = text.indexOf('\n\n', at)
    const to = gap < 0 || gap >= end ? end : gap
    if (countWords(text, at, to) <= maxWords) yield { start: at, end: to }
    else yield* lines(text, at, to)
    at = to + 1
  }
}

function trimmedCode(text: string, start: number, end: number): Span {
  let from = start
  let to = end
  while (from < to && text[from] === '\n') from++
  while (to > from && /\s/.test(text[to - 1]!)) to--
  return { start: from, end: to }
}

export interface UnitLimits {
  /** A block of at most this many words stays one unit. */
  readonly wholeBlockWords: number
  /** No unit has more. */
  readonly maxWords: number
}

/** Making one takes longer than splitting a page. */
const splitters = new Map<string, Intl.Segmenter>()

function splitterOf(language: string | null): Intl.Segmenter {
  const known =
    language !== null && Intl.Segmenter.supportedLocalesOf([language]).length > 0 ? language : 'en'
  const splitter = splitters.get(known) ?? new Intl.Segmenter(known, { granularity: 'sentence' })
  splitters.set(known, splitter)
  return splitter
}

/** The units of a document in their order. */
export function unitsOf(
  parsed: Pick<ParsedDocument, 'blocks' | 'language' | 'title'>,
  text: string,
  limits: UnitLimits,
): Unit[] {
  const segmenter = splitterOf(parsed.language)
  const units: Unit[] = []
  const open: { level: number; text: string }[] = []
  let path: readonly string[] = []
  let offset = 0

  function pushSpan(block: Block, span: Span, tableHeader: string | null, beginsBlock: boolean): boolean {
    const trim = block.kind === 'code' ? trimmedCode : trimmed
    let rest = trim(text, span.start, span.end)
    let begins = beginsBlock
    while (rest.start < rest.end) {
      const cut = measureWords(text, rest.start, rest.end, limits.maxWords)
      const piece = trim(text, rest.start, cut.end)
      if (piece.start < piece.end) {
        const { words } = cut
        units.push({
          ...piece,
          words,
          page: block.page,
          kind: block.kind,
          beginsBlock: begins,
          path,
          tableHeader,
        })
        begins = false
      }
      rest = trim(text, cut.end, rest.end)
    }
    return begins
  }

  for (const block of parsed.blocks) {
    const end = offset + block.text.length
    if (block.kind === 'heading') {
      const level = block.level ?? 1
      while (open.length > 0 && open.at(-1)!.level >= level) open.pop()
      open.push({ level, text: block.text.slice(0, MAX_PATH_HEADING).toWellFormed() })
      // The title is searched by itself.
      path = open.map((one) => one.text).filter((one) => one !== parsed.title)
      pushSpan(block, { start: offset, end }, null, true)
    } else if (countWords(text, offset, end) <= limits.wholeBlockWords) {
      pushSpan(block, { start: offset, end }, null, true)
    } else {
      const firstLine =
        block.kind === 'table' ? block.text.split('\n', 1)[0]!.slice(0, MAX_HEADER).toWellFormed() : null
      const spans =
        block.kind === 'text'
          ? sentences(text, offset, end, segmenter)
          : block.kind === 'code'
            ? codeGroups(text, offset, end, limits.wholeBlockWords)
            : lines(text, offset, end)
      let begins = true
      for (const span of spans) begins = pushSpan(block, span, begins ? null : firstLine, begins)
    }
    offset = end + BLOCK_SEPARATOR.length
  }
  return units
}
