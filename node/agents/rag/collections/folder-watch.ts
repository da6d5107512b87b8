/**
 * Tells which paths below a folder may have changed, by one watch a folder. chokidar watches each file: 101,001 inotify watches and
 * 596 MB for 100,000 files in 1,000 folders, where most systems allow fewer than that.
 */
import { type FSWatcher, watch } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import path from 'node:path'
import type { Log } from '../../../log.ts'

export interface FolderWatch {
  /** Resolves when all folders that are there are watched; changes from then on are told. */
  readonly ready: Promise<void>
  close(): void
}

interface Init {
  /** Absolute: a folder, or a file. */
  readonly path: string
  /** A relative path with `/` between names that may have changed, be new or be gone; empty: anything. */
  readonly onChange: (relative: string) => void
  /** How often a folder that is not there is looked for. */
  readonly retryMs?: number
}

const RETRY_MS = 30_000
/** Changes what the walk takes, of the folder that it is in. */
const RULES_FILE = '.gitignore'

/** As the walk leaves them out. */
const isLeftOut = (name: string) => name.startsWith('.') || name === 'node_modules'
const join = (folder: string, name: string) => (folder === '' ? name : `${folder}/${name}`)

export function createFolderWatch(components: { log: Log }, init: Init): FolderWatch {
  const { log } = components
  const { path: root, onChange } = init
  const watchers = new Map<string, FSWatcher>()
  let retry: NodeJS.Timeout | undefined
  let isClosed = false
  let isLimited = false

  function closeBelow(folder: string): void {
    for (const [at, watcher] of [...watchers]) {
      if (folder !== '' && at !== folder && !at.startsWith(`${folder}/`)) continue
      watcher.close()
      watchers.delete(at)
    }
  }

  /** The root is gone, or was never there. */
  function lookAgain(): void {
    closeBelow('')
    if (isClosed || retry !== undefined) return
    retry = setTimeout(() => {
      retry = undefined
      open(true).catch((error: unknown) => log.warn({ err: error, path: root }, 'folder is not watched'))
    }, init.retryMs ?? RETRY_MS).unref()
  }

  function failed(folder: string, error: NodeJS.ErrnoException): void {
    closeBelow(folder)
    if (error.code === 'ENOSPC' || error.code === 'EMFILE') {
      if (!isLimited)
        log.warn({ path: root, code: error.code }, 'system watches no more folders; changes are found later')
      isLimited = true
    } else log.debug({ err: error, path: root }, 'folder is not watched any more')
    if (folder === '') lookAgain()
  }

  async function look(relative: string): Promise<void> {
    // What cannot be looked at is taken for gone: the run that follows reports why.
    const stats = await stat(path.join(root, relative)).catch(() => null)
    if (isClosed) return
    if (stats?.isDirectory() === true) {
      if (watchers.has(relative)) return
      await watchFolder(relative)
      // What came into it before it was watched.
      onChange(relative)
    } else if (watchers.has(relative)) closeBelow(relative)
  }

  function heard(folder: string, event: string, name: string | null): void {
    if (isClosed) return
    if (name === null || name === RULES_FILE) onChange(folder)
    if (name === null || isLeftOut(name)) return
    const relative = join(folder, name)
    onChange(relative)
    if (event !== 'rename') return
    // A folder that is removed or renamed names itself, as if it held itself.
    if (folder === '') stat(root).catch(() => lookAgain())
    look(relative).catch((error: unknown) => log.warn({ err: error, path: root }, 'folder is not watched'))
  }

  async function watchFolder(folder: string): Promise<void> {
    if (isClosed || watchers.has(folder)) return
    const at = path.join(root, folder)
    try {
      const watcher = watch(at, { persistent: false }, (event, name) => heard(folder, event, name))
      watcher.on('error', (error) => failed(folder, error))
      watchers.set(folder, watcher)
      for (const entry of await readdir(at, { withFileTypes: true }))
        if (entry.isDirectory() && !isLeftOut(entry.name)) await watchFolder(join(folder, entry.name))
    } catch (error) {
      failed(folder, error as NodeJS.ErrnoException)
    }
  }

  function watchFile(): void {
    const name = path.basename(root)
    const hear = (_event: string, changed: string | null) => {
      if (!isClosed && (changed === null || changed === name)) onChange('')
    }
    const watcher = watch(path.dirname(root), { persistent: false }, hear)
    watcher.on('error', (error) => failed('', error))
    watchers.set('', watcher)
  }

  async function open(isLate: boolean): Promise<void> {
    const stats = await stat(root).catch(() => null)
    if (isClosed) return
    if (stats === null) return lookAgain()
    if (stats.isDirectory()) await watchFolder('')
    else watchFile()
    if (isLate) onChange('')
  }

  return {
    ready: open(false),
    close() {
      isClosed = true
      clearTimeout(retry)
      closeBelow('')
    },
  }
}
