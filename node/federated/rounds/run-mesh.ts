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
import { isOver, type RunState } from './run-state.ts'
import { createTraffic, type Traffic } from './traffic.ts'

export interface RunMesh {
  readonly traffic: Traffic
  outletOf(run: string): Omit<HostOutlet, 'noted' | 'over'>
  /** Gossip: there is a run, or a block of it. */
  tell(run: string, height: number): void
  /** A run was removed here, and is not fetched again. */
  forget(run: string): void
  start(): void
  stop(): Promise<void>
}

const FETCH_TIMEOUT_MS = 120_000
/** Complaints about a peer in a minute after which it is not listened to until they get fewer. */
const COMPLAINTS_BY_MINUTE = 20
/** Runs that were refused, so that they are not fetched again and again. */
const MAX_REFUSED = 4_096
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
    /** Takes an announcement that a peer has. */
    readonly learn: (announcement: Uint8Array) => Promise<HostedRun>
    readonly log: Log
  },
  init: { readonly now: () => number },
): RunMesh {
  const { mesh, runs, ledgers, learn, log } = components
  const { now } = init
  const traffic = createTraffic()
  const links = createRoundLinks({ mesh, traffic, log })
  const complaints = createRateLimit({ byMinute: COMPLAINTS_BY_MINUTE })
  const refused = new Set<string>()
  const fetching = new Map<string, Promise<void>>()
  /** Another peer may have more, once the fetch that is under way has ended. */
  const again = new Map<string, string>()
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

  async function fetchRun(run: string, peer: string): Promise<void> {
    const signal = AbortSignal.any([abort.signal, AbortSignal.timeout(FETCH_TIMEOUT_MS)])
    const known = runs.get(run)
    const from = known === undefined ? 0 : known.live.tip().height + 1
    let hosted = known
    await fetchPages({ mesh, traffic }, { peer, run, from, signal }, async ({ announcement, blocks }) => {
      if (hosted === undefined) {
        hosted = await learn(announcement)
        if (hosted.live.run !== run)
          throw new VillageError('PROTOCOL_MALFORMED', 'The announcement is of another run')
      }
      await hosted.live.take(blocks)
    })
  }

  function fetchSoon(run: string, peer: string): void {
    if (!isStarted || refused.has(run) || !isMember(peer)) return
    if (fetching.has(run)) {
      again.set(run, peer)
      return
    }
    const work = fetchRun(run, peer)
      .catch((error: unknown) => {
        const failure = toVillageError(error)
        log.debug({ err: failure, run, peer }, 'a run could not be fetched from a member')
        if (failure.code.startsWith('LEDGER_')) misbehaved(peer, failure.code)
        const isHopeless = ['RUN_UNSUPPORTED', 'INVALID_ARGUMENT'].includes(failure.code)
        if (isHopeless && !runs.has(run) && refused.size < MAX_REFUSED) refused.add(run)
      })
      .finally(() => {
        fetching.delete(run)
        const next = again.get(run)
        again.delete(run)
        if (next !== undefined) fetchSoon(run, next)
      })
    fetching.set(run, work)
  }

  function heardTip(peer: string, run: string, height: number): void {
    const hosted = runs.get(run)
    if (hosted === undefined || height > hosted.live.tip().height) fetchSoon(run, peer)
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
        blocks: (run, from, count) =>
          ledgers.blocks(run, from, { count, sizeBytes: ROUNDS_LIMITS.pageBytes }),
        statement(peer, run, bytes) {
          if (!isHeard(peer)) return
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
      traffic.count(runOf(run), from, 'in', bytes.byteLength)
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
    forget(run) {
      traffic.forget(run)
      if (refused.size < MAX_REFUSED) refused.add(run)
    },
    outletOf: (run) => ({
      sendMessage: (peer, message) => send(peer, run, { message: { run: bytesOf(run), message } }),
      sendStatement: (peer, statement) => send(peer, run, { statement: { run: bytesOf(run), statement } }),
      sendTip: (peer) => sendTip(run, peer),
      fetchFrom: (peer) => fetchSoon(run, peer),
      misbehaved,
      made(height) {
        // The committee has the block by its own votes; it is news to the others, and to all where the run has just ended.
        const { live } = runs.get(run)!
        const { members } = live.state().committee
        const isNews = isOver(live.state()) || mesh.peers().some(({ peer }) => !members.includes(peer))
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
      await Promise.allSettled(fetching.values())
      await links.stop()
    },
  }
}

/** Tips of all runs together are counted under this name. */
const ALL_RUNS = ''
