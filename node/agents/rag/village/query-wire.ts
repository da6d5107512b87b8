/** Requests of the search protocol as values: what a query is on the wire, and what of it another may ask. Pure. */
import { VillageError } from '../../../errors.ts'
import {
  FIELD_CODES,
  SEARCH_LIMITS,
  type SearchMessage,
  type SearchRequestFrame,
  TEST_CODES,
} from '../../../mesh/protocols/search.ts'
import { SEGMENT_KEY_BYTES } from '../../../mesh/protocols/segment-key.ts'
import type {
  ChunkReference,
  FieldFilter,
  LexicalQuery,
  Phrase,
  SearchRequest,
  Statistics,
  TextField,
} from '../search-types.ts'

const NO_VECTOR = new Uint8Array(0)
/** Feedback and long queries keep far below; infinities and nonsense do not pass. */
const MAX_WEIGHT = 1e6
/** How far the length of a query's vector may be from 1. */
const LENGTH_SLACK = 1e-3

export interface SearchQuestion {
  readonly segments: readonly string[]
  readonly request: SearchRequest
  readonly statistics: Statistics
  /** Text of this many of the best of each ranker is wanted with the answer. */
  readonly texts: number
}

function malformed(reason: string): VillageError {
  return new VillageError('PROTOCOL_MALFORMED', `A query is malformed: ${reason}`)
}

export const segmentBytes = (key: string): Uint8Array => Buffer.from(key, 'hex')

export function segmentIds(list: readonly Uint8Array[]): string[] {
  const ids = list.map((bytes) => {
    if (bytes.byteLength !== SEGMENT_KEY_BYTES) throw malformed('a segment has no key')
    return Buffer.from(bytes).toString('hex')
  })
  if (new Set(ids).size !== ids.length) throw malformed('a segment is named twice')
  return ids
}

const fieldCode = (field: TextField | null): number => (field === null ? 0 : FIELD_CODES[field])

function fieldOf(code: number): TextField | null {
  if (code === 0) return null
  const field = (Object.keys(FIELD_CODES) as TextField[]).find((name) => FIELD_CODES[name] === code)
  if (field === undefined) throw malformed('a field is not known')
  return field
}

const encodePhrase = ({ alternatives, field }: Phrase) => ({
  alternatives: alternatives.map((terms) => ({ terms: [...terms] })),
  field: fieldCode(field),
})

function encodeFilter({ field, test, value }: FieldFilter) {
  return {
    field,
    test: TEST_CODES[test],
    text: typeof value === 'string' ? value : undefined,
    number: typeof value === 'number' ? value : undefined,
    flag: typeof value === 'boolean' ? value : undefined,
  }
}

function encodeVector(vector: Float32Array | null): Uint8Array {
  if (vector === null) return NO_VECTOR
  const bytes = Buffer.alloc(vector.length * 4)
  vector.forEach((value, index) => {
    bytes.writeFloatLE(value, index * 4)
  })
  return bytes
}

function encodeStatistics({ chunks, totalLength, documentFrequency }: Statistics) {
  return {
    chunks,
    totalLength,
    terms: [...documentFrequency.keys()],
    frequencies: [...documentFrequency.values()],
  }
}

/** Statistics of terms that the request does not have stay here. */
function statisticsFor({ lexical }: SearchRequest, statistics: Statistics): Statistics {
  const terms = new Set(lexical?.terms.map(({ term }) => term))
  const needed = [...statistics.documentFrequency].filter(([term]) => terms.has(term))
  return { ...statistics, documentFrequency: new Map(needed) }
}

export function encodeSearch({ segments, request, statistics, texts }: SearchQuestion): SearchRequestFrame {
  const { lexical, vector, filters, limit } = request
  const search: SearchMessage = {
    segments: segments.map(segmentBytes),
    lexical:
      lexical === null
        ? undefined
        : {
            terms: lexical.terms.map(({ term, weight, field }) => ({
              term,
              weight,
              field: fieldCode(field),
            })),
            required: lexical.required.map(encodePhrase),
            excluded: lexical.excluded.map(encodePhrase),
          },
    vector: encodeVector(vector),
    filters: filters.map(encodeFilter),
    limit,
    statistics: encodeStatistics(statisticsFor(request, statistics)),
    texts,
    encoder: request.encoder ?? '',
  }
  return { search, statistics: undefined, chunks: undefined }
}

