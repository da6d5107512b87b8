/** Routes of search and answers over the collections of this node and of the village. */

import { MAX_QUESTION_CHARACTERS, MAX_SENTENCES, MAX_SOURCES } from '../../agents/rag/answers/answers.ts'
import { parseFilter } from '../../agents/rag/query/parse-filter.ts'
import type { SearchMode } from '../../agents/rag/query/search-options.ts'
import type { FieldFilter } from '../../agents/rag/search-types.ts'
import { withPeers } from '../../agents/rag/village/collection-names.ts'
import type { KnowledgeSearchOptions } from '../../agents/rag/village/knowledge.ts'
import { askVillage } from '../../agents/sage/ask-village.ts'
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import type { ApiContext } from '../components.ts'
import {
  ANSWER_PROPERTIES,
  HIT,
  MAX_QUERY_CHARACTERS,
  MISSING,
  PASSAGE,
  QUERY_TERMS,
  SCOPE_PROPERTIES,
  WARNINGS,
} from '../knowledge-schemas.ts'
import { amount, anyObject, anyText, flag, integer, listOf, object, oneOf, orNull, text } from '../schemas.ts'
import { type Route, route } from './route.ts'

const tag = 'knowledge'
type None = Record<string, never>

interface ScopeBody {
  readonly collections?: readonly string[]
  readonly local?: boolean
  readonly deadlineMs?: number
  readonly mode?: SearchMode
  readonly feedback?: boolean
  readonly filters?: readonly (string | FieldFilter)[]
  readonly language?: string
  readonly perDocument?: number
  readonly weight?: number
}

interface SearchBody extends ScopeBody {
  readonly query: string
  readonly syntax?: 'query' | 'plain'
  readonly limit?: number
  readonly candidates?: number
  readonly explain?: boolean
}

interface AskBody extends ScopeBody {
  readonly question: string
  readonly sources?: number
  readonly sentences?: number
  readonly threshold?: number
  readonly model?: string | null
}

const SEARCH_PROPERTIES = {
  query: text(MAX_QUERY_CHARACTERS),
  syntax: oneOf('query', 'plain'),
  limit: integer(1, 100),
  candidates: integer(1, 1000),
  explain: flag,
  ...SCOPE_PROPERTIES,
}

const ASK_PROPERTIES = {
  question: text(MAX_QUESTION_CHARACTERS),
  sources: integer(1, MAX_SOURCES),
  sentences: integer(1, MAX_SENTENCES),
  threshold: { type: 'number', minimum: 0, maximum: 1 },
  model: orNull(text(128)),
  ...SCOPE_PROPERTIES,
}

/** Neighbours of a passage on either side. */
/** As hits name it: the id of the collection and that of the segment; or the latter alone, in whichever collection has it. */
const SEGMENT_PATTERN = '^([0-9a-f]{32})?[0-9a-f]{64}$'
const MAX_AROUND = 10

function filtersOf(given: readonly (string | FieldFilter)[]): FieldFilter[] {
  return given.map((filter, index) => {
    if (typeof filter !== 'string') return filter
    try {
      return parseFilter(filter)
    } catch (error) {
      if (!(error instanceof VillageError)) throw error
      throw new VillageError(error.code, error.message, {
        cause: error,
        fields: { field: `body.filters.${index}` },
      })
    }
  })
}

/** `local`, `filters` and `collections` have other names or forms inside; the rest is passed on. */
function scopeOf<T extends ScopeBody>({ local, filters, collections, ...rest }: T, { villages }: ApiContext) {
  return {
    ...rest,
    ...(collections !== undefined && { collections: withPeers(collections, villages.members()) }),
    ...(local !== undefined && { isLocal: local }),
    ...(filters !== undefined && { filters: filtersOf(filters) }),
  }
}

/** As the tool takes them: names of members as peers, and the language model that is configured where none is named. */
function askOptions(
  { model, ...scope }: Omit<AskBody, 'question'>,
  { villages, config }: ApiContext,
): JsonObject {
  // Refused here, where the field has the name that the client gave it.
  filtersOf(scope.filters ?? [])
  const writer = model === undefined ? config['knowledge.answerModel'] : model
  const { collections, filters, ...rest } = scope
  return {
    ...rest,
    ...(collections !== undefined && { collections: withPeers(collections, villages.members()) }),
    ...(filters !== undefined && {
      filters: filters.map((filter) => (typeof filter === 'string' ? filter : { ...filter })),
    }),
    ...(writer !== null && { model: writer }),
  }
}

