/**
 * `npm run bundle -- --verify aivillage-VERSION.tgz`: what `npm pack` packed, installed globally with an empty npm cache from the
 * registry, which fills it; then once more from that cache alone in a network without a route, and a village's work done there.
 * npm's settings of whoever runs it do not count, but for how the registry is reached.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { npm } from './npm.ts'
import { runApart } from './run-apart.ts'

const PROGRAMS = ['unshare', 'ip', 'npm', 'node']
const STEPS = path.join(import.meta.dirname, 'package-steps.ts')
/** `npm run` puts this project's own Node first, which a machine that installs the package has not. */
const MACHINE_PATH = (process.env.PATH ?? '')
  .split(path.delimiter)
  .filter((folder) => !folder.includes('node_modules'))
  .join(path.delimiter)

/** No settings and no cache of whoever runs this, but for how the registry is reached. */
function freshEnvironment(work: string, home: string): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(?:npm_|VILLAGE_|ONNXRUNTIME_)/i.test(name))
  const ways = ['registry', 'cafile'].flatMap((key) => {
    const value = npm(['config', 'get', key], work).trim()
    return value === '' || value === 'null' ? [] : [[`npm_config_${key}`, value]]
  })
  const own = { PATH: MACHINE_PATH, HOME: home, npm_config_cache: path.join(work, 'cache') }
  return { ...Object.fromEntries([...kept, ...ways]), ...own }
}

function fail(why: string): number {
  console.error(`verify: ${why}`)
  return 2
}

export async function verifyPackage(file: string): Promise<number> {
  if (!existsSync(file)) return fail(`${file} is not there`)
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    return fail('it needs Linux and root: it makes a network without a route')
  const missing = PROGRAMS.filter((name) => spawnSync('sh', ['-c', `command -v ${name}`]).status !== 0)
  if (missing.length > 0) return fail(`these programs are missing: ${missing.join(', ')}`)
  const work = mkdtempSync(path.join(tmpdir(), 'village-verify-'))
  try {
    const home = path.join(work, 'home')
    mkdirSync(home)
    const first = path.join(work, 'first')
    console.log('verify: npm install -g from the registry, into an empty cache')
    execFileSync('npm', ['install', '--global', '--prefix', first, file], {
      env: freshEnvironment(work, home),
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    rmSync(first, { recursive: true })
    return await runApart([], [STEPS, file, work, MACHINE_PATH])
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
