/**
 * Erasing everything that a person said to this node, in all stores that keep it, as one act: what was begun is finished at the next
 * start, however it was cut off.
 */
import { mkdir, readFile, rename } from 'node:fs/promises'
import path from 'node:path'
import type { Service } from '../../lifecycle.ts'
import type { Log } from '../../log.ts'
import { syncDirectory, wipeFile, writeNew } from '../../sealed-disk.ts'
import type { Asker } from '../asker.ts'

/**
 * `said`: what people said and were answered. `done`: what agents did for them, which the owner of a node may need to know of a key that
 * is no more. `memories`: the Twin.
 */
export type Kept = 'said' | 'done' | 'memories'

/** Who said it: `owner`, a key, a member. */
export type Speaker = Pick<Asker, 'kind' | 'id'>

export interface Erasure extends Service {
  /**
   * `erase` removes everything that came from a speaker and resolves when it is gone from the disk. It is called again where an
   * erasure was cut off, so it must bear that nothing is there. Registered before the start.
   */
  onErase(name: string, kept: Kept, erase: (speaker: Speaker) => Promise<void>): void
  /** Resolves when all of them are done; throws what one of them throws, after the others were tried, and goes on at the next start. */
  eraseAll(speaker: Speaker): Promise<void>
  /** Only what was said: of a key that was revoked or has expired, since nobody could come back to it. */
  eraseSaid(speaker: Speaker): Promise<void>
}

const MARKER = 'erasing.json'

interface Wish extends Speaker {
  readonly only?: Kept
}

/** `directory`: the folder of the sealed stores. Starts after them: it may have an erasure to finish. */
export function createErasure(components: { log: Log }, init: { directory: string }): Erasure {
  const { log } = components
  const marker = path.join(init.directory, MARKER)
  const newMarker = `${marker}.new`
  const erasers = new Map<string, { kept: Kept; erase: (speaker: Speaker) => Promise<void> }>()
  let tail: Promise<unknown> = Promise.resolve()

  async function eraseMarked({ kind, id, only }: Wish): Promise<void> {
    const failures: unknown[] = []
    const wanted = [...erasers].filter(([, { kept }]) => only === undefined || kept === only)
    for (const [name, { erase }] of wanted)
      await erase({ kind, id }).catch((error: unknown) => {
        log.error({ err: error, store: name }, 'what a person said could not be erased')
        failures.push(error)
      })
    if (failures.length > 0) throw failures[0]
    await wipeFile(marker, true)
    await syncDirectory(init.directory)
  }

  function serial<T>(work: () => Promise<T>): Promise<T> {
    const turn = tail.then(work)
    tail = turn.catch(() => undefined)
    return turn
  }

  async function readMarker(): Promise<Wish | null> {
    const text = await readFile(marker, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null
      throw error
    })
    if (text === null) return null
    return JSON.parse(text) as Wish
  }

  /** Whole or not at all: until it has its name nothing is erased, and nobody is told that anything is. */
  async function writeMarker(wish: Wish): Promise<void> {
    await wipeFile(newMarker, true)
    await writeNew(newMarker, Buffer.from(JSON.stringify(wish)), true)
    await rename(newMarker, marker)
    await syncDirectory(init.directory)
  }

  const begin = (wish: Wish): Promise<void> =>
    serial(async () => {
      const pending = await readMarker()
      if (pending !== null) await eraseMarked(pending)
      await writeMarker(wish)
      await eraseMarked(wish)
    })

  return {
    name: 'erasure',
    async start() {
      await mkdir(init.directory, { recursive: true, mode: 0o700 })
      await wipeFile(newMarker, true)
      const pending = await readMarker()
      if (pending === null) return
      await serial(() => eraseMarked(pending))
      log.info('an erasure that was cut off is finished')
    },
    async stop() {
      await tail
    },
    onErase(name, kept, erase) {
      erasers.set(name, { kept, erase })
    },
    eraseAll: ({ kind, id }) => begin({ kind, id }),
    eraseSaid: ({ kind, id }) => begin({ kind, id, only: 'said' }),
  }
}
