/** What a search will do, decided from its options alone. */
import { VillageError } from '../../../errors.ts'
import type { FieldFilter } from '../search-types.ts'
import { type BuiltQuery, buildLexical } from './build-lexical.ts'
import { parseQuery } from './parse-query.ts'
import type { SearchWarning } from './search-answer.ts'
import { SEARCH_MODES, type SearchCollection, type SearchMode, type SearchOptions } from './search-options.ts'

/** Of a query, no more is read. */
const MAX_QUERY_CHARACTERS = 10_000
const MAX_FILTERS = 32
const MAX_LIMIT = 100
const MAX_CANDIDATES = 1000
const MIN_CANDIDATES = 100
const CANDIDATES_BY_HIT = 10
const FIRST_BY_HIT = 3
/** Each language stems every word once more; a search over many keeps to those that most collections have. */
const MAX_LANGUAGES = 8

export interface QueryPlan extends BuiltQuery {
  readonly mode: SearchMode
  /** Of the query's vector; null: none is needed, or nothing has vectors. */
  readonly encoder: string | null
  readonly limit: number
  readonly perDocument: number
  readonly candidates: number
  readonly feedback: boolean
  /** What is asked for first: with one ranker so many are only needed where few documents have all the best passages. */
  readonly firstCandidates: number
  /** What is asked for where those are not enough for `limit` passages of as many documents as `perDocument` makes necessary. */
  readonly mostCandidates: number
  readonly filters: readonly FieldFilter[]
  readonly languages: readonly string[]
  readonly warnings: readonly SearchWarning[]
}

/** Throws INVALID_ARGUMENT, and SEARCH_WITHOUT_VECTORS in the mode `vectors`. */
export function planQuery(options: SearchOptions): QueryPlan {
  const { collections, mode = 'hybrid', filters = [], weight } = options
  const limit = whole('limit', options.limit ?? 10, MAX_LIMIT)
  const perDocument = whole('perDocument', options.perDocument ?? 2, MAX_LIMIT)
  const chosenCandidates = options.candidates ?? agreed(collections, ({ candidates = null }) => candidates)
  const candidates = whole(
    'candidates',
    chosenCandidates ?? Math.max(MIN_CANDIDATES, limit * CANDIDATES_BY_HIT),
    MAX_CANDIDATES,
  )
  if (!SEARCH_MODES.includes(mode)) throw refused('mode', `The mode is one of ${SEARCH_MODES.join(', ')}`)
  if (options.feedback === true && mode === 'vectors')
    throw refused('feedback', 'Feedback adds words to the query: it goes with the modes lexical and hybrid')
  if (weight !== undefined && !(weight >= 0 && weight <= 1))
    throw refused('weight', 'The weight of the vectors is a number from 0 to 1')
  if (filters.length > MAX_FILTERS) throw refused('filters', `A search has at most ${MAX_FILTERS} filters`)
  const warnings: SearchWarning[] = []
  const text = options.text.slice(0, MAX_QUERY_CHARACTERS)
  const languages = options.language === undefined ? languagesOf(collections) : [options.language]
  const parsed =
    options.syntax === 'plain'
      ? { parts: [{ text, role: 'ranks' as const, field: null }], warnings: [] }
      : parseQuery(text)
  for (const message of parsed.warnings) warnings.push({ code: 'QUERY_SYNTAX', message })
  const built = buildLexical(parsed, languages)
  if (built.isTruncated || text.length < options.text.length) warnings.push(TRUNCATED)
  const encoders = encodersOf(collections)
  // Signs without a word have no meaning that could be near to anything.
  const wantsVectors = mode !== 'lexical' && built.lexical.terms.length > 0
  const encoder = wantsVectors ? (encoders[0] ?? null) : null
  if (mode === 'vectors' && encoders.length === 0) throw new VillageError('SEARCH_WITHOUT_VECTORS')
  if (wantsVectors && encoders.length === 0)
    warnings.push({
      code: 'NO_VECTORS',
      message: 'No collection has vectors: passages are ranked by words alone.',
    })
  if (wantsVectors && encoders.length > 1)
    warnings.push({
      code: 'ENCODERS_DIFFER',
      message:
        'Collections have different encoders: those without the most common one are searched by words alone.',
    })
  if (built.lexical.terms.length === 0)
    warnings.push({ code: 'QUERY_WITHOUT_WORDS', message: 'The query has no word that could be looked for.' })
  if (options.language !== undefined && !isSpoken(collections, options.language))
    warnings.push({
      code: 'LANGUAGE_ABSENT',
      message: `No collection has a text in the language "${options.language}": words are looked for by its rules all the same.`,
    })
  const isLexical = mode === 'lexical' || encoder === null
  return {
    ...built,
    mode: isLexical ? 'lexical' : mode,
    encoder,
    limit,
    perDocument,
    candidates,
    feedback: options.feedback ?? (mode !== 'vectors' && agreed(collections, isExpanding) === true),
    firstCandidates:
      isLexical && chosenCandidates === null ? Math.min(candidates, limit * FIRST_BY_HIT) : candidates,
    mostCandidates: chosenCandidates ?? MAX_CANDIDATES,
    filters,
    languages,
    warnings,
  }
}

export const TRUNCATED: SearchWarning = {
  code: 'QUERY_TRUNCATED',
  message: 'The query is very long: only a part of its words is looked for.',
}

/** What all collections say; null where they differ. */
function agreed<T>(collections: readonly SearchCollection[], of: (one: SearchCollection) => T): T | null {
  const [first, ...others] = collections
  if (first === undefined) return null
  const value = of(first)
  return others.every((one) => of(one) === value) ? value : null
}

const isExpanding = ({ feedback = false }: SearchCollection): boolean => feedback

function refused(argument: string, message: string): VillageError {
  return new VillageError('INVALID_ARGUMENT', message, { fields: { argument } })
}

function whole(argument: string, value: number, most: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= most) return value
  throw refused(argument, `${argument} is a whole number from 1 to ${most}`)
}

/** By the number of chunks, the largest first; equals by name. */
function byChunks(pairs: readonly (readonly [name: string, chunks: number])[]): string[] {
  const chunks = new Map<string, number>()
  for (const [name, count] of pairs) chunks.set(name, (chunks.get(name) ?? 0) + count)
  return [...chunks].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).map(([name]) => name)
}

/** A document whose language could not be told was stemmed by the rules of this one. */
const UNTOLD = 'en'

function isSpoken(collections: readonly SearchCollection[], language: string): boolean {
  return language === UNTOLD || collections.some(({ languages }) => languages.includes(language))
}

function languagesOf(collections: readonly SearchCollection[]): string[] {
  const pairs = collections.flatMap(({ languages, chunks }) => languages.map((one) => [one, chunks] as const))
  const spoken = byChunks(pairs).slice(0, MAX_LANGUAGES)
  return spoken.includes(UNTOLD) ? spoken : [...spoken, UNTOLD]
}

/** Those that this node has come first: how many chunks a collection of another has is its owner's word. */
function encodersOf(collections: readonly SearchCollection[]): string[] {
  const withEncoder = (isHere: boolean) =>
    byChunks(
      collections.flatMap(({ encoder, isEncoderHere = true, chunks }) =>
        encoder === null || isEncoderHere !== isHere ? [] : [[encoder, chunks] as const],
      ),
    )
  return [...new Set([...withEncoder(true), ...withEncoder(false)])]
}
