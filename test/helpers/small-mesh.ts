/**
 * Real libp2p hosts (TCP, Noise, Yamux, pre-shared key) behind the part of Mesh that the artifact service uses, without
 * villages: tests of the exchange decide themselves who is connected to whom, who is a guest, and who lies.
 */
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { peerIdFromString } from '@libp2p/peer-id'
import { tcp } from '@libp2p/tcp'
import { createLibp2p, type Libp2p } from 'libp2p'
import type { FramedStream } from '../../node/mesh/framed-stream.ts'
import { createFramedStream } from '../../node/mesh/framed-stream.ts'
import { createProtector, PSK_BYTES } from '../../node/mesh/membership/pre-shared-key.ts'
import type { Mesh, PeerInfo, Role, StreamContext } from '../../node/mesh/mesh.ts'
import type { ProtocolSpec } from '../../node/mesh/protocols/spec.ts'

export type SmallMesh = Pick<
  Mesh,
  'peerId' | 'handle' | 'open' | 'peers' | 'roleOf' | 'provide' | 'findProviders' | 'onPeerChange'
> & {
  /** Dials the other; both then see each other as neighbours. */
  connect(other: SmallMesh): Promise<void>
  stop(): Promise<void>
  readonly host: Libp2p
  /** Counts of what the service did with the mesh. */
  readonly opened: string[]
  readonly provided: string[]
  /** What findProviders() yields. */
  dht: string[]
  /** The role that this node sees others in. */
  role: Role
}

const PSK = new Uint8Array(PSK_BYTES).fill(0x5a)

export async function createSmallMesh(): Promise<SmallMesh> {
  const host = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionProtector: () => createProtector(PSK, () => {}),
    connectionManager: { inboundConnectionThreshold: 1000, maxIncomingPendingConnections: 100 },
  })
  const stopping = new AbortController()
  const listeners = new Set<(change: { peer: string; connected: boolean }) => void>()
  const tell = (peer: string, connected: boolean) => {
    for (const listener of listeners) listener({ peer, connected })
  }
  host.addEventListener('peer:connect', ({ detail }) => tell(detail.toString(), true))
  host.addEventListener('peer:disconnect', ({ detail }) => tell(detail.toString(), false))
  const mesh: SmallMesh = {
    host,
    peerId: host.peerId.toString(),
    opened: [],
    provided: [],
    dht: [],
    role: 'member',
    handle(spec: ProtocolSpec, handler: (stream: FramedStream, context: StreamContext) => Promise<void>) {
      void host.handle(spec.id, async (stream, connection) => {
        const peer = connection.remotePeer.toString()
        const framed = createFramedStream({ stream, peer, spec })
        await handler(framed, { peer, role: mesh.role, signal: stopping.signal }).catch((error: Error) =>
          stream.abort(error),
        )
      })
    },
    async open(peer, spec, { signal }) {
      mesh.opened.push(peer)
      const stream = await host.dialProtocol(peerIdFromString(peer), spec.id, { signal })
      return createFramedStream({ stream, peer, spec })
    },
    peers: () =>
      host.getPeers().map(
        (peer): PeerInfo => ({
          peer: peer.toString(),
          name: '',
          role: 'member',
          addresses: [],
          direction: 'outbound',
          relayed: false,
          connectedAtMs: 0,
          latencyMs: null,
          capabilities: null,
        }),
      ),
    roleOf: () => mesh.role,
    async provide(cid) {
      mesh.provided.push(cid.toString())
    },
    async *findProviders() {
      yield* mesh.dht
    },
    onPeerChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    async connect(other) {
      await host.dial(other.host.getMultiaddrs())
    },
    async stop() {
      stopping.abort()
      await host.stop()
    },
  }
  return mesh
}
