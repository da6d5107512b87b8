/**
 * Does what a run waits for this member to do, one duty at a time: proposes, scores and commits, reveals, builds. What it finds out becomes
 * statements; that they get into a block is not its business.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { toVillageError } from '../../errors.ts'
import type { Log } from '../../log.ts'
import type { Span } from '../../tracing.ts'
import type { Genome, Origin } from '../evolve/strategy.ts'
import type { ScoreCommitment, ScoreReveal, Statement } from '../ledger/statement.ts'
import { scoreDigest } from '../ledger/statement-codec.ts'
import type { Workload, WorkloadContext } from '../workloads/workload.ts'
import type { Duty } from './duties.ts'
import { builtId, genomeHash } from './run-rules.ts'
import { dutySpan, type RunParent, scoreSpan } from './run-spans.ts'
import type { RunSpec } from './run-spec.ts'
import type { KeptScore, ScoreKeeper } from './score-keeper.ts'

export interface DutyWorker {
  /** Begins the duty unless it is at it; null, or another one, ends the one before. `deadlineMs` is of the clock of the run. */
  attend(duty: Duty | null, deadlineMs: number | null): void
  /** A genome of this member for one of its next slots. */
  suggest(genome: Genome): void
  stop(): Promise<void>
}

export interface DutyComponents {
  readonly workload: Workload
  readonly context: WorkloadContext
  readonly scores: ScoreKeeper
  /** Runs work when this machine lends itself, one candidate a core. */
  readonly within: <T>(signal: AbortSignal, work: () => Promise<T>) => Promise<T>
  readonly say: (statement: Statement) => void
  readonly log: Log
}

type Commit = Extract<Duty, { kind: 'commit' }>
type Reveal = Extract<Duty, { kind: 'reveal' }>

/** Of one statement; the limit is 256 KiB. */
const MAX_REVEAL_BYTES = 192 * 1024
const MAX_SUGGESTIONS = 64
/** With a share of the time left, what is scored is committed to, and the rest later if it can be. */
const COMMIT_BEFORE = 0.25
const RETRY_MS = 5_000
/** Tries of a candidate before this member says that it cannot be scored. */
const TRIES = 2
/** With so little of the time left, what is not scored by now will not be. */
const GIVE_UP_BEFORE = 0.1
/** A candidate that began later than this before the deadline was short of time, not impossible. */
const FAIR_SHARE = 0.25

/** A workload may take a while to notice that nobody waits for it any more. */
function orAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

const nameOf = (duty: Duty): string => {
  if (duty.kind === 'build') return 'build'
  if (duty.kind === 'propose') return `propose ${duty.generation}`
  return `${duty.kind} ${duty.generation} ${duty.stage}`
}

