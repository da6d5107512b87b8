/**
 * Writes an artifact out as ordinary files, for programs that need a path (onnxruntime reads models that way).
 * The result lies at `<directory>/<cid>` and appears there by one rename. Files are copies, never hard links to blocks: what
 * somebody does to them cannot reach the block store.
 */
import { mkdir, open, rename, rm, stat, utimes } from 'node:fs/promises'
import path from 'node:path'
import { toVillageError, VillageError } from '../../errors.ts'
import { parseCid } from './cids.ts'
import type { Manifest } from './manifest.ts'
import { nameProblem } from './nodes.ts'
import { type ReadComponents, readPart } from './read.ts'

const PARTIAL = '.partial'

/** True when the tree is there with every file at its size: it was written whole, and nobody has cut it since. */
async function isIntact(target: string, manifest: Manifest): Promise<boolean> {
  for (const file of manifest.files) {
    const stats = await stat(path.join(target, file.path)).catch(() => null)
    if (stats?.isFile() !== true || stats.size !== file.sizeBytes) return false
  }
  for (const directory of ['', ...manifest.directories]) {
    if (manifest.kind === 'file') break
    const stats = await stat(path.join(target, directory)).catch(() => null)
    if (stats?.isDirectory() !== true) return false
  }
  return true
}

async function writeTree(components: ReadComponents, manifest: Manifest, target: string): Promise<void> {
  if (manifest.kind === 'directory') await mkdir(target, { mode: 0o700 })
  for (const directory of manifest.directories) await mkdir(path.join(target, directory), { mode: 0o700 })
  for (const file of manifest.files) {
    for (const name of file.path === '' ? [] : file.path.split('/')) {
      const problem = nameProblem(name)
      if (problem !== null)
        throw new VillageError('ARTIFACT_UNSUPPORTED_FILE', `The name ${JSON.stringify(name)} ${problem}`)
    }
    // 'wx' never follows a link and never overwrites, also where the file system takes two names for one.
    const handle = await open(path.join(target, file.path), 'wx', 0o600)
    try {
      for (const part of file.parts) await handle.writeFile(await readPart(components.blocks, part))
    } finally {
      await handle.close()
    }
  }
}

/** One call at a time for a CID and directory: see artifacts.ts. Throws ARTIFACT_MISSING, ARTIFACT_CORRUPT, DISK_FULL. */
export async function materialize(
  components: ReadComponents,
  reference: string,
  directory: string,
): Promise<string> {
  const cid = parseCid(reference)
  const manifest = await components.library.complete(cid)
  const target = path.join(directory, cid.toString())
  if (await isIntact(target, manifest)) {
    // Whoever cleans up sees by the time of the directory that it is in use.
    const now = new Date()
    await utimes(target, now, now)
    return target
  }
  const release = components.holds.root(cid.toString())
  const partial = `${target}${PARTIAL}`
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    await rm(partial, { recursive: true, force: true })
    await writeTree(components, manifest, partial)
    await rm(target, { recursive: true, force: true })
    await rename(partial, target)
    return target
  } catch (error) {
    await rm(partial, { recursive: true, force: true }).catch(() => {
      // The next call removes it first.
    })
    throw toVillageError(error)
  } finally {
    release()
  }
}
