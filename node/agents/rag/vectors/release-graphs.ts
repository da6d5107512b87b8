/**
 * The library of the graphs gives memory back when its object is collected, and V8, which does not know how large it is, sees no reason to.
 * So the thread that has made a graph collects at once.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { loadKernels } from '../../../compute/kernels.ts'

let collect: (() => void) | undefined

/** Frees the graphs that this thread holds no more; takes some 20 ms. */
export function releaseGraphs(): void {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc')
    collect = runInNewContext('gc') as () => void
  }
  collect()
  // What was collected is freed when the event loop comes round.
  setImmediate(() => loadKernels().releaseMemory()).unref()
}
