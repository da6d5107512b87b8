/** `village evaluate --suite retrieval --ranker …`: how good search is on judged queries. */
import path from 'node:path'
import { VillageError } from '../errors.ts'
import type { JsonObject } from '../json.ts'
import type { CommandContext, CommandResult } from './command.ts'
import { optionText } from './command.ts'
import { table } from './format.ts'
import { flagOf } from './option-names.ts'

interface EvaluationView {
  readonly ranker: string
  readonly feedback: boolean
  readonly weight: number | null
  readonly encoder: string | null
  readonly documents: number
  readonly chunks: number
  readonly indexSeconds: number
  readonly metrics: readonly { name: string; title: string; value: number; low: number; high: number }[]
  readonly latencyMs: { p50: number; p95: number; p99: number }
  readonly queries: readonly JsonObject[]
}

const OPTIONS = ['ranker', 'collection', 'feedback', 'weight'] as const

export const evaluatesSearch = (context: CommandContext): boolean =>
  OPTIONS.some((name) => context.options[name] !== undefined)

function share(context: CommandContext, name: string): number | null {
  const given = optionText(context, name)
  if (given === null) return null
  const value = Number(given)
  if (given.trim() !== '' && value >= 0 && value <= 1) return value
  throw new VillageError('USAGE', `${flagOf(name)} is a number from 0 to 1`)
}

export async function evaluateSearch(context: CommandContext): Promise<CommandResult> {
  const suite = optionText(context, 'suite')
  if (suite !== null && suite !== 'retrieval')
    throw new VillageError(
      'USAGE',
      '--ranker, --collection, --feedback and --weight go with --suite retrieval',
    )
  const data = optionText(context, 'data')
  if (data === null) throw new VillageError('USAGE', '--data names the folder with queries and judgements')
  if (context.args.length > 1) throw new VillageError('USAGE', 'A ranker has one encoder at most')
  const [encoder] = context.args
  const [ranker, collection] = [optionText(context, 'ranker'), optionText(context, 'collection')]
  if (encoder !== undefined && collection !== null)
    throw new VillageError('USAGE', 'A collection has its own encoder: name no model with --collection')
  const limit = optionText(context, 'limit')
  const weight = share(context, 'weight')
  if (limit !== null && !(Number.isInteger(Number(limit)) && Number(limit) > 0))
    throw new VillageError('USAGE', '--limit takes a whole number above 0')
  const client = await context.client()
  context.note('Asking every judged query; an index that has to be made first takes minutes with an encoder.')
  const report = await client.send<EvaluationView>('POST', '/api/v1/evaluations/retrieval', {
    data: path.resolve(data),
    ...(ranker !== null && { ranker }),
    ...(collection !== null && { collection }),
    ...(encoder !== undefined && { encoder }),
    ...(context.options.feedback === true && { feedback: true }),
    ...(weight !== null && { weight }),
    ...(limit !== null && { limit: Number(limit) }),
  })
  return { document: report, text: reportText(report) }
}

function reportText(report: EvaluationView): string {
  const { ranker, feedback, weight, encoder, documents, chunks, queries, latencyMs, indexSeconds } = report
  const parts = [
    feedback ? `${ranker} with feedback` : ranker,
    ...(weight === null ? [] : [`weight of vectors ${weight}`]),
    ...(encoder === null ? [] : [`encoder ${encoder}`]),
  ]
  const figure = (value: number) => value.toFixed(4)
  return [
    `${parts.join(', ')}: ${queries.length} queries over ${documents} documents (${chunks} chunks)`,
    table(
      ['measure', 'value', '95% interval'],
      report.metrics.map(({ name, value, low, high }) => [
        name,
        figure(value),
        `${figure(low)} to ${figure(high)}`,
      ]),
    ),
    `A search took ${latencyMs.p50.toFixed(1)} ms (p50), ${latencyMs.p95.toFixed(1)} ms (p95), ${latencyMs.p99.toFixed(1)} ms (p99).`,
    ...(indexSeconds > 0 ? [`Indexing took ${indexSeconds.toFixed(1)} s.`] : []),
  ].join('\n')
}
