/**
 * Keeps a node connected: dials members that it knows, most of all after a restart, with a backoff for each. libp2p's
 * discovery only stores what it finds, so what is discovered is dialled here too.
 */
import { createHash } from 'node:crypto'
import type { PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import type { Log } from '../log.ts'
import type { Host } from './host.ts'
import { sample } from './neighbours.ts'

const TICK_MS = 1_000
const FIRST_BACKOFF_MS = 1_000
const MAX_BACKOFF_MS = 60_000
/** Of two nodes that find each other, the one with the greater ID waits this long, so that one connection is made. */
const YIELD_MS = 1_500
/** How often a node with few connections asks one of them for more. */
const MEET_EVERY_MS = 10_000
const MAX_DIALS_AT_ONCE = 6
const DIAL_TIMEOUT_MS = 30_000
const MAX_DISCOVERED = 256
/** Enough for gossip to reach everybody however large the village is; other members are dialled when needed. */
const WANTED_CONNECTIONS = 8

export interface Connector {
  /** Idempotent. */
  start(): void
  stop(): Promise<void>
}

interface Candidate {
  failures: number
  /** By elapsedMs. */
  nextAtMs: number
}

/** How long to wait after `failures` failed dials in a row. */
export function backoffMs(failures: number): number {
  return Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(failures, 16))
}

const orderKey = (self: string, peer: string) => createHash('sha256').update(`${self} ${peer}`).digest('hex')

export function createConnector(
  components: { log: Log; host: Host },
  init: {
    self: string
    members: () => Iterable<string>
    mayDial: (peer: string) => boolean
    /** Asks a connected peer where others are. */
    meet: (peer: string) => void
    bootstrap: readonly string[]
    maxConnections: number
    /** A clock that nobody sets; performance.now() if absent. */
    elapsedMs?: () => number
  },
): Connector {
  const { log, host } = components
  const wanted = Math.min(WANTED_CONNECTIONS, Math.ceil(init.maxConnections * 0.75))
  const elapsedMs = init.elapsedMs ?? (() => performance.now())
  const abort = new AbortController()
  const candidates = new Map<string, Candidate>()
  const discovered = new Set<string>()
  const dialling = new Map<string, Promise<void>>()
  let nextMeetingAtMs = elapsedMs() + MEET_EVERY_MS
  let timer: NodeJS.Timeout | undefined
  let ticking: Promise<void> = Promise.resolve()

  function candidate(peer: string): Candidate {
    let known = candidates.get(peer)
    if (known === undefined) {
      known = { failures: 0, nextAtMs: peer < init.self ? elapsedMs() + YIELD_MS : 0 }
      candidates.set(peer, known)
    }
    return known
  }

  function dial(key: string, connect: (signal: AbortSignal) => Promise<unknown>): void {
    const state = candidate(key)
    const work = connect(AbortSignal.any([abort.signal, AbortSignal.timeout(DIAL_TIMEOUT_MS)]))
      .then(() => {
        state.failures = 0
      })
      .catch((error: unknown) => {
        state.failures += 1
        log.debug({ err: error, peer: key, failures: state.failures }, 'could not connect to a member')
      })
      .finally(() => {
        state.nextAtMs = elapsedMs() + backoffMs(state.failures)
        dialling.delete(key)
      })
    dialling.set(key, work)
  }

  async function hasAddress(peer: PeerId): Promise<boolean> {
    if (!(await host.peerStore.has(peer))) return false
    return (await host.peerStore.get(peer)).addresses.length > 0
  }

  async function tick(): Promise<void> {
    const connected = new Set(host.getPeers().map(String))
    const [anyone] = sample([...connected], 1, Math.random)
    if (connected.size < wanted && anyone !== undefined && elapsedMs() >= nextMeetingAtMs) {
      nextMeetingAtMs = elapsedMs() + MEET_EVERY_MS
      init.meet(anyone)
    }
    if (connected.size === 0)
      for (const address of init.bootstrap)
        if (!dialling.has(address) && candidate(address).nextAtMs <= elapsedMs())
          dial(address, (signal) => host.dial(multiaddr(address), { signal }))
    // A hash by member: not each second where nobody is looked for.
    if (connected.size + dialling.size >= wanted) return
    // Each node in an order of its own: in a shared one all would dial the same few.
    const order = [...new Set([...init.members(), ...discovered])]
      .map((peer) => ({ peer, key: orderKey(init.self, peer) }))
      .sort((a, b) => (a.key < b.key ? -1 : 1))
    for (const { peer } of order) {
      if (abort.signal.aborted || connected.size + dialling.size >= wanted) return
      if (dialling.size >= MAX_DIALS_AT_ONCE) return
      if (peer === init.self || connected.has(peer) || dialling.has(peer) || !init.mayDial(peer)) continue
      if (candidate(peer).nextAtMs > elapsedMs()) continue
      const peerId = peerIdFromString(peer)
      if (await hasAddress(peerId)) dial(peer, (signal) => host.dial(peerId, { signal }))
    }
  }

  function poke(): void {
    if (abort.signal.aborted) return
    // One after another: two ticks at once would dial the same peer twice.
    ticking = ticking.then(tick).catch((error: unknown) => {
      if (!abort.signal.aborted) log.warn({ err: error }, 'looking for members to connect to failed')
    })
  }

  const onDiscovery = ({ detail }: CustomEvent<{ id: PeerId }>) => {
    const peer = detail.id.toString()
    if (discovered.size < MAX_DISCOVERED) discovered.add(peer)
    candidate(peer).failures = 0
    poke()
  }

  return {
    start() {
      if (timer !== undefined || abort.signal.aborted) return
      host.addEventListener('peer:discovery', onDiscovery)
      timer = setInterval(poke, TICK_MS)
      poke()
    },
    async stop() {
      abort.abort(new Error('the mesh is stopping'))
      clearInterval(timer)
      host.removeEventListener('peer:discovery', onDiscovery)
      await ticking
      await Promise.allSettled(dialling.values())
    },
  }
}
