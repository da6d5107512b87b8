import { createRequire } from 'node:module'
import { bytes, duration, printable } from './format.ts'
import { createPace } from './pace.ts'

export interface Progress {
  /** Share done, 0 to 1, and a few words; bytes that are done give a rate beside the time that is left. */
  update(share: number, words: string, doneBytes?: number): void
  stop(): void
}

const STEPS = 1_000
const require = createRequire(import.meta.url)

/** A bar on standard error when that is a terminal; nothing otherwise, so that scripts read clean output. */
export function createProgress(
  title: string,
  stream: NodeJS.WriteStream,
  enabled: boolean,
  nowMs: () => number = () => performance.now(),
): Progress {
  if (!enabled || !stream.isTTY) return { update() {}, stop() {} }
  const pace = createPace()
  // Loaded for a bar alone, and at once: most commands show none.
  const { SingleBar } = require('cli-progress') as typeof import('cli-progress')
  const bar = new SingleBar({
    stream,
    format: `${printable(title)} [{bar}] {percentage}% {words}`,
    barsize: Math.min(24, Math.max(8, Math.floor((stream.columns || 80) / 4))),
    hideCursor: true,
    clearOnComplete: false,
    barCompleteChar: '#',
    barIncompleteChar: '-',
  })
  bar.start(STEPS, 0, { words: '' })
  return {
    update(share, words, doneBytes) {
      const done = Math.min(1, Math.max(0, share))
      const atMs = nowMs()
      const rate = doneBytes === undefined ? null : pace.bytesPerSecond(doneBytes, atMs)
      const leftMs = pace.leftMs(done, atMs)
      const said = [
        printable(words),
        ...(rate === null ? [] : [`${bytes(rate)}/s`]),
        ...(leftMs === null ? [] : [`${duration(leftMs)} left`]),
      ]
      bar.update(Math.round(done * STEPS), { words: said.join(', ') })
    },
    stop: () => bar.stop(),
  }
}
