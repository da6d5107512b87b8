/** A job queue in memory: jobs of four tasks that move when the test says so. */
import { randomBytes } from 'node:crypto'
import type { ApiComponents } from '../../node/api/components.ts'
import type { JobSummary, TaskSummary } from '../../node/compute/jobs/job.ts'
import type { JobNote } from '../../node/compute/jobs/job-history.ts'
import { VillageError } from '../../node/errors.ts'
import type { Events } from '../../node/events.ts'
import { createHistogram } from '../../node/histogram.ts'
import type { JsonObject } from '../../node/json.ts'

const NOTE: JobNote = {
  ...{ atMs: 1_760_000_000_000, what: 'failed', task: 0, label: 'slice 0' },
  ...{ peer: null, code: 'TASK_FAILED' },
}

type Writable<T> = { -readonly [K in keyof T]: T[K] }

export interface MemoryJobs {
  readonly jobs: ApiComponents['jobs']
  /** Moves a job on: what the real queue does when results come in. */
  finishTask(job: string, index: number, peer: string): void
  /** Ends a job with a result. */
  endJob(job: string, result: JsonObject): void
}

export function createMemoryJobs(init: { events: Events; nowMs: number; friend: string }): MemoryJobs {
  const { events } = init
  const held = new Map<string, { summary: Writable<JobSummary>; tasks: Writable<TaskSummary>[] }>()
  const pardoned = new Set<string>()
  const changed = ({ summary }: { summary: JobSummary }) =>
    events.emit('job:changed', {
      job: summary.id,
      kind: summary.kind,
      state: summary.state,
      done: summary.done,
      total: summary.total,
      stage: summary.stage,
    })
  const needJob = (id: string) => {
    const job = held.get(id)
    if (job === undefined) throw new VillageError('JOB_UNKNOWN')
    return job
  }

  function finishTask(id: string, index: number, peer: string): void {
    const job = needJob(id)
    const task = job.tasks[index]!
    task.state = 'done'
    task.progress = 1
    task.peers = [peer]
    job.summary.done += 1
    const share = job.summary.shares[peer] ?? { tasks: 0, busyMs: 0, bytes: 0 }
    job.summary.shares = {
      ...job.summary.shares,
      [peer]: { tasks: share.tasks + 1, busyMs: share.busyMs + 100, bytes: share.bytes + 10 },
    }
    events.emit('task:changed', { job: id, task: index, state: 'done', peer, progress: 1 })
    if (job.summary.done === job.summary.total) {
      job.summary.state = 'done'
      job.summary.stage = null
      job.summary.result = { id: 'encoder-int4', bitsPerWeight: 4.5 }
    }
    changed(job)
  }
  const jobs: ApiComponents['jobs'] = {
    taskSeconds: () => createHistogram().read(),
    async submit({ kind, params, priority }) {
      if (!['compress', 'evaluate', 'train'].includes(kind)) throw new VillageError('JOB_KIND_UNKNOWN')
      const id = randomBytes(8).toString('hex')
      const tasks = [0, 1, 2, 3].map(
        (index): Writable<TaskSummary> => ({
          index,
          kind,
          state: 'ready',
          peers: [],
          attempts: 0,
          progress: 0,
          label: `slice ${index}`,
        }),
      )
      const summary: Writable<JobSummary> = {
        id,
        kind,
        state: 'running',
        priority: priority ?? 0,
        createdAtMs: init.nowMs,
        finishedAtMs: null,
        total: tasks.length,
        done: 0,
        stage: 'work',
        stages: [{ name: 'work', from: 0 }],
        params,
        result: null,
        error: null,
        shares: {},
        doubt: null,
      }
      held.set(id, { summary, tasks })
      changed({ summary })
      return summary
    },
    list: () => [...held.values()].map((job) => job.summary),
    get: (id) => held.get(id)?.summary ?? null,
    tasks: (id) => needJob(id).tasks,
    history: async (id) => ({
      notes: needJob(id).summary.done === 0 ? [] : [NOTE],
      forgotten: 0,
    }),
    async cancel(id) {
      const job = needJob(id)
      if (job.summary.state !== 'running') throw new VillageError('JOB_FINISHED')
      job.summary.state = 'cancelled'
      job.summary.stage = null
      changed(job)
    },
    async setPriority(id, priority) {
      needJob(id).summary.priority = priority
    },
    async remove(id) {
      if (needJob(id).summary.state === 'running') throw new VillageError('JOB_RUNNING')
      held.delete(id)
    },
    trust: () =>
      pardoned.has(init.friend)
        ? []
        : [
            {
              peer: init.friend,
              kind: 'compress',
              consecutiveValid: 0,
              quarantinedUntilMs: init.nowMs,
              reason: 'RESULT_INVALID',
            },
          ],
    async pardon(peer) {
      pardoned.add(peer)
    },
  }
  function endJob(id: string, result: JsonObject): void {
    const job = needJob(id)
    Object.assign(job.summary, { state: 'done', stage: null, done: job.summary.total, result })
    changed(job)
  }
  return { jobs, finishTask, endJob }
}
