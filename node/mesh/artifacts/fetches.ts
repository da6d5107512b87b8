/** The fetches under way: one by root, shared by all who want it; their records, pins, progress and cleaning up. */
import type { CID } from 'multiformats/cid'
import { toVillageError, VillageError } from '../../errors.ts'
import type { Events } from '../../events.ts'
import type { Log } from '../../log.ts'
import type { Span } from '../../tracing.ts'
import type { Mesh } from '../mesh.ts'
import { fetchSpan, noteRefused } from './artifact-spans.ts'
import type { BlockStore } from './blocks.ts'
import { type BlockKey, DAG_PB_CODEC } from './cids.ts'
import { fetchArtifact } from './fetch.ts'
import type { Holds } from './holds.ts'
import type { Library } from './library.ts'
import type { Manifest } from './manifest.ts'
import { nameProblem } from './nodes.ts'
import { createIdleStreams, createProviders } from './providers.ts'
import type { ArtifactInfo, Records } from './records.ts'

export interface FetchOptions {
  signal: AbortSignal
  /** Peer IDs that are thought to hold it. */
  providers?: readonly string[]
  pin?: string
  /** As of an addition (add.ts). */
  private?: boolean
  /** Nothing larger is fetched: its manifest says so before its content comes. */
  maxBytes?: number
  /** Called as leaves come in; a fetch that is resumed starts with what is there. */
  onProgress?: (doneBytes: number, totalBytes: number) => void
}

export interface Fetches {
  fetch(root: CID, options: FetchOptions): Promise<ArtifactInfo>
  stop(): Promise<void>
}

export interface FetchesComponents {
  mesh: Pick<Mesh, 'open' | 'peers' | 'findProviders' | 'peerId' | 'roleOf'>
  blocks: BlockStore
  records: Records
  library: Library
  holds: Holds
  log: Log
  events: Pick<Events, 'emit'>
  onReceived(sizeBytes: number): void
  onMisbehaviour(peer: string, code: string): void
}

export interface FetchesInit {
  maxBytes: number
  stallTimeoutMs: number
  starvedTimeoutMs: number
  stopping: AbortSignal
  now: () => number
}

/** A peer that lied is not asked again for this long. */
const BAN_MS = 10 * 60_000
const PROGRESS_EVENT_MS = 200
/** Invisible and direction-changing characters, which make a name read as another. */
const DISGUISING = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u

/** Of the nodes that hold an artifact together, on top of its content. */
const MANIFEST_BYTES = 16 * 2 ** 20

const tooLarge = (cid: string, sizeBytes: number, maxBytes: number): VillageError =>
  new VillageError('ARTIFACT_TOO_LARGE', `The artifact has ${sizeBytes} bytes or more`, {
    fields: { cid, sizeBytes, maxBytes },
  })

interface Run {
  /** What its first caller takes at most. */
  readonly maxBytes: number
  readonly result: Promise<Manifest>
  readonly abort: AbortController
  readonly listeners: Set<(doneBytes: number, totalBytes: number) => void>
  waiting: number
}

const pinOf = ({ pin, private: isPrivate = false }: FetchOptions) =>
  pin === undefined ? {} : { pin, private: isPrivate }