export function encodeStatisticsRequest(
  segments: readonly string[],
  terms: readonly string[],
): SearchRequestFrame {
  return {
    statistics: { segments: segments.map(segmentBytes), terms: [...terms] },
    search: undefined,
    chunks: undefined,
  }
}

export function encodeChunksRequest(references: readonly ChunkReference[]): SearchRequestFrame {
  return {
    chunks: {
      references: references.map(({ segment, chunk }) => ({ segment: segmentBytes(segment), chunk })),
    },
    search: undefined,
    statistics: undefined,
  }
}

type LexicalMessage = NonNullable<SearchMessage['lexical']>

function decodePhrase(phrase: LexicalMessage['required'][number]): Phrase {
  const alternatives = phrase.alternatives.map(({ terms }) => terms)
  if (alternatives.length === 0 || alternatives.some((terms) => terms.length === 0))
    throw malformed('a phrase is empty')
  return { alternatives, field: fieldOf(phrase.field) }
}

function decodeLexical(message: LexicalMessage): LexicalQuery {
  const terms = message.terms.map(({ term, weight, field }) => {
    if (term === '' || !(weight > 0 && weight <= MAX_WEIGHT)) throw malformed('a term has no possible weight')
    return { term, weight, field: fieldOf(field) }
  })
  const required = message.required.map(decodePhrase)
  const excluded = message.excluded.map(decodePhrase)
  const phrases = [...required, ...excluded]
  const sequences = phrases.flatMap(({ alternatives }) => alternatives)
  if (
    phrases.length > SEARCH_LIMITS.maxPhrases ||
    sequences.reduce((sum, one) => sum + one.length, 0) > SEARCH_LIMITS.maxTermsOfPhrases
  )
    throw malformed('it has too many phrases')
  return { terms, required, excluded }
}

function decodeVector(bytes: Uint8Array): Float32Array | null {
  if (bytes.byteLength === 0) return null
  if (bytes.byteLength % 4 !== 0) throw malformed('a vector is cut off')
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const vector = Float32Array.from({ length: bytes.byteLength / 4 }, (_, index) =>
    view.readFloatLE(index * 4),
  )
  const length = Math.hypot(...vector)
  if (!(Math.abs(length - 1) <= LENGTH_SLACK)) throw malformed('a vector is not of length 1')
  return vector
}

function decodeFilter(message: SearchMessage['filters'][number]): FieldFilter {
  const test = (Object.keys(TEST_CODES) as FieldFilter['test'][]).find(
    (name) => TEST_CODES[name] === message.test,
  )
  const values = [message.text, message.number, message.flag].filter((value) => value !== undefined)
  if (test === undefined || values.length !== 1 || Number.isNaN(values[0]))
    throw malformed('a filter is not one test of one value')
  return { field: message.field, test, value: values[0]! }
}

function decodeStatistics(message: NonNullable<SearchMessage['statistics']>): Statistics {
  const { chunks, totalLength, terms, frequencies } = message
  if (terms.length !== frequencies.length) throw malformed('terms and frequencies are not as many')
  if (frequencies.some((frequency) => frequency > chunks)) throw malformed('a frequency is over the chunks')
  return {
    chunks,
    totalLength,
    documentFrequency: new Map(terms.map((term, index) => [term, frequencies[index]!])),
  }
}

/** Throws PROTOCOL_MALFORMED for what no search of ours would ask. */
export function decodeSearch(message: SearchMessage): SearchQuestion {
  if (message.statistics === undefined) throw malformed('it has no statistics')
  if (message.limit < 1 || message.limit > SEARCH_LIMITS.maxCandidates)
    throw malformed('its limit is out of range')
  const lexical = message.lexical === undefined ? null : decodeLexical(message.lexical)
  const vector = decodeVector(message.vector)
  if (lexical === null && vector === null) throw malformed('it asks for nothing')
  return {
    segments: segmentIds(message.segments),
    request: {
      lexical,
      vector,
      ...(message.encoder !== '' && { encoder: message.encoder }),
      filters: message.filters.map(decodeFilter),
      limit: message.limit,
    },
    statistics: decodeStatistics(message.statistics),
    texts: Math.min(message.texts, SEARCH_LIMITS.maxChunks),
  }
}

/** Throws PROTOCOL_MALFORMED. */
export function decodeReferences(
  references: NonNullable<SearchRequestFrame['chunks']>['references'],
): ChunkReference[] {
  return references.map(({ segment, chunk }) => ({ segment: segmentIds([segment])[0]!, chunk }))
}
