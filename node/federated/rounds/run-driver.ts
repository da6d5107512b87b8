/**
 * Carries out what the consensus of one run asks for (consensus/effects.ts): one thing after another, what is to be kept before what is to
 * be sent. It knows the tip of the ledger and moves it, by a decided block or by certified blocks from a peer.
 */
import type { Log } from '../../log.ts'
import type { Signer } from '../../mesh/membership/keys.ts'
import { type Block, type CertifiedBlock, createBlock, fitStatements } from '../ledger/block.ts'
import { coordinatorOf } from '../ledger/committee.ts'
import type { SignedStatement } from '../ledger/statement.ts'
import {
  extendLedger,
  type LedgerMachine,
  type LedgerTip,
  objectionTo,
  startViewOf,
} from '../ledger/verify.ts'
import type { SignedVote } from '../ledger/vote.ts'
import { type Consensus, createConsensus } from './consensus/consensus.ts'
import type { ConsensusEffect, ConsensusTiming } from './consensus/effects.ts'
import { type ConsensusMessage, encodeMessage } from './consensus/messages.ts'
import type { HeightRecord } from './consensus/record.ts'
import { ed25519Votes } from './consensus/vote-scheme.ts'
import { isOver, type RunState } from './run-state.ts'

/** What happens around a run that its driver does not do itself. */
export interface DriverHooks {
  keepRecord(record: HeightRecord): Promise<void>
  /** On the disk before it returns. */
  append(entry: CertifiedBlock): Promise<void>
  send(peer: string, message: Uint8Array): void
  /** Statements for a block now, all of them admissible; null: there is nothing to say. */
  compose(nowMs: number): readonly SignedStatement[] | null
  /** What speaks against voting for a new block beyond the rules of the run. */
  objection(block: Block): string | null
  /** The tip has moved. */
  moved(before: RunState, block: Block): void
  redirected(): void
  behind(peer: string): void
  ahead(peer: string): void
  lied(voter: string, votes: readonly [SignedVote, SignedVote]): void
  refused(peer: string, reason: string): void
}

export interface RunDriver {
  tip(): LedgerTip<RunState>
  readonly isVoter: boolean
  /** Who proposes next, as far as this member knows. */
  coordinator(): string
  begin(record: HeightRecord | null): Promise<void>
  /** `decodeMessage` asks it before it checks a block. */
  wants(from: string, voter: number, vote: SignedVote): boolean
  receive(from: string, message: ConsensusMessage): Promise<void>
  offer(hasReason: boolean): Promise<void>
  greet(peer: string): Promise<void>
  /** Throws LEDGER_BROKEN, LEDGER_UNCERTIFIED, LEDGER_REFUSED; what stood before it stays. */
  extend(entry: CertifiedBlock): Promise<void>
  stop(): void
}

/** After a write that failed, such as on a full disk. */
const RETRY_WRITE_MS = 5_000

