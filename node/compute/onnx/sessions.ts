import { statSync } from 'node:fs'
import type { InferenceSession } from 'onnxruntime-node'
import { VillageError } from '../../errors.ts'
import { openModel } from './read.ts'
import { checkFeeds, fromOrt, type TensorValue, toOrt } from './tensor-value.ts'

/** What the sessions of one worker may hold. */
export interface SessionsInit {
  /** Most sessions that stay loaded; the least recently used one goes first. */
  readonly maxSessions?: number
  /** Most bytes of model files whose sessions stay loaded; one session is always kept. */
  readonly maxBytes?: number
  /** Threads of one operator. The pool has a worker for each core, so that one is right there. */
  readonly intraOpThreads?: number
}

export interface SessionRequest {
  /** Path of the .onnx file; external data lies beside it. */
  readonly modelPath: string
  readonly feeds: Readonly<Record<string, TensorValue>>
}

export interface Sessions {
  /**
   * Runs a model once. Throws INVALID_ARGUMENT for feeds that do not fit its inputs, SESSION_FAILED for the
   * rest.
   */
  run(request: SessionRequest, signal: AbortSignal): Promise<Record<string, TensorValue>>
  loaded(): readonly string[]
  /** Releases all sessions. */
  close(): Promise<void>
}

interface Entry {
  readonly stamp: string
  readonly sizeBytes: number
  readonly session: Promise<InferenceSession>
  users: number
  evicted: boolean
}

const DEFAULT_MAX_SESSIONS = 4
/** By worker: every thread of the pool may hold as much. */
const DEFAULT_MAX_BYTES = 256 * 1024 * 1024

/**
 * Loaded onnxruntime sessions by model path. Loading and running block their thread (onnxruntime-node runs in
 * the calling thread), so this belongs into worker threads.
 *
 * A model file is first read by `openModel`: onnxruntime never sees a file that is not well formed or whose
 * external data lies outside its directory. A file that was replaced (other size or time) is loaded anew.
 */
export function createSessions(init: SessionsInit = {}): Sessions {
  const maxSessions = init.maxSessions ?? DEFAULT_MAX_SESSIONS
  const maxBytes = init.maxBytes ?? DEFAULT_MAX_BYTES
  /** In order of use: the first is the least recently used. */
  const entries = new Map<string, Entry>()
  /**
   * Evicted sessions on their way out; the next run waits for them, so that memory is free before it is
   * taken.
   */
  const leaving = new Set<Promise<void>>()

  async function load(modelPath: string): Promise<InferenceSession> {
    // Imported on first use: workers that only run codecs never load the library.
    const { default: ort } = await import('onnxruntime-node')
    try {
      return await ort.InferenceSession.create(modelPath, {
        executionProviders: ['cpu'],
        intraOpNumThreads: init.intraOpThreads ?? 1,
        interOpNumThreads: 1,
        executionMode: 'sequential',
        graphOptimizationLevel: 'all',
        // Shapes differ from run to run: patterns and arenas would keep the largest of each.
        enableMemPattern: false,
        enableCpuMemArena: false,
        logSeverityLevel: 4,
      })
    } catch (error) {
      throw new VillageError('SESSION_FAILED', 'onnxruntime could not load the model.', { cause: error })
    }
  }

  function acquire(modelPath: string): Entry {
    const stamp = stampOf(modelPath)
    const known = entries.get(modelPath)
    if (known !== undefined) entries.delete(modelPath)
    if (known?.stamp === stamp) {
      entries.set(modelPath, known)
      known.users++
      return known
    }
    if (known !== undefined) evict(known)
    const sizeBytes = checkModel(modelPath)
    const entry: Entry = { stamp, sizeBytes, session: load(modelPath), users: 1, evicted: false }
    entries.set(modelPath, entry)
    entry.session.catch(() => {
      if (entries.get(modelPath) === entry) entries.delete(modelPath)
    })
    trim(entry)
    return entry
  }

  function trim(keep: Entry): void {
    let bytes = [...entries.values()].reduce((sum, entry) => sum + entry.sizeBytes, 0)
    for (const [path, entry] of entries) {
      if (entries.size <= maxSessions && bytes <= maxBytes) return
      if (entry === keep) continue
      entries.delete(path)
      bytes -= entry.sizeBytes
      evict(entry)
    }
  }

  function evict(entry: Entry): void {
    entry.evicted = true
    if (entry.users === 0) leaving.add(release(entry))
  }

  async function settleLeaving(): Promise<void> {
    const all = [...leaving]
    leaving.clear()
    await Promise.all(all)
  }

  async function release(entry: Entry): Promise<void> {
    // A session that failed to load has nothing to release; its failure went to whoever asked for it.
    const session = await entry.session.catch(() => undefined)
    await session?.release()
  }

  return {
    async run({ modelPath, feeds }, signal) {
      signal.throwIfAborted()
      const entry = acquire(modelPath)
      try {
        await settleLeaving()
        const session = await entry.session
        checkFeeds(session.inputMetadata, feeds)
        signal.throwIfAborted()
        const { default: ort } = await import('onnxruntime-node')
        const inputs = Object.fromEntries(
          Object.entries(feeds).map(([name, value]) => [name, toOrt(ort, value)]),
        )
        const outputs = await session.run(inputs).catch((error: unknown) => {
          throw new VillageError('SESSION_FAILED', 'onnxruntime could not run the model.', { cause: error })
        })
        return Object.fromEntries(
          Object.entries(outputs).map(([name, value]) => [name, fromOrt(name, value)]),
        )
      } finally {
        entry.users--
        if (entry.evicted && entry.users === 0) await release(entry)
      }
    },

    loaded: () => [...entries.keys()],

    async close() {
      const all = [...entries.values()]
      entries.clear()
      for (const entry of all) entry.evicted = true
      await Promise.all([settleLeaving(), ...all.filter((entry) => entry.users === 0).map(release)])
    },
  }
}

function stampOf(modelPath: string): string {
  const stat = statSync(modelPath, { throwIfNoEntry: false })
  if (stat === undefined) throw new VillageError('NOT_FOUND', 'There is no such model file.')
  return `${stat.size}:${stat.mtimeMs}:${stat.ino}`
}

/** Parses the file before onnxruntime does; the sizes of the model file and its data together. */
function checkModel(modelPath: string): number {
  using model = openModel(modelPath)
  return model.externalFiles.reduce((sum, file) => sum + statSync(file).size, model.sizeBytes)
}
