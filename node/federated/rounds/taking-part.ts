/**
 * Whether this node takes part in a run: by its configuration, by what its person has said, and once it has what scoring needs. And what
 * it does when the run is over: the winner becomes one of its models.
 */
import { availableParallelism, totalmem } from 'node:os'
import { toVillageError } from '../../errors.ts'
import { isJsonObject, type JsonObject } from '../../json.ts'
import type { Log } from '../../log.ts'
import type { Artifacts } from '../../mesh/artifacts/artifacts.ts'
import type { Role } from '../../mesh/mesh.ts'
import { reportInput } from '../evolve/report.ts'
import type { Workload, WorkloadContext } from '../workloads/workload.ts'
import { mayJoin } from './duties.ts'
import { winnerIn } from './finale.ts'
import type { LiveRun } from './live-run.ts'
import { isActive } from './participants.ts'
import { isOver } from './run-state.ts'
import type { WorkGate } from './work-gate.ts'

/** `auto`: as the configuration says. */
export type Wish = 'auto' | 'in' | 'out'

export interface TakingPart {
  /** Joins if it should and can; called after everything that may change that. */
  consider(): void
  wish(): Wish
  /** Whether nothing more is to be done for a run that is over. */
  isSettled(): boolean
  /** Of one candidate, as far as it is known what scoring needs. */
  memoryBytes(): number
  setWish(wish: Wish): void
  /** This node is about to stop: it says that it leaves, and joins nothing more. What it wishes stays for the next start. */
  retire(): void
  stop(): Promise<void>
}

interface Components {
  readonly live: LiveRun
  readonly workload: Workload
  readonly context: WorkloadContext
  readonly artifacts: Pick<Artifacts, 'fetch' | 'unpin' | 'has'>
  readonly gate: WorkGate
  readonly roleOf: (peer: string) => Role | null
  readonly log: Log
}

const RETRY_MS = 15_000
/** A member that was not seen for so long is not worth waiting for; another may have the inputs. */
const FETCH_TIMEOUT_MS = 30 * 60_000

/** What scoring needs is in memory in several forms at once: as it was read, as a candidate, as a model that answers. */
const BASE_MEMORY_BYTES = 64 * 2 ** 20
const MEMORY_FACTOR = 3

export const runPin = (run: string): string => `run:${run}`

