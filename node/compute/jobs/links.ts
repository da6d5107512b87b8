/**
 * What an owner and a worker say to each other. The owner's own worker is linked directly, others over the protocol
 * (worker-stream.ts and owner-stream.ts): both run the same code on both ends.
 */
import type { ErrorCode, VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import type { TaskOutput } from '../tasks/task.ts'
import type { Accepted } from './job-tasks.ts'
import type { HeldOutput } from './outputs.ts'
import type { Effect, Lease } from './scheduler-state.ts'

export interface LeaseOrder {
  readonly lease: number
  readonly kind: string
  /** Unchecked: it may come from anybody. */
  readonly params: unknown
  readonly leaseMs: number
  /** Of the task's span (node/tracing.ts). */
  readonly trace?: Uint8Array | null
}

/** An output as it arrives: the bytes, or where to get them. */
export type OutputRef = { readonly bytes: Uint8Array } | { readonly cid: string; readonly sizeBytes: number }

/** What the owner calls on a worker. None of these waits or throws. */
export interface WorkerLink {
  lease(order: LeaseOrder): void
  revoke(lease: number, code: ErrorCode): void
  /** The owner has the output. */
  settled(lease: number): void
  /** No more work ('') or a refusal; the link is over. */
  end(code: ErrorCode | ''): void
}

/** What a worker calls on an owner. */
export interface OwnerLink {
  /** Leases that the worker is willing to hold at once. */
  window(leases: number): void
  heartbeat(leases: readonly { lease: number; share: number }[]): void
  result(result: { lease: number; stats: JsonObject; busyMs: number; output: OutputRef }): void
  /** `error` is known only to the node's own worker: peers say no more than a code. */
  failure(failure: { lease: number; code: string; declined: boolean; error?: VillageError }): void
}

/** How a worker hands in an output: in memory to itself, or as bytes or an artifact to a peer. */
export interface OwnerConnection extends Omit<OwnerLink, 'result'> {
  readonly owner: string
  readonly own: boolean
  deliver(result: { lease: number; busyMs: number; output: TaskOutput }): Promise<void>
  /** The owner does not need the output any more. */
  release(lease: number): void
}

/** What the owner tells jobs.ts. None of these may throw. */
export interface OwnerEvents {
  /** Everything that was decided, before it is carried out. */
  decided(effects: readonly Effect[]): void
  /** A worker gave a lease back; its code is the peer's own word. */
  gaveBack(lease: Lease, failure: { readonly code: string; readonly declined: boolean }): void
  accepted(job: string, task: number, output: HeldOutput, accepted: Accepted): void
  reopened(job: string, tasks: readonly number[]): void
  finished(job: string): void
  failed(job: string, task: number, error: VillageError): void
  taskChanged(job: string, task: number, peer: string | null): void
  /** A peer was caught lying: what it said of jobs that have ended counts no more either. */
  lied(peer: string): void
}
