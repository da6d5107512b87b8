/**
 * What the documents of each collection look like, so that a new one which nearly repeats another is marked. It is only a hint:
 * it is kept in memory while a collection is indexed, written when that has come to rest, and a crash costs a few marks.
 */
import { readFile, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Log } from '../../../log.ts'
import { createDuplicateFinder, type DuplicateFinder, readDuplicates } from '../ingest/duplicate-finder.ts'

export interface NearDuplicateMemory {
  open(collection: string): Promise<Pick<DuplicateFinder, 'find' | 'add' | 'remove'>>
  /** It is written and let go after a while in which nobody opens it. */
  rest(collection: string): void
  /** Without writing it: the collection is removed. */
  forget(collection: string): void
  /** Writes what is not written. */
  stop(): Promise<void>
}

interface Init {
  readonly directoryOf: (collection: string) => string
  /** Of a collection; of more only these are compared. About 600 bytes of memory each. */
  readonly maxDocuments: number
  readonly restMs?: number
}

interface Opened {
  readonly finder: DuplicateFinder
  isChanged: boolean
  timer: NodeJS.Timeout | undefined
}

const FILE = 'near-duplicates.bin'
const REST_MS = 30_000

export function createNearDuplicateMemory(components: { log: Log }, init: Init): NearDuplicateMemory {
  const { log } = components
  const { directoryOf, maxDocuments } = init
  const opened = new Map<string, Promise<Opened>>()

  async function read(collection: string): Promise<Opened> {
    // A hint: without it, as in a new collection, near-duplicates of earlier documents are not marked.
    const bytes = await readFile(path.join(directoryOf(collection), FILE)).catch(() => null)
    let finder = createDuplicateFinder({ maxDocuments })
    try {
      if (bytes !== null) finder = readDuplicates(bytes, { maxDocuments })
    } catch (error) {
      log.warn({ err: error, collection }, 'near-duplicates of earlier documents are not found any more')
    }
    return { finder, isChanged: false, timer: undefined }
  }

  async function save(collection: string): Promise<void> {
    const one = await opened.get(collection)
    opened.delete(collection)
    if (one === undefined) return
    clearTimeout(one.timer)
    if (!one.isChanged) return
    const file = path.join(directoryOf(collection), FILE)
    await writeFile(`${file}.tmp`, one.finder.encode(), { mode: 0o600 })
    await rename(`${file}.tmp`, file)
  }

  const saveQuietly = (collection: string) =>
    save(collection).catch((error: unknown) =>
      log.warn({ err: error, collection }, 'near-duplicates could not be written'),
    )

  return {
    async open(collection) {
      const opening = opened.get(collection) ?? read(collection)
      opened.set(collection, opening)
      const one = await opening
      clearTimeout(one.timer)
      const { finder } = one
      return {
        find: finder.find,
        add(id, signature) {
          one.isChanged = true
          finder.add(id, signature)
        },
        remove(id) {
          one.isChanged = true
          finder.remove(id)
        },
      }
    },
    rest(collection) {
      opened.get(collection)?.then(
        (one) => {
          clearTimeout(one.timer)
          one.timer = setTimeout(() => void saveQuietly(collection), init.restMs ?? REST_MS).unref()
        },
        () => undefined, // open() has told it
      )
    },
    forget(collection) {
      opened.get(collection)?.then(
        (one) => clearTimeout(one.timer),
        () => undefined, // as above
      )
      opened.delete(collection)
    },
    async stop() {
      await Promise.all([...opened.keys()].map(saveQuietly))
    },
  }
}
