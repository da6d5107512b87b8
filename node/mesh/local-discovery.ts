/**
 * Members on the local network by multicast DNS, in libp2p's form (specs/discovery/mdns.md), on every IPv4 interface by its own
 * address. `@libp2p/mdns` asks the routing table where a multicast goes, and a network without a gateway has no such route:
 * there, in the field or on a cable between two machines, nobody would be found.
 */
import { randomBytes } from 'node:crypto'
import { networkInterfaces } from 'node:os'
import { type PeerDiscovery, type PeerDiscoveryEvents, peerDiscoverySymbol } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { isPrivate } from '@libp2p/utils'
import { CODE_P2P, type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { TypedEventEmitter } from 'main-event'
import createMulticast, { type MulticastDNS, type QueryPacket, type ResponsePacket } from 'multicast-dns'

const GROUP = '224.0.0.251'
const PORT = 5353
const TTL_SECONDS = 120
/** Of a TXT record (RFC 6763, 6.1). */
const MAX_TEXT_BYTES = 255
/** Of one answer: the rest of a peer's addresses is learned from the peer itself. */
const MAX_ADDRESSES = 16
const ADDRESS = 'dnsaddr='

export interface LocalDiscoveryComponents {
  readonly addressManager: { getAddresses(): Multiaddr[] }
}

/** Addresses of this machine that a query goes out of, one an interface; loopback alone where there is no other. */
export function multicastAddresses(interfaces: ReturnType<typeof networkInterfaces>): readonly string[] {
  const first = Object.values(interfaces).flatMap((rows) => {
    const row = rows?.find(({ family, internal }) => family === 'IPv4' && !internal)
    return row === undefined ? [] : [row.address]
  })
  return first.length > 0 ? first : ['127.0.0.1']
}

/** What an answer says of a peer; null where it is of another service, of this node itself, or malformed. */
export function peerInAnswer(
  packet: Pick<ResponsePacket, 'answers' | 'additionals'>,
  init: { serviceTag: string; ownName: string },
): { id: ReturnType<typeof peerIdFromString>; multiaddrs: Multiaddr[] } | null {
  const { answers = [], additionals = [] } = packet
  const pointer = answers.find(({ type, name }) => type === 'PTR' && name === init.serviceTag)
  if (pointer?.type !== 'PTR' || pointer.data.startsWith(init.ownName)) return null
  const texts = [...answers, ...additionals]
    .flatMap((row) => (row.type === 'TXT' ? row.data : []))
    .map(String)
    .filter((text) => text.startsWith(ADDRESS))
    .slice(0, MAX_ADDRESSES)
  try {
    const addresses = texts.map((text) => multiaddr(text.slice(ADDRESS.length)))
    const peer = addresses[0]?.getComponents().findLast(({ code }) => code === CODE_P2P)?.value
    if (peer === undefined) return null
    return {
      id: peerIdFromString(peer),
      multiaddrs: addresses.map((address) => address.decapsulateCode(CODE_P2P)),
    }
  } catch {
    // Anyone on the network can say anything.
    return null
  }
}

class LocalDiscovery extends TypedEventEmitter<PeerDiscoveryEvents> implements PeerDiscovery {
  readonly [peerDiscoverySymbol] = this
  readonly [Symbol.toStringTag] = 'local-discovery'
  readonly #components: LocalDiscoveryComponents
  readonly #init: { serviceTag: string; everyMs: number }
  /** No more of a node than libp2p's peer names tell: nothing. */
  readonly #ownName = randomBytes(20).toString('hex')
  readonly #sockets = new Map<string, MulticastDNS>()
  #timer: NodeJS.Timeout | null = null

  constructor(components: LocalDiscoveryComponents, init: { serviceTag: string; everyMs: number }) {
    super()
    this.#components = components
    this.#init = init
  }

  start(): void {
    if (this.#timer !== null) return
    this.#ask()
    this.#timer = setInterval(() => this.#ask(), this.#init.everyMs)
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
    const open = [...this.#sockets.values()]
    this.#sockets.clear()
    await Promise.all(open.map((socket) => new Promise<void>((resolve) => socket.destroy(resolve))))
  }

  /** Interfaces come and go: a cable, another wireless network. */
  #ask(): void {
    const addresses = multicastAddresses(networkInterfaces())
    for (const [address, socket] of this.#sockets) {
      if (addresses.includes(address)) continue
      this.#sockets.delete(address)
      socket.destroy()
    }
    for (const address of addresses) if (!this.#sockets.has(address)) this.#open(address)
    for (const socket of this.#sockets.values())
      socket.query({ questions: [{ name: this.#init.serviceTag, type: 'PTR' }] })
  }

  #open(address: string): void {
    const socket = createMulticast({ port: PORT, ip: GROUP, interface: address, bind: '0.0.0.0' })
    this.#sockets.set(address, socket)
    socket.on('query', (packet: QueryPacket) => this.#answer(socket, packet))
    socket.on('response', (packet: ResponsePacket) => {
      const peer = peerInAnswer(packet, { serviceTag: this.#init.serviceTag, ownName: this.#ownName })
      if (peer !== null) this.dispatchEvent(new CustomEvent('peer', { detail: peer }))
    })
    // Another program has the port for itself, or the interface went: tried again with the next query.
    socket.on('error', () => {
      if (this.#sockets.get(address) === socket) this.#sockets.delete(address)
      socket.destroy()
    })
    socket.on('warning', () => undefined)
  }

  #answer(socket: MulticastDNS, { questions = [] }: QueryPacket): void {
    const { serviceTag } = this.#init
    if (!questions.some(({ name }) => name === serviceTag)) return
    const name = `${this.#ownName}.${serviceTag}`
    const texts = this.#components.addressManager
      .getAddresses()
      .filter((address) => isPrivate(address))
      .map((address) => `${ADDRESS}${address.toString()}`)
      .filter((text) => Buffer.byteLength(text) <= MAX_TEXT_BYTES)
      .slice(0, MAX_ADDRESSES)
    if (texts.length === 0) return
    const common = { class: 'IN', ttl: TTL_SECONDS } as const
    socket.respond([
      { name: serviceTag, type: 'PTR', ...common, data: name },
      ...texts.map((data) => ({ name, type: 'TXT' as const, ...common, data })),
    ])
  }
}

/** A row of libp2p's `peerDiscovery`. Its events say where a peer may be; who it is shows when it is dialled. */
export function localDiscovery(init: {
  serviceTag: string
  everyMs: number
}): (components: LocalDiscoveryComponents) => PeerDiscovery {
  return (components) => new LocalDiscovery(components, init)
}
