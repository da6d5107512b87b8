/** A calibration that fits into the memory at hand: groups of activations small enough, at the price of more runs of the model. */
import type { JobContext, PlannedTask } from '../jobs/job.ts'
import { type CalibrateTask, calibrateTask } from '../tasks/calibrate-task.ts'
import { type CalibrationRequest, planCalibration } from './plan.ts'

type PlanContext = Parameters<typeof planCalibration>[1]

/** Or the least memory with which it could be made, as far as it was tried. */
export type PlanWithin = { readonly tasks: readonly PlannedTask[] } | { readonly neededBytes: number }

const sums = ({ params }: PlannedTask) => (params as CalibrateTask).sumsBytes

/**
 * Share of the sums' memory that a plan may keep to fit into `limitBytes`; 0 where even a task without sums would not. Pure.
 * The results of a group shrink with its sums.
 */
export function sumsBudget(
  largest: { readonly neededBytes: number; readonly sumsBytes: number; readonly outputBytes: number },
  limitBytes: number,
): number {
  const { neededBytes, sumsBytes, outputBytes } = largest
  const movable = sumsBytes + outputBytes
  return Math.max(0, Math.floor((sumsBytes * (movable - (neededBytes - limitBytes))) / movable))
}

/**
 * The tasks of planCalibration, as they fit into the first of `limits` (bytes; this node's own comes first, so that a job
 * depends on others only where it must). No weight to calibrate gives no tasks.
 */
export async function planWithin(
  request: CalibrationRequest,
  context: PlanContext & Pick<JobContext, 'artifacts'>,
  limits: readonly number[],
): Promise<PlanWithin> {
  let inputBytes = 0
  for (const cid of [request.model, request.data])
    if (cid !== null) inputBytes += (await context.artifacts.info(cid))?.sizeBytes ?? 0
  const needed = (task: PlannedTask) => calibrateTask.estimate(task.params, inputBytes).memoryBytes
  const most = (tasks: readonly PlannedTask[]) => Math.max(0, ...tasks.map(needed))

  const usual = await planCalibration(request, context)
  let neededBytes = most(usual)
  for (const limitBytes of limits) {
    if (most(usual) <= limitBytes) return { tasks: usual }
    const largest = usual.reduce((one, other) => (needed(other) > needed(one) ? other : one))
    const memoryBudgetBytes = sumsBudget(
      {
        neededBytes: needed(largest),
        sumsBytes: sums(largest),
        outputBytes: (largest.params as CalibrateTask).outputBytes,
      },
      limitBytes,
    )
    if (memoryBudgetBytes === 0) continue
    const smaller = await planCalibration({ ...request, memoryBudgetBytes }, context)
    if (most(smaller) <= limitBytes) return { tasks: smaller }
    neededBytes = Math.min(neededBytes, most(smaller))
  }
  return { neededBytes }
}