export function createRunDriver(
  components: { readonly signer: Signer; readonly log: Log; readonly hooks: DriverHooks },
  init: {
    readonly self: string
    readonly machine: LedgerMachine<RunState>
    readonly tip: LedgerTip<RunState>
    readonly timing: ConsensusTiming
    /** Up to this height the member does not vote: it no longer knows what it has said. */
    readonly muteTo: number
    /** Other members have heard of the run before this start: they may have blocks that are lost here. */
    readonly isShared: boolean
    readonly now: () => number
    /** Runs work after what is under way; its failure is logged there. */
    readonly post: (work: () => Promise<void>) => void
  },
): RunDriver {
  const { signer, log, hooks } = components
  const { self, machine, now, post } = init
  let { tip } = init
  /** What was kept last of own votes: after a start it may be of a later height than the blocks that the disk still has. */
  let record: HeightRecord | null = null
  const timers = new Set<NodeJS.Timeout>()
  const consensus: Consensus = createConsensus({
    run: tip.run,
    self,
    votes: ed25519Votes(signer, tip.run),
    timing: init.timing,
  })

  function clearTimers(): void {
    for (const timer of timers) clearTimeout(timer)
    timers.clear()
  }

  /** Nobody else has ever heard of blocks that are lost here, and nobody has them: another may stand in their place. */
  const isAlone = () => !init.isShared && Object.keys(tip.state.participants).every((peer) => peer === self)

  const heightInit = () => ({
    height: tip.height + 1,
    parent: tip.hash,
    committee: machine.committee(tip.state),
    startView: startViewOf(machine, tip),
    objection: (block: Block, isNew: boolean) =>
      isNew
        ? (objectionTo(machine, tip, block, now()) ?? hooks.objection(block))
        : objectionTo(machine, tip, block, Number.POSITIVE_INFINITY),
  })

  function beginHeight(): ConsensusEffect[] {
    clearTimers()
    if (isOver(tip.state) || (tip.height < init.muteTo && !isAlone())) return []
    const isAhead = record !== null && record.height > tip.height + 1
    return consensus.begin(heightInit(), isAhead && isAlone() ? null : record)
  }

  /** What could not be written must not be said: no vote of this height leaves until the disk takes it. Then it goes on from what was kept. */
  function fallSilent(): void {
    clearTimers()
    consensus.begin({ ...heightInit(), mute: true })
    const handle = setTimeout(() => {
      timers.delete(handle)
      post(() => carryOut(beginHeight()))
    }, RETRY_WRITE_MS)
    timers.add(handle)
  }

  async function written<T>(writing: Promise<T>): Promise<T> {
    try {
      return await writing
    } catch (error) {
      fallSilent()
      throw error
    }
  }

  async function move(entry: CertifiedBlock): Promise<ConsensusEffect[]> {
    const before = tip.state
    const next = extendLedger(machine, tip, entry)
    await written(hooks.append(entry))
    tip = next
    hooks.moved(before, entry.block)
    return beginHeight()
  }

  function propose({ height, view }: { height: number; view: number }): ConsensusEffect[] {
    if (height !== tip.height + 1) return []
    const nowMs = Math.max(now(), tip.timeMs)
    const statements = hooks.compose(nowMs)
    if (statements === null) return []
    const fitting = fitStatements(statements)
    // Where not all of them fit, the deadline is for a later block: nobody is late because others said much.
    const { deadlineMs } = tip.state
    const lastMs = fitting.length < statements.length && deadlineMs !== null ? deadlineMs - 1 : nowMs
    const timeMs = Math.max(tip.timeMs, Math.min(nowMs, lastMs))
    return consensus.propose(
      createBlock({
        run: tip.run,
        height,
        parent: tip.hash,
        timeMs,
        proposer: self,
        view,
        statements: fitting,
      }),
    )
  }

  function startTimer({ timer, delayMs }: Extract<ConsensusEffect, { type: 'timer' }>): void {
    const handle = setTimeout(() => {
      timers.delete(handle)
      post(() => carryOut(consensus.elapsed(timer)))
    }, delayMs)
    timers.add(handle)
  }

  /** Gives the effects that come of it. */
  async function one(effect: ConsensusEffect): Promise<ConsensusEffect[]> {
    switch (effect.type) {
      case 'persist':
        await written(hooks.keepRecord(effect.record))
        record = effect.record
        return []
      case 'send': {
        const bytes = encodeMessage(effect.message)
        for (const peer of effect.to) hooks.send(peer, bytes)
        return []
      }
      case 'timer':
        startTimer(effect)
        return []
      case 'propose':
        return propose(effect)
      case 'view':
        log.debug(
          { run: tip.run, height: effect.height, view: effect.view },
          'another member coordinates a run',
        )
        hooks.redirected()
        return []
      case 'decide':
        return await move(effect)
      case 'behind':
        hooks.behind(effect.peer)
        return []
      case 'ahead':
        hooks.ahead(effect.peer)
        return []
      case 'lie':
        hooks.lied(effect.voter, effect.votes)
        return []
      case 'refused':
        hooks.refused(effect.peer, effect.reason)
        return []
    }
  }

  async function carryOut(effects: readonly ConsensusEffect[]): Promise<void> {
    const todo = [...effects]
    for (let next = todo.shift(); next !== undefined; next = todo.shift()) todo.push(...(await one(next)))
  }

  return {
    tip: () => tip,
    get isVoter() {
      return consensus.isVoter && !isOver(tip.state)
    },
    coordinator() {
      const view = consensus.isVoter ? consensus.view : startViewOf(machine, tip)
      return coordinatorOf(machine.committee(tip.state), view)
    },
    begin(kept) {
      record = kept
      return carryOut(beginHeight())
    },
    wants: consensus.wants,
    receive: (from, message) => carryOut(consensus.receive(from, message)),
    offer: (hasReason) => carryOut(consensus.offer(hasReason)),
    greet: (peer) => (isOver(tip.state) ? Promise.resolve() : carryOut(consensus.greet(peer))),
    extend: async (entry) => carryOut(await move(entry)),
    stop: clearTimers,
  }
}
