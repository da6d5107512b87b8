/** The stage of a job that calibrates: its tasks, and what becomes of their results. */
import { join } from 'node:path'
import type { JsonObject } from '../../json.ts'
import type { JobContext, PlannedTask, TaskResult } from '../jobs/job.ts'
import type { CalibrateTask } from '../tasks/calibrate-task.ts'
import type { Activation } from './activations.ts'
import { type CalibratedActivation, writeIndex } from './calibration-directory.ts'
import { momentsBytes } from './moments-file.ts'

export interface CalibrationRequest {
  /** CID of the model directory. */
  readonly model: string
  /** CID of a file of calibration data; null takes the project's own sentences. */
  readonly data: string | null
  /** Of a weight that will be compressed. */
  readonly minElements: number
  /** For the sums that one task holds; 256 MiB if absent. */
  readonly memoryBudgetBytes?: number
  /** For all feedback matrices as stored; 256 MiB if absent, 0 keeps diagonals only. */
  readonly feedbackBudgetBytes?: number
}

type PlanContext = Pick<JobContext, 'artifacts' | 'pool' | 'modelsDirectory' | 'signal'>

const DEFAULT_MEMORY_BUDGET_BYTES = 256 * 2 ** 20
const DEFAULT_FEEDBACK_BUDGET_BYTES = 256 * 2 ** 20
/** Sums of one task: more, and moving them costs more than running the items. */
const MAX_PART_BYTES = 64 * 2 ** 20
/** Fewer items are not worth loading a model for. */
const MIN_ITEMS_BY_TASK = 64
const MAX_PARTS = 8
/** Rows of activations that one run may hold, for the memory of a task; long inputs are cut or are the user's own. */
const ROWS_BY_RUN = 512

/** A range of activations whose sums fit in memory together. */
export interface ActivationGroup {
  readonly first: number
  readonly count: number
}

export function sumsBytes({ cols, feedback }: Pick<Activation, 'cols' | 'feedback'>): number {
  // The sums in float64, a run's rows, and their copy on the way out of the session.
  return 8 * (feedback ? cols * cols : cols) + 2 * 4 * ROWS_BY_RUN * cols
}

/** Ranges of activations in order, each within the budget or of one activation. Pure. */
export function groupActivations(
  activations: readonly Pick<Activation, 'cols' | 'feedback'>[],
  budgetBytes: number,
): ActivationGroup[] {
  const groups: { first: number; count: number; sizeBytes: number }[] = []
  for (const [index, activation] of activations.entries()) {
    const sizeBytes = sumsBytes(activation)
    const last = groups.at(-1)
    if (last !== undefined && last.sizeBytes + sizeBytes <= budgetBytes) {
      last.count++
      last.sizeBytes += sizeBytes
    } else groups.push({ first: index, count: 1, sizeBytes })
  }
  return groups.map(({ first, count }) => ({ first, count }))
}

/**
 * Into how many tasks the items of a group go: each has a share worth loading the model for, and all their results
 * together stay below what moving them is worth. Large layers are therefore calibrated by few peers, small ones by many.
 */
export function partsOf(items: number, partBytes: number): number {
  const byTraffic = Math.floor(MAX_PART_BYTES / partBytes)
  return Math.max(1, Math.min(MAX_PARTS, byTraffic, Math.floor(items / MIN_ITEMS_BY_TASK)))
}

/**
 * The tasks that calibrate a model: for each group of activations, ranges of items. Deterministic. Empty where no weight
 * has an input to calibrate by. Throws CALIBRATION_DATA_INVALID where the model cannot be given the data.
 */
