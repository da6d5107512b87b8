/** Which files go to a parser process together: small ones of simple formats, so that a message costs less than a file. */
import { formatOf } from '../formats/table.ts'
import type { SourceFile } from '../parsed-file.ts'

const SMALL_BYTES = 64 * 1024
const BATCH_FILES = 64
const BATCH_BYTES = 512 * 1024

/** Parsed in a moment, whatever is in it. */
function isSmall(file: SourceFile): boolean {
  const format = formatOf(file.source)
  if (format === null) return true
  return file.sizeBytes <= SMALL_BYTES && format.content === 'text' && format.name !== 'html'
}

export interface Batches {
  /** Empty at the end. One call after the other, even when several wait. */
  next(): Promise<readonly SourceFile[]>
  /** Ends what the files come from. */
  close(): Promise<void>
}

export function createBatches(files: AsyncIterable<SourceFile> | Iterable<SourceFile>): Batches {
  const source =
    Symbol.asyncIterator in files
      ? files[Symbol.asyncIterator]()
      : (files as Iterable<SourceFile>)[Symbol.iterator]()
  let held: SourceFile | null = null
  let isEnded = false
  let last: Promise<unknown> = Promise.resolve()

  async function take(): Promise<SourceFile | null> {
    if (held !== null) {
      const file = held
      held = null
      return file
    }
    if (isEnded) return null
    const { value, done } = await source.next()
    if (done) isEnded = true
    return done ? null : value
  }

  async function collect(): Promise<readonly SourceFile[]> {
    const batch: SourceFile[] = []
    let bytes = 0
    for (;;) {
      const file = await take()
      if (file === null) return batch
      const fits = batch.length === 0 || (isSmall(file) && bytes + file.sizeBytes <= BATCH_BYTES)
      if (!fits) {
        held = file
        return batch
      }
      batch.push(file)
      bytes += file.sizeBytes
      if (!isSmall(file) || batch.length >= BATCH_FILES) return batch
    }
  }

  return {
    next() {
      const turn = last.then(collect)
      last = turn.catch(() => {})
      return turn
    },
    async close() {
      isEnded = true
      await source.return?.()
    },
  }
}
