/**
 * How a process that runs test files tells the runner that one has ended: a line of its output, so that what a file printed comes before it,
 * with a token of this process that no test prints by chance.
 */

export interface Mark {
  readonly file: string
  readonly processorSeconds: number
  /** What keeps the event loop alive, as `process.getActiveResourcesInfo` names it. */
  readonly open: readonly string[]
}

const openingOf = (token: string) => `\u001e${token} `

export function markLine(token: string, mark: Mark): string {
  return `${openingOf(token)}${JSON.stringify(mark)}\n`
}

/** Where the opening begins in a text, also where only its first characters have come; the text's length if nowhere. */
function startOf(text: string, opening: string): number {
  const whole = text.indexOf(opening)
  if (whole >= 0) return whole
  for (let start = Math.max(0, text.length - opening.length); start < text.length; start++)
    if (opening.startsWith(text.slice(start))) return start
  return text.length
}

/** Splits a stream of output: texts go to `onText`, marks of this token to `onMark`, in their order. */
export function createMarkReader(
  token: string,
  onText: (text: string) => void,
  onMark: (mark: Mark) => void,
): (chunk: string) => void {
  const opening = openingOf(token)
  let held = ''
  return (chunk) => {
    held += chunk
    for (;;) {
      const start = startOf(held, opening)
      if (start > 0) onText(held.slice(0, start))
      held = held.slice(start)
      const end = held.indexOf('\n')
      if (end < 0) return
      onMark(JSON.parse(held.slice(opening.length, end)) as Mark)
      held = held.slice(end + 1)
    }
  }
}
