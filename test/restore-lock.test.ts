import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { writeBackup } from '../node/backup.ts'
import { restoreBackup } from '../node/restore.ts'
import { openRaw, openStore } from '../node/store.ts'
import { recordsOf, unpackDataV1 } from './helpers/data-v1.ts'
import { rejectsCode } from './helpers/throws.ts'

const { signal } = new AbortController()
let root = ''
let node = ''
const archive: Uint8Array[] = []

const lock = suite('restore lock')
lock.before(async () => {
  root = mkdtempSync(path.join(tmpdir(), 'village-restore-lock-'))
  node = path.join(root, 'node')
  mkdirSync(node)
  await unpackDataV1(node)
  await (await openStore({ directory: node })).close()
  const opened = await openRaw(node)
  const init = { directory: node, program: '1', dataVersion: 2, peer: 'p', withArtifacts: false }
  for await (const chunk of writeBackup({ db: opened.db }, init, signal)) archive.push(chunk)
  await opened.db.close()
  opened.free()
})
lock.after(() => rmSync(root, { recursive: true, force: true }))

/** `meanwhile` runs when the archive was read half. */
const restore = (directory: string, replace: boolean, meanwhile: () => Promise<void> = async () => {}) =>
  restoreBackup(
    (async function* () {
      const half = archive.length >> 1
      yield* archive.slice(0, half)
      await meanwhile()
      yield* archive.slice(half)
    })(),
    { directory, passphrase: null, supported: 2, replace },
    signal,
  )

lock('nobody opens the directory, and no other restore begins, while one works', async () => {
  for (const replace of [true, false]) {
    const directory = path.join(root, `busy-${replace}`)
    if (replace) cpSync(node, directory, { recursive: true })
    await restore(directory, replace, async () => {
      await rejectsCode(openStore({ directory }), 'DATA_DIR_LOCKED')
      await rejectsCode(restore(directory, true), 'DATA_DIR_LOCKED')
    })
    assert.not(readdirSync(directory).some((name) => name.startsWith('.restor')))
    await (await openStore({ directory })).close()
    assert.equal(await recordsOf(directory), await recordsOf(node))
  }
})

lock('what came into an empty directory meanwhile is not moved away', async () => {
  const directory = path.join(root, 'meanwhile')
  const file = path.join(directory, 'mine.txt')
  await rejectsCode(
    restore(directory, false, async () => writeFileSync(file, 'mine')),
    'RESTORE_NOT_EMPTY',
  )
  assert.equal(readdirSync(directory), ['mine.txt'])
})

lock('a store that is damaged is replaced, and kept; one that is open is not', async () => {
  const directory = path.join(root, 'damaged')
  cpSync(node, directory, { recursive: true })
  const state = path.join(directory, 'state')
  writeFileSync(path.join(state, 'CURRENT'), 'MANIFEST-000001')
  await rejectsCode(openStore({ directory }), 'DATA_CORRUPT')
  const { kept } = await restore(directory, true)
  assert.ok(existsSync(path.join(kept!, 'state/CURRENT')))
  const store = await openStore({ directory })
  await rejectsCode(restore(directory, true), 'DATA_DIR_LOCKED')
  await store.close()
})

lock('the lock of a restore that was killed keeps nobody out', async () => {
  const directory = path.join(root, 'stale')
  mkdirSync(path.join(directory, '.restore-lock'), { recursive: true })
  writeFileSync(path.join(directory, '.restore-lock/CURRENT'), '')
  await restore(directory, false)
  mkdirSync(path.join(directory, '.restore-lock'))
  mkdirSync(path.join(directory, '.restore-00ff/new'), { recursive: true })
  await (await openStore({ directory })).close()
  assert.not(readdirSync(directory).some((name) => name.startsWith('.restore')))
})

lock.run()
