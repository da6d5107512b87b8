/**
 * Cuts documents into chunks along their structure: a heading begins a chunk when the one before is large enough, blocks stay
 * together where they fit, long ones are cut between sentences (text), lines (lists, tables) or empty lines (code), and each
 * chunk of running text repeats the last sentences of the one before. The text of a chunk is exactly the document's text between
 * its offsets.
 */
import { type Chunk, CODE_MEDIA_TYPE, type ParsedDocument } from '../document.ts'
import { chunkPlaces } from './chunk-places.ts'
import type { ChunkDraft } from './parsed-file.ts'
import { documentText, type Unit, unitsOf } from './units.ts'

export interface ChunkOptions {
  /** What a chunk should have; none has more than one and a half times as many, short documents aside. */
  readonly targetWords: number
  /** What a chunk repeats of the one before at most, in whole sentences. */
  readonly overlapWords: number
}

export const DEFAULT_CHUNKING: ChunkOptions = { targetWords: 220, overlapWords: 40 }

/** A document of fewer words than this many times the target stays whole: 400 words for the default of 220. */
const WHOLE_DOCUMENT = 400 / 220
const HARD_MAX = 1.5
/** From here on a heading begins a new chunk. */
const HEADING_BREAK = 1 / 3
/** A rest smaller than this joins the chunk before. */
const SMALL_REST = 1 / 4
/** Smaller blocks are not cut at all. */
const WHOLE_BLOCK = 1 / 4

export type Chunkable = Pick<ParsedDocument, 'blocks' | 'language' | 'title' | 'mediaType'>

/** First unit of the chunk, and the one behind its last. */
interface Range {
  readonly from: number
  readonly to: number
}

function wordsOf(units: readonly Unit[], range: Range): number {
  let words = 0
  for (let i = range.from; i < range.to; i++) words += units[i]!.words
  return words
}

/** Words from a unit to the end of its block. */
function blockRests(units: readonly Unit[]): Float64Array {
  const rests = new Float64Array(units.length)
  for (let i = units.length - 1; i >= 0; i--) {
    const next = units[i + 1]
    rests[i] = units[i]!.words + (next === undefined || next.beginsBlock ? 0 : rests[i + 1]!)
  }
  return rests
}

/** Without overlap: every unit is in exactly one range. */
function packUnits(units: readonly Unit[], target: number): Range[] {
  const max = target * HARD_MAX
  const rests = blockRests(units)
  const ranges: Range[] = []
  let from = 0
  let words = 0
  /** Ends the chunk before unit `to`; headings at its end belong to what follows them. */
  const close = (to: number) => {
    let end = to
    while (end > from && units[end - 1]!.kind === 'heading') end--
    if (end === from) end = to
    ranges.push({ from, to: end })
    from = end
    words = wordsOf(units, { from, to })
  }
  for (let i = 0; i < units.length; i++) {
    const unit = units[i]!
    if (i > from) {
      const isFull = words + unit.words > max
      const isReached = words >= target || words + unit.words > target * 1.2
      const isHeading =
        unit.kind === 'heading' && units[i - 1]!.kind !== 'heading' && words >= target * HEADING_BREAK
      const wouldCut = unit.beginsBlock && words >= target * 0.75 && words + rests[i]! > max
      if (isFull || isReached || isHeading || wouldCut) close(i)
    }
    words += unit.words
  }
  if (from < units.length) ranges.push({ from, to: units.length })
  return joinRests(units, ranges, target)
}

/** A small last piece of a section is read better with what comes before it. */
function joinRests(units: readonly Unit[], ranges: readonly Range[], target: number): Range[] {
  const joined: Range[] = []
  for (const range of ranges) {
    const before = joined.at(-1)
    const words = wordsOf(units, range)
    const startsSection = units[range.from]!.kind === 'heading'
    const fits = before !== undefined && words + wordsOf(units, before) <= target * HARD_MAX
    if (fits && !startsSection && words < target * SMALL_REST)
      joined[joined.length - 1] = { from: before.from, to: range.to }
    else joined.push(range)
  }
  return joined
}

/** Earliest unit of the chunk before that is repeated; only running text of the same section is. */
function overlapStart(units: readonly Unit[], before: Range, range: Range, overlapWords: number): number {
  const first = units[range.from]!
  let start = range.from
  let words = 0
  while (start - 1 > before.from) {
    const unit = units[start - 1]!
    const isRunning = unit.kind === 'text' && (first.kind === 'text' || first.kind === 'list')
    if (!isRunning || unit.path !== first.path || words + unit.words > overlapWords) break
    words += unit.words
    start--
  }
  return start
}

/** `L12-L40` for source code, so that a citation names the lines. */
function lineCounter(text: string): (start: number, end: number) => string {
  let at = 0
  let line = 1
  const lineAt = (offset: number) => {
    if (offset < at) [at, line] = [0, 1]
    for (let next = text.indexOf('\n', at); next >= 0 && next < offset; next = text.indexOf('\n', at)) {
      line++
      at = next + 1
    }
    return line
  }
  return (start, end) => `L${lineAt(start)}-L${lineAt(end)}`
}

export function draftChunks(parsed: Chunkable, options: ChunkOptions = DEFAULT_CHUNKING): ChunkDraft[] {
  const { targetWords: target, overlapWords } = options
  const text = documentText(parsed.blocks)
  const units = unitsOf(parsed, text, { wholeBlockWords: target * WHOLE_BLOCK, maxWords: target })
  if (units.length === 0) return []
  const all = { from: 0, to: units.length }
  const isShort = wordsOf(units, all) <= target * WHOLE_DOCUMENT
  const ranges = isShort ? [all] : packUnits(units, target)
  const linesOf = parsed.mediaType === CODE_MEDIA_TYPE ? lineCounter(text) : null
  const title = parsed.title ?? ''
  return ranges.map((range, ordinal) => {
    const before = ranges[ordinal - 1]
    const from = before === undefined ? range.from : overlapStart(units, before, range, overlapWords)
    const { start } = units[from]!
    const { end } = units[range.to - 1]!
    const places = chunkPlaces(units.slice(from, range.to), linesOf?.(start, end) ?? null)
    return { ordinal, title, ...places, text: text.slice(start, end), start, end }
  })
}

/** The same as chunks of the document `id`. */
export function chunkDocument(
  id: string,
  parsed: Chunkable,
  options: ChunkOptions = DEFAULT_CHUNKING,
): Chunk[] {
  return draftChunks(parsed, options).map((draft) => ({ document: id, ...draft }))
}
