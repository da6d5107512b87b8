/** `village search`: the best passages for a query. */
import type { CommandContext, CommandResult } from './command.ts'
import { counted, printable, table } from './format.ts'
import {
  type MissingView,
  milliseconds,
  noteGaps,
  numberOption,
  scopeBody,
  shortLabel,
  vouchers,
  type WarningView,
} from './knowledge-scope.ts'
import { passageAddress } from './passage.ts'
import { piecesOf, type Style, styleOf, wrapped } from './passage-text.ts'

interface TermView {
  term: string
  field: string | null
  weight: number
  frequency: number
  documentFrequency: number
  idf: number
  contribution: number
}

interface HitView {
  segment: string
  chunk: number
  rank: number
  score: number
  wordsFound: number
  wordsAsked: number
  collection: string
  vouchedBy: string[]
  title: string
  headings: string[]
  page: number | null
  record: { source: string; title: string | null }
  snippet: { text: string; highlights: { start: number; end: number }[] }
  lexical: number | null
  cosine: number | null
  explain: {
    terms: TermView[]
    length: number
    averageLength: number
    normalisedLexical: number | null
    normalisedCosine: number | null
    weight: number
    isConsistent: boolean | null
  } | null
}

interface SearchView {
  peer: string
  hits: HitView[]
  mode: string
  chunks: number
  missing: MissingView[]
  warnings: WarningView[]
  tookMs: number
}

const INDENT = 4
const figure = (value: number | null): string => (value === null ? '-' : value.toFixed(3))

/** How the score came about. */
function explained({ explain, score, lexical, cosine, segment, chunk }: HitView): string[] {
  if (explain === null) return []
  const { terms, length, averageLength, normalisedLexical, normalisedCosine, weight, isConsistent } = explain
  const rows = terms.map((row) => [
    row.field === null ? row.term : `${row.field}:${row.term}`,
    row.weight.toFixed(2),
    String(row.frequency),
    String(row.documentFrequency),
    row.idf.toFixed(3),
    row.contribution.toFixed(3),
  ])
  const lines = [
    `passage ${passageAddress({ segment, chunk })}`,
    `score ${figure(score)} among those found: BM25 ${figure(lexical)} (normalised ${figure(normalisedLexical)}), cosine ${figure(cosine)} (normalised ${figure(normalisedCosine)}), weight of the cosine ${weight.toFixed(2)}`,
    `${counted(length, 'term')}, ${averageLength.toFixed(1)} on average`,
    ...(rows.length === 0
      ? []
      : table(['TERM', 'WEIGHT', 'TIMES', 'PASSAGES', 'IDF', 'ADDS'], rows).split('\n')),
    ...(isConsistent === false
      ? ['The text does not give the score that it was ranked by: do not trust it']
      : []),
  ]
  return lines.map((line) => `${' '.repeat(INDENT)}${line}`)
}

/** What speaks for a passage by itself: its score only says how it compares with the best. Figures are for `--explain`. */
function evidence({ wordsFound, wordsAsked, cosine }: HitView): string {
  if (wordsFound === 0)
    return cosine === null
      ? 'none of the words'
      : `none of the words, near by meaning (cosine ${cosine.toFixed(2)})`
  if (wordsFound < wordsAsked) return `${wordsFound} of ${wordsAsked} words`
  return wordsAsked === 1 ? 'has the word' : wordsAsked === 2 ? 'both words' : `all ${wordsAsked} words`
}

function hitText(hit: HitView, init: { columns: number | null; style: Style; self: string }): string {
  const { columns, style, self } = init
  const { rank, record, title, page, headings, collection, vouchedBy, snippet } = hit
  const shownTitle = printable(record.title ?? (title === '' ? record.source : title))
  const where = [
    record.source,
    ...(page === null ? [] : [`page ${page}`]),
    ...(headings.length === 0 ? [] : [headings.join(' › ')]),
    `in ${shortLabel(collection)}, by ${vouchers(vouchedBy, self)}`,
  ].join(' · ')
  const head = `${String(rank).padStart(2)}. ${style.strong(shownTitle)}  ${style.faint(evidence(hit))}`
  return [
    head,
    wrapped([{ text: where, isMarked: false }], { columns, indent: INDENT, style }),
    wrapped(piecesOf(snippet.text, snippet.highlights), { columns, indent: INDENT, style }),
    ...explained(hit),
  ].join('\n')
}

export async function search(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const limit = numberOption(context, 'limit')
  const answer = await client.send<SearchView>('POST', '/api/v1/search', {
    ...scopeBody(context),
    query: context.args.join(' '),
    ...(limit === null ? {} : { limit }),
    ...(context.options.explain === true ? { explain: true } : {}),
  })
  const { hits, peer, chunks, tookMs, mode } = answer
  const init = { columns: context.columns, style: styleOf(context.styled), self: peer }
  const head = `${counted(hits.length, 'passage')} of ${counted(chunks, 'passage')} in ${milliseconds(tookMs)}, ${mode}`
  const text =
    hits.length === 0
      ? `Nothing was found among ${counted(chunks, 'passage')}.`
      : hits.map((hit) => hitText(hit, init)).join('\n\n')
  if (hits.length > 0) context.note(head)
  noteGaps(context, answer)
  return { document: answer, text }
}
