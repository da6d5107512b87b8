/** The program as `npm pack` packs it, and its dependencies of one platform as package-lock.json pins them. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync } from 'node:fs'
import path from 'node:path'
import { extract } from 'tar'
import type { Platform } from './contents.ts'
import { npm } from './npm.ts'

/** Puts the files of the package into `target`, which is there. Throws where the platform's kernels cannot be compiled. */
export async function packProgram(init: {
  root: string
  platform: Platform
  work: string
  target: string
}): Promise<void> {
  const { root, platform, work, target } = init
  const script = path.join(root, 'scripts/build-native.js')
  const kernels = spawnSync(process.execPath, [script, '--prebuilt', platform], { encoding: 'utf8' })
  if (kernels.status !== 0)
    throw new Error(
      `the kernels of ${platform} cannot be compiled (g++, or g++-aarch64-linux-gnu): ${kernels.stderr}`,
    )
  // What prepack makes of dist/ is told on standard output too, before the JSON.
  const said = npm(
    ['pack', '--json', '--silent', '--foreground-scripts=false', '--pack-destination', work],
    root,
  )
  const [packed] = JSON.parse(said.slice(said.search(/^\[/m))) as { filename: string }[]
  if (packed === undefined) throw new Error('npm pack packed nothing')
  await extract({ file: path.join(work, packed.filename), cwd: target, strip: 1 })
  const own = path.join(target, 'native/prebuilt', platform, 'village.node')
  if (!existsSync(own)) throw new Error(`the package holds no kernels of ${platform}`)
}

/**
 * Fills `target`/node_modules: npm checks each package against the hash in the lock file, and takes it from its cache where
 * it is there. No package's script runs.
 */
export function installDependencies(init: { root: string; cpu: string; target: string }): void {
  const { root, cpu, target } = init
  copyFileSync(path.join(root, 'package-lock.json'), path.join(target, 'package-lock.json'))
  npm(
    [
      'ci',
      '--omit=dev',
      // Optional companions of packages, none of which the program loads.
      '--omit=peer',
      '--ignore-scripts',
      '--no-bin-links',
      '--prefer-offline',
      '--os=linux',
      `--cpu=${cpu}`,
      '--libc=glibc',
    ],
    target,
  )
}