export function createDutyWorker(
  components: DutyComponents,
  init: {
    readonly run: string
    readonly peer: string
    readonly spec: RunSpec
    readonly now: () => number
    /** What its spans are a part of; nothing if absent. */
    readonly trace?: RunParent
  },
): DutyWorker {
  const { workload, context, scores, within, say, log } = components
  const { run, peer, spec, now, trace = null } = init
  const suggestions: Genome[] = []
  let current: { name: string; abort: AbortController; done: Promise<void> } | null = null

  function propose({ generation, slots }: Extract<Duty, { kind: 'propose' }>): void {
    const origin: Origin = { parents: [], by: 'member' }
    const entries = slots.flatMap(({ slot, hash }) => {
      const genome = suggestions.shift()
      return genome === undefined || genomeHash(genome) === hash ? [] : [{ slot, genome, origin }]
    })
    say({ kind: 'propose', author: peer, generation, entries })
  }

  const commitmentOf = (duty: Commit, slot: number, { values }: KeptScore): ScoreCommitment => ({
    slot,
    digest: scoreDigest({
      run,
      scorer: peer,
      generation: duty.generation,
      slot,
      nonce: scores.nonce({ ...duty, slot }),
      values: Buffer.from(values, 'base64'),
    }),
  })

  /** Null: it cannot be scored, neither again nor in the time that there is. */
  async function tried(init: {
    slot: Commit['slots'][number]
    split: Commit['split']
    giveUpMs: number | null
    span: Span
    signal: AbortSignal
  }): Promise<KeptScore | null | 'too late'> {
    const { slot, split, giveUpMs } = init
    const late = new AbortController()
    const signal = AbortSignal.any([init.signal, late.signal])
    let beganMs = Number.POSITIVE_INFINITY
    const timer =
      giveUpMs === null ? undefined : setTimeout(() => late.abort(), Math.max(0, giveUpMs - now()))
    try {
      for (let count = 1; ; count++) {
        try {
          return await orAborted(
            signal,
            within(signal, () => {
              beganMs = Math.min(beganMs, now())
              return scoreSpan(init.span, slot.id, () => scores.score(slot, split, signal))
            }),
          )
        } catch (error) {
          init.signal.throwIfAborted()
          log.warn({ err: toVillageError(error), run, candidate: slot.id }, 'a candidate could not be scored')
          if (late.signal.aborted)
            return now() - beganMs >= FAIR_SHARE * spec.deadlines.commitMs ? null : 'too late'
          const isLast = count === TRIES || (giveUpMs !== null && now() + RETRY_MS >= giveUpMs)
          if (isLast) return null
          await sleep(RETRY_MS, undefined, { signal: init.signal })
        }
      }
    } finally {
      clearTimeout(timer)
    }
  }

  async function commit(
    duty: Commit,
    deadlineMs: number | null,
    span: Span,
    signal: AbortSignal,
  ): Promise<void> {
    const { generation, stage, split } = duty
    let found: ScoreCommitment[] = []
    const tell = () => {
      if (found.length === 0) return
      const entries = found.sort((a, b) => a.slot - b.slot)
      found = []
      say({ kind: 'commit', author: peer, generation, stage, entries })
    }
    const { commitMs } = spec.deadlines
    const hurryMs = deadlineMs === null ? Number.POSITIVE_INFINITY : deadlineMs - COMMIT_BEFORE * commitMs
    const giveUpMs = deadlineMs === null ? null : deadlineMs - GIVE_UP_BEFORE * commitMs
    await Promise.all(
      duty.slots.map(async (slot) => {
        const known = await scores.find(slot.hash, split)
        const kept = known ?? (await tried({ slot, split, giveUpMs, span, signal }))
        if (kept === 'too late') return // others are drawn for it; this member counts as silent
        found.push(kept === null ? { slot: slot.slot, digest: null } : commitmentOf(duty, slot.slot, kept))
        // That it cannot be scored is said at once: the others need not wait for it.
        if (kept === null || now() >= hurryMs) tell()
      }),
    )
    tell()
  }

  async function reveal({ generation, stage, split, slots }: Reveal): Promise<void> {
    let entries: ScoreReveal[] = []
    let sizeBytes = 0
    const tell = () => {
      if (entries.length > 0) say({ kind: 'reveal', author: peer, generation, stage, entries })
      entries = []
      sizeBytes = 0
    }
    for (const { slot, hash } of slots) {
      const kept = await scores.find(hash, split)
      if (kept === null) continue // the disk was lost since: nothing can be shown
      const values = Buffer.from(kept.values, 'base64')
      entries.push({
        slot,
        nonce: scores.nonce({ generation, stage, slot }),
        values,
        joules: kept.joules,
        busyMs: kept.busyMs,
      })
      sizeBytes += values.byteLength + 64
      if (sizeBytes >= MAX_REVEAL_BYTES) tell()
    }
    tell()
  }

  async function build({ genome, id }: Extract<Duty, { kind: 'build' }>, signal: AbortSignal): Promise<void> {
    for (;;) {
      try {
        const made = await within(signal, () =>
          workload.build(
            spec.workload.options,
            genome,
            context,
            { id: builtId(spec, run, id), pin: `run:${run}` },
            signal,
          ),
        )
        if (made !== null) say({ kind: 'built', author: peer, cid: made.cid })
        return
      } catch (error) {
        signal.throwIfAborted()
        log.warn({ err: toVillageError(error), run }, 'the winner of a run could not be built')
        await sleep(RETRY_MS, undefined, { signal })
      }
    }
  }

  const fulfil = (duty: Duty, deadlineMs: number | null, signal: AbortSignal): Promise<void> =>
    dutySpan(trace, { run, duty }, async (span) => {
      if (duty.kind === 'propose') propose(duty)
      else if (duty.kind === 'commit') await commit(duty, deadlineMs, span, signal)
      else if (duty.kind === 'reveal') await reveal(duty)
      else await build(duty, signal)
    })

  function end(): Promise<void> {
    const ending = current
    current = null
    ending?.abort.abort(new Error('the run has gone on'))
    return ending?.done ?? Promise.resolve()
  }

  return {
    attend(duty, deadlineMs) {
      const name = duty === null ? null : nameOf(duty)
      if (current !== null && current.name === name) return
      void end()
      if (duty === null || name === null) return
      const abort = new AbortController()
      const done = fulfil(duty, deadlineMs, abort.signal).catch((error: unknown) => {
        if (!abort.signal.aborted) log.error({ err: error, run, duty: name }, 'a duty of a run failed')
      })
      current = { name, abort, done }
    },
    suggest(genome) {
      if (suggestions.length < MAX_SUGGESTIONS) suggestions.push(genome)
    },
    stop: end,
  }
}
