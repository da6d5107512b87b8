/** Ascending indices as varints of the gaps between them: one byte each where one in a hundred is kept. */
import { VillageError } from '../../errors.ts'

const MORE = 0x80
/** Of a number below 2³². */
const MAX_VARINT_BYTES = 5

export function writeGaps(indices: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(indices.length * MAX_VARINT_BYTES)
  let at = 0
  let next = 0
  for (const index of indices) {
    let gap = index - next
    for (; gap >= MORE; gap = Math.floor(gap / MORE)) bytes[at++] = (gap % MORE) | MORE
    bytes[at++] = gap
    next = index + 1
  }
  return bytes.slice(0, at)
}

function malformed(reason: string): VillageError {
  return new VillageError('UPDATE_MALFORMED', `An update is malformed: ${reason}`)
}

/** Throws UPDATE_MALFORMED for indices that are not below `elements`, and for a varint that is longer than it need be. */
export function readGaps(
  bytes: Uint8Array,
  init: { start: number; count: number; elements: number },
): { indices: Uint32Array; end: number } {
  const { start, count, elements } = init
  if (count > bytes.length - start) throw malformed('it is cut off')
  const indices = new Uint32Array(count)
  let at = start
  let next = 0
  for (let i = 0; i < count; i++) {
    let gap = 0
    let factor = 1
    for (let length = 1; ; length++) {
      const byte = bytes[at++]
      if (byte === undefined) throw malformed('it is cut off')
      gap += (byte % MORE) * factor
      factor *= MORE
      if (byte < MORE) {
        if (byte === 0 && length > 1) throw malformed('an index is longer than it need be')
        break
      }
      if (length === MAX_VARINT_BYTES) throw malformed('an index is too long')
    }
    const index = next + gap
    if (index >= elements) throw malformed('an index lies outside the model')
    indices[i] = index
    next = index + 1
  }
  return { indices, end: at }
}
