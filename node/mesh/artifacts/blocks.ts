/**
 * Blocks on disk: one file a block at `<directory>/<first two hex digits>/<sha-256 hex>-<size>`.
 *
 * A block is hashed before it gets its name, and written under a temporary name first: a process killed at any moment
 * leaves whole blocks and temporary files, which the next start removes. The size in the name lets a start count
 * the used bytes by listing directories only. In memory a block costs about 150 bytes (150 MB a TiB of 1 MiB blocks).
 *
 * Durability: `durable` writes reach the disk before the block gets its name (local additions and imports: this node may
 * hold the only copy). Fetched blocks are left to the operating system: after a power cut a torn one is found by its hash
 * and fetched again. Every read checks the hash, so bit rot and tampering are detected before anything is read or served;
 * a bad block is removed and reported through `onCorrupt`.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { toVillageError, VillageError } from '../../errors.ts'
import { type BlockKey, digestOf, keyOfDigest } from './cids.ts'

/** The largest block that is stored or exchanged; leaves written here have 1 MiB, other tools go up to 2 MiB. */
export const MAX_BLOCK_BYTES = 2 * 2 ** 20

const TEMPORARY = 'incoming'
const BLOCK_NAME = /^([0-9a-f]{64})-(\d{1,7})$/

export interface BlockStore {
  /** Lists what is there and removes the leftovers of a killed process. */
  open(): Promise<void>
  has(key: BlockKey): boolean
  /** Undefined when the block is not here. */
  sizeOf(key: BlockKey): number | undefined
  keys(): Iterable<BlockKey>
  /**
   * Stores a block under `key`. Returns whether it was new.
   * Throws ARTIFACT_CORRUPT when the bytes do not hash to `key`, ARTIFACT_TOO_LARGE over 2 MiB, DISK_FULL, DATA_DIR_READ_ONLY.
   */
  put(key: BlockKey, bytes: Uint8Array, options: { durable: boolean }): Promise<boolean>
  /** As put() without the check, of a block in pieces: for a caller that has just hashed these very bytes. */
  putVerified(key: BlockKey, parts: readonly Uint8Array[], options: { durable: boolean }): Promise<boolean>
  /** The verified bytes. Throws ARTIFACT_MISSING, or ARTIFACT_CORRUPT (and forgets the block). */
  get(key: BlockKey): Promise<Uint8Array>
  /** Returns the freed bytes. */
  remove(key: BlockKey): Promise<number>
  usage(): { blocks: number; sizeBytes: number }
}

