/**
 * Reads the members of a ZIP archive that are asked for (APPNOTE.TXT 6.3.10, sections 4.3.7 to 4.3.16), and never unpacks more than
 * is allowed: what the archive says of its sizes is checked before, and the sizes themselves while it is inflated.
 */
import { crc32, inflateRawSync } from 'node:zlib'
import { VillageError } from '../../../../errors.ts'

const END_SIGNATURE = 0x06054b50
const ENTRY_SIGNATURE = 0x02014b50
const LOCAL_SIGNATURE = 0x04034b50
const END_BYTES = 22
const MAX_COMMENT_BYTES = 65_535
const MAX_ENTRIES = 10_000
/** Markup packs 5 to 50 times smaller; the most that deflate can do is 1,032. Small members may be anything. */
const MAX_RATIO = 300
const RATIO_FREE_BYTES = 2 ** 20
const STORED = 0
const DEFLATED = 8

interface Entry {
  readonly name: string
  readonly method: number
  readonly isEncrypted: boolean
  readonly crc: number
  readonly packedBytes: number
  readonly sizeBytes: number
  readonly headerAt: number
}

export interface ZipArchive {
  readonly names: readonly string[]
  has(name: string): boolean
  /** Null where there is no such member. Throws ARCHIVE_BOMB, ARCHIVE_MALFORMED, DOCUMENT_ENCRYPTED. */
  read(name: string): Buffer | null
}

function malformed(why: string): VillageError {
  return new VillageError('ARCHIVE_MALFORMED', `The packed document is damaged: ${why}.`)
}

function findEnd(bytes: Buffer): number {
  const lowest = Math.max(0, bytes.length - END_BYTES - MAX_COMMENT_BYTES)
  for (let at = bytes.length - END_BYTES; at >= lowest; at--)
    if (bytes.readUInt32LE(at) === END_SIGNATURE) return at
  throw malformed('its directory is missing')
}

function readDirectory(bytes: Buffer): Entry[] {
  const end = findEnd(bytes)
  const count = bytes.readUInt16LE(end + 10)
  let at = bytes.readUInt32LE(end + 16)
  if (count === 0xffff || at === 0xffffffff) throw malformed('it uses ZIP64, which no document needs')
  if (count > MAX_ENTRIES) throw new VillageError('ARCHIVE_BOMB', `The archive has ${count} members.`)
  const entries: Entry[] = []
  for (let i = 0; i < count; i++) {
    if (at + 46 > end || bytes.readUInt32LE(at) !== ENTRY_SIGNATURE)
      throw malformed('its directory is cut off')
    const nameBytes = bytes.readUInt16LE(at + 28)
    const next = at + 46 + nameBytes + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32)
    if (next > end) throw malformed('its directory is cut off')
    entries.push({
      name: bytes.toString('utf8', at + 46, at + 46 + nameBytes),
      method: bytes.readUInt16LE(at + 10),
      isEncrypted: (bytes.readUInt16LE(at + 8) & 1) !== 0,
      crc: bytes.readUInt32LE(at + 16),
      packedBytes: bytes.readUInt32LE(at + 20),
      sizeBytes: bytes.readUInt32LE(at + 24),
      headerAt: bytes.readUInt32LE(at + 42),
    })
    at = next
  }
  return entries
}

/** `maxUnpackedBytes` bounds all that is read from this archive together, however often its members overlap. */
export function openZip(bytes: Buffer, maxUnpackedBytes: number): ZipArchive {
  if (bytes.length < END_BYTES) throw malformed('it is too short')
  const entries = new Map<string, Entry>()
  // The first of two members of one name: where programs disagree, the harmless one is as likely.
  for (const entry of readDirectory(bytes)) if (!entries.has(entry.name)) entries.set(entry.name, entry)
  let left = maxUnpackedBytes

  function bomb(entry: Entry): VillageError {
    return new VillageError('ARCHIVE_BOMB', 'The packed document would unpack to far more than is allowed.', {
      fields: { packedBytes: entry.packedBytes, claimedBytes: entry.sizeBytes, maxUnpackedBytes },
    })
  }

  function inflate(entry: Entry, packed: Buffer): Buffer {
    try {
      return inflateRawSync(packed, { maxOutputLength: Math.max(1, Math.min(entry.sizeBytes, left)) })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw bomb(entry)
      throw malformed('a member cannot be inflated')
    }
  }

  function unpack(entry: Entry): Buffer {
    if (entry.isEncrypted) throw new VillageError('DOCUMENT_ENCRYPTED')
    const isTooDense = entry.sizeBytes > RATIO_FREE_BYTES && entry.sizeBytes > entry.packedBytes * MAX_RATIO
    if (entry.sizeBytes > left || isTooDense) throw bomb(entry)
    const { headerAt } = entry
    if (headerAt + 30 > bytes.length || bytes.readUInt32LE(headerAt) !== LOCAL_SIGNATURE)
      throw malformed('a member lies outside of it')
    const start = headerAt + 30 + bytes.readUInt16LE(headerAt + 26) + bytes.readUInt16LE(headerAt + 28)
    if (start + entry.packedBytes > bytes.length) throw malformed('a member is cut off')
    const packed = bytes.subarray(start, start + entry.packedBytes)
    if (entry.method !== STORED && entry.method !== DEFLATED)
      throw malformed('it is packed in an unknown way')
    const unpacked = entry.method === STORED ? packed : inflate(entry, packed)
    if (unpacked.length !== entry.sizeBytes || crc32(unpacked) !== entry.crc)
      throw malformed('a checksum is wrong')
    left -= unpacked.length
    return unpacked
  }

  return {
    names: [...entries.keys()],
    has: (name) => entries.has(name),
    read(name) {
      const entry = entries.get(name)
      return entry === undefined ? null : unpack(entry)
    },
  }
}