export function createFetches(components: FetchesComponents, init: FetchesInit): Fetches {
  const { records, library, holds, log, events } = components
  const runs = new Map<string, Run>()
  const idle = createIdleStreams()
  const bannedUntilMs = new Map<string, number>()

  function isBanned(peer: string): boolean {
    const until = bannedUntilMs.get(peer)
    if (until !== undefined && until <= init.now()) bannedUntilMs.delete(peer)
    return bannedUntilMs.has(peer)
  }

  function onMisbehaviour(peer: string, code: string): void {
    bannedUntilMs.set(peer, init.now() + BAN_MS)
    log.warn({ peer, code }, 'provider misbehaved and is not asked for a while')
    components.onMisbehaviour(peer, code)
  }

  /** What was fetched of an artifact that can never become whole goes; the rest is kept for the next attempt. */
  async function afterFailure(cid: string, stored: readonly BlockKey[], error: unknown): Promise<void> {
    const { code } = toVillageError(error)
    if (code !== 'ARTIFACT_INVALID_MANIFEST' && code !== 'ARTIFACT_TOO_LARGE') return
    await records.delete(cid)
    events.emit('artifact:removed', { cid })
    await library.discard(stored, cid)
  }

  /** Records an artifact half fetched, once its first block is here: an attempt that got nothing leaves nothing. */
  async function begin(root: CID, options: FetchOptions): Promise<void> {
    const cid = root.toString()
    if (records.get(cid) !== undefined) return
    await records.put({
      cid,
      sizeBytes: 0,
      name: null,
      kind: root.code === DAG_PB_CODEC ? 'directory' : 'file',
      pins: options.pin === undefined ? [] : [options.pin],
      addedAtMs: init.now(),
      complete: false,
      ...(options.private === true ? { private: true } : {}),
    })
  }

  async function run(
    root: CID,
    options: FetchOptions,
    signal: AbortSignal,
    listeners: Run['listeners'],
    span: Span,
  ) {
    const cid = root.toString()
    const hold = holds.open()
    const stored: BlockKey[] = []
    const limitBytes = limitOf(options)
    const wasBegun = records.get(cid) !== undefined
    let storedBytes = 0
    let reportedAtMs = 0
    try {
      const before = records.get(cid)
      let nameHint: string | null = null
      const manifest = await fetchArtifact(
        {
          ...components,
          idle,
          onMisbehaviour(peer, code) {
            noteRefused(span, peer, code)
            onMisbehaviour(peer, code)
          },
        },
        {
          root,
          providers: createProviders(
            {
              ...components,
              idle,
              isBanned,
              onName(name) {
                if (nameProblem(name) === null && !DISGUISING.test(name)) nameHint ??= name
              },
            },
            { root, given: options.providers ?? [], stallTimeoutMs: init.stallTimeoutMs, span, signal },
          ),
          hold,
          maxBytes: limitBytes,
          recheck: before !== undefined,
          starvedTimeoutMs: init.starvedTimeoutMs,
          signal,
          async onStored(key) {
            stored.push(key)
            // A manifest need not say how large every part is.
            storedBytes += components.blocks.sizeOf(key) ?? 0
            if (storedBytes > limitBytes + MANIFEST_BYTES) throw tooLarge(cid, storedBytes, limitBytes)
            await begin(root, options)
          },
          onProgress(doneBytes, totalBytes) {
            for (const listener of listeners) listener(doneBytes, totalBytes)
            const nowMs = init.now()
            if (doneBytes < totalBytes && nowMs - reportedAtMs < PROGRESS_EVENT_MS) return
            reportedAtMs = nowMs
            events.emit('artifact:progress', { cid, doneBytes, totalBytes })
          },
        },
      )
      const name = records.get(cid)?.name ?? nameHint
      await library.record(manifest, {
        ...pinOf(options),
        ...(name === null ? {} : { name }),
      })
      return manifest
    } catch (error) {
      hold.release()
      // What was begun for another caller, who takes more, stays; so does what has become whole for one meanwhile.
      const isAnothers = wasBegun || (runs.get(cid)?.maxBytes ?? 0) > limitBytes
      const isWanted = limitBytes < init.maxBytes && (isAnothers || records.get(cid)?.complete === true)
      if (!isWanted)
        await afterFailure(cid, stored, error).catch((failure: unknown) => {
          log.warn({ err: failure, cid }, 'failed fetch not cleaned up')
        })
      throw error
    } finally {
      hold.release()
    }
  }

  const limitOf = ({ maxBytes = init.maxBytes }: FetchOptions) => Math.min(maxBytes, init.maxBytes)

  function join(root: CID, options: FetchOptions): Run {
    const cid = root.toString()
    const known = runs.get(cid)
    // One that would take less may fail where this one does not.
    if (known !== undefined && known.maxBytes >= limitOf(options)) return known
    const abort = new AbortController()
    const listeners: Run['listeners'] = new Set()
    const signal = AbortSignal.any([abort.signal, init.stopping])
    const fetching = fetchSpan(cid, (span) => run(root, options, signal, listeners, span))
    const result = fetching.finally(() => {
      if (runs.get(cid) === started) runs.delete(cid)
    })
    result.catch(() => {
      // Thrown to those who wait; nobody does after all have given up.
    })
    const started: Run = { maxBytes: limitOf(options), result, abort, listeners, waiting: 0 }
    runs.set(cid, started)
    return started
  }

  async function wait(root: CID, started: Run, options: FetchOptions): Promise<Manifest> {
    const { signal, onProgress } = options
    started.waiting += 1
    if (onProgress !== undefined) started.listeners.add(onProgress)
    const aborted = Promise.withResolvers<never>()
    const onAbort = () => aborted.reject(signal.reason)
    signal.addEventListener('abort', onAbort)
    if (signal.aborted) onAbort() // before there was a listener
    try {
      return await Promise.race([started.result, aborted.promise])
    } finally {
      signal.removeEventListener('abort', onAbort)
      if (onProgress !== undefined) started.listeners.delete(onProgress)
      started.waiting -= 1
      if (started.waiting === 0) {
        // Whoever wants it from now on starts anew.
        if (runs.get(root.toString()) === started) runs.delete(root.toString())
        started.abort.abort(new VillageError('ABORTED'))
      }
    }
  }

  return {
    async fetch(root, options) {
      options.signal.throwIfAborted()
      init.stopping.throwIfAborted()
      const release = holds.root(root.toString())
      try {
        const manifest = (await library.has(root))
          ? await library.complete(root)
          : await wait(root, join(root, options), options)
        if (manifest.sizeBytes > limitOf(options))
          throw tooLarge(root.toString(), manifest.sizeBytes, limitOf(options))
        // Adds this caller's pin; the artifact may have been fetched for another.
        const info = await library.record(manifest, pinOf(options))
        return info
      } finally {
        release()
      }
    },
    async stop() {
      await Promise.allSettled([...runs.values()].map((started) => started.result))
      await idle.closeAll()
    },
  }
}
