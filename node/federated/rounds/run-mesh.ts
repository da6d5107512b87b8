/**
 * How the runs of this node reach other members: news by gossip, tips between neighbours, what is missing fetched, what is said sent. One for
 * all runs.
 */
import { toVillageError, VillageError } from '../../errors.ts'
import type { Log } from '../../log.ts'
import type { Mesh } from '../../mesh/mesh.ts'
import {
  MAX_ROUNDS_NEWS_BYTES,
  ROUNDS_LIMITS,
  ROUNDS_PROTOCOL,
  ROUNDS_TOPIC,
  RoundsNews,
  type RoundsRequest,
} from '../../mesh/protocols/rounds.ts'
import { createRateLimit } from '../../mesh/rate-limit.ts'
import type { LedgerStore } from '../ledger/ledger-store.ts'
import type { HostedRun, HostOutlet } from './hosted-run.ts'
import { createRoundLinks } from './round-links.ts'
import { createRunServer, fetchPages, runOf } from './run-exchange.ts'
import { createRunFetches } from './run-fetches.ts'
import { isOver, type RunState } from './run-state.ts'
import { createTraffic, type Traffic } from './traffic.ts'

export interface RunMesh {
  readonly traffic: Traffic
  outletOf(run: string): Omit<HostOutlet, 'noted' | 'over'>
  /** Gossip: there is a run, or a block of it. */
  tell(run: string, height: number): void
  /** A run was removed here, and is not fetched again: never, or until a peer has more of it than `height`. */
  forget(run: string, height?: number): void
  start(): void
  stop(): Promise<void>
}

/** Complaints about a peer in a minute after which it is not listened to until they get fewer. */
const COMPLAINTS_BY_MINUTE = 20
/** Statements of a peer, each of which costs a signature to check; what is dropped its author says again. */
const STATEMENTS = { byMinute: ROUNDS_LIMITS.framesByMinute, burst: 512 } as const
/** Runs that were refused, so that they are not fetched again and again. */
const MAX_REFUSED = 4_096
/** This node will never be able to follow such a run. */
const HOPELESS: readonly string[] = ['RUN_UNSUPPORTED', 'INVALID_ARGUMENT']
/** There were too many runs: there may be room by then. */
const CROWDED_MS = 10 * 60_000
/** That its announcer is a member may be heard of a little later than the run. */
const STRANGER_MS = 5_000
const TIPS_EVERY_MS = 60_000

const nothing = { statement: undefined, message: undefined, tips: undefined, want: undefined }
const bytesOf = (hex: string) => Buffer.from(hex, 'hex')

