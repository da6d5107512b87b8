/** Tools over files of this machine, in the folders that the owner granted. */

import { constants } from 'node:fs'
import { type FileHandle, link, lstat, open, readdir, realpath, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { dropAbandonedParts, partBeside } from '../../abandoned-parts.ts'
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import { AT_ONCE, counted, own, takes, tool, untrusted, whole, words, yesOrNo } from './define-tool.ts'
import {
  boundPath,
  type GrantedFolder,
  type GrantedPlace,
  isInside,
  openGranted,
  placeOf,
} from './granted-folders.ts'
import type { Tool, ToolContext } from './tool.ts'

export interface FileToolInit {
  /** Read at every call: the owner may grant others meanwhile. */
  readonly folders: readonly GrantedFolder[]
  /** Never read, listed or written, whatever is granted. */
  readonly dataDirectory: string
}

const READ_BYTES = 65_536
const MAX_WRITE_UNITS = 2 ** 20
const MAX_LISTED = 500
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])
const PATH = words('`folder/path` with the name of a granted folder, or an absolute path in one.', 1024)

const withheld = () =>
  new VillageError('PRIVATE_WITHHELD', 'Files of this machine are not shown to whom the answer would go')

function checkSeen({ seesPrivate }: ToolContext): void {
  if (!seesPrivate) throw withheld()
}

export function fileTools(init: FileToolInit): Tool[] {
  const { dataDirectory } = init
  return [
    tool<{ path?: string }>({
      name: 'file_list',
      description: 'Lists a granted folder; without a path, the granted folders.',
      parameters: takes({ path: PATH }),
      effect: 'read',
      scope: 'ask',
      cost: AT_ONCE,
      async run({ path: given }, context) {
        checkSeen(context)
        if (given === undefined)
          return own(counted(init.folders.length, 'folder'), {
            folders: init.folders.map(({ name, isWritable }) => ({ name, isWritable })),
          })
        const place = placeOf(init.folders, given)
        const { handle, stats, real } = await openGranted(place, dataDirectory)
        try {
          if (!stats.isDirectory()) throw new VillageError('INVALID_ARGUMENT', `${place.label} is no folder`)
          return await listFolder(place, { handle, real, dataDirectory })
        } finally {
          await handle.close()
        }
      },
    }),
    tool<{ path: string; offset?: number; maxBytes?: number }>({
      name: 'file_read',
      description: 'Reads a text file in a granted folder, a part at a time.',
      parameters: takes(
        {
          path: PATH,
          offset: whole('Byte to begin at; 0 if absent.', 0, Number.MAX_SAFE_INTEGER),
          maxBytes: whole(`Bytes at most; ${READ_BYTES} if absent.`, 1, READ_BYTES),
        },
        'path',
      ),
      effect: 'read',
      scope: 'ask',
      cost: AT_ONCE,
      async run({ path: given, offset = 0, maxBytes = READ_BYTES }, context) {
        checkSeen(context)
        const place = placeOf(init.folders, given)
        const { handle, stats } = await openGranted(place, dataDirectory)
        try {
          if (!stats.isFile()) throw new VillageError('FILE_SPECIAL', `${place.label} is no ordinary file`)
          const { text, next } = await readText(handle, place, { offset, maxBytes })
          return untrusted(`${place.label}, ${counted(stats.size, 'byte')}`, {
            path: place.label,
            sizeBytes: stats.size,
            text,
            /** Where to read on; null at the end. */
            nextOffset: next < stats.size ? next : null,
          })
        } finally {
          await handle.close()
        }
      },
    }),
    tool<{ path: string; content: string; replace?: boolean }>({
      name: 'file_write',
      description:
        'Writes a text file in a folder that is granted for writing; an existing one only with `replace`.',
      parameters: takes(
        {
          path: PATH,
          content: { type: 'string', maxLength: MAX_WRITE_UNITS, description: 'The whole text of the file.' },
          replace: yesOrNo('Whether a file of that name is replaced.'),
        },
        'path',
        'content',
      ),
      effect: 'change',
      scope: 'operate',
      cost: AT_ONCE,
      async run({ path: given, content, replace = false }, context) {
        checkSeen(context)
        const place = placeOf(init.folders, given)
        if (!place.folder.isWritable || place.relative === '')
          throw new VillageError('FOLDER_NOT_GRANTED', `"${place.folder.name}" is granted for reading only`, {
            fields: { path: place.label },
          })
        const parent = { ...place, relative: path.posix.dirname(`/${place.relative}`).slice(1) }
        const { handle, stats, real } = await openGranted(parent, dataDirectory)
        try {
          if (!stats.isDirectory()) throw new VillageError('INVALID_ARGUMENT', 'Its folder is no folder')
          const directory = boundPath(handle, real)
          const bytes = Buffer.from(content)
          const isNew = await write(
            directory,
            { name: path.posix.basename(place.relative), bytes, replace },
            place,
          )
          const content_: JsonObject = { path: place.label, sizeBytes: bytes.byteLength, isNew }
          return own(`${place.label} is written`, content_)
        } finally {
          await handle.close()
        }
      },
    }),
  ]
}

