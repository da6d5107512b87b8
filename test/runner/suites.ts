/** uvu's suites as the files of a process get them: they tell what uvu keeps to itself. */
import { inspect } from 'node:util'
import * as uvu from 'uvu'
import { isOfRunningFile } from './owner.ts'

export { exec } from 'uvu'

type Hook<T> = (handler: uvu.Callback<T>) => void

/** uvu ends a suite whose hook throws, and says nothing of why. */
function telling<T>(hook: Hook<T>, name: string): Hook<T> {
  return (handler) =>
    hook(async (context) => {
      try {
        await handler(context)
      } catch (error) {
        process.stdout.write(`\n${name} threw: ${inspect(error)}\n`)
        throw error
      }
    })
}

export function suite<T = Record<string, unknown>>(title?: string, context?: T): uvu.Test<T> {
  const made = uvu.suite<T>(title, context)
  const { before, after, run } = made
  made.before = Object.assign(telling(before, 'before'), { each: before.each })
  made.after = Object.assign((handler: uvu.Callback<T>) => after(handler), {
    each: telling(after.each, 'after.each'),
  })
  made.run = () => {
    if (globalThis.UVU_QUEUE?.[0] === undefined || !isOfRunningFile())
      throw new Error(
        `run() of ${title ?? 'test'} came after the last suite of its file: nothing would run it`,
      )
    run()
  }
  return made
}

export const test = suite()
