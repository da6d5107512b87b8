import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { VillageError } from '../../../node/errors.ts'
import { checkCharter, cleanName, shortVillageId, villageId } from '../../../node/mesh/membership/charter.ts'
import { isSigned, peerOf, publicKeyOf } from '../../../node/mesh/membership/keys.ts'
import { parseCapability, parseJoinRequest, parseRecord } from '../../../node/mesh/membership/records.ts'
import { Charter } from '../../../node/mesh/protocols/records.ts'
import { throwsCode } from '../../helpers/throws.ts'
import { paperVillage, peerNamed, START_MS, signerOf } from '../../helpers/village.ts'

const village = paperVillage('a')
const other = paperVillage('b')
const invite = village.invite({ by: village.founder, role: 'admin' })
const record = village.member({ ...invite, name: 'anna', sponsor: village.founder, atMs: START_MS + 50 })
const revocation = village.revoke({ by: village.founder, name: 'anna', atMs: START_MS + 60 })

test('a record is read back as it was made', () => {
  const parsed = parseRecord(record, village.hash)
  assert.is(parsed.kind, 'membership')
  if (parsed.kind !== 'membership') return
  assert.is(parsed.subject, peerNamed('anna'))
  assert.is(parsed.sponsor, village.founderPeer)
  assert.is(parsed.role, 'admin')
  assert.is(parsed.capability.id, invite.id)
  const ended = parseRecord(revocation, village.hash)
  assert.is(ended.kind === 'revocation' && ended.subject, peerNamed('anna'))
})

test('a record with any one bit changed is refused', () => {
  for (const whole of [
    record,
    revocation,
    village.revoke({ by: village.founder, invite: invite.id, atMs: 1 }),
  ])
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: whole.byteLength - 1 }),
        fc.integer({ min: 0, max: 7 }),
        (at, bit) => {
          const changed = Uint8Array.from(whole)
          changed[at] = (changed[at] ?? 0) ^ (1 << bit)
          assert.throws(
            () => parseRecord(changed, village.hash),
            (error: unknown) => error instanceof VillageError,
          )
        },
      ),
      { numRuns: 300 },
    )
})

test('random bytes are refused with a code, never with another error', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      for (const parse of [parseRecord, parseCapability, parseJoinRequest])
        assert.throws(
          () => parse(bytes, village.hash),
          (error: unknown) => error instanceof VillageError,
        )
    }),
  )
})

test('a record of another village is refused as such', () => {
  throwsCode(() => parseRecord(record, other.hash), 'INVITE_OTHER_VILLAGE')
  throwsCode(() => parseCapability(invite.capability, other.hash), 'INVITE_OTHER_VILLAGE')
})

test('a join request signed with another key than that of its invite is refused', () => {
  const forged = village.join({ name: 'mallory', capability: invite.capability, key: signerOf('guess') })
  throwsCode(() => parseJoinRequest(forged, village.hash), 'INVITE_ALTERED')
})

test('a record with an unknown field appended is refused: it would have two hashes', () => {
  throwsCode(
    () => parseRecord(Buffer.concat([record, Buffer.from([0x78, 1])]), village.hash),
    'INVITE_ALTERED',
  )
})

test('a signature for one kind of record is not valid for another', () => {
  const signer = signerOf('anna')
  const bytes = new Uint8Array([1, 2, 3])
  const signature = signer.sign('one', bytes)
  assert.ok(isSigned(signer.publicKey, 'one', bytes, signature))
  assert.not(isSigned(signer.publicKey, 'two', bytes, signature))
  assert.not(isSigned(new Uint8Array(32).fill(255), 'one', bytes, signature))
  assert.not(isSigned(new Uint8Array(3), 'one', bytes, signature))
})

test('peer IDs and keys turn into each other', () => {
  assert.equal(Buffer.from(publicKeyOf(peerNamed('anna'))), Buffer.from(signerOf('anna').publicKey))
  assert.is(peerOf(publicKeyOf(peerNamed('anna'))), peerNamed('anna'))
  for (const wrong of ['', 'x', 'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N'])
    throwsCode(() => publicKeyOf(wrong), 'INVALID_ARGUMENT')
})

test('a charter is signed by its founding key, and the ID is the hash of that key', () => {
  checkCharter(village.charter)
  throwsCode(() => checkCharter({ ...village.charter, name: 'another' }), 'INVITE_ALTERED')
  throwsCode(() => checkCharter({ ...village.charter, open: true }), 'INVITE_ALTERED')
  throwsCode(() => checkCharter({ ...village.charter, publicKey: other.charter.publicKey }), 'INVITE_ALTERED')
  assert.match(villageId(village.charter.publicKey), /^bciq[a-z2-7]{52}$/)
  assert.match(shortVillageId(village.charter.publicKey), /^[a-z2-7]{16}$/)
  assert.not(villageId(village.charter.publicKey).includes(shortVillageId(village.charter.publicKey)))
  assert.equal(Charter.decode(Charter.encode(village.charter)).name, 'a')
})

test('names have no control characters and a bound', () => {
  assert.is(cleanName(' a\u0000b\u202e ', 'name'), 'ab')
  throwsCode(() => cleanName('\n', 'name'), 'INVALID_ARGUMENT')
  throwsCode(() => cleanName('é'.repeat(33), 'name'), 'INVALID_ARGUMENT')
})

test.run()
