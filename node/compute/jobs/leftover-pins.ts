/**
 * Pins that a crash left: inputs and outputs of work for others, whose leases are over when the daemon is, and
 * artifacts of jobs that have ended or are gone. Without this, each crash would keep a model on the disk for ever.
 */
import type { Artifacts } from '../../mesh/artifacts/artifacts.ts'

/** `work:<peer>` and `work:<peer>:<lease>`: the names that worker.ts and worker-stream.ts pin under. */
const WORK = /^work:[1-9A-HJ-NP-Za-km-z]{40,64}(:\d+)?$/
/** `job:<id>` (the result) and `job:<id>:tasks` (outputs that wait for it); ids are those of submission.ts. */
const JOB = /^job:([a-z2-9]{10})(:tasks)?$/

/** Whether nothing uses a pin any more. Pins of other names are not this node's own to take away. */
export function isLeftover(pin: string, jobs: ReadonlyMap<string, { readonly running: boolean }>): boolean {
  if (WORK.test(pin)) return true
  const match = JOB.exec(pin)
  if (match === null) return false
  const job = jobs.get(match[1]!)
  return job === undefined || (match[2] !== undefined && !job.running)
}

export async function dropLeftoverPins(
  components: { artifacts: Pick<Artifacts, 'list' | 'unpin'> },
  jobs: ReadonlyMap<string, { readonly running: boolean }>,
): Promise<void> {
  for (const { cid, pins } of await components.artifacts.list())
    for (const pin of pins) if (isLeftover(pin, jobs)) await components.artifacts.unpin(cid, pin)
}
