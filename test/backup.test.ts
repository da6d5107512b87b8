import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  cpSync,
  existsSync,
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
import { writeBackup } from '../node/backup.ts'
import { openBackup, verifyBackup, writeBackupFile } from '../node/backup-file.ts'
import { passphraseOf } from '../node/backup-seal.ts'
import { createBackups } from '../node/backup-service.ts'
import { finishRestore, restoreBackup } from '../node/restore.ts'
import { openRaw, openStore } from '../node/store.ts'
import { filesOf, recordsOf, unpackDataV1 } from './helpers/data-v1.ts'
import { rejectsCode, throwsCode } from './helpers/throws.ts'

const PROCESS = path.resolve(import.meta.dirname, 'helpers/upkeep-process.ts')
const { signal } = new AbortController()
const PASSPHRASE = 'correct horse battery'
let root = ''
let node = ''
let plain = ''
let count = 0

const fresh = (name = 'dir'): string => path.join(root, `${name}-${count++}`)

async function take(directory: string, withArtifacts = true, passphrase: string | null = null) {
  const opened = await openRaw(directory)
  const file = fresh('backup')
  try {
    const source = writeBackup(
      { db: opened.db },
      { directory, program: '1.0.0', dataVersion: 2, peer: 'peer', withArtifacts, now: () => 7 },
      signal,
    )
    await writeBackupFile(source, { file, replace: false, passphrase, supported: 2 }, signal)
  } finally {
    await opened.db.close()
    opened.free()
  }
  return file
}

const restore = (
  file: string | AsyncIterable<Uint8Array>,
  directory: string,
  init: { passphrase?: string; replace?: boolean; onStep?: (step: string) => void } = {},
) =>
  restoreBackup(
    typeof file === 'string' ? openBackup(file) : file,
    { directory, passphrase: null, supported: 2, replace: false, now: () => 0, ...init },
    signal,
  )

/** What of a node is expected in a backup of it. */
function kept(directory: string): Map<string, string> {
  const isLock = (name: string) => name.endsWith('writer.lock') || name.endsWith('.tmp')
  return new Map([...filesOf(directory)].filter(([name]) => !isLock(name)))
}

const backup = suite('backup')
backup.before(async () => {
  root = mkdtempSync(path.join(tmpdir(), 'village-backup-'))
  node = fresh('node')
  mkdirSync(node)
  await unpackDataV1(node)
  await (await openStore({ directory: node })).close()
  plain = await take(node)
})
backup.after(() => rmSync(root, { recursive: true, force: true }))

backup('what comes back is what there was: every record, every file, with its rights', async () => {
  const directory = fresh()
  const restored = await restore(plain, directory)
  assert.equal(filesOf(directory), kept(node))
  assert.equal(await recordsOf(directory), await recordsOf(node))
  assert.is(restored.kept, null)
  assert.equal(
    [restored.header.peer, restored.header.createdAtMs, restored.header.dataVersion],
    ['peer', 7, 2],
  )
  for (const name of ['identity.key', 'api.token', 'keys.json'])
    assert.is(statSync(path.join(directory, name)).mode & 0o777, 0o600)
  for (const name of ['state', 'keys', 'sealed'])
    assert.is(statSync(path.join(directory, name)).mode & 0o777, 0o700, name)
  assert.is(statSync(plain).mode & 0o777, 0o600)
  assert.not(
    readdirSync(node).some((name) => name.endsWith('.tmp')),
    'nothing is left in the node',
  )
  await (await openStore({ directory })).close()
})

backup('what can be made anew, links, and what others left are not in it', async () => {
  const directory = fresh()
  cpSync(node, directory, { recursive: true })
  for (const name of [
    'models',
    'jobs',
    'pulls',
    'upgrade',
    'before-restore-x',
    'backup-00ff.tmp',
    '.restore-00ff',
  ])
    mkdirSync(path.join(directory, name), { recursive: true })
  writeFileSync(path.join(directory, 'models/large.onnx'), 'x')
  writeFileSync(path.join(directory, 'village.log.1'), 'x')
  writeFileSync(path.join(directory, 'note.txt'), 'somebody keeps this here')
  const odd = ['notes: mine.txt', 'Übersicht.txt', `${'x'.repeat(120)}.txt`]
  for (const name of odd) writeFileSync(path.join(directory, name), 'x')
  symlinkSync('/etc/passwd', path.join(directory, 'link'))
  const target = fresh()
  const taken = await take(directory, false)
  await restore(taken, target)
  const { leftOut } = await verifyBackup(taken, { passphrase: null, supported: 2 })
  assert.equal([...leftOut].sort(), [...odd].sort())
  const expected = new Map([...kept(node)].filter(([name]) => !name.startsWith('blocks/')))
  expected.set('note.txt', 'somebody keeps this here')
  assert.equal([...filesOf(target).keys()].sort(), [...expected.keys()].sort())
  assert.not(existsSync(path.join(directory, 'backup-00ff.tmp')), 'what a killed backup left is dropped')
})

