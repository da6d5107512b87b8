/**
 * Running jobs: results are written as they are accepted; when the last is there the next stage is planned, and after
 * the last stage the job is assembled.
 */
import { mkdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { type ErrorCode, toVillageError, VillageError } from '../../errors.ts'
import type { Events } from '../../events.ts'
import type { JsonObject } from '../../json.ts'
import type { Log } from '../../log.ts'
import type { Artifacts } from '../../mesh/artifacts/artifacts.ts'
import type { Mesh } from '../../mesh/mesh.ts'
import type { Models } from '../models/registry.ts'
import type { Pool } from '../pool.ts'
import type { Resources } from '../resources.ts'
import type { Sandbox } from '../sandbox/sandbox.ts'
import type { TaskKind } from '../tasks/task.ts'
import { type Ahead, createAhead } from './ahead.ts'
import type {
  JobContext,
  JobKind,
  JobState,
  JobSummary,
  PlannedTask,
  Stage,
  TaskResult,
  TaskSummary,
} from './job.ts'
import { jobContext } from './job-context.ts'
import type { JobNotes } from './job-history.ts'
import { type Accepted, isFinished } from './job-tasks.ts'
import { dropKeptFiles } from './kept-files.ts'
import { type KeptResult, keepResult, taskResult } from './kept-results.ts'
import { type HeldOutput, pinOf, storeOutput, unpinOutputs } from './outputs.ts'
import type { Owner } from './owner.ts'
import type { JobQueue, JobRecord, StoredJob } from './queue.ts'
import { endOfStage, finishedStages, stagesWithin } from './stages.ts'
import { checkPlan } from './submission.ts'
import { endedRecord, sharesOf, summaryOf, taskSummaries } from './summary.ts'

interface Components {
  readonly mesh: Pick<Mesh, 'peers'>
  readonly resources: Pick<Resources, 'limits'>
  readonly artifacts: Artifacts
  readonly pool: Pick<Pool, 'run'>
  readonly models: Models
  readonly sandbox: Pick<Sandbox, 'parallel' | 'check' | 'run'>
  readonly queue: JobQueue
  readonly events: Pick<Events, 'emit'>
  readonly log: Log
}

interface Init {
  readonly directory: string
  readonly modelsDirectory: string
  readonly keptDirectory: string
  readonly kinds: ReadonlyMap<string, JobKind>
  readonly taskKinds: ReadonlyMap<string, TaskKind>
  readonly now: () => number
  /** A job has more tasks: workers that had nothing left to do are wanted again. */
  readonly extended: () => void
  /** Why it went as it did, as far as that is known. */
  readonly notes: (job: string) => JobNotes
  /** The job has ended, in whatever way. */
  readonly ended: (record: JobRecord, durable: Promise<void>) => void
}

interface Run {
  record: JobRecord
  plan: readonly PlannedTask[]
  /** What the job is at between its stages. */
  between: 'plan' | 'assemble' | null
  readonly results: Map<number, KeptResult>
  readonly ahead: Ahead<KeptResult>
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
  label(job: string, task: number): string
  ids(): string[]
  stop(): Promise<void>
}

const stageOf = (run: Run) => run.between ?? run.record.stages.at(-1)?.name ?? 'plan'
/** Results of tasks that have gone with their stage are deleted a moment later. */
const doneOf = (run: Run) => Math.min(run.results.size, run.record.total)

/** `owner` is a function because runs and owner know each other. */
export function createRuns(components: Components & { owner: () => Owner }, init: Init): Runs {
  const { artifacts, queue, events, log } = components
  const runs = new Map<string, Run>()
  const working = new Set<Promise<void>>()
  const stopping = new AbortController()

  function emit(run: Run): void {
    const { id, kind, state, total } = run.record
    const stage = state === 'running' ? stageOf(run) : null
    events.emit('job:changed', { job: id, kind, state, total, done: doneOf(run), stage })
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

  async function close(run: Run, state: JobState, result: JsonObject | null, error: VillageError | null) {
    const { id } = run.record
    runs.delete(id)
    run.abort.abort(error ?? new VillageError('JOB_FINISHED'))
    const codes: Record<string, ErrorCode> = { cancelled: 'JOB_CANCELLED', failed: 'TASK_FAILED' }
    components.owner().remove(id, codes[state] ?? 'JOB_FINISHED')
    const end = { state, result, error, finishedAtMs: init.now() }
    run.record = endedRecord(run.record, [...run.results.values()], end)
    const drop = async () => {
      await unpinOutputs(artifacts, id)
      await run.ahead.clear()
      if (state !== 'failed') await dropKeptFiles(init.keptDirectory, id)
    }
    const durable = queue.finish(run.record, init.notes(id)).then(drop)
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

  const context = (id: string, signal: AbortSignal): JobContext =>
    jobContext(components, init, { id, signal: AbortSignal.any([signal, stopping.signal]) })

  function resultOf(run: Run, kept: KeptResult): TaskResult {
    const { id } = run.record
    return taskResult(components, { job: id, task: run.plan[kept.task]!, kept, ahead: run.ahead.of(kept) })
  }

  async function makeAhead(run: Run, kept: KeptResult, file: string): Promise<JsonObject | null> {
    const { id, kind, params } = run.record
    // It was taken back since, perhaps with its stage.
    if (run.results.get(kept.task) !== kept || kept.task >= run.plan.length) return null
    const work = { ...context(id, run.abort.signal), file }
    return init.kinds.get(kind)!.ahead!(params, resultOf(run, kept), work)
  }

  /** Only while its stage goes on: behind that the next step makes what it needs itself. */
  function offer(run: Run, kept: KeptResult): void {
    const { kind, stages } = run.record
    const isOfStage = kept.task >= (stages.at(-1)?.from ?? 0)
    if (isOfStage && doneOf(run) < run.plan.length && init.kinds.get(kind)?.ahead !== undefined)
      run.ahead.offer(kept)
  }

  /** Stores the next stage, then starts it. Void: a result that it was planned from was taken back meanwhile. */
  async function extend(run: Run, stage: Stage, isVoid: () => boolean): Promise<void> {
    const before = run.record
    const plan = [...run.plan, ...stage.tasks]
    await checkPlan(plan, init.taskKinds, run.plan.length)
    const { name, facts } = stage
    const stages = [...before.stages, { name, facts, from: run.plan.length }]
    await queue.extend({ ...before, total: plan.length, stages }, stage.tasks)
    if (isVoid()) {
      // A job that ended meanwhile had its last record written over: it would run again after a restart.
      await (runs.get(before.id) === run ? queue.truncate(run.record) : queue.finish(run.record))
      return
    }
    const changed = run.record !== before
    run.record = { ...run.record, total: plan.length, stages }
    run.plan = plan
    components.owner().extend(before.id, stage.tasks)
    if (stage.tasks.length > 0) init.extended()
    if (changed) await queue.update(run.record)
  }

  /** All planned tasks are done: plans the next stage, or assembles the job. */
  async function advance(run: Run): Promise<void> {
    const { id, kind: name, params } = run.record
    const kind = init.kinds.get(name)!
    const scheduled = components.owner().state.jobs.get(id)
    const isComplete = () => run.results.size >= run.plan.length && isFinished(scheduled!)
    if (runs.get(id) !== run || scheduled === undefined || !isComplete()) return
    const { reopenings } = scheduled
    // A voucher was found lying: when its tasks are done again, the job comes here again.
    const isVoid = () => runs.get(id) !== run || scheduled.reopenings !== reopenings
    const work = context(id, run.abort.signal)
    const at = async <T>(between: 'plan' | 'assemble', step: () => Promise<T>): Promise<T> => {
      run.between = between
      emit(run)
      await mkdir(work.workDirectory, { recursive: true })
      try {
        return await step()
      } finally {
        run.between = null
        await rm(work.workDirectory, { recursive: true, force: true })
        await run.ahead.clear()
      }
    }
    try {
      // A stage may have no tasks: then the next is planned at once.
      while (!isVoid() && isComplete()) {
        await run.ahead.rest()
        if (isVoid()) return
        const results = run.plan.map((_, index) => resultOf(run, run.results.get(index)!))
        const stages = finishedStages(run.record.stages, results)
        const stage = await at('plan', async () => (await kind.next?.(params, stages, work)) ?? null)
        if (isVoid()) return
        if (stage === null) {
          const result = await at('assemble', () => kind.assemble(params, results, work, stages))
          if (!isVoid()) await close(run, 'done', result, null)
          return
        }
        await extend(run, stage, isVoid)
      }
      if (runs.get(id) === run) emit(run)
    } catch (error) {
      if (stopping.signal.aborted || isVoid()) return
      const failure = toVillageError(error)
      // What the model or the parameters of a job make fail is told to whoever submitted it, and no fault of this daemon.
      if (failure.http < 500) log.warn({ job: id, code: failure.code }, 'job failed')
      else log.error({ err: error, job: id }, 'job could not be planned or assembled')
      await close(run, 'failed', null, failure)
    }
  }

  return {
    add({ record, plan, results }) {
      const kept = [...results].map(([task, result]) => keepResult(task, result))
      const { id, priority, order } = record
      const abort = new AbortController()
      const run: Run = {
        record,
        plan,
        between: null,
        results: new Map(kept.map((result) => [result.task, result])),
        ahead: createAhead<KeptResult>(
          { log },
          {
            job: id,
            directory: path.join(init.directory, 'ahead', id),
            make: (result, file) => makeAhead(run, result, file),
            signal: AbortSignal.any([abort.signal, stopping.signal]),
          },
        ),
        abort,
        writes: Promise.resolve(),
      }
      runs.set(record.id, run)
      const accepted = new Map(
        kept.map(({ task, vouchers, exact }) => [task, { lease: 0, vouchers, exact }] as const),
      )
      emit(run)
      components.owner().add({ id, priority, order, plan }, accepted)
      for (const result of kept) offer(run, result)
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
        const kept = keepResult(task, result)
        run.results.set(task, kept)
        emit(run)
        offer(run, kept)
      })
    },
    reopened(job, tasks) {
      const run = runs.get(job)
      if (run === undefined) return
      // Later stages were planned from what these tasks gave.
      const end = endOfStage(run.record.stages, run.plan.length, Math.min(...tasks))
      const isTruncated = end < run.plan.length
      if (isTruncated || run.record.stages.some(({ from }) => from >= end)) {
        run.record = { ...run.record, total: end, stages: stagesWithin(run.record.stages, end) }
        run.plan = run.plan.slice(0, end)
        components.owner().truncate(job, end)
      }
      write(run, async () => {
        for (const task of [...run.results.keys()])
          if (task >= end || tasks.includes(task)) run.results.delete(task)
        await queue.deleteResults(job, tasks)
        await queue.truncate(run.record)
        emit(run)
      })
    },
    finished(job) {
      const run = runs.get(job)
      if (run !== undefined) write(run, () => advance(run))
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
        : summaryOf(run.record, doneOf(run), sharesOf(run.results.values()), stageOf(run))
    },
    tasks(id) {
      const { state } = components.owner()
      const run = runs.get(id)
      if (run === undefined) return []
      return taskSummaries(state, state.jobs.get(id), run.plan)
    },
    label: (job, task) => runs.get(job)?.plan[task]?.label ?? '',
    ids: () => [...runs.keys()],
    async stop() {
      stopping.abort(new VillageError('SHUTTING_DOWN'))
      await Promise.all([...runs.values()].map(({ ahead }) => ahead.rest()))
      while (working.size > 0) await Promise.allSettled(working)
    },
  }
}
