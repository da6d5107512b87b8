/**
 * A backup of a node: one archive with every record of its store and every file that cannot be made anew, and at its end a manifest with
 * the hash of each. It holds the keys of the node: whoever has it can be the node.
 */
import { createHash, randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { archiveEnd, archiveFile, invalidBackup, readArchive } from './backup-archive.ts'
import { BACKUP_WORK, FILES_PREFIX, isTakenPath, stageFiles } from './backup-contents.ts'
import { SEAL_MAGIC, unseal } from './backup-seal.ts'
import { writeRecords } from './backup-state.ts'
import { VillageError } from './errors.ts'
import { isJsonObject, type JsonObject, type JsonValue } from './json.ts'
import type { Database } from './store.ts'

/** Version of the archive: what is in it and how. */
export const BACKUP_VERSION = 1
export const HEADER_ENTRY = 'backup.json'
export const MANIFEST_ENTRY = 'manifest.json'
export const RECORDS_ENTRY = 'state.records'
const FORMAT = 'aivillage-backup'
const MAX_JSON_BYTES = 2 ** 30
const MAX_LEFT_OUT = 100

export interface BackupHeader {
  readonly format: typeof FORMAT
  readonly version: number
  readonly createdAtMs: number
  /** Of the program that made it. */
  readonly program: string
  readonly dataVersion: number
  readonly peer: string
  readonly artifacts: boolean
}

export interface BackupManifest {
  readonly records: number
  /** Files whose names no archive can have; the first of them. */
  readonly leftOut?: readonly string[]
  readonly entries: readonly { readonly path: string; readonly sizeBytes: number; readonly sha256: string }[]
}

export interface BackupInit {
  /** The data directory. */
  readonly directory: string
  readonly program: string
  readonly dataVersion: number
  readonly peer: string
  readonly withArtifacts: boolean
  readonly now?: () => number
}

const bytesOf = (value: object) => Buffer.from(`${JSON.stringify(value)}\n`)

/** What a process that was killed left of taking backups. Call it where no other takes one: at the start, or with the lock held. */
export async function dropBackupWork(directory: string): Promise<void> {
  for (const name of await readdir(directory))
    if (BACKUP_WORK.test(name)) await rm(path.join(directory, name), { recursive: true, force: true })
}

/** The archive as a stream, with bounded memory; the store and the files are taken when the stream begins. Throws BACKUP_FAILED. */
export async function* writeBackup(
  components: { db: Database },
  init: BackupInit,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { directory, program, dataVersion, peer, withArtifacts, now = Date.now } = init
  const work = path.join(directory, `backup-${randomBytes(8).toString('hex')}.tmp`)
  const entries: { path: string; sizeBytes: number; sha256: string }[] = []

  async function* entry(name: string, file: string): AsyncGenerator<Uint8Array> {
    signal.throwIfAborted()
    const { size, mode } = await stat(file)
    const hash = createHash('sha256')
    async function* hashed() {
      for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
        hash.update(chunk)
        yield chunk
      }
    }
    yield* archiveFile({ path: name, sizeBytes: size, mode: mode & 0o777, content: hashed() })
    entries.push({ path: name, sizeBytes: size, sha256: hash.digest('hex') })
  }
  const text = (name: string, value: object) => {
    const bytes = bytesOf(value)
    return archiveFile({ path: name, sizeBytes: bytes.byteLength, mode: 0o600, content: once(bytes) })
  }

  try {
    const records = path.join(work, RECORDS_ENTRY)
    await mkdir(work, { mode: 0o700 })
    // First: what a service writes, it writes to its files before it says so in the store.
    const count = await writeRecords(components.db, records, signal)
    const { staged, leftOut } = await stageFiles({ directory, work, withArtifacts }, signal)
    const header: BackupHeader = {
      ...{ format: FORMAT, version: BACKUP_VERSION, createdAtMs: now() },
      ...{ program, dataVersion, peer, artifacts: withArtifacts },
    }
    yield* text(HEADER_ENTRY, header)
    yield* entry(RECORDS_ENTRY, records)
    for (const { path: relative, file } of staged) yield* entry(`${FILES_PREFIX}${relative}`, file)
    const manifest: BackupManifest = { records: count, entries, leftOut: leftOut.slice(0, MAX_LEFT_OUT) }
    yield* text(MANIFEST_ENTRY, manifest)
    yield archiveEnd()
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

async function jsonOf(content: AsyncIterable<Uint8Array>): Promise<JsonObject> {
  const chunks: Uint8Array[] = []
  let sizeBytes = 0
  for await (const chunk of content) {
    sizeBytes += chunk.byteLength
    if (sizeBytes > MAX_JSON_BYTES) throw invalidBackup('its manifest is too large')
    chunks.push(chunk)
  }
  try {
    const parsed = JSON.parse(Buffer.concat(chunks).toString('utf8')) as JsonValue
    if (isJsonObject(parsed)) return parsed
  } catch {
    // Said below.
  }
  throw invalidBackup('its manifest is no JSON object')
}

function headerOf(given: JsonObject, supported: number): BackupHeader {
  const { format, version, dataVersion, createdAtMs, program, peer, artifacts } = given
  if (format !== FORMAT) throw invalidBackup('it does not say that it is one')
  if (
    ![version, dataVersion, createdAtMs].every((value) => Number.isSafeInteger(value)) ||
    ![program, peer].every((value) => typeof value === 'string' && value.length <= 128) ||
    typeof artifacts !== 'boolean'
  )
    throw invalidBackup('its header is damaged')
  const header = given as unknown as BackupHeader // every field was checked above
  if (header.version > BACKUP_VERSION || header.dataVersion > supported)
    throw new VillageError('DATA_VERSION_UNSUPPORTED', 'The backup was made by a newer version', {
      fields: { version: header.version, data: header.dataVersion, supported },
    })
  return header
}

/** What of an archive is put where; a file of `null` is read and checked only. */
export type Place = (entry: { path: string; mode: number }) => Promise<{
  write(chunk: Uint8Array): Promise<void>
  end(): Promise<void>
} | null>

/**
 * Reads a backup whole and checks it: every file against the manifest, which names all of them and nothing else.
 * Throws BACKUP_INVALID, BACKUP_PASSPHRASE, or DATA_VERSION_UNSUPPORTED.
 */
export async function readBackup(
  source: AsyncIterable<Uint8Array>,
  init: { passphrase: string | null; supported: number; place: Place },
): Promise<{ header: BackupHeader; manifest: BackupManifest; sizeBytes: number }> {
  const found = new Map<string, { sizeBytes: number; sha256: string }>()
  let header: BackupHeader | null = null
  let manifest: BackupManifest | null = null
  let total = 0
  for await (const entry of readArchive(await opened(source, init.passphrase))) {
    if (manifest !== null) throw invalidBackup('something follows its manifest')
    if (header === null) {
      if (entry.path !== HEADER_ENTRY) throw invalidBackup('it does not say what it is')
      header = headerOf(await jsonOf(entry.content), init.supported)
      continue
    }
    if (entry.path === MANIFEST_ENTRY) {
      manifest = (await jsonOf(entry.content)) as unknown as BackupManifest // compared below, field by field
      continue
    }
    const isFile = entry.path.startsWith(FILES_PREFIX) && isTakenPath(entry.path.slice(FILES_PREFIX.length))
    if (entry.path !== RECORDS_ENTRY && !isFile)
      throw invalidBackup(`it has "${entry.path}", which no backup has`)
    const place = await init.place(entry)
    const hash = createHash('sha256')
    for await (const chunk of entry.content) {
      hash.update(chunk)
      await place?.write(chunk)
    }
    await place?.end()
    total += entry.sizeBytes
    found.set(entry.path, { sizeBytes: entry.sizeBytes, sha256: hash.digest('hex') })
  }
  if (header === null || manifest === null) throw invalidBackup('it has no manifest')
  const { entries, records } = manifest
  if (!Array.isArray(entries) || entries.length !== found.size || !Number.isSafeInteger(records))
    throw invalidBackup('its manifest does not name what is in it')
  for (const given of entries as readonly unknown[]) {
    const { path: name, sizeBytes, sha256 } = (given ?? {}) as Record<string, unknown>
    const known = typeof name === 'string' ? found.get(name) : undefined
    if (known === undefined || known.sizeBytes !== sizeBytes || known.sha256 !== sha256)
      throw invalidBackup(`"${String(name).slice(0, 200)}" is not what the manifest says`)
    found.delete(name as string)
  }
  return { header, manifest, sizeBytes: total }
}

/** The archive in a stream, opened with the passphrase where it is sealed. */
async function opened(
  source: AsyncIterable<Uint8Array>,
  passphrase: string | null,
): Promise<AsyncIterable<Uint8Array>> {
  const iterator = source[Symbol.asyncIterator]()
  const pieces: Uint8Array[] = []
  let held = 0
  while (held < SEAL_MAGIC.length) {
    const next = await iterator.next()
    if (next.done === true) throw invalidBackup('it is empty or cut off')
    pieces.push(next.value)
    held += next.value.byteLength
  }
  const start = Buffer.concat(pieces)
  const whole = (async function* () {
    try {
      yield start
      for (;;) {
        const next = await iterator.next()
        if (next.done === true) return
        yield next.value
      }
    } finally {
      await iterator.return?.()
    }
  })()
  if (!start.subarray(0, SEAL_MAGIC.length).equals(SEAL_MAGIC)) return whole
  if (passphrase === null)
    throw new VillageError('BACKUP_PASSPHRASE', 'The backup is encrypted: --passphrase-file is needed')
  return unseal(whole, passphrase)
}
