import { tmpdir } from 'node:os'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  createResources,
  type Decision,
  decide,
  limitsOf,
  PROFILES,
  type Sensors,
} from '../../node/compute/resources.ts'
import { type Config, DEFAULT_CONFIG } from '../../node/config.ts'
import { createEvents, type VillageEvent } from '../../node/events.ts'
import { createLog } from '../../node/log.ts'

const GIB = 2 ** 30
const CALM: Sensors = {
  power: 'mains',
  batteryShare: null,
  temperatureCelsius: 50,
  freeMemoryBytes: 4 * GIB,
  rssBytes: GIB / 8,
}
const config = (more: Partial<Config> = {}): Config => ({ ...DEFAULT_CONFIG, ...more })
const ACCEPTS: Decision = { accepting: true, acceptingOwn: true, reason: null }

for (const [what, more, sensors, before, expected] of [
  ['a calm machine works', {}, {}, null, [true, true, null]],
  [
    'a laptop pauses on battery, but does its own jobs',
    {},
    { power: 'battery' },
    null,
    [false, true, 'battery'],
  ],
  [
    'an edge box pauses on battery',
    { profile: 'edge' },
    { power: 'battery' },
    null,
    [false, true, 'battery'],
  ],
  ['a server does not', { profile: 'server' }, { power: 'battery' }, null, [true, true, null]],
  [
    'unless it is told to',
    { profile: 'server', 'resources.onBattery': 'pause' },
    { power: 'battery' },
    null,
    [false, true, 'battery'],
  ],
  [
    'a laptop can be told to run',
    { 'resources.onBattery': 'run' },
    { power: 'battery' },
    null,
    [true, true, null],
  ],
  ['unknown power is no reason', {}, { power: 'unknown' }, null, [true, true, null]],
  ['heat stops all work', {}, { temperatureCelsius: 91 }, null, [false, false, 'temperature']],
  ['at the limit it goes on', {}, { temperatureCelsius: 90 }, ACCEPTS, [true, true, null]],
  [
    'it starts again only when it is cooler',
    {},
    { temperatureCelsius: 87 },
    { accepting: false, acceptingOwn: false, reason: 'temperature' },
    [false, false, 'temperature'],
  ],
  [
    'and then it does',
    {},
    { temperatureCelsius: 84 },
    { accepting: false, acceptingOwn: false, reason: 'temperature' },
    [true, true, null],
  ],
  ['a machine without a sensor works', {}, { temperatureCelsius: null }, null, [true, true, null]],
  ['a process over its memory takes no more', {}, { rssBytes: 5 * GIB }, null, [false, true, 'memory']],
  [
    'neither does a machine without memory',
    {},
    { freeMemoryBytes: 64 * 2 ** 20 },
    null,
    [false, true, 'memory'],
  ],
  [
    'heat is said before battery',
    {},
    { power: 'battery', temperatureCelsius: 99 },
    null,
    [false, false, 'temperature'],
  ],
] as const)
  test(what, () => {
    const limits = { memoryBytes: 4 * GIB }
    const { accepting, acceptingOwn, reason } = decide(config(more), limits, { ...CALM, ...sensors }, before)
    assert.equal([accepting, acceptingOwn, reason], expected)
  })

for (const [profile, cores, expected] of [
  ['laptop', 8, 4],
  ['laptop', 1, 1],
  ['laptop', 3, 1],
  ['server', 8, 8],
  ['edge', 8, 1],
] as const)
  test(`${profile} lends ${expected} of ${cores} cores`, () => {
    assert.is(limitsOf(config({ profile }), { cores, memoryBytes: 8 * GIB }).cpuCores, expected)
  })

test('configured caps win over the profile, but not over the machine', () => {
  const machine = { cores: 4, memoryBytes: 8 * GIB }
  const more = config({
    'resources.maxCpuCores': 3,
    'resources.maxMemoryBytes': GIB,
    'resources.maxUploadBytesPerSecond': 1e6,
  })
  const limits = limitsOf(more, machine)
  assert.equal([limits.cpuCores, limits.memoryBytes, limits.uploadBytesPerSecond], [3, GIB, 1e6])
  assert.is(limitsOf(config({ 'resources.maxCpuCores': 64 }), machine).cpuCores, 4)
  assert.is(limitsOf(config(), machine).memoryBytes, 8 * GIB * PROFILES.laptop!.memoryShare)
})

test('under a hard cap a task leaves the daemon its own memory, whatever the profile', () => {
  const capped = (profile: string, mib: number) =>
    limitsOf(config({ profile }), { cores: 4, memoryBytes: mib * 2 ** 20 }).memoryBytes / 2 ** 20
  assert.is(capped('edge', 512), 352)
  assert.is(capped('edge', 4096), 400)
  assert.is(capped('edge', 384), 224)
  assert.is(capped('server', 384), 224)
  assert.is(capped('server', 64), 0)
})

test('a change is told once, with its reason, and sensors that fail change nothing', async () => {
  let sensors: Sensors | Error = CALM
  const seen: VillageEvent[] = []
  const events = createEvents()
  events.subscribe((event) => seen.push(event))
  let told = 0
  const resources = createResources(
    { log: createLog({ level: 'silent' }), events, config: config() },
    {
      directory: tmpdir(),
      readSensors: async () => {
        if (sensors instanceof Error) throw sensors
        return sensors
      },
    },
  )
  resources.onChange(() => {
    told += 1
  })
  await resources.start(new AbortController().signal)
  assert.ok(resources.accepts(false))
  sensors = { ...CALM, power: 'battery' }
  await resources.check()
  await resources.check()
  assert.equal([resources.accepts(false), resources.accepts(true)], [false, true])
  sensors = new Error('the sensor is gone')
  await resources.check()
  assert.is(resources.snapshot().reason, 'battery')
  assert.equal(
    seen.map((event) => event.data),
    [{ accepting: false, reason: 'battery' }],
  )
  assert.is(told, 1)
  assert.ok(resources.snapshot().diskFreeBytes > 0)
  await resources.stop()
})

test('the real sensors of this machine can be read', async () => {
  const resources = createResources(
    { log: createLog({ level: 'silent' }), events: createEvents(), config: config() },
    { directory: tmpdir() },
  )
  await resources.start(new AbortController().signal)
  const snapshot = resources.snapshot()
  assert.ok(['mains', 'battery', 'unknown'].includes(snapshot.power))
  assert.ok(snapshot.rssBytes > 0 && snapshot.freeMemoryBytes > 0 && snapshot.load >= 0)
  await resources.stop()
})

test.run()
