/** Gossip on the topic `capabilities`: what a node lends and where it can be reached (docs/protocols/capabilities.md). */
import { bool, bytes, double, type Infer, list, message, nested, string, uint32, uint64 } from './message.ts'

export const CAPABILITIES_TOPIC = 'capabilities'
export const MAX_CAPABILITIES_BYTES = 16 * 1024
export const ANNOUNCE_EVERY_MS = 30_000
/** What was announced is forgotten after this long without another announcement. */
export const CAPABILITIES_TTL_MS = 90_000
export const MAX_MODELS = 64
export const MAX_TASK_KINDS = 32
export const MAX_ADDRESSES = 16

export const MAX_AGENTS = 8

export const POWER_CODES = { unknown: 0, mains: 1, battery: 2 } as const

/** An agent that answers requests of members (docs/protocols/agents.md). */
const OfferedAgent = message('OfferedAgent', {
  name: [1, string(16)],
  /** Whether a language model decides for it; otherwise rules do. */
  model: [2, bool()],
})

export const CapabilitiesAnnouncement = message('CapabilitiesAnnouncement', {
  /** Milliseconds of the sender's clock; an older announcement never replaces a newer one. */
  timeMs: [1, uint64()],
  version: [2, string(32)],
  cores: [3, uint32()],
  memoryBytes: [4, uint64()],
  power: [5, uint32()],
  profile: [6, string(16)],
  native: [7, bool()],
  accepting: [8, bool()],
  /** 0 to 1. */
  load: [9, double()],
  taskKinds: [10, list(string(32), MAX_TASK_KINDS)],
  /** CIDs. */
  models: [11, list(string(96), MAX_MODELS)],
  /** Binary multiaddrs of the sender, without /p2p/. */
  addresses: [12, list(bytes(128), MAX_ADDRESSES)],
  agents: [13, list(nested(OfferedAgent, 32), MAX_AGENTS)],
})
export type CapabilitiesAnnouncement = Infer<typeof CapabilitiesAnnouncement>
