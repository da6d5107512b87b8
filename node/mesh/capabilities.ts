/**
 * What members lend: each announces its capabilities by gossip when they change and every 30 s (less often in a large village), together
 * with the addresses where it can be reached; what was not renewed for three times as long is forgotten.
 */
import { multiaddr } from '@multiformats/multiaddr'
import type { Log } from '../log.ts'
import { announceEveryMs } from './announce-interval.ts'
import {
  ANNOUNCE_EVERY_MS,
  CAPABILITIES_TOPIC,
  CAPABILITIES_TTL_MS,
  CapabilitiesAnnouncement,
  MAX_ADDRESSES,
  MAX_AGENTS,
  MAX_CAPABILITIES_BYTES,
  MAX_MODELS,
  MAX_TASK_KINDS,
  POWER_CODES,
} from './protocols/capabilities.ts'
import { CLOCK_SKEW_MS } from './protocols/records.ts'
import type { TopicInit } from './topics.ts'

export interface OfferedAgent {
  name: string
  /** Whether a language model decides for it; otherwise rules do. */
  model: boolean
}

export interface Capabilities {
  version: string
  cores: number
  memoryBytes: number
  power: 'mains' | 'battery' | 'unknown'
  profile: string
  native: boolean
  accepting: boolean
  /** 0 to 1. */
  load: number
  taskKinds: string[]
  /** CIDs, at most 64. */
  models: string[]
  /** Agents that answer members' requests, at most 8; none if absent. */
  agents?: OfferedAgent[]
}

export interface CapabilityBoard {
  readonly topic: string
  readonly topicInit: TopicInit
  /** Sets what this node announces; read again at every announcement. */
  advertise(read: () => Capabilities): void
  of(peer: string): Capabilities | null
  /** How far the clocks of members are ahead of this node's, by peer: the way that an announcement takes is within it. */
  skewsMs(): ReadonlyMap<string, number>
  /** Where the peer said it can be reached, without /p2p/. */
  addressesOf(peer: string): readonly string[]
  /** What this node would announce now; empty without a reader or a network. */
  announcement(): Uint8Array
  /** Announces soon: at most once in two seconds. */
  announce(): void
  start(network: CapabilityNetwork): void
  stop(): void
}

export interface CapabilityNetwork {
  publish(topic: string, bytes: Uint8Array): Promise<number>
  /** Own addresses, with /p2p/. */
  addresses(): string[]
  learned(peer: string, addresses: string[]): void
}

interface Entry {
  capabilities: Capabilities
  addresses: string[]
  /** Clock of the sender. */
  timeMs: number
  /** By elapsedMs. */
  heardAtMs: number
}

const SOON_MS = 150
const AT_MOST_EVERY_MS = 2_000
const MAX_BOARD = 10_000

export function encodeCapabilities(
  capabilities: Capabilities,
  init: { timeMs: number; addresses: readonly string[] },
): Uint8Array {
  return CapabilitiesAnnouncement.encode({
    ...capabilities,
    timeMs: init.timeMs,
    power: POWER_CODES[capabilities.power],
    taskKinds: capabilities.taskKinds.slice(0, MAX_TASK_KINDS),
    models: capabilities.models.slice(0, MAX_MODELS),
    agents: (capabilities.agents ?? []).slice(0, MAX_AGENTS),
    addresses: init.addresses
      .slice(0, MAX_ADDRESSES)
      .map((address) => multiaddr(address.replace(/\/p2p\/[^/]+$/, '')).bytes),
  })
}

/** Throws PROTOCOL_MALFORMED or what multiaddr throws; returns null for values outside their range. */
export function decodeCapabilities(
  bytes: Uint8Array,
): { capabilities: Capabilities; timeMs: number; addresses: string[] } | null {
  const value = CapabilitiesAnnouncement.decode(bytes)
  const power = (Object.keys(POWER_CODES) as Capabilities['power'][]).find(
    (name) => POWER_CODES[name] === value.power,
  )
  if (power === undefined || !(value.load >= 0 && value.load <= 1) || value.cores > 65_536) return null
  const { version, cores, memoryBytes, profile, native, accepting, load, taskKinds, models, agents, timeMs } =
    value
  return {
    capabilities: {
      version,
      cores,
      memoryBytes,
      power,
      profile,
      native,
      accepting,
      load,
      taskKinds,
      models,
      ...(agents.length === 0 ? {} : { agents }),
    },
    timeMs,
    addresses: value.addresses.map((address) => multiaddr(address).toString()),
  }
}

