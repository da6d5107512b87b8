/** Where a `compress` job is: what its stages read of one another. */
import type { JsonObject } from '../../json.ts'
import type { BuiltModel } from './compress-assemble.ts'
import type { Round } from './compress-auto.ts'
import type { ChosenWeight } from './compress-choice.ts'
import type { CompressParams } from './compress-params.ts'
import { readSurvey, type Survey } from './compress-survey.ts'
import type { FinishedStage, JobContext } from './job.ts'
import { readJobFile } from './job-files.ts'

/** The codebook of a weight, and what the weight's parameters say of it. */
export interface Codebook {
  readonly cid: string
  readonly params: JsonObject
}

/** Where a job is: its parameters and the stages that are done. */
export interface CompressStages {
  readonly params: CompressParams
  readonly stages: readonly FinishedStage[]
  readonly context: JobContext
}

/** The latest stage of a name: with `auto` the same stages may come round again. */
export const latest = ({ stages }: Pick<CompressStages, 'stages'>, name: string) =>
  stages.findLast((stage) => stage.name === name)

export const surveyOf = (at: CompressStages): Promise<Survey> => readSurvey(latest(at, 'survey'), at.context)

export const builtOf = (at: CompressStages): Promise<BuiltModel> =>
  readJobFile<BuiltModel>(at.context, latest(at, 'build'), 'built')

/** The weights as they were chosen last; null in plans of daemons before stages. */
export async function chosenOf(at: CompressStages): Promise<readonly ChosenWeight[] | null> {
  const stage = latest(at, 'choose')
  if (stage === undefined) return null
  const chosen = await readJobFile<ChosenWeight[]>(at.context, stage, 'chosen')
  const trained = at.stages.findLast(({ name }) => name === 'codebooks')
  // Codebooks of an earlier choice are those of another round.
  if (trained === undefined || at.stages.indexOf(trained) < at.stages.indexOf(stage)) return chosen
  const codebooks = await readJobFile<Record<string, Codebook>>(at.context, trained, 'codebooks')
  return chosen.map((weight) => {
    const codebook = codebooks[weight.name]
    if (codebook === undefined) return weight
    return { ...weight, codebook: codebook.cid, params: { ...weight.params, ...codebook.params } }
  })
}

/** CID of the original; in plans of daemons before stages only the tasks say it. */
export async function modelCid(at: CompressStages): Promise<string> {
  if (latest(at, 'survey') !== undefined) return (await surveyOf(at)).model.cid
  return latest(at, 'compress')!.results[0]!.task.params.model as string
}

/** What was chosen so far, and what came of it. */
export function roundsOf({ stages }: Pick<CompressStages, 'stages'>): Round[] {
  const rounds: {
    budgetBytes: number
    costBytes: number
    packedBytes: number | null
    kept: number | null
  }[] = []
  for (const { name, facts } of stages) {
    const round = rounds.at(-1)
    if (name === 'choose' && typeof facts.budgetBytes === 'number')
      rounds.push({
        budgetBytes: facts.budgetBytes,
        costBytes: facts.costBytes as number,
        packedBytes: null,
        kept: null,
      })
    else if (name === 'build' && round !== undefined) round.packedBytes = facts.packedBytes as number
    else if (name === 'verdict' && round !== undefined) round.kept = facts.kept as number | null
  }
  return rounds
}