async function listFolder(
  place: GrantedPlace,
  init: { handle: FileHandle; real: string; dataDirectory: string },
) {
  const { handle, real, dataDirectory } = init
  const directory = boundPath(handle, real)
  const data = await realpath(dataDirectory)
  const names = (await readdir(directory)).sort().filter((name) => !isInside(data, path.join(real, name)))
  const entries: JsonObject[] = []
  for (const name of names.slice(0, MAX_LISTED)) {
    const stats = await lstat(path.join(directory, name)).catch(() => null)
    if (stats === null) continue // it has gone meanwhile
    const kind = stats.isFile()
      ? 'file'
      : stats.isDirectory()
        ? 'folder'
        : stats.isSymbolicLink()
          ? 'link'
          : 'other'
    entries.push({
      name,
      kind,
      sizeBytes: stats.isFile() ? stats.size : null,
      modifiedAt: stats.mtime.toISOString(),
    })
  }
  return untrusted(`${place.label}: ${names.length === 1 ? '1 entry' : `${names.length} entries`}`, {
    path: place.label,
    entries,
    total: names.length,
  })
}

/** The whole of a text file, for a tool that works on it. Throws what `file_read` throws, and INVALID_ARGUMENT where it is larger. */
export async function readWholeText(
  given: string,
  { folders, dataDirectory }: FileToolInit,
  { context, maxBytes }: { context: ToolContext; maxBytes: number },
): Promise<{ name: string; text: string; sizeBytes: number }> {
  checkSeen(context)
  const place = placeOf(folders, given)
  const { handle, stats } = await openGranted(place, dataDirectory)
  try {
    if (!stats.isFile()) throw new VillageError('FILE_SPECIAL', `${place.label} is no ordinary file`)
    // One byte more than it has: a file that grew meanwhile is read as it was, and one that is too large is not read.
    if (stats.size > maxBytes)
      throw new VillageError('INVALID_ARGUMENT', `${place.label} is larger than ${maxBytes} bytes`)
    const { text } = await readText(handle, place, { offset: 0, maxBytes: stats.size + 1 })
    return { name: path.posix.basename(place.label), text, sizeBytes: stats.size }
  } finally {
    await handle.close()
  }
}

/** Whole characters from an offset on, and where the next part begins. Throws BINARY_FILE. */
async function readText(
  handle: FileHandle,
  place: GrantedPlace,
  { offset, maxBytes }: { offset: number; maxBytes: number },
): Promise<{ text: string; next: number }> {
  const buffer = Buffer.alloc(maxBytes)
  const { bytesRead } = await handle.read(buffer, 0, maxBytes, offset)
  let [from, end] = [0, bytesRead]
  const continues = (index: number) => (buffer[index]! & 0xc0) === 0x80
  // An offset in the middle of a character begins with the next one; a last one that is cut is left for the next part.
  while (offset > 0 && from < 3 && from < end && continues(from)) from++
  const lengthOf = (lead: number) => (lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1)
  if (bytesRead === maxBytes) {
    let last = end - 1
    while (last > from && end - last < 4 && continues(last)) last--
    if (last >= from && lengthOf(buffer[last]!) > end - last && last > from) end = last
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(buffer.subarray(from, end))
    if (!text.includes('\0')) return { text, next: offset + end }
  } catch (error) {
    throw new VillageError('BINARY_FILE', `${place.label} is no UTF-8 text`, {
      cause: error,
      fields: { path: place.label },
    })
  }
  throw new VillageError('BINARY_FILE', `${place.label} is no text`, { fields: { path: place.label } })
}

/** Unlike a rename it never takes the place of a file that was made meanwhile. */
async function giveName(beside: string, target: string): Promise<void> {
  try {
    await link(beside, target)
  } catch (error) {
    // A file system without second names, such as FAT.
    if (!NO_LINKS.has((error as NodeJS.ErrnoException).code ?? '')) throw error
    await rename(beside, target)
    return
  }
  await rm(beside)
}

/** Writes beside the old file and takes its name at once. Returns whether it is new. Throws FILE_UNWRITABLE, DISK_FULL. */
async function write(
  directory: string,
  { name, bytes, replace }: { name: string; bytes: Uint8Array; replace: boolean },
  place: GrantedPlace,
): Promise<boolean> {
  const target = path.join(directory, name)
  const old = await lstat(target).catch(() => null)
  const refuse = (problem: string, cause?: unknown): VillageError =>
    new VillageError('FILE_UNWRITABLE', `${place.label} ${problem}`, { cause, fields: { path: place.label } })
  if (old !== null && !replace) throw refuse('is there already')
  if (old !== null && !old.isFile()) throw refuse('is no ordinary file')
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
  const beside = partBeside(target)
  await dropAbandonedParts(directory)
  let handle: FileHandle
  try {
    handle = await open(beside, flags, old === null ? 0o644 : old.mode & 0o777)
  } catch (error) {
    throw refuse('cannot be written', error)
  }
  try {
    await handle.writeFile(bytes)
    await handle.sync()
    await handle.close()
    if (old === null) await giveName(beside, target)
    else await rename(beside, target)
    return old === null
  } catch (error) {
    await handle.close().catch(() => undefined)
    await rm(beside, { force: true })
    throw (error as NodeJS.ErrnoException).code === 'ENOSPC'
      ? new VillageError('DISK_FULL', undefined, { cause: error })
      : refuse('cannot be written', error)
  }
}
