/**
 * One run on this node: its state as the ledger says, the statements that wait for a block, and this member's duties. Everything that happens to it
 * goes through one queue, so that nothing is decided on a state that is being changed.
 */
import { toVillageError } from '../../errors.ts'
import type { Log } from '../../log.ts'
import { peerOf, type Signer } from '../../mesh/membership/keys.ts'
import type { Role } from '../../mesh/mesh.ts'
import type { Announcement } from '../ledger/announcement.ts'
import type { Block, CertifiedBlock } from '../ledger/block.ts'
import type { SignedStatement, Statement } from '../ledger/statement.ts'
import { checkStatement, signStatement } from '../ledger/statement-codec.ts'
import type { LedgerMachine, LedgerTip } from '../ledger/verify.ts'
import { admissible, wouldAdvance } from './apply-block.ts'
import type { ConsensusTiming } from './consensus/effects.ts'
import { decodeMessage } from './consensus/messages.ts'
import type { HeightRecord } from './consensus/record.ts'
import { dutyOf } from './duties.ts'
import type { DutyWorker } from './duty-worker.ts'
import { createRunDriver } from './run-driver.ts'
import type { RunRules } from './run-rules.ts'
import { isOver, type RunState } from './run-state.ts'
import { isSpent } from './spent-statements.ts'
import { createStatementPool } from './statement-pool.ts'
import { voterObjection } from './voter-objection.ts'

/** How this member's side of a run reaches the others and the disk. */
export interface RunOutlet {
  sendMessage(peer: string, bytes: Uint8Array): void
  sendStatement(peer: string, bytes: Uint8Array): void
  /** Tells a peer how far this member is. */
  sendTip(peer: string): void
  /** A peer has blocks that are missing here. */
  fetchFrom(peer: string): void
  keepRecord(record: HeightRecord): Promise<void>
  append(entry: CertifiedBlock): Promise<void>
  /** After a block: `before` is the state below it. */
  changed(before: RunState, tip: LedgerTip<RunState>, block: Block): void
  misbehaved(peer: string, reason: string): void
}

export interface RunPatience {
  /** How long the coordinator waits for more statements to come into a block. */
  readonly batchMs: number
  /**
   * How long an author waits for the coordinator before it tells everybody; and how long a voter has known of a statement when it begins to
   * refuse blocks without it.
   */
  readonly patienceMs: number
}

export const DEFAULT_PATIENCE: RunPatience = { batchMs: 300, patienceMs: 2_500 }

export interface LiveRun {
  readonly run: string
  readonly announcement: Announcement
  readonly rules: RunRules
  readonly worker: DutyWorker
  tip(): LedgerTip<RunState>
  state(): RunState
  coordinator(): string
  start(record: HeightRecord | null): Promise<void>
  /** Says something in the own name; it is said again until it stands in a block or can no longer. */
  say(statement: Statement): void
  /** Whether something of this kind by this member waits for a block. */
  isSaying(kind: Statement['kind']): boolean
  hearMessage(from: string, bytes: Uint8Array): void
  hearStatement(from: string, bytes: Uint8Array): void
  greet(peer: string): void
  /** Certified blocks in their order, those that are known skipped. Throws for the first that is not of this ledger. */
  take(entries: readonly CertifiedBlock[]): Promise<void>
  stop(): Promise<void>
}

/** With less time left than so many times the patience, authors tell everybody at once. */
const HURRY = 3
/** These are not kept waiting for company. */
const URGENT: readonly Statement['kind'][] = ['join', 'leave', 'control', 'proof']