export function createCapabilityBoard(
  components: { log: Log },
  init: {
    now?: () => number
    /** A clock that nobody sets, for what is due and what is old; performance.now() if absent. */
    elapsedMs?: () => number
    members?: () => number
  } = {},
): CapabilityBoard {
  const { log } = components
  const now = init.now ?? Date.now
  const elapsedMs = init.elapsedMs ?? (() => performance.now())
  const members = init.members ?? (() => 1)
  const ttlMs = () => announceEveryMs(CAPABILITIES_TTL_MS, members())
  const board = new Map<string, Entry>()
  let read: (() => Capabilities) | undefined
  let network: CapabilityNetwork | undefined
  let every: NodeJS.Timeout | undefined
  let soon: NodeJS.Timeout | undefined
  let lastAtMs = Number.NEGATIVE_INFINITY

  function send(): void {
    soon = undefined
    if (network === undefined) return
    lastAtMs = elapsedMs()
    network.publish(CAPABILITIES_TOPIC, self.announcement()).catch((error: unknown) => {
      log.debug({ err: error }, 'capabilities could not be announced')
    })
  }

  function forgetOld(): void {
    const validMs = ttlMs()
    for (const [peer, entry] of board) if (elapsedMs() - entry.heardAtMs > validMs) board.delete(peer)
  }

  /** Of the last announcement of each, also of those that are ignored for it. */
  const skews = new Map<string, number>()

  const self: CapabilityBoard = {
    topic: CAPABILITIES_TOPIC,
    topicInit: {
      maxBytes: MAX_CAPABILITIES_BYTES,
      validate(bytes, from) {
        const heard = decodeCapabilities(bytes)
        if (heard === null) return 'reject'
        const skewMs = heard.timeMs - now()
        if (skews.size < MAX_BOARD || skews.has(from)) skews.set(from, skewMs)
        if (Math.abs(skewMs) > CLOCK_SKEW_MS) return 'ignore'
        return heard.timeMs > (board.get(from)?.timeMs ?? 0) ? 'accept' : 'ignore'
      },
      handle(bytes, from) {
        const heard = decodeCapabilities(bytes)
        if (heard === null || (board.size >= MAX_BOARD && !board.has(from))) return
        board.set(from, { ...heard, heardAtMs: elapsedMs() })
        network?.learned(from, heard.addresses)
      },
    },
    advertise(reader) {
      read = reader
      self.announce()
    },
    of(peer) {
      const entry = board.get(peer)
      return entry === undefined || elapsedMs() - entry.heardAtMs > ttlMs() ? null : entry.capabilities
    },
    skewsMs: () => new Map(skews),
    addressesOf: (peer) => board.get(peer)?.addresses ?? [],
    announcement() {
      if (read === undefined || network === undefined) return new Uint8Array(0)
      return encodeCapabilities(read(), { timeMs: now(), addresses: network.addresses() })
    },
    announce() {
      if (network === undefined) return
      soon ??= setTimeout(send, Math.max(SOON_MS, lastAtMs + AT_MOST_EVERY_MS - elapsedMs()))
    },
    start(given) {
      network = given
      every = setInterval(() => {
        forgetOld()
        const pauseMs = announceEveryMs(ANNOUNCE_EVERY_MS, members()) - ANNOUNCE_EVERY_MS / 2
        if (elapsedMs() - lastAtMs >= pauseMs) self.announce()
      }, ANNOUNCE_EVERY_MS)
      self.announce()
    },
    stop() {
      clearInterval(every)
      clearTimeout(soon)
      soon = undefined
      network = undefined
      board.clear()
      skews.clear()
    },
  }
  return self
}
