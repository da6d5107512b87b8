/**
 * The folders of this machine that agents may look into, and how a path is held inside them. Whoever can write in a granted folder may
 * put links there, or exchange a folder for a link while a tool works: what counts is where the thing lies that was opened.
 */
import { constants, type Stats } from 'node:fs'
import { type FileHandle, open, readlink, realpath, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import path from 'node:path'
import { VillageError } from '../../errors.ts'
import { isOfSystem, isOwnSecret } from '../../own-files.ts'

export interface GrantedFolder {
  readonly name: string
  /** Absolute. */
  readonly directory: string
  readonly isWritable: boolean
}

/** A place in a granted folder as it was asked for; nothing is known of it yet. */
export interface GrantedPlace {
  readonly folder: GrantedFolder
  /** With slashes, without `..`; empty for the folder itself. */
  readonly relative: string
  /** `name/relative`: what agents call it. */
  readonly label: string
}

const GRANT = /^([a-z][a-z0-9_-]{0,31})=(\/.*?)(:rw)?$/s
// Control and format characters: names that deceive whoever reads them.
const DECEIVING = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u
const MAX_PATH = 1024
/** Without it, opening a pipe waits for somebody to write into it. */
const OPEN_FLAGS = constants.O_NOFOLLOW | constants.O_NONBLOCK

/** `notes=/home/me/notes`, `work=/srv/work:rw`: as agents.folders has them, which has checked their form. */
export function parseGrants(given: readonly string[]): GrantedFolder[] {
  return given.map((grant) => {
    const [, name, directory, rights] = GRANT.exec(grant) ?? []
    if (name === undefined || directory === undefined)
      throw new VillageError('CONFIG_INVALID_VALUE', `agents.folders: "${grant}" is not name=/path`)
    return { name, directory: path.resolve(directory), isWritable: rights !== undefined }
  })
}

const notGranted = (given: string) =>
  new VillageError('FOLDER_NOT_GRANTED', undefined, { fields: { path: given.slice(0, MAX_PATH) } })

export const isInside = (outer: string, inner: string): boolean => {
  const relative = path.relative(outer, inner)
  return relative === '' || (relative.split(path.sep)[0] !== '..' && !path.isAbsolute(relative))
}

/** Which granted folder a path (`notes/a.md`, or an absolute one) names a place in. Throws FOLDER_NOT_GRANTED, INVALID_ARGUMENT. */
export function placeOf(folders: readonly GrantedFolder[], given: string): GrantedPlace {
  if (given.length > MAX_PATH || DECEIVING.test(given))
    throw new VillageError(
      'INVALID_ARGUMENT',
      'The path is too long or has characters that no name should have',
      {
        fields: { argument: 'path' },
      },
    )
  const whole = given === '~' || given.startsWith('~/') ? path.join(homedir(), given.slice(1)) : given
  const [first = '', ...rest] = whole.split('/')
  const named = folders.find(({ name }) => name === first)
  if (!path.isAbsolute(whole) && named === undefined) throw notGranted(given)
  const target =
    named === undefined || path.isAbsolute(whole)
      ? path.resolve(whole)
      : path.resolve(named.directory, ...rest.filter((part) => part !== ''))
  if (named !== undefined && !isInside(named.directory, target)) throw notGranted(given)
  // The one that lies deepest: a folder may be granted inside another, with other rights.
  const [folder] = folders
    .filter(({ directory }) => isInside(directory, target))
    .sort((a, b) => b.directory.length - a.directory.length)
  if (folder === undefined) throw notGranted(given)
  const relative = path.relative(folder.directory, target).split(path.sep).join('/')
  return { folder, relative, label: relative === '' ? folder.name : `${folder.name}/${relative}` }
}

const isSame = (a: Stats, b: Stats) => a.dev === b.dev && a.ino === b.ino

function unreadable(place: GrantedPlace, cause: unknown): VillageError {
  const { code } = cause as NodeJS.ErrnoException
  if (code === 'ELOOP') return outside(place)
  return new VillageError(
    code === 'ENOENT' || code === 'ENOTDIR' ? 'NOT_FOUND' : 'FILE_UNREADABLE',
    `${place.label} cannot be opened`,
    { cause, fields: { path: place.label } },
  )
}

const outside = ({ label }: GrantedPlace) =>
  new VillageError('LINK_OUTSIDE', `${label} is a link, or leads out of its folder`, {
    fields: { path: label },
  })

/**
 * Opens a file or folder for reading and proves that it lies in its granted folder and not in the data directory. Links below the folder
 * are not followed at all. Throws NOT_FOUND, FILE_UNREADABLE, LINK_OUTSIDE, FOLDER_NOT_GRANTED.
 */
export async function openGranted(
  place: GrantedPlace,
  dataDirectory: string,
): Promise<{ handle: FileHandle; stats: Stats; real: string }> {
  const fail = (error: unknown): never => {
    throw unreadable(place, error)
  }
  const root = await realpath(place.folder.directory).catch(fail)
  const target = path.join(root, place.relative)
  const handle = await open(target, constants.O_RDONLY | OPEN_FLAGS).catch(fail)
  try {
    const stats = await handle.stat()
    const real = await placeOfOpen(handle, target, stats).catch(fail)
    if (real !== target) throw outside(place)
    const data = await realpath(dataDirectory)
    if (isInside(data, target) || isOfSystem(target) || (await isOwnSecret(stats, data)))
      throw new VillageError(
        'FOLDER_NOT_GRANTED',
        `${place.label} belongs to the data directory of the daemon, or to the system`,
        {
          fields: { path: place.label },
        },
      )
    return { handle, stats, real: target }
  } catch (error) {
    await handle.close()
    throw error
  }
}

/**
 * Where what is open lies; null where it is not what stands at that path. Only the system's table of open files tells that in one look: where there
 * is none, somebody who exchanges folders between two looks may be missed.
 */
async function placeOfOpen(handle: FileHandle, target: string, stats: Stats): Promise<string | null> {
  if (process.platform === 'linux') return readlink(`/proc/self/fd/${handle.fd}`)
  const real = await realpath(target)
  return isSame(stats, await stat(real)) ? real : null
}

/**
 * A path that stays bound to an open folder whatever becomes of its name: through the table of open files where the system has one,
 * otherwise by the name that it was proven to have.
 */
export const boundPath = (handle: FileHandle, real: string): string =>
  process.platform === 'linux' ? `/proc/self/fd/${handle.fd}` : real
