/** A ledger that is whole verifies; one with anything changed fails, at the right height and for the right reason. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { decodeArchive, encodeArchive } from '../../../node/federated/ledger/archive.ts'
import { type CertifiedBlock, createBlock } from '../../../node/federated/ledger/block.ts'
import { signStatement } from '../../../node/federated/ledger/statement-codec.ts'
import {
  extendLedger,
  type LedgerFault,
  objectionTo,
  startViewOf,
  verifyLedger,
} from '../../../node/federated/ledger/verify.ts'
import { encodeCertificate } from '../../../node/federated/ledger/vote.ts'
import { ADA, announce, blockOn, COUNTING, certify, KEYS, makeLedger } from '../../helpers/ledgers.ts'
import { throwsCode } from '../../helpers/throws.ts'

const announcement = announce()
const { tips, blocks } = makeLedger(announcement, 5)
const last = tips.at(-1)!
const bytesOf = (certified: readonly CertifiedBlock[]) =>
  certified.map(({ block, certificate }) => ({
    block: block.bytes,
    certificate: encodeCertificate(certificate),
  }))
const verify = (certified: readonly CertifiedBlock[]) =>
  verifyLedger(COUNTING, { announcement: announcement.bytes, blocks: bytesOf(certified) })

const ledgers = suite('verifying a ledger')

ledgers('a whole ledger is whole, also out of its file', () => {
  const verdict = verify(blocks)
  assert.ok(verdict.ok)
  assert.is(verdict.height, 5)
  assert.is(verdict.hash, blocks[4]!.block.hash)
  assert.is(verdict.run, announcement.run)
  assert.is(verdict.statements, 4 + 1 + 3)
  const file = encodeArchive({ announcement: announcement.bytes, blocks: bytesOf(blocks) })
  assert.equal(verifyLedger(COUNTING, decodeArchive(file)), verdict)
  throwsCode(() => decodeArchive(file.slice(0, -1)), 'LEDGER_MALFORMED')
  throwsCode(() => decodeArchive(announcement.bytes), 'LEDGER_MALFORMED')
})

ledgers('every prefix is whole too, and the announcement alone', () => {
  for (let height = 0; height <= 5; height++) assert.ok(verify(blocks.slice(0, height)).ok)
})

/** The ledger with another last block. */
const endingWith = (block: CertifiedBlock['block'], voters?: number) => {
  const tip = tips.at(-2)!
  return [...blocks.slice(0, -1), { block, certificate: certify(tip, block, voters) }]
}

const spoilt: [string, LedgerFault, number, () => readonly CertifiedBlock[]][] = [
  ['a block is missing', 'LEDGER_BROKEN', 3, () => blocks.filter((_, index) => index !== 2)],
  ['two blocks are swapped', 'LEDGER_BROKEN', 4, () => [...blocks.slice(0, 3), blocks[4]!, blocks[3]!]],
  [
    'another parent',
    'LEDGER_BROKEN',
    5,
    () => endingWith(blockOn(tips.at(-2)!, [], { parent: '00'.repeat(32) })),
  ],
  ['an earlier time', 'LEDGER_BROKEN', 5, () => endingWith(blockOn(tips.at(-2)!, [], { timeMs: 1_000_000 }))],
  [
    'a proposer who did not coordinate',
    'LEDGER_BROKEN',
    5,
    () => {
      const tip = tips.at(-2)!
      const { proposer } = blockOn(tip, [])
      return endingWith(blockOn(tip, [], { proposer: KEYS.find(({ peer }) => peer !== proposer)!.peer }))
    },
  ],
  ['a vote too few', 'LEDGER_UNCERTIFIED', 5, () => endingWith(blockOn(tips.at(-2)!, []), 2)],
  [
    'the certificate of another block',
    'LEDGER_UNCERTIFIED',
    5,
    () => [...blocks.slice(0, 4), { block: blocks[4]!.block, certificate: blocks[3]!.certificate }],
  ],
  [
    'one voter twice',
    'LEDGER_MALFORMED',
    5,
    () => {
      const { block, certificate } = blocks[4]!
      const vote = certificate.votes[0]!
      return [...blocks.slice(0, 4), { block, certificate: { ...certificate, votes: [vote, vote, vote] } }]
    },
  ],
  [
    'a certificate of a view before the block was made',
    'LEDGER_UNCERTIFIED',
    5,
    () => {
      const tip = tips.at(-2)!
      const block = blockOn(tip, [], { view: 4 })
      return [...blocks.slice(0, 4), { block, certificate: { ...certify(tip, block), view: 0 } }]
    },
  ],
  [
    'something that the run does not allow',
    'LEDGER_REFUSED',
    5,
    () =>
      endingWith(
        blockOn(tips.at(-2)!, [
          signStatement(ADA.signer, announcement.run, { kind: 'leave', author: ADA.peer, sequence: 3 }),
        ]),
      ),
  ],
]
for (const [what, code, height, make] of spoilt)
  ledgers(`refused: ${what}`, () => {
    const verdict = verify(make())
    assert.not(verdict.ok)
    if (!verdict.ok) assert.equal([verdict.code, verdict.height], [code, height], verdict.reason)
  })

