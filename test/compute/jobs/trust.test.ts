import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  chooseCheck,
  isQuarantined,
  type QuarantineRecord,
  quarantineFor,
} from '../../../node/compute/jobs/trust.ts'
import { createTrustBook } from '../../../node/compute/jobs/trust-book.ts'
import { createEvents, type VillageEvent } from '../../../node/events.ts'
import { openStore } from '../../../node/store.ts'
import { stopMeshNodes, temporaryDirectory } from '../../helpers/mesh.ts'

const RULES = { trustAfter: 10, replication: 2 }
const HOUR_MS = 3_600_000

for (const [what, init, roll, expected] of [
  ['own results are trusted', { own: true, consecutiveValid: 0, taskCheck: 'verify' }, 0, 'none'],
  [
    'a new peer is verified where that is cheaper',
    { own: false, consecutiveValid: 0, taskCheck: 'verify' },
    0.99,
    'full',
  ],
  [
    'a new peer is replicated where it is not',
    { own: false, consecutiveValid: 9, taskCheck: 'replicate' },
    0.99,
    'replicate',
  ],
  [
    'a trusted peer is looked at with probability 1/N',
    { own: false, consecutiveValid: 10, taskCheck: 'verify' },
    0.09,
    'spot',
  ],
  ['and otherwise believed', { own: false, consecutiveValid: 10, taskCheck: 'verify' }, 0.11, 'none'],
  [
    'the more so the longer it is right',
    { own: false, consecutiveValid: 100, taskCheck: 'replicate' },
    0.02,
    'none',
  ],
  [
    'a guest is verified, however often it was right',
    { own: false, guest: true, consecutiveValid: 1e6, taskCheck: 'verify' },
    0.99,
    'full',
  ],
  [
    'and its work replicated',
    { own: false, guest: true, consecutiveValid: 1e6, taskCheck: 'replicate' },
    0.99,
    'replicate',
  ],
  ['but never wholly', { own: false, consecutiveValid: 1e6, taskCheck: 'replicate' }, 0, 'spot'],
] as const)
  test(what, () => {
    assert.is(
      chooseCheck({ guest: false, ...init, rules: RULES }, () => roll),
      expected,
    )
  })

test('with one copy there is nothing to compare: all of it is checked here', () => {
  const rules = { trustAfter: 10, replication: 1 }
  assert.is(
    chooseCheck({ own: false, guest: false, consecutiveValid: 0, taskCheck: 'replicate', rules }, () => 0.5),
    'full',
  )
})

test('each quarantine is longer than the one before, up to a month; silence is less than a lie', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 30 }),
      fc.constantFrom('lie' as const, 'silence' as const),
      (count, cause) => {
        let record: QuarantineRecord | null = null
        let before = 0
        for (let turn = 0; turn < count; turn++) {
          record = quarantineFor(record, { peer: 'p', kind: 'toy', reason: 'r', cause }, 1_000)
          const length = record.untilMs - 1_000
          assert.ok(length > before || length === 30 * 24 * HOUR_MS)
          assert.ok(isQuarantined(record, record.untilMs - 1) && !isQuarantined(record, record.untilMs))
          before = length
        }
        assert.is(record!.count, count)
      },
    ),
  )
  const first = (cause: 'lie' | 'silence') =>
    quarantineFor(null, { peer: 'p', kind: 'k', reason: 'r', cause }, 0).untilMs
  assert.is(first('lie'), HOUR_MS)
  assert.ok(first('silence') < first('lie'))
})

test('the book outlives a restart: trust, quarantine for all kinds, and the pardon', async () => {
  const directory = await temporaryDirectory()
  const seen: VillageEvent[] = []
  let nowMs = 1_000
  const init = {
    ownPeer: 'me',
    isGuest: () => false,
    rules: { trustAfter: 2, replication: 2 },
    now: () => nowMs,
    random: () => 0.99,
  }
  const events = createEvents()
  events.subscribe((event) => seen.push(event))
  const store = await openStore({ directory })
  const book = createTrustBook({ store, events }, init)
  await book.load()
  for (const peer of ['good', 'good', 'bad', 'bad']) book.valid(peer, 'compress')
  assert.is(book.check('good', { kind: 'compress', check: 'verify' }), 'none')
  assert.is(book.check('good', { kind: 'evaluate', check: 'replicate' }), 'replicate')
  assert.is(book.check('me', { kind: 'evaluate', check: 'replicate' }), 'none')
  await book.blame('bad', { kind: 'evaluate', reason: 'it lied', cause: 'lie' })
  assert.is(seen.at(-1)!.type, 'peer:quarantined')
  await book.flush()
  await store.close()

  const again = await openStore({ directory })
  const reopened = createTrustBook({ store: again, events }, init)
  await reopened.load()
  assert.is(reopened.check('good', { kind: 'compress', check: 'verify' }), 'none')
  assert.is(reopened.check('bad', { kind: 'compress', check: 'verify' }), 'full')
  assert.ok(reopened.quarantined('bad') && !reopened.quarantined('good'))
  assert.is(reopened.lieAtMs('bad'), nowMs)
  assert.is(reopened.lieAtMs('good'), null)
  assert.is(
    reopened.list().find(({ peer, kind }) => peer === 'bad' && kind === 'evaluate')!.reason,
    'it lied',
  )
  nowMs += HOUR_MS
  assert.not(reopened.quarantined('bad'))
  nowMs -= HOUR_MS
  await reopened.pardon('bad')
  assert.not(reopened.quarantined('bad'))
  await again.close()
})

test.after(stopMeshNodes)
test.run()
