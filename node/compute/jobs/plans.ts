/** The planned tasks of an owner's running jobs, their kinds, and what went wrong with them on this node. */
import type { VillageError } from '../../errors.ts'
import type { TaskKind } from '../tasks/task.ts'
import type { PlannedTask } from './job.ts'
import type { TaskShape } from './job-tasks.ts'

interface Place {
  readonly job: string
  readonly task: number
}

export interface Plans {
  /** Adds tasks behind those that the job has; returns what the scheduler has to know of them. */
  append(job: string, tasks: readonly PlannedTask[]): TaskShape[]
  /** Forgets the tasks from `length` on; all of them when it is 0. */
  truncate(job: string, length: number): void
  /** Of a task that is planned. */
  at(place: Place): { planned: PlannedTask; kind: TaskKind }
  noteProblem(place: Place, problem: VillageError): void
  problem(place: Place): VillageError | undefined
}

export function createPlans(init: { kinds: ReadonlyMap<string, TaskKind> }): Plans {
  const plans = new Map<string, readonly PlannedTask[]>()
  const problems = new Map<string, Map<number, VillageError>>()
  return {
    append(job, tasks) {
      plans.set(job, [...(plans.get(job) ?? []), ...tasks])
      return tasks.map(({ kind, params, after }) => {
        const taskKind = init.kinds.get(kind)!
        const cost = Math.max(taskKind.estimate(params).cost, Number.MIN_VALUE)
        const { ownerOnly = false } = taskKind
        return { kind, after, inputs: taskKind.inputs(params), cost, ownerOnly }
      })
    },
    truncate(job, length) {
      const kept = (plans.get(job) ?? []).slice(0, length)
      if (kept.length === 0) {
        plans.delete(job)
        problems.delete(job)
        return
      }
      plans.set(job, kept)
      for (const task of problems.get(job)?.keys() ?? []) if (task >= length) problems.get(job)!.delete(task)
    },
    at({ job, task }) {
      const planned = plans.get(job)![task]!
      return { planned, kind: init.kinds.get(planned.kind)! }
    },
    noteProblem({ job, task }, problem) {
      const known = problems.get(job) ?? new Map<number, VillageError>()
      problems.set(job, known.set(task, problem))
    },
    problem: ({ job, task }) => problems.get(job)?.get(task),
  }
}
