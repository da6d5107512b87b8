/** What one peer may ask of a catalogue in a minute, and how much it is sent. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createCollectionsServer } from '../../../../node/agents/rag/village/collections-exchange.ts'
import { createExchangeBudget } from '../../../../node/agents/rag/village/exchange-budget.ts'
import { BUCKETS, bucketDigest, intoBuckets } from '../../../../node/mesh/digest-buckets.ts'
import type { FramedStream } from '../../../../node/mesh/framed-stream.ts'
import type { Role } from '../../../../node/mesh/mesh.ts'
import { CollectionsRequestKind } from '../../../../node/mesh/protocols/collections.ts'
import { TEST_LOG } from '../../../helpers/mesh.ts'
import { rejectsCode, throwsCode } from '../../../helpers/throws.ts'
import { peerNamed } from '../../../helpers/village.ts'

const LIMITS = { requestsByMinute: 50, bytesByMinute: 10_000 }
const RECORD = { hash: 'aa'.repeat(32), bytes: new Uint8Array(700) }

/** A peer that asks for the same record for ever on one stream; gives what it was sent by then. */
async function flood(role: Role, requestsByMinute: number) {
  const budget = createExchangeBudget({ ...LIMITS, requestsByMinute, now: () => 0 })
  const sent = { pages: 0, records: 0 }
  const stream = {
    receive: async () => ({
      kind: CollectionsRequestKind.records,
      hashes: [Buffer.from(RECORD.hash, 'hex')],
    }),
    async send(_message: unknown, { records }: { records: Uint8Array[] }) {
      sent.pages += 1
      sent.records += records.length
    },
  }
  const catalogue = { village: () => 'village', visibleTo: () => [RECORD] }
  const serve = createCollectionsServer({
    catalogue: catalogue as never,
    ownHoldings: () => ({ segments: new Set<string>(), capacityBytes: 0, usedBytes: 0 }),
    budget,
    log: TEST_LOG,
  })
  const context = { peer: 'peer', role, signal: new AbortController().signal }
  await rejectsCode(
    serve(stream as unknown as FramedStream /* what a server uses of one */, context),
    'PEER_RATE_LIMITED',
  )
  return sent
}

test('one stream does not bring more requests than a minute has, and a guest has a tenth', async () => {
  assert.is((await flood('member', 10)).pages, 10)
  assert.is((await flood('guest', 50)).records, 2, 'ended by its bytes')
  assert.is((await flood('guest', 10)).records, 1)
})

test('a member is sent so many bytes in a minute, and a page more at most', async () => {
  assert.is((await flood('member', 1_000)).records, Math.ceil(LIMITS.bytesByMinute / 701))
})

/** Thirty records and as many segments; keys are 48 bytes, entries of a catalogue 100. */
const HASHES = Array.from({ length: 30 }, (_, index) => Buffer.alloc(32, 8 * index).toString('hex'))
const SEGMENTS = new Set(HASHES.map((hash) => `${'ab'.repeat(16)}${hash}`))
const RIGHT = {
  [CollectionsRequestKind.holdings]: intoBuckets(SEGMENTS, (key) => key.slice(32)).map(bucketDigest),
  [CollectionsRequestKind.catalogue]: intoBuckets(HASHES).map(bucketDigest),
}

test('who knows all already and asks again and again spends what all would cost', async () => {
  const fields = { owner: peerNamed('ann'), id: 'ab'.repeat(16), generation: 1 }
  const catalogue = { village: () => 'village', visibleTo: () => HASHES.map((hash) => ({ ...fields, hash })) }
  for (const [kind, costBytes] of [
    [CollectionsRequestKind.holdings, 30 * 48],
    [CollectionsRequestKind.catalogue, 30 * 100],
  ] as const) {
    const sent = { pages: 0, items: 0 }
    const stream = {
      receive: async () => ({ kind, hashes: [], buckets: RIGHT[kind] }),
      async send(_message: unknown, page: { entries?: unknown[]; segments?: unknown[] }) {
        sent.pages += 1
        sent.items += (page.entries ?? page.segments ?? []).length
      },
    }
    let looks = 0
    const serve = createCollectionsServer({
      catalogue: catalogue as never,
      ownHoldings() {
        looks += 1
        return { segments: SEGMENTS, capacityBytes: 0, usedBytes: 0 }
      },
      budget: createExchangeBudget({ ...LIMITS, requestsByMinute: 1_000, now: () => 0 }),
      log: TEST_LOG,
    })
    const context = { peer: 'peer', role: 'member' as const, signal: new AbortController().signal }
    assert.is(RIGHT[kind].length, BUCKETS)
    await rejectsCode(
      serve(stream as unknown as FramedStream /* what a server uses of one */, context),
      'PEER_RATE_LIMITED',
    )
    const answers = Math.ceil(LIMITS.bytesByMinute / (costBytes + 2))
    assert.equal(sent, { pages: answers, items: 0 })
    // The request that is refused makes no work.
    if (kind === CollectionsRequestKind.holdings) assert.is(looks, answers)
  }
})

test('peers have budgets of their own, and what was owed comes in with time', () => {
  let nowMs = 0
  const budget = createExchangeBudget({ ...LIMITS, now: () => nowMs })
  const [ann, bob] = [
    { peer: 'ann', role: 'member' as const },
    { peer: 'bob', role: 'member' as const },
  ]
  budget.takeBytes(ann, 20_000)
  throwsCode(() => budget.takeBytes(ann, 1), 'PEER_RATE_LIMITED')
  budget.takeBytes(bob, 1)
  nowMs = 60_000
  throwsCode(() => budget.takeBytes(ann, 1), 'PEER_RATE_LIMITED')
  nowMs = 61_000
  budget.takeBytes(ann, 1)
})

test.run()
