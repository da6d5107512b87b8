import { VillageError } from '../errors.ts'
import type { CommandContext, CommandResult } from './command.ts'
import { evaluateSearch, evaluatesSearch } from './evaluate-search.ts'
import { evaluationParams } from './evaluation-params.ts'
import { submitJob } from './submit-job.ts'

export async function evaluate(context: CommandContext): Promise<CommandResult> {
  if (evaluatesSearch(context)) return evaluateSearch(context)
  if (context.args.length === 0)
    throw new VillageError('USAGE', 'Name a model, or --ranker or --collection to evaluate search')
  return submitJob(context, {
    kind: 'evaluate',
    title: 'evaluate',
    params: await evaluationParams(context, context.args),
  })
}