backup('the store is taken as it was when the backup began', async () => {
  const directory = fresh()
  cpSync(node, directory, { recursive: true })
  const opened = await openRaw(directory)
  const file = fresh('backup')
  const source = writeBackup(
    { db: opened.db },
    { directory, program: '1', dataVersion: 2, peer: 'p', withArtifacts: true },
    signal,
  )
  async function* andMeanwhile() {
    const first = await source.next()
    await opened.db.put('!jobs!later', 'x')
    writeFileSync(path.join(directory, 'keys.json'), 'changed')
    yield first.value as Uint8Array
    yield* source
  }
  await writeBackupFile(andMeanwhile(), { file, replace: false, passphrase: null, supported: 2 }, signal)
  await opened.db.close()
  opened.free()
  const target = fresh()
  await restore(file, target)
  assert.equal(await recordsOf(target), await recordsOf(node))
  assert.equal(filesOf(target), kept(node))
})

backup('under a passphrase nothing of it can be read, and only that passphrase opens it', async () => {
  const file = await take(node, true, PASSPHRASE)
  const bytes = readFileSync(file)
  assert.not(bytes.includes('identity.key'))
  assert.not(bytes.includes(readFileSync(path.join(node, 'identity.key'))))
  const read = (given: string | null) => verifyBackup(file, { passphrase: given, supported: 2 })
  await rejectsCode(read(null), 'BACKUP_PASSPHRASE')
  await rejectsCode(read('another passphrase'), 'BACKUP_PASSPHRASE')
  const target = fresh()
  await restore(file, target, { passphrase: PASSPHRASE })
  assert.equal(filesOf(target), kept(node))
  // A changed bit, a missing end, frames in another order, something after the end.
  const changed = (mend: (copy: Buffer) => Buffer) => {
    const copy = fresh('sealed')
    writeFileSync(copy, mend(Buffer.from(bytes)))
    return verifyBackup(copy, { passphrase: PASSPHRASE, supported: 2 })
  }
  await rejectsCode(
    changed((copy) => {
      copy[copy.length - 20]! ^= 1
      return copy
    }),
    'BACKUP_INVALID',
  )
  await rejectsCode(
    changed((copy) => copy.subarray(0, -1)),
    'BACKUP_INVALID',
  )
  await rejectsCode(
    changed((copy) => {
      copy[8] = 24 // would take 16 GiB
      return copy
    }),
    'BACKUP_INVALID',
  )
  throwsCode(() => passphraseOf('short\n'), 'BACKUP_PASSPHRASE')
  assert.is(passphraseOf(`${PASSPHRASE}\r\nsecond line`), PASSPHRASE)
})

backup('a backup that is cut off or changed anywhere is refused, and nothing is put in place', async () => {
  const bytes = readFileSync(plain)
  const target = fresh()
  const refused = async (given: Buffer, what: string) => {
    const chunks = async function* () {
      yield given
    }
    const error = await rejectsCode(restore(chunks(), target), 'BACKUP_INVALID')
    assert.equal(readdirSync(target), [], `${what}: ${error.message}`)
  }
  for (const length of [0, 100, 512, 5_000, bytes.length >> 1, bytes.length - 1024, bytes.length - 1])
    await refused(bytes.subarray(0, length), `cut at ${length}`)
  for (const at of [100, 600, 2_000, 40_000, bytes.length - 3_000, bytes.length - 5]) {
    const copy = Buffer.from(bytes)
    copy[at]! ^= 0x20
    await refused(copy, `changed at ${at}`)
  }
  await refused(Buffer.concat([bytes, Buffer.alloc(512)]), 'longer')
})

