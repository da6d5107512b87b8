/** Running jobs: results are written as they are accepted, and the job is assembled when the last is there. */
import { mkdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { type ErrorCode, toVillageError, VillageError } from '../../errors.ts'
import type { Events } from '../../events.ts'
import type { JsonObject } from '../../json.ts'
import type { Log } from '../../log.ts'
import type { Artifacts } from '../../mesh/artifacts/artifacts.ts'
import type { Models } from '../models/registry.ts'
import type { Pool } from '../pool.ts'
import type {
  JobContext,
  JobKind,
  JobState,
  JobSummary,
  PlannedTask,
  Share,
  TaskResult,
  TaskSummary,
} from './job.ts'
import { type Accepted, isFinished } from './job-tasks.ts'
import { type HeldOutput, pinOf, readResult, storeOutput } from './outputs.ts'
import type { Owner } from './owner.ts'
import type { JobQueue, JobRecord, ResultRecord, StoredJob } from './queue.ts'
import { progressOf } from './scheduler-state.ts'

interface Components {
  readonly artifacts: Artifacts
  readonly pool: Pick<Pool, 'run'>
  readonly models: Models
  readonly queue: JobQueue
  readonly events: Pick<Events, 'emit'>
  readonly log: Log
}

interface Init {
  readonly directory: string
  readonly modelsDirectory: string
  readonly kinds: ReadonlyMap<string, JobKind>
  readonly now: () => number
  /** The job has ended, in whatever way. */
  readonly ended: (record: JobRecord, durable: Promise<void>) => void
}

/** A result without its bytes: those are read from the store or the artifacts when they are needed. */
type KeptResult = Omit<ResultRecord, 'inline'>

interface Run {
  record: JobRecord
  readonly plan: readonly PlannedTask[]
  readonly results: Map<number, KeptResult>
  readonly abort: AbortController
  /** Writes of this job, one after another. */
  writes: Promise<void>
}

export interface Runs {
  add(stored: StoredJob): void
  has(id: string): boolean
  context(id: string, signal: AbortSignal): JobContext
  accepted(job: string, task: number, output: HeldOutput, accepted: Accepted): void
  reopened(job: string, tasks: readonly number[]): void
  finished(job: string): void
  end(job: string, state: Exclude<JobState, 'running' | 'done'>, error: VillageError): Promise<void>
  setPriority(job: string, priority: number): Promise<void>
  summary(id: string): JobSummary | null
  tasks(id: string): TaskSummary[]
  ids(): string[]
  stop(): Promise<void>
}

function sharesOf(results: Iterable<KeptResult>): Record<string, Share> {
  const shares: Record<string, Share> = {}
  for (const { vouchers, busyMs, sizeBytes } of results) {
    const peer = vouchers[0]!
    shares[peer] ??= { tasks: 0, busyMs: 0, bytes: 0 }
    const share = shares[peer]
    share.tasks += 1
    share.busyMs += busyMs
    share.bytes += sizeBytes
  }
  return shares
}

export function summaryOf(
  record: JobRecord,
  done: number,
  shares: Readonly<Record<string, Share>>,
): JobSummary {
  const { order: _order, ...rest } = record
  return { ...rest, done, shares }
}

/** `owner` is a function because runs and owner know each other. */
export function createRuns(components: Components & { owner: () => Owner }, init: Init): Runs {
  const { artifacts, queue, events, log } = components
  const runs = new Map<string, Run>()
  const working = new Set<Promise<void>>()
  const stopping = new AbortController()

  function emit(run: Run): void {
    const { id, kind, state, total } = run.record
    events.emit('job:changed', { job: id, kind, state, total, done: run.results.size })
  }

  /** After the job's earlier writes; a failure to write ends the job, for nothing could be kept. */
  function write(run: Run, operation: () => Promise<void>): void {
    const work = run.writes.then(operation).catch(async (error: unknown) => {
      if (runs.get(run.record.id) !== run) return
      log.error({ err: error, job: run.record.id }, 'job could not be written')
      await end(run.record.id, 'failed', toVillageError(error))
    })
    run.writes = work
    working.add(work)
    void work.finally(() => working.delete(work))
  }

  async function unpinTasks(id: string): Promise<void> {
    const pin = pinOf(id)
    for (const info of await artifacts.list())
      if (info.pins.includes(pin)) await artifacts.unpin(info.cid, pin)
  }

  async function close(run: Run, state: JobState, result: JsonObject | null, error: VillageError | null) {
    const { id } = run.record
    runs.delete(id)
    run.abort.abort(error ?? new VillageError('JOB_FINISHED'))
    const codes: Record<string, ErrorCode> = { cancelled: 'JOB_CANCELLED', failed: 'TASK_FAILED' }
    components.owner().remove(id, codes[state] ?? 'JOB_FINISHED')
    run.record = {
      ...run.record,
      state,
      result,
      finishedAtMs: init.now(),
      shares: sharesOf(run.results.values()),
      error: error === null ? null : { code: error.code, message: error.message },
    }
    const durable = queue.finish(run.record).then(() => unpinTasks(id))
    init.ended(run.record, durable)
    try {
      await durable
    } finally {
      emit(run)
    }
  }

  async function end(id: string, state: 'failed' | 'cancelled', error: VillageError): Promise<void> {
    const run = runs.get(id)
    if (run !== undefined) await close(run, state, null, error)
  }

  function context(id: string, signal: AbortSignal): JobContext {
    return {
      artifacts,
      pool: components.pool,
      models: components.models,
      modelsDirectory: init.modelsDirectory,
      workDirectory: path.join(init.directory, id),
      pin: `job:${id}`,
      signal: AbortSignal.any([signal, stopping.signal]),
      log,
    }
  }

  async function assemble(run: Run): Promise<void> {
    const { id, kind, params } = run.record
    const scheduled = components.owner().state.jobs.get(id)
    if (runs.get(id) !== run || scheduled === undefined || run.results.size < run.plan.length) return
    const results = run.plan.map((task, index): TaskResult => {
      const { stats } = run.results.get(index)!
      const read = async () => {
        const stored = await queue.getResult(id, index)
        if (stored === undefined) throw new VillageError('DATA_CORRUPT', 'The result of a task is gone')
        return readResult(artifacts, stored)
      }
      return { task, stats, read }
    })
    const work = context(id, run.abort.signal)
    await mkdir(work.workDirectory, { recursive: true })
    try {
      const result = await init.kinds.get(kind)!.assemble(params, results, work)
      // A voucher may have been found lying meanwhile: then the job comes here again.
      if (isFinished(scheduled) && runs.get(id) === run) await close(run, 'done', result, null)
    } catch (error) {
      if (stopping.signal.aborted || runs.get(id) !== run) return
      if (!isFinished(scheduled)) return
      log.error({ err: error, job: id }, 'job could not be assembled')
      await close(run, 'failed', null, toVillageError(error))
    } finally {
      await rm(work.workDirectory, { recursive: true, force: true })
    }
  }

  return {
    add({ record, plan, results }) {
      const kept = [...results].map(([task, { inline: _inline, ...rest }]) => [task, rest] as const)
      const run: Run = {
        record,
        plan,
        results: new Map(kept),
        abort: new AbortController(),
        writes: Promise.resolve(),
      }
      runs.set(record.id, run)
      const accepted = new Map(
        kept.map(([task, { vouchers, exact }]) => [task, { lease: 0, vouchers, exact }] as const),
      )
      emit(run)
      const { id, priority, order } = record
      components.owner().add({ id, priority, order, plan }, accepted)
    },
    has: (id) => runs.has(id),
    context,
    accepted(job, task, held, accepted) {
      const run = runs.get(job)
      if (run === undefined) return
      const { vouchers, exact } = accepted
      // Outputs are stored side by side, but recorded in order: a reopened task loses the right record.
      const storing = storeOutput(artifacts, { job, held, vouchers, exact })
      storing.catch(() => undefined) // write() below has it
      write(run, async () => {
        const result = await storing
        if (runs.get(job) !== run) {
          if (result.cid !== null) await artifacts.unpin(result.cid, pinOf(job))
          return
        }
        await queue.putResult(job, task, result)
        const { inline: _inline, ...kept } = result
        run.results.set(task, kept)
        emit(run)
      })
    },
    reopened(job, tasks) {
      const run = runs.get(job)
      if (run === undefined) return
      write(run, async () => {
        for (const task of tasks) run.results.delete(task)
        await queue.deleteResults(job, tasks)
        emit(run)
      })
    },
    finished(job) {
      const run = runs.get(job)
      if (run !== undefined) write(run, () => assemble(run))
    },
    end,
    async setPriority(job, priority) {
      const run = runs.get(job)
      if (run === undefined) return
      run.record = { ...run.record, priority }
      await queue.update(run.record)
      emit(run)
    },
    summary(id) {
      const run = runs.get(id)
      return run === undefined
        ? null
        : summaryOf(run.record, run.results.size, sharesOf(run.results.values()))
    },
    tasks(id) {
      const { state } = components.owner()
      const run = runs.get(id)
      if (run === undefined) return []
      return (state.jobs.get(id)?.tasks ?? []).map((task) => {
        const leases = [...task.leases].map((lease) => state.leases.get(lease)!)
        const progress = progressOf(state, task)
        const { index, kind, attempts } = task
        const peers = leases.map((lease) => lease.peer)
        return { index, kind, state: task.state, peers, attempts, progress, label: run.plan[index]!.label }
      })
    },
    ids: () => [...runs.keys()],
    async stop() {
      stopping.abort(new VillageError('SHUTTING_DOWN'))
      while (working.size > 0) await Promise.allSettled(working)
    },
  }
}
