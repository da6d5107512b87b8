// Runs a script of this project on the Node that the npm package `node` installed (24 or newer), whatever Node the
// machine itself has: libp2p 3 needs 22, and running TypeScript without a build step needs 24.
// Plain JavaScript, because it is the one file that the machine's own Node has to understand.
import { spawn } from 'node:child_process'
import { accessSync, existsSync, constants as fileModes } from 'node:fs'
import { createRequire } from 'node:module'
import { constants, homedir } from 'node:os'
import { dirname, join } from 'node:path'
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
  // which costs a transfer two thirds of its speed. The start size spares an idle heap those rounds as well; with 4 MB more
  // the garbage of a start would never be collected.
  '--external-memory-accounted-in-global-limit',
  '--initial-old-space-size=44',
]

/** A folder that only the owner of the program, or this user, can write: what lies there is run. */
function compileCache() {
  try {
    accessSync(root, fileModes.W_OK)
    return `${root}node_modules/.cache/village`
  } catch {
    // Installed for everybody by the administrator.
    return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'aivillage')
  }
}

/** Compiled code is kept, so that a start neither strips types nor parses again. */
export const NODE_ENVIRONMENT = {
  // Benches and tests load onnxruntime on their own too (node/no-telemetry.ts).
  ORT_DISABLE_TELEMETRY: '1',
  NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? compileCache(),
}

/** The program of the npm package `node`, inside this project or beside it; null where it was not installed whole. */
function installedNode() {
  try {
    const manifest = createRequire(import.meta.url).resolve('node/package.json')
    const file = join(dirname(manifest), 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
    return existsSync(file) ? file : null
  } catch {
    return null
  }
}

export function nodeBinary() {
  const installed = installedNode()
  if (installed !== null) return installed
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath
  console.error(
    `Node 24 was not found: this is Node ${process.versions.node}, and the npm package \`node\` is not installed whole. In a clone run \`npm ci\`; of a package run its installation again with scripts allowed, or install Node 24.`,
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
