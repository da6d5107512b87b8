/** The small pure parts: rates, backoff, why a dial failed, address order, capabilities, key stream. */

import type { MessageStream } from '@libp2p/interface'
import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { VillageError } from '../../node/errors.ts'
import {
  type Capabilities,
  createCapabilityBoard,
  decodeCapabilities,
  encodeCapabilities,
} from '../../node/mesh/capabilities.ts'
import { backoffMs } from '../../node/mesh/connector.ts'
import { createDialRecord } from '../../node/mesh/dial-record.ts'
import { createKeyStream, keyProof } from '../../node/mesh/membership/pre-shared-key.ts'
import { sortAddresses } from '../../node/mesh/membership/village-info.ts'
import { sample } from '../../node/mesh/neighbours.ts'
import { CAPABILITIES_TTL_MS } from '../../node/mesh/protocols/capabilities.ts'
import { createRateLimit } from '../../node/mesh/rate-limit.ts'
import { mayOpen } from '../../node/mesh/streams.ts'
import { createTopics } from '../../node/mesh/topics.ts'
import { TEST_LOG } from '../helpers/mesh.ts'

test('no key ever gets more than its rate and what it saved', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), fc.array(fc.nat(30_000)), (byMinute, steps) => {
      const limit = createRateLimit({ byMinute })
      let nowMs = 0
      let taken = 0
      for (const step of steps) {
        nowMs += step
        if (limit.take('a', nowMs)) taken += 1
      }
      assert.ok(taken <= byMinute + (nowMs * byMinute) / 60_000 + 1e-6)
      assert.ok(limit.take('b', nowMs), 'keys do not share')
    }),
  )
})

test('a clock that goes back gives no tokens', () => {
  const limit = createRateLimit({ byMinute: 1 })
  assert.ok(limit.take('a', 1_000_000))
  assert.not(limit.take('a', 0))
  assert.not(limit.take('a', 1_000))
})

test('the backoff doubles up to a minute', () => {
  assert.equal([0, 1, 2, 3, 6, 60].map(backoffMs), [1_000, 2_000, 4_000, 8_000, 60_000, 60_000])
})

test('a failed dial is explained by the refusal, else by how far it came', () => {
  const dials = createDialRecord()
  // Only the address of a connection is read.
  const at = (remoteAddr: string) => ({ remoteAddr }) as unknown as MessageStream
  const explain = (address: string, peer: string | null = null) =>
    dials.explain({ peer, addresses: [address] }, new Error('dial')).code
  assert.is(explain('/a'), 'PEER_UNREACHABLE')
  dials.reached(at('/a'))
  assert.is(explain('/a'), 'VILLAGE_KEY_MISMATCH')
  assert.is(explain('/a'), 'PEER_UNREACHABLE', 'what was used is forgotten')
  dials.reached(at('/a'))
  dials.proven(at('/a'))
  assert.is(explain('/a'), 'TIMEOUT', 'it has the key, so that is not what went wrong')
  assert.is(explain('/a'), 'PEER_UNREACHABLE')
  dials.reached(at('/a'))
  dials.refused(at('/a'), 'peer', new VillageError('INVITE_USED'))
  assert.is(explain('/b', 'peer'), 'INVITE_USED')
  for (let index = 0; index < 1_000; index++) dials.reached(at(`/${index}`))
  assert.is(explain('/0'), 'PEER_UNREACHABLE', 'the oldest are dropped')
})

test('an invite names addresses that reach far first', () => {
  const sorted = [
    '/ip4/10.0.0.1/tcp/1',
    '/ip4/10.0.0.1/tcp/2/ws',
    '/ip4/127.0.0.1/tcp/1',
    '/ip4/127.0.0.1/tcp/2/ws',
  ]
  fc.assert(
    fc.property(fc.shuffledSubarray(sorted, { minLength: 4 }), (shuffled) => {
      assert.equal(sortAddresses(shuffled), sorted)
    }),
  )
})

test('guests open what is for guests; one without a role opens nothing', () => {
  const spec = (access: 'anyone' | 'guest' | 'member') =>
    ({
      id: 'x',
      access,
      maxFrameBytes: 1,
      frameTimeoutMs: 1,
      maxStreamsByPeer: 1,
      streamsByMinute: 1,
    }) as const
  assert.equal(
    (['anyone', 'guest', 'member'] as const).map((access) => mayOpen(spec(access), 'guest')),
    [true, true, false],
  )
  assert.equal(
    (['admin', 'member', 'edge'] as const).map((role) => mayOpen(spec('member'), role)),
    [true, true, true],
  )
  assert.not(mayOpen(spec('anyone'), null))
})

const LENT: Capabilities = {
  version: '1.0.0',
  cores: 8,
  memoryBytes: 2 ** 34,
  power: 'battery',
  profile: 'laptop',
  native: true,
  accepting: false,
  load: 0.5,
  taskKinds: ['compress', 'evaluate'],
  models: ['bafyx'],
}