export function createRunMesh(
  components: {
    readonly mesh: Pick<
      Mesh,
      'handle' | 'subscribe' | 'publish' | 'open' | 'peers' | 'onPeerChange' | 'roleOf'
    >
    readonly runs: ReadonlyMap<string, HostedRun>
    readonly ledgers: LedgerStore<RunState>
    /** Takes an announcement that a peer has, and what the peer says that the run is traced as. */
    readonly learn: (announcement: Uint8Array, trace: Uint8Array) => Promise<HostedRun>
    readonly log: Log
  },
  init: { readonly now: () => number },
): RunMesh {
  const { mesh, runs, ledgers, learn, log } = components
  const { now } = init
  const traffic = createTraffic()
  const links = createRoundLinks({ mesh, traffic, log })
  const statements = createRateLimit(STATEMENTS)
  const complaints = createRateLimit({ byMinute: COMPLAINTS_BY_MINUTE })
  /** Runs that are not fetched: until when, and with what height they are of interest again. */
  const refused = new Map<string, { untilMs: number; height: number }>()
  const abort = new AbortController()
  let endChanges: (() => void) | undefined
  let every: NodeJS.Timeout | undefined
  let isStarted = false

  const isMember = (peer: string) => !['guest', null].includes(mesh.roleOf(peer))
  const send = (peer: string, run: string, part: Partial<RoundsRequest>) =>
    links.send(peer, run, { ...nothing, ...part })

  function misbehaved(peer: string, reason: string): void {
    log.warn({ peer, reason }, 'a member said something in a run that no honest one says')
    complaints.charge(peer, 1, now())
  }
  /** Takes nothing: only what was charged counts. */
  function isHeard(peer: string): boolean {
    if (!isStarted || !complaints.take(peer, now())) return false
    complaints.charge(peer, -1, now())
    return true
  }

  function refuse(run: string, untilMs: number, height = Number.POSITIVE_INFINITY): void {
    refused.delete(run)
    // The oldest goes: it costs one fetch more.
    if (refused.size >= MAX_REFUSED) refused.delete(refused.keys().next().value!)
    refused.set(run, { untilMs, height })
  }
  function isRefused(run: string, height: number): boolean {
    const found = refused.get(run)
    if (found === undefined) return false
    if (found.untilMs > now() && height <= found.height) return true
    refused.delete(run)
    return false
  }

  const tipsOf = (hosted: Iterable<HostedRun>) =>
    [...hosted]
      .sort((a, b) => b.live.announcement.timeMs - a.live.announcement.timeMs)
      .slice(0, ROUNDS_LIMITS.maxRuns)
      .map(({ live }) => {
        const { run, height, hash } = live.tip()
        return { run: bytesOf(run), height, hash: bytesOf(hash) }
      })

  function sendTips(peer: string, ofRuns: Iterable<HostedRun> = runs.values()): void {
    const tips = tipsOf(ofRuns)
    if (tips.length > 0 && isMember(peer)) send(peer, ALL_RUNS, { tips: { tips } })
  }
  function sendTip(run: string, peer: string): void {
    const hosted = runs.get(run)
    if (hosted !== undefined) send(peer, run, { tips: { tips: tipsOf([hosted]) } })
  }

  /** True where it brought something. */
  async function fetchRun(run: string, peer: string, signal: AbortSignal): Promise<boolean> {
    const known = runs.get(run)
    const from = known === undefined ? 0 : known.live.tip().height + 1
    let hosted = known
    let gain = false
    const mayEnd = new AbortController()
    const taking = { peer, run, from, signal: AbortSignal.any([signal, mayEnd.signal]) }
    try {
      await fetchPages({ mesh, traffic }, taking, async ({ announcement, trace, blocks, more }) => {
        if (hosted === undefined) {
          hosted = await learn(announcement, trace)
          if (hosted.live.run !== run)
            throw new VillageError('PROTOCOL_MALFORMED', 'The announcement is of another run')
          gain = true
        }
        const { height } = hosted.live.tip()
        const isNews = blocks.some(({ block }) => block.height > height)
        await hosted.live.take(blocks)
        gain ||= isNews
        // Others may have more than what is here already.
        if (more && !isNews && blocks.length > 0) mayEnd.abort(new VillageError('ABORTED'))
      })
    } catch (error) {
      const failure = toVillageError(error)
      log.debug({ err: failure, run, peer }, 'a run could not be fetched from a member')
      if (failure.code.startsWith('LEDGER_')) misbehaved(peer, failure.code)
      if (!runs.has(run)) {
        traffic.forget(run)
        // Whoever speaks of a run has it.
        if (failure.code === 'RUN_UNKNOWN' || failure.code === 'PROTOCOL_MALFORMED')
          misbehaved(peer, failure.code)
        if (HOPELESS.includes(failure.code)) refuse(run, Number.POSITIVE_INFINITY)
        if (failure.code === 'RUN_TOO_MANY') refuse(run, now() + CROWDED_MS)
        if (failure.code === 'MEMBER_UNKNOWN') refuse(run, now() + STRANGER_MS)
      }
    }
    return gain
  }

  const fetches = createRunFetches({
    now,
    mayAsk: (run, { peer, height }) =>
      isStarted && isMember(peer) && isHeard(peer) && !isRefused(run, height),
    async fetch(run, { peer, height }, signal) {
      const gain = await fetchRun(run, peer, signal)
      const isTold = height <= (runs.get(run)?.live.tip().height ?? 0)
      if (!gain && !isTold && !signal.aborted && runs.has(run))
        misbehaved(peer, 'it does not have what it says')
      return gain
    },
  })
  const fetchSoon = (run: string, peer: string, height = 0) => fetches.soon(run, peer, height)

  function heardTip(peer: string, run: string, height: number): void {
    const hosted = runs.get(run)
    if (hosted === undefined || height > hosted.live.tip().height) fetchSoon(run, peer, height)
    else if (height < hosted.live.tip().height) sendTip(run, peer)
  }

  mesh.handle(
    ROUNDS_PROTOCOL,
    createRunServer({
      traffic,
      log,
      now,
      desk: {
        announcement: (run) => runs.get(run)?.live.announcement.bytes ?? null,
        trace: (run) => runs.get(run)?.trace ?? new Uint8Array(),
        blocks: (run, from, count) =>
          ledgers.blocks(run, from, { count, sizeBytes: ROUNDS_LIMITS.pageBytes }),
        statement(peer, run, bytes) {
          if (!isHeard(peer) || !statements.take(peer, now())) return
          if (runs.has(run)) runs.get(run)!.live.hearStatement(peer, bytes)
          else fetchSoon(run, peer)
        },
        message(peer, run, bytes) {
          if (!isHeard(peer)) return
          if (runs.has(run)) runs.get(run)!.live.hearMessage(peer, bytes)
          else fetchSoon(run, peer)
        },
        tips(peer, tips) {
          if (!isHeard(peer)) return
          if (tips.length === 0) sendTips(peer)
          for (const { run, height } of tips) heardTip(peer, run, height)
        },
      },
    }),
  )
  mesh.subscribe(ROUNDS_TOPIC, {
    maxBytes: MAX_ROUNDS_NEWS_BYTES,
    validate(bytes, from) {
      runOf(RoundsNews.decode(bytes).run)
      return isMember(from) ? 'accept' : 'ignore'
    },
    handle(bytes, from) {
      const { run, height } = RoundsNews.decode(bytes)
      if (runs.has(runOf(run))) traffic.count(runOf(run), from, 'in', bytes.byteLength)
      if (isHeard(from)) heardTip(from, runOf(run), height)
    },
  })

  function tell(run: string, height: number): void {
    const news = RoundsNews.encode({ run: bytesOf(run), height })
    mesh
      .publish(ROUNDS_TOPIC, news)
      .catch((error: unknown) =>
        log.debug({ err: toVillageError(error), run }, 'news of a run could not be told'),
      )
  }

  return {
    traffic,
    tell,
    forget(run, height = Number.POSITIVE_INFINITY) {
      traffic.forget(run)
      refuse(run, Number.POSITIVE_INFINITY, height)
    },
    outletOf: (run) => ({
      sendMessage: (peer, message) => send(peer, run, { message: { run: bytesOf(run), message } }),
      sendStatement: (peer, statement) => send(peer, run, { statement: { run: bytesOf(run), statement } }),
      sendTip: (peer) => sendTip(run, peer),
      fetchFrom: (peer) => fetchSoon(run, peer),
      misbehaved,
      made(height, voters) {
        // Who voted has the block by those votes; it is news to the others, and to all where the run has just ended.
        const live = runs.get(run)?.live
        if (live === undefined) return // it has just been removed
        const isNews = isOver(live.state()) || mesh.peers().some(({ peer }) => !voters.includes(peer))
        if (isNews) tell(run, height)
      },
    }),
    start() {
      isStarted = true
      endChanges = mesh.onPeerChange(({ peer, connected }) => {
        if (!connected || !isMember(peer)) return
        sendTips(peer)
        for (const { live } of runs.values()) if (!isOver(live.state())) live.greet(peer)
      })
      every = setInterval(() => {
        // Those that are over were told when the peer connected.
        const running = [...runs.values()].filter(({ live }) => !isOver(live.state()))
        for (const { peer } of mesh.peers()) sendTips(peer, running)
      }, TIPS_EVERY_MS)
      every.unref()
      // Those who are connected already said what they have when nobody listened here.
      for (const { peer } of mesh.peers()) {
        sendTips(peer)
        if (isMember(peer)) send(peer, ALL_RUNS, { tips: { tips: [] } })
      }
    },
    async stop() {
      isStarted = false
      endChanges?.()
      clearInterval(every)
      abort.abort(new Error('the node is stopping'))
      await fetches.stop()
      await links.stop()
    },
  }
}

/** Tips of all runs together are counted under this name. */
const ALL_RUNS = ''
