/** Runs npm, whichever Node it runs on: its cache and its registry are those of whoever makes the bundle. */
import { spawnSync } from 'node:child_process'

const MAX_OUTPUT_BYTES = 64 * 2 ** 20

/** Standard output; throws with what npm said where it failed. */
export function npm(args: readonly string[], cwd: string): string {
  const run = spawnSync('npm', [...args], { cwd, encoding: 'utf8', maxBuffer: MAX_OUTPUT_BYTES })
  if (run.error !== undefined) throw new Error('npm cannot be run', { cause: run.error })
  if (run.status !== 0) throw new Error(`npm ${args[0]} failed:\n${run.stdout}${run.stderr}`)
  return run.stdout
}
