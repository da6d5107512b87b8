/** Which codec each weight of a `compress` job gets, and the tasks that make it so. */
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import { codecByName } from '../codecs/table.ts'
import { secondsBySlice, sliceRows } from '../compress-plan/slices.ts'
import type { CompressTask } from '../tasks/compress-task.ts'
import { compressTask } from '../tasks/compress-task.ts'
import { AUTO, type CodecChoice, type CompressParams } from './compress-params.ts'
import type { SlicedWeight } from './compress-slices.ts'
import type { SurveyedWeight } from './compress-survey.ts'
import type { FinishedStage, PlannedTask } from './job.ts'

/** A weight with its codec; the parameters are fitted to it. */
export interface ChosenWeight {
  readonly name: string
  readonly rows: number
  readonly cols: number
  readonly codec: string
  readonly params: JsonObject
  /** CID, for codecs that have one. */
  readonly codebook: string | null
  /** What `auto` expects the model to lose by it; null where nothing was probed. */
  readonly expectedLoss: number | null
}

/** Without `auto`: what the job says of the weight, or of all. Throws CODEC_NEEDS_FORCE. */
export function choiceFor(params: CompressParams, { name }: Pick<SurveyedWeight, 'name'>): CodecChoice {
  const own = params.tensors[name]
  if (own !== undefined) return own
  if (params.codec === AUTO) throw new VillageError('INTERNAL', `"${name}" was given no codec`)
  return { codec: params.codec, params: params.params }
}

export function fitChoice(
  weight: SurveyedWeight,
  choice: CodecChoice,
  expectedLoss: number | null,
): ChosenWeight {
  const codec = codecByName(choice.codec)
  const { name, rows, cols, stats } = weight
  const params = codec.fit(choice.params, stats)
  return { name, rows, cols, codec: codec.name, params, codebook: null, expectedLoss }
}

interface Sources {
  /** CID. */
  readonly model: string
  readonly calibration: string | null
}

const taskParams = (weight: ChosenWeight, sources: Sources): CompressTask => ({
  model: sources.model,
  tensor: weight.name,
  startRow: 0,
  rows: weight.rows,
  cols: weight.cols,
  codec: weight.codec,
  params: weight.params,
  // A codec that makes no use of it gives the same bytes without, and its workers need not fetch it.
  calibration: codecByName(weight.codec).aids.some((aid) => aid !== 'codebook') ? sources.calibration : null,
  codebook: weight.codebook,
})

/** The key that two slices share when they are parts of one encoding of one weight. */
const keyOf = ({ tensor, codec, params, codebook }: CompressTask): string =>
  JSON.stringify([tensor, codec, params, codebook ?? null])

/** The slices of all weights, but of those that an earlier stage made already. */
export function compressTasks(
  weights: readonly ChosenWeight[],
  sources: Sources,
  earlier: readonly FinishedStage[],
): PlannedTask[] {
  const whole = weights.map((weight) => taskParams(weight, sources))
  const secondsOf = (task: CompressTask) => compressTask.estimate(task).cost
  const seconds = secondsBySlice(whole.reduce((sum, task) => sum + secondsOf(task), 0))
  const made = new Set(slicesOf(earlier).keys())
  return whole
    .filter((task) => !made.has(keyOf(task)))
    .flatMap((task) => {
      const { rows, cols, tensor } = task
      const rowGroup = codecByName(task.codec).rowGroup(task.params)
      return sliceRows({ rows, cols, rowGroup, weightSeconds: secondsOf(task), seconds }).map(
        (range): PlannedTask => ({
          kind: 'compress',
          params: { ...task, ...range },
          after: [],
          label: `${tensor} rows ${range.startRow}-${range.startRow + range.rows - 1}`,
        }),
      )
    })
}

/** Results of `compress` stages by what they are parts of, each list in the order of its rows. */
function slicesOf(stages: readonly FinishedStage[]): Map<string, SlicedWeight> {
  const found = new Map<string, SlicedWeight>()
  for (const stage of stages)
    for (const result of stage.results) {
      if (result.task.kind !== 'compress') continue
      const task = result.task.params as CompressTask
      const key = keyOf(task)
      const known = found.get(key)
      if (known !== undefined) known.slices.push(result)
      else
        found.set(key, {
          name: task.tensor,
          cols: task.cols,
          codec: task.codec,
          params: task.params,
          // Absent in plans of daemons before codebooks.
          codebook: task.codebook ?? null,
          slices: [result],
        })
    }
  return found
}

/** The weights as they were chosen last, with their slices; without a choice (older plans), all that were made. */
export function slicedWeights(
  stages: readonly FinishedStage[],
  chosen: readonly ChosenWeight[] | null,
): SlicedWeight[] {
  const made = slicesOf(stages)
  if (chosen === null) return [...made.values()]
  return chosen.map(({ name, codec, params, codebook }) => {
    const weight = made.get(JSON.stringify([name, codec, params, codebook]))
    if (weight === undefined) throw new VillageError('INTERNAL', `No slice of "${name}" was made`)
    return weight
  })
}
