/**
 * The durable side of jobs: a job and its plan are on the disk before they are acknowledged, results are written as
 * they are accepted, and a restart goes on from what is there. A result lost in a crash is computed again.
 */
import type { JsonObject } from '../../json.ts'
import type { Log } from '../../log.ts'
import type { JsonTable, Store } from '../../store.ts'
import type { JobState, PlannedTask, Share } from './job.ts'

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
  readonly total: number
  readonly result: JsonObject | null
  readonly error: { readonly code: string; readonly message: string } | null
  /** Of a finished job; a running one counts its results. */
  readonly shares: Readonly<Record<string, Share>>
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
  /** The final record, durable; plan and results go. */
  finish(record: JobRecord): Promise<void>
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
  const records: JsonTable<JobRecord> = store.json('jobs')
  const plans: JsonTable<PlannedTask> = store.json('job-plans')
  const results: JsonTable<ResultRecord> = store.json('job-results')

  async function clear(table: JsonTable<never>, id: string): Promise<void> {
    const keys: string[] = []
    for await (const [key] of table.entries({ prefix: `${id}/` })) keys.push(key)
    for (const some of inBatches(keys)) await table.batch(some.map((key) => ({ type: 'del', key })))
  }

  async function clearTasks(id: string): Promise<void> {
    await clear(plans as JsonTable<never>, id)
    await clear(results as JsonTable<never>, id)
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
      for await (const [id, record] of records.entries()) {
        const plan: PlannedTask[] = []
        const done = new Map<number, ResultRecord>()
        if (record.state === 'running') {
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
      let index = 0
      for (const some of inBatches(plan))
        await plans.batch(
          some.map((value) => ({ type: 'put', key: keyOf(record.id, index++), value })),
          { sync: true },
        )
      await records.put(record.id, record, { sync: true })
    },
    update: (record) => records.put(record.id, record, { sync: true }),
    async finish(record) {
      await records.put(record.id, record, { sync: true })
      await clearTasks(record.id)
    },
    async remove(id) {
      await records.del(id)
      await clearTasks(id)
    },
    putResult: (id, task, result) => results.put(keyOf(id, task), result),
    getResult: (id, task) => results.get(keyOf(id, task)),
    deleteResults: (id, tasks) =>
      results.batch(
        tasks.map((task) => ({ type: 'del', key: keyOf(id, task) })),
        { sync: true },
      ),
  }
}
