/** The sandbox of this machine, or why tests of it are left out. */
import { createSandbox, type Sandbox } from '../../node/compute/sandbox/sandbox.ts'
import { createLog } from '../../node/log.ts'

/** Null, after a line that says so, where there is no sandbox. */
export async function sandboxHere(init: { parallel?: number } = {}): Promise<Sandbox | null> {
  const sandbox = createSandbox({ log: createLog({ level: 'silent' }) }, init)
  const found = await sandbox.availability()
  if (found.available) return sandbox
  console.log(`skipped: ${found.reason}`)
  return null
}
