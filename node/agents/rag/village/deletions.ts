/** Which chunks of a segment are deleted: rising numbers, each written as a varint of its distance to the one before. */
import { VillageError } from '../../../errors.ts'

/** `chunks` must rise. */
export function encodeDeletions(chunks: readonly number[]): Uint8Array {
  const out: number[] = []
  let before = -1
  for (const chunk of chunks) {
    let distance = chunk - before - 1
    before = chunk
    while (distance >= 0x80) {
      out.push((distance & 0x7f) | 0x80)
      distance >>>= 7
    }
    out.push(distance)
  }
  return Uint8Array.from(out)
}

/** `count` is the number of chunks of the segment. Throws PROTOCOL_MALFORMED for bytes that encodeDeletions does not write. */
export function decodeDeletions(bytes: Uint8Array, count: number): number[] {
  const malformed = () => new VillageError('PROTOCOL_MALFORMED', 'A list of deleted chunks is not valid')
  const chunks: number[] = []
  let before = -1
  for (let position = 0; position < bytes.length; ) {
    let distance = 0
    let scale = 1
    for (;;) {
      const byte = bytes[position++]
      if (byte === undefined || scale > 2 ** 28) throw malformed()
      distance += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if (byte === 0 && scale > 1) throw malformed() // a longer form of the same number
        break
      }
      scale *= 128
    }
    before += distance + 1
    if (before >= count) throw malformed()
    chunks.push(before)
  }
  return chunks
}
