/**
 * `/village/jobs/1.0.0`: an owner of jobs leases tasks to workers that asked for them. See docs/protocols/jobs.md.
 *
 * The opener's first frame says what the stream is: `announce` (an owner has work; the stream ends there) or `hello`
 * (a worker asks for work; the stream lives as long as the owner has any).
 */
import {
  bool,
  bytes,
  double,
  type Infer,
  list,
  message,
  nested,
  optional,
  string,
  uint32,
  uint64,
} from './message.ts'
import type { ProtocolSpec } from './spec.ts'

export const JOBS_PROTOCOL: ProtocolSpec = {
  id: '/village/jobs/1.0.0',
  /** A guest may work; that it has work is not heard (node/compute/jobs/guests.ts). */
  access: 'guest',
  maxFrameBytes: 160 * 1024,
  frameTimeoutMs: 20_000,
  maxStreamsByPeer: 4,
  streamsByMinute: 60,
}

/** Gossip topic of JobsAnnounce: an owner says that it has work. */
export const JOBS_TOPIC = 'jobs'

export const JOBS_LIMITS = {
  /** Larger outputs are artifacts that the owner fetches from the worker. */
  maxInlineBytes: 64 * 1024,
  /** JSON text of a task's parameters. */
  maxParamsBytes: 16 * 1024,
  /** JSON text of a result's statistics. */
  maxStatsBytes: 16 * 1024,
  maxInputs: 16,
  maxKinds: 64,
  /** Leases that one worker may hold from one owner. */
  maxWindow: 256,
  maxAnnounceBytes: 256,
} as const

const CID_BYTES = 128
const CODE_BYTES = 64
/** node/tracing.ts TRACE_CONTEXT_BYTES. */
const TRACE_BYTES = 25

export const JobsAnnounce = message('JobsAnnounce', {
  /** Tasks that wait for a worker. */
  openTasks: [1, uint32()],
  /** Milliseconds since the epoch: older announcements are ignored. */
  timeMs: [2, uint64()],
})

const Hello = message('Hello', {
  version: [1, string(64)],
  kinds: [2, list(string(64), JOBS_LIMITS.maxKinds)],
})

/** Leases that the worker is willing to hold at once: the owner pushes up to that many and never asks. */
const Window = message('Window', { leases: [1, uint32()] })

const Progress = message('Progress', { lease: [1, uint64()], share: [2, double()] })

const Heartbeat = message('Heartbeat', {
  leases: [1, list(nested(Progress, 64), JOBS_LIMITS.maxWindow)],
})

const Result = message('Result', {
  lease: [1, uint64()],
  stats: [2, bytes(JOBS_LIMITS.maxStatsBytes)],
  /** The output when it is small, else empty. */
  inline: [3, bytes(JOBS_LIMITS.maxInlineBytes)],
  /** The output's artifact when it is not inline. */
  cid: [4, string(CID_BYTES)],
  sizeBytes: [5, uint64()],
  busyMs: [6, uint32()],
})

const Failure = message('Failure', {
  lease: [1, uint64()],
  code: [2, string(CODE_BYTES)],
  /** True when the worker gives the task back unharmed: paused, busy or stopping. */
  declined: [3, bool()],
})

/** One field a frame. */
export const WorkerFrame = message('WorkerFrame', {
  announce: [1, optional(nested(JobsAnnounce, JOBS_LIMITS.maxAnnounceBytes))],
  hello: [2, optional(nested(Hello, 8 * 1024))],
  window: [3, optional(nested(Window, 16))],
  heartbeat: [4, optional(nested(Heartbeat, 32 * 1024))],
  result: [5, optional(nested(Result, 128 * 1024))],
  failure: [6, optional(nested(Failure, 256))],
})
export type WorkerFrame = Infer<typeof WorkerFrame>

const Lease = message('Lease', {
  lease: [1, uint64()],
  kind: [2, string(64)],
  params: [3, bytes(JOBS_LIMITS.maxParamsBytes)],
  leaseMs: [4, uint32()],
  /** Absent, or the span that the task belongs to: W3C trace id, parent id and flags. Never sent to a guest. */
  trace: [5, bytes(TRACE_BYTES)],
})

const Revoke = message('Revoke', { lease: [1, uint64()], code: [2, string(CODE_BYTES)] })

/** The owner has the output: the worker need not keep it. */
const Settled = message('Settled', { lease: [1, uint64()] })

const End = message('End', { code: [1, string(CODE_BYTES)] })

/** One field a frame. */
export const OwnerFrame = message('OwnerFrame', {
  lease: [1, optional(nested(Lease, 32 * 1024))],
  revoke: [2, optional(nested(Revoke, 256))],
  settled: [3, optional(nested(Settled, 16))],
  /** Empty code: no more work. Otherwise why this worker is refused. */
  end: [4, optional(nested(End, 256))],
})
export type OwnerFrame = Infer<typeof OwnerFrame>
