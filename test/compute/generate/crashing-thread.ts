/** A model's thread that says it is ready and ends at the first request; the second time it is started it is the real one. */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'

const mark = join((workerData as { modelDir: string }).modelDir, 'crashed')
if (existsSync(mark)) await import('../../../node/compute/generate/engine-thread.ts')
else {
  parentPort!.on('message', () => {
    writeFileSync(mark, '')
    process.exit(7)
  })
  parentPort!.postMessage({ type: 'ready', residentBytes: 1 })
}
