/**
 * Which results of an earlier run still count. A crash may fall between the quarantine of a peer and the removal of what it
 * alone vouched for: the quarantine is on the disk first, so that this can be made good at the next start.
 */
import type { PlannedTask } from './job.ts'
import type { ResultRecord } from './queue.ts'

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