export async function planCalibration(
  request: CalibrationRequest,
  context: PlanContext,
): Promise<PlannedTask[]> {
  const { artifacts, modelsDirectory, pool, signal } = context
  const { model, data, minElements } = request
  const feedbackBudgetBytes = request.feedbackBudgetBytes ?? DEFAULT_FEEDBACK_BUDGET_BYTES
  const modelDirectory = await artifacts.materialize(model, modelsDirectory)
  const dataPath = data === null ? null : await artifacts.materialize(data, modelsDirectory)
  const { items, activations } = await pool.run(
    'calibration.describe',
    { modelDirectory, dataPath, minElements, feedbackBudgetBytes },
    { signal },
  )
  const groups = groupActivations(activations, request.memoryBudgetBytes ?? DEFAULT_MEMORY_BUDGET_BYTES)
  return groups.flatMap((group) => {
    const own = activations.slice(group.first, group.first + group.count)
    const parts = partsOf(items, momentsBytes(own.map(({ cols, feedback }) => ({ cols, full: feedback }))))
    return Array.from({ length: parts }, (_, part): PlannedTask => {
      const start = Math.floor((items * part) / parts)
      const count = Math.floor((items * (part + 1)) / parts) - start
      const params: CalibrateTask = {
        model,
        data,
        minElements,
        feedbackBudgetBytes,
        firstActivation: group.first,
        activations: group.count,
        start,
        count,
        sumsBytes: own.reduce((sum, activation) => sum + sumsBytes(activation), 0),
        outputBytes: momentsBytes(own.map(({ cols, feedback }) => ({ cols, full: feedback }))),
      }
      return {
        kind: 'calibrate',
        params,
        after: [],
        label: `calibration items ${start}-${start + count - 1}, activations ${group.first}-${group.first + group.count - 1}`,
      }
    })
  })
}

export interface Calibrated {
  readonly cid: string
  readonly sizeBytes: number
  /** For the job's report. */
  readonly report: JsonObject
}

/**
 * Makes the calibration of the results of planCalibration's tasks, in their order: the same CID for the same results. It
 * is pinned under the job's name.
 */
export async function assembleCalibration(
  results: readonly TaskResult[],
  context: PlanContext & Pick<JobContext, 'workDirectory' | 'pin'>,
): Promise<Calibrated> {
  const { artifacts, modelsDirectory, pool, signal } = context
  const tasks = results.map(({ task }) => task.params as CalibrateTask)
  const { model, minElements, feedbackBudgetBytes } = tasks[0]!
  const modelDirectory = await artifacts.materialize(model, modelsDirectory)
  const activations = await pool.run(
    'calibration.activations',
    { modelDirectory, minElements, feedbackBudgetBytes },
    { signal },
  )
  const directory = join(context.workDirectory, 'calibration')
  const written: CalibratedActivation[] = []
  for (const [first, parts] of Map.groupBy(results, (_, index) => tasks[index]!.firstActivation)) {
    const bytes: Uint8Array[] = []
    for (const part of parts) bytes.push(await part.read())
    const group = await pool.run(
      'calibration.write',
      { parts: bytes, directory, firstActivation: first },
      { signal },
    )
    for (const [index, activation] of group.entries())
      written.push({ inputs: activations[first + index]!.inputs, ...activation })
  }
  const firstGroup = tasks.filter(({ firstActivation }) => firstActivation === tasks[0]!.firstActivation)
  const items = firstGroup.reduce((sum, { count }) => sum + count, 0)
  const weights = new Map(
    activations.flatMap((activation, index) => activation.weights.map((name) => [name, index])),
  )
  writeIndex(directory, { items, activations: written, weights })
  const { cid, sizeBytes } = await artifacts.addPath(directory, {
    name: `${model.slice(-12)}.calibration`,
    pin: context.pin,
    private: true,
    signal,
  })
  return {
    cid,
    sizeBytes,
    report: {
      cid,
      sizeBytes,
      items,
      data: tasks[0]!.data,
      activations: written.length,
      withFeedback: written.filter(({ feedback }) => feedback).length,
      samples: written.reduce((least, { samples }) => Math.min(least, samples), Number.MAX_SAFE_INTEGER),
      weights: weights.size,
    },
  }
}
