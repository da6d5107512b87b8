/**
 * Makes the offline bundle of a platform: one file with Node, the program, its dependencies of that platform, the kernels,
 * the embedded models and an installer, for a machine with no internet and no Node (docs/offline.md).
 *
 * usage: npm run bundle -- --platform linux-x64|linux-arm64 [--out FILE]
 *        npm run bundle -- --verify FILE [--root DIR]
 *          installs it on two bare Debian roots of its platform and tries it; needs Linux and root. DIR is such a root that is
 *          there already; else debootstrap makes one. A FILE.tgz of `npm pack` is installed by npm, without a network, and tried
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { cpuOf, isPlatform, PLATFORMS, type Platform, selectContents } from './bundle/contents.ts'
import { licencesOf, licencesPage } from './bundle/licences.ts'
import { installDependencies, packProgram } from './bundle/program.ts'
import { fetchRuntime, NODE_VERSION } from './bundle/runtime.ts'
import { verifyBundle } from './bundle/verify.ts'
import { verifyPackage } from './bundle/verify-package.ts'
import { copyFiles, listFiles, packBundle, sealBundle } from './bundle/write-bundle.ts'

const ROOT = path.resolve(import.meta.dirname, '..')
const MIB = 2 ** 20
const mib = (bytes: number) => `${(bytes / MIB).toFixed(1)} MiB`
/** What is going on now, before it: each step takes its time. */
const step = (text: string) => console.log(`bundle: ${text} (${Math.round(performance.now() / 1000)} s)`)

/** Kept bytes by what they are for, largest first. */
function sizesByPart(files: readonly { file: string; sizeBytes: number }[]): [string, number][] {
  const parts = new Map<string, number>()
  for (const { file, sizeBytes } of files) {
    const part =
      /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? file.split('/').slice(0, 1).join('/')
    parts.set(part, (parts.get(part) ?? 0) + sizeBytes)
  }
  return [...parts].sort((one, other) => other[1] - one[1])
}

async function makeBundle(platform: Platform, out: string | undefined): Promise<void> {
  const work = mkdtempSync(path.join(tmpdir(), 'village-bundle-'))
  try {
    const version = (JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as { version: string })
      .version
    const name = `aivillage-${version}-${platform}`
    const file = path.resolve(out ?? `${name}.tar.gz`)
    const folder = path.join(work, name)
    const program = path.join(work, 'program')
    mkdirSync(program)
    mkdirSync(path.join(folder, 'runtime'), { recursive: true })
    step(`program: compiling it and the kernels of ${platform}, and packing them`)
    await packProgram({ root: ROOT, platform, work, target: program })
    step('dependencies: installing what package-lock.json pins')
    installDependencies({ root: ROOT, cpu: cpuOf(platform), target: program })
    step('contents: choosing what this platform needs')
    const { kept, leftOutBytes } = selectContents(listFiles(program), platform)
    copyFiles(program, path.join(folder, 'app'), kept)
    rmSync(program, { recursive: true })
    step(`Node ${NODE_VERSION}: fetching and checking it`)
    await fetchRuntime(platform, work, path.join(folder, 'runtime'))
    writeFileSync(path.join(folder, 'LICENCES.md'), licencesPage(licencesOf(folder, NODE_VERSION)))
    step('sums: hashing every file')
    const installer = path.join(ROOT, 'scripts/bundle/install.sh')
    const least = sealBundle(folder, { platform, version, nodeVersion: NODE_VERSION, installer })
    mkdirSync(path.dirname(file), { recursive: true })
    step('archive: packing')
    const packed = await packBundle(folder, file)
    writeFileSync(`${file}.sha256`, `${packed.sha256}  ${path.basename(file)}\n`)

    const runtimeBytes = listFiles(path.join(folder, 'runtime')).reduce((sum, row) => sum + row.sizeBytes, 0)
    console.log(`\n${file}: ${mib(packed.sizeBytes)} (${mib(least.sizeBytes)} unpacked)`)
    console.log(`sha256 ${packed.sha256}`)
    console.log(
      `needs glibc ${least.glibc} and GLIBCXX_${least.glibcxx} or newer\n\nwhat takes the room, unpacked:`,
    )
    const parts: [string, number][] = [['Node', runtimeBytes], ...sizesByPart(kept)]
    for (const [part, bytes] of parts.sort((one, other) => other[1] - one[1]).slice(0, 12))
      console.log(`  ${mib(bytes).padStart(10)}  ${part}`)
    console.log('left out:')
    for (const [what, bytes] of leftOutBytes) console.log(`  ${mib(bytes).padStart(10)}  ${what}`)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

const { values } = parseArgs({
  options: {
    platform: { type: 'string' },
    out: { type: 'string' },
    verify: { type: 'string' },
    root: { type: 'string' },
  },
})
const platform = values.platform ?? `linux-${process.arch}`
if (values.verify !== undefined)
  process.exitCode = values.verify.endsWith('.tgz')
    ? await verifyPackage(path.resolve(values.verify))
    : await verifyBundle(path.resolve(values.verify), values.root)
else if (isPlatform(platform)) await makeBundle(platform, values.out)
else {
  console.error(
    `usage: npm run bundle -- --platform ${PLATFORMS.join('|')} [--out FILE] | --verify FILE [--root DIR]`,
  )
  process.exitCode = 2
}
