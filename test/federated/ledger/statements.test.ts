/** Statements: what is signed can be read, and nothing but that. */
import { encode } from '@ipld/dag-cbor'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { checkAnnouncement } from '../../../node/federated/ledger/announcement.ts'
import { checkBlock } from '../../../node/federated/ledger/block.ts'
import { encodeCanonical, fromHex } from '../../../node/federated/ledger/codec.ts'
import type { Statement } from '../../../node/federated/ledger/statement.ts'
import {
  checkStatement,
  STATEMENT_DOMAIN,
  signStatement,
} from '../../../node/federated/ledger/statement-codec.ts'
import { STATEMENT_FIELDS } from '../../../node/federated/ledger/statement-fields.ts'
import { decodeCertificate, decodeVote, signVote } from '../../../node/federated/ledger/vote.ts'
import { decodeMessage } from '../../../node/federated/rounds/consensus/messages.ts'
import { decodeRecord } from '../../../node/federated/rounds/consensus/record.ts'
import { ADA, announce, BEN, proofAgainst, statementsOf } from '../../helpers/ledgers.ts'
import { isRefused } from '../../helpers/refusals.ts'
import { throwsCode } from '../../helpers/throws.ts'

const RUN = 'ab'.repeat(16)
const all = (): Statement[] => [...statementsOf(ADA.peer), proofAgainst(RUN, BEN, ADA.peer)]
const codecs = suite('statements of a run')

const seen = new Set(all().map(({ kind }) => kind))
assert.equal(
  [...seen].sort(),
  Object.keys(STATEMENT_FIELDS).sort(),
  'a kind of statement has no example here',
)

for (const statement of all())
  codecs(`a ${statement.kind} statement is read as it was signed`, () => {
    const signed = signStatement(ADA.signer, RUN, statement)
    const read = checkStatement(RUN, signed.bytes)
    assert.equal(read.statement, statement)
    assert.is(read.digest, signed.digest)
    // Bound to its run: elsewhere the signature does not hold.
    throwsCode(() => checkStatement('cd'.repeat(16), signed.bytes), 'LEDGER_UNSIGNED')
  })

const records: { name: string; bytes: () => Uint8Array; read: (bytes: Uint8Array) => unknown }[] = [
  ...all().map((statement) => ({
    name: `a ${statement.kind} statement`,
    bytes: () => signStatement(ADA.signer, RUN, statement).bytes,
    read: (bytes: Uint8Array) => checkStatement(RUN, bytes),
  })),
  { name: 'an announcement', bytes: () => announce().bytes, read: checkAnnouncement },
]
for (const { name, bytes, read } of records)
  codecs(`${name} with any bit changed, cut or lengthened is refused`, () => {
    const whole = bytes()
    fc.assert(
      fc.property(fc.nat(whole.length * 8 - 1), (bit) => {
        const changed = Uint8Array.from(whole)
        changed[bit >> 3]! ^= 1 << (bit & 7)
        assert.ok(
          isRefused(() => read(changed)),
          `bit ${bit}`,
        )
      }),
      { numRuns: 60, seed: 6 },
    )
    fc.assert(
      fc.property(fc.nat(whole.length - 1), (length) => isRefused(() => read(whole.slice(0, length)))),
      { numRuns: 20, seed: 6 },
    )
    assert.ok(isRefused(() => read(Buffer.concat([whole, Uint8Array.of(0)]))))
  })

codecs('random bytes and random values are refused without another error', () => {
  const readers = [
    (bytes: Uint8Array) => checkStatement(RUN, bytes),
    checkAnnouncement,
    checkBlock,
    decodeVote,
    decodeCertificate,
    decodeMessage,
    decodeRecord,
  ]
  const values = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.integer(),
      fc.string(),
      fc.uint8Array(),
      fc.constant(null),
      fc.boolean(),
      fc.array(tie('value'), { maxLength: 7 }),
      fc.dictionary(fc.string(), tie('value'), { maxKeys: 3 }),
    ),
  })).value
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 200 }),
        values.map((value) => encode(value)),
      ),
      (bytes) => {
        for (const read of readers) assert.ok(isRefused(() => read(bytes)))
      },
    ),
    { numRuns: 300, seed: 6 },
  )
})

