/** Selection, consent, energy, and how the record of a federation changes. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { shownOf } from '../../../node/federated/learn/answer-server.ts'
import {
  addRound,
  addUse,
  checkUse,
  dataByName,
  offeredFiles,
  useOn,
} from '../../../node/federated/learn/consent.ts'
import { measureEnergy } from '../../../node/federated/learn/energy.ts'
import {
  accepted,
  beginRound,
  candidates,
  endRound,
  type FederationRecord,
  failRound,
  refusedUpdate,
  reported,
} from '../../../node/federated/learn/federation-record.ts'
import { readFederateConfig } from '../../../node/federated/learn/read-federate-spec.ts'
import { learnedOf } from '../../../node/federated/learn/round-collection.ts'
import { sampleClients, selectClients, weightOf } from '../../../node/federated/learn/selection.ts'
import { throwsCode } from '../../helpers/throws.ts'

const client = (name: string, over = {}) => ({
  client: name,
  asked: 0,
  answered: 0,
  power: 'mains' as const,
  cores: 1,
  ...over,
})

test('the same seed, round and records draw the same clients, whatever their order; another round draws others', () => {
  const records = Array.from({ length: 40 }, (_, i) => client(`client-${i}`))
  const draw = { seed: 3, round: 7, attempt: 0 }
  const drawn = selectClients(records, 10, draw)
  assert.is(new Set(drawn).size, 10)
  assert.equal(selectClients([...records].reverse(), 10, draw), drawn)
  assert.not.equal(selectClients(records, 10, { ...draw, round: 8 }), drawn)
  assert.not.equal(selectClients(records, 10, { ...draw, attempt: 1 }), drawn)
  assert.is(selectClients(records, 100, draw).length, 40)
})

test('who answers comes more often, in proportion for one place; nobody is left out for good', () => {
  const records = [
    client('reliable', { asked: 98, answered: 98 }),
    client('flaky', { asked: 98, answered: 9 }),
    client('battery', { asked: 98, answered: 98, power: 'battery' as const }),
  ]
  const counts: Record<string, number> = {}
  const ROUNDS = 6_000
  for (let round = 0; round < ROUNDS; round++)
    for (const one of selectClients(records, 1, { seed: 1, round, attempt: 0 }))
      counts[one] = (counts[one] ?? 0) + 1
  const total = records.reduce((sum, record) => sum + weightOf(record), 0)
  for (const record of records) {
    const expected = weightOf(record) / total
    assert.ok(Math.abs(counts[record.client]! / ROUNDS - expected) < 0.03, `${record.client} ${expected}`)
  }
})

test('Poisson sampling: each by itself with the rate, whatever its record', () => {
  const records = Array.from({ length: 50 }, (_, i) => client(`c${String(i).padStart(2, '0')}`, { asked: i }))
  let at = 0
  const uniform = () => ((at++ * 2_654_435_761) % 2 ** 32) / 2 ** 32
  let count = 0
  for (let round = 0; round < 200; round++) count += sampleClients(records, 0.2, uniform).length
  assert.ok(Math.abs(count / 200 - 10) < 0.5, String(count / 200))
  assert.equal(
    sampleClients(records, 0.5, () => 0.6),
    [],
  )
})

test('consent: data by name, to whom, and how much a day', () => {
  const consent = {
    data: dataByName(['notes=/a.txt', 'notes=/b=c.txt', 'mail=/m.txt']),
    servers: ['S'],
    roundsByDay: 2,
    minutesByDay: 10,
    wattHoursByDay: 1,
  }
  assert.equal(offeredFiles(consent, { server: 'S', data: 'notes' }), ['/a.txt', '/b=c.txt'])
  for (const asked of [
    { server: 'T', data: 'notes' },
    { server: 'S', data: 'other' },
    { server: 'S', data: null },
  ])
    throwsCode(() => offeredFiles(consent, asked), 'FEDERATION_REFUSED')
  const DAY_MS = 86_400_000
  let use = useOn(null, 5 * DAY_MS)
  checkUse(consent, use)
  use = addUse(addRound(use), { busyMs: 1, joules: 1 })
  checkUse(consent, use)
  throwsCode(() => checkUse(consent, addRound(use)), 'FEDERATION_REFUSED')
  throwsCode(() => checkUse(consent, { ...use, busyMs: 600_000 }), 'FEDERATION_REFUSED')
  throwsCode(() => checkUse(consent, { ...use, joules: 3_600 }), 'FEDERATION_REFUSED')
  assert.is(useOn(use, 5 * DAY_MS + 1).rounds, 1)
  assert.is(useOn(use, 6 * DAY_MS).rounds, 0)
})

test('energy: counters of packages where they can be read, also when they start again; else by time and cores', async () => {
  const root = await mkdtemp(path.join(tmpdir(), 'village-energy-'))
  try {
    let nowMs = 0
    const now = () => nowMs
    const estimate = await measureEnergy({ cores: 2, now }, root)
    nowMs = 3_000
    assert.equal(await estimate(), { joules: 60, measured: false })
    // Since the last reading.
    nowMs = 4_000
    assert.equal(await estimate(), { joules: 20, measured: false })
    const set = async (name: string, microjoules: number) => {
      await mkdir(path.join(root, name), { recursive: true })
      await writeFile(path.join(root, name, 'energy_uj'), `${microjoules}\n`)
      await writeFile(path.join(root, name, 'max_energy_range_uj'), '10000000\n')
    }
    await set('intel-rapl:0', 9_000_000)
    await set('intel-rapl:0:0', 1)
    await set('intel-rapl:1', 1_000_000)
    const end = await measureEnergy({ cores: 2, now }, root)
    await set('intel-rapl:0', 500_000)
    await set('intel-rapl:0:0', 9_000_000)
    await set('intel-rapl:1', 3_000_000)
    assert.equal(await end(), { joules: 3.5, measured: true })
  } finally {
    await rm(root, { recursive: true })
  }
})

const CONFIG = readFederateConfig({ name: 'n', model: 'm', data: 'd', strategy: 'fedavg', rounds: 3 }, false)
const FRESH: FederationRecord = {
  version: 1,
  id: 'f',
  config: CONFIG,
  terms: '',
  signature: '',
  modelCid: 'cid',
  elements: 1,
  layoutHash: '',
  secretSeed: 1,
  createdAtMs: 0,
  finishedAtMs: null,
  state: 'running',
  error: null,
  round: 0,
  attempt: 0,
  current: null,
  clients: {},
  model: null,
  testLossBefore: null,
}

test('what a client says of itself: within what its steps can be, and nothing at all where clients are hidden', () => {
  const { spec } = CONFIG
  const { steps, batch, length } = spec.local
  const most = steps * batch * length
  assert.equal(learnedOf(spec, { tokens: most, loss: 2 }), { tokens: most, loss: 2 })
  for (const said of [
    { tokens: most + 1, loss: 2 },
    { tokens: 2 ** 53 - 1, loss: 2 },
    { tokens: 1, loss: Number.NaN },
    { tokens: 1, loss: -1 },
    { tokens: 1, loss: 1e300 },
  ])
    throwsCode(() => learnedOf(spec, said), 'UPDATE_MALFORMED')
  const facts = { round: 1, vectors: '', elements: 1, updateBytes: 4, controlBytes: 0, hash: '', busyMs: 1 }
  const kept = { ...facts, tokens: 77, loss: 2.5 }
  assert.equal(shownOf(spec, kept), kept)
  const privacy = { clip: 1, noiseMultiplier: 1, delta: 1e-5, samplingRate: 1 }
  for (const over of [{ privacy }, { secure: { threshold: 0.6, range: 1, ringBits: 32 } }]) {
    const hidden = { ...spec, ...over }
    assert.equal(shownOf(hidden, kept), { ...kept, tokens: 0, loss: 0 })
    // Whatever an old client says is not kept.
    assert.equal(learnedOf(hidden, { tokens: 2 ** 53 - 1, loss: Number.NaN }), { tokens: 0, loss: 0 })
  }
})

test('a record through two rounds: who is asked, who answers, who counts, who is not asked again', () => {
  const report = { tokens: 10, loss: 1, busyMs: 1, receivedBytes: 5, norm: 1 }
  const here = new Map(['a', 'b', 'c'].map((peer) => [peer, { power: 'mains' as const }]))
  let record = ['a', 'b', 'c', 'away'].reduce((before, peer) => accepted(before, peer, 2), FRESH)
  assert.equal(
    candidates(record, here).map((one) => one.client),
    ['a', 'b', 'c'],
  )
  for (let round = 0; round < 3; round++) {
    record = beginRound(record, ['c', 'a'])
    assert.equal(record.current!.selected, ['a', 'c'])
    record = reported(record, 'a', report)
    record = refusedUpdate(record, 'c', 'UPDATE_MALFORMED')
    assert.equal(Object.keys(record.current!.reports), ['a'])
    record = round === 1 ? failRound(record) : endRound(record, ['a'])
  }
  assert.is(record.round, 2)
  assert.is(record.attempt, 0)
  assert.is(record.clients.a!.counted, 1)
  assert.is(record.clients.c!.counted, null)
  // Three times something that could not be used.
  assert.equal(
    candidates(record, here).map((one) => one.client),
    ['a', 'b'],
  )
  assert.equal(FRESH.clients, {})
})

test.run()
