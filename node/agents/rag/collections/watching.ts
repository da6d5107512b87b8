/** The watched folders of all collections: changes are gathered until they rest, and everything is looked at now and then. */
import type { Log } from '../../../log.ts'
import { createFolderWatch, type FolderWatch } from './folder-watch.ts'

export interface Watching {
  watch(collection: string, path: string): void
  /** Null: all of the collection. */
  unwatch(collection: string, path: string | null): void
  /** Resolves when the folders that are there are watched. */
  ready(): Promise<void>
  stop(): Promise<void>
}

interface Init {
  /** Changes are told when there were none for so long. */
  readonly delayMs: number
  /** Relative paths; null: anything may have changed. */
  readonly onChange: (collection: string, path: string, within: ReadonlySet<string> | null) => void
  /** Network drives tell nothing, and systems watch only so many folders: what was missed is found by this. */
  readonly lookRoundMs?: number
}

interface Watched {
  readonly folder: FolderWatch
  changes: Set<string> | null
  isChanged: boolean
  /** When the oldest of the changes was noted. */
  sinceMs: number
  timer: NodeJS.Timeout | undefined
  readonly lookRound: NodeJS.Timeout
}

const LOOK_ROUND_MS = 3_600_000
/** Where changes never rest, they are told after so many times the delay. */
const MOST_DELAYS = 10
const MOST_CHANGES = 1_000

export function createWatching(components: { log: Log }, init: Init): Watching {
  const { log } = components
  const collections = new Map<string, Map<string, Watched>>()

  function tell(collection: string, path: string, watched: Watched): void {
    const { changes } = watched
    watched.changes = new Set()
    watched.isChanged = false
    init.onChange(collection, path, changes)
  }

  function note(collection: string, path: string, watched: Watched, relative: string): void {
    if (!watched.isChanged) watched.sinceMs = performance.now()
    watched.isChanged = true
    if (relative === '' || (watched.changes?.size ?? 0) >= MOST_CHANGES) watched.changes = null
    watched.changes?.add(relative)
    if (performance.now() - watched.sinceMs > MOST_DELAYS * init.delayMs && watched.timer !== undefined)
      return
    clearTimeout(watched.timer)
    watched.timer = setTimeout(() => {
      watched.timer = undefined
      tell(collection, path, watched)
    }, init.delayMs).unref()
  }

  function end({ folder, timer, lookRound }: Watched): void {
    folder.close()
    clearTimeout(timer)
    clearInterval(lookRound)
  }

  return {
    watch(collection, path) {
      const roots = collections.get(collection) ?? new Map<string, Watched>()
      collections.set(collection, roots)
      if (roots.has(path)) return
      const onChange = (relative: string) => {
        const watched = roots.get(path)
        if (watched !== undefined) note(collection, path, watched, relative)
      }
      const folder = createFolderWatch({ log }, { path, onChange })
      const lookRound = setInterval(() => onChange(''), init.lookRoundMs ?? LOOK_ROUND_MS).unref()
      folder.ready.catch((error: unknown) => log.warn({ err: error, path }, 'folder is not watched'))
      roots.set(path, {
        folder,
        changes: new Set(),
        isChanged: false,
        sinceMs: 0,
        timer: undefined,
        lookRound,
      })
    },
    unwatch(collection, path) {
      const roots = collections.get(collection)
      if (roots === undefined) return
      for (const [at, watched] of [...roots]) {
        if (path !== null && at !== path) continue
        end(watched)
        roots.delete(at)
      }
    },
    async ready() {
      for (const roots of collections.values())
        for (const { folder } of roots.values()) await folder.ready.catch(() => undefined)
    },
    async stop() {
      for (const roots of collections.values()) for (const watched of roots.values()) end(watched)
      collections.clear()
    },
  }
}
