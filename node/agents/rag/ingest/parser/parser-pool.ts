/** The parser processes: started when there is work, kept for the next, ended when idle, replaced when spent. */
import type { Log } from '../../../../log.ts'
import { type ParserProcess, type ParserProcessInit, startParserProcess } from './parser-process.ts'

export interface ParserPoolInit extends ParserProcessInit {
  /** Processes at once. */
  readonly parsers: number
  readonly idleMs: number
}

export interface ParserPool {
  /** Lends a process, when one is free. Throws the reason of the signal. */
  use<T>(signal: AbortSignal, work: (parser: ParserProcess) => Promise<T>): Promise<T>
  stop(): Promise<void>
}

interface Idle {
  readonly parser: ParserProcess
  readonly timer: NodeJS.Timeout
}

export function createParserPool(components: { log: Log }, init: ParserPoolInit): ParserPool {
  const idle: Idle[] = []
  const all = new Set<ParserProcess>()
  const waiting: (() => void)[] = []
  let busy = 0

  async function end(parser: ParserProcess): Promise<void> {
    all.delete(parser)
    await parser.stop()
  }

  function take(): ParserProcess {
    const kept = idle.pop()
    if (kept !== undefined) {
      clearTimeout(kept.timer)
      if (!kept.parser.isSpent) return kept.parser
      void end(kept.parser)
    }
    const parser = startParserProcess(components, init)
    all.add(parser)
    return parser
  }

  function giveBack(parser: ParserProcess): void {
    if (parser.isSpent) return void end(parser)
    const timer = setTimeout(() => {
      idle.splice(
        idle.findIndex((one) => one.parser === parser),
        1,
      )
      void end(parser)
    }, init.idleMs)
    timer.unref()
    idle.push({ parser, timer })
  }

  async function enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    while (busy >= init.parsers) {
      const turn = Promise.withResolvers<void>()
      const onAbort = () => turn.resolve()
      waiting.push(turn.resolve)
      signal.addEventListener('abort', onAbort, { once: true })
      await turn.promise
      signal.removeEventListener('abort', onAbort)
      if (signal.aborted) {
        const place = waiting.indexOf(turn.resolve)
        if (place >= 0) waiting.splice(place, 1)
        // A turn that came with the abort belongs to the next.
        else waiting.shift()?.()
        signal.throwIfAborted()
      }
    }
    busy++
  }

  return {
    async use(signal, work) {
      await enter(signal)
      const parser = take()
      try {
        return await work(parser)
      } finally {
        giveBack(parser)
        busy--
        waiting.shift()?.()
      }
    },
    async stop() {
      for (const { timer } of idle.splice(0)) clearTimeout(timer)
      await Promise.all([...all].map(end))
    },
  }
}
