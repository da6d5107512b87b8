import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FIELDS, isConfigKey } from '../node/config.ts'
import { createLiveConfig } from '../node/config-live.ts'
import { type ConfigSources, resolveConfig } from '../node/config-sources.ts'
import { createLog } from '../node/log.ts'
import { createSettings, writeSettings } from '../node/settings.ts'
import { rejectsCode } from './helpers/throws.ts'

const log = createLog({ level: 'silent' })
let directory = ''

const settings = suite('settings')
settings.before.each(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'village-settings-'))
})
settings.after.each(() => rmSync(directory, { recursive: true, force: true }))

const sourcesOf = (given: Partial<ConfigSources> = {}): ConfigSources => ({
  named: null,
  shipped: null,
  environment: {},
  arguments: { 'data.dir': directory },
  ...given,
})

async function running(sources: ConfigSources) {
  const resolved = await resolveConfig(sources)
  const live = createLiveConfig({ log }, resolved.config)
  const emitted: unknown[] = []
  const made = createSettings(
    { live, log, events: { emit: (type, data) => void emitted.push([type, data]) } },
    { sources, resolved },
  )
  const row = (key: string) => made.list().config.find((one) => one.key === key)!
  return { live, emitted, row, settings: made }
}

const fileOf = () => path.join(directory, 'config.json')
const stored = (file = fileOf()) => JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>

settings(
  'a change is stored, applied where it is live, and named where it waits or is overruled',
  async () => {
    const daemon = await running(
      sourcesOf({
        environment: { VILLAGE_JOBS_GUESTS: 'false' },
        arguments: { 'data.dir': directory, 'api.port': '7' },
      }),
    )
    const outcome = await daemon.settings.change({
      'jobs.work': false,
      'mesh.mdns': false,
      'api.port': 8,
      'jobs.guests': true,
    })
    assert.equal(outcome, {
      applied: ['jobs.work'],
      needRestart: ['mesh.mdns'],
      overridden: ['api.port', 'jobs.guests'],
    })
    assert.equal(stored(), { 'jobs.work': false, 'mesh.mdns': false, 'api.port': 8, 'jobs.guests': true })
    assert.is(statSync(fileOf()).mode & 0o777, 0o600)
    assert.is(daemon.live.config['jobs.work'], false)
    assert.is(daemon.live.config['mesh.mdns'], true)
    assert.equal(
      ['jobs.work', 'mesh.mdns', 'api.port', 'jobs.guests', 'log.level'].map((key) => {
        const { value, nextValue, source } = daemon.row(key)
        return [value, nextValue, source]
      }),
      [
        [false, false, 'file'],
        [true, false, 'file'],
        [7, 7, 'command line'],
        [false, false, 'environment'],
        ['info', 'info', 'default'],
      ],
    )
    assert.equal(daemon.emitted, [['config:changed', { applied: ['jobs.work'], needRestart: ['mesh.mdns'] }]])
    // The next start reads what was stored.
    assert.is((await resolveConfig(sourcesOf())).config['mesh.mdns'], false)
  },
)

settings('null resets a key', async () => {
  writeFileSync(fileOf(), '{"jobs.work": false, "log.level": "warn"}')
  const daemon = await running(sourcesOf())
  assert.equal((await daemon.settings.change({ 'jobs.work': null })).applied, ['jobs.work'])
  assert.equal(stored(), { 'log.level': 'warn' })
  assert.is(daemon.live.config['jobs.work'], true)
})

settings('a key that takes null has null as its default: a reset says the same', () => {
  for (const key of Object.keys(FIELDS).filter(isConfigKey))
    if (FIELDS[key].check(null) === null) assert.is(FIELDS[key].default, null, key)
})

settings('all or nothing: one key that is wrong stops the others, and the file stays', async () => {
  writeFileSync(fileOf(), '{"log.level": "warn"}')
  const daemon = await running(sourcesOf())
  await rejectsCode(daemon.settings.change({ 'jobs.work': false, 'api.port': 'x' }), 'CONFIG_INVALID_VALUE')
  await rejectsCode(daemon.settings.change({ 'jobs.work': false, 'jobs.wrk': 1 }), 'CONFIG_UNKNOWN_KEY')
  await rejectsCode(daemon.settings.change({ 'jobs.wrk': null }), 'CONFIG_UNKNOWN_KEY')
  await rejectsCode(daemon.settings.change({ 'data.dir': '/elsewhere' }), 'CONFIG_INVALID_VALUE')
  assert.equal(stored(), { 'log.level': 'warn' })
  assert.is(daemon.live.config['jobs.work'], true)
  assert.equal(readdirSync(directory), ['config.json'])
})

settings('nothing is written that the next start could not read or use', async () => {
  const daemon = await running(sourcesOf())
  for (const addresses of [['/nonsense'], ['/ip4/1.2.3.4/tcp/99999'], [`/dns4/${'x'.repeat(2 ** 20)}`]])
    await rejectsCode(daemon.settings.change({ 'mesh.announce': addresses }), 'CONFIG_INVALID_VALUE')
  await daemon.settings.change({ 'mesh.announce': ['/ip4/192.0.2.1/tcp/4001'] })
  const folders = Array.from({ length: 64 }, (_, index) => `/${index}/${'x'.repeat(30_000)}`)
  await rejectsCode(daemon.settings.change({ 'agents.folders': folders }), 'CONFIG_INVALID_VALUE')
  assert.equal(stored(), { 'mesh.announce': ['/ip4/192.0.2.1/tcp/4001'] })
})

