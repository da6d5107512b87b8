/**
 * The container of packed weights: one slice (a contiguous range of rows) of one tensor.
 *
 * Little-endian: "VSLC" · version u8 = 1 · codec id u8 · length of the parameters u16 · rows u32 · cols u32 ·
 * length of the payload u32 · CRC-32 u32 of everything else · parameters as canonical JSON · payload. The
 * payload is a whole number of bytes for each row, in order, so that slices of a tensor join by appending
 * their payloads.
 */
import { crc32 } from 'node:zlib'
import { VillageError } from '../../errors.ts'
import { canonicalJson, isJsonObject, type JsonObject } from '../../json.ts'
import type { CodecParams } from './codec.ts'
import { MAX_SLICE_WEIGHTS } from './tensor-stats.ts'

const MAGIC = 0x434c5356 // "VSLC"
const VERSION = 1
export const HEADER_BYTES = 24
const CHECKSUM_AT = 20
const MAX_PARAMS_BYTES = 1024
const MAX_PAYLOAD_BYTES = 2 ** 31

export interface Slice {
  readonly codecId: number
  readonly rows: number
  readonly cols: number
  readonly params: CodecParams
  /** A view of the blob. */
  readonly payload: Uint8Array
}

export function malformed(detail: string): VillageError {
  return new VillageError('CODEC_MALFORMED', `The packed weights are not valid: ${detail}.`)
}

export function writeSlice(slice: Slice): Uint8Array {
  const params = new TextEncoder().encode(canonicalJson(slice.params))
  const packed = new Uint8Array(HEADER_BYTES + params.length + slice.payload.length)
  const view = new DataView(packed.buffer)
  view.setUint32(0, MAGIC, true)
  view.setUint8(4, VERSION)
  view.setUint8(5, slice.codecId)
  view.setUint16(6, params.length, true)
  view.setUint32(8, slice.rows, true)
  view.setUint32(12, slice.cols, true)
  view.setUint32(16, slice.payload.length, true)
  packed.set(params, HEADER_BYTES)
  packed.set(slice.payload, HEADER_BYTES + params.length)
  view.setUint32(CHECKSUM_AT, checksum(packed), true)
  return packed
}

/**
 * Reads a blob that may come from anybody; what the payload holds is for its codec to check. Throws
 * CODEC_MALFORMED.
 */
export function readSlice(packed: Uint8Array): Slice {
  if (packed.length < HEADER_BYTES) throw malformed('they are shorter than their header')
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength)
  if (view.getUint32(0, true) !== MAGIC) throw malformed('they do not begin with VSLC')
  if (view.getUint8(4) !== VERSION) throw malformed(`version ${view.getUint8(4)} is not known`)
  const paramsLength = view.getUint16(6, true)
  const rows = view.getUint32(8, true)
  const cols = view.getUint32(12, true)
  const payloadLength = view.getUint32(16, true)
  if (paramsLength > MAX_PARAMS_BYTES || payloadLength > MAX_PAYLOAD_BYTES)
    throw malformed('a length is too large')
  if (rows === 0 || cols === 0 || rows * cols > MAX_SLICE_WEIGHTS)
    throw malformed('the shape is out of bounds')
  if (packed.length !== HEADER_BYTES + paramsLength + payloadLength) throw malformed('a length does not fit')
  if (view.getUint32(CHECKSUM_AT, true) !== checksum(packed)) throw malformed('the checksum is wrong')
  const payloadAt = HEADER_BYTES + paramsLength
  return {
    codecId: view.getUint8(5),
    rows,
    cols,
    params: readParamsText(packed.subarray(HEADER_BYTES, payloadAt)),
    payload: packed.subarray(payloadAt),
  }
}

/**
 * Joins slices of one tensor, in the order of their rows, into one slice. Throws INVALID_ARGUMENT for none,
 * CODEC_MALFORMED where one is damaged or they are not of one tensor, codec and parameters.
 */
export function joinSlices(blobs: readonly Uint8Array[]): Uint8Array {
  const slices = blobs.map(readSlice)
  const first = slices[0]
  if (first === undefined)
    throw new VillageError('INVALID_ARGUMENT', 'There are no slices to join.', {
      fields: { argument: 'slices' },
    })
  const params = canonicalJson(first.params)
  for (const slice of slices)
    if (
      slice.codecId !== first.codecId ||
      slice.cols !== first.cols ||
      canonicalJson(slice.params) !== params
    )
      throw malformed('the slices are not of one tensor')
  const rows = slices.reduce((sum, slice) => sum + slice.rows, 0)
  if (rows * first.cols > MAX_SLICE_WEIGHTS) throw malformed('the joined shape is out of bounds')
  const payload = new Uint8Array(slices.reduce((sum, slice) => sum + slice.payload.length, 0))
  let at = 0
  for (const slice of slices) {
    payload.set(slice.payload, at)
    at += slice.payload.length
  }
  return writeSlice({ ...first, rows, payload })
}

function checksum(packed: Uint8Array): number {
  return crc32(packed.subarray(HEADER_BYTES), crc32(packed.subarray(0, CHECKSUM_AT)))
}

/** One text for one value: anything but canonical JSON of a flat object is refused. */
function readParamsText(bytes: Uint8Array): JsonObject {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    const params: unknown = JSON.parse(text)
    if (isJsonObject(params) && Object.values(params).every(isScalar) && canonicalJson(params) === text)
      return params
  } catch {
    // Not UTF-8 or not JSON: the same answer.
  }
  throw malformed('the parameters are not canonical JSON')
}

function isScalar(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
}
