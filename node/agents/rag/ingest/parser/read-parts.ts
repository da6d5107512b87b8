/** Reads a file from its beginning to its end in parts that do not cut a line where that can be helped. */
import { readSync } from 'node:fs'
import { detectEncoding } from '../formats/decode-text.ts'

const LINE_FEED = 10

/** Length of the longest beginning that ends behind a line (best: behind an empty one), or at least behind a character. */
function cutLength(buffer: Buffer, length: number, width: 1 | 2, isBigEndian: boolean): number {
  // An empty line in the last quarter makes a better border than the last line.
  let lastLine = 0
  for (let i = length - width; i >= length >> 1; i -= width) {
    if (!isLineFeed(buffer, i, width, isBigEndian)) continue
    if (lastLine === 0) lastLine = i + width
    if (i < (length >> 2) * 3) break
    if (i >= width && isLineFeed(buffer, i - width, width, isBigEndian)) return i + width
  }
  if (lastLine > 0) return lastLine
  if (width === 2) return length
  // No line at all: not within a character of UTF-8, which is at most four bytes.
  for (let i = length; i > length - 4; i--) if ((buffer[i - 1]! & 0x80) === 0) return i
  for (let i = length - 1; i > length - 4; i--) if ((buffer[i]! & 0xc0) === 0xc0) return i
  return length
}

function isLineFeed(buffer: Buffer, at: number, width: 1 | 2, isBigEndian: boolean): boolean {
  if (width === 1) return buffer[at] === LINE_FEED
  return isBigEndian
    ? buffer[at] === 0 && buffer[at + 1] === LINE_FEED
    : buffer[at] === LINE_FEED && buffer[at + 1] === 0
}

/**
 * Parts of at most `partBytes` (an even number), together exactly the first `sizeBytes` of the file, or all of it where it is
 * shorter: what is added to a log meanwhile is for the next time. Throws BINARY_FILE when the first part is no text.
 */
export async function* readParts(
  handle: number,
  partBytes: number,
  sizeBytes: number,
): AsyncGenerator<Buffer> {
  // Small files are many: a part for each would keep the collector busy.
  const capacity = Math.min(partBytes, sizeBytes + (sizeBytes % 2))
  const buffer = Buffer.allocUnsafe(capacity)
  let held = 0
  let left = sizeBytes
  let width: 1 | 2 | null = null
  let isBigEndian = false
  for (;;) {
    const bytesRead = readSync(handle, buffer, held, Math.min(capacity - held, left), null)
    left = bytesRead === 0 ? 0 : left - bytesRead
    held += bytesRead
    if (left > 0 && held < capacity) continue
    if (held === 0) return
    if (width === null) {
      const encoding = detectEncoding(buffer.subarray(0, held), left === 0)
      width = encoding.startsWith('utf-16') ? 2 : 1
      isBigEndian = encoding === 'utf-16be'
    }
    if (left === 0) {
      yield buffer.subarray(0, held)
      return
    }
    const length = cutLength(buffer, held, width, isBigEndian)
    // A copy: the parser may keep what it got while the next part is read.
    yield Buffer.from(buffer.subarray(0, length))
    buffer.copy(buffer, 0, length, held)
    held -= length
  }
}
