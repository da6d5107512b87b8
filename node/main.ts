/** The `village` program: arguments, signals and exit codes. */

import { EXIT_CODES } from './cli/exit-codes.ts'
import { runCommandLine } from './cli/run.ts'

const stopping = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => {
    // The second signal does not wait for a clean end.
    if (stopping.signal.aborted) process.exit(EXIT_CODES.interrupted.code)
    stopping.abort()
  })
// A reader that closes early (`village jobs | head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT_CODES.ok.code)
  throw error
})

process.exitCode = await runCommandLine({
  arguments: process.argv.slice(2),
  environment: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: stopping.signal,
})
