/** Dockerfile and compose.yaml: what they promise (no root, read-only, no rights, a health check, no secrets) is what they say. */
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parse } from 'yaml'
import { type ConfigKey, environmentName, FIELDS } from '../../node/config.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')
const read = (file: string) => readFileSync(path.join(ROOT, file), 'utf8')

/** Instructions of a Dockerfile with continuations joined and comments left out. */
function instructions(text: string): { name: string; rest: string }[] {
  return text
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [name = '', ...rest] = line.trim().split(/\s+/)
      return { name, rest: rest.join(' ') }
    })
}

const container = suite('container')

container('the image runs as an ordinary user, from a bare Debian, and says whether it is well', () => {
  const all = instructions(read('Dockerfile'))
  const last = all.slice(all.findLastIndex(({ name }) => name === 'FROM'))
  const one = (name: string) => last.filter((row) => row.name === name).map(({ rest }) => rest)
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the Dockerfile's variable
  assert.equal(one('FROM'), ['debian:${DEBIAN}'])
  assert.equal(one('USER'), ['village'])
  assert.ok(last.findIndex(({ name }) => name === 'USER') > last.findLastIndex(({ name }) => name === 'RUN'))
  assert.equal(one('VOLUME'), ['/data'])
  assert.match(one('HEALTHCHECK')[0] ?? '', 'CMD ["village", "status", "--json"]')
  assert.equal(one('ENTRYPOINT'), ['["village"]'])
  assert.equal(one('CMD'), ['["start"]'])
  assert.not.match(read('Dockerfile'), /TOKEN|SECRET|PASSWORD|:latest/i)
})

container('every variable of the image that the program reads is a key of the configuration', () => {
  const keys = new Set((Object.keys(FIELDS) as ConfigKey[]).map(environmentName))
  const named = [...read('Dockerfile').matchAll(/\b(VILLAGE_[A-Z_]+)=/g)].map(([, name]) => name)
  // VILLAGE_NATIVE is read by the build of the kernels.
  const settings = named.filter((name) => name !== 'VILLAGE_NATIVE')
  assert.equal(settings, ['VILLAGE_DATA_DIR'])
  for (const name of settings) assert.ok(keys.has(name ?? ''), name)
})

container('what the build copies is there, and what it must not see is ignored', () => {
  const copied = instructions(read('Dockerfile'))
    .filter(({ name, rest }) => name === 'COPY' && !rest.startsWith('--from'))
    .flatMap(({ rest }) => rest.split(' ').slice(0, -1))
  for (const file of copied) assert.ok(existsSync(path.join(ROOT, file)), file)
  const ignored = read('.dockerignore').trim().split('\n')
  for (const folder of ['.git', 'node_modules', 'dist', 'test', 'native/build'])
    assert.ok(ignored.includes(folder), folder)
  for (const file of ignored) assert.not.ok(copied.includes(file), file)
})

container('the service gives the container nothing that it does not need', () => {
  const { services, volumes } = parse(read('compose.yaml')) as {
    services: Record<string, Record<string, unknown>>
    volumes: object
  }
  const service = services.village ?? {}
  assert.is(service.read_only, true)
  assert.equal(service.cap_drop, ['ALL'])
  assert.equal(service.security_opt, ['no-new-privileges:true'])
  assert.is(service.network_mode, 'host')
  assert.not.ok('privileged' in service || 'ports' in service || 'environment' in service)
  assert.ok(typeof service.mem_limit === 'string' && typeof service.pids_limit === 'number')
  assert.equal(service.volumes, ['data:/data'])
  assert.equal(Object.keys(volumes), ['data'])
  // The daemon hands its leases back when it is stopped.
  assert.is(service.stop_grace_period, '45s')
})

container.run()
