/** What a client holds to whatever its server does: the limits of a day, and one secure sum a round. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { VillageError } from '../../../node/errors.ts'
import { createClientTraining } from '../../../node/federated/learn/client-training.ts'
import { createOwnerLimits } from '../../../node/federated/learn/owner-limits.ts'
import { readFederateSpec } from '../../../node/federated/learn/read-federate-spec.ts'
import { createUnmaskedRounds } from '../../../node/federated/learn/unmasked-rounds.ts'
import { createLog } from '../../../node/log.ts'
import { openStore, type Store } from '../../../node/store.ts'
import { rejectsCode } from '../../helpers/throws.ts'

let directory = ''
let store: Store
test.before.each(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'village-owner-limits-'))
  store = await openStore({ directory })
})
test.after.each(async () => {
  await store.close()
  await rm(directory, { recursive: true })
})

const LENT = { cpuCores: 2, memoryBytes: 1e9, diskBytes: 1e9, uploadBytesPerSecond: null }
const CONSENT = { data: new Map(), servers: [], roundsByDay: 9, minutesByDay: 60, wattHoursByDay: null }
const MINUTE_MS = 60_000

function setUp(over: { minutesByDay?: number; roundsByDay?: number; wattHoursByDay?: number | null }) {
  const machine = { lends: true }
  const resources = {
    accepts: () => machine.lends,
    limits: () => LENT,
  }
  const clock = { nowMs: 1_000_000 * MINUTE_MS, stepMs: 0 }
  const now = () => (clock.nowMs += clock.stepMs)
  const consent = { ...CONSENT, ...over }
  const limits = createOwnerLimits({ store, resources }, { consent, now, checkMs: 1 })
  return { limits, machine, clock }
}

const { signal } = new AbortController()
const init = { deadlineMs: 1e12, signal }
/** Work that ends when it is told to, and not before. */
const endless = (allowed: AbortSignal) =>
  new Promise<never>((_resolve, reject) => {
    allowed.addEventListener('abort', () => reject(allowed.reason))
  })

test('work that fails or is broken off is counted like any other', async () => {
  const { limits, clock } = setUp({})
  const failing = limits.within(init, async () => {
    clock.nowMs += 3 * MINUTE_MS
    throw new VillageError('FEDERATION_ROUND_STALE')
  })
  await rejectsCode(failing, 'FEDERATION_ROUND_STALE')
  const { rounds, busyMs, joules } = await limits.useToday()
  assert.equal([rounds, busyMs], [1, 3 * MINUTE_MS])
  assert.ok(joules > 0)
  const { result, busyMs: second } = await limits.within(init, async () => {
    clock.nowMs += MINUTE_MS
    return 'done'
  })
  assert.equal([result, second], ['done', MINUTE_MS])
  assert.is((await limits.useToday()).busyMs, 4 * MINUTE_MS)
})

test('work without an end is aborted when the minutes of the day, or its energy, are used up', async () => {
  for (const over of [{ minutesByDay: 1 }, { wattHoursByDay: 1e-6 }]) {
    const { limits, clock } = setUp(over)
    clock.stepMs = MINUTE_MS / 2
    await rejectsCode(limits.within(init, endless), 'FEDERATION_REFUSED')
    await store.json('federate-use').del('today')
  }
  const { limits, clock } = setUp({ minutesByDay: 5 })
  clock.stepMs = MINUTE_MS / 2
  await rejectsCode(limits.within(init, endless), 'FEDERATION_REFUSED')
  assert.ok((await limits.useToday()).busyMs >= 5 * MINUTE_MS)
})

test('work is aborted when the machine lends nothing any more, and at the deadline of the round', async () => {
  const { limits, machine, clock } = setUp({})
  const paused = limits.within(init, (allowed) => {
    machine.lends = false
    return endless(allowed)
  })
  await rejectsCode(paused, 'WORK_PAUSED')
  machine.lends = true
  clock.stepMs = MINUTE_MS
  await rejectsCode(limits.within({ deadlineMs: 3 * MINUTE_MS, signal }, endless), 'FEDERATION_ROUND_STALE')
})

test('a model that could not be in memory is not fetched', async () => {
  const { machine } = setUp({})
  let most: number | undefined
  const never = async (): Promise<never> => {
    throw new Error('it goes on')
  }
  const spec = readFederateSpec({ name: 'n', model: 'cid', data: 'd', rounds: 1 })
  const terms = { version: 1, server: 'S', village: 'V', createdAtMs: 1, spec } as const
  const training = createClientTraining(
    {
      artifacts: {
        async fetch(_cid, { maxBytes }) {
          most = maxBytes
          throw new VillageError('ARTIFACT_TOO_LARGE')
        },
        materialize: never,
        pin: never,
        unpin: never,
      },
      pool: { run: never },
      longPool: { run: never },
      resources: { accepts: () => machine.lends, limits: () => ({ ...LENT, memoryBytes: 5_000 }) },
      store,
      log: createLog({ level: 'silent' }),
      joined: store.json('joined'),
    },
    {
      peerId: 'me',
      directory,
      modelsDirectory: directory,
      consent: { ...CONSENT, data: new Map([['d', ['/x.txt']]]) },
    },
  )
  const task = {
    federation: 'f',
    round: 0,
    counted: null,
    elements: 1,
    layoutHash: '',
    vectorsHash: '',
    hasControl: false,
  }
  const member = { id: 'f', terms, usedAtMs: 0, dataSeed: 1, kept: null }
  const context = { peer: 'S', secureRounds: 0, signal, progress: () => undefined }
  await rejectsCode(training.train(member, task, new Uint8Array(4), context), 'ARTIFACT_TOO_LARGE')
  assert.is(most, 5_000)
})

test('rounds that were in a secure sum only rise, and of two claims at once one is given', async () => {
  const unmasked = createUnmaskedRounds(store)
  assert.is(await unmasked.check('f', 0), 0)
  const claims = await Promise.allSettled([unmasked.claim('f', 3), unmasked.claim('f', 3)])
  assert.equal(claims.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
  for (const round of [0, 2, 3]) {
    await rejectsCode(unmasked.check('f', round), 'FEDERATION_ROUND_STALE')
    await rejectsCode(unmasked.claim('f', round), 'FEDERATION_ROUND_STALE')
  }
  await unmasked.claim('f', 4)
  // Also after a restart, and nothing of it concerns another federation.
  const again = createUnmaskedRounds(store)
  await rejectsCode(again.check('f', 4), 'FEDERATION_ROUND_STALE')
  assert.is(await again.check('f', 5), 2)
  assert.is(await again.check('g', 0), 0)
})

test.run()
