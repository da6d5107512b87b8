/** Bytes to text: which encoding they are in, and whether they are text at all. */
import { VillageError } from '../../../../errors.ts'

export type TextEncoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252'

/** A binary file has them early; the rest of a long text is checked as it is read. */
const SAMPLE_BYTES = 64 * 1024
/** No text has more control characters than this; every compressed or compiled file has. */
const MAX_CONTROL_SHARE = 0.01

/** First bytes of what people rename by mistake: a name that says text does not make it one. */
const SIGNATURES: readonly { readonly name: string; readonly bytes: readonly number[] }[] = [
  { name: 'PDF', bytes: [0x25, 0x50, 0x44, 0x46, 0x2d] },
  { name: 'zip', bytes: [0x50, 0x4b, 0x03, 0x04] },
  { name: 'gzip', bytes: [0x1f, 0x8b, 0x08] },
  { name: 'zstd', bytes: [0x28, 0xb5, 0x2f, 0xfd] },
  { name: 'xz', bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a] },
  { name: '7-zip', bytes: [0x37, 0x7a, 0xbc, 0xaf] },
  { name: 'RAR', bytes: [0x52, 0x61, 0x72, 0x21, 0x1a] },
  { name: 'PNG', bytes: [0x89, 0x50, 0x4e, 0x47] },
  { name: 'JPEG', bytes: [0xff, 0xd8, 0xff] },
  { name: 'GIF', bytes: [0x47, 0x49, 0x46, 0x38] },
  { name: 'ELF', bytes: [0x7f, 0x45, 0x4c, 0x46] },
  { name: 'SQLite', bytes: [0x53, 0x51, 0x4c, 0x69, 0x74, 0x65, 0x20, 0x66] },
  { name: 'OLE', bytes: [0xd0, 0xcf, 0x11, 0xe0] },
]

/** The name of a binary format by its first bytes, or null. */
export function signatureOf(head: Uint8Array): string | null {
  const found = SIGNATURES.find(({ bytes }) => bytes.every((byte, i) => head[i] === byte))
  return found?.name ?? null
}

export interface DecodedText {
  readonly text: string
  readonly encoding: TextEncoding
  readonly warnings: string[]
}

function byteOrderMark(bytes: Uint8Array): TextEncoding | null {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le'
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be'
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return 'utf-8'
  return null
}

/** UTF-16 of a European text without a mark has a zero in every second byte, and nearly none in the others. */
function utf16ByZeros(sample: Uint8Array): TextEncoding | null {
  let even = 0
  let odd = 0
  for (let i = 0; i + 1 < sample.length; i += 2) {
    if (sample[i] === 0) even++
    if (sample[i + 1] === 0) odd++
  }
  const pairs = sample.length >> 1
  if (pairs < 8) return null
  if (odd > pairs * 0.7 && even < pairs * 0.02) return 'utf-16le'
  if (even > pairs * 0.7 && odd < pairs * 0.02) return 'utf-16be'
  return null
}

function checkControlCharacters(sample: Uint8Array): void {
  let controls = 0
  // By index: an iterator over millions of bytes takes five times as long.
  for (let i = 0; i < sample.length; i++) {
    const byte = sample[i]!
    if (byte >= 32) continue
    if (byte === 0) throw new VillageError('BINARY_FILE', 'The file has zero bytes: it is not text.')
    // Tab, line feed, form feed, carriage return and escape (coloured logs) are at home in texts.
    if (byte !== 9 && byte !== 10 && byte !== 12 && byte !== 13 && byte !== 27) controls++
  }
  if (controls > Math.max(2, sample.length * MAX_CONTROL_SHARE))
    throw new VillageError('BINARY_FILE', 'The file is full of control characters: it is not text.')
}

function isUtf8(bytes: Uint8Array, isWhole: boolean): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: !isWhole })
    return true
  } catch {
    return false
  }
}

/**
 * By its byte order mark, else UTF-8 where it is valid, else Windows-1252 (of which Latin-1 is a part), a guess. Throws
 * BINARY_FILE. `isWhole` false: more bytes follow, so that a character may be cut at the end.
 */
export function detectEncoding(bytes: Uint8Array, isWhole: boolean): TextEncoding {
  const marked = byteOrderMark(bytes)
  if (marked === 'utf-16le' || marked === 'utf-16be') return marked
  const binary = signatureOf(bytes)
  if (binary !== null)
    throw new VillageError('BINARY_FILE', `The file is named like text but begins like ${binary}.`)
  const sample = bytes.subarray(0, SAMPLE_BYTES)
  const wide = utf16ByZeros(sample)
  if (wide !== null) return wide
  checkControlCharacters(sample)
  return isUtf8(bytes, isWhole) ? 'utf-8' : 'windows-1252'
}

const GUESSED =
  'The text is not valid UTF-8 and was read as Windows-1252 (Latin-1); check letters with accents.'

/** Text with line feeds as line ends and without a byte order mark. Throws BINARY_FILE. */
export function decodeText(bytes: Uint8Array, known: TextEncoding | null = null): DecodedText {
  const encoding = known ?? detectEncoding(bytes, true)
  // Later parts of a long text were not in the sample.
  if (known !== null && !known.startsWith('utf-16')) checkControlCharacters(bytes)
  const text = new TextDecoder(encoding).decode(bytes)
  const warnings: string[] = []
  if (encoding === 'windows-1252') warnings.push(GUESSED)
  else if (text.includes('\ufffd')) warnings.push(`Some bytes are not valid ${encoding} and were replaced.`)
  return { text: normalizeLines(text), encoding, warnings }
}

export function normalizeLines(text: string): string {
  return text.includes('\r') ? text.replace(/\r\n?/g, '\n') : text
}
