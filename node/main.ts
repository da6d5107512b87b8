/** The `village` program: arguments, signals and exit codes. */

import './lean-http.ts' // before anything that imports node:http
import './no-telemetry.ts'
import { EXIT_CODES } from './cli/exit-codes.ts'

const stopping = new AbortController()
const hangupListeners = new Set<() => void>()
function stop(): void {
  // The second signal does not wait for a clean end.
  if (stopping.signal.aborted) process.exit(EXIT_CODES.interrupted.code)
  stopping.abort()
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stop)
process.on('SIGHUP', () => {
  if (hangupListeners.size === 0) stop()
  for (const listener of hangupListeners) listener()
})
// A reader that closes early (`village jobs | head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT_CODES.ok.code)
  throw error
})

const { runCommandLine } = await import('./cli/run.ts')
process.exitCode = await runCommandLine({
  arguments: process.argv.slice(2),
  environment: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: stopping.signal,
  onHangup(listener) {
    hangupListeners.add(listener)
    return () => hangupListeners.delete(listener)
  },
})
