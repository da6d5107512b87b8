/** Villages of toy kinds: what the tests of jobs over the network share. */
import * as assert from 'uvu/assert'
import type { JobSummary } from '../../node/compute/jobs/job.ts'
import { patientSignal } from '../runner/deadline.ts'
import { type JobNode, type JobNodeInit, stopJobNodes } from './job-nodes.ts'
import { stopMeshNodes } from './mesh.ts'
import { type ToyInit, toyHash, toyJob, toyTask } from './toy-kinds.ts'

export const FAST = { config: { 'jobs.leaseMs': 500 } } as const
export const toyNode = (toy: ToyInit = {}, more: JobNodeInit = {}): JobNodeInit => ({
  taskKinds: [toyTask(toy)],
  jobKinds: [toyJob],
  ...more,
})
export const end = (owner: JobNode, id: string): Promise<JobSummary> =>
  owner.jobs.wait(id, { signal: patientSignal(40_000) })

export async function assertRight(
  owner: JobNode,
  summary: JobSummary,
  tasks: number,
  sizeBytes = 32,
): Promise<void> {
  assert.is(summary.state, 'done', JSON.stringify(summary.error))
  const bytes = await owner.artifacts.read(String(summary.result!.cid))
  assert.is(Buffer.from(bytes).toString('hex'), toyHash(tasks, sizeBytes))
}

/** A promise that somebody else resolves. */
export function gate(): { open: () => void; opened: Promise<void> } {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { open, opened }
}

export const aborted = (signal: AbortSignal) =>
  new Promise<never>((_, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
  )

export async function stopAll(): Promise<void> {
  await stopJobNodes()
  await stopMeshNodes()
}
