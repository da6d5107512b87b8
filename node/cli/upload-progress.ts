import { type Readable, Transform } from 'node:stream'
import { bytes } from './format.ts'
import type { Progress } from './progress.ts'

/** The same bytes, counted into a progress bar as they are sent. */
export function withUploadProgress(source: Readable, totalBytes: number, progress: Progress): Readable {
  let sentBytes = 0
  const counter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sentBytes += chunk.byteLength
      progress.update(totalBytes === 0 ? 1 : sentBytes / totalBytes, bytes(sentBytes), sentBytes)
      done(null, chunk)
    },
  })
  counter.once('close', () => progress.stop())
  source.once('error', (error) => counter.destroy(error))
  return source.pipe(counter)
}
