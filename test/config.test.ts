import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  type ConfigKey,
  checkConfig,
  DEFAULT_CONFIG,
  environmentName,
  FIELDS,
  isConfigKey,
} from '../node/config.ts'
import { loadConfig } from '../node/config-sources.ts'
import { type ErrorCode, VillageError } from '../node/errors.ts'

const root = path.resolve(import.meta.dirname, '..')
const KEYS = Object.keys(FIELDS).filter(isConfigKey)

let directory: string
const config = suite('config')
config.before(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'village-config-'))
})
config.after(() => rmSync(directory, { recursive: true, force: true }))

const load = (init: Partial<Parameters<typeof loadConfig>[0]> = {}) =>
  loadConfig({ file: null, environment: {}, arguments: {}, ...init })

function writeFile(content: string): string {
  const file = path.join(directory, 'config.json')
  writeFileSync(file, content)
  return file
}

async function rejects(promise: Promise<unknown>, code: ErrorCode, says: RegExp): Promise<VillageError> {
  const error = await promise.then(
    () => assert.unreachable(`${code} was not thrown`),
    (reason: unknown) => reason,
  )
  assert.instance(error, VillageError)
  assert.is((error as VillageError).code, code)
  assert.match((error as VillageError).message, says)
  return error as VillageError
}

config('nothing given: every default, with an absolute data directory', async () => {
  const loaded = await load()
  assert.equal(loaded, { ...DEFAULT_CONFIG, 'data.dir': path.join(homedir(), '.aivillage') })
})

config('every default passes its own check', () => {
  for (const key of KEYS) assert.is(FIELDS[key].check(FIELDS[key].default), null, key)
})

config('daemon.config.json is every key at its default, and can be loaded', async () => {
  const file = path.join(root, 'daemon.config.json')
  assert.equal(JSON.parse(readFileSync(file, 'utf8')), DEFAULT_CONFIG)
  assert.equal(await load({ file }), await load())
})

config('the command line wins over the environment, and that over the file', async () => {
  const file = writeFile('{"api.port": 1001, "log.level": "warn", "node.name": "file"}')
  const loaded = await load({
    file,
    environment: { VILLAGE_API_PORT: '1002', VILLAGE_LOG_LEVEL: 'error', UNRELATED: 'x' },
    arguments: { 'api.port': '1003' },
  })
  assert.is(loaded['api.port'], 1003)
  assert.is(loaded['log.level'], 'error')
  assert.is(loaded['node.name'], 'file')
  assert.is(loaded['api.host'], '127.0.0.1')
})

/** Text on the command line or in the environment, and the value that it means. */
const TEXTS: readonly [ConfigKey, string, unknown][] = [
  ['api.port', '0', 0],
  ['mesh.mdns', 'false', false],
  ['jobs.hedgeFactor', '2.5', 2.5],
  ['resources.maxCpuCores', 'null', null],
  ['resources.maxCpuCores', '3', 3],
  ['node.name', 'kitchen', 'kitchen'],
  ['node.name', '42', '42'],
  ['node.name', 'true', 'true'],
  ['node.name', 'null', null],
  ['profile', 'edge', 'edge'],
  ['mesh.bootstrap', '', []],
  ['mesh.bootstrap', '/ip4/192.0.2.1/tcp/1', ['/ip4/192.0.2.1/tcp/1']],
  ['mesh.bootstrap', '/ip4/192.0.2.1/tcp/1, /dns/a/tcp/2', ['/ip4/192.0.2.1/tcp/1', '/dns/a/tcp/2']],
  ['mesh.bootstrap', '["/ip4/192.0.2.1/tcp/1"]', ['/ip4/192.0.2.1/tcp/1']],
]
for (const [key, text, value] of TEXTS)
  config(`${key} written as "${text}"`, async () => {
    assert.equal((await load({ arguments: { [key]: text } }))[key], value)
    assert.equal((await load({ environment: { [environmentName(key)]: text } }))[key], value)
  })

