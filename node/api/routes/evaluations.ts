/** Routes of evaluations beside the jobs that make them. */
import type { EvaluatedModel } from '../../compute/evaluate/evaluations.ts'
import { amount, anyObject, anyText, integer, listOf, object, text } from '../schemas.ts'
import { type Route, route } from './route.ts'

const EVALUATED = object({ job: text(128), model: text(128) })
type None = Record<string, never>

const FIGURE = object({ name: anyText, title: anyText, value: amount, low: amount, high: amount })
const EVALUATION = object({
  job: anyText,
  model: anyText,
  cid: anyText,
  suite: anyText,
  items: integer(),
  finishedAtMs: amount,
  reference: anyText,
  list: anyText,
  figures: listOf(FIGURE),
})

export const EVALUATION_ROUTES: readonly Route[] = [
  route<None, { model?: string }>({
    method: 'GET',
    path: '/api/v1/evaluations',
    scope: 'read',
    tag: 'jobs',
    id: 'listEvaluations',
    summary:
      'What models came to in finished `evaluate` jobs, with 95% intervals, oldest first; of one `model` by id or CID. Those with equal `list` answered the same items and can be compared.',
    query: object({ model: text(128) }, ['model']),
    response: { kind: 'json', status: 200, schema: object({ evaluations: listOf(EVALUATION) }) },
    handle: async ({ query }, { evaluations }) => ({ evaluations: evaluations.list(query.model) }),
  }),
  route<None, None, { first: EvaluatedModel; second: EvaluatedModel }>({
    method: 'POST',
    path: '/api/v1/evaluations/compare',
    scope: 'ask',
    tag: 'jobs',
    id: 'compareEvaluations',
    summary:
      'Compares two models of finished `evaluate` jobs, item by item: paired bootstrap and, for items that are right or wrong, McNemar’s exact test.',
    body: { kind: 'json', schema: object({ first: EVALUATED, second: EVALUATED }) },
    response: {
      kind: 'json',
      status: 200,
      schema: object({ suite: anyText, measures: listOf(anyObject) }),
    },
    errors: ['JOB_UNKNOWN', 'EVALUATION_NOT_COMPARABLE'],
    slow: true,
    handle: async ({ body: { first, second }, signal }, { evaluations }) =>
      evaluations.compare(first, second, signal),
  }),
]
