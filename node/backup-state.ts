/** The records of a node's store in a file: for each the lengths of key and value (4 bytes each, big endian), key, value. */
import { createReadStream } from 'node:fs'
import { mkdir, open } from 'node:fs/promises'
import { Level } from 'level'
import { invalidBackup } from './backup-archive.ts'
import type { Database } from './store.ts'

const LENGTHS_BYTES = 8
const MAX_KEY_BYTES = 64 * 1024
const MAX_VALUE_BYTES = 256 * 2 ** 20
const BATCH_BYTES = 4 * 2 ** 20
const RAW = { keyEncoding: 'view', valueEncoding: 'view' } as const

/** Writes every record as it is at the moment of the call: an iterator of LevelDB reads a snapshot. Returns how many. */
export async function writeRecords(db: Database, file: string, signal: AbortSignal): Promise<number> {
  const handle = await open(file, 'wx', 0o600)
  let records = 0
  try {
    let waiting: Uint8Array[] = []
    let waitingBytes = 0
    const flush = async () => {
      await handle.writev(waiting)
      waiting = []
      waitingBytes = 0
    }
    for await (const [key, value] of db.iterator<Uint8Array, Uint8Array>(RAW)) {
      signal.throwIfAborted()
      const lengths = Buffer.alloc(LENGTHS_BYTES)
      lengths.writeUInt32BE(key.byteLength, 0)
      lengths.writeUInt32BE(value.byteLength, 4)
      waiting.push(lengths, key, value)
      waitingBytes += LENGTHS_BYTES + key.byteLength + value.byteLength
      records += 1
      if (waitingBytes >= BATCH_BYTES || waiting.length > 900) await flush()
    }
    if (waiting.length > 0) await flush()
    await handle.sync()
  } finally {
    await handle.close()
  }
  return records
}

async function* readRecords(file: string): AsyncGenerator<{ key: Buffer; value: Buffer }> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of createReadStream(file, { highWaterMark: 2 ** 18 }) as AsyncIterable<Buffer>) {
    rest = rest.byteLength === 0 ? chunk : Buffer.concat([rest, chunk])
    for (;;) {
      if (rest.byteLength < LENGTHS_BYTES) break
      const keyBytes = rest.readUInt32BE(0)
      const valueBytes = rest.readUInt32BE(4)
      if (keyBytes > MAX_KEY_BYTES || valueBytes > MAX_VALUE_BYTES)
        throw invalidBackup('a record of it is too long')
      const end = LENGTHS_BYTES + keyBytes + valueBytes
      if (rest.byteLength < end) break
      yield {
        key: rest.subarray(LENGTHS_BYTES, LENGTHS_BYTES + keyBytes),
        value: rest.subarray(LENGTHS_BYTES + keyBytes, end),
      }
      rest = rest.subarray(end)
    }
  }
  if (rest.byteLength > 0) throw invalidBackup('its records are cut off')
}

/** Makes a store of the records of a file in a new folder. Throws BACKUP_INVALID. */
export async function loadRecords(file: string, folder: string, signal: AbortSignal): Promise<number> {
  // Level would make it for all to look into.
  await mkdir(folder, { mode: 0o700 })
  const db: Database = new Level(folder, { createIfMissing: true, errorIfExists: true })
  await db.open()
  let records = 0
  try {
    let batch: { type: 'put'; key: Buffer; value: Buffer }[] = []
    let batchBytes = 0
    const flush = async (sync: boolean) => {
      // abstract-level passes `sync` on to classic-level, whose own option it is.
      const options: object = { keyEncoding: 'buffer', valueEncoding: 'buffer', sync }
      await db.batch(batch as never, options) // keys and values are bytes, as the encodings say
      batch = []
      batchBytes = 0
    }
    for await (const { key, value } of readRecords(file)) {
      signal.throwIfAborted()
      batch.push({ type: 'put', key: Buffer.from(key), value: Buffer.from(value) })
      batchBytes += key.byteLength + value.byteLength
      records += 1
      if (batchBytes >= BATCH_BYTES) await flush(false)
    }
    await flush(true)
  } finally {
    await db.close()
  }
  return records
}
