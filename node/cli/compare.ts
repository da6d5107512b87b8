/** `village compare`: evaluates two models, or takes evaluations that are there, and says whether one is better. */
import { VillageError } from '../errors.ts'
import type { JsonObject } from '../json.ts'
import type { CommandContext, CommandResult } from './command.ts'
import { optionText } from './command.ts'
import { evaluationParams, hasEvaluationOptions } from './evaluation-params.ts'
import { comparisonText } from './evaluation-text.ts'
import { pickJob } from './jobs.ts'
import { followJob, parsePriority } from './submit-job.ts'
import type { JobView } from './wait-job.ts'

interface ComparisonView {
  readonly suite: string
  readonly measures: readonly JsonObject[]
}

/** The jobs that have the two models' evaluations; they are made where none was named. */
async function evaluated(context: CommandContext): Promise<readonly [string, string] | CommandResult> {
  const client = await context.client()
  const [named, other] = [optionText(context, 'job'), optionText(context, 'withJob')]
  if (named !== null) {
    if (hasEvaluationOptions(context))
      throw new VillageError(
        'USAGE',
        '--job takes an evaluation that is there: leave suite, data and their options out',
      )
    const first = await pickJob(client, named)
    return [first, other === null ? first : await pickJob(client, other)]
  }
  if (other !== null) throw new VillageError('USAGE', '--with-job goes with --job')
  const params = await evaluationParams(context, context.args)
  const priority = parsePriority(optionText(context, 'priority'))
  const job = await client.send<JobView>('POST', '/api/v1/jobs', { kind: 'evaluate', params, priority })
  context.note(`Job ${job.id} is submitted.`)
  const ended = await followJob(context, client, { id: job.id, title: 'compare' })
  return (ended.exitCode ?? 0) === 0 ? [job.id, job.id] : ended
}

export async function compare(context: CommandContext): Promise<CommandResult> {
  const [first = '', second = ''] = context.args
  const jobs = await evaluated(context)
  if (!Array.isArray(jobs)) return jobs as CommandResult
  const [firstJob, secondJob] = jobs as [string, string]
  const client = await context.client()
  const comparison = await client.send<ComparisonView>('POST', '/api/v1/evaluations/compare', {
    first: { job: firstJob, model: first },
    second: { job: secondJob, model: second },
  })
  return {
    document: {
      first: { job: firstJob, model: first },
      second: { job: secondJob, model: second },
      ...comparison,
    },
    text: comparisonText(first, second, comparison.suite, comparison.measures),
  }
}