settings('a file that became wrong changes nothing at a reload, and says why', async () => {
  const daemon = await running(sourcesOf())
  writeFileSync(fileOf(), '{"jobs.work": false, "log.level": "loud"}')
  await rejectsCode(daemon.settings.reload(), 'CONFIG_INVALID_VALUE')
  await rejectsCode(daemon.settings.change({ 'jobs.guests': true }), 'CONFIG_INVALID_VALUE')
  writeFileSync(fileOf(), 'jobs.work: no')
  await rejectsCode(daemon.settings.reload(), 'CONFIG_UNREADABLE')
  writeFileSync(fileOf(), `{"node.name": "${'x'.repeat(2 ** 20)}"}`)
  await rejectsCode(daemon.settings.reload(), 'CONFIG_UNREADABLE')
  assert.is(daemon.live.config['jobs.work'], true)
  writeFileSync(fileOf(), '{"jobs.work": false, "api.host": "127.0.0.2"}')
  assert.equal(await daemon.settings.reload(), {
    applied: ['jobs.work'],
    needRestart: ['api.host'],
    overridden: [],
  })
})

settings('changes at the same time are all kept, beside what was written by hand meanwhile', async () => {
  const daemon = await running(sourcesOf())
  writeFileSync(fileOf(), '{"node.name": "by hand"}')
  await Promise.all([
    daemon.settings.change({ 'jobs.work': false }),
    daemon.settings.change({ 'jobs.guests': true }),
    daemon.settings.change({ 'jobs.leaseMs': 1_000 }),
  ])
  assert.equal(stored(), {
    'node.name': 'by hand',
    'jobs.work': false,
    'jobs.guests': true,
    'jobs.leaseMs': 1_000,
  })
})

settings('a link stays a link, and what it leads to keeps its rights', async () => {
  const real = path.join(directory, 'elsewhere', 'village.json')
  mkdirSync(path.dirname(real))
  writeFileSync(real, '{}')
  chmodSync(real, 0o640)
  symlinkSync(real, fileOf())
  const daemon = await running(sourcesOf())
  await daemon.settings.change({ 'jobs.work': false })
  assert.ok(lstatSync(fileOf()).isSymbolicLink())
  assert.equal(stored(real), { 'jobs.work': false })
  assert.is(statSync(real).mode & 0o777, 0o640)
})

settings('a file that is named is the one that is written, and it must be there', async () => {
  const named = path.join(directory, 'named.json')
  await rejectsCode(resolveConfig(sourcesOf({ named })), 'CONFIG_UNREADABLE')
  writeFileSync(named, '{}')
  writeFileSync(fileOf(), '{"log.level": "error"}')
  const daemon = await running(sourcesOf({ named }))
  assert.is(daemon.live.config['log.level'], 'info')
  await daemon.settings.change({ 'log.level': 'warn' })
  assert.equal(stored(named), { 'log.level': 'warn' })
  assert.equal(stored(), { 'log.level': 'error' })
})

settings('the shipped file lies beneath the one of the data directory, and is never written', async () => {
  const shipped = path.join(directory, 'shipped.json')
  writeFileSync(shipped, '{"log.level": "warn", "jobs.work": false}')
  const daemon = await running(sourcesOf({ shipped }))
  assert.is(daemon.row('log.level').source, 'file')
  await daemon.settings.change({ 'log.level': 'error' })
  assert.is(daemon.live.config['log.level'], 'error')
  assert.is(daemon.live.config['jobs.work'], false)
  assert.equal(stored(shipped), { 'log.level': 'warn', 'jobs.work': false })
})

settings('a file that cannot be written is left, and nothing is applied', async () => {
  const notAFolder = path.join(directory, 'file')
  writeFileSync(notAFolder, '')
  const sources = sourcesOf({ arguments: { 'data.dir': path.join(directory, 'folder') } })
  const daemon = await running(sources)
  await rejectsCode(daemon.settings.change({ 'jobs.work': false }), 'CONFIG_NOT_WRITABLE')
  assert.is(daemon.live.config['jobs.work'], true)
  assert.not.ok(existsSync(path.join(directory, 'folder')))
  mkdirSync(fileOf())
  await rejectsCode(writeSettings(sourcesOf(), { 'jobs.work': false }), 'CONFIG_UNREADABLE')
})

settings('a daemon that somebody embeds has no file', async () => {
  const live = createLiveConfig({ log }, (await resolveConfig(sourcesOf())).config)
  const made = createSettings({ live, log, events: { emit() {} } }, { sources: null, resolved: null })
  assert.is(made.list().file, null)
  await rejectsCode(made.change({ 'jobs.work': false }), 'CONFIG_NO_FILE')
  await rejectsCode(made.reload(), 'CONFIG_NO_FILE')
})

settings.run()
