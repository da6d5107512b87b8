/**
 * The durable side of jobs: a job and its plan are on the disk before they are acknowledged, results are written as
 * they are accepted, and a restart goes on from what is there. A result lost in a crash is computed again.
 */
import type { JsonObject } from '../../json.ts'
import type { Log } from '../../log.ts'
import type { JsonTable, Store } from '../../store.ts'
import type { Words } from './doubt.ts'
import type { JobDoubt, JobState, PlannedTask, Share } from './job.ts'
import type { JobNotes } from './job-history.ts'
import type { StageRecord } from './stages.ts'

export interface JobRecord {
  readonly id: string
  readonly kind: string
  readonly params: JsonObject
  readonly state: JobState
  readonly priority: number
  /** Position among jobs of one priority. */
  readonly order: number
  readonly createdAtMs: number
  readonly finishedAtMs: number | null
  /** Tasks that count; what is stored behind them is of a stage that a crash left half-written. */
  readonly total: number
  readonly stages: readonly StageRecord[]
  readonly result: JsonObject | null
  /** `fields` are absent in records of daemons before them. */
  readonly error: { readonly code: string; readonly message: string; readonly fields?: JsonObject } | null
  /** Of a finished job; a running one counts its results. */
  readonly shares: Readonly<Record<string, Share>>
  /** Of a job that is done: whose word it rests on. Absent before that. */
  readonly words?: readonly Words[]
  /** Absent as long as nobody whose word it rests on was caught lying. */
  readonly doubt?: JobDoubt
}

/** A job that has just been planned; of a kind that plans later there is no stage yet. */
export function newRecord(
  job: Pick<JobRecord, 'id' | 'kind' | 'params' | 'priority' | 'order' | 'createdAtMs' | 'total'>,
): JobRecord {
  const stages = job.total === 0 ? [] : [{ name: job.kind, from: 0, facts: {} }]
  return { ...job, state: 'running', finishedAtMs: null, stages, result: null, error: null, shares: {} }
}

export interface ResultRecord {
  /** The output as base64 when it is small, else null. */
  readonly inline: string | null
  /** The output's artifact when it is not inline. */
  readonly cid: string | null
  readonly sizeBytes: number
  readonly stats: JsonObject
  /** Who computed it, and who else vouches for it. */
  readonly vouchers: readonly string[]
  readonly exact: boolean
  readonly busyMs: number
}

export interface StoredJob {
  readonly record: JobRecord
  readonly plan: readonly PlannedTask[]
  readonly results: ReadonlyMap<number, ResultRecord>
}

export interface JobQueue {
  /** Running jobs with their plans and results, finished ones without. Removes what a crash left half-written. */
  load(): Promise<StoredJob[]>
  /** Durable when it resolves. */
  add(record: JobRecord, plan: readonly PlannedTask[]): Promise<void>
  update(record: JobRecord): Promise<void>
  /** Durable when it resolves: `tasks` are the last of the record's total. */
  extend(record: JobRecord, tasks: readonly PlannedTask[]): Promise<void>
  /** Durable when it resolves: plan and results end at the record's total. */
  truncate(record: JobRecord): Promise<void>
  /** The final record, durable, and why the job went so; plan and results go. */
  finish(record: JobRecord, notes?: JobNotes): Promise<void>
  /** Of a job that has ended; undefined where there was nothing to note. */
  notes(id: string): Promise<JobNotes | undefined>
  remove(id: string): Promise<void>
  putResult(id: string, task: number, result: ResultRecord): Promise<void>
  getResult(id: string, task: number): Promise<ResultRecord | undefined>
  deleteResults(id: string, tasks: readonly number[]): Promise<void>
}

const keyOf = (id: string, task: number) => `${id}/${task.toString().padStart(6, '0')}`
const taskOf = (key: string) => Number(key.slice(key.lastIndexOf('/') + 1))

/** A batch is encoded in one go on the event loop: tens of thousands of tasks at once would hold it for a second. */
const BATCH = 500

function* inBatches<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += BATCH) yield items.slice(at, at + BATCH)
}

