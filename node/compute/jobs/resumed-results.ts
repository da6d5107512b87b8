/**
 * Which results of an earlier run still count. A crash may fall between the quarantine of a peer and the removal of what it
 * alone vouched for: the quarantine is on the disk first, so that this can be made good at the next start.
 */
import type { PlannedTask } from './job.ts'
import type { ResultRecord, StoredJob } from './queue.ts'
import { endOfStage, stagesWithin } from './stages.ts'

/** The tasks whose results are void, with all that was built on them, in the order of the plan. */
export function voidResults(
  stored: { plan: readonly PlannedTask[]; results: ReadonlyMap<number, ResultRecord> },
  isQuarantined: (peer: string) => boolean,
): number[] {
  const open = new Set<number>()
  const isVoid = ({ exact, vouchers }: ResultRecord) => !exact && vouchers.every(isQuarantined)
  // A task comes after all that it needs, so one pass finds every consequence.
  for (const [index, { after }] of stored.plan.entries()) {
    const result = stored.results.get(index)
    if (result === undefined || isVoid(result) || after.some((before) => open.has(before))) open.add(index)
  }
  return [...open].filter((index) => stored.results.has(index))
}

/**
 * What to go on with: the job without its void results, and without the stages that were planned from results which are
 * void or lost. `fallen` are the tasks whose results are void.
 */
export function resumedJob(
  stored: StoredJob,
  isQuarantined: (peer: string) => boolean,
): { job: StoredJob; fallen: number[] } {
  const fallen = voidResults(stored, isQuarantined)
  const isVoid = new Set(fallen)
  const counts = (task: number) => stored.results.has(task) && !isVoid.has(task)
  const open = stored.plan.findIndex((_, task) => !counts(task))
  const { total, stages } = stored.record
  const end = open < 0 ? total : endOfStage(stages, total, open)
  const kept = stagesWithin(stages, end)
  const isWhole = open < 0 || (end === total && kept.length === stages.length)
  const record = isWhole ? stored.record : { ...stored.record, total: end, stages: kept }
  const results = new Map([...stored.results].filter(([task]) => task < end && counts(task)))
  return { job: { record, plan: stored.plan.slice(0, end), results }, fallen }
}
