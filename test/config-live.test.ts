import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createResources } from '../node/compute/resources.ts'
import { type Config, type ConfigKey, DEFAULT_CONFIG, FIELDS, isConfigKey } from '../node/config.ts'
import { createLiveConfig } from '../node/config-live.ts'
import { createDaemon } from '../node/daemon.ts'
import { createLog, setLogLevel } from '../node/log.ts'

const LIVE = Object.keys(FIELDS)
  .filter(isConfigKey)
  .filter((key) => FIELDS[key].reload === 'live')
const log = createLog({ level: 'silent' })

const live = suite('live config')

live('a live key follows, another one stays as it was at the start', () => {
  const present = createLiveConfig({ log }, DEFAULT_CONFIG)
  const changed = present.apply({ ...DEFAULT_CONFIG, 'jobs.work': false, 'api.port': 1 })
  assert.equal(changed, ['jobs.work'])
  assert.is(present.config['jobs.work'], false)
  assert.is(present.config['api.port'], DEFAULT_CONFIG['api.port'])
  assert.equal({ ...present.config }, { ...DEFAULT_CONFIG, 'jobs.work': false })
})

live('who asked for a key is told once, after the change; a listener that throws holds nobody up', () => {
  const present = createLiveConfig({ log }, DEFAULT_CONFIG)
  const told: unknown[] = []
  present.onChange(['jobs.work'], () => {
    throw new Error('a listener fails')
  })
  const end = present.onChange(['jobs.work', 'jobs.guests'], () => told.push(present.config['jobs.guests']))
  present.onChange(['profile'], () => told.push('profile'))
  present.apply({ ...DEFAULT_CONFIG, 'jobs.work': false, 'jobs.guests': true })
  present.apply({ ...DEFAULT_CONFIG, 'jobs.work': false, 'jobs.guests': true })
  assert.equal(told, [true])
  end()
  present.apply(DEFAULT_CONFIG)
  assert.equal(told, [true])
})

/** Read where the daemon is made, and followed all the same: each is changed below. */
const FOLLOWED: readonly ConfigKey[] = [
  'log.level',
  'profile',
  'resources.maxCpuCores',
  'resources.maxMemoryBytes',
  'resources.maxDiskBytes',
  'resources.maxUploadBytesPerSecond',
  'resources.maxTemperatureCelsius',
  'resources.onBattery',
]

live(
  'every other live key is read when it is needed: nothing of it is kept where the services are made',
  async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'village-live-'))
    const given: Config = { ...DEFAULT_CONFIG, 'data.dir': directory, 'api.port': 0, 'log.level': 'silent' }
    const read = new Set<string>()
    const recording = Object.defineProperties(
      {},
      Object.fromEntries(
        Object.entries(given).map(([key, value]) => [
          key,
          {
            enumerable: true,
            get() {
              read.add(key)
              return value
            },
          },
        ]),
      ),
    ) as Config // one property for every key
    try {
      const daemon = await createDaemon(recording)
      const early = LIVE.filter((key) => read.has(key))
      await daemon.stop()
      assert.ok(read.has('api.maxBodyBytes') || read.size > FOLLOWED.length, 'reads are recorded')
      assert.equal(
        early.filter((key) => !FOLLOWED.includes(key)),
        [],
      )
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  },
)

live('log.level: of the log, and of the loggers of services', () => {
  const lines: string[] = []
  const parent = createLog({ level: 'info', destination: { write: (line) => void lines.push(line) } })
  const child = parent.child({ service: 'mesh' })
  child.debug('one')
  setLogLevel(parent, 'debug')
  child.debug('two')
  setLogLevel(parent, 'error')
  child.warn('three')
  parent.warn('four')
  assert.equal(
    lines.map((line) => (JSON.parse(line) as { msg: string }).msg),
    ['two'],
  )
})

live('profile and resources.*: what is lent, and whether work is taken, follow', async () => {
  const present = createLiveConfig({ log }, { ...DEFAULT_CONFIG, 'resources.maxDiskBytes': 2 ** 30 })
  const resources = createResources(
    { log, events: { emit() {} }, config: present.config },
    {
      directory: tmpdir(),
      readSensors: async () => ({
        power: 'battery',
        batteryShare: 0.5,
        temperatureCelsius: 70,
        freeMemoryBytes: 2 ** 33,
        rssBytes: 2 ** 27,
      }),
    },
  )
  const after = async (changes: Partial<Config>) => {
    present.apply({ ...DEFAULT_CONFIG, ...changes })
    await resources.check()
    return { ...resources.limits(), reason: resources.snapshot().reason }
  }
  assert.is((await after({})).reason, 'battery')
  assert.is((await after({ 'resources.onBattery': 'run' })).reason, null)
  assert.is((await after({ profile: 'server' })).reason, null)
  assert.is((await after({ profile: 'edge' })).cpuCores, 1)
  const hot = await after({ 'resources.onBattery': 'run', 'resources.maxTemperatureCelsius': 60 })
  assert.is(hot.reason, 'temperature')
  const capped = await after({
    'resources.maxCpuCores': 1,
    'resources.maxMemoryBytes': 2 ** 28,
    'resources.maxDiskBytes': 2 ** 21,
    'resources.maxUploadBytesPerSecond': 65_536,
  })
  assert.equal(
    [capped.cpuCores, capped.memoryBytes, capped.diskBytes, capped.uploadBytesPerSecond],
    [1, 2 ** 28, 2 ** 21, 65_536],
  )
})

live.run()
