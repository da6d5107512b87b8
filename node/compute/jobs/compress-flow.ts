/**
 * How a job of the kind `compress` goes: a model's large weights, sliced by rows, each through a codec. Its stages, those in brackets
 * where they apply:
 *
 *   survey         on the owner: the weights and their statistics
 *   [calibrate]    peers run the model: what its weights see as inputs
 *   [calibration]  on the owner: the artifact that all encoders are given
 *   [probe]        `auto`: what each codec would cost and lose on each weight
 *   choose         on the owner: a codec for each weight
 *   [codebook]     trains what weights of the codec vptq share
 *   [codebooks]    on the owner: which codebook each weight has
 *   compress       the slices of the weights
 *   build          on the owner: the packed and the runnable model, not published yet
 *   [sample]       a language model writes texts, by which its compressed form is measured
 *   [evaluate]     original and compressed model answer the items of a suite
 *   verdict        on the owner: how much of its quality the model keeps
 *
 * Each is planned from the parameters and what the stages before it gave, so that a restart plans the same. `auto` goes
 * from build or verdict back to choose until its target is met; slices that were made once are not made again.
 */
import type { JsonObject } from '../../json.ts'
import { prepareResult } from './compress-ahead.ts'
import { publishCompressed } from './compress-assemble.ts'
import { isTooLarge } from './compress-auto.ts'
import { calibrateStage, calibrationReport, calibrationStage } from './compress-calibration.ts'
import { codebookStage, codebooksStage } from './compress-codebooks.ts'
import { checkQuality, evaluateStage, qualityOf, verdictStage } from './compress-gate.ts'
import { AUTO, type CompressParams, parseCompressParams } from './compress-params.ts'
import { smallReport } from './compress-report.ts'
import {
  buildStage,
  choiceReport,
  chooseStage,
  compressStage,
  isHeld,
  probeStage,
} from './compress-stages.ts'
import {
  builtOf,
  type CompressStages,
  chosenOf,
  latest,
  modelCid,
  roundsOf,
  surveyOf,
} from './compress-state.ts'
import { checkCompressible, surveyStage } from './compress-survey.ts'
import type { JobKind, Stage } from './job.ts'

const isAuto = ({ params }: CompressStages) => params.codec === AUTO
const probeOrChoose = (at: CompressStages) => (isAuto(at) ? probeStage(at) : chooseStage(at))

async function afterBuild(at: CompressStages): Promise<Stage> {
  const { target } = at.params
  if (target !== null && isTooLarge(target, await surveyOf(at), roundsOf(at))) return (await chooseStage(at))!
  return (await evaluateStage(at)) ?? verdictStage(at)
}

/** What follows a stage. */
const FOLLOWING: Readonly<Record<string, (at: CompressStages) => Promise<Stage | null>>> = {
  survey: async (at) => (await calibrateStage(at)) ?? probeOrChoose(at),
  calibrate: calibrationStage,
  calibration: probeOrChoose,
  probe: chooseStage,
  choose: async (at) => (await codebookStage(at)) ?? compressStage(at),
  codebook: codebooksStage,
  codebooks: compressStage,
  compress: buildStage,
  build: afterBuild,
  sample: async (at) => (await evaluateStage(at)) ?? verdictStage(at),
  evaluate: verdictStage,
  async verdict(at) {
    if (at.params.target === null || !('quality' in at.params.target)) return null
    return (await chooseStage(at)) ?? ((await isHeld(at)) ? null : buildStage(at))
  },
}

export const compressFlow: Required<Pick<JobKind, 'plan' | 'next' | 'ahead' | 'assemble'>> = {
  async plan(params, context) {
    await checkCompressible(params as CompressParams, context)
    return []
  },
  async next(given, stages, context) {
    const params = parseCompressParams(given)
    const last = stages.at(-1)
    return last === undefined
      ? surveyStage(params, context)
      : FOLLOWING[last.name]!({ params, stages, context })
  },
  ahead: (given, result, context) => prepareResult(parseCompressParams(given), result, context),
  async assemble(given, _results, context, stages) {
    const params = parseCompressParams(given)
    const at: CompressStages = { params, stages, context }
    const built = await builtOf(at)
    const quality = qualityOf(at)
    checkQuality(params, quality, built, await chosenOf(at))
    const facts: JsonObject = {
      quality,
      calibration: await calibrationReport(at),
      ...(latest(at, 'survey') === undefined ? {} : smallReport(await surveyOf(at))),
      ...(await choiceReport(at)),
    }
    return publishCompressed(params, await modelCid(at), built, facts, context)
  },
}