/** Values that each kind of key refuses. */
const REFUSED: readonly [ConfigKey, string][] = [
  ['api.port', '65536'],
  ['api.port', '-1'],
  ['api.port', '1.5'],
  ['api.port', 'http'],
  ['api.port', ''],
  ['mesh.mdns', 'yes'],
  ['mesh.mdns', '1'],
  ['log.level', 'loud'],
  ['api.host', ''],
  ['data.dir', 'x'.repeat(1025)],
  ['node.name', 'x'.repeat(1025)],
  ['mesh.listen', 'example.org:80'],
  ['mesh.listen', '["/ip4/192.0.2.1/tcp/1", 5]'],
  ['mesh.listen', '[broken'],
  ['mesh.bootstrap', Array(65).fill('/ip4/192.0.2.1/tcp/1').join(',')],
  ['jobs.hedgeFactor', '1'],
  ['resources.maxCpuCores', '0'],
  ['resources.maxMemoryBytes', '1'],
  ['resources.maxMemoryBytes', 'lots'],
]
for (const [key, text] of REFUSED)
  config(`${key} refuses "${text.slice(0, 40)}"`, async () => {
    const error = await rejects(
      load({ arguments: { [key]: text } }),
      'CONFIG_INVALID_VALUE',
      new RegExp(`^The command line: "${key}" must be `),
    )
    assert.is(error.fields.key, key)
  })

config('a wrong value names where it was given', async () => {
  const file = writeFile('{"api.port": "7480"}')
  await rejects(load({ file }), 'CONFIG_INVALID_VALUE', /config\.json: "api\.port" must be a whole number/)
  await rejects(
    load({ environment: { VILLAGE_PROFILE: 'desk' } }),
    'CONFIG_INVALID_VALUE',
    /^The environment/,
  )
})

config('an unknown key is fatal and the nearest is suggested', async () => {
  const error = await rejects(
    load({ file: writeFile('{"api.prot": 1}') }),
    'CONFIG_UNKNOWN_KEY',
    /the unknown key "api\.prot"; did you mean "api\.port"\?/,
  )
  assert.equal(error.fields, { key: 'api.prot', suggestion: 'api.port' })
  await rejects(load({ arguments: { port: '1' } }), 'CONFIG_UNKNOWN_KEY', /unknown key "port"/)
  const far = await rejects(
    load({ arguments: { 'entirely.different.thing': '1' } }),
    'CONFIG_UNKNOWN_KEY',
    /unknown key "entirely\.different\.thing"$/,
  )
  assert.is(far.fields.suggestion, null)
})

config('names of object prototypes are unknown keys', async () => {
  for (const key of ['__proto__', 'constructor', 'toString']) {
    await rejects(load({ file: writeFile(`{"${key}": {}}`) }), 'CONFIG_UNKNOWN_KEY', /unknown key/)
    const given = Object.fromEntries([[key, 'x']])
    await rejects(load({ arguments: given }), 'CONFIG_UNKNOWN_KEY', /unknown key/)
  }
})

config('a file that is missing, is no JSON or is no object', async () => {
  await rejects(load({ file: path.join(directory, 'gone.json') }), 'CONFIG_UNREADABLE', /ENOENT/)
  await rejects(load({ file: directory }), 'CONFIG_UNREADABLE', /EISDIR/)
  for (const content of ['{"api.port": ', '', '[]', 'null', '7'])
    await rejects(load({ file: writeFile(content) }), 'CONFIG_UNREADABLE', /cannot be used/)
})

config('the data directory: ~ is the home directory, and a relative path becomes absolute', async () => {
  const of = async (text: string) => (await load({ arguments: { 'data.dir': text } }))['data.dir']
  assert.is(await of('~'), homedir())
  assert.is(await of('~/a/b'), path.join(homedir(), 'a/b'))
  assert.is(await of('some/where'), path.resolve('some/where'))
  assert.is(await of('/var/~x'), '/var/~x')
})

config('environment names are one to one', () => {
  assert.is(environmentName('mesh.maxConnections'), 'VILLAGE_MESH_MAX_CONNECTIONS')
  assert.is(new Set(KEYS.map(environmentName)).size, KEYS.length)
})

config('a part of a configuration can be checked alone', () => {
  assert.equal(checkConfig({ 'api.port': 5 }, 'here'), { 'api.port': 5 })
  assert.throws(
    () => checkConfig({ 'api.port': null }, 'here'),
    (error: VillageError) => error.code === 'CONFIG_INVALID_VALUE' && error.message.startsWith('here:'),
  )
})

config.run()
