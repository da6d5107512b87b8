/**
 * `npm run bundle -- --verify FILE`: two bare Debian roots (debootstrap, no Node) on the two ends of a cable that leads nowhere
 * else, the bundle installed in both, and a village's work done by an ordinary user of each. All of it runs in namespaces of
 * its own (mounts, network, processes), which end with this command however it ends.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { NODE_FLAGS } from '../run.js'

const SUITE = 'bookworm'
const PROGRAMS = ['debootstrap', 'unshare', 'nsenter', 'ip', 'mount', 'chroot']
const STEPS = path.join(import.meta.dirname, 'verify-steps.ts')

const hasProgram = (name: string) => spawnSync('sh', ['-c', `command -v ${name}`]).status === 0

/** Why this machine cannot verify a bundle; null: it can. */
function obstacle(root: string | undefined): string | null {
  if (process.platform !== 'linux') return 'it needs Linux'
  if (process.getuid?.() !== 0) return 'it needs root: it makes namespaces and mounts'
  const missing = PROGRAMS.filter((name) => !hasProgram(name)).filter(
    (name) => name !== 'debootstrap' || root === undefined,
  )
  return missing.length === 0 ? null : `these programs are missing: ${missing.join(', ')}`
}

/** Returns the exit code. `root`: a bare Debian root that is there already; it is only read. */
export async function verifyBundle(file: string, root: string | undefined): Promise<number> {
  const why = obstacle(root)
  if (why !== null || !existsSync(file)) {
    console.error(`verify: ${why ?? `${file} is not there`}`)
    return 2
  }
  const work = mkdtempSync(path.join(tmpdir(), 'village-verify-'))
  try {
    const base = root === undefined ? path.join(work, 'base') : path.resolve(root)
    if (root === undefined) {
      console.log(`verify: a bare Debian ${SUITE} by debootstrap`)
      mkdirSync(base)
      const made = spawnSync('debootstrap', ['--variant=minbase', SUITE, base], { encoding: 'utf8' })
      if (made.status !== 0) {
        console.error(`verify: debootstrap failed: ${made.stdout.slice(-500)}${made.stderr}`)
        return 2
      }
    }
    const child = spawn(
      'unshare',
      [
        ...[
          '--mount',
          '--net',
          '--pid',
          '--fork',
          '--kill-child',
          '--mount-proc',
          '--propagation',
          'private',
        ],
        ...[process.execPath, ...NODE_FLAGS, STEPS, file, base, work],
      ],
      { stdio: ['ignore', 'inherit', 'inherit'] },
    )
    const [code] = (await once(child, 'exit')) as [number | null]
    return code ?? 1
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
