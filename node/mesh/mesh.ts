/**
 * The mesh: one facade over the libp2p host of the village that this node is in. A node in no village runs no host at
 * all; when a village is created, joined or left the host is started anew, and handlers and topics stay registered.
 */
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import type { CID } from 'multiformats/cid'
import type { Config } from '../config.ts'
import { VillageError } from '../errors.ts'
import type { Events } from '../events.ts'
import type { Identity } from '../identity.ts'
import type { Service } from '../lifecycle.ts'
import type { Log } from '../log.ts'
import type { Store } from '../store.ts'
import { bareCapabilities } from './bare-capabilities.ts'
import { createByteCount } from './byte-count.ts'
import { type Capabilities, createCapabilityBoard } from './capabilities.ts'
import { clearDatastore } from './datastore.ts'
import { createDialRecord } from './dial-record.ts'
import { dialAddress, dialPeer, knownAddresses } from './dialling.ts'
import { createFramedStream, type FramedStream } from './framed-stream.ts'
import type { Host } from './host.ts'
import { dialInvite } from './join-nearby.ts'
import { createGate } from './membership/gate.ts'
import type { Membership, Village } from './membership/membership.ts'
import type { Role } from './membership/records.ts'
import { createRosterSync } from './membership/sync.ts'
import { describeVillage, type VillageInfo } from './membership/village-info.ts'
import type { VillageNetwork } from './membership/villages.ts'
import { createNeighbourExchange, learnAddresses } from './neighbours.ts'
import { describePeers, type PeerInfo } from './peers.ts'
import type { ProtocolSpec } from './protocols/spec.ts'
import { PEER_STORE, type RunningHost, startHost } from './running-host.ts'
import { createStreams, type StreamHandler } from './streams.ts'
import { createTopics, type TopicInit } from './topics.ts'
import { describeTraffic, type MeshTraffic } from './traffic.ts'

export type { PeerInfo } from './peers.ts'
export type { StreamContext } from './streams.ts'
export type { Validation } from './topics.ts'
export type { Role }

export interface Mesh extends Service, VillageNetwork {
  readonly peerId: string
  /** Null: this node is in no village; then peers() is empty, open() throws VILLAGE_NONE and publish() returns 0. */
  village(): VillageInfo | null
  /** Connected members. */
  peers(): PeerInfo[]
  /** The role of a peer in the village, or null: not a member, or revoked. */
  roleOf(peer: string): Role | null
  /** Own dialable multiaddrs with /p2p/. */
  addresses(): string[]
  /** Before start. Access, stream and rate limits of the spec are enforced before the handler is called. */
  handle(spec: ProtocolSpec, handler: StreamHandler): void
  /**
   * Opens a stream, dialling if needed. Throws VILLAGE_NONE, MEMBER_UNKNOWN, MEMBER_REVOKED, PEER_UNREACHABLE,
   * VILLAGE_KEY_MISMATCH, PROTOCOL_UNSUPPORTED or the reason of the signal.
   */
  open(peer: string, spec: ProtocolSpec, options: { signal: AbortSignal }): Promise<FramedStream>
  /** Before start. */
  subscribe(topic: string, init: TopicInit): void
  /** Returns the number of peers that it was sent to. */
  publish(topic: string, bytes: Uint8Array): Promise<number>
  provide(cid: CID, options: { signal: AbortSignal }): Promise<void>
  /** Members that the DHT names as providers. */
  findProviders(cid: CID, options: { signal: AbortSignal }): AsyncIterable<string>
  onPeerChange(listener: (change: { peer: string; connected: boolean }) => void): () => void
  /** Returns the peer ID. Throws the refusal of the other side, PEER_UNREACHABLE or VILLAGE_KEY_MISMATCH. */
  dial(address: string, options: { signal: AbortSignal }): Promise<string>
  /** Sets what this node announces to the others; it is read again at every announcement. */
  advertise(read: () => Capabilities): void
  /** Announces now that capabilities have changed. */
  announce(): void
  /** Bytes that crossed connections since the start of the daemon, protocols and handshakes included. */
  transferred(): { readonly receivedBytes: number; readonly sentBytes: number }
  /** Where a member was last known to be dialled, with /p2p/. */
  addressesOf(peer: string): Promise<string[]>
  /** How far members' clocks are ahead of this node's. */
  clockSkewsMs(): ReadonlyMap<string, number>
  /** The names of the host's services; empty without a village. */
  services(): string[]
  /** What came in since the start, and what is open. */
  traffic(): MeshTraffic
}

const MEET_TIMEOUT_MS = 15_000

