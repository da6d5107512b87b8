/**
 * The files under a folder that can be parsed. Nothing outside of it is ever opened, links in a circle are walked once, and
 * what is no regular file is left alone. Memory grows with the depth and with the number of folders, not of files.
 */
import type { Dirent, Stats } from 'node:fs'
import { lstat, opendir, readFile, realpath, stat } from 'node:fs/promises'
import path from 'node:path'
import { VillageError } from '../../../errors.ts'
import { extensionOf, formatOf } from './formats/table.ts'
import { type IgnoreRules, parseIgnoreRules } from './ignore-rules.ts'
import type { SourceFile, WalkEvent } from './parsed-file.ts'
import { createWalkCounts } from './walk-counts.ts'

export interface WalkOptions {
  /** Patterns of .gitignore on the relative path: only files that match one are taken. */
  readonly include?: readonly string[]
  readonly exclude?: readonly string[]
  /** Takes what begins with a dot as well; version control and installed packages stay out. */
  readonly hidden?: boolean
  /** Leaves out what a .gitignore on the way says; true if absent. */
  readonly gitignore?: boolean
  /**
   * Only these relative paths (files or folders, with `/` between names) and what is below them are looked at, by the rules of the
   * whole; one that is not there gives nothing. What has changed in a watched folder.
   */
  readonly within?: readonly string[]
  readonly signal: AbortSignal
}

/** Never what somebody wrote, often more than all the rest. */
const NEVER = new Set(['.git', '.hg', '.svn', 'node_modules', '__pycache__', '.DS_Store', 'Thumbs.db'])
const MAX_DEPTH = 64
/** Names are sorted by so many at a time: a folder of a million does not fill the memory. */
const PAGE_NAMES = 20_000
const STAT_AT_ONCE = 64
const MAX_SOURCE = 1_024
const MAX_IGNORE_FILE_BYTES = 256 * 1024

interface Folder {
  /** Real path: no link in it. */
  readonly path: string
  /** Relative to the root. */
  readonly names: readonly string[]
  /** Rules of the folders above, each with how many names deep it lies. */
  readonly rules: readonly { readonly depth: number; readonly rules: IgnoreRules }[]
}

interface Found {
  readonly name: string
  readonly kind: 'file' | 'folder' | 'link' | 'special' | 'invalid'
}

function kindOf(entry: Dirent<Buffer> | Stats): Exclude<Found['kind'], 'invalid'> {
  if (entry.isFile()) return 'file'
  if (entry.isDirectory()) return 'folder'
  return entry.isSymbolicLink() ? 'link' : 'special'
}

/** A name as text, or null where it is no UTF-8 or would break a line of a report. */
function nameOf(bytes: Buffer): string | null {
  const name = bytes.toString('utf8')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is looked for
  return Buffer.from(name, 'utf8').equals(bytes) && !/[\u0000-\u001f\u007f]/.test(name) ? name : null
}

/** What a name that cannot be used is called in the report. */
function printable(bytes: Buffer): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is replaced
  return bytes.toString('latin1').replace(/[\u0000-\u001f\u007f-\u009f]/g, '?')
}

function problem(source: string, code: string, message: string): WalkEvent {
  return { kind: 'problem', problem: { source, code, message } }
}

function errorCode(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown'
}