export function createBlockStore(init: {
  directory: string
  maxBytes: number
  /** Called once for each stored block whose bytes have gone bad, after it was removed. */
  onCorrupt: (key: BlockKey) => void
}): BlockStore {
  const sizes = new Map<BlockKey, number>()
  /** Writes and removals under way by key, so that two of one block never overlap. */
  const busy = new Map<BlockKey, Promise<unknown>>()
  const temporaryDirectory = path.join(init.directory, TEMPORARY)
  /** Directories that are known to exist. */
  const directories = new Set<string>()
  let usedBytes = 0
  let reservedBytes = 0

  const directoryOf = (key: BlockKey) => path.join(init.directory, key.slice(0, 2))
  const fileOf = (key: BlockKey, sizeBytes: number) => path.join(directoryOf(key), `${key}-${sizeBytes}`)

  async function exclusively<T>(key: BlockKey, work: () => Promise<T>): Promise<T> {
    for (let before = busy.get(key); before !== undefined; before = busy.get(key))
      await before.catch(() => {
        // Its caller has the failure.
      })
    const running = work()
    busy.set(key, running)
    try {
      return await running
    } finally {
      busy.delete(key)
    }
  }

  async function write(
    key: BlockKey,
    parts: readonly Uint8Array[],
    sizeBytes: number,
    durable: boolean,
  ): Promise<void> {
    const temporary = path.join(temporaryDirectory, randomBytes(12).toString('hex'))
    try {
      const handle = await open(temporary, 'wx', 0o600)
      try {
        let written = (await handle.writev([...parts], 0)).bytesWritten
        if (written < sizeBytes)
          for (const bytes = Buffer.concat(parts); written < sizeBytes; )
            written += (await handle.write(bytes, written, sizeBytes - written, written)).bytesWritten
        if (durable) await handle.datasync()
      } finally {
        await handle.close()
      }
      if (!directories.has(directoryOf(key))) {
        await mkdir(directoryOf(key), { recursive: true, mode: 0o700 })
        directories.add(directoryOf(key))
      }
      await rename(temporary, fileOf(key, sizeBytes))
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => {
        // A disk that takes no writes may refuse this as well; the next start removes the file.
      })
      throw toVillageError(error)
    }
  }

  async function read(key: BlockKey, sizeBytes: number): Promise<Uint8Array | null> {
    let handle: Awaited<ReturnType<typeof open>>
    try {
      handle = await open(fileOf(key, sizeBytes), 'r')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
      throw toVillageError(error)
    }
    try {
      // One byte more than expected, so that a file that has grown is noticed.
      const bytes = Buffer.allocUnsafeSlow(sizeBytes + 1)
      let filled = 0
      for (;;) {
        const { bytesRead } = await handle.read(bytes, filled, bytes.byteLength - filled, filled)
        filled += bytesRead
        if (bytesRead === 0 || filled === bytes.byteLength) break
      }
      return bytes.subarray(0, filled)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EIO') return null // the disk cannot read it back: it is lost
      throw toVillageError(error)
    } finally {
      await handle.close()
    }
  }

  function forget(key: BlockKey): number {
    const sizeBytes = sizes.get(key) ?? 0
    if (sizes.delete(key)) usedBytes -= sizeBytes
    return sizeBytes
  }

  const store: BlockStore = {
    async open() {
      try {
        await mkdir(init.directory, { recursive: true, mode: 0o700 })
        await rm(temporaryDirectory, { recursive: true, force: true })
        await mkdir(temporaryDirectory, { mode: 0o700 })
        for (const entry of await readdir(init.directory, { withFileTypes: true })) {
          if (!entry.isDirectory() || entry.name === TEMPORARY) continue
          for (const name of await readdir(path.join(init.directory, entry.name))) {
            const match = BLOCK_NAME.exec(name)
            if (match === null || !match[1]!.startsWith(entry.name)) continue
            const sizeBytes = Number(match[2])
            if (!sizes.has(match[1]!)) usedBytes += sizeBytes
            sizes.set(match[1]!, sizeBytes)
          }
        }
      } catch (error) {
        throw toVillageError(error)
      }
    },
    has: (key) => sizes.has(key),
    sizeOf: (key) => sizes.get(key),
    keys: () => sizes.keys(),
    async put(key, bytes, options) {
      if (keyOfDigest(digestOf(bytes)) !== key)
        throw new VillageError('ARTIFACT_CORRUPT', 'A block does not match its hash')
      return store.putVerified(key, [bytes], options)
    },
    async putVerified(key, parts, options) {
      const sizeBytes = parts.reduce((sum, part) => sum + part.byteLength, 0)
      if (sizeBytes > MAX_BLOCK_BYTES)
        throw new VillageError(
          'ARTIFACT_TOO_LARGE',
          `A block has ${sizeBytes} bytes; at most 2 MiB are taken`,
        )
      return exclusively(key, async () => {
        if (sizes.has(key)) return false
        if (usedBytes + reservedBytes + sizeBytes > init.maxBytes)
          throw new VillageError('DISK_FULL', 'The disk share for artifacts is used up', {
            fields: { usedBytes, maxBytes: init.maxBytes },
          })
        reservedBytes += sizeBytes
        try {
          await write(key, parts, sizeBytes, options.durable)
          sizes.set(key, sizeBytes)
          usedBytes += sizeBytes
        } finally {
          reservedBytes -= sizeBytes
        }
        return true
      })
    },
    async get(key) {
      await busy.get(key)?.catch(() => {
        // Its caller has the failure; whether the block is there is decided below.
      })
      const sizeBytes = sizes.get(key)
      if (sizeBytes === undefined) throw new VillageError('ARTIFACT_MISSING', 'A block is not on this node')
      const bytes = await read(key, sizeBytes)
      if (bytes !== null && bytes.byteLength === sizeBytes && keyOfDigest(digestOf(bytes)) === key)
        return bytes
      if (!sizes.has(key)) throw new VillageError('ARTIFACT_MISSING', 'A block was removed while it was read')
      await store.remove(key)
      init.onCorrupt(key)
      throw new VillageError('ARTIFACT_CORRUPT', 'A stored block has gone bad and was removed', {
        fields: { block: key },
      })
    },
    remove(key) {
      return exclusively(key, async () => {
        if (!sizes.has(key)) return 0
        const sizeBytes = forget(key)
        try {
          await rm(fileOf(key, sizeBytes), { force: true })
        } catch (error) {
          sizes.set(key, sizeBytes)
          usedBytes += sizeBytes
          throw toVillageError(error)
        }
        return sizeBytes
      })
    },
    usage: () => ({ blocks: sizes.size, sizeBytes: usedBytes }),
  }
  return store
}
