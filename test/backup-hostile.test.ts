/** Archives and notes that mean harm: nothing of them gets out of the data directory, or into what a start does. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Header } from 'tar/header'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { archiveEnd, archiveFile } from '../node/backup-archive.ts'
import { finishRestore, restoreBackup } from '../node/restore.ts'
import { rejectsCode } from './helpers/throws.ts'

let root = ''
const hostileBackup = suite('hostile backups')
hostileBackup.before(() => {
  root = mkdtempSync(path.join(tmpdir(), 'village-hostile-backup-'))
})
hostileBackup.after(() => rmSync(root, { recursive: true, force: true }))

const fresh = () => mkdtempSync(path.join(root, 'dir-'))
const restore = (source: AsyncIterable<Uint8Array>, directory: string) =>
  restoreBackup(
    source,
    { directory, passphrase: null, supported: 2, replace: false },
    new AbortController().signal,
  )

const once = async function* (text: string) {
  yield Buffer.from(text)
}
async function bytesOf(...parts: AsyncIterable<Uint8Array>[]): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for (const part of parts) for await (const chunk of part) chunks.push(chunk)
  return Buffer.concat([...chunks, archiveEnd()])
}
const textFile = (name: string, text: string) =>
  archiveFile({ path: name, sizeBytes: Buffer.byteLength(text), mode: 0o600, content: once(text) })
const HEADER = {
  ...{ format: 'aivillage-backup', version: 1, createdAtMs: 1, program: 'x', dataVersion: 2 },
  ...{ peer: 'p', artifacts: true },
}
async function* special(init: ConstructorParameters<typeof Header>[0]) {
  const block = Buffer.alloc(512)
  new Header(init).encode(block, 0)
  yield block
}

hostileBackup('hostile archives are refused', async () => {
  const head = () => textFile('backup.json', JSON.stringify(HEADER))
  const [mode, size, mtime] = [0o644, 0, new Date(0)]
  const hostile: Record<string, Buffer> = {
    'a link': await bytesOf(
      head(),
      special({ path: 'files/x', type: 'SymbolicLink', linkpath: '/etc/passwd', mode, size, mtime }),
    ),
    'a hard link': await bytesOf(
      head(),
      special({ path: 'files/x', type: 'Link', linkpath: 'files/y', mode, size, mtime }),
    ),
    'a device': await bytesOf(
      head(),
      special({ path: 'files/x', type: 'CharacterDevice', mode, size, mtime }),
    ),
    'a folder': await bytesOf(head(), special({ path: 'files/x', type: 'Directory', mode, size, mtime })),
    'a way up': await bytesOf(head(), special({ path: 'files/../../x', type: 'File', mode, size, mtime })),
    'an absolute path': await bytesOf(head(), special({ path: '/tmp/x', type: 'File', mode, size, mtime })),
    'another root': await bytesOf(head(), textFile('other/x', 'x')),
    'a file twice': await bytesOf(head(), textFile('files/a', 'x'), textFile('files/A', 'y')),
    'no header': await bytesOf(textFile('files/a', 'x')),
    'no manifest': await bytesOf(head(), textFile('files/a', 'x')),
    'a manifest that names another': await bytesOf(
      head(),
      textFile(
        'manifest.json',
        JSON.stringify({ records: 0, entries: [{ path: 'files/a', sizeBytes: 1, sha256: '' }] }),
      ),
    ),
    'an empty manifest and no records': await bytesOf(
      head(),
      textFile('manifest.json', '{"records":0,"entries":[]}'),
    ),
    'a manifest of nothing': await bytesOf(
      head(),
      textFile('manifest.json', '{"records":0,"entries":[null]}'),
    ),
    // Notes by which a start goes on with what was cut off: they say what is moved and removed.
    ...Object.fromEntries(
      await Promise.all(
        [
          ...[
            'upgrade/back.json',
            'Upgrade/journal.json',
            'upgrade./x',
            'up\u200bgrade/x',
            '.restoring.json',
          ],
          ...[
            '.restore-00/new/x',
            'before-restore-x/y',
            'state/CURRENT',
            'ſtate/x',
            'jobs/x',
            'sealed/a/LOCK',
          ],
        ].map(
          async (name) =>
            [
              name,
              await bytesOf(head(), special({ path: `files/${name}`, type: 'File', mode, size, mtime })),
            ] as const,
        ),
      ),
    ),
    'another format': await bytesOf(textFile('backup.json', '{"format":"zip"}')),
  }
  const target = fresh()
  for (const [what, bytes] of Object.entries(hostile)) {
    const source = async function* () {
      for (let at = 0; at < bytes.length; at += 100) yield bytes.subarray(at, at + 100)
    }
    await rejectsCode(restore(source(), target), 'BACKUP_INVALID').catch((error: Error) => {
      throw new Error(`${what}: ${error.message}`)
    })
    assert.equal(readdirSync(target), [], what)
  }
  const newer = await bytesOf(textFile('backup.json', JSON.stringify({ ...HEADER, dataVersion: 3 })))
  const source = async function* () {
    yield newer
  }
  await rejectsCode(restore(source(), target), 'DATA_VERSION_UNSUPPORTED')
})

hostileBackup('a note of a restore that this program did not write moves nothing', async () => {
  const directory = fresh()
  mkdirSync(path.join(directory, '.restore-00', 'new'), { recursive: true })
  writeFileSync(path.join(root, 'precious.txt'), 'mine')
  const good = { version: 1, work: '.restore-00', kept: 'before-restore-1', old: [] }
  for (const changed of [
    { old: ['../precious.txt'] },
    { old: ['..'] },
    { old: null },
    { work: '..' },
    { work: '../.restore-00' },
    { kept: '../kept' },
  ]) {
    writeFileSync(path.join(directory, '.restoring.json'), JSON.stringify({ ...good, ...changed }))
    await rejectsCode(finishRestore(directory), 'DATA_CORRUPT')
  }
  assert.is(readFileSync(path.join(root, 'precious.txt'), 'utf8'), 'mine')
})

hostileBackup.run()
