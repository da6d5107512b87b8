import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { DEFAULT_CONFIG } from '../node/config.ts'
import { type DoctorInit, runDoctor } from '../node/doctor.ts'
import { openFilesLimit } from '../node/doctor-limits.ts'
import { VillageError } from '../node/errors.ts'
import { dialWords, meshChecks } from '../node/mesh/check-mesh.ts'
import type { Member } from '../node/mesh/membership/village-info.ts'
import { listeningInodes, portHolder } from '../node/port-holder.ts'

async function rowOf(name: string, sandbox: DoctorInit['sandbox'], folders: readonly string[] = []) {
  const directory = mkdtempSync(path.join(tmpdir(), 'village-doctor-'))
  try {
    const checks = await runDoctor({
      config: {
        ...{ ...DEFAULT_CONFIG, 'data.dir': directory, 'api.port': 0, 'mesh.mdns': false },
        'agents.folders': folders.map((grant) => grant.replace('HERE', directory)),
      },
      kernels: { native: true, reason: null, simd: 'baseline' },
      sandbox,
      daemonRunning: false,
    })
    return checks.find((check) => check.name === name)!
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

test('a machine without a sandbox is told what to install; that is no failure', async () => {
  const missing = await rowOf('sandbox', async () => ({
    available: false,
    reason: 'bubblewrap is not installed',
    fix: 'Run as root: apt-get install bubblewrap',
  }))
  assert.is(missing.level, 'warn')
  assert.match(missing.message, /no code can be run here.*bubblewrap is not installed/)
  assert.is(missing.fix, 'Run as root: apt-get install bubblewrap')
  assert.is((await rowOf('sandbox', async () => ({ available: true }))).level, 'ok')
})

test('folders that agents are granted are looked at', async () => {
  const sandbox: DoctorInit['sandbox'] = async () => ({ available: true })
  assert.is((await rowOf('folders', sandbox)).level, 'ok')
  assert.is((await rowOf('folders', sandbox, ['notes=HERE', 'work=HERE:rw'])).level, 'ok')
  const missing = await rowOf('folders', sandbox, ['notes=HERE', 'work=HERE/nothing:rw'])
  assert.is(missing.level, 'warn')
  assert.match(missing.message, /nothing is granted to agents, but is no folder/)
})

test('a check that throws is a failed check', async () => {
  const broken = await rowOf('sandbox', () => Promise.reject(new Error('broken')))
  assert.is(broken.level, 'fail')
  assert.match(broken.message, /could not be checked: broken/)
})

test('a port that is in use has a holder, and one that is free has none', async () => {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const holder = await portHolder(port)
  server.close()
  await once(server, 'close')
  if (process.platform === 'linux') assert.is(holder?.pid, process.pid)
  assert.is(await portHolder(port), null)
})

test('listening sockets are read out of the table of the system', () => {
  const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1D38 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1 0 100 0
   1: 0100007F:1D38 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 4243 1 0 20 4
   2: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4244 1 0 100 0
`
  assert.equal(listeningInodes(table, 7480), ['4242'])
  assert.equal(listeningInodes(table, 22), ['4244'])
  assert.equal(listeningInodes('nothing of the kind', 22), [])
})

test('limits of open files are read as the system tells them', () => {
  assert.is(
    openFilesLimit('Max open files            1024                 524288               files\n'),
    1024,
  )
  assert.is(
    openFilesLimit('Max open files            unlimited            unlimited            files\n'),
    Infinity,
  )
  assert.is(openFilesLimit('nothing'), null)
})

test('why a dial failed is said in plain words', () => {
  const refused = Object.assign(new Error('connect ECONNREFUSED 10.0.0.1:4001'), { code: 'ECONNREFUSED' })
  const merged = new AggregateError([new Error('x', { cause: refused })], 'all failed')
  assert.match(
    dialWords(new VillageError('PEER_UNREACHABLE', undefined, { cause: merged })),
    /^nothing listens/,
  )
  assert.match(dialWords(new VillageError('PEER_UNREACHABLE')), /^no answer/)
  assert.match(dialWords(AbortSignal.timeout(0).reason ?? new VillageError('TIMEOUT')), /^no answer/)
  assert.match(dialWords(new VillageError('MEMBER_REVOKED')), /revoked/)
})

const MEMBER: Member = {
  ...{ peer: 'P2', name: 'other', role: 'member', joinedAtMs: 0, sponsor: null },
  ...{ revoked: null, leftAtMs: null, connected: false, self: false },
}

async function meshRows(skewMs: number, version: string) {
  const village = {
    id: 'v',
    name: 'v',
    open: false,
    createdAtMs: 0,
    role: 'admin',
    members: 2,
    revoked: null,
  } as const
  const peer = {
    ...{ peer: 'P3', name: 'third', role: 'member', addresses: [], direction: 'inbound', relayed: false },
    ...{ connectedAtMs: 0, latencyMs: null },
    capabilities: {
      ...{ version, cores: 1, memoryBytes: 1, power: 'unknown', profile: 'laptop', native: false },
      ...{ accepting: true, load: 0, taskKinds: [], models: [] },
    },
  } as const
  const mesh: Parameters<typeof meshChecks>[0]['mesh'] = {
    village: () => village,
    peers: () => [peer as never],
    addresses: () => ['/ip4/192.168.1.2/tcp/4001/p2p/P1'],
    addressesOf: async () => [],
    dial: async () => 'P2',
    clockSkewsMs: () => new Map([['P3', skewMs]]),
  }
  const rows = meshChecks({ mesh, members: () => [MEMBER] }, { profile: 'wan', version: '1.0.0' })
  return new Map(await Promise.all(rows.map(async ({ name, run }) => [name, await run()] as const)))
}

test('clocks, versions and routers are told from what members say', async () => {
  const well = await meshRows(-300, '1.0.0')
  assert.is(well.get('clocks')?.level, 'ok')
  assert.is(well.get('versions')?.level, 'ok')
  assert.match(well.get('reachability')!.message, /behind a router .* 1 connected by themselves/)
  assert.match(well.get('member other')!.message, /nobody knows an address/)
  const odd = await meshRows(95_000, '1.1.0')
  assert.is(odd.get('clocks')?.level, 'fail')
  assert.match(odd.get('clocks')!.message, /^95 s behind the clocks of 1 member$/)
  assert.is(odd.get('versions')?.level, 'warn')
  assert.is((await meshRows(-15_000, '1.0.0')).get('clocks')?.level, 'warn')
})

test.run()
