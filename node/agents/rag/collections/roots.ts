/** How files are named in a collection: by the indexed folder or file that they belong to, and their place in it. */
import path from 'node:path'

export interface IndexedRoot {
  /** Absolute. */
  readonly path: string
  /** Before the relative path of each of its files: `notes/`. A root that is one file has just this name: `todo.md`. */
  readonly prefix: string
}

/** What a walk covers: a root, or a part of it. */
export interface Scope {
  readonly root: IndexedRoot
  readonly path: string
  readonly isFile: boolean
  /** Of the sources in it; of a file the whole source. */
  readonly prefix: string
}

/** Uploaded documents have names of their own under this, so that no folder can take them for its own. */
export const UPLOAD_PREFIX = 'uploads/'

/** Whether `inner` is `outer` or lies below it; both absolute and normal. */
export function isWithin(outer: string, inner: string): boolean {
  const relative = path.relative(outer, inner)
  return (
    relative === '' ||
    (relative !== '..' && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative))
  )
}

const withSlashes = (relative: string) => relative.split(path.sep).join('/')

/** A prefix that begins no source of another root: `notes/`, else `notes-2/`. */
function freePrefix(roots: readonly IndexedRoot[], given: string, isFile: boolean): string {
  // The root of a file system has no name.
  const { name, ext } = path.parse(path.basename(given) || 'root')
  const taken = new Set(
    [UPLOAD_PREFIX, ...roots.map((root) => root.prefix)].map((one) => one.replace(/\/$/, '')),
  )
  for (let number = 1; ; number++) {
    const suffix = number === 1 ? '' : `-${number}`
    const wanted = isFile ? `${name}${suffix}${ext}` : `${name}${ext}${suffix}`
    if (!taken.has(wanted)) return isFile ? wanted : `${wanted}/`
  }
}

/**
 * Where a path belongs: to a root that is known, as the whole of it or as a part, or to a new one. `given` is absolute and
 * normal.
 */
export function scopeOf(roots: readonly IndexedRoot[], given: string, isFile: boolean): Scope {
  const same = roots.find((root) => root.path === given && root.prefix.endsWith('/') !== isFile)
  if (same !== undefined) return { root: same, path: given, isFile, prefix: same.prefix }
  const around = roots.find((root) => root.prefix.endsWith('/') && isWithin(root.path, given))
  if (around !== undefined && around.path !== given) {
    const relative = withSlashes(path.relative(around.path, given))
    return { root: around, path: given, isFile, prefix: `${around.prefix}${relative}${isFile ? '' : '/'}` }
  }
  const prefix = freePrefix(roots, given, isFile)
  return { root: { path: given, prefix }, path: given, isFile, prefix }
}

/** The source of a file that a walk of the scope names `source`. */
export const sourceIn = (scope: Scope, source: string): string =>
  scope.isFile ? scope.prefix : scope.prefix + source

/** Where a source of the root is on the disk. */
export function pathOf(root: IndexedRoot, source: string): string {
  if (!root.prefix.endsWith('/')) return root.path
  return path.join(root.path, ...source.slice(root.prefix.length).split('/'))
}
