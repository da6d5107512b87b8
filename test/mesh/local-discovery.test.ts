/** Multicast DNS: which addresses a query goes out of, what an answer says, and answers of anybody. */
import type { networkInterfaces } from 'node:os'
import { multiaddr } from '@multiformats/multiaddr'
import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { multicastAddresses, peerInAnswer } from '../../node/mesh/local-discovery.ts'

const PEER = '12D3KooWHHzSeKaY8xuZVzkLbKFfvNgPPeKhFBGrMbNzbm5akpqu'
const SERVICE = '_abc._udp.local'
const INIT = { serviceTag: SERVICE, ownName: 'me' }

type Interfaces = ReturnType<typeof networkInterfaces>
const row = (address: string, init: { internal?: boolean; family?: 'IPv4' | 'IPv6' } = {}) => ({
  address,
  internal: init.internal ?? false,
  family: init.family ?? 'IPv4',
  netmask: '',
  mac: '',
  cidr: null,
})
const interfacesOf = (rows: Record<string, ReturnType<typeof row>[]>) => rows as unknown as Interfaces // `scopeid` of IPv6 apart
const pointer = (name: string, data: string) => ({ type: 'PTR' as const, name, data })
const texts = (...data: string[]) => data.map((text) => ({ type: 'TXT' as const, name: 'x', data: text }))

const discovery = suite('local discovery')

discovery(
  'a query goes out of each interface by one IPv4 address, and of loopback where there is no other',
  () => {
    const loopback = [row('127.0.0.1', { internal: true })]
    const cable = [row('fe80::1', { family: 'IPv6' }), row('10.77.0.1'), row('10.77.0.9')]
    assert.equal(multicastAddresses(interfacesOf({ lo: loopback, cable, air: [row('192.168.1.4')] })), [
      '10.77.0.1',
      '192.168.1.4',
    ])
    assert.equal(multicastAddresses(interfacesOf({ lo: loopback })), ['127.0.0.1'])
    assert.equal(multicastAddresses(interfacesOf({})), ['127.0.0.1'])
  },
)

discovery('an answer names a peer and its addresses, in answers or in additional records', () => {
  const [first = '', second = ''] = ['/ip4/10.77.0.1/tcp/4001', '/ip4/10.77.0.1/tcp/4002/ws']
  const said = [`dnsaddr=${first}/p2p/${PEER}`, `dnsaddr=${second}/p2p/${PEER}`, 'something=else']
  for (const packet of [
    { answers: [pointer(SERVICE, `them.${SERVICE}`), ...texts(...said)], additionals: [] },
    { answers: [pointer(SERVICE, `them.${SERVICE}`)], additionals: texts(...said) },
  ]) {
    const peer = peerInAnswer(packet, INIT)
    assert.is(peer?.id.toString(), PEER)
    assert.equal(
      peer?.multiaddrs.map(String),
      [first, second].map((address) => multiaddr(address).toString()),
    )
  }
})

discovery('other services, this node itself and answers without an address say nothing', () => {
  const address = `dnsaddr=/ip4/10.77.0.1/tcp/4001/p2p/${PEER}`
  for (const answers of [
    [pointer('_other._udp.local', 'them'), ...texts(address)],
    [pointer(SERVICE, `me.${SERVICE}`), ...texts(address)],
    [pointer(SERVICE, 'them')],
    [pointer(SERVICE, 'them'), ...texts('dnsaddr=/ip4/10.77.0.1/tcp/4001')],
    [pointer(SERVICE, 'them'), ...texts('dnsaddr=/ip4/999.1.1.1')],
    [...texts(address)],
  ])
    assert.is(peerInAnswer({ answers, additionals: [] }, INIT), null)
})

discovery('whatever anybody on the network says, it never throws and takes sixteen addresses at most', () => {
  const text = fc.oneof(
    fc.string(),
    fc.constant(`dnsaddr=/ip4/10.0.0.1/tcp/1/p2p/${PEER}`),
    fc.string().map((rest) => `dnsaddr=/ip4/${rest}`),
  )
  fc.assert(
    fc.property(fc.array(text, { maxLength: 40 }), (said) => {
      const packet = { answers: [pointer(SERVICE, 'them'), ...texts(...said)], additionals: [] }
      assert.ok((peerInAnswer(packet, INIT)?.multiaddrs.length ?? 0) <= 16)
    }),
  )
})

discovery.run()
