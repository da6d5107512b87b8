/** A run with all that this node does for it: the ledger's end, scoring, taking part, and what is told of it. */
import type { Events } from '../../events.ts'
import type { Log } from '../../log.ts'
import { peerOf, type Signer } from '../../mesh/membership/keys.ts'
import type { Role } from '../../mesh/mesh.ts'
import type { JsonTable } from '../../store.ts'
import type { Announcement } from '../ledger/announcement.ts'
import type { LedgerStore } from '../ledger/ledger-store.ts'
import type { LedgerTip } from '../ledger/verify.ts'
import type { WorkloadContext } from '../workloads/workload.ts'
import type { ConsensusTiming } from './consensus/effects.ts'
import { createDutyWorker } from './duty-worker.ts'
import { createLiveRun, type LiveRun, type RunPatience } from './live-run.ts'
import type { OpenedRun } from './run-opening.ts'
import { createRunSpans } from './run-spans.ts'
import { isOver, type RunState } from './run-state.ts'
import { createScoreKeeper, type KeptScore } from './score-keeper.ts'
import type { StoredRun } from './stored-run.ts'
import { createTakingPart, type TakingPart, type Wish } from './taking-part.ts'
import type { PeerTraffic } from './traffic.ts'
import type { WorkGate } from './work-gate.ts'

/** What this node keeps of a run beside its ledger. */
export interface RunNotes {
  readonly wish: Wish
  /** It is over, and nothing more is to be done for it. */
  readonly isSettled: boolean
  readonly traffic: Readonly<Record<string, PeerTraffic>>
  /** A person has removed it from this node: nothing else is here of it, and it is not fetched again. */
  readonly removed?: true
}

export const NO_NOTES: RunNotes = { wish: 'auto', isSettled: false, traffic: {} }

export interface HostedRun extends OpenedRun {
  readonly live: LiveRun
  readonly takingPart: TakingPart
  /** For members that ask for the run: what it is traced as, or empty. */
  readonly trace: Uint8Array
  stop(): Promise<void>
}

export interface HostComponents {
  readonly ledgers: LedgerStore<RunState>
  readonly scores: JsonTable<KeptScore>
  readonly context: WorkloadContext
  readonly gate: WorkGate
  readonly signer: Signer
  readonly roleOf: (peer: string) => Role | null
  readonly events: Pick<Events, 'emit'>
  /** A member was proven a liar by votes that exclude each other. */
  readonly onLie?: (peer: string, reason: string) => void
  readonly log: Log
}

/** How the run reaches other members: by whoever hosts several of them. */
export interface HostOutlet {
  sendMessage(peer: string, bytes: Uint8Array): void
  sendStatement(peer: string, bytes: Uint8Array): void
  sendTip(peer: string): void
  fetchFrom(peer: string): void
  /** This node made a block, that others than the committee which decided may not have heard of. */
  made(height: number, voters: readonly string[]): void
  /** Now and then: `notes` are to be kept. */
  noted(notes: Omit<RunNotes, 'traffic'>): void
  /** Nothing more comes of this run. */
  over(): void
  misbehaved(peer: string, reason: string): void
}

export interface HostInit {
  readonly announcement: Announcement
  readonly stored: StoredRun
  readonly notes: RunNotes
  /** What the member said of it that the run was fetched from; null where it was not. */
  readonly trace: Uint8Array | null
  /** It was here before the start. */
  readonly isResumed: boolean
  readonly timing: ConsensusTiming
  readonly patience: RunPatience
  readonly version: string
  readonly maxInputBytes: number
  readonly isWanted: () => boolean
  readonly now: () => number
}

/** At the border of generations; less often where the history is long, because a checkpoint holds all of it. */
function isCheckpoint(before: RunState, after: RunState): boolean {
  if (isOver(after)) return true
  const candidates = after.history.length * after.spec.population
  const every = 1 + Math.floor(candidates / CHECKPOINT_CANDIDATES)
  return before.generation !== after.generation && after.generation % every === 0
}

const CHECKPOINT_CANDIDATES = 2_000

