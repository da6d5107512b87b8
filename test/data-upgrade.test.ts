import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { rollBack, upgradeData } from '../node/data-upgrade.ts'
import type { Migration } from '../node/migrations.ts'
import { openRaw, openStore } from '../node/store.ts'
import { filesOf, recordsOf, unpackDataV1 } from './helpers/data-v1.ts'
import { rejectsCode } from './helpers/throws.ts'

const PROCESS = path.resolve(import.meta.dirname, 'helpers/upkeep-process.ts')
let root = ''
let oldFiles = new Map<string, string>()
let oldRecords = new Map<string, string>()

const upgrade = suite('data upgrade')
upgrade.before(async () => {
  root = mkdtempSync(path.join(tmpdir(), 'village-upgrade-'))
  const original = path.join(root, 'original')
  mkdirSync(original)
  await unpackDataV1(original)
  oldFiles = filesOf(original)
  oldRecords = await recordsOf(original)
})
upgrade.after(() => rmSync(root, { recursive: true, force: true }))

let copies = 0
function copyOf(name = 'original'): string {
  const directory = path.join(root, `copy-${copies++}`)
  cpSync(path.join(root, name), directory, { recursive: true })
  return directory
}

/** What version 2 makes of the data: the same bytes, the keys of villages in their folder. */
const newFiles = () =>
  new Map(
    [...oldFiles]
      .map(([name, content]): [string, string] => [
        name.startsWith('village-') ? `keys/${name}` : name,
        content,
      ])
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  )
const newRecords = () => new Map([...oldRecords, ['data-version', '2']])

const assertOld = async (directory: string) => {
  assert.equal(filesOf(directory), oldFiles)
  assert.equal(await recordsOf(directory), oldRecords)
}
const assertNew = async (directory: string) => {
  assert.equal(filesOf(directory), newFiles())
  assert.equal(await recordsOf(directory), newRecords())
}

async function open(directory: string): Promise<number | null> {
  const store = await openStore({ directory })
  await store.close()
  return store.upgradedFrom
}

/** The directory as a process that is killed before each step of `work` leaves it. */
async function imagesOf(
  directory: string,
  work: (onStep: (step: string) => void) => Promise<unknown>,
): Promise<Map<string, string>> {
  const images = new Map<string, string>()
  await work((step) => void images.set(step, copyOf(path.basename(directory))))
  return images
}

upgrade('the fixture is what it says: version 1, with a village, models, a job and documents', () => {
  assert.is(oldRecords.get('data-version'), '1')
  const kinds = ['!village!', '!models!', '!jobs!', '!artifacts!', '!collection-ledger!', '!roster!']
  for (const kind of kinds)
    assert.ok(
      [...oldRecords.keys()].some((key) => key.startsWith(kind)),
      kind,
    )
  assert.is([...oldFiles.keys()].filter((name) => /^village-.*\.key$/.test(name)).length, 2)
  assert.ok([...oldFiles.keys()].some((name) => name.startsWith('sealed/twin/')))
})

upgrade(
  'data of version 1 open as version 2: nothing is lost, and a second opening changes nothing',
  async () => {
    const directory = copyOf()
    assert.is(await open(directory), 1)
    await assertNew(directory)
    assert.is(await open(directory), null)
    await assertNew(directory)
  },
)

upgrade('and go back as they were, byte for byte, for the program that wrote them', async () => {
  const directory = copyOf()
  await open(directory)
  const opened = await openRaw(directory)
  await opened.db.put('!jobs!later', 'made after the upgrade')
  assert.is(await rollBack(opened.db, { directory }), 1)
  opened.free()
  await assertOld(directory)
  assert.ok(
    existsSync(path.join(directory, 'upgrade/replaced-state')),
    'the records since then are put aside',
  )
  assert.is(await open(directory), 1, 'and up again')
  await assertNew(directory)
})

upgrade('killed before any step: the old program can go on, and the next opening ends it', async () => {
  const directory = copyOf()
  const { db, free } = await openRaw(directory)
  const images = await imagesOf(directory, (onStep) => upgradeData(db, { directory, onStep }))
  await db.close()
  free()
  assert.ok(images.size >= 7, [...images.keys()].join(', '))
  for (const [step, image] of images) {
    const records = await recordsOf(image)
    if (records.get('data-version') === '1') {
      // The old program looks for its files where they were, and at no other.
      assert.equal(records, oldRecords, step)
      const now = filesOf(image)
      for (const [name, content] of oldFiles) assert.is(now.get(name), content, `${step}: ${name}`)
    } else assert.equal(records, newRecords(), step)
    await open(image)
    await assertNew(image)
  }
})

upgrade('a process that is really killed in the middle leaves what its image was', async () => {
  const directory = copyOf()
  const { signal } = spawnSync(process.execPath, [PROCESS, 'upgrade', directory, '3'])
  assert.is(signal, 'SIGKILL')
  await open(directory)
  await assertNew(directory)
})