export function createLiveRun(
  components: {
    readonly signer: Signer
    readonly outlet: RunOutlet
    readonly roleOf: (peer: string) => Role | null
    readonly worker: (say: (statement: Statement) => void) => DutyWorker
    readonly log: Log
  },
  init: {
    readonly announcement: Announcement
    readonly rules: RunRules
    readonly machine: LedgerMachine<RunState>
    readonly tip: LedgerTip<RunState>
    readonly timing: ConsensusTiming
    readonly patience: RunPatience
    readonly muteTo: number
    readonly isShared: boolean
    readonly now: () => number
  },
): LiveRun {
  const { signer, outlet, roleOf, log } = components
  const { announcement, rules, machine, patience, now } = init
  const { run } = announcement
  const self = peerOf(signer.publicKey)
  const pool = createStatementPool(patience)
  let busy: Promise<void> = Promise.resolve()
  let isStopped = false
  let alarm: NodeJS.Timeout | undefined

  function post(work: () => Promise<void> | void): Promise<void> {
    const result = busy.then(async () => {
      if (isStopped) return
      await work()
      await attend()
    })
    busy = result.catch((error: unknown) => {
      if (!isStopped) log.error({ err: error, run }, 'something in a run failed')
    })
    return result
  }
  const postQuietly = (work: () => Promise<void> | void): void => {
    post(work).catch(() => undefined) // logged in post()
  }

  /** What a voter looks at beyond the ledger: who its village lets do what. */
  function roleProblem({ kind, author }: Statement): string | null {
    const role = roleOf(author)
    if (kind === 'join' && (role === null || role === 'guest')) return 'who joins is no member'
    if (kind === 'control' && author !== announcement.announcer && role !== 'admin')
      return 'who steers the run is neither its announcer nor an admin'
    return null
  }

  function ready(nowMs: number): SignedStatement[] {
    const waiting = pool
      .list()
      .flatMap(({ signed }) => (roleProblem(signed.statement) === null ? [signed] : []))
    return admissible(rules, driver.tip().state, waiting, Math.max(nowMs, driver.tip().timeMs)).taken
  }

  const driver = createRunDriver(
    {
      signer,
      log,
      hooks: {
        keepRecord: outlet.keepRecord,
        append: outlet.append,
        send: outlet.sendMessage,
        compose(nowMs) {
          const statements = ready(nowMs)
          return statements.length > 0 || wouldAdvance(rules, driver.tip().state, [], nowMs)
            ? statements
            : null
        },
        objection(block) {
          const nowMs = now()
          const { state } = driver.tip()
          const reason = voterObjection(rules, state, block, {
            nowMs,
            overdue: pool.overdue(nowMs),
            roleProblem,
          })
          if (reason !== null) log.debug({ run, height: block.height, reason }, 'a block was not voted for')
          return reason
        },
        moved(before, block) {
          pool.remove(block.statements.map(({ digest }) => digest))
          prune()
          outlet.changed(before, driver.tip(), block)
        },
        redirected: pool.redirect,
        behind: outlet.fetchFrom,
        ahead: outlet.sendTip,
        lied: (voter, votes) => say({ kind: 'proof', author: self, voter, votes }),
        refused: outlet.misbehaved,
      },
    },
    {
      self,
      machine,
      tip: init.tip,
      timing: init.timing,
      muteTo: init.muteTo,
      isShared: init.isShared,
      now,
      post: postQuietly,
    },
  )

  /** What the run does not take any more; those of others get a while, because this member may be behind. */
  function prune(): void {
    const { state, timeMs } = driver.tip()
    const nowMs = Math.max(now(), timeMs)
    const taken = new Set(
      admissible(
        rules,
        state,
        pool.list().map(({ signed }) => signed),
        nowMs,
      ).taken.map(({ digest }) => digest),
    )
    const isStale = (isOwn: boolean, sinceMs: number) => isOwn || now() - sinceMs > 2 * patience.patienceMs
    pool.remove(
      pool
        .list()
        .filter(({ signed, isOwn, sinceMs }) => !taken.has(signed.digest) && isStale(isOwn, sinceMs))
        .map(({ signed }) => signed.digest),
    )
  }

  function sayAgain(nowMs: number): void {
    const { members } = machine.committee(driver.tip().state)
    const { deadlineMs } = driver.tip().state
    const isHurried = deadlineMs !== null && deadlineMs - nowMs < HURRY * patience.patienceMs
    for (const { signed, toAll } of pool.due(nowMs, isHurried)) {
      const targets = toAll ? members : [driver.coordinator()]
      for (const peer of targets) if (peer !== self) outlet.sendStatement(peer, signed.bytes)
    }
  }

  /** Whether a block ought to come now: at once where this member makes it, later where it waits for another. */
  function hasReason(nowMs: number, statements: readonly SignedStatement[]): boolean {
    const { state, timeMs } = driver.tip()
    const atMs = Math.max(nowMs, timeMs)
    if (wouldAdvance(rules, state, [], atMs)) return true
    if (statements.length === 0) return false
    const digests = new Set(statements.map(({ digest }) => digest))
    const ages = pool
      .list()
      .flatMap(({ signed, sinceMs }) => (digests.has(signed.digest) ? [nowMs - sinceMs] : []))
    const age = Math.max(...ages)
    if (driver.coordinator() !== self) return age >= patience.patienceMs
    const isUrgent = statements.some(({ statement }) => URGENT.includes(statement.kind))
    return isUrgent || age >= patience.batchMs || wouldAdvance(rules, state, statements, atMs)
  }

  /** After everything that happens: duties, what is to be said again, whether to ask for a block, when to look again. */
  async function attend(): Promise<void> {
    let nowMs = now()
    // A member that decides alone moves the tip by what it offers: its duties are then those of the new one.
    for (let height = -1; height !== driver.tip().height; ) {
      const { state } = driver.tip()
      height = driver.tip().height
      if (isOver(state)) pool.remove(pool.list().map(({ signed }) => signed.digest))
      worker.attend(dutyOf(state, self), state.deadlineMs)
      nowMs = now()
      sayAgain(nowMs)
      if (!driver.isVoter) break
      const statements = ready(nowMs)
      pool.mark(statements, nowMs)
      const coordinator = driver.coordinator()
      if (coordinator !== self)
        for (const { bytes } of pool.relayed(nowMs)) outlet.sendStatement(coordinator, bytes)
      await driver.offer(hasReason(nowMs, statements))
    }
    clearTimeout(alarm)
    if (isStopped) return
    const { deadlineMs, pausedAtMs } = driver.tip().state
    const times = [
      pool.nextMs(nowMs),
      pausedAtMs === null && deadlineMs !== null && deadlineMs > nowMs ? deadlineMs : null,
    ]
    const nextMs = Math.min(...times.filter((time) => time !== null))
    if (Number.isFinite(nextMs))
      alarm = setTimeout(() => postQuietly(() => undefined), Math.max(1, Math.min(nextMs - nowMs, 60_000)))
  }

  function say(statement: Statement): void {
    postQuietly(() => {
      pool.add(signStatement(signer, run, statement), { isOwn: true, nowMs: now() })
      prune()
    })
  }

  /** Keys cost nothing (in an open village each is a guest), and what is in the ledger anybody can say again: neither crowds out who takes part. */
  function hearSigned(signed: SignedStatement): void {
    const { author } = signed.statement
    const { state } = driver.tip()
    const takesPart = Object.hasOwn(state.participants, author)
    if (!takesPart && ['guest', null].includes(roleOf(author))) return
    if (!isSpent(state, signed.statement)) pool.add(signed, { isOwn: false, nowMs: now(), takesPart })
  }

  const worker = components.worker(say)

  function hear(from: string, work: () => Promise<void>): void {
    postQuietly(async () => {
      try {
        await work()
      } catch (error) {
        const { code } = toVillageError(error)
        if (code !== 'LEDGER_MALFORMED' && code !== 'LEDGER_UNSIGNED') throw error
        outlet.misbehaved(from, code)
      }
    })
  }

  return {
    run,
    announcement,
    rules,
    worker,
    tip: driver.tip,
    state: () => driver.tip().state,
    coordinator: driver.coordinator,
    start: (record) => post(() => driver.begin(record)),
    say,
    isSaying: (kind) => pool.list().some(({ isOwn, signed }) => isOwn && signed.statement.kind === kind),
    hearMessage(from, bytes) {
      hear(from, async () => {
        if (isOver(driver.tip().state)) outlet.sendTip(from)
        else {
          const message = decodeMessage(bytes, (voter, vote) => driver.wants(from, voter, vote))
          if (message !== null) await driver.receive(from, message)
        }
      })
    },
    hearStatement(from, bytes) {
      hear(from, async () => {
        const { state } = driver.tip()
        // Its author has not heard of the last block.
        if (isOver(state)) outlet.sendTip(from)
        else hearSigned(checkStatement(run, bytes))
      })
    },
    greet: (peer) => postQuietly(() => driver.greet(peer)),
    async take(entries) {
      let failure: unknown = null
      await post(async () => {
        try {
          for (const entry of entries) {
            if (entry.block.height <= driver.tip().height) continue
            await driver.extend(entry)
          }
        } catch (error) {
          failure = error // of the peer that sent it, not of this run
        }
      })
      if (failure !== null) throw failure
    },
    async stop() {
      isStopped = true
      clearTimeout(alarm)
      driver.stop()
      await worker.stop()
      await busy
      clearTimeout(alarm)
      driver.stop()
    },
  }
}
