import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { base58btc } from 'multiformats/bases/base58'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { isErrorCode, VillageError } from '../../../node/errors.ts'
import { openInvite, writeInvite } from '../../../node/mesh/membership/invite.ts'
import { throwsCode } from '../../helpers/throws.ts'
import { paperVillage, peerNamed, START_MS, seedOf, signerOf } from '../../helpers/village.ts'

interface Vectors {
  nowMs: number
  valid: {
    name: string
    invite: string
    village: string
    open: boolean
    role: string | null
    addresses: string[]
  }[]
  refused: { name: string; invite: string; code: string }[]
}
const vectors: Vectors = JSON.parse(
  readFileSync(new URL('../../vectors/mesh/invites.json', import.meta.url), 'utf8'),
)

const village = paperVillage('a')
const psk = seedOf('psk')
const ADDRESS = `/ip4/192.168.1.7/tcp/4001/p2p/${peerNamed('anna')}`
const { capability } = village.invite({ by: village.founder, key: 'k', expiresAtMs: START_MS + 1_000 })
const common = { charter: village.charter, addresses: [ADDRESS], psk, capability, seed: seedOf('k') }
const text = writeInvite(common)

test('an invite opens to what was put in', () => {
  const opened = openInvite(text, START_MS)
  assert.is(opened.charter.name, 'a')
  assert.equal(opened.addresses, [ADDRESS])
  assert.equal(Buffer.from(opened.psk ?? []), Buffer.from(psk))
  assert.is(opened.grant?.facts.role, 'member')
})

test('line breaks and spaces from a chat do no harm', () => {
  const wrapped = ` ${text.slice(0, 100)}\n  ${text.slice(100)}\r\n`
  assert.is(openInvite(wrapped, START_MS).charter.name, 'a')
})

test('an expired invite is refused before anybody is dialled', () => {
  throwsCode(() => openInvite(text, START_MS + 1_001), 'INVITE_EXPIRED')
})

test('an invite with one character changed or missing is refused', () => {
  const alphabet = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
  fc.assert(
    fc.property(fc.integer({ min: 20, max: text.length - 1 }), fc.constantFrom(...alphabet), (at, letter) => {
      fc.pre(text[at] !== letter)
      throwsCode(
        () => openInvite(text.slice(0, at) + letter + text.slice(at + 1), START_MS),
        'INVITE_ALTERED',
      )
      throwsCode(() => openInvite(text.slice(0, at), START_MS), 'INVITE_ALTERED')
    }),
    { numRuns: 200 },
  )
})

test('what is no invite at all is refused as such', () => {
  for (const wrong of ['', 'village1', 'village2abc', 'hello', `${text}0`, `village1${'1'.repeat(5_000)}`])
    throwsCode(() => openInvite(wrong, START_MS), 'INVITE_MALFORMED')
  fc.assert(
    fc.property(fc.string(), (random) => {
      assert.throws(
        () => openInvite(`village1${random}`, START_MS),
        (e: unknown) => e instanceof VillageError,
      )
    }),
  )
})

test('parts that do not belong together are refused, with a right checksum', () => {
  const other = paperVillage('b')
  throwsCode(
    () => openInvite(writeInvite({ ...common, charter: other.charter }), START_MS),
    'INVITE_OTHER_VILLAGE',
  )
  throwsCode(() => openInvite(writeInvite({ ...common, seed: seedOf('x') }), START_MS), 'INVITE_ALTERED')
  throwsCode(() => openInvite(writeInvite({ ...common, seed: null }), START_MS), 'INVITE_ALTERED')
  throwsCode(() => openInvite(writeInvite({ ...common, psk: null }), START_MS), 'INVITE_ALTERED')
  throwsCode(() => openInvite(writeInvite({ ...common, psk: psk.subarray(1) }), START_MS), 'INVITE_ALTERED')
  throwsCode(
    () => openInvite(writeInvite({ ...common, capability: null, seed: null }), START_MS),
    'INVITE_ALTERED',
  )
  const renamed = { ...village.charter, name: 'evil' }
  throwsCode(() => openInvite(writeInvite({ ...common, charter: renamed }), START_MS), 'INVITE_ALTERED')
  const forged = village.invite({ by: signerOf('mallory'), key: 'k' })
  assert.is(
    openInvite(writeInvite({ ...common, capability: forged.capability }), START_MS).grant?.facts.issuer,
    peerNamed('mallory'),
    'who may issue is known to members only: the sponsor decides that',
  )
})

test('an open village needs no key, and lets guests in without a capability', () => {
  const open = paperVillage('open', true)
  const guest = { charter: open.charter, addresses: [ADDRESS], psk: null, capability: null, seed: null }
  assert.is(openInvite(writeInvite(guest), START_MS).grant, null)
  throwsCode(() => openInvite(writeInvite({ ...guest, psk }), START_MS), 'INVITE_ALTERED')
})

test('the golden invites open, or are refused with their code', () => {
  for (const vector of vectors.valid) {
    const opened = openInvite(vector.invite, vectors.nowMs)
    assert.is(opened.charter.name, vector.village, vector.name)
    assert.is(opened.charter.open, vector.open, vector.name)
    assert.is(opened.grant?.facts.role ?? null, vector.role, vector.name)
    assert.equal(opened.addresses, vector.addresses, vector.name)
  }
  for (const vector of vectors.refused) {
    assert.ok(isErrorCode(vector.code))
    if (isErrorCode(vector.code)) throwsCode(() => openInvite(vector.invite, vectors.nowMs), vector.code)
  }
})

test('an invite is base58 behind its prefix, and nothing secret is readable outside it', () => {
  assert.ok(text.startsWith('village1'))
  assert.ok(base58btc.baseDecode(text.slice(8)).byteLength > 300)
})

test.run()
