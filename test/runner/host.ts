/**
 * Runs the test files named by its arguments one after another in this process, and tells the runner on standard output
 * where each ends. Files share what they import, which is most of what a small one costs.
 */
import path from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { markLine } from './marks.ts'
import { processorSeconds } from './processor-time.ts'

declare global {
  // Switches of uvu: suites wait in the queue until `exec` instead of starting by a timer.
  var UVU_DEFER: boolean | undefined
  var UVU_QUEUE: unknown[][] | undefined
}

globalThis.UVU_DEFER = true
const { exec } = await import('uvu')

let spentSeconds = 0
for (const file of process.argv.slice(2)) {
  globalThis.UVU_QUEUE = [[null]]
  // What throws here, a file that cannot be loaded or a throwing `after`, ends the process: nobody knows what it left.
  await import(pathToFileURL(path.resolve(file)).href)
  await exec()
  // What a file has closed is gone by the next turn of the loop.
  await nextTurn()
  const seconds = processorSeconds()
  const open = process.getActiveResourcesInfo()
  process.stdout.write(markLine({ file, processorSeconds: seconds - spentSeconds, open }))
  spentSeconds = seconds
  // What failed has been counted; from here on an exit code tells of what was left behind.
  process.exitCode = 0
}
