/**
 * Tasks of A2A, each seen by whoever sent it alone. They are kept in memory and bounded: what people say to agents is written nowhere, and
 * a restart forgets it, as docs/a2a.md says.
 */
import type { Task } from '@a2a-js/sdk'
import { TaskState } from '@a2a-js/sdk'
import { InMemoryTaskStore, type ServerCallContext, type TaskStore } from '@a2a-js/sdk/server'

export interface TaskStoreInit {
  /** Of one asker; the oldest that has ended goes first. */
  readonly maxTasks: number
  /** Of all askers. */
  readonly maxTotal: number
}

export interface BoundedTaskStore extends TaskStore {
  size(): number
  /** Forgets what an asker's tasks said. Those of the ids are not kept any more, whatever comes of them. */
  forget(owner: string, running: readonly string[]): void
}

const ENDED: readonly (TaskState | undefined)[] = [
  TaskState.TASK_STATE_COMPLETED,
  TaskState.TASK_STATE_FAILED,
  TaskState.TASK_STATE_CANCELED,
  TaskState.TASK_STATE_REJECTED,
]

/** Of the JSON-RPC call's principal. */
export const ownerOf = (context: ServerCallContext) => context.user?.userName ?? ''

export function createTaskStore(init: TaskStoreInit): BoundedTaskStore {
  /** In the order in which they were first saved. */
  const tasks = new Map<string, { owner: string; task: Task }>()
  /** They may still be saved by whoever runs them. */
  const forgotten = new Set<string>()

  function drop(owner: string | null): void {
    const own = [...tasks].filter(([, row]) => owner === null || row.owner === owner)
    const ended = own.find(([, { task }]) => ENDED.includes(task.status?.state))
    const oldest = ended ?? own[0]
    if (oldest !== undefined) tasks.delete(oldest[0])
  }

  return {
    async load(taskId, context) {
      const row = tasks.get(taskId)
      return row !== undefined && row.owner === ownerOf(context) ? structuredClone(row.task) : undefined
    },
    async save(task, context) {
      const owner = ownerOf(context)
      const known = tasks.get(task.id)
      // Ids are made here; one of somebody else's can only come by a fault, and must not be overwritten.
      if (forgotten.has(task.id) || (known !== undefined && known.owner !== owner)) return
      if (known === undefined) {
        const own = [...tasks.values()].filter((row) => row.owner === owner).length
        if (own >= init.maxTasks) drop(owner)
        else if (tasks.size >= init.maxTotal) drop(null)
      }
      tasks.set(task.id, { owner, task: structuredClone(task) })
    },
    async list(params, context) {
      // Filters, order and pages as the SDK's own store has them, over what the asker may see.
      const view = new InMemoryTaskStore()
      for (const { owner, task } of tasks.values())
        if (owner === ownerOf(context)) await view.save(task, context)
      return view.list(params, context)
    },
    size: () => tasks.size,
    forget(owner, running) {
      for (const id of running) forgotten.add(id)
      for (const oldest of forgotten) if (forgotten.size > init.maxTotal) forgotten.delete(oldest)
      for (const [id, row] of tasks) if (row.owner === owner) tasks.delete(id)
    },
  }
}
