/**
 * `npm run bundle -- --verify FILE`: two bare Debian roots (debootstrap, no Node) on the two ends of a cable that leads nowhere
 * else, the bundle installed in both, and a village's work done by an ordinary user of each. All of it runs in namespaces of
 * its own (mounts, network, processes), which end with this command however it ends. A bundle for another processor runs under
 * QEMU's user emulation.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { extract } from 'tar'
import { cpuOf, isPlatform, type Platform } from './contents.ts'
import { runApart } from './run-apart.ts'

const SUITE = 'bookworm'
const PROGRAMS = ['debootstrap', 'unshare', 'nsenter', 'ip', 'mount', 'chroot']
const STEPS = path.join(import.meta.dirname, 'verify-steps.ts')
/** Names of Debian's ports and of QEMU's. */
const PORTS: Record<Platform, { debian: string; emulator: string }> = {
  'linux-x64': { debian: 'amd64', emulator: 'qemu-x86_64' },
  'linux-arm64': { debian: 'arm64', emulator: 'qemu-aarch64' },
}
/** seedlm searches longest; it and calibration are what an emulated processor is too slow for. */
const WORK = {
  own: { how: '--codec seedlm', patience: 1 },
  emulated: { how: '--codec int4 --no-calibrate', patience: 8 },
}

const hasProgram = (name: string) => spawnSync('sh', ['-c', `command -v ${name}`]).status === 0
const isOwn = (platform: Platform) => platform === `linux-${process.arch}`

/** Why programs of the platform do not run in a root of their own here; null: they do. */
function emulationProblem(platform: Platform): string | null {
  if (isOwn(platform)) return null
  const { emulator } = PORTS[platform]
  const rule = path.join('/proc/sys/fs/binfmt_misc', emulator)
  // F: the kernel holds the emulator open, so that it need not lie in the root.
  const said = existsSync(rule) ? readFileSync(rule, 'utf8') : ''
  if (said.startsWith('enabled') && /^flags: \w*F/m.test(said)) return null
  return `programs of ${platform} do not run here: it needs ${emulator} registered with binfmt_misc (Debian: qemu-user-static)`
}

/** Why this machine cannot verify a bundle; null: it can. */
function obstacle(platform: Platform, root: string | undefined): string | null {
  if (process.platform !== 'linux') return 'it needs Linux'
  if (process.getuid?.() !== 0) return 'it needs root: it makes namespaces and mounts'
  const missing = PROGRAMS.filter((name) => !hasProgram(name)).filter(
    (name) => name !== 'debootstrap' || root === undefined,
  )
  if (missing.length > 0) return `these programs are missing: ${missing.join(', ')}`
  return emulationProblem(platform)
}

/** What the bundle says that it is for; null where it is no bundle. */
async function platformOf(file: string, work: string): Promise<Platform | null> {
  const facts = path.join(work, 'bundle.env')
  await extract({ file, cwd: work, strip: 1, filter: (name) => /^[^/]+\/bundle\.env$/.test(name) })
  const platform = existsSync(facts) ? /^PLATFORM=(.*)$/m.exec(readFileSync(facts, 'utf8'))?.[1] : undefined
  return platform !== undefined && isPlatform(platform) ? platform : null
}

function fail(why: string): number {
  console.error(`verify: ${why}`)
  return 2
}

/** Returns the exit code. `root`: a bare Debian root of the bundle's platform that is there already; it is only read. */
export async function verifyBundle(file: string, root: string | undefined): Promise<number> {
  if (!existsSync(file)) return fail(`${file} is not there`)
  const work = mkdtempSync(path.join(tmpdir(), 'village-verify-'))
  try {
    const platform = await platformOf(file, work)
    if (platform === null) return fail(`${file} is no bundle`)
    const why = obstacle(platform, root)
    if (why !== null) return fail(why)
    const base = root === undefined ? path.join(work, 'base') : path.resolve(root)
    if (root === undefined) {
      console.log(`verify: a bare Debian ${SUITE} for ${cpuOf(platform)} by debootstrap`)
      mkdirSync(base)
      const words = [`--arch=${PORTS[platform].debian}`, '--variant=minbase', '--include=libstdc++6']
      const made = spawnSync('debootstrap', [...words, SUITE, base], { encoding: 'utf8' })
      if (made.status !== 0) return fail(`debootstrap failed: ${made.stdout.slice(-500)}${made.stderr}`)
    }
    const { how, patience } = isOwn(platform) ? WORK.own : WORK.emulated
    if (!isOwn(platform))
      console.log(`verify: ${platform} is emulated: the encoder is compressed with ${how}`)
    return await runApart(
      ['--mount', '--propagation', 'private'],
      [STEPS, file, base, work, how, String(patience)],
    )
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
