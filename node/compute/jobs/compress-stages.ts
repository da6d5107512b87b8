/** The stages of a `compress` job that make the model: probe, choose, compress, build. */

import type { JsonObject } from '../../json.ts'
import { probeTask } from '../tasks/probe-task.ts'
import { type BuiltModel, buildCompressed } from './compress-assemble.ts'
import { autoReport, chooseWithin, probeTasks, readProbes } from './compress-auto.ts'
import { calibrationOf } from './compress-calibration.ts'
import { type ChosenWeight, choiceFor, compressTasks, fitChoice, slicedWeights } from './compress-choice.ts'
import { AUTO } from './compress-params.ts'
import {
  builtOf,
  type CompressStages,
  chosenOf,
  latest,
  modelCid,
  roundsOf,
  surveyOf,
} from './compress-state.ts'
import type { Stage } from './job.ts'
import { readJobFile, writeJobFile } from './job-files.ts'
import { memoryNeeded } from './task-inputs.ts'

export async function probeStage(at: CompressStages): Promise<Stage> {
  const { artifacts, memoryBytes, memberMemoryBytes } = at.context
  const survey = await surveyOf(at)
  const plan = (mayRun: boolean) => probeTasks(at.params, survey, calibrationOf(at), { mayRun })
  const tasks = plan(true)
  const limitBytes = Math.max(memoryBytes, memberMemoryBytes)
  for (const { params } of tasks)
    if ((await memoryNeeded(artifacts, { kind: probeTask, params })) > limitBytes)
      return { name: 'probe', tasks: plan(false), facts: {} }
  return { name: 'probe', tasks, facts: {} }
}

/** A codec for every weight; null when the search of `auto` has ended with what was chosen last. */
export async function chooseStage(at: CompressStages): Promise<Stage | null> {
  const { params, context } = at
  const survey = await surveyOf(at)
  const write = async (weights: readonly ChosenWeight[]) => ({ chosen: await writeJobFile(context, weights) })
  if (params.codec !== AUTO) {
    const weights = survey.weights.map((weight) => fitChoice(weight, choiceFor(params, weight), null))
    return { name: 'choose', tasks: [], facts: await write(weights) }
  }
  const options = await readProbes(params, survey, latest(at, 'probe')!)
  const rounds = roundsOf(at)
  const choice = await chooseWithin(params.target!, survey, options, rounds, context)
  if (choice === null) return null
  const weights = survey.weights.map((weight, index) =>
    fitChoice(weight, choice.choices[index]!, choice.losses[index]!),
  )
  return { name: 'choose', tasks: [], facts: { ...(await write(weights)), ...choice.facts } }
}

/** What the report says of the choice of `auto`; empty for other codecs. */
export async function choiceReport(at: CompressStages): Promise<JsonObject> {
  const chosen = await chosenOf(at)
  if (at.params.target === null || chosen === null) return {}
  return { auto: autoReport(at.params.target, roundsOf(at), chosen) }
}

export async function compressStage(at: CompressStages): Promise<Stage> {
  const weights = (await chosenOf(at)) ?? []
  const sources = { model: await modelCid(at), calibration: calibrationOf(at) }
  return { name: 'compress', tasks: compressTasks(weights, sources, at.stages), facts: {} }
}

/**
 * Lets go of what the round before built: a search keeps one model, not one a round. The runnable form stays where peers
 * evaluated it, for a result that is taken back is computed again.
 */
async function releaseLastRound({ stages, context }: CompressStages): Promise<void> {
  const index = stages.findLastIndex(({ name }) => name === 'build')
  if (index < 0) return
  const { packed, runnable } = await readJobFile<BuiltModel>(context, stages[index], 'built')
  const isEvaluated = stages[index + 1]?.name === 'evaluate'
  const released = isEvaluated
    ? [packed.cid].filter((cid) => cid !== runnable.cid)
    : [packed.cid, runnable.cid]
  // A crash may have come after the collection.
  for (const cid of new Set(released))
    if ((await context.artifacts.info(cid)) !== null) await context.artifacts.unpin(cid, context.stagePin)
}

/** False where the model that was built last was let go of since: a result of its round was taken back, and it won all the same. */
export async function isHeld(at: CompressStages): Promise<boolean> {
  const { packed, runnable } = await builtOf(at)
  const { artifacts } = at.context
  return (await artifacts.has(packed.cid)) && (await artifacts.has(runnable.cid))
}

export async function buildStage(at: CompressStages): Promise<Stage> {
  await releaseLastRound(at)
  const weights = slicedWeights(at.stages, await chosenOf(at))
  const built = await buildCompressed(at.params, await modelCid(at), weights, at.context)
  const facts = { built: await writeJobFile(at.context, built), packedBytes: built.packed.sizeBytes }
  return { name: 'build', tasks: [], facts }
}
