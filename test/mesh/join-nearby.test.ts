/** Joining where no address of the invite can be reached: through whoever was found near, in a wall of failures. */
import { setTimeout as sleep } from 'node:timers/promises'
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

/** A host of which `found` says who is near; a dial fails with the code that `fails` gives, after what `slow` waits for. */
function components(init: {
  mdns: boolean
  ids?: readonly string[]
  found: () => readonly string[]
  fails: (address: string) => 'PEER_UNREACHABLE' | 'VILLAGE_KEY_MISMATCH' | 'MEMBER_REVOKED' | null
  slow?: (address: string, signal: AbortSignal) => Promise<void>
}) {
  const dialled: string[] = []
  const host = {
    async dial(address: { toString(): string }, { signal: until }: { signal: AbortSignal }) {
      dialled.push(address.toString())
      await init.slow?.(address.toString(), until)
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

/** A dial that nothing but its signal ends. */
const never = (until: AbortSignal) =>
  new Promise<void>((_, reject) => until.addEventListener('abort', () => reject(until.reason)))

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

nearby('a member nearby may take longer for its handshake than others are looked for', async () => {
  const times = { lookMs: 100, turnMs: 1, finishMs: 60_000 }
  const { dialled, parts } = components({
    mdns: true,
    found: () => [NEAR],
    fails: (address) => (address.startsWith(NEAR) ? null : 'PEER_UNREACHABLE'),
    slow: async (address, until) => {
      if (!address.startsWith(NEAR)) return
      await Promise.race([sleep(2 * times.lookMs), never(until)])
    },
  })
  assert.is(await dialInvite(parts, [INVITED], { signal, times }), 'them')
  assert.is(dialled.length, 2)
})

nearby('a member that was found but is too slow is told from nobody at all', async () => {
  const times = { lookMs: 100, turnMs: 1, finishMs: 1 }
  const { parts } = components({
    mdns: true,
    found: () => [NEAR],
    fails: () => 'PEER_UNREACHABLE',
    slow: async (address, until) => {
      if (address.startsWith(NEAR)) await never(until)
    },
  })
  const dials = {
    explain: (target: { addresses: readonly string[] }, error: unknown) =>
      target.addresses[0]?.startsWith(NEAR)
        ? new VillageError('TIMEOUT', undefined, { cause: error })
        : error,
  }
  const slow = { ...parts, dials: dials as unknown as DialRecord } // only what dialling asks, as above
  assert.is(await code(dialInvite(slow, [INVITED], { signal, times })), 'TIMEOUT')
})

nearby('those who never answer make room for the next, and do not hold up the end', async () => {
  const times = { lookMs: 60_000, turnMs: 1, finishMs: 1 }
  const ids: string[] = []
  for (let index = 0; index < 10; index++)
    ids.push(peerIdFromPrivateKey(await generateKeyPair('Ed25519')).toString())
  const init = {
    mdns: true,
    ids,
    found: () => ids.map((_, index) => (index === 9 ? NEAR : FOREIGN)),
    slow: async (address: string, until: AbortSignal) => {
      if (address.startsWith(FOREIGN)) await never(until)
    },
  }
  const fails = (address: string) => (address.startsWith(NEAR) ? null : ('PEER_UNREACHABLE' as const))
  const { parts } = components({ ...init, fails })
  assert.is(await dialInvite(parts, [INVITED], { signal, times }), 'them')
  const alone = components({ ...init, fails: () => 'PEER_UNREACHABLE' })
  const brief = { ...times, lookMs: 1 }
  assert.is(await code(dialInvite(alone.parts, [INVITED], { signal, times: brief })), 'PEER_UNREACHABLE')
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
