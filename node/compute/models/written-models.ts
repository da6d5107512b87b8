/**
 * What was written out for onnxruntime and the codecs, one entry a CID (Artifacts.materialize): models are directories,
 * codebooks and calibration data single files. They are copies beside the block store, and can be written again: each goes
 * when its artifact does, when nobody has used it for long, and sooner when blocks and copies together are over the disk
 * share. What a crash or another version left goes at the start.
 */
import { readdir, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import type { Events } from '../../events.ts'
import type { Service } from '../../lifecycle.ts'
import type { Log } from '../../log.ts'
import type { Artifacts } from '../../mesh/artifacts/artifacts.ts'

interface Components {
  readonly artifacts: Pick<Artifacts, 'list' | 'usage'>
  readonly events: Pick<Events, 'subscribe'>
  readonly log: Log
}

interface Init {
  /** It holds nothing else. */
  readonly directory: string
  readonly now?: () => number
}

export interface WrittenModels extends Service {
  /** Removes what is not needed any more; the service calls it now and then. */
  trim(): Promise<void>
}

export interface WrittenModel {
  readonly name: string
  readonly sizeBytes: number
  /** Artifacts.materialize leaves it as the time of the directory. */
  readonly usedAtMs: number
}

/** The end of the name while a copy is written. */
const PARTIAL = '.partial'
const TRIM_EVERY_MS = 60_000
/** A task takes seconds, and every task marks the model that it reads: this long unused, nobody is reading it. */
const UNUSED_MS = 5 * 60_000
const FORGOTTEN_MS = 60 * 60_000

/** Names of the copies that go: the long unused, and of the others the least recently used while there is too little room. */
export function chooseUnneeded(
  written: readonly WrittenModel[],
  disk: { blockBytes: number; maxBytes: number; nowMs: number },
): string[] {
  let totalBytes = written.reduce((sum, { sizeBytes }) => sum + sizeBytes, disk.blockBytes)
  const chosen: string[] = []
  for (const { name, sizeBytes, usedAtMs } of [...written].sort((a, b) => a.usedAtMs - b.usedAtMs)) {
    const unusedMs = disk.nowMs - usedAtMs
    if (unusedMs < UNUSED_MS || (unusedMs < FORGOTTEN_MS && totalBytes <= disk.maxBytes)) continue
    chosen.push(name)
    totalBytes -= sizeBytes
  }
  return chosen
}

async function treeBytes(directory: string): Promise<number> {
  let sizeBytes = 0
  for (const entry of await readdir(directory, { withFileTypes: true, recursive: true }))
    if (entry.isFile()) sizeBytes += (await stat(path.join(entry.parentPath, entry.name))).size
  return sizeBytes
}

/** Start it after the artifacts. */
export function createWrittenModels(components: Components, init: Init): WrittenModels {
  const { artifacts, events, log } = components
  const now = init.now ?? Date.now
  const removing = new Set<Promise<void>>()
  let unsubscribe = () => {}
  let timer: NodeJS.Timeout | undefined
  let trimming: Promise<void> = Promise.resolve()

  function remove(name: string): void {
    const work = rm(path.join(init.directory, name), { recursive: true, force: true })
      .catch((error: unknown) => log.warn({ err: error, cid: name }, 'written model not removed'))
      .finally(() => removing.delete(work))
    removing.add(work)
  }

  async function names(): Promise<string[]> {
    return readdir(init.directory).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return []
      throw error
    })
  }

  async function describe(name: string): Promise<WrittenModel | null> {
    try {
      const written = path.join(init.directory, name)
      const stats = await stat(written)
      // Codebooks and the data of a calibration are single files.
      const sizeBytes = stats.isDirectory() ? await treeBytes(written) : stats.size
      return { name, sizeBytes, usedAtMs: stats.mtimeMs }
    } catch (error) {
      // It went, or is being written, while it was looked at.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
      throw error
    }
  }

  async function trimOnce(): Promise<void> {
    // What is being written now is not complete yet.
    const described = await Promise.all(
      (await names()).filter((name) => !name.endsWith(PARTIAL)).map(describe),
    )
    const { sizeBytes: blockBytes, maxBytes } = artifacts.usage()
    const disk = { blockBytes, maxBytes, nowMs: now() }
    for (const name of chooseUnneeded(
      described.filter((one) => one !== null),
      disk,
    ))
      remove(name)
    await Promise.all(removing)
  }

  function trim(): Promise<void> {
    trimming = trimming.then(trimOnce).catch((error: unknown) => {
      log.warn({ err: error }, 'written models not looked at')
    })
    return trimming
  }

  return {
    name: 'written-models',
    trim,
    async start() {
      unsubscribe = events.subscribe((event) => {
        if (event.type === 'artifact:removed') remove(event.data.cid)
      })
      const kept = new Set((await artifacts.list()).map(({ cid }) => cid))
      for (const name of await names()) if (!kept.has(name)) remove(name)
      timer = setInterval(() => void trim(), TRIM_EVERY_MS)
      timer.unref()
    },
    async stop() {
      unsubscribe()
      clearInterval(timer)
      await trimming
      await Promise.all(removing)
    },
  }
}
