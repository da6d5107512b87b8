import { analyze, type Token } from '../analysis/analyzer.ts'
import { sectionAt } from '../chunk-sections.ts'
import type { Chunk } from '../document.ts'
import type { Snippet, Span } from './search-answer.ts'

export const SNIPPET_CHARACTERS = 320
/** Of a passage, no more is looked at: chunks are a few thousand characters, but a peer may send what it likes. */
const MAX_PASSAGE_CHARACTERS = 20_000
const CUT = '…'

/** Between two blocks of which the first does not end as a sentence does: a title or a heading. */
const BLOCK_MARK = ' ·'
const ENDS_SENTENCE = /[.!?:;,…。！？：；、؟۔।]["'”’»)\]]*$/u

export interface SnippetInit {
  readonly language: string | null
  readonly idf: ReadonlyMap<string, number>
  readonly maxCharacters?: number
}

/**
 * The part of a passage that says most about the query: whole sentences, next to each other, at most `maxCharacters` together,
 * with the largest sum of idf over the distinct terms of the query that are in them; of equals the first. A sentence that is
 * too long alone is cut at words. White space becomes one space and what is invisible or turns the writing direction
 * goes, before offsets are counted. A heading is a sentence of its own.
 */
export function makeSnippet(text: string, init: SnippetInit): Snippet {
  return findSnippet({ text }, init).snippet
}

/** The same, and the offset in the passage's text of the block that it begins in. It does not go beyond the section of that. */
export function findSnippet(
  passage: Pick<Chunk, 'text' | 'sections'>,
  init: SnippetInit,
): { snippet: Snippet; offset: number } {
  const { language, idf, maxCharacters = SNIPPET_CHARACTERS } = init
  const { plain, blocks } = plainBlocks(passage)
  const tokens = analyze(plain, language)
  const matches = tokens.filter(({ term }) => idf.has(term))
  const window = bestWindow(sentences(plain, blocks, language), matches, idf, maxCharacters)
  const { start, end } =
    window.end - window.start <= maxCharacters
      ? window
      : cutAtWords(plain, window, tokens, idf, maxCharacters)
  const before = start > 0 ? CUT : ''
  const shift = before.length - start
  const snippet = {
    text: `${before}${plain.slice(start, end)}${end < plain.length ? CUT : ''}`,
    highlights: joined(matches.filter((match) => match.start >= start && match.end <= end)).map((span) => ({
      start: span.start + shift,
      end: span.end + shift,
    })),
  }
  return { snippet, offset: blocks.findLast((block) => block.start <= start)?.offset ?? 0 }
}

/** A block of the passage within its plain text, without what joins it to the next. */
interface PlainBlock extends Span {
  /** In the passage's text. */
  readonly offset: number
  readonly section: number
}

/** Blocks are apart by an empty line (units.ts). */
function plainBlocks(passage: Pick<Chunk, 'text' | 'sections'>): { plain: string; blocks: PlainBlock[] } {
  const text = passage.text.slice(0, MAX_PASSAGE_CHARACTERS)
  const blocks: PlainBlock[] = []
  let plain = ''
  for (const { given, offset } of blocksOf(text)) {
    const block = plainText(given)
    if (block === '') continue
    if (plain !== '') plain += ENDS_SENTENCE.test(plain) ? ' ' : `${BLOCK_MARK} `
    const start = plain.length
    plain += block
    const first = offset + given.search(/\S/)
    blocks.push({ start, end: plain.length, offset: first, section: sectionAt(passage, first) })
  }
  return { plain, blocks }
}

function* blocksOf(text: string): Generator<{ given: string; offset: number }> {
  let from = 0
  for (const gap of text.matchAll(/\n[^\S\n]*\n/g)) {
    yield { given: text.slice(from, gap.index), offset: from }
    from = gap.index + gap[0].length
  }
  yield { given: text.slice(from), offset: from }
}

/** Controls, invisible signs and marks of direction (Unicode TR 36, "Bidirectional Text Spoofing") are no part of a line. */
function plainText(text: string): string {
  return text
    .replace(/[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g, '')
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .toWellFormed()
    .trim()
}

interface Sentence extends Span {
  readonly section: number
}

function sentences(text: string, blocks: readonly PlainBlock[], language: string | null): Sentence[] {
  const segmenter = segmenterOf(language)
  return blocks.flatMap(({ start, end, section }) =>
    [...segmenter.segment(text.slice(start, end))].map(({ segment, index }) => ({
      start: start + index,
      end: start + index + segment.trimEnd().length,
      section,
    })),
  )
}

const segmenters = new Map<string, Intl.Segmenter>()

function segmenterOf(language: string | null): Intl.Segmenter {
  // Only codes of two letters: a language comes from a document, and an unknown one would throw.
  const locale = language !== null && /^[a-z]{2}$/.test(language) ? language : 'en'
  const known = segmenters.get(locale)
  if (known !== undefined) return known
  const segmenter = new Intl.Segmenter(locale, { granularity: 'sentence' })
  segmenters.set(locale, segmenter)
  return segmenter
}

/** Grows a window from every sentence with a match while it fits, and takes the first of the best; without one, the beginning. */
function bestWindow(
  parts: readonly Sentence[],
  matches: readonly Token[],
  idf: ReadonlyMap<string, number>,
  maxCharacters: number,
): Span {
  let best: Span = { start: 0, end: 0 }
  let bestWorth = -1
  const bySentence = parts.map(() => [] as Token[])
  let at = 0
  for (const match of matches) {
    while (at + 1 < parts.length && match.start >= parts[at + 1]!.start) at++
    bySentence[at]?.push(match)
  }
  for (const [first, { start, section }] of parts.entries()) {
    if (matches.length > 0 && bySentence[first]!.length === 0) continue
    const seen = new Set<string>()
    let worth = 0
    for (let last = first; last < parts.length; last++) {
      const { end } = parts[last]!
      if (last > first && (end - start > maxCharacters || parts[last]!.section !== section)) break
      for (const { term } of bySentence[last]!)
        if (!seen.has(term)) {
          seen.add(term)
          worth += idf.get(term)!
        }
      // Longer for the same worth is welcome: it fills the line with what comes after.
      if (worth > bestWorth || (worth === bestWorth && start === best.start)) {
        best = { start, end }
        bestWorth = worth
      }
    }
  }
  return best
}

/** Of a long sentence the matches within reach of each other with the largest worth, and the words around them. */
function cutAtWords(
  text: string,
  sentence: Span,
  tokens: readonly Token[],
  idf: ReadonlyMap<string, number>,
  maxCharacters: number,
): Span {
  const inside = tokens.filter(({ start, end }) => start >= sentence.start && end <= sentence.end)
  const core = bestStretch(
    inside.filter(({ term }) => idf.has(term)),
    idf,
    maxCharacters,
  ) ?? { start: sentence.start, end: sentence.start }
  const spare = maxCharacters - (core.end - core.start)
  if (spare <= 0) return { start: core.start, end: wholeUnits(text, core.start + maxCharacters) }
  const start = inside.find((token) => token.start >= core.start - spare / 2)?.start ?? core.start
  const from = Math.min(start, core.start)
  const end = inside.findLast((token) => token.end <= from + maxCharacters)?.end ?? 0
  return { start: from, end: end > from ? Math.max(end, core.end) : wholeUnits(text, from + maxCharacters) }
}

/** Two pointers over the matches: each is entered and left once. */
function bestStretch(
  matches: readonly Token[],
  idf: ReadonlyMap<string, number>,
  maxCharacters: number,
): Span | null {
  const counts = new Map<string, number>()
  let best: Span | null = null
  let bestWorth = 0
  let worth = 0
  let first = 0
  for (const { term, end } of matches) {
    const count = counts.get(term) ?? 0
    counts.set(term, count + 1)
    if (count === 0) worth += idf.get(term)!
    while (end - matches[first]!.start > maxCharacters && matches[first]!.end < end) {
      const left = matches[first++]!.term
      counts.set(left, counts.get(left)! - 1)
      if (counts.get(left) === 0) worth -= idf.get(left)!
    }
    if (best === null || worth > bestWorth + 1e-9) {
      best = { start: matches[first]!.start, end }
      bestWorth = worth
    }
  }
  return best
}

function wholeUnits(text: string, end: number): number {
  const unit = text.charCodeAt(end - 1)
  return unit >= 0xd800 && unit < 0xdc00 ? end - 1 : Math.min(end, text.length)
}

/** Spans that overlap or touch become one. */
function joined(tokens: readonly Span[]): Span[] {
  const spans: { start: number; end: number }[] = []
  for (const { start, end } of [...tokens].sort((a, b) => a.start - b.start || b.end - a.end)) {
    const last = spans.at(-1)
    if (last !== undefined && start <= last.end) last.end = Math.max(last.end, end)
    else spans.push({ start, end })
  }
  return spans
}
