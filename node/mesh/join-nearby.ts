/** Joining through members that were found on the local network, where no address of an invite can be reached. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../config.ts'
import { toVillageError, type VillageError } from '../errors.ts'
import type { DialRecord } from './dial-record.ts'
import { dialAddress, dialFirst } from './dialling.ts'
import type { Host } from './host.ts'

/** A little more than the time between two questions to the network. */
const WAIT_MS = 15_000
const LOOK_EVERY_MS = 250
const MAX_PEERS = 16

/**
 * Dials whoever is found until one lets this node in. Strangers may answer too, so that a refusal ends nothing: what is
 * thrown when time is up is `failure`, why the invite's own addresses did not do. A wrong key or a full house is told.
 */
async function dialNearby(
  components: { host: Host; dials: DialRecord },
  failure: VillageError,
  { signal }: { signal: AbortSignal },
): Promise<string> {
  const { host } = components
  const tried = new Set<string>()
  let best = failure
  for (const deadline = performance.now() + WAIT_MS; performance.now() < deadline; ) {
    for (const peer of await host.peerStore.all()) {
      const id = peer.id.toString()
      if (tried.has(id) || tried.size >= MAX_PEERS || peer.addresses.length === 0) continue
      tried.add(id)
      for (const { multiaddr } of peer.addresses)
        try {
          return await dialAddress(components, `${multiaddr.toString()}/p2p/${id}`, { signal })
        } catch (error) {
          signal.throwIfAborted()
          const { code } = toVillageError(error)
          if (code !== 'PEER_UNREACHABLE' && code !== 'TIMEOUT') best = toVillageError(error)
        }
    }
    await sleep(LOOK_EVERY_MS, undefined, { signal })
  }
  throw best
}

/**
 * Dials the addresses of an invite in order until a member lets this node in; where none can be reached, whoever multicast DNS finds. Returns the peer ID; throws the refusal or the failure that says most.
 */
export async function dialInvite(
  components: { host: Host; dials: DialRecord; config: Pick<Config, 'mesh.mdns'> },
  addresses: readonly string[],
  { signal }: { signal: AbortSignal },
): Promise<string> {
  try {
    return await dialFirst(components, addresses, { signal })
  } catch (error) {
    signal.throwIfAborted()
    const failure = toVillageError(error)
    if (!components.config['mesh.mdns'] || failure.code !== 'PEER_UNREACHABLE') throw failure
    return await dialNearby(components, failure, { signal })
  }
}
