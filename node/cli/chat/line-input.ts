/**
 * Messages from a terminal or a pipe. On a terminal lines are edited, what is pasted in one go is one message, and a line that ends in a
 * backslash goes on in the next; from a pipe each line is a message.
 */
import { createInterface, type Interface } from 'node:readline'
import { type Readable, Writable } from 'node:stream'

export interface LineInput {
  /** Null: the input has ended. */
  next(prompt: string): Promise<string | null>
  /** Ctrl-C, on a terminal. */
  onInterrupt(listener: () => void): void
  /** Whoever waits for a line gets null; the input goes on. */
  cancel(): void
  /** Drops what was typed so far; false: nothing was. */
  clear(): boolean
  /** What was said before, for the arrow keys. */
  remember(lines: readonly string[]): void
  close(): void
}

const HISTORY_LINES = 500

export function createLineInput(init: {
  readonly input: Readable
  readonly isTerminal: boolean
  readonly columns: number | null
  write(text: string): void
}): LineInput {
  const { isTerminal } = init
  const waiting: string[] = []
  let pasted: string[] = []
  let isFlushing = false
  let asked: ((line: string | null) => void) | null = null
  let hasEnded = false
  let onInterrupt: () => void = () => {}
  // What is typed while an agent answers is not echoed into its text; it is there at the next prompt.
  let isEchoing = false
  const output = new Writable({
    write(chunk: Buffer, _encoding, done) {
      if (isEchoing) init.write(chunk.toString('utf8'))
      done()
    },
  })
  Object.assign(output, { columns: init.columns ?? undefined, isTTY: isTerminal })
  const lines: Interface = createInterface({
    input: init.input,
    ...(isTerminal ? { output } : {}),
    terminal: isTerminal,
    historySize: HISTORY_LINES,
    removeHistoryDuplicates: true,
    // Both characters of a Windows line end are one end, however slowly they come.
    crlfDelay: Number.POSITIVE_INFINITY,
  })

  function deliver(line: string | null): void {
    if (asked === null) {
      if (line !== null) waiting.push(line)
      return
    }
    const resolve = asked
    asked = null
    isEchoing = false
    resolve(line)
  }

  function flush(): void {
    isFlushing = false
    if (pasted.length === 0) return
    // The last line of a paste that has no end: the person sees it, and sends it all with Enter.
    if (isTerminal && lines.line !== '' && !hasEnded) return
    const last = pasted.at(-1)!
    if (last.endsWith('\\') && !hasEnded) {
      pasted[pasted.length - 1] = last.slice(0, -1)
      lines.setPrompt('… ')
      lines.prompt()
      return
    }
    const message = pasted.join('\n')
    pasted = []
    deliver(message)
  }

  lines.on('line', (line) => {
    if (!isTerminal) return deliver(line)
    // Lines of one paste come in one go, before anything else gets its turn.
    pasted.push(line)
    if (!isFlushing) setImmediate(flush)
    isFlushing = true
  })
  lines.on('SIGINT', () => onInterrupt())
  lines.on('close', () => {
    hasEnded = true
    flush()
    deliver(null)
  })

  return {
    next(prompt) {
      const line = waiting.shift()
      if (line !== undefined) return Promise.resolve(line)
      if (hasEnded) return Promise.resolve(null)
      return new Promise((resolve) => {
        asked = resolve
        if (!isTerminal) return
        isEchoing = true
        lines.setPrompt(prompt)
        lines.prompt(true)
      })
    },
    onInterrupt(listener) {
      onInterrupt = listener
    },
    cancel() {
      if (asked === null) return
      if (isTerminal) init.write('\n')
      deliver(null)
    },
    clear() {
      const typed = lines.line !== '' || pasted.length > 0
      pasted = []
      lines.write(null, { ctrl: true, name: 'e' })
      lines.write(null, { ctrl: true, name: 'u' })
      return typed
    },
    remember(before) {
      const { history } = lines as Interface & { history?: string[] }
      history?.unshift(...[...before].reverse().filter((line) => !line.includes('\n')))
    },
    close: () => lines.close(),
  }
}
