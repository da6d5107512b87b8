/**
 * Runs the test files named by its arguments one after another in this process, and tells the runner on standard output
 * where each begins and how it ended. Files share what they import, which is most of what a small one costs.
 */
import path from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { type Mark, markLine } from './marks.ts'
import { processorSeconds } from './processor-time.ts'

declare global {
  // Switches of uvu: suites wait in the queue until `exec` instead of starting by a timer.
  var UVU_DEFER: boolean | undefined
  var UVU_QUEUE: unknown[][] | undefined
}

globalThis.UVU_DEFER = true
const { exec } = await import('uvu')

const say = (mark: Mark) => process.stdout.write(markLine(mark))

async function runFile(file: string): Promise<boolean> {
  globalThis.UVU_QUEUE = [[null]]
  try {
    await import(pathToFileURL(path.resolve(file)).href)
    await exec()
    return process.exitCode === 0
  } catch (error) {
    console.error(error)
    return false
  }
}

let spentSeconds = 0
for (const file of process.argv.slice(2)) {
  say({ kind: 'begin', file })
  const good = await runFile(file)
  // What a file has closed is gone by the next turn of the loop.
  await nextTurn()
  const seconds = processorSeconds()
  const open = process.getActiveResourcesInfo()
  say({ kind: 'end', file, good, processorSeconds: seconds - spentSeconds, open })
  spentSeconds = seconds
  // How the file ended has been said; from here on an exit code tells of what it left behind.
  process.exitCode = 0
}