codecs('another encoding of the same value is refused', () => {
  const statement = signStatement(ADA.signer, RUN, { kind: 'leave', author: ADA.peer, sequence: 2 })
  // 0x84 begins an array of four; 0x98 0x04 says the same in two bytes.
  assert.is(statement.bytes[0], 0x84)
  const longer = Buffer.concat([Uint8Array.of(0x98, 4), statement.bytes.subarray(1)])
  throwsCode(() => checkStatement(RUN, longer), 'LEDGER_MALFORMED')
})

/** A statement whose fields are well signed and yet not allowed. */
function signedAnyhow(code: number, fields: Parameters<typeof encodeCanonical>[0]): Uint8Array {
  const key = ADA.signer.publicKey
  const signature = ADA.signer.sign(STATEMENT_DOMAIN, encodeCanonical([fromHex(RUN), code, key, fields]))
  return encodeCanonical([code, key, fields, signature])
}

codecs('what a statement may not hold is refused, whoever signed it', () => {
  const digest = new Uint8Array(32)
  const origin = [[], 'sample'] as const
  const refused: [string, number, Parameters<typeof encodeCanonical>[0]][] = [
    ['no such kind', 9, []],
    ['a field too many', 2, [1, 1]],
    ['a sequence of nothing', 2, [0]],
    [
      'slots that fall',
      5,
      [
        1,
        0,
        [
          [2, digest],
          [1, digest],
        ],
      ],
    ],
    [
      'a slot twice',
      5,
      [
        1,
        0,
        [
          [1, digest],
          [1, digest],
        ],
      ],
    ],
    ['a slot beyond the last', 5, [1, 0, [[256, digest]]]],
    ['a short digest', 5, [1, 0, [[1, new Uint8Array(31)]]]],
    ['a genome in another order', 4, [1, [[0, '{"b":1,"a":2}', ...origin]]]],
    ['a genome with another form of a number', 4, [1, [[0, '{"a":1.0}', ...origin]]]],
    ['a genome that is no object', 4, [1, [[0, '[1]', ...origin]]]],
    ['a genome with a hostile name', 4, [1, [[0, '{"__proto__":{"a":1}}', ...origin]]]],
    ['a genome of over 1,024 bytes', 4, [1, [[0, JSON.stringify({ a: 'x'.repeat(1_024) }), ...origin]]]],
    ['an origin with other letters', 4, [1, [[0, '{}', [], 'Mutation\n']]]],
    ['negative energy', 6, [1, 0, [[0, new Uint8Array(16), digest, -1, 0]]]],
    ['part of a millisecond', 6, [1, 0, [[0, new Uint8Array(16), digest, 1, 0.5]]]],
    ['a short nonce', 6, [1, 0, [[0, new Uint8Array(15), digest, 1, 0]]]],
    ['too many scores', 6, [1, 0, [[0, new Uint8Array(16), new Uint8Array(8_193), 1, 0]]]],
    ['a CID that is none', 7, ['http://example.org']],
    ['software with a line feed', 1, [1, 1, 1, 'a\nb']],
  ]
  for (const [what, code, fields] of refused)
    assert.is(
      throwsCode(() => checkStatement(RUN, signedAnyhow(code, fields)), 'LEDGER_MALFORMED').code,
      'LEDGER_MALFORMED',
      what,
    )
})

codecs('a proof must hold two contradicting votes of whom it accuses', () => {
  const proof = proofAgainst(RUN, BEN, ADA.peer)
  assert.ok(proof.kind === 'proof')
  const [first, second] = proof.votes
  throwsCode(() => signStatement(ADA.signer, RUN, { ...proof, votes: [first, first] }), 'LEDGER_MALFORMED')
  throwsCode(() => signStatement(ADA.signer, RUN, { ...proof, voter: ADA.peer }), 'LEDGER_UNSIGNED')
  const later = signVote(BEN.signer, RUN, { ...second, height: second.height + 1 })
  throwsCode(() => signStatement(ADA.signer, RUN, { ...proof, votes: [first, later] }), 'LEDGER_MALFORMED')
  const elsewhere = signVote(BEN.signer, 'cd'.repeat(16), second)
  throwsCode(() => signStatement(ADA.signer, RUN, { ...proof, votes: [first, elsewhere] }), 'LEDGER_UNSIGNED')
})

codecs('nobody signs for somebody else', () => {
  throwsCode(
    () => signStatement(BEN.signer, RUN, { kind: 'leave', author: ADA.peer, sequence: 1 }),
    'LEDGER_MALFORMED',
  )
})

codecs.run()
