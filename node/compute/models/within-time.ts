/** Calls of code that may never come back, such as a regular expression from a stranger on a text from a stranger. */
import { createContext, Script } from 'node:vm'

const CALL = new Script('call()')

/** The call took longer than it may. */
export class OutOfTime extends Error {
  constructor(timeMs: number) {
    super(`it takes more than ${timeMs} ms`)
  }
}

/**
 * What `call` returns or throws; throws OutOfTime when it has not ended within `timeMs`. It is ended from outside then, at any
 * point: use nothing afterwards that it was changing.
 */
export function withinTime<T>(call: () => T, timeMs: number): T {
  let result: { value: T } | undefined
  const context = createContext({
    call: () => {
      result = { value: call() }
    },
  })
  try {
    CALL.runInContext(context, { timeout: timeMs })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw new OutOfTime(timeMs)
    throw error
  }
  return result!.value
}
