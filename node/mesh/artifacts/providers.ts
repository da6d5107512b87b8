/**
 * Finding providers of one root: those that the caller names, then connected members, then the DHT. Each is asked once, by opening
 * a session; idle streams are kept for a while, since a fetch of many small artifacts from one peer would open one for each.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { CID } from 'multiformats/cid'
import { VillageError } from '../../errors.ts'
import type { Log } from '../../log.ts'
import type { Span } from '../../tracing.ts'
import type { FramedStream } from '../framed-stream.ts'
import type { Mesh } from '../mesh.ts'
import { contextFor } from './artifact-spans.ts'
import { openSession, type PeerSession } from './peer-session.ts'

const MAX_NEIGHBOURS = 64
const MAX_DHT_PROVIDERS = 20
const DHT_TIMEOUT_MS = 15_000
const ASKED_AT_ONCE = 6
const IDLE_STREAM_MS = 15_000
/** Candidates that do not answer within this are not waited for before others are asked as well. */
const PATIENCE_MS = 1500
const MAX_RETRIES = 3

export interface IdleStreams {
  take(peer: string): FramedStream | undefined
  /** Keeps the stream for the next session with this peer, or closes it when there is one already. */
  keep(stream: FramedStream): void
  closeAll(): Promise<void>
}

export function createIdleStreams(): IdleStreams {
  const idle = new Map<string, { stream: FramedStream; timer: NodeJS.Timeout }>()
  return {
    take(peer) {
      const kept = idle.get(peer)
      if (kept === undefined) return undefined
      clearTimeout(kept.timer)
      idle.delete(peer)
      return kept.stream
    },
    keep(stream) {
      if (idle.has(stream.peer)) {
        void stream.close()
        return
      }
      const timer = setTimeout(() => {
        idle.delete(stream.peer)
        void stream.close()
      }, IDLE_STREAM_MS)
      timer.unref()
      idle.set(stream.peer, { stream, timer })
    },
    async closeAll() {
      const all = [...idle.values()]
      idle.clear()
      await Promise.all(
        all.map(({ stream, timer }) => {
          clearTimeout(timer)
          return stream.close()
        }),
      )
    },
  }
}

/** Waits for the first of `work`, at most `timeoutMs`. */
async function raceFor(work: Iterable<Promise<void>>, timeoutMs: number): Promise<'answered' | 'slow'> {
  const patience = new AbortController()
  try {
    return await Promise.race([
      ...[...work].map((each) => each.then(() => 'answered' as const)),
      sleep(timeoutMs, 'slow' as const, { signal: patience.signal }),
    ])
  } finally {
    patience.abort()
  }
}

export interface Providers {
  /**
   * Asks the next candidates and resolves with the first that serves the root; null when there is no candidate left.
   * Calls may overlap: each gets a session of its own.
   */
  next(): Promise<PeerSession | null>
  /** Puts back a peer whose connection was lost half-way, a few times: it may well be there again. */
  retry(peer: string): void
  /** Lets go of sessions that were opened and not taken. */
  close(): void
}

export interface ProvidersComponents {
  mesh: Pick<Mesh, 'open' | 'peers' | 'findProviders' | 'peerId' | 'roleOf'>
  idle: IdleStreams
  log: Log
  isBanned(peer: string): boolean
  onReceived(sizeBytes: number): void
  /** What a provider calls the artifact, unchecked. */
  onName(name: string): void
}

export function createProviders(
  components: ProvidersComponents,
  init: { root: CID; given: readonly string[]; stallTimeoutMs: number; span: Span; signal: AbortSignal },
): Providers {
  const { mesh, idle, log } = components
  const { root, signal } = init
  const seen = new Set<string>([mesh.peerId])
  /** Candidates not asked yet, of the stages reached so far. */
  const candidates: string[] = []
  /** Sessions that answered and were not taken yet. */
  const ready: PeerSession[] = []
  const asking = new Set<Promise<void>>()
  const retries = new Map<string, number>()
  const stages = [async () => init.given, async () => neighbours(), fromDht]
  let closed = false

  const neighbours = () =>
    mesh
      .peers()
      .sort((a, b) => (a.latencyMs ?? Infinity) - (b.latencyMs ?? Infinity))
      .slice(0, MAX_NEIGHBOURS)
      .map(({ peer }) => peer)

  async function fromDht(): Promise<string[]> {
    const found: string[] = []
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(DHT_TIMEOUT_MS)])
    try {
      for await (const peer of mesh.findProviders(root, { signal: deadline })) {
        found.push(peer)
        if (found.length >= MAX_DHT_PROVIDERS) break
      }
    } catch (error) {
      signal.throwIfAborted()
      log.debug({ err: error, cid: root.toString() }, 'look-up of providers ended')
    }
    return found
  }

  async function ask(peer: string): Promise<void> {
    try {
      const session = await attempt(peer, idle.take(peer))
      components.onName(session.name)
      if (closed) idle.keep(session.stream)
      else ready.push(session)
    } catch (error) {
      log.debug({ err: error, peer, cid: root.toString() }, 'provider does not serve')
    }
  }

  async function attempt(peer: string, stream: FramedStream | undefined): Promise<PeerSession> {
    try {
      const trace = contextFor(init.span, mesh.roleOf(peer))
      return await openSession(components, { ...init, peer, idle: stream, trace })
    } catch (error) {
      const isRefusal =
        error instanceof VillageError && (error.code === 'ARTIFACT_MISSING' || error.code === 'PEER_BUSY')
      if (stream === undefined || isRefusal || signal.aborted) throw error
      return attempt(peer, undefined) // the kept stream had died meanwhile
    }
  }

  function askSome(): void {
    while (asking.size < ASKED_AT_ONCE) {
      const peer = candidates.shift()
      if (peer === undefined) return
      if (seen.has(peer) || components.isBanned(peer)) continue
      seen.add(peer)
      const asked: Promise<void> = ask(peer).finally(() => asking.delete(asked))
      asking.add(asked)
    }
  }

  return {
    async next() {
      for (;;) {
        signal.throwIfAborted()
        if (closed) return null
        const session = ready.shift()
        if (session !== undefined) return session
        askSome()
        if (asking.size > 0 && (await raceFor(asking, PATIENCE_MS)) === 'answered') continue
        const stage = stages.shift()
        if (stage !== undefined) candidates.push(...(await stage()))
        else if (asking.size === 0 && candidates.length === 0) return null
        else await Promise.race(asking)
      }
    },
    retry(peer) {
      const count = retries.get(peer) ?? 0
      if (count >= MAX_RETRIES) return
      retries.set(peer, count + 1)
      seen.delete(peer)
      candidates.push(peer)
    },
    close() {
      closed = true
      for (const session of ready.splice(0)) idle.keep(session.stream)
    },
  }
}
