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
/** One peer's own time: a made-up answer must not hold up the others. */
const PEER_TIMEOUT_MS = 3_000
const MAX_ADDRESSES_BY_PEER = 4
const PEERS_AT_ONCE = 8

/**
 * Dials whoever is found until one lets this node in: those first that were tried least, so that made-up answers keep nobody
 * out. Strangers may answer too, so that a refusal ends nothing: what is thrown when time is up is `failure`, why the invite's
 * own addresses did not do. A wrong key or a full house is told.
 */
async function dialNearby(
  components: { host: Host; dials: DialRecord },
  failure: VillageError,
  { signal }: { signal: AbortSignal },
): Promise<string> {
  const { host } = components
  const over = AbortSignal.timeout(WAIT_MS)
  const tries = new Map<string, number>()
  const triesOf = (id: string) => tries.get(id) ?? 0
  /** Who answered there refuses; the same peer may be found elsewhere. */
  const refused = new Set<string>()
  let best = failure

  /** Its first address that lets this node in; null: none. */
  async function dialPeer(addresses: readonly string[], until: AbortSignal): Promise<string | null> {
    for (const address of addresses)
      try {
        return await dialAddress(components, address, { signal: until })
      } catch (error) {
        if (until.aborted) return null
        const { code } = toVillageError(error)
        if (code === 'PEER_UNREACHABLE' || code === 'TIMEOUT') continue
        refused.add(address)
        best = toVillageError(error)
      }
    return null
  }

  while (!over.aborted) {
    const found = (await host.peerStore.all())
      .map(({ id, addresses }) => ({
        id: id.toString(),
        addresses: addresses
          .map(({ multiaddr }) => `${multiaddr.toString()}/p2p/${id.toString()}`)
          .filter((address) => !refused.has(address))
          .slice(0, MAX_ADDRESSES_BY_PEER),
      }))
      .filter(({ addresses }) => addresses.length > 0)
      .sort((one, other) => triesOf(one.id) - triesOf(other.id))
      .slice(0, PEERS_AT_ONCE)
    const won = new AbortController()
    const dialled = found.map(async ({ id, addresses }) => {
      tries.set(id, triesOf(id) + 1)
      const until = AbortSignal.any([signal, over, won.signal, AbortSignal.timeout(PEER_TIMEOUT_MS)])
      const peer = await dialPeer(addresses, until)
      if (peer === null) throw best
      won.abort()
      return peer
    })
    const peer = await Promise.any(dialled).catch(() => null)
    signal.throwIfAborted()
    if (peer !== null) return peer
    await sleep(LOOK_EVERY_MS, undefined, { signal })
  }
  throw best
}

/**
 * Dials the addresses of an invite in order until a member lets this node in; where none can be reached, whoever multicast DNS
 * finds. Returns the peer ID; throws the refusal or the failure that says most.
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
