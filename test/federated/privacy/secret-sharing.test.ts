import { createCipheriv } from 'node:crypto'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { VillageError } from '../../../node/errors.ts'
import { applyMask, deriveKey, seal, secretKey, unseal } from '../../../node/federated/privacy/mask-keys.ts'
import { packRing, unpackRing } from '../../../node/federated/privacy/ring-codec.ts'
import {
  fitsShares,
  joinShares,
  lagrangeFactors,
  MAX_HOLDER,
  SHARE_BYTES,
  splitSecret,
} from '../../../node/federated/privacy/shamir.ts'
import { rebuildSecret } from '../../../node/federated/privacy/unmask-sum.ts'
import { seededBytes } from '../../helpers/secure-session.ts'

const isMalformed = (error: unknown) => error instanceof VillageError && error.code === 'PROTOCOL_MALFORMED'
const join = (shares: readonly Uint8Array[], holders: readonly number[]) =>
  joinShares(shares, lagrangeFactors(holders, 0))

const sharing = suite('sharing of secrets')

sharing('any threshold of shares gives the secret, whichever they are', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.uniqueArray(fc.integer({ min: 1, max: MAX_HOLDER }), { minLength: 1, maxLength: 12 }),
      fc.nat(),
      (secret, holders, pick) => {
        const threshold = 1 + (pick % holders.length)
        const shares = splitSecret(secret, threshold, holders, seededBytes(pick, 'x'))
        const order = holders.map((_, i) => i).sort((a, b) => ((a * 7 + pick) % 13) - ((b * 7 + pick) % 13))
        const chosen = order.slice(0, threshold)
        const points = chosen.map((i) => holders[i]!)
        const right = chosen.map((i) => shares[i]!)
        assert.equal(Buffer.from(join(right, points)!), Buffer.from(secret))
        for (const [i, holder] of holders.entries()) assert.ok(fitsShares(right, points, shares[i]!, holder))
      },
    ),
    { numRuns: 60, seed: 1, endOnFailure: true },
  )
})

sharing('one share fewer than the threshold fits every secret alike', () => {
  const secret = seededBytes(2, 'secret')(32)
  const shares = splitSecret(secret, 3, [1, 2, 3], seededBytes(2, 'coefficients'))
  const factors = lagrangeFactors([1, 2, 3], 0)
  // Two real shares and each value that the third can have in its first word: every secret word comes out exactly once.
  const third = Buffer.from(shares[2]!)
  const seen = new Uint8Array(65_536)
  let none = 0
  for (let value = 0; value <= 65_536; value++) {
    third.writeUInt16LE(value % 65_536, 0)
    third.writeUInt16LE((third.readUInt16LE(32) & ~1) | (value === 65_536 ? 1 : 0), 32)
    const found = joinShares([shares[0]!, shares[1]!, third], factors)
    if (found === null) none += 1
    else seen[found[0]! + 256 * found[1]!]! += 1
  }
  assert.is(none, 1)
  assert.ok(seen.every((count) => count === 1))
})

sharing('the extreme words come back, and values above them are no secret', () => {
  for (const byte of [0, 255]) {
    const secret = Buffer.alloc(32, byte)
    const shares = splitSecret(secret, 2, [1, 65_536], seededBytes(3, 'c'))
    assert.equal(join(shares, [1, 65_536]), secret)
  }
  // A share of a single holder with threshold 1 is the secret itself: 65,536 in it is no word.
  const over = Buffer.alloc(SHARE_BYTES)
  over.writeUInt16LE(1, 32)
  assert.is(join([over], [1]), null)
})

sharing('malformed shares and impossible divisions are refused', () => {
  const good = splitSecret(new Uint8Array(32), 1, [1], seededBytes(1, 'y'))[0]!
  const bothSet = Buffer.from(good)
  bothSet.writeUInt16LE(5, 0)
  bothSet.writeUInt16LE(1, 32)
  for (const bad of [good.subarray(1), Buffer.concat([good, Buffer.alloc(1)]), bothSet])
    assert.throws(() => join([bad], [1]), isMalformed)
  const random = seededBytes(1, 'z')
  for (const [threshold, holders] of [
    [0, [1]],
    [2, [1]],
    [1, [0]],
    [1, [65_537]],
    [1, [1, 1]],
    [1, [1.5]],
  ] as const)
    assert.throws(() => splitSecret(new Uint8Array(32), threshold, holders, random), /cannot be shared/)
  assert.throws(() => splitSecret(new Uint8Array(31), 1, [1], random), /cannot be shared/)
})

