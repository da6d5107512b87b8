/**
 * Which versions of the C and C++ libraries a program or shared library asks of the machine (System V ABI, ELF-64; symbol
 * versions: LSB 5.0, "Version Requirements"): what the least glibc of a bundle is made from.
 */

const MAGIC = 0x7f454c46
const CLASS_64 = 2
const LITTLE_ENDIAN = 1
const VERSION_NEEDS = 0x6ffffffe
const SECTION_HEADER_BYTES = 64

function cString(bytes: Buffer, at: number): string {
  const end = bytes.indexOf(0, at)
  if (at >= bytes.length || end < 0) throw new RangeError('a name ends beyond the file')
  return bytes.toString('latin1', at, end)
}

/**
 * `GLIBC_2.34` and the like, in the file's order; empty for what needs none. null: not a 64-bit little-endian ELF file.
 * Throws RangeError where the file's tables lead out of it.
 */
export function versionsNeeded(bytes: Buffer): readonly string[] | null {
  if (bytes.length < 64 || bytes.readUInt32BE(0) !== MAGIC) return null
  if (bytes[4] !== CLASS_64 || bytes[5] !== LITTLE_ENDIAN) return null
  const sections = Number(bytes.readBigUInt64LE(40))
  const count = bytes.readUInt16LE(60)
  const header = (index: number) => {
    const at = sections + index * SECTION_HEADER_BYTES
    return {
      type: bytes.readUInt32LE(at + 4),
      offset: Number(bytes.readBigUInt64LE(at + 24)),
      link: bytes.readUInt32LE(at + 40),
      entries: bytes.readUInt32LE(at + 44),
    }
  }
  const needed: string[] = []
  for (let index = 0; index < count; index += 1) {
    const section = header(index)
    if (section.type !== VERSION_NEEDS) continue
    const names = header(section.link).offset
    let library = section.offset
    for (let left = section.entries; left > 0; left -= 1) {
      let version = library + bytes.readUInt32LE(library + 8)
      for (let more = bytes.readUInt16LE(library + 2); more > 0; more -= 1) {
        needed.push(cString(bytes, names + bytes.readUInt32LE(version + 8)))
        version += bytes.readUInt32LE(version + 12)
      }
      library += bytes.readUInt32LE(library + 12)
    }
  }
  return needed
}

const parts = (version: string) => version.split('.').map(Number)

/** Whether dotted version `one` comes before `other`. */
export function isOlder(one: string, other: string): boolean {
  const [left, right] = [parts(one), parts(other)]
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0)
    if (difference !== 0) return difference < 0
  }
  return false
}

/** The newest of `PREFIX_x.y.z` among needed versions as `x.y.z`; null where none is asked for. */
export function newestNeeded(needed: readonly string[], prefix: 'GLIBC' | 'GLIBCXX'): string | null {
  let newest: string | null = null
  for (const text of needed) {
    const version = new RegExp(`^${prefix}_(\\d+(?:\\.\\d+)*)$`).exec(text)?.[1]
    if (version !== undefined && (newest === null || isOlder(newest, version))) newest = version
  }
  return newest
}
