import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { checkAnnouncement, runIdOf, signAnnouncement } from '../../../node/federated/ledger/announcement.ts'
import { checkBlock, createBlock, fitStatements } from '../../../node/federated/ledger/block.ts'
import type { Statement } from '../../../node/federated/ledger/statement.ts'
import { scoreDigest, signStatement } from '../../../node/federated/ledger/statement-codec.ts'
import {
  decodeCertificate,
  decodeVote,
  encodeCertificate,
  encodeVote,
  isVoteOf,
  STEPS,
  signVote,
} from '../../../node/federated/ledger/vote.ts'
import { decodeMessage, encodeMessage } from '../../../node/federated/rounds/consensus/messages.ts'
import { decodeRecord, encodeRecord } from '../../../node/federated/rounds/consensus/record.ts'
import { ADA, announce, BEN, proofAgainst, SPEC, statementsOf } from '../../helpers/ledgers.ts'
import { isRefused } from '../../helpers/refusals.ts'
import { throwsCode } from '../../helpers/throws.ts'

const RUN = 'ab'.repeat(16)
const all = (): Statement[] => [...statementsOf(ADA.peer), proofAgainst(RUN, BEN, ADA.peer)]
const codecs = suite('blocks and votes of a run')

codecs('an announcement names its run and keeps its spec', () => {
  const announcement = announce()
  const read = checkAnnouncement(announcement.bytes)
  assert.equal(read.spec, SPEC)
  assert.is(read.run, runIdOf(announcement.bytes))
  assert.is(read.run, read.hash.slice(0, 32))
  assert.is(read.announcer, ADA.peer)
  assert.is.not(announce('another').run, read.run)
  throwsCode(
    () => signAnnouncement(ADA.signer, { village: '', timeMs: 1, spec: { ...SPEC, population: 0 } }),
    'INVALID_ARGUMENT',
  )
})

codecs('a block is read as it was made, and its statements are checked', () => {
  const statements = all().map((statement) => signStatement(ADA.signer, RUN, statement))
  const content = { run: RUN, height: 3, parent: '0b'.repeat(32), timeMs: 5, proposer: BEN.peer, view: 2 }
  const block = createBlock({ ...content, statements })
  assert.equal(checkBlock(block.bytes), block)
  const twice = createBlock({ ...content, statements: [statements[0]!, statements[0]!] })
  throwsCode(() => checkBlock(twice.bytes), 'LEDGER_MALFORMED')
  const elsewhere = createBlock({ ...content, run: 'cd'.repeat(16), statements })
  throwsCode(() => checkBlock(elsewhere.bytes), 'LEDGER_UNSIGNED')
  fc.assert(
    fc.property(fc.nat(block.bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const changed = Uint8Array.from(block.bytes)
      changed[at]! ^= change
      // The head of a block is covered by its hash alone: what can still be read is another block.
      assert.ok(isRefused(() => checkBlock(changed)) || checkBlock(changed).hash !== block.hash)
    }),
    { numRuns: 60, seed: 6 },
  )
})

codecs('as many statements as fit make a block that is taken', () => {
  const values = new Uint8Array(8_192)
  const statements = Array.from({ length: 9 }, (_, generation) =>
    signStatement(ADA.signer, RUN, {
      kind: 'reveal',
      author: ADA.peer,
      generation,
      stage: 0,
      entries: Array.from({ length: 16 }, (_, slot) => ({
        slot,
        nonce: new Uint8Array(16),
        values,
        joules: 0,
        busyMs: 0,
      })),
    }),
  )
  const content = { run: RUN, height: 1, parent: '0b'.repeat(32), timeMs: 5, proposer: BEN.peer, view: 0 }
  const fitting = fitStatements(statements)
  assert.is(fitting.length, 7)
  assert.is(checkBlock(createBlock({ ...content, statements: fitting }).bytes).statements.length, 7)
  throwsCode(() => createBlock({ ...content, statements }), 'LEDGER_MALFORMED')
})

const hashes = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => Buffer.from(bytes).toString('hex'))

