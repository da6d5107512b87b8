/** Lays out the folder of a bundle and packs it, so that equal contents give equal bytes. */
import { createHash } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { create } from 'tar'
import { NODE_FLAGS } from '../run.js'
import type { Platform, SizedFile } from './contents.ts'
import { isOlder, newestNeeded, versionsNeeded } from './elf-needs.ts'

/** Of bundle.env and of the layout; install.sh is of the same bundle, so nothing else reads them. */
const FORMAT = 1
/** `.tar.gz` because tar and gzip are on every Debian, and xz and zstd are not. */
const GZIP_LEVEL = 9
/** The times of all files: a bundle is a function of what is in it. */
const MODIFIED = new Date(Number(process.env.SOURCE_DATE_EPOCH ?? Date.UTC(2026, 0, 1) / 1000) * 1000)

/** Regular files below `folder`, as paths with forward slashes. Throws on anything that is neither file nor folder. */
export function listFiles(folder: string): SizedFile[] {
  const files: SizedFile[] = []
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const at = path.join(entry.parentPath, entry.name)
    if (entry.isDirectory()) continue
    if (!entry.isFile()) throw new Error(`${at} is neither a file nor a folder`)
    files.push({ file: path.relative(folder, at).split(path.sep).join('/'), sizeBytes: statSync(at).size })
  }
  return files
}

export function copyFiles(from: string, to: string, files: readonly SizedFile[]): void {
  for (const { file } of files) {
    const target = path.join(to, file)
    mkdirSync(path.dirname(target), { recursive: true })
    copyFileSync(path.join(from, file), target)
  }
}

/** The least versions of glibc and of the C++ library's symbols that every binary in `folder` loads with. */
export function leastLibraries(
  folder: string,
  files: readonly SizedFile[],
): { glibc: string; glibcxx: string } {
  const least = { glibc: '2.17', glibcxx: '3.4' }
  for (const { file } of files) {
    if (!/(?:\.node|\.so(?:\.\d+)*|\/node)$/.test(file)) continue
    const needed = versionsNeeded(readFileSync(path.join(folder, file)))
    if (needed === null) continue
    const [glibc, glibcxx] = [newestNeeded(needed, 'GLIBC'), newestNeeded(needed, 'GLIBCXX')]
    if (glibc !== null && isOlder(least.glibc, glibc)) least.glibc = glibc
    if (glibcxx !== null && isOlder(least.glibcxx, glibcxx)) least.glibcxx = glibcxx
  }
  return least
}

const isProgram = (file: string) => file === 'install.sh' || file === 'runtime/bin/node'

/** Adds bundle.env, SHA256SUMS and install.sh to the folder; returns what install.sh asks of a machine. */
export function sealBundle(
  folder: string,
  init: { platform: Platform; version: string; nodeVersion: string; installer: string },
): { glibc: string; glibcxx: string; sizeBytes: number } {
  const files = listFiles(folder)
  const least = leastLibraries(folder, files)
  const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0)
  const facts = {
    FORMAT,
    VERSION: init.version,
    PLATFORM: init.platform,
    NODE: init.nodeVersion,
    GLIBC: least.glibc,
    GLIBCXX: least.glibcxx,
    SIZE_KIB: Math.ceil(sizeBytes / 1024),
    NODE_FLAGS: NODE_FLAGS.join(' '),
  }
  const lines = Object.entries(facts).map(([key, value]) => `${key}=${value}\n`)
  writeFileSync(path.join(folder, 'bundle.env'), lines.join(''))
  const sums = listFiles(folder)
    .map(({ file }) => file)
    .sort()
    .map((file) => {
      const hash = createHash('sha256').update(readFileSync(path.join(folder, file)))
      return `${hash.digest('hex')}  ./${file}\n`
    })
  writeFileSync(path.join(folder, 'SHA256SUMS'), sums.join(''))
  copyFileSync(init.installer, path.join(folder, 'install.sh'))
  return { ...least, sizeBytes }
}

/** Packs `folder` into `file` under its own name, with sorted names, fixed times and modes and no owner. */
export async function packBundle(
  folder: string,
  file: string,
): Promise<{ sizeBytes: number; sha256: string }> {
  const name = path.basename(folder)
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  for (const entry of entries) {
    const at = path.join(entry.parentPath, entry.name)
    const relative = path.relative(folder, at).split(path.sep).join('/')
    chmodSync(at, entry.isDirectory() || isProgram(relative) ? 0o755 : 0o644)
  }
  chmodSync(folder, 0o755)
  const names = entries
    .map((entry) => path.relative(path.dirname(folder), path.join(entry.parentPath, entry.name)))
    .map((entry) => entry.split(path.sep).join('/'))
    .sort()
  // Another process never finds half of it.
  const partial = `${file}.${process.pid}.tmp`
  await create(
    {
      file: partial,
      cwd: path.dirname(folder),
      gzip: { level: GZIP_LEVEL },
      portable: true,
      noPax: false,
      noDirRecurse: true,
      mtime: MODIFIED,
    },
    [name, ...names],
  )
  renameSync(partial, file)
  const bytes = readFileSync(file)
  return { sizeBytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
}
