/**
 * Sentences of a passage, with their places. Unicode's rules (UAX #29, sentence boundaries) end a sentence at every full stop that
 * a capital letter follows; what they cut after an abbreviation is joined again, and what has no end is cut.
 */

export interface SentenceSpan {
  /** UTF-16 offsets, without the space around it. */
  readonly start: number
  readonly end: number
}

/** What is longer is cut at a space: a table or a log without a full stop is not cited whole. */
export const MAX_SENTENCE_CHARACTERS = 500
/** Of one passage. */
const MAX_SENTENCES = 1_000

/**
 * After these a full stop ends no sentence: titles, references and measures that stand before a name or a number. Those that also end
 * sentences (`etc.`, `Inc.`, `U.S.`) are left out or told by what follows.
 */
const ABBREVIATIONS = new Set(
  (
    'al approx bd bzgl ca cap cf ch dept dipl dr eds ed eqs excl figs fr gen gov hon hr hrsg ing incl jr lt maj mme ' +
    'mlle mr mrs ms mt nr op par pl prof rev sect sgt sr sra srta st str tel trad viz vgl vs z'
  ).split(' '),
)
/** Only before a number: `No. 5`, `p. 12`, `Vol. II`, `Jan. 3`; elsewhere these are words that end sentences. */
const BEFORE_NUMBERS = new Set(
  'art ch col eq fig jan feb mar apr jun jul aug sep sept oct nov dec no p pp s sec tab vol'.split(' '),
)

const LAST_WORD = /([\p{L}\p{M}]+(?:\.[\p{L}\p{M}]+)*)\.["'”’)\]]*$/u
const NUMBER_FOLLOWS = /^["'“‘([]*(?:\p{N}|[IVXLC]+\b)/u
const LOWER_FOLLOWS = /^["'“‘([]*\p{Ll}/u
const SENTENCE_OPENING =
  /^["'“‘([]*(?:The|This|That|These|Those|It|In|On|At|A|An|He|She|They|We|But|However|Its|There|When|After|For|As)\b/

/** Whether what ends with `before` goes on, as after an abbreviation, so far as that can be told. */
function belongsTogether(before: string, after: string): boolean {
  // As after `"Is it?" he asked`.
  if (LOWER_FOLLOWS.test(after)) return true
  const word = LAST_WORD.exec(before)?.[1]
  if (word === undefined) return false
  const lower = word.toLowerCase()
  const isNumberNext = NUMBER_FOLLOWS.test(after)
  if (BEFORE_NUMBERS.has(lower)) return isNumberNext
  if (ABBREVIATIONS.has(lower)) return true
  // An initial: `J. Doe`, but not `as am I. The`.
  if (/^\p{Lu}$/u.test(word)) return word !== 'I'
  // `e.g. Mars`, `U.S. Congress`, but not `in the U.S. The`.
  return /^\p{L}(?:\.\p{L})+$/u.test(word) && !SENTENCE_OPENING.test(after)
}

/** Line ends that a width of the page made are spaces; those before a list item, a heading, a row of a table or an empty line end something. */
const SOFT_LINE_END = /\r?\n(?![ \t]*(?:\r?\n|[-*+•–][ \t]|\d{1,3}[.)][ \t]|#{1,6}[ \t]|\||>|[^\n|]+ \| ))/g

const unwrapped = (text: string): string =>
  text.replace(SOFT_LINE_END, (end) => ' '.repeat(end.length)).replaceAll('\t', ' ')

/** A cell says little without its row: a row of a table is one sentence, whatever its cells end with. */
function isOneRow(given: string, open: SentenceSpan, next: SentenceSpan): boolean {
  if (next.end - open.start > MAX_SENTENCE_CHARACTERS) return false
  const end = given.indexOf('\n', open.start)
  const line = given.slice(given.lastIndexOf('\n', open.start) + 1, end < 0 ? given.length : end)
  return (end < 0 || end >= next.end) && line.includes(' | ')
}

function trimmed(text: string, start: number, end: number): SentenceSpan | null {
  let [from, to] = [start, end]
  while (from < to && /\s/.test(text[from]!)) from++
  while (to > from && /\s/.test(text[to - 1]!)) to--
  return from < to ? { start: from, end: to } : null
}

/** Pieces of at most MAX_SENTENCE_CHARACTERS, cut at the last space that leaves something. */
function* pieces(text: string, { start, end }: SentenceSpan): Generator<SentenceSpan> {
  let from = start
  while (end - from > MAX_SENTENCE_CHARACTERS) {
    const space = text.lastIndexOf(' ', from + MAX_SENTENCE_CHARACTERS)
    let cut = space > from + MAX_SENTENCE_CHARACTERS / 2 ? space : from + MAX_SENTENCE_CHARACTERS
    // Never between the halves of a character.
    if (/[\udc00-\udfff]/.test(text[cut] ?? '') && /[\ud800-\udbff]/.test(text[cut - 1]!)) cut--
    const piece = trimmed(text, from, cut)
    if (piece !== null) yield piece
    from = cut
  }
  const last = trimmed(text, from, end)
  if (last !== null) yield last
}

const segmenters = new Map<string, Intl.Segmenter>()

function segmenterOf(language: string): Intl.Segmenter {
  const known = segmenters.get(language)
  if (known !== undefined) return known
  let segmenter: Intl.Segmenter
  try {
    segmenter = new Intl.Segmenter(language, { granularity: 'sentence' })
  } catch {
    // A tag that came from a document and is none: the rules hardly differ between languages.
    segmenter = new Intl.Segmenter('en', { granularity: 'sentence' })
  }
  // Languages come from documents: more than these are not remembered.
  if (segmenters.size < 64) segmenters.set(language, segmenter)
  return segmenter
}

/** `language`: ISO 639-1, or null. Spans rise and do not overlap; at most a thousand. */
export function splitSentences(given: string, language: string | null): SentenceSpan[] {
  const text = unwrapped(given)
  const spans: SentenceSpan[] = []
  let open: SentenceSpan | null = null
  for (const { segment, index } of segmenterOf(language ?? 'en').segment(text)) {
    const span = trimmed(text, index, index + segment.length)
    if (span === null) continue
    const gap: string = open === null ? '' : text.slice(open.end, span.start)
    const joins: boolean =
      open !== null &&
      !gap.includes('\n') &&
      (belongsTogether(
        text.slice(Math.max(open.start, open.end - 40), open.end),
        text.slice(span.start, span.start + 20),
      ) ||
        isOneRow(given, open, span))
    if (open !== null && joins) {
      open = { start: open.start, end: span.end }
      continue
    }
    if (open !== null) spans.push(...pieces(text, open))
    open = span
    if (spans.length >= MAX_SENTENCES) break
  }
  if (open !== null) spans.push(...pieces(text, open))
  return spans.slice(0, MAX_SENTENCES)
}
