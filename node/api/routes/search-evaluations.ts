/** Routes that measure search on judged queries, and tune a collection by them. */
import path from 'node:path'
import { RANKERS, type Ranker } from '../../agents/rag/query/search-evaluations.ts'
import { VillageError } from '../../errors.ts'
import { amount, anyText, flag, integer, listOf, object, oneOf, orNull, text } from '../schemas.ts'
import { type Route, route } from './route.ts'

type None = Record<string, never>
type Id = { id: string }

const PATH = text(4096)
const SHARE = { type: 'number', minimum: 0, maximum: 1 }
const LANGUAGE = { type: 'string', pattern: '^[a-z]{2}$' }

interface EvaluateBody {
  data: string
  collection?: string
  ranker?: Ranker
  encoder?: string
  feedback?: boolean
  weight?: number
  language?: string
  limit?: number
}

const REPORT = object({
  ranker: oneOf(...RANKERS),
  feedback: flag,
  weight: orNull(SHARE),
  encoder: orNull(anyText),
  documents: integer(),
  chunks: integer(),
  indexSeconds: amount,
  metrics: listOf(object({ name: anyText, title: anyText, value: amount, low: amount, high: amount })),
  latencyMs: object({ p50: amount, p95: amount, p99: amount }),
  queries: listOf(
    object({ id: anyText, ndcg: amount, recall: amount, reciprocalRank: amount, tookMs: amount }),
  ),
})

const TUNED = object({
  current: SHARE,
  best: SHARE,
  curve: listOf(object({ weight: SHARE, ndcg: amount })),
  heldOut: object({ current: amount, tuned: amount, lexical: amount, vectors: amount }),
  gain: object({ value: amount, low: amount, high: amount }),
  isBetter: flag,
  isSaved: flag,
  queries: integer(),
  folds: integer(),
})

/** The daemon reads the folder itself, and has another working directory than who asks. */
function absolute(folder: string): string {
  if (path.isAbsolute(folder)) return folder
  throw new VillageError('INVALID_ARGUMENT', 'The path of the judged folder must be absolute', {
    fields: { argument: 'data' },
  })
}

export const SEARCH_EVALUATION_ROUTES: readonly Route[] = [
  route<None, None, EvaluateBody>({
    method: 'POST',
    path: '/api/v1/evaluations/retrieval',
    scope: 'operate',
    tag: 'knowledge',
    id: 'evaluateRetrieval',
    summary:
      'Measures a ranker on the judged queries of a folder on the daemon’s machine in BEIR’s layout: over its own `corpus.jsonl`, which is indexed for it, or over a collection. nDCG@10, recall@100, MRR@10 and the time of a search. Closing the connection ends it.',
    body: {
      kind: 'json',
      schema: object(
        {
          data: PATH,
          collection: text(256),
          ranker: oneOf(...RANKERS),
          encoder: text(128),
          feedback: flag,
          weight: SHARE,
          language: LANGUAGE,
          limit: integer(1, 100_000),
        },
        ['collection', 'ranker', 'encoder', 'feedback', 'weight', 'language', 'limit'],
      ),
    },
    response: { kind: 'json', status: 200, schema: REPORT },
    errors: [
      'FILE_UNREADABLE',
      'EVALUATION_DATA_INVALID',
      'JUDGEMENTS_UNMATCHED',
      'COLLECTION_UNKNOWN',
      'SEARCH_WITHOUT_VECTORS',
      'MODEL_UNKNOWN',
      'MODEL_NOT_ENCODER',
    ],
    slow: true,
    async handle({ body, signal }, { searchEvaluations }) {
      const { data, collection, ranker = 'hybrid', ...choice } = body
      const folder = absolute(data)
      if (collection === undefined)
        return searchEvaluations.evaluateFolder(folder, { ...choice, ranker }, signal)
      if (choice.encoder !== undefined || choice.language !== undefined)
        throw new VillageError('INVALID_ARGUMENT', 'A collection has its own encoder and languages')
      return searchEvaluations.evaluateCollection(collection, folder, { ...choice, ranker }, signal)
    },
  }),
  route<Id, None, { judged: string }>({
    method: 'POST',
    path: '/api/v1/collections/:id/tune',
    scope: 'operate',
    tag: 'knowledge',
    id: 'tuneCollection',
    summary:
      'Finds the share of the vectors in the scores of a collection by the judged queries of a folder (`queries.jsonl` and `qrels.tsv`), and keeps it where it gains on queries that it was not chosen by.',
    params: object({ id: text(256) }),
    body: { kind: 'json', schema: object({ judged: PATH }) },
    response: { kind: 'json', status: 200, schema: TUNED },
    errors: [
      'COLLECTION_UNKNOWN',
      'FILE_UNREADABLE',
      'EVALUATION_DATA_INVALID',
      'JUDGEMENTS_UNMATCHED',
      'JUDGEMENTS_TOO_FEW',
      'SEARCH_WITHOUT_VECTORS',
    ],
    slow: true,
    handle: async ({ params, body, signal }, { searchEvaluations }) =>
      searchEvaluations.tune(params.id, absolute(body.judged), signal),
  }),
]
