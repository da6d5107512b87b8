/** A job over all peers: the real scheduler and its frames, in virtual time. */
import { dispatch } from '../../node/compute/jobs/dispatch.ts'
import { createScheduledJob } from '../../node/compute/jobs/job-tasks.ts'
import {
  addJob,
  addWorker,
  expireLeases,
  onChecked,
  onHeartbeat,
  onResult,
} from '../../node/compute/jobs/scheduler.ts'
import {
  createSchedulerState,
  type Effect,
  type SchedulerLimits,
} from '../../node/compute/jobs/scheduler-state.ts'
import { workerFrame } from '../../node/compute/jobs/worker-stream.ts'
import { JobsAnnounce, OwnerFrame, WorkerFrame } from '../../node/mesh/protocols/jobs.ts'
import { createVirtualClock } from '../../test/helpers/virtual-clock.ts'
import { ENVELOPE_BYTES } from './announcement-costs.ts'
import type { CostCase, CostRow } from './cost.ts'
import { GOSSIP_DEGREE, gossipCopies } from './gossip-graph.ts'
import { countFrame, createTally, type Tally } from './virtual-streams.ts'

const LIMITS: SchedulerLimits = {
  leaseMs: 30_000,
  maxHoldFactor: 40,
  hedgeFactor: 3,
  minHedgeMs: 1_000,
  replication: 2,
  maxPeerFailures: 3,
}
const HEARTBEAT_MS = LIMITS.leaseMs / 3
const TASK_MS = 24_000
const TASKS_BY_PEER = 4
const WINDOW = 2
const RESULT_BYTES = 40_000
const PARAMS = Buffer.from(
  JSON.stringify({
    model: `bafy${'a'.repeat(55)}`,
    tensor: 'layers.11.weight',
    startRow: 0,
    rows: 512,
    cols: 768,
    codec: 'trellis',
    params: {},
  }),
)
const STATS = Buffer.from(
  JSON.stringify({
    weights: 393_216,
    packedBytes: 40_000,
    squaredError: 12.345678,
    squaredNorm: 4567.891,
    maxAbsError: 0.123,
  }),
)
/** Lease, result, settled and window besides what a task carries: numbers, kinds and tags. */
const FRAMES_BYTES = 56
/** Of a worker that holds as many leases as it may. */
const HEARTBEAT_BYTES = 3 + 16 * WINDOW

const none = { lease: undefined, revoke: undefined, settled: undefined, end: undefined }

interface JobRun {
  readonly tally: Tally
  readonly heartbeats: number
  readonly tasks: number
  readonly endedAtMs: number
  /** Leases that were given out, hedges and repetitions included. */
  readonly leases: number
}

