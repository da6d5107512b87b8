/** Joining where no address of the invite can be reached: through whoever was found near, in a wall of failures. */
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { VillageError } from '../../node/errors.ts'
import type { DialRecord } from '../../node/mesh/dial-record.ts'
import type { Host } from '../../node/mesh/host.ts'
import { dialInvite } from '../../node/mesh/join-nearby.ts'

const INVITED = '/ip4/10.88.0.1/tcp/4001'
const NEAR = '/ip4/10.77.0.1/tcp/4001'
const FOREIGN = '/ip4/10.77.0.66/tcp/4001'

/** A host of which `found` says who is near; dialling `good` works, anything else fails with its code. */
function components(init: {
  mdns: boolean
  ids?: readonly string[]
  found: () => readonly string[]
  fails: (address: string) => 'PEER_UNREACHABLE' | 'VILLAGE_KEY_MISMATCH' | 'MEMBER_REVOKED' | null
}) {
  const dialled: string[] = []
  const host = {
    async dial(address: { toString(): string }) {
      dialled.push(address.toString())
      const code = init.fails(address.toString())
      if (code !== null) throw new VillageError(code)
      return { remotePeer: 'them' }
    },
    peerStore: {
      all: async () =>
        init.found().map((address, index) => ({
          id: (init.ids ?? PEERS)[index],
          addresses: [{ multiaddr: address }],
        })),
    },
  }
  const dials = { explain: (_: object, error: unknown) => error }
  // Of libp2p's host and the record of dials only what dialling asks.
  const parts = { host: host as unknown as Host, dials: dials as unknown as DialRecord }
  return { dialled, parts: { ...parts, config: { 'mesh.mdns': init.mdns } } }
}
const PEERS = [
  '12D3KooWHHzSeKaY8xuZVzkLbKFfvNgPPeKhFBGrMbNzbm5akpqu',
  '12D3KooWGHbHxzMuzwQHmzS4VJmgHDTNBSMoNrCbUf3PmpBNC5kH',
]
const code = async (promise: Promise<unknown>) => {
  try {
    await promise
    return null
  } catch (error) {
    return (error as VillageError).code
  }
}
const signal = new AbortController().signal

const nearby = suite('join nearby')

nearby('an address of the invite that answers is enough', async () => {
  const { dialled, parts } = components({ mdns: true, found: () => [NEAR], fails: () => null })
  assert.is(await dialInvite(parts, [INVITED], { signal }), 'them')
  assert.equal(dialled, [INVITED])
})

nearby(
  'where none can be reached, who is found near is dialled, past strangers, also when found later',
  async () => {
    let looks = 0
    const { dialled, parts } = components({
      mdns: true,
      found: () => (++looks === 1 ? [FOREIGN] : [FOREIGN, NEAR]),
      fails: (address) =>
        address.startsWith(NEAR)
          ? null
          : address.startsWith(FOREIGN)
            ? 'VILLAGE_KEY_MISMATCH'
            : 'PEER_UNREACHABLE',
    })
    assert.is(await dialInvite(parts, [INVITED], { signal }), 'them')
    assert.equal(dialled, [INVITED, `${FOREIGN}/p2p/${PEERS[0]}`, `${NEAR}/p2p/${PEERS[1]}`])
  },
)

nearby('a crowd of made-up answers does not keep the member out', async () => {
  const ids: string[] = []
  for (let index = 0; index < 20; index++)
    ids.push(peerIdFromPrivateKey(await generateKeyPair('Ed25519')).toString())
  const { parts } = components({
    mdns: true,
    ids,
    found: () => [...ids.slice(1).map(() => FOREIGN), NEAR],
    fails: (address) => (address.startsWith(NEAR) ? null : 'PEER_UNREACHABLE'),
  })
  assert.is(await dialInvite(parts, [INVITED], { signal }), 'them')
})

nearby('an invite without an address looks near too', async () => {
  const { parts } = components({ mdns: true, found: () => [NEAR], fails: () => null })
  assert.is(await dialInvite(parts, [], { signal }), 'them')
})

nearby('without multicast DNS, after a refusal or when it is aborted, nobody else is asked', async () => {
  const off = components({ mdns: false, found: () => [NEAR], fails: () => 'PEER_UNREACHABLE' })
  assert.is(await code(dialInvite(off.parts, [INVITED], { signal })), 'PEER_UNREACHABLE')
  const refused = components({ mdns: true, found: () => [NEAR], fails: () => 'MEMBER_REVOKED' })
  assert.is(await code(dialInvite(refused.parts, [INVITED], { signal })), 'MEMBER_REVOKED')
  assert.is(refused.dialled.length, 1)
  const ending = new AbortController()
  const alone = components({
    mdns: true,
    found: () => {
      ending.abort(new VillageError('ABORTED'))
      return []
    },
    fails: () => 'PEER_UNREACHABLE',
  })
  let ended: unknown
  await dialInvite(alone.parts, [INVITED], { signal: ending.signal }).catch((error) => (ended = error))
  assert.instance(ended, Error)
})

nearby.run()
