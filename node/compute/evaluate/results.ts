import { VillageError } from '../../errors.ts'
import { suiteById, suiteByName } from './suites.ts'

/** Vectors of the items `start` to `start + count` of a suite, row-major, count × dims. */
export interface ResultSet {
  readonly suite: string
  readonly start: number
  readonly count: number
  readonly dims: number
  readonly vectors: Float32Array
}

/**
 * Wire form, version 1, little-endian:
 *
 * | offset | type    | field                         |
 * |--------|---------|-------------------------------|
 * | 0      | 4 bytes | "VEVR"                        |
 * | 4      | u16     | version, 1                    |
 * | 6      | u16     | id of the suite               |
 * | 8      | u32     | start                         |
 * | 12     | u32     | count                         |
 * | 16     | u32     | dims                          |
 * | 20     | f32     | count × dims finite numbers   |
 */
const MAGIC = 0x52564556
const VERSION = 1
const HEADER_BYTES = 20
const MAX_DIMS = 65_536
export const MAX_RESULT_BYTES = 256 * 1024 * 1024

function malformed(what: string): VillageError {
  return new VillageError('EVALUATION_RESULT_MALFORMED', `The evaluation result ${what}.`)
}

export function encodeResults(set: ResultSet): Uint8Array {
  if (set.vectors.length !== set.count * set.dims)
    throw new VillageError(
      'INVALID_ARGUMENT',
      'The vectors of an evaluation result do not have count × dims numbers.',
    )
  const bytes = new Uint8Array(HEADER_BYTES + set.vectors.byteLength)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, MAGIC, true)
  view.setUint16(4, VERSION, true)
  view.setUint16(6, suiteByName(set.suite).id, true)
  view.setUint32(8, set.start, true)
  view.setUint32(12, set.count, true)
  view.setUint32(16, set.dims, true)
  for (const [index, value] of set.vectors.entries()) view.setFloat32(HEADER_BYTES + index * 4, value, true)
  return bytes
}

/** Reads bytes that may come from anybody; EVALUATION_RESULT_MALFORMED says what is wrong. */
export function decodeResults(bytes: Uint8Array): ResultSet {
  if (bytes.length < HEADER_BYTES) throw malformed('is shorter than its header')
  if (bytes.length > MAX_RESULT_BYTES) throw malformed(`is longer than ${MAX_RESULT_BYTES} bytes`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view.getUint32(0, true) !== MAGIC) throw malformed('does not begin with its mark')
  const version = view.getUint16(4, true)
  if (version !== VERSION) throw malformed(`has version ${version} instead of ${VERSION}`)
  const suite = suiteById(view.getUint16(6, true))
  if (suite === undefined) throw malformed(`is of the unknown suite ${view.getUint16(6, true)}`)
  const start = view.getUint32(8, true)
  const count = view.getUint32(12, true)
  const dims = view.getUint32(16, true)
  if (count < 1 || start + count > suite.items)
    throw malformed(`has items ${start} to ${start + count} of ${suite.items}`)
  if (dims < 1 || dims > MAX_DIMS) throw malformed(`has ${dims} dims`)
  if (bytes.length !== HEADER_BYTES + count * dims * 4)
    throw malformed('does not have the length that it announces')
  const vectors = new Float32Array(count * dims)
  for (let i = 0; i < vectors.length; i++) {
    const value = view.getFloat32(HEADER_BYTES + i * 4, true)
    if (!Number.isFinite(value)) throw malformed('has a number that is not finite')
    vectors[i] = value
  }
  return { suite: suite.name, start, count, dims, vectors }
}

/**
 * Puts the parts of one evaluation together; a gap, an overlap or mixed shapes throw
 * EVALUATION_RESULT_MALFORMED.
 */
export function joinResults(parts: readonly ResultSet[]): ResultSet {
  const sorted = [...parts].sort((a, b) => a.start - b.start)
  const [first] = sorted
  if (first === undefined) throw malformed('has no parts')
  const count = sorted.reduce((sum, part) => sum + part.count, 0)
  const vectors = new Float32Array(count * first.dims)
  let next = first.start
  for (const part of sorted) {
    if (part.suite !== first.suite || part.dims !== first.dims)
      throw malformed('has parts of different shapes')
    if (part.start !== next) throw malformed(`has item ${Math.min(part.start, next)} twice or lacks it`)
    vectors.set(part.vectors, (part.start - first.start) * first.dims)
    next += part.count
  }
  return { suite: first.suite, start: first.start, count, dims: first.dims, vectors }
}

/**
 * Whether two results of the same items can both be right: onnxruntime rounds differently on different
 * machines, so each pair of vectors must have a cosine of at least `tolerance`, and lengths within the same
 * share of each other.
 */
export function compareResults(
  a: ResultSet,
  b: ResultSet,
  init: { tolerance: number },
): { agree: boolean; minCosine: number } {
  const same = a.suite === b.suite && a.start === b.start && a.count === b.count && a.dims === b.dims
  if (!same) return { agree: false, minCosine: -1 }
  let minCosine = 1
  let lengthsAgree = true
  for (let row = 0; row < a.count; row++) {
    let dot = 0
    let normA = 0
    let normB = 0
    for (let i = row * a.dims; i < (row + 1) * a.dims; i++) {
      dot += a.vectors[i]! * b.vectors[i]!
      normA += a.vectors[i]! ** 2
      normB += b.vectors[i]! ** 2
    }
    const cosine =
      normA === 0 && normB === 0 ? 1 : normA === 0 || normB === 0 ? 0 : dot / Math.sqrt(normA * normB)
    minCosine = Math.min(minCosine, cosine)
    lengthsAgree &&= Math.sqrt(Math.min(normA, normB)) >= init.tolerance * Math.sqrt(Math.max(normA, normB))
  }
  return { agree: lengthsAgree && minCosine >= init.tolerance, minCosine }
}
