/** Finds where a text that comes in parts must end, across the borders of the parts. */
import { VillageError } from '../../errors.ts'

export interface StopScanner {
  /** What of the text is certain to be given out by now; after a stop string was found, nothing more. */
  push(part: string): { readonly text: string; readonly stopped: boolean }
  /** What was held back because a stop string might have begun, at the end of the text. */
  flush(): string
}

export const MAX_STOP_STRINGS = 64
export const MAX_STOP_UNITS = 256

/** Throws INVALID_ARGUMENT for empty, too long or too many stop strings. */
export function checkStopStrings(stop: readonly string[]): void {
  const field = 'stop'
  if (stop.length > MAX_STOP_STRINGS)
    throw new VillageError('INVALID_ARGUMENT', `At most ${MAX_STOP_STRINGS} stop strings can be given`, {
      fields: { field },
    })
  if (stop.some((text) => text.length === 0 || text.length > MAX_STOP_UNITS))
    throw new VillageError('INVALID_ARGUMENT', `A stop string has 1 to ${MAX_STOP_UNITS} characters`, {
      fields: { field },
    })
}

/** The stop string that is complete first ends the text, however it is cut into parts. */
export function createStopScanner(stop: readonly string[]): StopScanner {
  let held = ''
  let stopped = false

  /** Characters at the end of the text that may be the beginning of a stop string. */
  function pending(text: string): number {
    let longest = 0
    for (const one of stop)
      for (let length = Math.min(one.length - 1, text.length); length > longest; length--)
        if (text.endsWith(one.slice(0, length))) longest = length
    return longest
  }

  /** Where the stop string begins that is complete first, and of several that end there the longest; null for none. */
  function first(text: string): number | null {
    let [start, end] = [-1, Number.POSITIVE_INFINITY]
    for (const one of stop) {
      const at = text.indexOf(one)
      const to = at + one.length
      if (at !== -1 && (to < end || (to === end && at < start))) [start, end] = [at, to]
    }
    return start === -1 ? null : start
  }

  return {
    push(part) {
      if (stopped) return { text: '', stopped }
      const text = held + part
      const found = first(text)
      if (found !== null) {
        stopped = true
        held = ''
        return { text: text.slice(0, found), stopped }
      }
      const end = text.length - pending(text)
      held = text.slice(end)
      return { text: text.slice(0, end), stopped }
    },
    flush() {
      const rest = held
      held = ''
      return rest
    },
  }
}
