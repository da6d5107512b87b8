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

/** Who said it: `owner`, a key, a member. */
export type Speaker = Pick<Asker, 'kind' | 'id'>

export interface Erasure extends Service {
  /**
   * `erase` removes everything that came from a speaker and resolves when it is gone from the disk. It is called again where an
   * erasure was cut off, so it must bear that nothing is there. Registered before the start.
   */
  onErase(name: string, erase: (speaker: Speaker) => Promise<void>): void
  /** Resolves when all are done; throws what one of them throws, after the others were tried, and goes on at the next start. */
  eraseAll(speaker: Speaker): Promise<void>
}

const MARKER = 'erasing.json'

/** `directory`: the folder of the sealed stores. Starts after them: it may have an erasure to finish. */
export function createErasure(components: { log: Log }, init: { directory: string }): Erasure {
  const { log } = components
  const marker = path.join(init.directory, MARKER)
  const newMarker = `${marker}.new`
  const erasers = new Map<string, (speaker: Speaker) => Promise<void>>()
  let tail: Promise<unknown> = Promise.resolve()

  async function eraseMarked(speaker: Speaker): Promise<void> {
    const failures: unknown[] = []
    for (const [name, erase] of erasers)
      await erase(speaker).catch((error: unknown) => {
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

  async function readMarker(): Promise<Speaker | null> {
    const text = await readFile(marker, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null
      throw error
    })
    if (text === null) return null
    const { kind, id } = JSON.parse(text) as Speaker
    return { kind, id }
  }

  /** Whole or not at all: until it has its name nothing is erased, and nobody is told that anything is. */
  async function writeMarker({ kind, id }: Speaker): Promise<void> {
    await wipeFile(newMarker, true)
    await writeNew(newMarker, Buffer.from(JSON.stringify({ kind, id })), true)
    await rename(newMarker, marker)
    await syncDirectory(init.directory)
  }

  return {
    name: 'erasure',
    async start() {
      await mkdir(init.directory, { recursive: true, mode: 0o700 })
      await wipeFile(newMarker, true)
      const speaker = await readMarker()
      if (speaker === null) return
      await serial(() => eraseMarked(speaker))
      log.info('an erasure that was cut off is finished')
    },
    async stop() {
      await tail
    },
    onErase(name, erase) {
      erasers.set(name, erase)
    },
    eraseAll: ({ kind, id }) =>
      serial(async () => {
        const pending = await readMarker()
        if (pending !== null) await eraseMarked(pending)
        await writeMarker({ kind, id })
        await eraseMarked({ kind, id })
      }),
  }
}
