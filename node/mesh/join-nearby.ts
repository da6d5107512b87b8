/** Joining through members that were found on the local network, where no address of an invite can be reached. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../config.ts'
import { toVillageError, type VillageError } from '../errors.ts'
import type { DialRecord } from './dial-record.ts'
import { dialAddress, dialFirst } from './dialling.ts'
import { type Host, UPGRADE_TIMEOUT_MS } from './host.ts'

export interface NearbyTimes {
  /** How long others are looked for: a little more than the time between two questions to the network. */
  readonly lookMs: number
  /** A peer's own time where others wait that were not tried yet (a made-up answer must not hold them up); see hasRoom. */
  readonly turnMs: number
  /** After looking, for dials that are under way: what host.ts gives a connection with its handshake. */
  readonly finishMs: number
}

const TIMES: NearbyTimes = { lookMs: 15_000, turnMs: 3_000, finishMs: UPGRADE_TIMEOUT_MS }
const LOOK_EVERY_MS = 250
const MAX_ADDRESSES_BY_PEER = 4
/** As many as the smallest profile dials at once: more would wait for each other inside libp2p. */
const PEERS_AT_ONCE = 4

interface Found {
  readonly id: string
  /** With /p2p/, at least one. */
  readonly addresses: readonly string[]
}

interface Attempt {
  readonly startedAtMs: number
  readonly stop: AbortController
  readonly ended: Promise<void>
}

/**
 * Dials whoever is found until one lets this node in; those first that were tried least, so that made-up answers keep nobody
 * out. Nobody is cut off for being slow alone: the handshake of a small board takes seconds. Strangers may answer too, so that a
 * refusal ends nothing: what is thrown when time is up is `failure`, why the invite's own addresses did not do, or that a
 * member was too slow. A wrong key or a full house is told.
 */
async function dialNearby(
  components: { host: Host; dials: DialRecord },
  failure: VillageError,
  { signal, times }: { signal: AbortSignal; times: NearbyTimes },
): Promise<string> {
  const { host, dials } = components
  const tries = new Map<string, number>()
  const triesOf = (id: string) => tries.get(id) ?? 0
  /** Who answered there refuses; the same peer may be found elsewhere. */
  const refused = new Set<string>()
  const underWay = new Map<string, Attempt>()
  const joined = Promise.withResolvers<string>()
  let best = failure

  function remember(address: string, reason: VillageError): void {
    if (reason.code === 'PEER_UNREACHABLE') return
    if (reason.code !== 'TIMEOUT') refused.add(address)
    if (reason.code !== 'TIMEOUT' || best === failure) best = reason
  }

  async function dialPeer({ addresses }: Found, until: AbortSignal): Promise<void> {
    for (const address of addresses) {
      try {
        joined.resolve(await dialAddress(components, address, { signal: until }))
        return
      } catch (error) {
        if (!until.aborted) {
          remember(address, toVillageError(error))
          continue
        }
        const reason = dials.explain({ peer: null, addresses: [address] }, error)
        // Cut off here: only of a member, which has shown that it has the key, does that say anything.
        if (reason.code === 'TIMEOUT') remember(address, reason)
        return
      }
    }
  }

  function begin(peer: Found): void {
    const stop = new AbortController()
    const ended = dialPeer(peer, AbortSignal.any([signal, stop.signal])).finally(() => {
      if (underWay.get(peer.id)?.stop === stop) underWay.delete(peer.id)
    })
    underWay.set(peer.id, { startedAtMs: performance.now(), stop, ended })
    tries.set(peer.id, triesOf(peer.id) + 1)
  }

  /** Whether one that was tried so often may begin; whoever had its turn makes room for it. Turns grow, for slow machines. */
  function hasRoom(triedBefore: number): boolean {
    if (underWay.size < PEERS_AT_ONCE) return true
    const latestMs = performance.now() - times.turnMs * 2 ** triedBefore
    for (const [id, { startedAtMs, stop }] of underWay) {
      if (startedAtMs > latestMs) continue
      stop.abort()
      underWay.delete(id)
      return true
    }
    return false
  }

  async function waiting(): Promise<Found[]> {
    return (await host.peerStore.all())
      .map(({ id, addresses }) => ({
        id: id.toString(),
        addresses: addresses
          .map(({ multiaddr }) => `${multiaddr.toString()}/p2p/${id.toString()}`)
          .filter((address) => !refused.has(address))
          .slice(0, MAX_ADDRESSES_BY_PEER),
      }))
      .filter(({ id, addresses }) => addresses.length > 0 && !underWay.has(id))
      .sort((one, other) => triesOf(one.id) - triesOf(other.id))
  }

  function stopAll(): void {
    for (const { stop } of underWay.values()) stop.abort()
  }

  const over = AbortSignal.timeout(times.lookMs)
  const ending = new AbortController()
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true, signal: ending.signal })
  })
  aborted.catch(() => undefined) // it may come between two waits
  /** Until a member lets this node in (its peer ID), or the other is over (null). */
  const first = (other: Promise<unknown>) => Promise.race([joined.promise, aborted, other.then(() => null)])
  const pause = (ms: number) => sleep(ms, undefined, { signal: ending.signal }).catch(() => undefined)
  try {
    while (!over.aborted) {
      for (const peer of await waiting()) {
        if (!hasRoom(triesOf(peer.id))) break
        begin(peer)
      }
      signal.throwIfAborted()
      const peer = await first(pause(LOOK_EVERY_MS))
      if (peer !== null) return peer
    }
    const rest = Promise.all([...underWay.values()].map(({ ended }) => ended))
    const peer = await first(Promise.race([rest, pause(times.finishMs)]))
    if (peer !== null) return peer
    stopAll()
    await first(rest) // what they end with says why
  } finally {
    ending.abort()
    stopAll()
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
  { signal, times = TIMES }: { signal: AbortSignal; times?: NearbyTimes },
): Promise<string> {
  try {
    return await dialFirst(components, addresses, { signal })
  } catch (error) {
    signal.throwIfAborted()
    const failure = toVillageError(error)
    if (!components.config['mesh.mdns'] || failure.code !== 'PEER_UNREACHABLE') throw failure
    return await dialNearby(components, failure, { signal, times })
  }
}
