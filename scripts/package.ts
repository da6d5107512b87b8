/**
 * What `npm pack` needs before it packs: dist/ with onnxruntime in it, and the kernels of each platform that a compiler is at hand for. A
 * platform without one is said, and its kernels are compiled when the package is installed there.
 */
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { emitPackage } from './package/emit.ts'
import { bringOnnxruntime } from './package/onnxruntime.ts'

const ROOT = path.resolve(import.meta.dirname, '..')
const PREBUILT = ['linux-x64', 'linux-arm64']

// On standard error: what npm prints on standard output is read by programs.
console.error('package: compiling and checking the sources')
emitPackage(ROOT, path.join(ROOT, 'dist'), { checked: true })
bringOnnxruntime(ROOT, path.join(ROOT, 'dist'))
for (const platform of PREBUILT) {
  console.error(`package: kernels of ${platform}`)
  const build = spawnSync(
    process.execPath,
    [path.join(ROOT, 'scripts/build-native.js'), '--prebuilt', platform],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  )
  if (build.status !== 0)
    console.warn(`package: without kernels of ${platform}: they are compiled when it is installed there`)
}
