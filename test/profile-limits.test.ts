/** Caches and limits by profile: the table, what the store makes of it, and what the mesh is started with. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { FIELDS } from '../node/config.ts'
import { meshLimits } from '../node/mesh/running-host.ts'
import { PROFILE_LIMITS, profileLimits } from '../node/profile-limits.ts'
import { openStore } from '../node/store.ts'

const MIB = 2 ** 20

test('every profile of the configuration has a row, and an edge box has least of everything', () => {
  const { laptop, server, edge } = PROFILE_LIMITS
  for (const profile of Object.keys(PROFILE_LIMITS)) assert.is(FIELDS.profile.check(profile), null)
  assert.equal(Object.keys(PROFILE_LIMITS).sort(), ['edge', 'laptop', 'server'])
  for (const part of ['store', 'mesh', 'idle'] as const)
    for (const [name, value] of Object.entries(laptop[part])) {
      assert.ok((edge[part] as Record<string, number>)[name]! < value, `edge ${name}`)
      assert.ok((server[part] as Record<string, number>)[name]! >= value, `server ${name}`)
    }
})

test('an edge member has the limits of an edge box; the configured number of connections goes first', () => {
  const config = { profile: 'server', 'mesh.maxConnections': null }
  assert.equal(meshLimits(config, false), PROFILE_LIMITS.server.mesh)
  assert.equal(meshLimits(config, true), PROFILE_LIMITS.edge.mesh)
  assert.is(meshLimits({ ...config, 'mesh.maxConnections': 12 }, true).maxConnections, 12)
})

/** LevelDB says nothing of what it was opened with, but it writes a table when a write buffer is full. */
async function tablesAfter(profile: string, sizeBytes: number): Promise<number> {
  const directory = mkdtempSync(path.join(tmpdir(), 'village-profile-'))
  try {
    const store = await openStore({ directory, profile })
    const table = store.bytes('test')
    for (let at = 0; at < sizeBytes; at += MIB / 8)
      await table.put(String(at).padStart(10, '0'), randomBytes(MIB / 8))
    await store.close() // after what LevelDB does in the background
    return readdirSync(path.join(directory, 'state')).filter((name) => name.endsWith('.ldb')).length
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

test('the store is opened with the sizes of its profile', async () => {
  for (const [profile, full] of [
    ['edge', true],
    ['laptop', false],
    ['server', false],
  ] as const)
    assert.is((await tablesAfter(profile, 3 * MIB)) > 0, full, profile)
  assert.ok((await tablesAfter('laptop', profileLimits('laptop').store.writeBufferSize * 2)) > 0)
})

test.run()
