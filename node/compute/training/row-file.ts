/**
 * Rows of training data in a file: tokens of two bytes where the vocabulary allows it, else of four, the highest bit set on
 * those that are not learned. Little-endian, no header: what it holds is in the description beside it (prepare-data.ts).
 */
import { closeSync, fstatSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs'
import { VillageError } from '../../errors.ts'
import type { Row } from './packing.ts'

const SMALL_VOCABULARY = 0x8000
const SILENT = 0x80000000
const SMALL_SILENT = 0x8000
const BUFFERED_BYTES = 2 ** 20

export const tokenBytes = (vocabulary: number): 2 | 4 => (vocabulary <= SMALL_VOCABULARY ? 2 : 4)

export interface RowWriter {
  write(row: Row): void
  rows(): number
  /** On the disk when it returns. */
  end(): void
  close(): void
}

export function createRowWriter(file: string, vocabulary: number): RowWriter {
  const fd = openSync(file, 'w')
  const isSmall = tokenBytes(vocabulary) === 2
  const waiting: Uint8Array[] = []
  let waitingBytes = 0
  let rows = 0
  let open = true
  function flush(): void {
    const bytes = Buffer.concat(waiting.splice(0))
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
    waitingBytes = 0
  }
  return {
    write(row) {
      const words = isSmall
        ? Uint16Array.from(row, (token) => (token >= SILENT ? (token & 0x7fff) | SMALL_SILENT : token))
        : row.slice()
      waiting.push(new Uint8Array(words.buffer))
      waitingBytes += words.byteLength
      rows += 1
      if (waitingBytes >= BUFFERED_BYTES) flush()
    },
    rows: () => rows,
    end() {
      flush()
      fsyncSync(fd)
      this.close()
    },
    close() {
      if (open) closeSync(fd)
      open = false
    },
  }
}

export interface RowFile extends Disposable {
  readonly rows: number
  row(index: number): Row
}

/** Throws DATA_CORRUPT for a file that has not the rows that it should. */
export function openRowFile(
  file: string,
  init: { length: number; rows: number; vocabulary: number },
): RowFile {
  const size = init.length + 1
  const bytes = tokenBytes(init.vocabulary)
  const rowBytes = size * bytes
  const fd = openSync(file, 'r')
  if (fstatSync(fd).size !== init.rows * rowBytes) {
    closeSync(fd)
    throw new VillageError(
      'DATA_CORRUPT',
      'The prepared data of a training have another size than they should',
    )
  }
  const buffer = new ArrayBuffer(rowBytes)
  return {
    rows: init.rows,
    row(index) {
      const read = readSync(fd, new Uint8Array(buffer), 0, rowBytes, index * rowBytes)
      if (read !== rowBytes) throw new VillageError('DATA_CORRUPT', 'A row of training data is missing')
      if (bytes === 4) return new Uint32Array(buffer.slice(0))
      return Uint32Array.from(new Uint16Array(buffer), (token) =>
        token >= SMALL_SILENT ? ((token & 0x7fff) | SILENT) >>> 0 : token,
      )
    },
    [Symbol.dispose]: () => closeSync(fd),
  }
}