test('capabilities survive the wire, and values out of range do not', () => {
  const addresses = ['/ip4/10.0.0.1/tcp/4001/p2p/12D3KooWQAtqJbDLE79QBZZYE4mBSDo2YXgSyviNKiVqb5cabACB']
  const encode = (change: Partial<Capabilities>) =>
    encodeCapabilities({ ...LENT, ...change }, { timeMs: 7, addresses })
  assert.equal(decodeCapabilities(encode({})), {
    capabilities: LENT,
    timeMs: 7,
    addresses: ['/ip4/10.0.0.1/tcp/4001'],
  })
  for (const load of [-0.1, 1.1, Number.NaN, Number.POSITIVE_INFINITY])
    assert.is(decodeCapabilities(encode({ load })), null)
  assert.is(decodeCapabilities(encode({ cores: 70_000 })), null)
  assert.is(decodeCapabilities(encode({ models: Array(100).fill('cid') }))?.capabilities.models.length, 64)
})

test('the board keeps the newest of each peer, for ninety seconds', async () => {
  let nowMs = 1_000_000
  const board = createCapabilityBoard({ log: TEST_LOG }, { now: () => nowMs, elapsedMs: () => nowMs })
  const say = async (timeMs: number, cores: number) => {
    const bytes = encodeCapabilities({ ...LENT, cores }, { timeMs, addresses: [] })
    const verdict = await board.topicInit.validate(bytes, 'peer')
    if (verdict === 'accept') board.topicInit.handle(bytes, 'peer')
    return verdict
  }
  assert.is(await say(nowMs, 1), 'accept')
  assert.is(await say(nowMs - 1, 2), 'ignore', 'older')
  assert.is(await say(nowMs + 3_600_000, 2), 'ignore', 'from the future')
  assert.is(board.of('peer')?.cores, 1)
  assert.is(await say(nowMs + 1, 2), 'accept')
  assert.is(board.of('peer')?.cores, 2)
  nowMs += CAPABILITIES_TTL_MS + 1
  assert.is(board.of('peer'), null)
  assert.is(board.announcement().byteLength, 0, 'without a network there is nothing to say')
})

test('gossip is judged by author, size, rate and content, in that order', async () => {
  const roles: Record<string, 'member' | null> = { anna: 'member', stranger: null }
  let validated = 0
  const topics = createTopics(
    { log: TEST_LOG },
    { roleOf: (peer) => roles[peer] ?? null, isRevoked: (peer) => peer === 'revoked', now: () => 0 },
  )
  topics.register('t', {
    maxBytes: 10,
    validate(bytes) {
      validated += 1
      if (bytes[0] === 1) throw new Error('cannot be read')
      return 'accept'
    },
    handle() {},
  })
  const judge = (from: string, bytes: Uint8Array) => topics.judge('t', { from, signed: true, bytes })
  assert.is(await judge('revoked', new Uint8Array(1)), 'reject')
  assert.is(await judge('stranger', new Uint8Array(1)), 'ignore')
  assert.is(await judge('anna', new Uint8Array(11)), 'reject')
  assert.is(validated, 0)
  assert.is(await judge('anna', new Uint8Array([1])), 'reject')
  assert.is(await topics.judge('t', { from: 'anna', signed: false, bytes: new Uint8Array(1) }), 'reject')
  let accepted = 0
  for (let sent = 0; sent < 700; sent++)
    if ((await judge('anna', new Uint8Array(1))) === 'accept') accepted += 1
  assert.is(accepted, 599, 'six hundred a minute, one of them spent above')
  assert.throws(() => topics.register('t', { maxBytes: 1, validate: () => 'accept', handle() {} }))
})

test('a sample has no repeats and all of a short list', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat()), fc.nat(20), (items, count) => {
      const picked = sample(items, count, Math.random)
      assert.is(new Set(picked).size, Math.min(count, items.length))
      assert.ok(picked.every((item) => items.includes(item)))
    }),
  )
})

test('the key stream of one side undoes that of the other, however the bytes are cut', () => {
  const [psk, salt] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)]
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 200 })),
      fc.integer({ min: 1, max: 50 }),
      (parts, cut) => {
        const encrypt = createKeyStream(psk, salt)
        const decrypt = createKeyStream(psk, salt)
        const sent = Buffer.concat(parts.map((part) => encrypt(part)))
        const received: Uint8Array[] = []
        for (let at = 0; at < sent.byteLength; at += cut) received.push(decrypt(sent.subarray(at, at + cut)))
        assert.equal(Buffer.concat(received), Buffer.concat(parts))
      },
    ),
  )
  assert.is(Buffer.from(createKeyStream(psk, salt)(new Uint8Array(16))).toString('hex'), GOLDEN.stream)
  assert.is(Buffer.from(keyProof(psk, salt, psk)).toString('hex'), GOLDEN.proof)
})
/** From an independent implementation of HKDF, ChaCha20 and HMAC: the wire format must not drift. */
const GOLDEN = { stream: 'c26921e06f28c973fc52024300702df8', proof: '16cdeaec3a417eaacacd2686611bc731' }

test.run()
