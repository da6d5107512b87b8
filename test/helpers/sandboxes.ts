/** The sandbox of this machine with Python in it, or why tests of it are left out. */
import { existsSync } from 'node:fs'
import { PROGRAM_DIRECTORIES } from '../../node/compute/sandbox/bubblewrap-arguments.ts'
import { createSandbox, type Sandbox } from '../../node/compute/sandbox/sandbox.ts'
import { createLog } from '../../node/log.ts'

/** Null, after a line that says so, where there is no sandbox. */
export async function sandboxHere(init: { parallel?: number } = {}): Promise<Sandbox | null> {
  const sandbox = createSandbox({ log: createLog({ level: 'silent' }) }, init)
  const found = await sandbox.availability()
  const hasPython = PROGRAM_DIRECTORIES.some((directory) => existsSync(`${directory}/python3`))
  if (found.available && hasPython) return sandbox
  console.log(`skipped: ${found.available ? 'python3 is not installed' : found.reason}`)
  return null
}
