/** Makes the neighbour graph of a segment in small steps, so that the thread that writes can do something else between them. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, statSync } from 'node:fs'
import { fromHalfBits } from '../../../compute/reference/f16.ts'
import { toVillageError } from '../../../errors.ts'
import { syncDirectory, TEMPORARY_SUFFIX, writeDurably } from '../index/durable-files.ts'
import { createGraphIndex, encodeNote, graphFile, graphNoteFile, hashFile } from './graph-file.ts'
import type { VectorFile } from './vector-file.ts'

/** A step of this many rows takes some 20 ms. */
const STEP_ROWS = 128

let floats: Float32Array | undefined
const floatOf = (): Float32Array =>
  (floats ??= Float32Array.from({ length: 65_536 }, (_, bits) => fromHalfBits(bits)))

/**
 * Yields between steps; the graph is there when it ends. Throws DISK_FULL, DATA_DIR_READ_ONLY, SEGMENT_CORRUPT; without a graph a
 * search is exact. Rows that are no finite vector are left out.
 */
export function* buildGraph(directory: string, segment: string, vectors: VectorFile): Generator<void> {
  const { chunks, dims } = vectors
  const index = createGraphIndex(dims)
  const halves = new Uint16Array(STEP_ROWS * dims)
  const table = floatOf()
  for (let first = 0; first < chunks; first += STEP_ROWS) {
    const count = Math.min(STEP_ROWS, chunks - first)
    vectors.read(first, count, halves)
    const rows = new Float32Array(count * dims)
    const keys = new BigUint64Array(count)
    let kept = 0
    for (let row = 0; row < count; row++) {
      let square = 0
      for (let col = 0; col < dims; col++) {
        const value = table[halves[row * dims + col]!]!
        rows[kept * dims + col] = value
        square += value * value
      }
      if (square > 0 && square < 2) keys[kept++] = BigInt(first + row)
    }
    if (kept > 0) index.add(keys.subarray(0, kept), rows.subarray(0, kept * dims), 1)
    yield
  }
  const file = graphFile(directory, segment)
  const temporary = `${file}${TEMPORARY_SUFFIX}`
  try {
    index.save(temporary)
    const fd = openSync(temporary, 'r+')
    try {
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    const note = encodeNote({
      rows: index.size(),
      sizeBytes: statSync(temporary).size,
      sha256: hashFile(temporary),
    })
    renameSync(temporary, file)
    writeDurably(graphNoteFile(directory, segment), note)
    syncDirectory(directory)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw toVillageError(error)
  }
}