export function createJobQueue(components: { store: Pick<Store, 'json'>; log: Log }): JobQueue {
  const { store, log } = components
  /** Records of daemons before stages have none. */
  const records: JsonTable<Omit<JobRecord, 'stages'> & Partial<Pick<JobRecord, 'stages'>>> =
    store.json('jobs')
  const plans: JsonTable<PlannedTask> = store.json('job-plans')
  const results: JsonTable<ResultRecord> = store.json('job-results')
  const histories: JsonTable<JobNotes> = store.json('job-notes')

  /** Of the tasks from `first` on. */
  async function clear(table: JsonTable<never>, id: string, first = 0): Promise<void> {
    const keys: string[] = []
    for await (const [key] of table.entries({ prefix: `${id}/` })) if (taskOf(key) >= first) keys.push(key)
    for (const some of inBatches(keys)) await table.batch(some.map((key) => ({ type: 'del', key })))
  }

  async function clearTasks(id: string, first = 0): Promise<void> {
    await clear(plans as JsonTable<never>, id, first)
    await clear(results as JsonTable<never>, id, first)
  }

  async function writePlan(id: string, tasks: readonly PlannedTask[], first: number): Promise<void> {
    let index = first
    for (const some of inBatches(tasks))
      await plans.batch(
        some.map((value) => ({ type: 'put', key: keyOf(id, index++), value })),
        { sync: true },
      )
  }

  async function removeOrphans(running: ReadonlySet<string>): Promise<void> {
    const orphans = new Set<string>()
    for (const table of [plans, results])
      for await (const [key] of table.entries()) {
        const id = key.slice(0, key.lastIndexOf('/'))
        if (!running.has(id)) orphans.add(id)
      }
    for (const id of orphans) {
      log.info({ job: id }, 'job left half-written by a crash removed')
      await clearTasks(id)
    }
  }

  return {
    async load() {
      const stored: StoredJob[] = []
      for await (const [id, kept] of records.entries()) {
        const { kind } = kept
        const record = { ...kept, stages: kept.stages ?? [{ name: kind, from: 0, facts: {} }] }
        const plan: PlannedTask[] = []
        const done = new Map<number, ResultRecord>()
        if (record.state === 'running') {
          await clearTasks(id, record.total)
          for await (const [, task] of plans.entries({ prefix: `${id}/` })) plan.push(task)
          for await (const [key, result] of results.entries({ prefix: `${id}/` }))
            done.set(taskOf(key), result)
        }
        stored.push({ record, plan, results: done })
      }
      await removeOrphans(
        new Set(stored.filter(({ record }) => record.state === 'running').map(({ record }) => record.id)),
      )
      return stored.sort((a, b) => a.record.order - b.record.order)
    },
    async add(record, plan) {
      // The record last: a plan without a record is an orphan, a record without a plan would be a broken promise.
      await writePlan(record.id, plan, 0)
      await records.put(record.id, record, { sync: true })
    },
    update: (record) => records.put(record.id, record, { sync: true }),
    async extend(record, tasks) {
      await writePlan(record.id, tasks, record.total - tasks.length)
      await records.put(record.id, record, { sync: true })
    },
    async truncate(record) {
      await records.put(record.id, record, { sync: true })
      await clearTasks(record.id, record.total)
    },
    async finish(record, notes) {
      // Before the record, whose write to the disk takes along what was written before it.
      if (notes !== undefined && notes.notes.length > 0) await histories.put(record.id, notes)
      await records.put(record.id, record, { sync: true })
      await clearTasks(record.id)
    },
    async remove(id) {
      await records.del(id)
      await histories.del(id)
      await clearTasks(id)
    },
    notes: (id) => histories.get(id),
    putResult: (id, task, result) => results.put(keyOf(id, task), result),
    getResult: (id, task) => results.get(keyOf(id, task)),
    deleteResults: (id, tasks) =>
      results.batch(
        tasks.map((task) => ({ type: 'del', key: keyOf(id, task) })),
        { sync: true },
      ),
  }
}