/** All peers take part; results are spot-checked and right. */
function runJob(peers: number): JobRun {
  const tally = createTally()
  const clock = createVirtualClock()
  const state = createSchedulerState(LIMITS)
  const tasks = peers * TASKS_BY_PEER
  let heartbeats = 0
  let leases = 0
  let isFinished = false

  const owner = (frame: Partial<OwnerFrame>) => countFrame(tally, OwnerFrame.encode({ ...none, ...frame }))
  const worker = (frame: Partial<WorkerFrame>) => countFrame(tally, WorkerFrame.encode(workerFrame(frame)))
  const beating = new Set<string>()
  /** When a worker is through with what it holds. */
  const busyUntilMs = new Map<string, number>()

  function perform(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.type === 'lease') begin(effect.lease.id, effect.lease.peer)
      else if (effect.type === 'check') {
        const verdicts = effect.candidates.map(({ lease }) => ({ lease, verdict: 'valid' as const }))
        perform(onChecked(state, { job: effect.job, task: effect.task, verdicts, exact: true }))
      } else if (effect.type === 'accepted') owner({ settled: { lease: effect.accepted.lease } })
      else if (effect.type === 'finished') isFinished = true
    }
  }

  /** One frame tells of all leases of a worker. */
  function beat(peer: string): void {
    beating.add(peer)
    clock.later(HEARTBEAT_MS, () => {
      const held = [...state.workers.get(peer)!.leases].map((lease) => ({ lease, share: 0.5 }))
      beating.delete(peer)
      if (held.length === 0) return
      heartbeats += 1
      worker({ heartbeat: { leases: held } })
      for (const { lease } of held) onHeartbeat(state, { peer, lease, progress: 0.5 }, clock.nowMs)
      beat(peer)
    })
  }

  function begin(lease: number, peer: string): void {
    leases += 1
    owner({
      lease: { lease, kind: 'compress', params: PARAMS, leaseMs: LIMITS.leaseMs, trace: new Uint8Array(0) },
    })
    const startMs = Math.max(clock.nowMs, busyUntilMs.get(peer) ?? 0)
    busyUntilMs.set(peer, startMs + TASK_MS)
    if (!beating.has(peer)) beat(peer)
    clock.later(startMs + TASK_MS - clock.nowMs, () => {
      const inline = new Uint8Array(RESULT_BYTES)
      worker({ result: { lease, stats: STATS, inline, cid: '', sizeBytes: RESULT_BYTES, busyMs: TASK_MS } })
      perform(onResult(state, { peer, lease, check: 'spot' }, clock.nowMs) ?? [])
      perform(dispatch(state, clock.nowMs))
    })
  }

  const plan = Array.from({ length: tasks }, () => ({ kind: 'compress', after: [], inputs: [], cost: 1 }))
  perform(addJob(state, createScheduledJob({ id: 'job', priority: 0, order: 1, plan, accepted: new Map() })))
  for (let index = 0; index < peers; index++) {
    const peer = `peer ${index}`
    addWorker(state, { peer, own: false, kinds: ['compress'] })
    state.workers.get(peer)!.window = WINDOW
    worker({ hello: { version: '0.1.0', kinds: ['compress'] } })
    worker({ window: { leases: WINDOW } })
  }
  perform(dispatch(state, clock.nowMs))
  while (!isFinished && Number.isFinite(clock.nextMs())) {
    clock.step()
    perform(expireLeases(state, clock.nowMs))
  }
  if (!isFinished) throw new Error('a job did not end')
  return { tally, heartbeats, tasks, endedAtMs: clock.nowMs, leases }
}

export const jobCosts: CostCase = {
  name: 'jobs',
  run(peers): CostRow[] {
    const { tally, heartbeats, tasks, endedAtMs, leases } = runJob(peers)
    const announcement = JobsAnnounce.encode({ openTasks: tasks, timeMs: 1_700_000_000_000 }).byteLength
    const beats = TASK_MS / HEARTBEAT_MS
    return [
      {
        cost: 'bytes of a task, its output not counted',
        peers,
        unit: 'bytes',
        measured: tally.bytes / tasks - RESULT_BYTES,
        formula: PARAMS.byteLength + STATS.byteLength + FRAMES_BYTES + beats * HEARTBEAT_BYTES,
        tolerance: 0.2,
      },
      {
        cost: 'heartbeats of a task',
        peers,
        unit: 'messages',
        measured: heartbeats / tasks,
        formula: beats,
        tolerance: 0.1,
      },
      {
        cost: 'leases of a task',
        peers,
        unit: 'leases',
        measured: leases / tasks,
        formula: 1,
        tolerance: 0.05,
      },
      {
        cost: 'time of a job whose tasks grow with the peers',
        peers,
        unit: 'tasks long',
        measured: endedAtMs / TASK_MS,
        formula: TASKS_BY_PEER,
        tolerance: 0.01,
      },
      {
        cost: 'an announcement of work, by peer',
        peers,
        unit: 'bytes',
        measured: ((announcement + ENVELOPE_BYTES) * gossipCopies(peers)) / peers,
        formula: (11 + ENVELOPE_BYTES) * (Math.min(GOSSIP_DEGREE, peers - 1) - 1),
        tolerance: 0.2,
      },
    ]
  },
}
