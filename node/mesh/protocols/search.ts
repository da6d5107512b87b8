/**
 * `/village/search/1.0.0`: a member searches segments that another holds (docs/protocols/search.md). The asker sends requests, each
 * with exactly one of its fields set, and the holder answers each in order; a stream serves as many queries as both sides like.
 * A holder answers for segments of collections that the asker may see, and names the others, as if they were not there.
 */
import {
  bool,
  bytes,
  double,
  type Infer,
  list,
  message,
  nested,
  optional,
  string,
  uint32,
  uint64,
} from './message.ts'
import { SEGMENT_KEY_BYTES } from './segment-key.ts'
import type { ProtocolSpec } from './spec.ts'

export const SEARCH_PROTOCOL: ProtocolSpec = {
  id: '/village/search/1.0.0',
  /** A guest searches public collections only. */
  access: 'guest',
  maxFrameBytes: 4 * 1024 * 1024,
  frameTimeoutMs: 30_000,
  maxStreamsByPeer: 16,
  streamsByMinute: 240,
}

export const SEARCH_LIMITS = {
  maxSegments: 2_000,
  maxTerms: 256,
  maxTermBytes: 256,
  /** Of which postings are read: those of a query, and what feedback adds. */
  maxScoredTerms: 128,
  /** Required and excluded together. */
  maxPhrases: 16,
  /** Of one alternative. */
  maxPhraseTerms: 32,
  /** As many as there may be languages. */
  maxAlternatives: 9,
  /** Of all alternatives of all phrases together. */
  maxTermsOfPhrases: 512,
  maxDims: 4_096,
  maxFilters: 32,
  maxFilterBytes: 4_096,
  /** Candidates of one ranker. */
  maxCandidates: 1_000,
  /** Chunks of one answer; the holder stops before a frame is full. */
  maxChunks: 200,
  maxTextBytes: 256 * 1024,
  maxRecordBytes: 64 * 1024,
} as const

const L = SEARCH_LIMITS

export const FIELD_CODES = { title: 1, heading: 2, body: 3 } as const
export const TEST_CODES = { equals: 1, 'not-equals': 2, below: 3, above: 4, 'starts-with': 5 } as const

const Term = message('Term', {
  term: [1, string(L.maxTermBytes)],
  weight: [2, double()],
  /** 0: any field. */
  field: [3, uint32()],
})

const Sequence = message('Sequence', { terms: [1, list(string(L.maxTermBytes), L.maxPhraseTerms)] })

const PhraseMessage = message('Phrase', {
  alternatives: [1, list(nested(Sequence, L.maxPhraseTerms * (L.maxTermBytes + 4)), L.maxAlternatives)],
  field: [2, uint32()],
})
const PHRASE_BYTES = 80 * 1024

const Filter = message('Filter', {
  field: [1, string(L.maxFilterBytes)],
  test: [2, uint32()],
  /** Exactly one of the three. */
  text: [3, optional(string(L.maxFilterBytes))],
  number: [4, optional(double())],
  flag: [5, optional(bool())],
})

const Lexical = message('Lexical', {
  terms: [1, list(nested(Term, L.maxTermBytes + 32), L.maxScoredTerms)],
  required: [2, list(nested(PhraseMessage, PHRASE_BYTES), L.maxPhrases)],
  excluded: [3, list(nested(PhraseMessage, PHRASE_BYTES), L.maxPhrases)],
})

/** Of all that is searched, wherever it lies. `frequencies` belong to `terms` one by one. */
const StatisticsMessage = message('Statistics', {
  chunks: [1, uint64()],
  totalLength: [2, uint64()],
  terms: [3, list(string(L.maxTermBytes), L.maxTerms)],
  frequencies: [4, list(uint64(), L.maxTerms)],
})

/** How often the terms occur in each segment. */
const StatisticsRequest = message('StatisticsRequest', {
  segments: [1, list(bytes(SEGMENT_KEY_BYTES), L.maxSegments)],
  terms: [2, list(string(L.maxTermBytes), L.maxTerms)],
})

const SearchMessage = message('Search', {
  segments: [1, list(bytes(SEGMENT_KEY_BYTES), L.maxSegments)],
  lexical: [2, optional(nested(Lexical, 512 * 1024))],
  /** Little-endian float32; empty without one. */
  vector: [3, bytes(L.maxDims * 4)],
  filters: [4, list(nested(Filter, 2 * L.maxFilterBytes + 64), L.maxFilters)],
  limit: [5, uint32()],
  statistics: [6, optional(nested(StatisticsMessage, 256 * 1024))],
  /** Text of this many of the best of each ranker comes with the answer. */
  texts: [7, uint32()],
  /** Model that made the vector: collections of another are searched without it. '' asks all. */
  encoder: [8, string(160)],
})
export type SearchMessage = Infer<typeof SearchMessage>

export const Reference = message('Reference', {
  segment: [1, bytes(SEGMENT_KEY_BYTES)],
  chunk: [2, uint32()],
})

const ChunksRequest = message('ChunksRequest', {
  references: [1, list(nested(Reference, 64), L.maxChunks)],
})

export const SearchRequestFrame = message('SearchRequest', {
  statistics: [1, optional(nested(StatisticsRequest, 256 * 1024))],
  search: [2, optional(nested(SearchMessage, 1024 * 1024))],
  chunks: [3, optional(nested(ChunksRequest, 16 * 1024))],
})
export type SearchRequestFrame = Infer<typeof SearchRequestFrame>

const SegmentFrequencies = message('SegmentFrequencies', {
  /** Position in the request. */
  segment: [1, uint32()],
  chunks: [2, uint32()],
  totalLength: [3, uint64()],
  /** By term of the request. */
  frequencies: [4, list(uint32(), L.maxTerms)],
})

const CandidateMessage = message('Candidate', {
  /** Position in the request. */
  segment: [1, uint32()],
  chunk: [2, uint32()],
  document: [3, bytes(16)],
  ordinal: [4, uint32()],
  lexical: [5, optional(double())],
  cosine: [6, optional(double())],
})
export type CandidateMessage = Infer<typeof CandidateMessage>

export const ChunkMessage = message('Chunk', {
  segment: [1, bytes(SEGMENT_KEY_BYTES)],
  chunk: [2, uint32()],
  /** The chunk and the record of its document, as JSON: what people read, checked field by field by who receives it. */
  content: [3, bytes(L.maxTextBytes + L.maxRecordBytes)],
})
export type ChunkMessage = Infer<typeof ChunkMessage>

const CHUNK_BYTES = L.maxTextBytes + L.maxRecordBytes + 128

export const SearchResponseFrame = message('SearchResponse', {
  /** '' or a row of the error table: PEER_RATE_LIMITED, PEER_BUSY; nothing else is set then. */
  code: [1, string(64)],
  statistics: [2, list(nested(SegmentFrequencies, 2_048), L.maxSegments)],
  lexical: [3, list(nested(CandidateMessage, 128), L.maxCandidates)],
  vectors: [4, list(nested(CandidateMessage, 128), L.maxCandidates)],
  chunks: [5, list(nested(ChunkMessage, CHUNK_BYTES), L.maxChunks)],
  /** Positions of the segments that the holder does not answer for. */
  absent: [6, list(uint32(), L.maxSegments)],
})
export type SearchResponseFrame = Infer<typeof SearchResponseFrame>
