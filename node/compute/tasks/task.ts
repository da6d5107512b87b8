/**
 * What a kind of task states. Kinds are a fixed table: a lease names a kind and gives parameters, and nothing that
 * comes over the network is ever run.
 */
import type { Events } from '../../events.ts'
import type { JsonObject } from '../../json.ts'
import type { Log } from '../../log.ts'
import type { Artifacts } from '../../mesh/artifacts/artifacts.ts'
import type { Pool } from '../pool.ts'
import type { KnownAnswers } from './known-answers.ts'

export interface TaskContext {
  readonly artifacts: Pick<Artifacts, 'fetch' | 'materialize' | 'read' | 'has'>
  readonly pool: Pick<Pool, 'run'>
  /** Where models are written out for onnxruntime, one directory a CID. */
  readonly modelsDirectory: string
  readonly signal: AbortSignal
  /** Share of the task that is done, 0 to 1. */
  progress(share: number): void
  /** What this node computed itself, of kinds that compare others' results with it. */
  readonly known: KnownAnswers
  readonly log: Log
  /** Only for tasks of this node's own jobs. */
  readonly local?: LocalContext
}

/** What a task may use on the node whose job it belongs to, and nowhere else. */
export interface LocalContext {
  /** Below it each job has a directory for files that outlive a restart (jobs/kept-files.ts). */
  readonly keptDirectory: string
  /** Cores that this node lends. */
  readonly cores: number
  /** Threads for what takes hours: those of the other pool stay free for what somebody waits for. */
  readonly longPool: Pick<Pool, 'run'>
  readonly events: Pick<Events, 'emit'>
  /** Whether this node works for itself now; a long task gives itself back with WORK_PAUSED where it does not. */
  accepts(): boolean
}

export interface TaskOutput {
  /** Becomes an artifact, or is kept with the job when it is small. */
  readonly bytes: Uint8Array
  /** Facts about the bytes; they are claims until the kind has verified them. */
  readonly stats: JsonObject
}

export interface TaskEstimate {
  readonly memoryBytes: number
  /** Relative work, so that tasks of different sizes can be compared; any unit, the same for all tasks of a kind. */
  readonly cost: number
  /** The largest output that a worker may hand in. */
  readonly maxOutputBytes: number
}

export interface TaskKind {
  readonly kind: string
  /**
   * How a result of a peer that has not earned trust is checked: `verify` where checking is cheaper than computing,
   * `replicate` where it is not.
   */
  readonly check: 'verify' | 'replicate'
  /** Leased to the node's own worker only, whatever its load: its inputs are private. */
  readonly ownerOnly?: true
  /** Checks parameters that may come from anybody; throws INVALID_ARGUMENT naming the field. */
  parseParams(input: unknown): JsonObject
  /** CIDs that a worker needs before it starts. */
  inputs(params: JsonObject): string[]
  /** `inputBytes`: size of the inputs, once they are here. */
  estimate(params: JsonObject, inputBytes?: number): TaskEstimate
  run(params: JsonObject, context: TaskContext): Promise<TaskOutput>
  /**
   * Throws RESULT_INVALID for an output that no honest run can give, whatever the inputs hold: another shape, damaged
   * bytes, statistics that are none. Every result that is taken on a peer's word passes it, so that a peer which was
   * trusted can make a job wrong in a part, but never make it fail.
   */
  inspect(params: JsonObject, output: TaskOutput, context: TaskContext): Promise<void>
  /**
   * Throws RESULT_INVALID when the output is not what run() gives. `spot` looks at a small random sample, `full` at all
   * that is cheaper than run() itself. `exact` is true when nothing of the output rests on the peer's word. Any other
   * error means that this node could not check.
   */
  verify(
    params: JsonObject,
    output: TaskOutput,
    context: TaskContext,
    depth: 'spot' | 'full',
    random: () => number,
  ): Promise<{ exact: boolean }>
  /**
   * True when two outputs of one task are both right or both wrong: equal bytes, or within the tolerance of the kind. Null
   * where they can both be right but neither says anything for the other: verify() decides about each.
   */
  agree(a: TaskOutput, b: TaskOutput): boolean | null
}
