/** What killed writers left is removed by whoever writes there next; what may still be somebody's, and what is named otherwise, stays. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Readable } from 'node:stream'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ABANDONED_AFTER_MS, dropAbandonedParts, partsOf } from '../node/abandoned-parts.ts'
import { writeBackupFile } from '../node/backup-file.ts'
import { writeOutput } from '../node/cli/artifact-transfer.ts'

const parts = suite<{ folder: string }>('abandoned parts')
parts.before.each((context) => {
  context.folder = mkdtempSync(path.join(tmpdir(), 'village-parts-'))
})
parts.after.each(({ folder }) => rmSync(folder, { recursive: true, force: true }))

const LONG_AGO = new Date(Date.now() - ABANDONED_AFTER_MS - 60_000)

function put(folder: string, name: string, isOld: boolean): void {
  const file = path.join(folder, name)
  writeFileSync(file, name)
  if (isOld) utimesSync(file, LONG_AGO, LONG_AGO)
}

parts('only old ones of the same file go', async ({ folder }) => {
  const stays = ['a.car', 'a.car.4711', 'a.car.x.part', 'b.car.12.part', 'a.car.part', 'a.car.12.part.txt']
  for (const name of stays) put(folder, name, true)
  put(folder, 'a.car.99.part', false)
  for (const name of ['a.car.12.part', 'a.car.0123456789ab.part']) put(folder, name, true)
  const outside = path.join(folder, 'outside')
  mkdirSync(outside)
  put(outside, 'precious', true)
  symlinkSync(outside, path.join(folder, 'a.car.77.part'))
  await dropAbandonedParts(folder, partsOf('/anywhere/a.car'))
  assert.equal(readdirSync(folder).sort(), [...stays, 'a.car.77.part', 'a.car.99.part', 'outside'].sort())
  assert.equal(readdirSync(outside), ['precious'])
})

parts(
  'a folder that was being filled goes whole, and one that is not there is no error',
  async ({ folder }) => {
    const coming = path.join(folder, '.coming-abc')
    mkdirSync(coming)
    put(coming, 'half', true)
    utimesSync(coming, LONG_AGO, LONG_AGO)
    const isComing = (name: string) => name.startsWith('.coming-')
    await dropAbandonedParts(folder, isComing, LONG_AGO.getTime() + ABANDONED_AFTER_MS - 1)
    assert.equal(readdirSync(folder), ['.coming-abc'])
    await dropAbandonedParts(folder, isComing)
    assert.equal(readdirSync(folder), [])
    await dropAbandonedParts(path.join(folder, 'missing'), isComing)
  },
)

parts('the next download and the next backup of the same name clean up', async ({ folder }) => {
  for (const name of ['a.car.12.part', 'b.backup.0123456789ab.part', 'c.car.12.part']) put(folder, name, true)
  await writeOutput(Readable.from([Buffer.from('whole')]), path.join(folder, 'a.car'))
  assert.is(readFileSync(path.join(folder, 'a.car'), 'utf8'), 'whole')
  const refused = await writeBackupFile(
    (async function* () {
      yield Buffer.from('no backup')
    })(),
    { file: path.join(folder, 'b.backup'), replace: false, passphrase: null, supported: 1 },
    new AbortController().signal,
  ).catch((error: unknown) => error)
  assert.is((refused as { code?: string }).code, 'BACKUP_INVALID')
  assert.equal(readdirSync(folder).sort(), ['a.car', 'c.car.12.part'])
})

parts.run()