export async function* walkFiles(root: string, options: WalkOptions): AsyncGenerator<WalkEvent> {
  const { signal } = options
  const include = options.include?.length ? parseIgnoreRules(options.include.join('\n')) : null
  const exclude = parseIgnoreRules((options.exclude ?? []).join('\n'))
  const counts = createWalkCounts()
  const seenFolders = new Set<string>()
  const seenLinked = new Set<string>()
  let isComplete = true

  const top = await realpath(root).catch((error: unknown) => {
    throw new VillageError('NOT_FOUND', `There is nothing at ${root}.`, { cause: error })
  })
  const topStat = await stat(top)

  const isWithin = options.within === undefined ? () => true : withinOf(options.within)

  function isHidden(name: string): boolean {
    return NEVER.has(name) || (!options.hidden && name.startsWith('.'))
  }

  function isExcluded(folder: Folder, names: readonly string[], isFolder: boolean): boolean {
    if (exclude.decide(names, isFolder) === true) return true
    if (!isFolder && include !== null && include.decide(names, false) !== true) return true
    for (let i = folder.rules.length - 1; i >= 0; i--) {
      const { depth, rules } = folder.rules[i]!
      const decided = rules.decide(names.slice(depth), isFolder)
      if (decided !== null) return decided
    }
    return false
  }

  async function ignoreRules(folder: Folder): Promise<Folder> {
    if (options.gitignore === false) return folder
    const file = path.join(folder.path, '.gitignore')
    try {
      const found = await lstat(file)
      if (!found.isFile() || found.size > MAX_IGNORE_FILE_BYTES) return folder
      const rules = parseIgnoreRules(await readFile(file, 'utf8'))
      return { ...folder, rules: [...folder.rules, { depth: folder.names.length, rules }] }
    } catch {
      return folder // most folders have none
    }
  }

  /** Sorted by name within each page; one page for all but giant folders. */
  async function* pages(folder: Folder): AsyncGenerator<Found[]> {
    // @ts-expect-error the types of opendir do not know that 'buffer' is an encoding of names
    const directory = await opendir(folder.path, { encoding: 'buffer', bufferSize: 256 })
    let page: Found[] = []
    // The iterator closes the folder, also when the walk is left early.
    for await (const entry of directory as AsyncIterable<Dirent<Buffer>>) {
      signal.throwIfAborted()
      const name = nameOf(entry.name)
      page.push(
        name === null ? { name: printable(entry.name), kind: 'invalid' } : { name, kind: kindOf(entry) },
      )
      if (page.length < PAGE_NAMES) continue
      yield page.sort(byName)
      page = []
    }
    yield page.sort(byName)
  }

  /** True where the walk comes by the target of a link by itself: following the link would take it twice. */
  function isWalkedAnyway(target: string): boolean {
    const names = path.relative(top, target).split(path.sep)
    return !names.some((name) => name !== '' && isHidden(name))
  }

  async function* walkLink(folder: Folder, names: readonly string[]): AsyncGenerator<WalkEvent> {
    const source = names.join('/')
    let target: string
    let found: Stats
    try {
      target = await realpath(path.join(folder.path, names.at(-1)!))
      found = await stat(target)
    } catch {
      yield problem(source, 'LINK_BROKEN', 'The link leads nowhere or in a circle.')
      return
    }
    if (target !== top && !target.startsWith(top.endsWith(path.sep) ? top : top + path.sep)) {
      yield problem(source, 'LINK_OUTSIDE', 'The link leads out of the indexed folder.')
      return
    }
    if (isWalkedAnyway(target)) {
      counts.linked()
      return
    }
    if (found.isDirectory()) yield* walkFolder({ ...folder, path: target, names })
    else if (found.isFile()) {
      const key = `${found.dev}:${found.ino}`
      if (seenLinked.has(key)) return counts.linked()
      seenLinked.add(key)
      yield* takeFile(target, source, found)
    } else yield problem(source, 'FILE_SPECIAL', 'This is a device, a pipe or a socket, not a file.')
  }

  function* takeFile(file: string, source: string, found: Stats): Generator<WalkEvent> {
    counts.file()
    const { size: sizeBytes, mtimeMs } = found
    const taken: SourceFile = { path: file, source, sizeBytes, modifiedAtMs: Math.trunc(mtimeMs) }
    yield { kind: 'file', file: taken }
  }

  async function* takeFiles(
    folder: Folder,
    files: readonly (readonly string[])[],
  ): AsyncGenerator<WalkEvent> {
    for (let start = 0; start < files.length; start += STAT_AT_ONCE) {
      signal.throwIfAborted()
      const some = files.slice(start, start + STAT_AT_ONCE)
      const found = await Promise.all(
        some.map((names) =>
          lstat(path.join(folder.path, names.at(-1)!)).catch((error: unknown) => errorCode(error)),
        ),
      )
      for (const [i, names] of some.entries()) {
        const state = found[i]!
        const source = names.join('/')
        // It was removed a moment ago: as good as never there.
        if (state === 'ENOENT') continue
        if (typeof state === 'string')
          yield problem(source, 'FILE_UNREADABLE', `The file cannot be looked at (${state}).`)
        else if (!state.isFile())
          yield problem(source, 'FILE_CHANGING', 'The file was replaced while it was looked at.')
        else yield* takeFile(path.join(folder.path, names.at(-1)!), source, state)
      }
    }
  }

  async function* walkFolder(plain: Folder): AsyncGenerator<WalkEvent> {
    const where = plain.names.join('/') || '.'
    if (plain.names.length > MAX_DEPTH) {
      isComplete = false
      yield problem(where, 'FOLDER_TOO_DEEP', `Folders deeper than ${MAX_DEPTH} are not walked.`)
      return
    }
    try {
      const state = await stat(plain.path, { bigint: true })
      const key = `${state.dev}:${state.ino}`
      if (seenFolders.has(key)) return
      seenFolders.add(key)
      const folder = await ignoreRules(plain)
      for await (const page of pages(folder)) yield* walkPage(folder, page)
    } catch (error) {
      const isSystem = typeof (error as NodeJS.ErrnoException).syscall === 'string'
      if (signal.aborted || !isSystem) throw error
      isComplete = false
      yield problem(where, 'FILE_UNREADABLE', `The folder cannot be read (${errorCode(error)}).`)
    }
  }

  async function* walkPage(folder: Folder, page: readonly Found[]): AsyncGenerator<WalkEvent> {
    // Files that follow each other are looked at together; a folder in between is walked at its place.
    let files: (readonly string[])[] = []
    for (const { name, kind } of page) {
      const names = [...folder.names, name]
      const source = names.join('/')
      if (!isWithin(names)) continue
      if (isHidden(name)) {
        counts.hidden()
        continue
      }
      if (kind === 'invalid' || source.length > MAX_SOURCE) {
        yield problem(
          source.slice(0, MAX_SOURCE),
          'FILE_NAME_INVALID',
          kind === 'invalid'
            ? 'The name has control characters, or is not valid UTF-8.'
            : `The name, with its folders, is longer than ${MAX_SOURCE} characters.`,
        )
        continue
      }
      if (isExcluded(folder, names, kind === 'folder')) {
        counts.excluded()
        continue
      }
      if (kind === 'file' && formatOf(name) === null) counts.unsupported(extensionOf(name))
      else if (kind === 'file') files.push(names)
      else {
        yield* takeFiles(folder, files)
        files = []
        if (kind === 'folder') yield* walkFolder({ ...folder, path: path.join(folder.path, name), names })
        else if (kind === 'link') yield* walkLink(folder, names)
        else yield problem(source, 'FILE_SPECIAL', 'This is a device, a pipe or a socket, not a file.')
      }
    }
    yield* takeFiles(folder, files)
  }

  if (topStat.isDirectory()) yield* walkFolder({ path: top, names: [], rules: [] })
  else {
    const source = path.basename(root)
    if (!topStat.isFile())
      yield problem(source, 'FILE_SPECIAL', 'This is a device, a pipe or a socket, not a file.')
    else if (formatOf(source) === null)
      yield problem(source, 'FILE_UNSUPPORTED', `Files named ${extensionOf(source)} are not read.`)
    else yield* takeFile(top, source, topStat)
  }
  yield { kind: 'summary', summary: counts.summary(), isComplete }
}

/** Whether a path is one of these, or on the way to one, or below one. */
function withinOf(paths: readonly string[]): (names: readonly string[]) => boolean {
  const wanted = new Set(paths)
  const above = new Set<string>()
  for (const one of paths)
    for (let end = one.lastIndexOf('/'); end > 0; end = one.lastIndexOf('/', end - 1))
      above.add(one.slice(0, end))
  return (names) =>
    above.has(names.join('/')) || names.some((_, index) => wanted.has(names.slice(0, index + 1).join('/')))
}

function byName(a: Found, b: Found): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0
}
