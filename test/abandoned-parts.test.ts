/** What killed writers left is removed by whoever writes there next; what may still be somebody's, and what is named otherwise, stays. */
import {
  existsSync,
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
import { ABANDONED_AFTER_MS, dropAbandonedParts, partBeside } from '../node/abandoned-parts.ts'
import { writeBackupFile } from '../node/backup-file.ts'
import { writeOutput } from '../node/cli/artifact-transfer.ts'

const parts = suite<{ folder: string }>('abandoned parts')
parts.before.each((context) => {
  context.folder = mkdtempSync(path.join(tmpdir(), 'village-parts-'))
})
parts.after.each(({ folder }) => rmSync(folder, { recursive: true, force: true }))

/** When all that a test has just written has not changed for long. */
const later = () => Date.now() + ABANDONED_AFTER_MS + 60_000
const LONG_AGO = new Date(Date.now() - 3 * ABANDONED_AFTER_MS)

function put(folder: string, name: string): string {
  const file = path.join(folder, name)
  writeFileSync(file, name)
  utimesSync(file, LONG_AGO, LONG_AGO)
  return file
}

parts('names are new ones in the same folder, however long the name of what is meant', ({ folder }) => {
  const file = path.join(folder, 'n'.repeat(255))
  const name = partBeside(file)
  assert.is(path.dirname(name), folder)
  assert.is.not(partBeside(file), name)
  put(folder, path.basename(name))
})

parts('nothing of the user goes, whatever split archives and downloads are called', async ({ folder }) => {
  const part = path.basename(partBeside('film'))
  const names = [
    ...['film.1.part', 'film.2.part', 'film.2024.part', 'film.bad.part', 'film.deadbeef.part', 'film.part'],
    ...[
      'film.0123456789ab.part',
      '.film.part',
      'film.1.part.rar',
      '.aivillage-part-',
      '.aivillage-part-notes',
    ],
    ...[`${part}.txt`, `${part}0`, part.slice(0, -1), part.slice(1), `x${part}`, part.toUpperCase()],
  ]
  for (const name of names) put(folder, name)
  for (const name of ['film.3.part', '.village-get-notes', '.village-get-abc123']) {
    mkdirSync(path.join(folder, name))
    put(path.join(folder, name), 'thesis.txt')
    names.push(name)
  }
  await dropAbandonedParts(folder, later())
  assert.equal(readdirSync(folder).sort(), names.sort())
  assert.ok(existsSync(path.join(folder, 'film.3.part', 'thesis.txt')))
})

parts('only what has not changed for a day goes, and no link', async ({ folder }) => {
  const file = put(folder, path.basename(partBeside(path.join(folder, 'a'))))
  const outside = path.join(folder, 'outside')
  mkdirSync(outside)
  put(outside, 'precious')
  const link = partBeside(file)
  symlinkSync(outside, link)
  // Its times are set back, as those of what was unpacked or copied with them: it came here just now.
  await dropAbandonedParts(folder)
  assert.ok(existsSync(file))
  await dropAbandonedParts(folder, later())
  assert.equal(readdirSync(folder).sort(), [path.basename(link), 'outside'].sort())
  assert.equal(readdirSync(outside), ['precious'])
  await dropAbandonedParts(path.join(folder, 'missing'), later())
})

parts('a folder goes only where nothing in it has changed for a day, however deep', async ({ folder }) => {
  const coming = partBeside(path.join(folder, 'model'))
  const deep = path.join(coming, 'weights', 'more')
  mkdirSync(deep, { recursive: true })
  put(coming, 'config.json')
  const growing = put(deep, 'half')
  const now = later()
  utimesSync(growing, new Date(now - 60_000), new Date(now - 60_000))
  await dropAbandonedParts(folder, now)
  assert.equal(readdirSync(coming).sort(), ['config.json', 'weights'])
  assert.is(readFileSync(growing, 'utf8'), 'half')
  symlinkSync(growing, path.join(coming, 'link'))
  await dropAbandonedParts(folder, now + ABANDONED_AFTER_MS)
  assert.ok(existsSync(growing), 'no part holds a link')
  rmSync(path.join(coming, 'link'))
  await dropAbandonedParts(folder, now + ABANDONED_AFTER_MS)
  assert.equal(readdirSync(folder), [])
})

parts('the next download and the next backup clean up', async ({ folder }) => {
  const mine = ['a.car.12.part', 'b.backup.0123456789ab.part']
  for (const name of mine) put(folder, name)
  const left = () => put(folder, path.basename(partBeside(path.join(folder, 'any'))))
  const { now } = Date
  try {
    Date.now = () => now() + 2 * ABANDONED_AFTER_MS
    left()
    await writeOutput(Readable.from([Buffer.from('whole')]), path.join(folder, 'a.car'))
    assert.is(readFileSync(path.join(folder, 'a.car'), 'utf8'), 'whole')
    assert.equal(readdirSync(folder).sort(), ['a.car', ...mine].sort())
    left()
    const refused = await writeBackupFile(
      (async function* () {
        yield Buffer.from('no backup')
      })(),
      { file: path.join(folder, 'b.backup'), replace: false, passphrase: null, supported: 1 },
      new AbortController().signal,
    ).catch((error: unknown) => error)
    assert.is((refused as { code?: string }).code, 'BACKUP_INVALID')
    assert.equal(readdirSync(folder).sort(), ['a.car', ...mine].sort())
  } finally {
    Date.now = now
  }
})

parts.run()
