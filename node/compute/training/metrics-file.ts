/** The figures of a training as JSON lines, one a step: they are kept with its result. */
import { closeSync, fstatSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { VillageError } from '../../errors.ts'

export interface MetricsWriter {
  append(metrics: object): void
  sizeBytes(): number
  close(): void
}

/** Goes on behind the first `keptBytes`: what came after them is made again. Throws DATA_CORRUPT where it is shorter. */
export function openMetricsWriter(file: string, keptBytes: number): MetricsWriter {
  const fd = openSync(file, keptBytes === 0 ? 'w' : 'r+')
  if (fstatSync(fd).size < keptBytes) {
    closeSync(fd)
    throw new VillageError('DATA_CORRUPT', 'The figures of a training are shorter than its checkpoint says')
  }
  ftruncateSync(fd, keptBytes)
  let at = keptBytes
  return {
    append(metrics) {
      const bytes = Buffer.from(`${JSON.stringify(metrics)}\n`)
      for (let done = 0; done < bytes.length; ) {
        const written = writeSync(fd, bytes, done, bytes.length - done, at)
        done += written
        at += written
      }
    },
    sizeBytes: () => at,
    close: () => closeSync(fd),
  }
}
