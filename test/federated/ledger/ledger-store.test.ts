/** Ledgers on the disk: whole after a restart, and damage is seen, named and put aside. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { checkBlock } from '../../../node/federated/ledger/block.ts'
import { createLedgerStore, type LedgerStore } from '../../../node/federated/ledger/ledger-store.ts'
import { decodeCertificate, signVote } from '../../../node/federated/ledger/vote.ts'
import { createLog } from '../../../node/log.ts'
import { openStore, type Store } from '../../../node/store.ts'
import { ADA, announce, type Counted, makeLedger } from '../../helpers/ledgers.ts'
import { rejectsCode } from '../../helpers/throws.ts'

const announcement = announce()
const { run } = announcement
const { tips, blocks } = makeLedger(announcement, 6)
const ALL = { count: 100, sizeBytes: 2 ** 24 }
const log = createLog({ level: 'silent' })

interface Context {
  directory: string
  store: Store
  ledgers: LedgerStore<Counted>
  reopen(): Promise<void>
}
const ledgers = suite<Context>('ledgers on the disk')

ledgers.before.each(async (context) => {
  context.directory = await mkdtemp(path.join(tmpdir(), 'village-ledger-'))
  const open = async () => {
    context.store = await openStore({ directory: context.directory })
    context.ledgers = createLedgerStore<Counted>({ store: context.store, log })
  }
  context.reopen = async () => {
    await context.store.close()
    await open()
  }
  await open()
})
ledgers.after.each(async ({ directory, store }) => {
  await store.close()
  await rm(directory, { recursive: true, force: true })
})

async function fill(context: Context): Promise<void> {
  await context.ledgers.putAnnouncement(announcement)
  for (const certified of blocks) await context.ledgers.append(run, certified)
}

/** Changes one byte of a stored value, as a failing disk would below LevelDB's own checks. */
async function damage(store: Store, prefix: string): Promise<void> {
  const table = store.bytes('ledgers')
  let count = 0
  for await (const [key, value] of table.entries({ prefix })) {
    const changed = Uint8Array.from(value)
    changed[changed.length - 1]! ^= 1
    await table.put(key, changed)
    count += 1
  }
  assert.ok(count > 0, `nothing is stored under ${prefix}`)
}

ledgers('what was written is there after a restart', async (context) => {
  await fill(context)
  await context.reopen()
  assert.equal(
    (await context.ledgers.announcements()).map((bytes) => Buffer.from(bytes).toString('hex')),
    [Buffer.from(announcement.bytes).toString('hex')],
  )
  const entries = await context.ledgers.blocks(run, 1, ALL)
  assert.is(entries.length, 6)
  entries.forEach((entry, index) => {
    assert.equal(checkBlock(entry.block), blocks[index]!.block)
    assert.equal(decodeCertificate(entry.certificate), blocks[index]!.certificate)
  })
})

ledgers('ranges begin where asked, keep their limits, and end at a gap', async (context) => {
  await fill(context)
  const heights = async (from: number, limits = ALL) =>
    (await context.ledgers.blocks(run, from, limits)).map(({ block }) => checkBlock(block).height)
  assert.equal(await heights(3), [3, 4, 5, 6])
  assert.equal(await heights(3, { ...ALL, count: 2 }), [3, 4])
  assert.equal(await heights(3, { ...ALL, sizeBytes: 1 }), [3], 'one at least')
  assert.equal(await heights(7), [])
  assert.equal(await heights(0), [], 'the announcement is no block')
  await context.ledgers.append('ff'.repeat(16), blocks[0]!)
  assert.equal(await heights(1), [1, 2, 3, 4, 5, 6], 'runs do not mix')
  await context.store.bytes('ledgers').del(`block/${run}/0000000004`)
  assert.equal(await heights(2), [2, 3])
})

ledgers(
  'a damaged block is named, put aside with all above it, and can be fetched again',
  async (context) => {
    await fill(context)
    await context.ledgers.putSnapshot(tips[2]!)
    await context.ledgers.putSnapshot(tips[5]!)
    await damage(context.store, `block/${run}/0000000004`)
    const error = await rejectsCode(context.ledgers.blocks(run, 1, ALL), 'LEDGER_CORRUPT')
    assert.equal(error.fields, { run, height: 4 })
    await context.ledgers.quarantine(run, 4)
    assert.is((await context.ledgers.blocks(run, 1, ALL)).length, 3)
    assert.is((await context.ledgers.snapshot(run, 99))?.height, 2, 'a checkpoint rests on what is gone')
    const aside: string[] = []
    for await (const [key] of context.store.bytes('ledgers').entries({ prefix: 'aside/' })) aside.push(key)
    assert.is(aside.length, 3)
    for (const certified of blocks.slice(3)) await context.ledgers.append(run, certified)
    assert.is((await context.ledgers.blocks(run, 1, ALL)).length, 6)
  },
)

ledgers('damage below a checkpoint is found without reading the ledger', async (context) => {
  await fill(context)
  assert.is(await context.ledgers.firstDamage(run, 6), null)
  assert.is(await context.ledgers.firstDamage(run, 7), 7)
  await damage(context.store, `block/${run}/0000000005`)
  assert.is(await context.ledgers.firstDamage(run, 6), 5)
  assert.is(await context.ledgers.firstDamage(run, 4), null)
  await context.store.bytes('ledgers').del(`block/${run}/0000000002`)
  assert.is(await context.ledgers.firstDamage(run, 6), 2)
})

ledgers('a damaged announcement is put aside and not given', async (context) => {
  await fill(context)
  await context.ledgers.putAnnouncement(announce('another'))
  await damage(context.store, `run/${run}`)
  assert.is((await context.ledgers.announcements()).length, 1)
  assert.is((await context.ledgers.announcements()).length, 1)
})

ledgers(
  'own votes are kept for the latest height, and damage says up to where not to vote',
  async (context) => {
    assert.is(await context.ledgers.record(run), null)
    const recordAt = (height: number) => ({
      height,
      view: 2,
      votes: [signVote(ADA.signer, run, { height, view: 2, step: 'prevote', hash: null, validView: null })],
      locked: null,
      valid: null,
      proposed: null,
    })
    await context.ledgers.putRecord(run, recordAt(9))
    await context.ledgers.putRecord(run, recordAt(10))
    await context.reopen()
    assert.equal(await context.ledgers.record(run), recordAt(10))
    await damage(context.store, `record/${run}/`)
    const error = await rejectsCode(context.ledgers.record(run), 'LEDGER_CORRUPT')
    assert.equal(error.fields, { run, height: 10 })
  },
)

ledgers('the two latest checkpoints are kept; a damaged one is not used', async (context) => {
  for (const tip of tips.slice(1, 5)) await context.ledgers.putSnapshot(tip)
  assert.equal(await context.ledgers.snapshot(run, 99), tips[4])
  assert.equal(await context.ledgers.snapshot(run, 3), tips[3])
  assert.is(await context.ledgers.snapshot(run, 2), null)
  await damage(context.store, `snapshot/${run}/0000000004`)
  assert.is((await context.ledgers.snapshot(run, 99))?.height, 3)
})

ledgers('a run that is removed leaves nothing, and the others stay', async (context) => {
  await fill(context)
  const other = announce('another')
  await context.ledgers.putAnnouncement(other)
  await context.ledgers.putSnapshot(tips[3]!)
  await context.ledgers.quarantine(run, 5)
  await context.ledgers.remove(run)
  const keys: string[] = []
  for await (const [key] of context.store.bytes('ledgers').entries()) keys.push(key)
  assert.equal(keys, [`run/${other.run}`])
})

ledgers.run()