upgrade('a roll-back that is killed before any step is undone or ended, never half', async () => {
  const directory = copyOf()
  await open(directory)
  const opened = await openRaw(directory)
  const images = await imagesOf(directory, (onStep) => rollBack(opened.db, { directory, onStep }))
  opened.free()
  assert.ok(images.size >= 6, [...images.keys()].join(', '))
  for (const image of images.values()) {
    const { db, free } = await openRaw(image)
    const version = await db.get('data-version')
    await db.close()
    free()
    if (version === '2') await assertNew(image)
    else await assertOld(image)
  }
})

upgrade('a migration that fails anywhere leaves the data of the old version', async () => {
  const moves = async () => [{ from: 'keys.json', to: 'keys/keys.json' }]
  const failing: Record<string, Migration> = {
    moves: { title: '', moves: async () => Promise.reject(new Error('no')), writes: async () => [] },
    writes: { title: '', moves, writes: async () => Promise.reject(new Error('no')) },
    'a file that is not there': {
      title: '',
      moves: async () => [{ from: 'nothing', to: 'keys/nothing' }],
      writes: async () => [],
    },
  }
  for (const [what, migration] of Object.entries(failing)) {
    const directory = copyOf()
    const { db, free } = await openRaw(directory)
    const error = await rejectsCode(
      upgradeData(db, { directory, migrations: { 1: migration } }),
      'UPGRADE_FAILED',
    )
    assert.equal(error.fields, { from: 1, to: 2 }, what)
    await db.close()
    free()
    await assertOld(directory)
  }
})

upgrade('a batch that fails after it was written is found there by the next opening', async () => {
  for (const isWritten of [true, false]) {
    const directory = copyOf()
    const { db, free } = await openRaw(directory)
    const batch = db.batch.bind(db) as (operations: unknown, options: object) => Promise<void>
    db.batch = (async (operations: unknown, options: object) => {
      if (isWritten) await batch(operations, options)
      throw new Error('the disk did not answer')
    }) as never // called in this one way
    await rejectsCode(upgradeData(db, { directory }), 'UPGRADE_FAILED')
    await db.close()
    free()
    assert.is(await open(directory), isWritten ? null : 1)
    await assertNew(directory)
  }
})

upgrade('a disk without room is seen before anything is written', async () => {
  const directory = copyOf()
  const { db, free } = await openRaw(directory)
  await rejectsCode(upgradeData(db, { directory, freeBytes: async () => 1_000 }), 'DISK_FULL')
  await db.close()
  free()
  await assertOld(directory)
  assert.not(existsSync(path.join(directory, 'upgrade')))
})

upgrade('data of a newer version are refused; what was kept and is damaged is not put back', async () => {
  const directory = copyOf()
  await open(directory)
  const { db, free } = await openRaw(directory)
  await rejectsCode(upgradeData(db, { directory, target: 1 }), 'DATA_VERSION_UNSUPPORTED')
  writeFileSync(path.join(directory, 'upgrade/from-1/files/0'), 'something else')
  await rejectsCode(rollBack(db, { directory }), 'DATA_CORRUPT')
  free()
  await assertNew(directory)
  const fresh = path.join(root, 'fresh')
  assert.is(await open(fresh), null)
  const again = await openRaw(fresh)
  await rejectsCode(rollBack(again.db, { directory: fresh }), 'ROLL_BACK_NOTHING')
  again.free()
})

upgrade('notes that this program did not write move and remove nothing outside', async () => {
  const directory = copyOf()
  await open(directory)
  const precious = path.join(root, 'precious.txt')
  writeFileSync(precious, 'mine')
  const refused = async () => {
    await rejectsCode(openStore({ directory }), 'DATA_CORRUPT')
    assert.is(readFileSync(precious, 'utf8'), 'mine')
    assert.not(existsSync(path.join(root, 'written.txt')))
  }
  const manifest = path.join(directory, 'upgrade/from-1/manifest.json')
  const kept = JSON.parse(readFileSync(manifest, 'utf8'))
  for (const move of [
    { from: '../written.txt', to: 'keys/x' },
    { from: 'x', to: '../precious.txt' },
    { from: '/tmp/x', to: 'x' },
    { from: 'upgrade/journal.json', to: 'x' },
  ]) {
    const files = [{ ...kept.files[0], ...move }]
    writeFileSync(manifest, JSON.stringify({ ...kept, files }))
    writeFileSync(path.join(directory, 'upgrade/back.json'), '{"version":1,"dataVersion":1}')
    await refused()
    rmSync(path.join(directory, 'upgrade/back.json'))
    const journal = { version: 1, from: 1, moves: [{ from: move.to, to: move.from }] }
    writeFileSync(path.join(directory, 'upgrade/journal.json'), JSON.stringify(journal))
    await refused()
    rmSync(path.join(directory, 'upgrade/journal.json'))
  }
  await assertNew(directory)
})

upgrade.run()
