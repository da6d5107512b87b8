/** The bytes that another implementation must read and write. They change only together with the version of a record. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { checkAnnouncement } from '../../../node/federated/ledger/announcement.ts'
import { decodeArchive } from '../../../node/federated/ledger/archive.ts'
import { checkBlock } from '../../../node/federated/ledger/block.ts'
import { checkStatement } from '../../../node/federated/ledger/statement-codec.ts'
import { verifyLedger } from '../../../node/federated/ledger/verify.ts'
import { decodeMessage } from '../../../node/federated/rounds/consensus/messages.ts'
import { ledgerVectors } from '../../helpers/ledger-vectors.ts'
import { COUNTING } from '../../helpers/ledgers.ts'

const FILE = path.join(import.meta.dirname, '../../vectors/ledger/records.json')
const stored = JSON.parse(readFileSync(FILE, 'utf8')) as ReturnType<typeof ledgerVectors>
const fromHex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'))
const vectors = suite('vectors of the ledger')

vectors('the same records give the same bytes', () => {
  assert.equal(ledgerVectors(), stored)
})

vectors('the stored bytes are read, and make a ledger that verifies', () => {
  assert.is(checkAnnouncement(fromHex(stored.announcement.bytes)).run, stored.announcement.run)
  for (const { kind, bytes, digest } of stored.statements) {
    const read = checkStatement(stored.announcement.run, fromHex(bytes))
    assert.equal([read.statement.kind, read.digest], [kind, digest])
  }
  for (const { bytes, hash } of stored.blocks) assert.is(checkBlock(fromHex(bytes)).hash, hash)
  assert.is(decodeMessage(fromHex(stored.messages.proposal)).vote.step, 'propose')
  const verdict = verifyLedger(COUNTING, decodeArchive(fromHex(stored.archive)))
  assert.ok(verdict.ok)
  if (verdict.ok) assert.is(verdict.hash, stored.blocks.at(-1)!.hash)
})

vectors.run()
