/** The libp2p host of one village: every option with the reason where it differs from libp2p's own. */
import { yamux } from '@chainsafe/libp2p-yamux'
import { type GossipSub, gossipsub } from '@libp2p/gossipsub'
import { type Identify, identify, identifyPush } from '@libp2p/identify'
import type { Libp2p } from '@libp2p/interface'
import { type KadDHT, kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { type Ping, ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { webSockets } from '@libp2p/websockets'
import type { Datastore } from 'interface-datastore'
import { createLibp2p } from 'libp2p'
import type { Config } from '../config.ts'
import type { Identity } from '../identity.ts'
import type { Log } from '../log.ts'
import type { MeshLimits } from '../profile-limits.ts'
import type { ByteCount } from './byte-count.ts'
import type { DialRecord } from './dial-record.ts'
import { createLibp2pLog } from './libp2p-log.ts'
import { localDiscovery } from './local-discovery.ts'
import type { Gate } from './membership/gate.ts'
import type { Village } from './membership/membership.ts'
import { createProtector } from './membership/pre-shared-key.ts'
import { secure } from './membership/secure.ts'
import { SECURE_PROTOCOL } from './protocols/hello.ts'

const MIB = 2 ** 20
/** Many members may share one address (a lab, a home, a test): libp2p's 5 a second by host would turn them away. */
const INBOUND_BY_HOST_A_SECOND = SECURE_PROTOCOL.streamsByMinute / 60
const MAX_INBOUND_PENDING = SECURE_PROTOCOL.maxStreamsByPeer
/** Connecting, handshake and hello together; a small box under load needs seconds for its signatures. */
export const UPGRADE_TIMEOUT_MS = 20_000
/** A node under full load answers late; only one that is gone should lose its connections. */
const CONNECTION_PING_TIMEOUT_MS = 30_000
/** Longer than the wait for one: a second ping beside the first fails at once, and with it the connection. */
const CONNECTION_PING_EVERY_MS = 40_000
/**
 * Opening a stream, and identify: what fails here is not tried again on the same connection, and gossip then leaves the peer out.
 * The defaults are 10 s and 5 s.
 */
const NEGOTIATION_TIMEOUT_MS = 30_000
const DHT_PARALLEL_QUERIES = 3
const DHT_DISJOINT_PATHS = 2
const MDNS_EVERY_MS = 10_000
const MAX_TOPIC_BYTES_BY_PEER = 64 * 1024
const MAX_GOSSIP_MESSAGES_BY_RPC = 500
/**
 * One frame carries many messages (the answers to one request for what was missed, a heartbeat's list of what is new). A frame over
 * the limit ends the stream and leaves this node deaf to that peer, so this is far above what members send; each message in it
 * has its own limit (topics.ts).
 */
const MAX_GOSSIP_RPC_BYTES = 2 * MIB

export type HostServices = {
  identify: Identify
  ping: Ping
  dht: KadDHT
  pubsub: GossipSub
} & Record<string, unknown>
export type Host = Libp2p<HostServices>

export interface HostInit {
  village: Village
  config: Config
  edge: boolean
  limits: MeshLimits
  version: string
  listen: readonly string[]
  gate: Gate
  /** Full topic names; gossip of any other topic is not read. */
  topics: readonly string[]
  maxGossipBytes: number
}

/** Creates the host without starting it: handlers and topics are registered first. */
export async function createHost(
  components: { log: Log; identity: Identity; datastore: Datastore; dials: DialRecord; byteCount: ByteCount },
  init: HostInit,
): Promise<Host> {
  const { log, identity, datastore, dials, byteCount } = components
  const { village, config, edge, limits } = init
  const prefix = `/village/${village.shortId}`
  const isWan = config['mesh.profile'] === 'wan'
  const wan = isWan ? (await import('./wan.ts')).wanOptions(config) : null
  return (await createLibp2p<HostServices>({
    start: false,
    logger: createLibp2pLog(log),
    privateKey: identity.privateKey,
    nodeInfo: { name: 'aivillage', version: init.version, userAgent: `aivillage/${init.version}` },
    addresses: {
      listen: [...init.listen, ...(wan?.listen ?? [])],
      announce: [...config['mesh.announce']],
    },
    transports: [tcp(), webSockets(), ...(wan?.transports ?? [])],
    connectionProtector: () => createProtector(village.psk, dials.reached, dials.proven, byteCount),
    connectionEncrypters: [
      secure({
        gate: init.gate,
        onRefused: (connection, peer, error) => dials.refused(connection, peer, error),
      }),
    ],
    streamMuxers: [
      yamux({
        maxInboundStreams: limits.streamsByConnection,
        maxOutboundStreams: limits.streamsByConnection,
        // The window must fit the read buffer, or a pause would reset the stream.
        streamOptions: {
          maxStreamWindowSize: limits.streamWindowBytes,
          maxReadBufferLength: 2 * limits.streamWindowBytes,
        },
      }),
    ],
    connectionManager: {
      maxConnections: limits.maxConnections,
      inboundConnectionThreshold: INBOUND_BY_HOST_A_SECOND,
      maxIncomingPendingConnections: MAX_INBOUND_PENDING,
      maxParallelDials: limits.parallelDials,
      maxDialQueueLength: limits.waitingDials,
      addressDialTimeout: UPGRADE_TIMEOUT_MS,
      dialTimeout: 2 * UPGRADE_TIMEOUT_MS,
      inboundUpgradeTimeout: UPGRADE_TIMEOUT_MS,
      inboundStreamProtocolNegotiationTimeout: NEGOTIATION_TIMEOUT_MS,
      outboundStreamProtocolNegotiationTimeout: NEGOTIATION_TIMEOUT_MS,
      reconnectRetries: 0, // connector.ts redials members, with its own backoff
    },
    connectionMonitor: {
      pingInterval: CONNECTION_PING_EVERY_MS,
      pingTimeout: { minTimeout: CONNECTION_PING_TIMEOUT_MS, maxTimeout: CONNECTION_PING_TIMEOUT_MS },
    },
    datastore,
    peerDiscovery: [
      ...(config['mesh.mdns']
        ? [localDiscovery({ serviceTag: `_${village.shortId}._udp.local`, everyMs: MDNS_EVERY_MS })]
        : []),
      ...(wan?.discovery ?? []),
    ],
    services: {
      identify: identify({ runOnLimitedConnection: true, timeout: NEGOTIATION_TIMEOUT_MS }),
      identifyPush: identifyPush({ runOnLimitedConnection: true, timeout: NEGOTIATION_TIMEOUT_MS }),
      ping: ping(),
      dht: kadDHT({
        protocol: `${prefix}/kad/1.0.0`,
        datastorePrefix: '/dht',
        clientMode: edge,
        // Provider records only; without the mapper private addresses are dropped, and a LAN village finds nobody.
        validators: {},
        selectors: {},
        peerInfoMapper: passthroughMapper,
        // Looking for relays walks the DHT at random and would never pause where a query without peers ends at once.
        allowQueryWithZeroPeers: !isWan,
        // The defaults ask ten peers at once on ten paths and so connect everybody to everybody in a small village.
        alpha: DHT_PARALLEL_QUERIES,
        disjointPaths: DHT_DISJOINT_PATHS,
      }),
      pubsub: gossipsub({
        globalSignaturePolicy: 'StrictSign',
        allowedTopics: new Set(init.topics),
        allowPublishToZeroTopicPeers: true,
        emitSelf: false,
        runOnLimitedConnection: true,
        mcacheLength: limits.gossipKeptHeartbeats,
        mcacheGossip: limits.gossipToldHeartbeats,
        maxInboundDataLength: Math.max(MAX_GOSSIP_RPC_BYTES, init.maxGossipBytes),
        maxTopicBytesPerPeer: MAX_TOPIC_BYTES_BY_PEER,
        decodeRpcLimits: {
          maxSubscriptions: 100,
          maxMessages: MAX_GOSSIP_MESSAGES_BY_RPC,
          maxIhaveMessageIDs: 5_000,
          maxIwantMessageIDs: 5_000,
          maxControlMessages: 500,
          maxIdontwantMessageIDs: 512,
          maxPeerInfos: 16,
        },
        // The default silences a mesh of more than ten peers behind one address. Members are vouched for one by one
        // in the hello, so many addresses are no proof of many members, and one address is no sign of an attack.
        scoreParams: { IPColocationFactorWeight: 0 },
      }),
      ...wan?.services,
    },
  })) as Host
}
