import { SingleBar } from 'cli-progress'
import { printable } from './format.ts'

export interface Progress {
  /** Share done, 0 to 1, and a few words. */
  update(share: number, words: string): void
  stop(): void
}

const STEPS = 1_000

/** A bar on standard error when that is a terminal; nothing otherwise, so that scripts read clean output. */
export function createProgress(title: string, stream: NodeJS.WriteStream, enabled: boolean): Progress {
  if (!enabled || !stream.isTTY) return { update() {}, stop() {} }
  const bar = new SingleBar({
    stream,
    format: `${printable(title)} [{bar}] {percentage}% {words}`,
    barsize: 24,
    hideCursor: true,
    clearOnComplete: false,
    barCompleteChar: '#',
    barIncompleteChar: '-',
  })
  bar.start(STEPS, 0, { words: '' })
  return {
    update: (share, words) =>
      bar.update(Math.round(Math.min(1, Math.max(0, share)) * STEPS), { words: printable(words) }),
    stop: () => bar.stop(),
  }
}
