/** The stages of a `compress` job that calibrate, where that is possible and of use. */
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import { assembleCalibration } from '../calibration/plan.ts'
import { planWithin } from '../calibration/plan-within.ts'
import { codecByName } from '../codecs/table.ts'
import { AUTO } from './compress-params.ts'
import { type CompressStages, latest, surveyOf } from './compress-state.ts'
import type { Stage } from './job.ts'

/** Kinds of models that come with a tokenizer, so that texts can be fed to them. */
const TEXT_KINDS: ReadonlySet<string> = new Set(['encoder', 'language'])

/** Null where calibration is possible and of use. */
async function whyNot(at: CompressStages): Promise<string | null> {
  const { params } = at
  if (params.calibrate === 'none') return 'the job asked for none'
  const codecs = [params.codec, ...Object.values(params.tensors).map(({ codec }) => codec)]
  const uses = (name: string) => name === AUTO || codecByName(name).aids.some((aid) => aid !== 'codebook')
  if (!codecs.some(uses)) return 'the codec makes no use of it'
  const { model } = await surveyOf(at)
  if (params.calibrate === 'auto' && !TEXT_KINDS.has(model.kind))
    return 'the model has no tokenizer and no data was given'
  return null
}

const mebibytes = (sizeBytes: number) => `${Math.ceil(sizeBytes / 2 ** 20)} MiB`

/**
 * The tasks that calibrate, or null where there is nothing to calibrate with or for. Where nobody has the memory for them a job
 * that did not ask for a calibration goes on without one, which is told in the stage's facts; one that brought data for it
 * ends with RESOURCES_INSUFFICIENT.
 */
export async function calibrateStage(at: CompressStages): Promise<Stage | null> {
  if ((await whyNot(at)) !== null) return null
  const { context, params } = at
  const { model, minElements } = await surveyOf(at)
  const { memoryBytes, memberMemoryBytes } = context
  const planned = await planWithin({ model: model.cid, data: calibrationData(at), minElements }, context, [
    memoryBytes,
    memberMemoryBytes,
  ])
  if ('tasks' in planned)
    return planned.tasks.length === 0 ? null : { name: 'calibrate', tasks: planned.tasks, facts: {} }
  const limitBytes = Math.max(memoryBytes, memberMemoryBytes)
  const why = `it takes about ${mebibytes(planned.neededBytes)} of memory, and no member at hand lends more than ${mebibytes(limitBytes)}`
  if (params.calibrate !== 'auto')
    throw new VillageError('RESOURCES_INSUFFICIENT', `The calibration cannot be made: ${why}`, {
      fields: { memoryBytes: planned.neededBytes, limitBytes },
    })
  context.log.warn(
    { job: context.id, memoryBytes: planned.neededBytes, limitBytes },
    'compression without calibration',
  )
  return { name: 'calibration', tasks: [], facts: { cid: null, report: { cid: null }, why } }
}

/** CID of what the user gave; null takes the project's own sentences. */
export const calibrationData = ({ params }: Pick<CompressStages, 'params'>): string | null =>
  params.calibrate === 'auto' || params.calibrate === 'none' ? null : params.calibrate

/** A stage without tasks whose facts are the artifact that all encoders are given, and what the report says of it. */
export async function calibrationStage(at: CompressStages): Promise<Stage> {
  const { results } = latest(at, 'calibrate')!
  const { cid, report } = await assembleCalibration(results, { ...at.context, pin: at.context.stagePin })
  return { name: 'calibration', tasks: [], facts: { cid, report } }
}

/** CID, or null without a calibration. */
export function calibrationOf(at: CompressStages): string | null {
  const cid = latest(at, 'calibration')?.facts.cid
  return typeof cid === 'string' ? cid : null
}

export async function calibrationReport(at: CompressStages): Promise<JsonObject> {
  const done = latest(at, 'calibration')
  if (done !== undefined) return { ...(done.facts.report as JsonObject), why: done.facts.why ?? null }
  if (latest(at, 'survey') === undefined) return { cid: null, why: 'the job was planned by an older daemon' }
  return { cid: null, why: (await whyNot(at)) ?? 'no weight has inputs to calibrate by' }
}
