/**
 * Updates as bytes, smaller than float32 where that is asked for. Little-endian:
 *
 *   4 bytes  "VFU1"
 *   u8       codec: 0 none, 1 int8, 2 top-k, 3 top-k with int8 values
 *   u8       0
 *   u16      values of a block that share a scale, 0 for codecs without
 *   u32      elements of the update
 *   u32      values that follow: all of them, or k
 *   top-k    k gaps as varints (LEB128): the first index, then each index minus the one before, minus 1
 *   values   float32 each; or for int8 a float32 scale by block, then one signed byte each: value = scale · byte
 *
 * int8 rounds at random, up with the probability of the rest (QSGD, Alistarh et al., arXiv 1610.02132, section 3.1), so that
 * what many clients send is right on average; the random words come from Philox, so that an update has one form.
 */
import type { CounterRandom } from '../../compute/training/philox.ts'
import { VillageError } from '../../errors.ts'
import { readGaps, writeGaps } from './index-gaps.ts'

export const UPDATE_CODECS = ['none', 'int8', 'topk', 'topk-int8'] as const
export type UpdateCodec = (typeof UPDATE_CODECS)[number]

export interface UpdateCompression {
  readonly codec: UpdateCodec
  /** Share of the values that top-k keeps, those of the largest magnitude. */
  readonly share: number
}

const MAGIC = 0x31554656
const HEAD_BYTES = 16
const BLOCK = 256
const LARGEST_BYTE = 127

const isSparse = (codec: UpdateCodec) => codec === 'topk' || codec === 'topk-int8'
const isInt8 = (codec: UpdateCodec) => codec === 'int8' || codec === 'topk-int8'
const int8Bytes = (count: number) => Math.ceil(count / BLOCK) * 4 + count

function malformed(reason: string): VillageError {
  return new VillageError('UPDATE_MALFORMED', `An update is malformed: ${reason}`)
}

/** Of an update of so many elements, at most: what a receiver has to be ready for. */
export function maxUpdateBytes(elements: number): number {
  // An index takes five bytes at most, and a value four.
  return HEAD_BYTES + elements * 9
}

/** Indices of the `count` values of the largest magnitude, in ascending order; of equals the first. */
export function largest(values: Float32Array, count: number): Uint32Array {
  const magnitudes = values.map(Math.abs).sort()
  const threshold = magnitudes[magnitudes.length - count]!
  let equal = count
  for (let i = magnitudes.length - 1; i >= 0 && magnitudes[i]! > threshold; i--) equal--
  const kept = new Uint32Array(count)
  let at = 0
  for (let i = 0; i < values.length && at < count; i++) {
    const magnitude = Math.abs(values[i]!)
    if (magnitude > threshold || (magnitude === threshold && equal-- > 0)) kept[at++] = i
  }
  return kept
}

/** Throws UPDATE_MALFORMED for values that are no finite numbers. */
export function encodeUpdate(
  update: Float32Array,
  { codec, share }: UpdateCompression,
  random: CounterRandom,
): Uint8Array {
  for (const value of update) if (!Number.isFinite(value)) throw malformed('a value is no finite number')
  const count = isSparse(codec) ? Math.max(1, Math.ceil(share * update.length)) : update.length
  const indices = isSparse(codec) ? largest(update, count) : null
  const values = indices === null ? update : Float32Array.from(indices, (index) => update[index]!)
  const gaps = indices === null ? new Uint8Array(0) : writeGaps(indices)
  const valueBytes = isInt8(codec) ? int8Bytes(count) : 4 * count
  const bytes = new Uint8Array(HEAD_BYTES + gaps.length + valueBytes)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, MAGIC, true)
  view.setUint8(4, UPDATE_CODECS.indexOf(codec))
  view.setUint16(6, isInt8(codec) ? BLOCK : 0, true)
  view.setUint32(8, update.length, true)
  view.setUint32(12, count, true)
  bytes.set(gaps, HEAD_BYTES)
  const at = HEAD_BYTES + gaps.length
  if (isInt8(codec)) writeInt8(view, at, values, random)
  else for (let i = 0; i < count; i++) view.setFloat32(at + 4 * i, values[i]!, true)
  return bytes
}

function writeInt8(view: DataView, start: number, values: Float32Array, random: CounterRandom): void {
  const blocks = Math.ceil(values.length / BLOCK)
  const bytesAt = start + 4 * blocks
  for (let block = 0; block < blocks; block++) {
    const from = block * BLOCK
    const to = Math.min(values.length, from + BLOCK)
    let peak = 0
    for (let i = from; i < to; i++) peak = Math.max(peak, Math.abs(values[i]!))
    const scale = Math.fround(peak / LARGEST_BYTE)
    view.setFloat32(start + 4 * block, scale, true)
    for (let i = from; i < to; i++) {
      const exact = scale === 0 ? 0 : values[i]! / scale
      const below = Math.floor(exact)
      const up = random.word(i) / 2 ** 32 < exact - below ? 1 : 0
      view.setInt8(bytesAt + i, Math.max(-LARGEST_BYTE, Math.min(LARGEST_BYTE, below + up)))
    }
  }
}

/**
 * The update of `elements` values, in the codec that was agreed. Throws UPDATE_MALFORMED for anything but what encodeUpdate()
 * writes; numbers that are not finite among it.
 */
export function decodeUpdate(bytes: Uint8Array, codec: UpdateCodec, elements: number): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < HEAD_BYTES || view.getUint32(0, true) !== MAGIC) throw malformed('it is no update')
  if (view.getUint8(4) !== UPDATE_CODECS.indexOf(codec)) throw malformed('its codec is not the agreed one')
  if (view.getUint8(5) !== 0 || view.getUint16(6, true) !== (isInt8(codec) ? BLOCK : 0))
    throw malformed('its header has a field of another version')
  if (view.getUint32(8, true) !== elements) throw malformed('it has another number of values than the model')
  const count = view.getUint32(12, true)
  if (isSparse(codec) ? count < 1 || count > elements : count !== elements)
    throw malformed('its count of values does not fit')
  const { indices, end } = isSparse(codec)
    ? readGaps(bytes, { start: HEAD_BYTES, count, elements })
    : { indices: null, end: HEAD_BYTES }
  if (bytes.length !== end + (isInt8(codec) ? int8Bytes(count) : 4 * count))
    throw malformed('its length is another')
  const update = new Float32Array(elements)
  const blocks = Math.ceil(count / BLOCK)
  for (let i = 0; i < count; i++) {
    const value = isInt8(codec)
      ? view.getFloat32(end + 4 * Math.floor(i / BLOCK), true) * view.getInt8(end + 4 * blocks + i)
      : view.getFloat32(end + 4 * i, true)
    if (!Number.isFinite(value) || !Number.isFinite(Math.fround(value)))
      throw malformed('a value is no finite number')
    update[indices === null ? i : indices[i]!] = value
  }
  return update
}
