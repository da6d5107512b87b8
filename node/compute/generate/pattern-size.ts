/** How large a regular expression is when its repeats are written out: what its grammar costs to make. */

/** `{3}`, `{3,}` and `{3,5}`. */
const REPEAT = /^\{(\d+)(?:,(\d*))?\}/
const UNCOUNTED = /[*+?|]/

/**
 * Characters and classes of the pattern with every counted repeat written out as often as it counts; `*`, `+`, `?`
 * and `|` add nothing. Groups inside groups multiply: (((a{100}){100}){100}){100} is a hundred million. Of a pattern that is not well
 * formed it is some number; whoever reads patterns refuses those.
 */
export function writtenOutSize(pattern: string): number {
  /** Of each open group: its size so far, without its last part. */
  const outer: number[] = []
  let total = 0
  let last = 0
  for (let at = 0; at < pattern.length; ) {
    const repeat = REPEAT.exec(pattern.slice(at, at + 40))
    if (repeat !== null) {
      const [text, least = '', most = ''] = repeat
      last *= Math.max(1, Number(most === '' ? least : most))
      at += text.length
      continue
    }
    const character = pattern[at]!
    if (UNCOUNTED.test(character)) {
      at += 1
      continue
    }
    if (character === ')') {
      last += total
      total = outer.pop() ?? 0
    } else {
      total += last
      last = 1
      if (character === '(') {
        outer.push(total)
        ;[total, last] = [0, 0]
      }
    }
    at += character === '\\' ? 2 : character === '[' ? classLength(pattern, at) : 1
  }
  return outer.reduce((sum, size) => sum + size, total + last)
}

/** From the bracket that opens it to the one that closes it. */
function classLength(pattern: string, from: number): number {
  let at = from + 1
  while (at < pattern.length && pattern[at] !== ']') at += pattern[at] === '\\' ? 2 : 1
  return at + 1 - from
}
