/**
 * A mesh in which some members cannot speak to others: what is said between them is lost, streams that were open included, while the connections
 * themselves stay. For the services that are made with it; the mesh below knows nothing of it.
 */
import { VillageError } from '../../node/errors.ts'
import type { FramedStream } from '../../node/mesh/framed-stream.ts'
import type { Mesh } from '../../node/mesh/mesh.ts'

export interface CuttableMesh {
  readonly mesh: Mesh
  /** Members that cannot be heard or spoken to, until it is called again. */
  cut(peers: readonly string[]): void
}

export function cuttableMesh(mesh: Mesh): CuttableMesh {
  let lost = new Set<string>()
  const unreachable = () => new VillageError('PEER_UNREACHABLE', 'The network is cut')
  const open = new Set<FramedStream>()
  const listeners = new Set<(change: { peer: string; connected: boolean }) => void>()

  function guarded(stream: FramedStream): FramedStream {
    open.add(stream)
    return {
      ...stream,
      async send(message, value, options) {
        if (lost.has(stream.peer)) throw unreachable()
        return stream.send(message, value, options)
      },
      async close() {
        open.delete(stream)
        return stream.close()
      },
      abort(error) {
        open.delete(stream)
        stream.abort(error)
      },
    }
  }

  return {
    cut(peers) {
      const healed = [...lost].filter((peer) => !peers.includes(peer))
      lost = new Set(peers)
      for (const stream of open) if (lost.has(stream.peer)) stream.abort(unreachable())
      for (const peer of healed) for (const listener of listeners) listener({ peer, connected: true })
    },
    mesh: {
      ...mesh,
      async open(peer, spec, options) {
        if (lost.has(peer)) throw unreachable()
        return guarded(await mesh.open(peer, spec, options))
      },
      handle: (spec, handler) =>
        mesh.handle(spec, async (stream, context) => {
          if (lost.has(stream.peer)) throw unreachable()
          return handler(stream, context)
        }),
      subscribe: (topic, init) =>
        mesh.subscribe(topic, {
          ...init,
          handle(bytes, from) {
            if (!lost.has(from)) init.handle(bytes, from)
          },
        }),
      onPeerChange(listener) {
        listeners.add(listener)
        const end = mesh.onPeerChange(listener)
        return () => {
          listeners.delete(listener)
          end()
        }
      },
    },
  }
}
