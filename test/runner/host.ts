/**
 * Runs the test files named by its arguments, after a token for its marks, one after another in this process, and tells the runner on
 * standard output where each ends. Files share what they import, which is most of what a small one costs.
 */
import { registerHooks } from 'node:module'
import path from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { markLine } from './marks.ts'
import { runAs, watchLeftovers } from './owner.ts'
import { processorSeconds } from './processor-time.ts'

declare global {
  // Switches of uvu: suites wait in the queue until `exec` instead of starting by a timer.
  var UVU_DEFER: boolean | undefined
  var UVU_QUEUE: unknown[][] | undefined
}

globalThis.UVU_DEFER = true
const { exec } = await import('./suites.ts')
const uvu = import.meta.resolve('uvu')
const suites = import.meta.resolve('./suites.ts')
registerHooks({
  resolve(specifier, context, next) {
    const resolved = next(specifier, context)
    return resolved.url === uvu ? { ...resolved, url: suites } : resolved
  },
})
watchLeftovers()

const [token = '', ...files] = process.argv.slice(2)
let spentSeconds = 0
for (const file of files) {
  globalThis.UVU_QUEUE = [[null]]
  await runAs(file, async () => {
    // What throws here, a file that cannot be loaded or a throwing `after`, ends the process: nobody knows what it left.
    await import(pathToFileURL(path.resolve(file)).href)
    await exec()
    // A suite that is put there from now on would not be run: that is an error (suites.ts).
    globalThis.UVU_QUEUE = []
    // What a file has closed is gone by the next turn of the loop.
    await nextTurn()
  })
  const seconds = processorSeconds()
  const open = process.getActiveResourcesInfo()
  process.stdout.write(markLine(token, { file, processorSeconds: seconds - spentSeconds, open }))
  spentSeconds = seconds
  // What failed has been counted; from here on an exit code tells of what was left behind.
  process.exitCode = 0
}
