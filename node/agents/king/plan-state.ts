/** What the steps planned so far have named and made, for what later clauses call `it`, `the result` and `the original`. */
import type { Mention } from './mentions.ts'
import { isStepReference } from './plan.ts'
import { type Draft, from, type PlanState, type Value } from './rules/rule.ts'

export const EMPTY_STATE: PlanState = {
  drafts: [],
  model: null,
  original: null,
  models: [],
  collection: null,
  path: null,
  paths: [],
  modelFile: null,
  job: null,
  run: null,
  text: null,
  expression: null,
  said: null,
}

const MAKES_MODEL = new Set(['model_add', 'model_pull', 'model_compress', 'model_merge', 'model_train'])
const STARTS_JOB = new Set([
  'model_compress',
  'model_evaluate',
  'model_compare',
  'model_merge',
  'model_train',
  'geometry_measure',
])
const GIVES_TEXT = new Set([
  'knowledge_ask',
  'knowledge_search',
  'model_generate',
  'file_read',
  'calculate',
  'code_run',
  'model_compare',
  'model_evaluate',
  'model_inspect',
  'model_list',
  'job_list',
  'member_list',
  'node_status',
  'time_now',
  'round_list',
  'round_show',
  'job_show',
  'knowledge_collections',
  'file_list',
  'twin_recall',
  'geometry_measure',
  'model_compress',
  'text_embed',
])

const isValue = (value: unknown): value is Value =>
  typeof value === 'string' || isStepReference(value as never)
const withLast = (models: readonly Value[], value: Value): Value[] => [
  ...models.filter((one) => one !== value),
  value,
]

/** The state after one more step. */
export function withDraft(state: PlanState, step: Draft): PlanState {
  const id = state.drafts.length + 1
  const { tool, arguments: given } = step
  let { model, original, models } = state
  const named = [
    given.model,
    given.first,
    given.second,
    ...(Array.isArray(given.models) ? given.models : []),
  ].filter(isValue)
  for (const value of named) {
    models = withLast(models, value)
    if (tool !== 'model_compare') model = value
  }
  if (MAKES_MODEL.has(tool)) {
    original =
      tool === 'model_compress' || tool === 'model_train'
        ? (named[0] ?? null)
        : tool === 'model_merge'
          ? (named[0] ?? null)
          : null
    model = from(id, 'model')
    models = withLast(models, model)
  }
  return {
    drafts: [...state.drafts, step],
    model,
    original,
    models,
    collection:
      tool === 'knowledge_index' && typeof given.collection === 'string'
        ? given.collection
        : state.collection,
    path: typeof given.path === 'string' && tool !== 'model_add' ? given.path : state.path,
    modelFile: tool === 'model_add' ? null : state.modelFile,
    said: state.said,
    paths: state.paths,
    job: STARTS_JOB.has(tool)
      ? from(id, 'job')
      : /^job_(?:show|wait)$/.test(tool) && isValue(given.job)
        ? given.job
        : state.job,
    run:
      tool === 'evolve_start'
        ? from(id, 'run')
        : tool === 'round_show' && isValue(given.run)
          ? given.run
          : state.run,
    text: GIVES_TEXT.has(tool) ? from(id, 'text') : state.text,
    expression:
      tool === 'calculate' && typeof given.expression === 'string' ? given.expression : state.expression,
  }
}

/** Of a clause that orders nothing: what it speaks of is what the next one means. */
export function withMention(state: PlanState, mention: Mention): PlanState {
  return {
    ...state,
    path: mention.path ?? state.path,
    paths: mention.paths.length > 0 ? mention.paths : state.paths,
    job: mention.job ?? state.job,
    run: mention.run ?? state.run,
    collection: mention.collection ?? state.collection,
    said: mention.said ?? state.said,
    modelFile: mention.modelFile ?? (mention.model === null ? state.modelFile : null),
    ...(mention.model !== null && {
      model: mention.model,
      models: [mention.model, ...mention.models].reduce<Value[]>(withLast, [...state.models]),
    }),
    ...(mention.modelFile !== null && { model: null }),
  }
}