codecs('votes and certificates are read as they were made', () => {
  const votes = fc.record({
    height: fc.integer({ min: 1, max: 2 ** 32 }),
    view: fc.nat(),
    step: fc.constantFrom(...STEPS),
    hash: fc.option(hashes),
  })
  fc.assert(
    fc.property(votes, hashes, (drawn, hash) => {
      const isProposal = drawn.step === 'propose'
      const vote = { ...drawn, validView: isProposal && drawn.view > 0 ? drawn.view - 1 : null }
      const signed = signVote(BEN.signer, RUN, isProposal ? { ...vote, hash } : vote)
      const read = decodeVote(encodeVote(signed))
      assert.equal(read, signed)
      assert.ok(isVoteOf(BEN.peer, RUN, read))
      assert.not.ok(isVoteOf(ADA.peer, RUN, read))
      assert.not.ok(isVoteOf(BEN.peer, RUN, { ...read, height: read.height === 1 ? 2 : 1 }))
    }),
    { numRuns: 40, seed: 6 },
  )
  const signature = new Uint8Array(64)
  const certificate = {
    view: 3,
    votes: [
      { voter: 0, signature },
      { voter: 2, signature },
    ],
  }
  assert.equal(decodeCertificate(encodeCertificate(certificate)), certificate)
  const twice = {
    view: 3,
    votes: [
      { voter: 2, signature },
      { voter: 2, signature },
    ],
  }
  throwsCode(() => decodeCertificate(encodeCertificate(twice)), 'LEDGER_MALFORMED')
})

codecs('messages and own records are read as they were made', () => {
  const block = createBlock({
    run: RUN,
    height: 9,
    parent: '0b'.repeat(32),
    timeMs: 5,
    proposer: BEN.peer,
    view: 1,
    statements: [signStatement(ADA.signer, RUN, { kind: 'leave', author: ADA.peer, sequence: 1 })],
  })
  const prevotes = [{ voter: 1, signature: new Uint8Array(64) }]
  const vote = signVote(BEN.signer, RUN, {
    height: 9,
    view: 4,
    step: 'propose',
    hash: block.hash,
    validView: 2,
  })
  const proposal = { kind: 'proposal', voter: 3, vote, block, prevotes } as const
  assert.equal(decodeMessage(encodeMessage(proposal)), proposal)
  const prevote = signVote(BEN.signer, RUN, {
    height: 9,
    view: 4,
    step: 'prevote',
    hash: null,
    validView: null,
  })
  assert.equal(decodeMessage(encodeMessage({ kind: 'vote', voter: 3, vote: prevote })), {
    kind: 'vote',
    voter: 3,
    vote: prevote,
  })
  // A proposal whose vote is for another block than it brings.
  const other = signVote(BEN.signer, RUN, { ...vote, hash: '0c'.repeat(32) })
  throwsCode(() => decodeMessage(encodeMessage({ ...proposal, vote: other })), 'LEDGER_MALFORMED')
  const record = {
    height: 9,
    view: 4,
    votes: [vote, prevote],
    locked: { view: 2, hash: block.hash },
    valid: { view: 2, block, prevotes },
    proposed: { block, prevotes },
  }
  assert.equal(decodeRecord(encodeRecord(record)), record)
  const empty = { height: 1, view: 0, votes: [], locked: null, valid: null, proposed: null }
  assert.equal(decodeRecord(encodeRecord(empty)), empty)
})

codecs('the digest of scores depends on all that is revealed', () => {
  const init = {
    run: RUN,
    scorer: ADA.peer,
    generation: 1,
    slot: 2,
    nonce: new Uint8Array(16),
    values: new Uint8Array(8),
  }
  const changed = [
    { ...init, run: 'cd'.repeat(16) },
    { ...init, scorer: BEN.peer },
    { ...init, generation: 2 },
    { ...init, slot: 3 },
    { ...init, nonce: new Uint8Array(16).fill(1) },
    { ...init, values: new Uint8Array(9) },
  ]
  assert.is(new Set([init, ...changed].map(scoreDigest)).size, 7)
})

codecs.run()
