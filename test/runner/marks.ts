/** How a process that runs test files tells the runner that one has ended: a line of its output, set apart by a control character. */

const SEPARATOR = '\u001e'

export interface Mark {
  readonly file: string
  readonly processorSeconds: number
  /** What keeps the event loop alive, as `process.getActiveResourcesInfo` names it. */
  readonly open: readonly string[]
}

export function markLine(mark: Mark): string {
  return `${SEPARATOR}${JSON.stringify(mark)}\n`
}

/** Splits a stream of output: texts go to `onText`, marks to `onMark`, in their order. */
export function createMarkReader(
  onText: (text: string) => void,
  onMark: (mark: Mark) => void,
): (chunk: string) => void {
  let held = ''
  return (chunk) => {
    held += chunk
    for (;;) {
      const start = held.indexOf(SEPARATOR)
      if (start !== 0) {
        onText(start < 0 ? held : held.slice(0, start))
        held = start < 0 ? '' : held.slice(start)
      }
      const end = held.indexOf('\n')
      if (start < 0 || end < 0) return
      onMark(JSON.parse(held.slice(1, end)) as Mark)
      held = held.slice(end + 1)
    }
  }
}