sharing('a secret is found in spite of lying holders, and they are named', () => {
  const secret = seededBytes(4, 'secret')(32)
  const positions = Array.from({ length: 9 }, (_, i) => i)
  const shares = splitSecret(
    secret,
    4,
    positions.map((p) => p + 1),
    seededBytes(4, 'c'),
  )
  const isRight = (found: Uint8Array) => Buffer.compare(found, secret) === 0
  const factors = (holders: readonly number[]) => lagrangeFactors(holders, 0)
  const given = new Map(positions.map((p) => [p, shares[p]!]))
  assert.equal(rebuildSecret(given, 4, factors, isRight)?.liars, [])
  given.set(1, shares[2]!)
  given.set(3, new Uint8Array(5))
  const found = rebuildSecret(given, 4, factors, isRight)
  assert.equal(Buffer.from(found!.secret), Buffer.from(secret))
  assert.equal(found!.liars, [1, 3])
  for (const p of [0, 2, 4, 6]) given.set(p, shares[8]!)
  assert.is(rebuildSecret(given, 4, factors, isRight), null)
  assert.is(rebuildSecret(new Map([[0, shares[0]!]]), 4, factors, isRight), null)
})

sharing.run()

const masks = suite('keys and masks')

masks('two secrets agree on one key, as in RFC 7748, section 6.1', () => {
  const hex = (text: string) => Buffer.from(text, 'hex')
  const alice = secretKey(hex('77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a'))
  const bob = secretKey(hex('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb'))
  assert.is(
    Buffer.from(bob.publicKey).toString('hex'),
    'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f',
  )
  assert.is(
    Buffer.from(alice.publicKey).toString('hex'),
    '8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a',
  )
  const shared = '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742'
  assert.is(Buffer.from(alice.agree(bob.publicKey)).toString('hex'), shared)
  assert.is(Buffer.from(bob.agree(alice.publicKey)).toString('hex'), shared)
  assert.throws(
    () => alice.agree(new Uint8Array(32)),
    (e: unknown) => e instanceof VillageError && e.code === 'SECURE_SUM_REFUSED',
  )
})

masks('a mask is the key stream of AES-256 over a counter, and goes away again', () => {
  const key = seededBytes(5, 'key')(32)
  const ecb = createCipheriv('aes-256-ecb', key, null)
  const expected = Array.from({ length: 3 }, (_, counter) => {
    const block = Buffer.alloc(16)
    block.writeUInt32BE(counter, 12)
    const out = ecb.update(block)
    return [0, 4, 8, 12].map((at) => out.readUInt32LE(at))
  }).flat()
  const values = new Uint32Array(11)
  applyMask(values, key, 1)
  assert.equal([...values], expected.slice(0, 11))
  applyMask(values, key, -1)
  assert.equal(
    [...values],
    Array.from({ length: 11 }, () => 0),
  )
})

masks('a mask longer than a chunk does not begin anew', () => {
  const key = seededBytes(6, 'key')(32)
  const values = new Uint32Array(2 ** 18 + 8)
  applyMask(values, key, 1)
  assert.not.equal([...values.subarray(0, 8)], [...values.subarray(2 ** 18)])
  const ecb = createCipheriv('aes-256-ecb', key, null)
  const block = Buffer.alloc(16)
  block.writeUInt32BE(2 ** 16, 12)
  assert.is(values[2 ** 18], ecb.update(block).readUInt32LE(0))
})

masks('what is sealed opens with its key only, and not when it was changed', () => {
  const shared = seededBytes(7, 'shared')(32)
  const context = seededBytes(7, 'context')(32)
  const key = deriveKey(shared, context, 'seal 1 2')
  const sealed = seal(key, Buffer.from('two shares'))
  assert.is(Buffer.from(unseal(key, sealed)!).toString(), 'two shares')
  assert.is(unseal(deriveKey(shared, context, 'seal 2 1'), sealed), null)
  assert.is(unseal(key, sealed.subarray(0, 12)), null)
  const changed = Buffer.from(sealed)
  changed[0]! ^= 1
  assert.is(unseal(key, changed), null)
})

masks('ring elements are packed without gaps', () => {
  assert.equal([...packRing(Uint32Array.of(1, 2, 3), 12)], [0x01, 0x20, 0x00, 0x03, 0x00])
  fc.assert(
    fc.property(
      fc.integer({ min: 8, max: 32 }),
      fc.array(fc.integer({ min: 0, max: 2 ** 32 - 1 }), { maxLength: 40 }),
      (bits, list) => {
        const values = Uint32Array.from(list)
        const packed = packRing(values, bits)
        assert.is(packed.byteLength, Math.ceil((values.length * bits) / 8))
        assert.equal(
          [...unpackRing(packed, bits, values.length)],
          list.map((value) => value % 2 ** bits),
        )
      },
    ),
    { numRuns: 200, seed: 2, endOnFailure: true },
  )
  assert.throws(() => unpackRing(new Uint8Array(3), 12, 3), isMalformed)
  assert.throws(() => unpackRing(Uint8Array.of(1, 0xf0), 12, 1), isMalformed)
})

masks.run()