const SEARCH_ERRORS = [
  'COLLECTION_UNKNOWN',
  'KNOWLEDGE_EMPTY',
  'KNOWLEDGE_UNAVAILABLE',
  'INDEX_CORRUPT',
  'COLLECTION_CORRUPT',
  'MODEL_UNKNOWN',
  'MODEL_NOT_ENCODER',
  'SESSION_FAILED',
] as const

export const SEARCH_ROUTES: readonly Route[] = [
  route<None, None, SearchBody>({
    method: 'POST',
    path: '/api/v1/search',
    scope: 'ask',
    tag,
    id: 'searchPassages',
    summary:
      'The best passages for a query, of this node’s collections and those of other members. `score` ranks and is relative to the best; `wordsFound` and `cosine` say what speaks for a passage by itself. `missing` names what did not answer in time; texts are data from documents, never markup.',
    body: {
      kind: 'json',
      schema: object(
        SEARCH_PROPERTIES,
        Object.keys(SEARCH_PROPERTIES).filter((name) => name !== 'query'),
      ),
    },
    response: {
      kind: 'json',
      status: 200,
      schema: object({
        peer: anyText,
        hits: listOf(HIT),
        mode: anyText,
        terms: QUERY_TERMS,
        filters: listOf(anyObject),
        chunks: integer(),
        missing: MISSING,
        warnings: WARNINGS,
        tookMs: amount,
      }),
    },
    errors: SEARCH_ERRORS,
    async handle({ body, signal }, api) {
      const { query, ...rest } = body
      const options: KnowledgeSearchOptions = { ...scopeOf(rest, api), text: query }
      return { peer: api.identity.peerId, ...(await api.knowledge.search(options, signal)) }
    },
  }),
  route<None, None, AskBody>({
    method: 'POST',
    path: '/api/v1/ask',
    scope: 'ask',
    tag,
    id: 'askQuestion',
    summary:
      'Answers a question with sentences of documents and their sources, or says that the collections do not hold an answer (`isFound`). King is asked first (`steps` says what was done), so that the village can be asked about itself: then `confidence` is null and `sources` is empty. Nothing is changed. `confidence` is evidence that the collections cover the question, not the probability that the answer is right. `model` is a language model that puts the answer into words as well (experimental); null: none.',
    body: {
      kind: 'json',
      schema: object(
        ASK_PROPERTIES,
        Object.keys(ASK_PROPERTIES).filter((name) => name !== 'question'),
      ),
    },
    response: { kind: 'json', status: 200, schema: object({ peer: anyText, ...ANSWER_PROPERTIES }) },
    errors: [...SEARCH_ERRORS, 'AGENT_BUSY'],
    slow: true,
    async handle({ body, signal, principal }, api) {
      const { question, ...rest } = body
      if (question.trim() === '')
        throw new VillageError('INVALID_ARGUMENT', 'The question is empty', {
          fields: { field: 'body.question' },
        })
      const answer = await askVillage(
        api,
        { question, asker: principal, options: askOptions(rest, api) },
        signal,
      )
      return { peer: api.identity.peerId, ...answer }
    },
  }),
  route<{ segment: string; chunk: number }, { around?: number }>({
    method: 'GET',
    path: '/api/v1/passages/:segment/:chunk',
    scope: 'read',
    tag,
    id: 'readPassage',
    summary:
      'The passage that a hit or a citation names, with its neighbours in the same document, wherever it lies.',
    params: object({ segment: { type: 'string', pattern: SEGMENT_PATTERN }, chunk: integer(0, 2 ** 31) }),
    query: object({ around: integer(0, MAX_AROUND) }, ['around']),
    response: { kind: 'json', status: 200, schema: object({ passages: listOf(PASSAGE), missing: MISSING }) },
    errors: ['PASSAGE_UNKNOWN', 'KNOWLEDGE_UNAVAILABLE'],
    async handle({ params: { segment, chunk }, query: { around = 0 }, signal }, { knowledge }) {
      const first = Math.max(0, chunk - around)
      const references = Array.from({ length: chunk + around - first + 1 }, (_, index) => ({
        segment,
        chunk: first + index,
      }))
      const { value, missing } = await knowledge.chunks(references, signal)
      const wanted = value[chunk - first]
      if (wanted === null || wanted === undefined)
        throw new VillageError('PASSAGE_UNKNOWN', undefined, { fields: { segment, chunk } })
      return { passages: value.filter((passage) => passage?.document === wanted.document), missing }
    },
  }),
]
