/**
 * The models that were written out for onnxruntime, one directory a CID (Artifacts.materialize). They are copies beside
 * the block store: each goes when its artifact does, and what a crash or another version left goes at the start.
 */
import { readdir, rm } from 'node:fs/promises'
import path from 'node:path'
import type { Events } from '../../events.ts'
import type { Service } from '../../lifecycle.ts'
import type { Log } from '../../log.ts'
import type { Artifacts } from '../../mesh/artifacts/artifacts.ts'

interface Components {
  readonly artifacts: Pick<Artifacts, 'list'>
  readonly events: Pick<Events, 'subscribe'>
  readonly log: Log
}

/** Start it after the artifacts. `directory` holds nothing else. */
export function createWrittenModels(components: Components, init: { directory: string }): Service {
  const { artifacts, events, log } = components
  const removing = new Set<Promise<void>>()
  let unsubscribe = () => {}

  function remove(name: string): void {
    const work = rm(path.join(init.directory, name), { recursive: true, force: true })
      .catch((error: unknown) => log.warn({ err: error, cid: name }, 'written model not removed'))
      .finally(() => removing.delete(work))
    removing.add(work)
  }

  return {
    name: 'written-models',
    async start() {
      unsubscribe = events.subscribe((event) => {
        if (event.type === 'artifact:removed') remove(event.data.cid)
      })
      const kept = new Set((await artifacts.list()).map(({ cid }) => cid))
      const written = await readdir(init.directory).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return []
        throw error
      })
      for (const name of written) if (!kept.has(name)) remove(name)
    },
    async stop() {
      unsubscribe()
      await Promise.all(removing)
    },
  }
}