export function createMesh(
  components: {
    log: Log
    events: Events
    store: Store
    identity: Identity
    membership: Membership
  },
  init: { config: Config; version: string },
): Mesh {
  const { events, store, identity, membership } = components
  const log = components.log.child({ service: 'mesh' })
  const self = identity.peerId
  const dials = createDialRecord()
  const byteCount = createByteCount()
  const streams = createStreams({ log }, { roleOf: membership.roleOf })
  const topics = createTopics(
    { log },
    { roleOf: membership.roleOf, isRevoked: (peer) => membership.revocationOf(peer) !== null },
  )
  const board = createCapabilityBoard(
    { log },
    { members: () => membership.village()?.roster.standing().members.size ?? 0 },
  )
  const sync = createRosterSync({ log, membership })
  const members = () => membership.village()?.roster.standing().members.keys() ?? [][Symbol.iterator]()
  const neighbours = createNeighbourExchange(
    { log, board },
    { members, isMember: (peer) => membership.village()?.roster.standing().members.has(peer) === true },
  )
  const listeners = new Set<(change: { peer: string; connected: boolean }) => void>()

  let running: RunningHost | null = null
  let started = false
  /** One change of the host at a time. */
  let changing: Promise<void> = Promise.resolve()
  let endChanges: (() => void) | undefined

  streams.register(sync.spec, sync.handler)
  streams.register(neighbours.spec, neighbours.handler)
  topics.register(sync.topic, sync.topicInit)
  topics.register(board.topic, board.topicInit)

  // Announced until the daemon says more: addresses travel with it, so that members find each other.
  board.advertise(() => bareCapabilities(init))

  const gate = createGate({ log, membership }, { peerId: self, onDigest: sync.heard })

  function need(): RunningHost {
    const revocation = membership.revocationOf(self)
    if (revocation !== null)
      throw new VillageError('MEMBER_REVOKED', undefined, { fields: { reason: revocation.reason } })
    if (running === null) throw new VillageError('VILLAGE_NONE')
    return running
  }

  /** A node that learns in the hello that it was revoked takes its host down, and the dial with it. */
  async function orRevoked<T>(dial: Promise<T>): Promise<T> {
    try {
      return await dial
    } catch (error) {
      if (membership.revocationOf(self) !== null) need()
      throw error
    }
  }

  function tell(peer: string, connected: boolean): void {
    events.emit(connected ? 'peer:connected' : 'peer:disconnected', { peer })
    for (const listener of listeners) listener({ peer, connected })
  }

  /** Asks a connected peer where the others are. */
  function meet(peer: string): void {
    mesh
      .open(peer, neighbours.spec, { signal: AbortSignal.timeout(MEET_TIMEOUT_MS) })
      .then((stream) => neighbours.run(stream))
      .catch((error: unknown) => log.debug({ err: error, peer }, 'a peer did not say where others are'))
  }

  function watch(host: Host): void {
    host.addEventListener('connection:open', ({ detail: connection }) => {
      const peer = connection.remotePeer.toString()
      // It may have been revoked between its hello and now.
      if (membership.roleOf(peer) === null) connection.abort(new VillageError('MEMBER_REVOKED'))
      else if (connection.direction === 'outbound') {
        sync.connected(peer)
        meet(peer)
      }
    })
    host.addEventListener('peer:connect', ({ detail }) => tell(detail.toString(), true))
    host.addEventListener('peer:disconnect', ({ detail }) => tell(detail.toString(), false))
  }

  async function start(village: Village): Promise<void> {
    const current = await startHost(
      { log, store, identity, membership, dials, byteCount, gate, streams, topics },
      { ...init, village, members, watch, meet },
    )
    running = current
    neighbours.attach(current.host)
    sync.start({
      peers: () => mesh.peers().map(({ peer }) => peer),
      open: mesh.open,
      publish: mesh.publish,
    })
    board.start({
      publish: mesh.publish,
      addresses: mesh.addresses,
      learned(peer, addresses) {
        const known = addresses.map((address) => multiaddr(address))
        const failed = (error: unknown) => log.debug({ err: error, peer }, 'addresses could not be stored')
        learnAddresses(current.host.peerStore, peerIdFromString(peer), known).catch(failed)
      },
    })
    // One who is not let in yet dials the addresses of its invite, then whoever is near (joinThrough).
    if (village.join === null) current.connector.start()
    log.info({ village: village.id, addresses: mesh.addresses() }, 'the mesh is up')
  }

  async function stop(): Promise<void> {
    const current = running
    if (current === null) return
    running = null
    board.stop()
    neighbours.attach(null)
    await sync.stop()
    await current.stop()
  }

  async function reloadNow(): Promise<void> {
    await stop()
    const village = membership.revocationOf(self) === null ? membership.village() : null
    if (started && village !== null) await start(village)
  }

  function reload(): Promise<void> {
    const result = changing.then(reloadNow)
    changing = result.catch(() => undefined) // the caller of this reload has the failure
    return result
  }

  function onRevoked(revoked: readonly string[]): void {
    const reason = new VillageError('MEMBER_REVOKED')
    for (const peer of revoked) {
      streams.abort(reason, peer)
      for (const connection of running?.host.getConnections(peerIdFromString(peer)) ?? [])
        connection.abort(reason)
    }
    if (!revoked.includes(self)) return
    const { reason: why, by } = membership.revocationOf(self) ?? {}
    log.warn({ by, reason: why }, 'this node was revoked: it leaves the mesh')
    reload().catch((error: unknown) => log.error({ err: error }, 'the mesh could not be stopped'))
  }

  /** Closes the connections of a peer that left, when what is said on them has been said. */
  function hangUp(peer: string): void {
    for (const connection of running?.host.getConnections(peerIdFromString(peer)) ?? [])
      connection.close().catch((error: unknown) => {
        log.debug({ err: error, peer }, 'a connection was not closed in order')
        connection.abort(new VillageError('MEMBER_UNKNOWN'))
      })
  }

  const mesh: Mesh = {
    name: 'mesh',
    peerId: self,
    async start() {
      await membership.load()
      started = true
      endChanges = membership.onChange(({ revoked, left }) => {
        onRevoked(revoked)
        for (const peer of left) if (peer !== self) hangUp(peer)
      })
      await reload()
    },
    async stop() {
      started = false
      endChanges?.()
      await reload()
    },
    reload,
    village: () => describeVillage(membership, self),
    roleOf: membership.roleOf,
    addresses: () => running?.host.getMultiaddrs().map(String) ?? [],
    peers: () => describePeers({ membership, board }, running?.host.getConnections() ?? []),
    handle(spec, handler) {
      if (started) throw new VillageError('INTERNAL', 'Handlers are registered before the mesh starts')
      streams.register(spec, handler)
    },
    subscribe(topic, row) {
      if (started) throw new VillageError('INTERNAL', 'Topics are registered before the mesh starts')
      topics.register(topic, row)
    },
    async open(peer, spec, { signal }) {
      const { host } = need()
      signal.throwIfAborted()
      if (membership.revocationOf(peer) !== null)
        throw new VillageError('MEMBER_REVOKED', undefined, { fields: { peer } })
      if (membership.roleOf(peer) === null)
        throw new VillageError('MEMBER_UNKNOWN', undefined, { fields: { peer } })
      await orRevoked(dialPeer({ host, dials }, peer, { signal }))
      try {
        const peerId = peerIdFromString(peer)
        const stream = await host.dialProtocol(peerId, spec.id, { signal, runOnLimitedConnection: true })
        return createFramedStream({ stream, peer, spec })
      } catch (error) {
        signal.throwIfAborted()
        const unsupported = error instanceof Error && error.name === 'UnsupportedProtocolError'
        throw new VillageError(unsupported ? 'PROTOCOL_UNSUPPORTED' : 'PEER_DISCONNECTED', undefined, {
          cause: error,
          fields: { peer, protocol: spec.id },
        })
      }
    },
    async publish(topic, bytes) {
      if (running === null) return 0
      const { recipients } = await running.host.services.pubsub.publish(running.prefix + topic, bytes)
      return recipients.length
    },
    async provide(cid, { signal }) {
      const { host } = need()
      // Alone there is nobody to tell; in the wan profile the DHT would wait for somebody.
      if (host.getPeers().length > 0) await host.contentRouting.provide(cid, { signal })
    },
    async *findProviders(cid, { signal }) {
      const { host } = need()
      if (host.getPeers().length === 0) return
      for await (const { id, multiaddrs } of host.contentRouting.findProviders(cid, { signal })) {
        const peer = id.toString()
        if (peer === self || membership.roleOf(peer) === null) continue
        if (multiaddrs.length > 0) await host.peerStore.merge(id, { multiaddrs })
        yield peer
      }
    },
    onPeerChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    async dial(address, options) {
      return await orRevoked(dialAddress({ host: need().host, dials }, address, options))
    },
    async joinThrough(addresses, options) {
      const { host, connector } = need()
      const peer = await orRevoked(dialInvite({ host, dials, config: init.config }, addresses, options))
      // Until now nobody knew this node's role, and it had nobody to look for.
      if (membership.roleOf(self) === 'edge') await host.services.dht.setMode('client')
      connector.start()
      return peer
    },
    synchronise: (peer, options) => sync.run(peer, options),
    forgetPeers: () => clearDatastore({ store }, { name: PEER_STORE }),
    advertise: board.advertise,
    announce: board.announce,
    transferred: byteCount.totals,
    addressesOf: async (peer) => (running === null ? [] : knownAddresses(running.host, peer, board)),
    clockSkewsMs: board.skewsMs,
    services: () => (running === null ? [] : Object.keys(running.host.services)),
    traffic: () => describeTraffic({ topics, streams }),
  }
  return mesh
}
