/** What a search is asked. Who may see which collection is decided before: a search runs over the collections that it is given. */
import type { FieldFilter } from '../search-types.ts'

/** `lexical` is BM25, `vectors` the cosine of embeddings, `hybrid` both, fused. */
export type SearchMode = 'lexical' | 'vectors' | 'hybrid'

export const SEARCH_MODES: readonly SearchMode[] = ['hybrid', 'lexical', 'vectors']

/** What a search has to know of a collection. */
export interface SearchCollection {
  /** As `SearchBackend.origin` names it. */
  readonly name: string
  /** ISO 639-1: a word of the query is stemmed as each of them would. */
  readonly languages: readonly string[]
  /** Id of the model that made its vectors; null: it has none. */
  readonly encoder: string | null
  /** False: this node has not got that model, so that an encoder which it has is preferred, whatever it has vectors of. */
  readonly isEncoderHere?: boolean
  /** Share of the vectors in its fused scores, 0 to 1; `collection tune` finds it. */
  readonly weight: number
  /** Of searches over collections that all say the same; absent, as of those of other members: what a search does by default. */
  readonly feedback?: boolean
  readonly candidates?: number | null
  /** Where encoders differ, the query is embedded by the one that most chunks have, of those that are here. */
  readonly chunks: number
}

export interface SearchOptions {
  readonly text: string
  readonly collections: readonly SearchCollection[]
  /**
   * `query` (default): "quotes", +must, -not, title:word, heading:word and body:word mean something (parse-query.ts).
   * `plain`: all of it is words, as in a question or a judged query.
   */
  readonly syntax?: 'query' | 'plain'
  /** Hits at most, 1 to 100; 10 by default. */
  readonly limit?: number
  /** `hybrid` by default; where nothing has vectors it is `lexical`, and the answer says so. */
  readonly mode?: SearchMode
  /** Adds terms of the best passages of a first round to the query (RM3); by default as all its collections say, else off; not in the mode `vectors`. */
  readonly feedback?: boolean
  /** All must hold; none by default. */
  readonly filters?: readonly FieldFilter[]
  /** Of the query; otherwise the languages of the collections. */
  readonly language?: string
  /** Passages of one document at most; 2 by default. */
  readonly perDocument?: number
  /** Instead of the collections' own weights. */
  readonly weight?: number
  /** How many each ranker puts up for fusion, 1 to 1000; by default as all its collections say, else ten for each hit, at least 100. */
  readonly candidates?: number
  /** Every hit says how its score came about; off by default. */
  readonly explain?: boolean
}
