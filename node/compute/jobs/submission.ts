/** What is checked of a job before it exists. */
import { randomInt } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { VillageError } from '../../errors.ts'
import { JOBS_LIMITS } from '../../mesh/protocols/jobs.ts'
import { nearest } from '../../nearest.ts'
import { pathsIn, refuseOwnFiles } from '../../own-files.ts'
import type { TaskKind } from '../tasks/task.ts'
import { type JobKind, MAX_TASKS_BY_JOB, type PlannedTask } from './job.ts'

/** Without letters and digits that are taken for one another. */
const ID_ALPHABET = 'abcdefghijkmnpqrstuvwxyz23456789'
const ID_LENGTH = 10
const PRIORITY_RANGE = 1_000

export function newJobId(): string {
  return Array.from({ length: ID_LENGTH }, () => ID_ALPHABET[randomInt(ID_ALPHABET.length)]).join('')
}

/** Throws JOB_KIND_UNKNOWN with the nearest kind, or all of them. */
export function jobKindByName(kinds: ReadonlyMap<string, JobKind>, name: string): JobKind {
  const kind = kinds.get(name)
  if (kind !== undefined) return kind
  const names = [...kinds.keys()]
  const meant = nearest(name, names)
  throw new VillageError(
    'JOB_KIND_UNKNOWN',
    `There is no job kind "${name}"; ${meant === null ? `kinds are ${names.join(', ')}` : `did you mean "${meant}"?`}`,
    { fields: { kind: name, suggestion: meant } },
  )
}

/** Throws INVALID_ARGUMENT. */
export function checkPriority(priority: number): void {
  if (Number.isInteger(priority) && Math.abs(priority) <= PRIORITY_RANGE) return
  throw new VillageError(
    'INVALID_ARGUMENT',
    `"priority" must be a whole number from -${PRIORITY_RANGE} to ${PRIORITY_RANGE}`,
    { fields: { argument: 'priority' } },
  )
}

/** What is wrong whatever the kind. Throws INVALID_ARGUMENT, FILE_REFUSED. */
export async function checkWish(
  { params, priority }: { readonly params: unknown; readonly priority: number },
  dataDirectory: string,
): Promise<void> {
  checkPriority(priority)
  await refuseOwnFiles(pathsIn(params), dataDirectory)
}

/** Tasks that are looked at before the event loop has its turn: a plan may have tens of thousands. */
const CHECKED_AT_ONCE = 256

/**
 * A plan is this node's own work, but a kind with a fault must not write a job that can never run. Tasks before `first`
 * were checked earlier.
 */
export async function checkPlan(
  plan: readonly PlannedTask[],
  kinds: ReadonlyMap<string, TaskKind>,
  first = 0,
): Promise<void> {
  if (plan.length > MAX_TASKS_BY_JOB)
    throw new VillageError(
      'JOB_TOO_LARGE',
      `The job has ${plan.length} tasks; ${MAX_TASKS_BY_JOB} is the most`,
    )
  for (let index = first; index < plan.length; index++) {
    const task = plan[index]!
    if (index % CHECKED_AT_ONCE === 0) await setImmediate()
    const kind = kinds.get(task.kind)
    const fits = Buffer.byteLength(JSON.stringify(task.params)) <= JOBS_LIMITS.maxParamsBytes
    if (kind === undefined || !fits || task.after.some((before) => before >= index || before < 0))
      throw new VillageError('INTERNAL', `Task ${index} of the plan cannot be leased`, {
        fields: { kind: task.kind, fits },
      })
    kind.parseParams(task.params)
  }
}
