/**
 * Files of this machine that a client names, to be read by the daemon: none of its own keys, tokens and stores. What a model learns of a
 * file can be asked of the model later, and what is indexed can be found.
 */
import type { Stats } from 'node:fs'
import { readdir, realpath, stat } from 'node:fs/promises'
import path from 'node:path'
import { VillageError } from './errors.ts'
import { KEY_FILE } from './identity.ts'
import { isJsonObject } from './json.ts'
import { KEYS_FOLDER } from './migrations.ts'

const MAX_DEPTH = 8

const isSame = (a: Stats, b: Stats) => a.dev === b.dev && a.ino === b.ino

function isWithin(outer: string, inner: string): boolean {
  const relative = path.relative(outer, inner)
  return relative !== '..' && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative)
}

/** Every text in the parameters of a piece of work that is an absolute path. */
export function pathsIn(value: unknown, depth = 0): string[] {
  if (typeof value === 'string') return path.isAbsolute(value) ? [value] : []
  if (depth === MAX_DEPTH) return []
  if (Array.isArray(value)) return value.flatMap((one) => pathsIn(one, depth + 1))
  return isJsonObject(value as never)
    ? Object.values(value as object).flatMap((one) => pathsIn(one, depth + 1))
    : []
}

/** Whether a file of several names is one of the data directory's own: keys and tokens lie at its top and in `keys`. */
export async function isOwnSecret(stats: Stats, dataDirectory: string): Promise<boolean> {
  if (stats.nlink < 2 || !stats.isFile()) return false
  for (const folder of [dataDirectory, path.join(dataDirectory, KEYS_FOLDER)])
    for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
      if (!entry.isFile()) continue
      const other = await stat(path.join(folder, entry.name)).catch(() => null)
      if (other !== null && isSame(stats, other)) return true
    }
  return false
}

/** Of the system, not of a person: the environment of processes is among it, with keys of endpoints. */
const SYSTEM = ['/proc', '/sys', '/dev']

export const isOfSystem = (real: string): boolean => SYSTEM.some((directory) => isWithin(directory, real))

/** Whether a real path lies in the data directory of any node of this machine: it has the key of its identity at its top. */
async function isOfNode(real: string): Promise<boolean> {
  for (let directory = real; ; directory = path.dirname(directory)) {
    const key = await stat(path.join(directory, KEY_FILE)).catch(() => null)
    if (key?.isFile() === true) return true
    if (directory === path.dirname(directory)) return false
  }
}

/** Throws FILE_REFUSED for what lies in a data directory or is the system's, by whatever name. What is not there is left to whoever reads it. */
export async function refuseOwnFiles(files: readonly string[], dataDirectory: string): Promise<void> {
  if (files.length === 0) return
  const data = await realpath(dataDirectory)
  for (const file of files) {
    const real = await realpath(file).catch(() => null)
    if (real === null) continue
    if (isOfSystem(real))
      throw new VillageError('FILE_REFUSED', `${file} is no file of a person, but of the system`, {
        fields: { path: file },
      })
    if (isWithin(data, real) || (await isOfNode(real)) || (await isOwnSecret(await stat(real), data)))
      throw new VillageError('FILE_REFUSED', `${file} belongs to the data directory of a daemon`, {
        fields: { path: file },
      })
  }
}
