/** An index thread whose calls end when they are told to, or never. */
import { serveThread } from '../../node/agents/rag/index/serve-thread.ts'
import type { Steps } from '../../node/agents/rag/search-work.ts'

export type SteppingOperations = ReturnType<typeof createOperations>

function createOperations() {
  const log: string[] = []
  return {
    *forever(name: string): Steps<string> {
      log.push(name)
      try {
        for (;;) yield
      } finally {
        log.push(`${name} was ended`)
      }
    },
    *steps(count: number): Steps<number> {
      for (let step = 0; step < count; step++) yield
      return count
    },
    *fails(): Steps<number> {
      yield
      throw new RangeError('after a pause')
    },
    log: () => log,
  }
}

serveThread(() => ({
  operations: createOperations(),
  close() {
    // It holds nothing.
  },
}))
