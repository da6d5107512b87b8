// Runs a script of this project on the Node that the npm package `node` installed (24 or newer), whatever Node the
// machine itself has: libp2p 3 needs 22, and running TypeScript without a build step needs 24.
// Plain JavaScript, because it is the one file that the machine's own Node has to understand.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
/**
 * How every process of this project is run. The sizes keep an idle daemon 40 MB smaller; the time of a node goes into
 * kernels and sessions, which are not JavaScript.
 */
export const NODE_FLAGS = [
  '--disable-warning=ExperimentalWarning',
  '--optimize-for-size',
  '--max-semi-space-size=4',
  // Buffers outside the heap count like the heap: V8 otherwise marks everything anew for each 32 MB of network traffic,
  // which costs a transfer two thirds of its speed. The start size spares an idle heap those rounds as well.
  '--external-memory-accounted-in-global-limit',
  '--initial-old-space-size=48',
]

/** Compiled code is kept, so that a start neither strips types nor parses again. Nobody else can write there. */
export const NODE_ENVIRONMENT = {
  NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? `${root}node_modules/.cache/village`,
}

export function nodeBinary() {
  const windows = process.platform === 'win32'
  const bundled = `${root}node_modules/node/bin/node${windows ? '.exe' : ''}`
  if (existsSync(bundled)) return bundled
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath
  console.error(
    `Node 24 was not found: this is Node ${process.versions.node} and ${bundled} is missing. Run \`npm ci\` first.`,
  )
  process.exit(1)
}

/**
 * @param {string} script
 * @param {string[]} args
 */
export function runOnNode24(script, args) {
  const child = spawn(nodeBinary(), [...NODE_FLAGS, script, ...args], {
    stdio: 'inherit',
    env: { ...process.env, ...NODE_ENVIRONMENT },
  })
  // The terminal sends Ctrl-C to the whole group; a service manager sends SIGTERM to this process alone.
  const forward = (/** @type {NodeJS.Signals} */ signal) => child.kill(signal)
  process.on('SIGINT', () => {})
  process.on('SIGTERM', forward)
  process.on('SIGHUP', forward)
  child.on('error', (error) => {
    console.error(error.message)
    process.exit(1)
  })
  child.on('exit', (code, signal) =>
    process.exit(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
  )
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [script, ...args] = process.argv.slice(2)
  if (script === undefined) {
    console.error('usage: node scripts/run.js SCRIPT [ARGUMENT ...]')
    process.exit(2)
  }
  runOnNode24(script, args)
}