backup('a directory that is in use is left alone; --replace keeps what was there', async () => {
  const directory = fresh()
  mkdirSync(directory)
  writeFileSync(path.join(directory, 'identity.key'), 'old')
  writeFileSync(path.join(directory, 'mine.txt'), 'mine')
  await rejectsCode(restore(plain, directory), 'RESTORE_NOT_EMPTY')
  const restored = await restore(plain, directory, { replace: true })
  const keptIn = path.basename(restored.kept!)
  assert.equal(filesOf(directory, ['state', keptIn]), kept(node))
  assert.equal(
    [...filesOf(restored.kept!)],
    [
      ['identity.key', 'old'],
      ['mine.txt', 'mine'],
    ],
  )
})

backup('a restore that is killed before any step is undone or ended by the next opening', async () => {
  const directory = fresh()
  mkdirSync(directory)
  writeFileSync(path.join(directory, 'identity.key'), 'old')
  const images: string[] = []
  await restore(plain, directory, {
    replace: true,
    onStep() {
      const image = fresh('image')
      cpSync(directory, image, { recursive: true })
      images.push(image)
    },
  })
  assert.ok(images.length >= 8)
  for (const [index, image] of images.entries()) {
    const isBegun = await finishRestore(image)
    assert.is(isBegun, index > 0)
    if (isBegun)
      assert.equal(
        filesOf(image, ['state', '.restore-lock', 'before-restore-1970-01-01T00-00-00-000Z']),
        kept(node),
      )
    else assert.is(readFileSync(path.join(image, 'identity.key'), 'utf8'), 'old')
  }
  const killed = fresh()
  mkdirSync(killed)
  writeFileSync(path.join(killed, 'identity.key'), 'old')
  assert.is(spawnSync(process.execPath, [PROCESS, 'restore', killed, '3', plain]).signal, 'SIGKILL')
  await (await openStore({ directory: killed })).close()
  assert.equal(await recordsOf(killed), await recordsOf(node))
})

backup('one that nobody reads is ended, and the next can be taken', async () => {
  const directory = fresh()
  cpSync(node, directory, { recursive: true })
  const { db, free } = await openRaw(directory)
  const init = { directory, peer: 'p', program: '1', idleMs: 20 }
  const backups = createBackups({ store: { db } }, init)
  const begin = () => backups.stream({ withArtifacts: false }, signal)[Symbol.asyncIterator]()
  const stalled = begin()
  await stalled.next()
  init.idleMs = 600_000
  let refused = 0
  // It holds the node until it is ended; then the next one has it.
  for (let next = begin(); ; next = begin()) {
    const error = await next.next().then(
      () => null,
      ({ code }: { code: string }) => code,
    )
    if (error === null) {
      await next.return?.()
      break
    }
    assert.is(error, 'BACKUP_BUSY')
    refused += 1
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.ok(refused > 0)
  await rejectsCode(stalled.next(), 'BACKUP_FAILED')
  assert.not(
    readdirSync(directory).some((name) => name.endsWith('.tmp')),
    'what it held is let go',
  )
  await db.close()
  free()
})

const once = async function* (text: string) {
  yield Buffer.from(text)
}

backup(
  'a file that grows while it is read, or a full disk, leave nothing under the name of the backup',
  async () => {
    const file = fresh('backup')
    async function* broken() {
      yield Buffer.from('the beginning')
      throw new Error('the connection ended')
    }
    const written = writeBackupFile(
      broken(),
      { file, replace: false, passphrase: null, supported: 2 },
      signal,
    )
    await written.then(
      () => assert.unreachable(),
      (error: Error) => assert.match(error.message, /connection ended/),
    )
    assert.not(existsSync(file))
    assert.not(readdirSync(root).some((name) => name.startsWith('.aivillage-part-')))
    // A stream that ends early without an error has no manifest.
    await rejectsCode(
      writeBackupFile(
        once('x'.repeat(2048)),
        { file, replace: false, passphrase: null, supported: 2 },
        signal,
      ),
      'BACKUP_INVALID',
    )
    assert.not(existsSync(file))
    appendFileSync(file, 'mine')
    await rejectsCode(
      writeBackupFile(once('x'), { file, replace: false, passphrase: null, supported: 2 }, signal),
      'FILE_UNWRITABLE',
    )
    assert.is(readFileSync(file, 'utf8'), 'mine')
  },
)

backup.run()
