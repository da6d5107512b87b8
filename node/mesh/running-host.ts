/** One run of the host: from the village that this node is in to a started libp2p node with everything attached. */
import type { Config } from '../config.ts'
import { VillageError } from '../errors.ts'
import type { Identity } from '../identity.ts'
import type { Log } from '../log.ts'
import { type MeshLimits, profileLimits } from '../profile-limits.ts'
import type { Store } from '../store.ts'
import type { ByteCount } from './byte-count.ts'
import { type Connector, createConnector } from './connector.ts'
import { PeerDatastore } from './datastore.ts'
import type { DialRecord } from './dial-record.ts'
import { createHost, type Host } from './host.ts'
import type { Gate } from './membership/gate.ts'
import type { Membership, Village } from './membership/membership.ts'
import { chooseListenAddresses, keepPorts } from './ports.ts'
import type { Streams } from './streams.ts'
import type { Topics } from './topics.ts'

/** The sublevel of what libp2p stores. */
export const PEER_STORE = 'libp2p'

export interface RunningHost {
  readonly host: Host
  readonly connector: Connector
  /** Of topic names. */
  readonly prefix: string
  stop(): Promise<void>
}

/** Of the profile; a member that joined as `edge` has those of an edge box. The configuration's own number of connections goes first. */
export function meshLimits(
  config: Pick<Config, 'profile' | 'mesh.maxConnections'>,
  edge: boolean,
): MeshLimits {
  const { mesh } = profileLimits(edge ? 'edge' : config.profile)
  return { ...mesh, maxConnections: config['mesh.maxConnections'] ?? mesh.maxConnections }
}

/** Throws PORT_BUSY. */
export async function startHost(
  components: {
    log: Log
    store: Store
    identity: Identity
    membership: Membership
    dials: DialRecord
    byteCount: ByteCount
    gate: Gate
    streams: Streams
    topics: Topics
  },
  init: {
    village: Village
    config: Config
    version: string
    members: () => Iterable<string>
    /** Called with the host before it starts. */
    watch: (host: Host) => void
    meet: (peer: string) => void
  },
): Promise<RunningHost> {
  const { log, store, identity, membership, streams, topics } = components
  const { village, config } = init
  const ports = store.json<number>('ports')
  const prefix = `/village/${village.shortId}/`
  const configured = config['mesh.listen']
  const edge = membership.roleOf(identity.peerId) === 'edge' || config.profile === 'edge'
  const limits = meshLimits(config, edge)
  const listen = await chooseListenAddresses({ log, ports }, configured)
  const datastore = new PeerDatastore({ store, log }, { name: PEER_STORE })
  await datastore.load()
  const host = await createHost(
    { ...components, datastore },
    {
      village,
      config,
      listen,
      gate: components.gate,
      version: init.version,
      edge,
      limits,
      topics: topics.names(prefix),
      maxGossipBytes: topics.maxBytes(),
    },
  )
  await streams.attach(host)
  topics.attach(host, prefix)
  init.watch(host)
  try {
    await host.start()
  } catch (error) {
    await host.stop()
    throw /EADDRINUSE/.test(String(error))
      ? new VillageError('PORT_BUSY', undefined, { cause: error })
      : error
  }
  for (const topic of topics.names(prefix)) host.services.pubsub.subscribe(topic)
  await keepPorts({ ports }, configured, host.getMultiaddrs().map(String))
  const connector = createConnector(
    { log, host },
    {
      self: identity.peerId,
      members: init.members,
      meet: init.meet,
      // Who is unknown may have joined while this node was away: the hello decides.
      mayDial: (peer) => membership.revocationOf(peer) === null,
      bootstrap: config['mesh.bootstrap'],
      maxConnections: limits.maxConnections,
    },
  )
  return {
    host,
    connector,
    prefix,
    async stop() {
      streams.abort(new VillageError('SHUTTING_DOWN'))
      await connector.stop()
      await host.stop()
      await streams.drained()
      await datastore.finish()
    },
  }
}
