import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createUploadLimit } from '../../../node/mesh/artifacts/upload-limit.ts'
import { codeOf } from '../../helpers/artifact-nodes.ts'

const SIZES = { minChunkBytes: 16, maxChunkBytes: 1024 }
const signal = new AbortController().signal

const limit = suite('upload limit')

limit('no limit: nothing waits, chunks are large', async () => {
  const free = createUploadLimit({ ...SIZES, bytesPerSecond: null, now: () => 0 })
  assert.is(free.chunkBytes, 1024)
  await free.take(2 ** 40, signal)
})

limit('chunks take a quarter of a second, within their bounds', () => {
  const chunkBytes = (bytesPerSecond: number) =>
    createUploadLimit({ ...SIZES, bytesPerSecond, now: () => 0 }).chunkBytes
  assert.equal([8, 400, 100_000].map(chunkBytes), [16, 100, 1024])
})

limit('what is over the rate waits, and can be aborted', async () => {
  let now = 0
  const limited = createUploadLimit({ ...SIZES, bytesPerSecond: 1000, now: () => now })
  await limited.take(250, signal) // the burst
  const abort = new AbortController()
  const waiting = codeOf(limited.take(3_600_000, abort.signal))
  abort.abort()
  assert.is(await waiting, 'AbortError')
  // Once the time has passed it is free again.
  now = 3_700_000
  await limited.take(250, signal)
})

limit.run()