export function createTakingPart(
  components: Components,
  init: {
    readonly self: string
    readonly version: string
    readonly wish: Wish
    readonly isSettled: boolean
    readonly now: () => number
    /** Of what a run of another member may have this node fetch, unless a person has told it to join. */
    readonly maxInputBytes: number
    /** By the configuration, at this moment. */
    readonly isWanted: () => boolean
    readonly onWish: (wish: Wish) => void
    readonly onPublished: (cid: string | null) => void
    readonly onSettled: () => void
  },
): TakingPart {
  const { live, workload, context, artifacts, gate, roleOf, log } = components
  const { self, now } = init
  const { run, rules, announcement } = live
  const options = rules.spec.workload.options
  const abort = new AbortController()
  let wish = init.wish
  let isReady = false
  let isTooLarge = false
  let inputBytes = 0
  let isRetired = false
  let isSettled = init.isSettled
  let preparing: Promise<void> | null = null
  let retry: NodeJS.Timeout | undefined
  let lastSequence = 0

  /** Grows over restarts too. */
  function sequence(): number {
    lastSequence = Math.max(now(), lastSequence + 1, (live.state().sequences[self] ?? 0) + 1)
    return lastSequence
  }

  function isWanted(): boolean {
    if (wish === 'out') return false
    const role = roleOf(self)
    if (role === null || role === 'guest') return false
    return wish === 'in' || announcement.announcer === self || init.isWanted()
  }

  const memoryBytes = () => BASE_MEMORY_BYTES + MEMORY_FACTOR * inputBytes

  /** What is fetched for a run of another member: no more than its person allows, nor than could be scored with on this machine. */
  function maxInputBytes(): number {
    if (wish === 'in' || announcement.announcer === self) return Number.POSITIVE_INFINITY
    const scorable = (gate.lentBytes() - BASE_MEMORY_BYTES) / MEMORY_FACTOR
    return Math.max(0, Math.floor(Math.min(init.maxInputBytes, scorable)))
  }

  async function release(): Promise<void> {
    for (const cid of workload.inputs(options))
      if (await artifacts.has(cid)) await artifacts.unpin(cid, runPin(run))
  }

  async function prepare(): Promise<void> {
    const signal = AbortSignal.any([abort.signal, AbortSignal.timeout(FETCH_TIMEOUT_MS)])
    const limitBytes = maxInputBytes()
    let sizeBytes = 0
    try {
      for (const cid of new Set(workload.inputs(options))) {
        const maxBytes = limitBytes - sizeBytes
        const info = await artifacts.fetch(cid, {
          signal,
          providers: [announcement.announcer],
          pin: runPin(run),
          ...(Number.isFinite(maxBytes) && { maxBytes }),
        })
        sizeBytes += info.sizeBytes
      }
    } catch (error) {
      if (toVillageError(error).code !== 'ARTIFACT_TOO_LARGE' || !Number.isFinite(limitBytes)) throw error
      isTooLarge = true
      await release()
      log.info({ run, limitBytes }, 'a run needs more than this node may fetch for it, and is not joined')
      return
    }
    inputBytes = sizeBytes
    isReady = true
  }

  /** All in good order: the others need not wait for deadlines. */
  function leave(): void {
    if (isActive(live.state(), self) && !live.isSaying('leave'))
      live.say({ kind: 'leave', author: self, sequence: sequence() })
  }

  function join(): void {
    if (live.isSaying('join')) return
    live.say({
      kind: 'join',
      author: self,
      sequence: sequence(),
      cores: availableParallelism(),
      memoryBytes: totalmem(),
      software: init.version,
    })
  }

  /** By the final comparison: a winner that nobody can tell from what there was becomes no model, unless the run says so. */
  async function isWorthAModel(): Promise<boolean> {
    const { publish } = rules.spec
    if (publish === null || publish.always === true) return publish !== null
    const input = reportInput(rules, live.state(), {})
    const { final } = await context.pool.run('evolve.report', input, { signal: abort.signal })
    const isBetter = isJsonObject(final ?? null) && (final as JsonObject).beatsAllSeeds === true
    if (!isBetter) log.info({ run }, 'the winner is not told apart from every seed: no model is made of it')
    return isBetter
  }

  /** Each builds for itself what the members have agreed on, and takes it only if it is the same. */
  async function publish(): Promise<void> {
    const state = live.state()
    const { id, genome } = winnerIn(state)
    const cid = state.result!.cid
    if (cid !== null && rules.spec.publish !== null && isActive(state, self) && (await isWorthAModel())) {
      const { signal } = abort
      const own = announcement.announcer === self
      const made = await gate.within({ own, memoryBytes: memoryBytes(), signal }, () =>
        workload.build(options, genome, context, { id: rules.spec.publish!.id, pin: runPin(run) }, signal),
      )
      if (made?.cid === cid) await made.register()
      else {
        log.warn({ run, candidate: id }, 'the winner that was built here is not what the members agreed on')
        if (made !== null) await artifacts.unpin(made.cid, runPin(run))
      }
    }
    init.onPublished(cid)
  }

  /** The run is over: what it needed may be collected, what it built stays only if the members agreed on it. */
  async function settle(): Promise<void> {
    const state = live.state()
    if (state.phase === 'published') await publish()
    const own = state.phase === 'ended' && Object.hasOwn(state.built, self) ? [state.built[self]!] : []
    for (const cid of own) if (await artifacts.has(cid)) await artifacts.unpin(cid, runPin(run))
    await release()
    isSettled = true
    init.onSettled()
  }

  function begin(work: () => Promise<void>, message: string): void {
    if (preparing !== null || abort.signal.aborted) return
    preparing = work().then(
      () => {
        preparing = null
        consider()
      },
      (error: unknown) => {
        preparing = null
        if (abort.signal.aborted) return
        log.warn({ err: toVillageError(error), run }, message)
        clearTimeout(retry)
        retry = setTimeout(consider, RETRY_MS)
      },
    )
  }

  function consider(): void {
    const state = live.state()
    if (abort.signal.aborted) return
    if (isOver(state)) {
      if (!isSettled) begin(settle, 'a run that is over could not be settled')
      return
    }
    if (wish === 'out' || isRetired) leave()
    else if (isTooLarge) leave()
    else if (mayJoin(state, self) && isWanted()) {
      if (isReady) join()
      else begin(prepare, 'what a run needs could not be fetched')
    } else if (!isReady && isActive(state, self)) begin(prepare, 'what a run needs could not be fetched')
  }

  return {
    consider,
    wish: () => wish,
    isSettled: () => isSettled,
    memoryBytes,
    setWish(next) {
      wish = next
      isTooLarge = false
      init.onWish(next)
      consider()
    },
    retire() {
      isRetired = true
      consider()
    },
    async stop() {
      clearTimeout(retry)
      abort.abort(new Error('the node is stopping'))
      await preparing
    },
  }
}
