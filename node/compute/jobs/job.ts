/** Jobs as their owner and its clients see them, and what a kind of job states. */
import type { JsonObject } from '../../json.ts'
import type { Artifacts } from '../../mesh/artifacts/artifacts.ts'
import type { Models } from '../models/registry.ts'
import type { Sandbox } from '../sandbox/sandbox.ts'
import type { TaskContext } from '../tasks/task.ts'

export type JobState = 'running' | 'done' | 'failed' | 'cancelled'
export type TaskState = 'waiting' | 'ready' | 'leased' | 'done' | 'failed' | 'cancelled'

/** What one peer did for a job, counted over accepted results. */
export interface Share {
  tasks: number
  /** As the worker says, at most the time that it held the leases. */
  busyMs: number
  /** Output bytes. */
  bytes: number
}

/** A finished job rests on results that only peers vouched for that were caught lying since. */
export interface JobDoubt {
  readonly peers: readonly string[]
  /** Results that rest on their word alone. */
  readonly tasks: number
  readonly sinceMs: number
}

/** Why a job ended; `fix` is what the table of errors says, null for the code of another version. */
export interface JobError {
  readonly code: string
  readonly message: string
  readonly fix: string | null
  readonly fields: JsonObject
}

export interface JobSummary {
  readonly id: string
  readonly kind: string
  readonly state: JobState
  /** Higher goes first; 0 is ordinary. */
  readonly priority: number
  readonly createdAtMs: number
  readonly finishedAtMs: number | null
  /** Tasks that are planned so far: it grows from stage to stage. */
  readonly total: number
  readonly done: number
  /** What a running job is at: the name of a stage, `plan` or `assemble`. */
  readonly stage: string | null
  /** The stages so far, each with the index of its first task; it ends where the next begins. */
  readonly stages: readonly { readonly name: string; readonly from: number }[]
  readonly params: JsonObject
  readonly result: JsonObject | null
  readonly error: JobError | null
  /** By peer ID. */
  readonly shares: Readonly<Record<string, Share>>
  readonly doubt: JobDoubt | null
}

export interface TaskSummary {
  readonly index: number
  readonly kind: string
  readonly state: TaskState
  /** Peers that hold a lease of it now. */
  readonly peers: readonly string[]
  readonly attempts: number
  /** 0 to 1. */
  readonly progress: number
  readonly label: string
}

export interface PlannedTask {
  readonly kind: string
  readonly params: JsonObject
  /** Indexes of tasks that have to be done first; each is below the task's own. */
  readonly after: readonly number[]
  /** A few words for people, e.g. `encoder/layer_0/ffn rows 0-511`. */
  readonly label: string
}

export interface TaskResult {
  readonly task: PlannedTask
  readonly stats: JsonObject
  /** What JobKind.ahead made of it; null where it did not come to that. */
  readonly ahead: JsonObject | null
  /** The output bytes, read when they are asked for: a job's outputs together may be larger than memory. */
  read(): Promise<Uint8Array>
}

/** A part of a job that is planned from the results of the parts before it. */
export interface Stage {
  /** A word for people: `calibrate`, `compress`. */
  readonly name: string
  /** May be empty: then the next stage is planned at once. Their `after` counts from the job's first task. */
  readonly tasks: readonly PlannedTask[]
  /** What the planning found out and later stages need; stored with the job, so keep it small. */
  readonly facts: JsonObject
}

/** A stage whose tasks are all done. */
export interface FinishedStage {
  readonly name: string
  readonly facts: JsonObject
  readonly results: readonly TaskResult[]
}

export interface JobKind {
  readonly kind: string
  parseParams(input: unknown): JsonObject
  /** Once, when the job is submitted: parameters with the defaults that depend on what is on this node. */
  settle?(params: JsonObject, context: JobContext): Promise<JsonObject>
  /**
   * The first tasks, made while the client waits: a kind with `next` only checks here that the job can be done, and
   * plans the work there. They are a stage with the name of the kind, or none when there are no tasks.
   * Deterministic: a job that is planned again has the same tasks.
   */
  plan(params: JsonObject, context: JobContext): Promise<readonly PlannedTask[]>
  /**
   * Called when all planned tasks are done: what comes next, or null when the job can be assembled. A function of the
   * parameters and the earlier results, for it is called again after a restart, and when a result was taken back.
   */
  next?(params: JsonObject, stages: readonly FinishedStage[], context: JobContext): Promise<Stage | null>
  /**
   * Called for results of the latest stage while tasks of it are still open: what the next step needs of each, made while peers
   * compute. Files go to `file`, or what begins with it. What it gives comes back as the `ahead` of the result, at that step
   * only, and the files go behind it. Results may be left out and restarts forget: the step does without where there is none.
   */
  ahead?(
    params: JsonObject,
    result: TaskResult,
    context: JobContext & { readonly file: string },
  ): Promise<JsonObject | null>
  /** A pure function of its inputs: the same output CID however the job was sharded. `results` are of all stages. */
  assemble(
    params: JsonObject,
    results: readonly TaskResult[],
    context: JobContext,
    stages: readonly FinishedStage[],
  ): Promise<JsonObject>
}

export interface JobContext extends Omit<TaskContext, 'artifacts' | 'progress' | 'known' | 'local'> {
  readonly id: string
  readonly artifacts: Artifacts
  /** What this node lends. */
  readonly memoryBytes: number
  /** The most that a connected member lends which takes work; 0 without one. */
  readonly memberMemoryBytes: number
  readonly models: Models
  /** Where programs that models wrote are run. */
  readonly sandbox: Pick<Sandbox, 'parallel' | 'check' | 'run'>
  /** Name under which artifacts of the result are pinned; they are let go when the job is removed. */
  readonly pin: string
  /** Name under which artifacts are pinned that only the job itself needs; they are let go when it has ended. */
  readonly stagePin: string
  /** A directory of this job's own, removed when the job has ended. */
  readonly workDirectory: string
  /** One that outlives a restart, for what may not become an artifact (kept-files.ts); make it where it is needed. */
  readonly keptDirectory: string
}

/** Most tasks of one job, all stages together. */
export const MAX_TASKS_BY_JOB = 50_000