export function createHostedRun(
  components: HostComponents & OpenedRun & { readonly outlet: HostOutlet },
  init: HostInit,
): HostedRun {
  const { ledgers, context, gate, signer, roleOf, events, log, outlet, rules, workload, machine } = components
  const { announcement, now } = init
  const { run } = announcement
  const self = peerOf(signer.publicKey)
  const isOwn = announcement.announcer === self
  const spans = createRunSpans({
    run,
    kind: workload.kind,
    isOwn: isOwn && !isOver(init.stored.tip.state),
    isResumed: init.isResumed,
    given: init.trace,
  })
  const scores = createScoreKeeper(
    { table: components.scores, workload, context, signer, log },
    { run, spec: rules.spec },
  )
  const notes = () => ({ wish: takingPart.wish(), isSettled: takingPart.isSettled() })
  /** Checkpoints and the like: nothing waits for them but the stop. */
  let writing: Promise<void> = Promise.resolve()

  function tell(before: RunState, { state }: LedgerTip<RunState>): void {
    const isNew =
      before.phase !== state.phase ||
      before.generation !== state.generation ||
      before.pausedAtMs !== state.pausedAtMs
    if (isNew)
      events.emit('round:changed', {
        run,
        name: state.spec.name,
        phase: state.phase,
        generation: state.generation,
        height: state.height,
        isPaused: state.pausedAtMs !== null,
        best: state.best?.mean ?? null,
      })
    for (const { peer, kind } of state.lies.slice(before.lies.length)) {
      log.warn({ run, peer, kind }, 'a member lied in a run')
      events.emit('round:lie', { run, peer, kind })
      // Two signed votes are a proof everywhere. Other scores are one within a run, where machines that compute alike outvote those that do
      // not; outside of it they may be an honest difference of hardware.
      if (kind === 'equivocation') components.onLie?.(peer, `it lied in the run ${run} (${kind})`)
    }
  }

  function changed(before: RunState, tip: LedgerTip<RunState>, proposer: string): void {
    tell(before, tip)
    if (proposer === self) outlet.made(tip.height, before.committee.members)
    if (isCheckpoint(before, tip.state)) {
      writing = writing
        .then(() => ledgers.putSnapshot(tip))
        .catch((error: unknown) => log.error({ err: error, run }, 'a checkpoint was not kept'))
      outlet.noted(notes())
    }
    if (isOver(tip.state)) {
      spans.end(tip.state.phase)
      writing = writing.then(() => scores.forget())
      outlet.over()
    }
    takingPart.consider()
  }

  const live = createLiveRun(
    {
      signer,
      roleOf,
      log,
      outlet: {
        sendMessage: outlet.sendMessage,
        sendStatement: outlet.sendStatement,
        sendTip: outlet.sendTip,
        fetchFrom: outlet.fetchFrom,
        misbehaved: outlet.misbehaved,
        keepRecord: (record) => ledgers.putRecord(run, record),
        append: (entry) => ledgers.append(run, entry),
        changed: (before, tip, block) => changed(before, tip, block.proposer),
      },
      worker: (say) =>
        createDutyWorker(
          {
            workload,
            context,
            scores,
            within: (signal, work) =>
              gate.within({ own: isOwn, memoryBytes: takingPart.memoryBytes(), signal }, work),
            say,
            log,
          },
          { run, peer: self, spec: rules.spec, now, trace: spans.parent },
        ),
    },
    {
      announcement,
      rules,
      machine,
      tip: init.stored.tip,
      timing: init.timing,
      patience: init.patience,
      muteTo: init.stored.muteTo,
      isShared: Object.keys(init.notes.traffic).length > 0,
      now,
    },
  )

  const takingPart: TakingPart = createTakingPart(
    { live, workload, context, artifacts: context.artifacts, gate, roleOf, log },
    {
      self,
      version: init.version,
      wish: init.notes.wish,
      isSettled: init.notes.isSettled,
      now,
      maxInputBytes: init.maxInputBytes,
      isWanted: init.isWanted,
      onWish: () => outlet.noted(notes()),
      onPublished: (cid) => events.emit('round:published', { run, name: rules.spec.name, cid }),
      onSettled: () => outlet.noted(notes()),
    },
  )

  return {
    rules,
    workload,
    machine,
    live,
    takingPart,
    trace: spans.context,
    async stop() {
      await takingPart.stop()
      await live.stop()
      spans.end(live.state().phase)
      await writing
    },
  }
}