ledgers('refused: any byte of any block changed', () => {
  const entries = bytesOf(blocks)
  for (let height = 1; height <= entries.length; height++)
    for (let at = height % 7; at < entries[height - 1]!.block.length; at += 23) {
      const changed = entries.map((entry) => ({ ...entry, block: Uint8Array.from(entry.block) }))
      changed[height - 1]!.block[at]! ^= 0x10
      const verdict = verifyLedger(COUNTING, { announcement: announcement.bytes, blocks: changed })
      assert.not(verdict.ok, `byte ${at} of block ${height}`)
      if (!verdict.ok) assert.is(verdict.height, height)
    }
})

ledgers('the ledger of another run is refused from its first block on', () => {
  const verdict = verifyLedger(COUNTING, { announcement: announce('another').bytes, blocks: bytesOf(blocks) })
  assert.not(verdict.ok)
  if (!verdict.ok) assert.equal([verdict.code, verdict.height], ['LEDGER_BROKEN', 1])
})

ledgers('a certificate of a later view than the block is as good', () => {
  const tip = tips.at(-2)!
  const block = blockOn(tip, [])
  const { members } = COUNTING.committee(tip.state)
  assert.is(members.length, 4)
  const late = blockOn(tip, [], { view: 2 })
  assert.is(extendLedger(COUNTING, tip, { block: late, certificate: certify(tip, late) }).view, 2)
  assert.ok(block.hash !== late.hash)
})

ledgers('views go on within an epoch and begin anew in the next', () => {
  const tip = tips.at(-2)!
  const late = blockOn(tip, [], { view: 2 })
  const after = extendLedger(COUNTING, tip, { block: late, certificate: certify(tip, late) })
  assert.is(startViewOf(COUNTING, after), 2)
  const early = blockOn(after, [], { view: 1 })
  throwsCode(
    () => extendLedger(COUNTING, after, { block: early, certificate: certify(after, early) }),
    'LEDGER_BROKEN',
  )
  const draw = signStatement(ADA.signer, announcement.run, {
    kind: 'control',
    author: ADA.peer,
    sequence: 9,
    action: 'start',
  })
  const drawing = blockOn(after, [draw], { view: 2 })
  const drawn = extendLedger(COUNTING, after, { block: drawing, certificate: certify(after, drawing) })
  assert.is(startViewOf(COUNTING, drawn), 0)
})

ledgers('a voter objects to what it would not follow, and to a clock that is ahead', () => {
  const block = blockOn(last, [])
  assert.is(objectionTo(COUNTING, last, block, block.timeMs), null)
  assert.is(objectionTo(COUNTING, last, block, block.timeMs - 10_000), null)
  assert.match(objectionTo(COUNTING, last, block, block.timeMs - 10_001) ?? '', 'clock')
  const leave = signStatement(ADA.signer, last.run, { kind: 'leave', author: ADA.peer, sequence: 3 })
  assert.match(objectionTo(COUNTING, last, blockOn(last, [leave]), block.timeMs) ?? '', 'leave')
  const { timeMs, proposer, view, statements } = block
  const high = createBlock({
    run: last.run,
    height: 9,
    parent: last.hash,
    timeMs,
    proposer,
    view,
    statements,
  })
  assert.match(objectionTo(COUNTING, last, high, block.timeMs) ?? '', 'height')
})

ledgers.run()
