/** Jobs as their owner and its clients see them, and what a kind of job states. */
import type { JsonObject } from '../../json.ts'
import type { Artifacts } from '../../mesh/artifacts/artifacts.ts'
import type { Models } from '../models/registry.ts'
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

export interface JobSummary {
  readonly id: string
  readonly kind: string
  readonly state: JobState
  /** Higher goes first; 0 is ordinary. */
  readonly priority: number
  readonly createdAtMs: number
  readonly finishedAtMs: number | null
  readonly total: number
  readonly done: number
  readonly params: JsonObject
  readonly result: JsonObject | null
  readonly error: { readonly code: string; readonly message: string } | null
  /** By peer ID. */
  readonly shares: Readonly<Record<string, Share>>
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
  /** The output bytes, read when they are asked for: a job's outputs together may be larger than memory. */
  read(): Promise<Uint8Array>
}

export interface JobKind {
  readonly kind: string
  parseParams(input: unknown): JsonObject
  /** Deterministic: a job that is planned again has the same tasks. */
  plan(params: JsonObject, context: JobContext): Promise<readonly PlannedTask[]>
  /** A pure function of its inputs: the same output CID however the job was sharded. */
  assemble(params: JsonObject, results: readonly TaskResult[], context: JobContext): Promise<JsonObject>
}

export interface JobContext extends Omit<TaskContext, 'artifacts' | 'progress'> {
  readonly artifacts: Artifacts
  readonly models: Models
  /** Name under which artifacts of the result are pinned; they are let go when the job is removed. */
  readonly pin: string
  /** A directory of this job's own, removed when the job has ended. */
  readonly workDirectory: string
}

/** Most tasks of one job: the plan is written in one batch before the job is acknowledged. */
export const MAX_TASKS_BY_JOB = 50_000
