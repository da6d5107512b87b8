/** Dialling a member by address, by peer ID or through an invite, with the reason why it failed. */
import { peerIdFromString } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { type ErrorCode, toVillageError, VillageError } from '../errors.ts'
import type { CapabilityBoard } from './capabilities.ts'
import type { DialRecord } from './dial-record.ts'
import type { Host } from './host.ts'

/** Failures after which another address may still let this node in; the one that says least is last. */
const VAGUE_FAILURES: readonly ErrorCode[] = [
  'PEER_BUSY',
  'TIMEOUT',
  'VILLAGE_KEY_MISMATCH',
  'PEER_UNREACHABLE',
]

/** Of all addresses, when a member was reached that had no time. */
const MAX_ROUNDS = 3

/** Connects to whoever answers there; returns its peer ID. */
export async function dialAddress(
  { host, dials }: { host: Host; dials: DialRecord },
  address: string,
  { signal }: { signal: AbortSignal },
): Promise<string> {
  let target: Multiaddr
  try {
    target = multiaddr(address)
  } catch (error) {
    throw new VillageError('INVALID_ARGUMENT', 'This is not a multiaddr', {
      cause: error,
      fields: { address },
    })
  }
  try {
    return (await host.dial(target, { signal })).remotePeer.toString()
  } catch (error) {
    signal.throwIfAborted()
    throw dials.explain({ peer: null, addresses: [target.toString()] }, error)
  }
}

async function storedAddresses(host: Host, peer: string): Promise<string[]> {
  const known = await host.peerStore.get(peerIdFromString(peer)).catch(() => null)
  return known?.addresses.map(({ multiaddr: address }) => `${address.toString()}/p2p/${peer}`) ?? []
}

/** What libp2p has stored of a peer, and what it announced of itself; with /p2p/. */
export async function knownAddresses(
  host: Host,
  peer: string,
  board: Pick<CapabilityBoard, 'addressesOf'>,
): Promise<string[]> {
  const said = board.addressesOf(peer).map((address) => `${address}/p2p/${peer}`)
  return [...new Set([...(await storedAddresses(host, peer)), ...said])]
}

/** Connects to a member at whatever address is known, or found through the DHT, unless it is connected. */
export async function dialPeer(
  { host, dials }: { host: Host; dials: DialRecord },
  peer: string,
  { signal }: { signal: AbortSignal },
): Promise<void> {
  const peerId = peerIdFromString(peer)
  if (host.getConnections(peerId).length > 0) return
  try {
    await host.dial(peerId, { signal })
  } catch (error) {
    signal.throwIfAborted()
    throw dials.explain({ peer, addresses: await storedAddresses(host, peer) }, error)
  }
}

/**
 * Dials in order until one lets this node in. A refusal ends it: another member would decide the same, or has only not
 * heard yet what this one knows. Otherwise throws the failure that says most; while that is only a lack of time (many may join
 * at once), all are tried again.
 */
export async function dialFirst(
  components: { host: Host; dials: DialRecord },
  addresses: readonly string[],
  options: { signal: AbortSignal },
): Promise<string> {
  const rank = ({ code }: VillageError) => VAGUE_FAILURES.indexOf(code)
  for (let round = 1; ; round++) {
    const failures: VillageError[] = []
    for (const address of addresses) {
      try {
        return await dialAddress(components, address, options)
      } catch (error) {
        options.signal.throwIfAborted()
        const failure = toVillageError(error)
        if (!VAGUE_FAILURES.includes(failure.code)) throw failure
        failures.push(failure)
      }
    }
    const [best] = failures.sort((a, b) => rank(a) - rank(b))
    if (best === undefined) throw new VillageError('PEER_UNREACHABLE', 'The invite names no address')
    if (best.code !== 'TIMEOUT' || round === MAX_ROUNDS) throw best
  }
}
