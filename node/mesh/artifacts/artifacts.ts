/**
 * The artifact service: content-addressed files and directories, stored once, verified block by block, exchanged with the
 * members of the village. docs/protocols/artifacts.md specifies the format and the exchange.
 */
import path from 'node:path'
import type { CID } from 'multiformats/cid'
import { toVillageError, VillageError } from '../../errors.ts'
import type { Events } from '../../events.ts'
import type { Service } from '../../lifecycle.ts'
import type { Log } from '../../log.ts'
import type { Store } from '../../store.ts'
import type { Mesh } from '../mesh.ts'
import { ARTIFACTS_PROTOCOL, CHUNK_BYTES, MIN_CHUNK_BYTES } from '../protocols/artifacts.ts'
import { type AddOptions, addPath, addStream } from './add.ts'
import { createAnnouncer } from './announce.ts'
import { publishSpan } from './artifact-spans.ts'
import { createBlockStore } from './blocks.ts'
import { LEAF_BYTES } from './build.ts'
import { exportCar, importCar } from './car.ts'
import { parseCid } from './cids.ts'
import { collect } from './collect.ts'
import { createFetches, type FetchOptions } from './fetches.ts'
import { createHolds } from './holds.ts'
import { createLibrary } from './library.ts'
import { materialize } from './materialize.ts'
import { readRange, streamFile } from './read.ts'
import { type ArtifactInfo, createRecords, isHidden, mayHide } from './records.ts'
import { createServer } from './serve.ts'
import { createUploadLimit } from './upload-limit.ts'

export type { ArtifactInfo }

export interface Artifacts extends Service {
  addBytes(bytes: Uint8Array, options?: Omit<AddOptions, 'signal'>): Promise<ArtifactInfo>
  /** Throws DISK_FULL and what the source throws; then nothing of it stays. */
  addStream(source: AsyncIterable<Uint8Array>, options?: AddOptions): Promise<ArtifactInfo>
  /** A file or a directory tree; it is named after the path unless `name` is given. */
  addPath(path: string, options?: AddOptions): Promise<ArtifactInfo>
  /** Whether it is here whole. */
  has(cid: string): Promise<boolean>
  info(cid: string): Promise<ArtifactInfo | null>
  /** Oldest first, also those half fetched. */
  list(): Promise<ArtifactInfo[]>
  /** Bytes of a local file: `CID` or `CID/path/in/directory`. Throws ARTIFACT_MISSING, NOT_FOUND, ARTIFACT_CORRUPT. */
  read(reference: string, range?: { offset: number; length: number }): Promise<Uint8Array>
  stream(reference: string, options?: { signal?: AbortSignal }): AsyncIterable<Uint8Array>
  /** Writes the tree to `<directory>/<cid>`, once, and returns that path. */
  materialize(cid: string, directory: string): Promise<string>
  /**
   * Makes an artifact local. Given providers are asked first, then connected members, then the DHT. Resumes what was cut off;
   * two fetches of one artifact share the work.
   * Throws ARTIFACT_UNAVAILABLE, ARTIFACT_INVALID_MANIFEST, ARTIFACT_TOO_LARGE, DISK_FULL, and the signal's reason.
   */
  fetch(cid: string, options: FetchOptions): Promise<ArtifactInfo>
  /**
   * Keeps an artifact from being collected, under a name of the caller's; `private` hides it as an addition would.
   * Throws NOT_FOUND.
   */
  pin(cid: string, name: string, options?: { private?: boolean }): Promise<void>
  unpin(cid: string, name: string): Promise<void>
  /**
   * Forgets an artifact with its pins and frees its space; what a local reader is using goes at the next collection.
   * Throws NOT_FOUND, and ARTIFACT_PINNED where a model or a job needs it, unless `force` is given.
   */
  remove(cid: string, options?: { force?: boolean }): Promise<void>
  collect(): Promise<{ removedBlocks: number; freedBytes: number }>
  exportCar(cids: readonly string[], options?: { signal?: AbortSignal }): AsyncIterable<Uint8Array>
  /** All or nothing. Throws CAR_MALFORMED, DISK_FULL. */
  importCar(
    source: AsyncIterable<Uint8Array>,
    options?: { pin?: string; signal?: AbortSignal },
  ): Promise<ArtifactInfo[]>
  usage(): {
    blocks: number
    sizeBytes: number
    maxBytes: number
    /** Content bytes sent to and received from peers since the start. */
    sentBytes: number
    receivedBytes: number
  }
}

export interface ArtifactsComponents {
  mesh: Pick<
    Mesh,
    'handle' | 'open' | 'peers' | 'roleOf' | 'provide' | 'findProviders' | 'onPeerChange' | 'peerId'
  >
  store: Pick<Store, 'json'>
  log: Log
  events: Pick<Events, 'emit'>
}

export interface ArtifactsInit {
  /** The data directory; blocks lie in `blocks` below it. */
  directory: string
  /** Both are read when they are needed: they may change. */
  readonly maxBytes: number
  readonly uploadBytesPerSecond: number | null
  /** 0 never collects by itself. */
  collectEveryMs: number
  /** Whether guests may read a root; nothing is published when absent. */
  published?: (cid: string) => boolean
  /** Whether the owner shares a private root with the village: it is served to members, and announced. */
  shared?: (cid: string) => boolean
  /** Whether members may read a private root for now, because work that is given to them needs it. */
  lent?: (cid: string) => boolean
  /** A peer sent bytes that do not match their hash, or broke the protocol. */
  onMisbehaviour?: (peer: string, code: string) => void
  /** Smaller in tests only; it decides the CIDs. */
  leafBytes?: number
  /** The longest wait for a chunk from a provider. */
  stallTimeoutMs?: number
  /** How long partial providers are asked again while nothing new comes. */
  starvedTimeoutMs?: number
  now?: () => number
}

const STARVED_TIMEOUT_MS = 5_000

/** Pins of what is here for a job of another peer, which asks for it by itself and may want it kept among its workers. */
const FOR_OTHERS = 'work:'

/** Pins of what stops working without the artifact; those that a person set by hand do not stop that person. */
const NEEDED_BY = /^(model|job|work|collection):/

function refuseNeeded({ cid, pins }: ArtifactInfo): void {
  const needing = pins.filter((pin) => NEEDED_BY.test(pin)).join(', ')
  if (needing !== '')
    throw new VillageError('ARTIFACT_PINNED', `The artifact is needed by ${needing}`, {
      fields: { cid, pins: needing },
    })
}

/** Register it before the mesh starts; start it after the store is open. */
export function createArtifacts(components: ArtifactsComponents, init: ArtifactsInit): Artifacts {
  const { mesh, events, log } = components
  const now = init.now ?? Date.now
  const build = { leafBytes: init.leafBytes ?? LEAF_BYTES }
  const stopping = new AbortController()
  const holds = createHolds()
  const records = createRecords(components)
  const isShared = init.shared ?? (() => false)
  const isLent = init.lent ?? (() => false)
  const announcer = createAnnouncer(components, {
    now,
    mayAnnounce(cid) {
      const info = records.get(cid)
      if (info === undefined || info.pins.every((pin) => pin.startsWith(FOR_OTHERS))) return false
      return !isHidden(info) || isShared(cid)
    },
  })
  const materializing = new Map<string, Promise<string>>()
  let sentBytes = 0
  let receivedBytes = 0
  let collecting: Promise<{ removedBlocks: number; freedBytes: number }> | null = null
  let collectTimer: NodeJS.Timeout | undefined

  const blocks = createBlockStore({
    directory: path.join(init.directory, 'blocks'),
    get maxBytes() {
      return init.maxBytes
    },
    onCorrupt(key) {
      log.error({ block: key }, 'stored block does not match its hash and was removed')
      library.blockLost(key).catch((error: unknown) => log.error({ err: error }, 'damage not recorded'))
    },
  })
  const onRemoved = (cid: string) => {
    announcer.remove(cid)
    events.emit('artifact:removed', { cid })
  }
  const library = createLibrary(
    {
      blocks,
      records,
      holds,
      log,
      onRemoved,
      onAdded(info) {
        events.emit('artifact:added', { cid: info.cid, sizeBytes: info.sizeBytes, name: info.name })
        announce(info)
      },
    },
    {
      get maxBytes() {
        return init.maxBytes
      },
      now,
    },
  )
  const shared = { ...components, blocks, records, library, holds }
  const fetches = createFetches(
    {
      ...shared,
      onReceived(sizeBytes) {
        receivedBytes += sizeBytes
      },
      onMisbehaviour: init.onMisbehaviour ?? (() => {}),
    },
    {
      get maxBytes() {
        return init.maxBytes
      },
      stallTimeoutMs: init.stallTimeoutMs ?? ARTIFACTS_PROTOCOL.frameTimeoutMs,
      starvedTimeoutMs: init.starvedTimeoutMs ?? STARVED_TIMEOUT_MS,
      stopping: stopping.signal,
      now,
    },
  )
  mesh.handle(
    ARTIFACTS_PROTOCOL,
    createServer({
      ...shared,
      uploadLimit: createUploadLimit({
        get bytesPerSecond() {
          return init.uploadBytesPerSecond
        },
        minChunkBytes: MIN_CHUNK_BYTES,
        maxChunkBytes: CHUNK_BYTES,
        now,
      }),
      published: init.published ?? (() => false),
      open: (cid) => isShared(cid) || isLent(cid),
      onSent(sizeBytes) {
        sentBytes += sizeBytes
      },
    }),
  )

  function collectOnce(): Promise<{ removedBlocks: number; freedBytes: number }> {
    const manifest = (cid: string) => library.manifest(parseCid(cid))
    collecting ??= collect({ ...shared, manifest, onRemoved }, { nowMs: now() }).finally(() => {
      collecting = null
    })
    return collecting
  }

  /** Also what was here before, unpinned. */
  function announce(info: ArtifactInfo): ArtifactInfo {
    if (info.pins.length > 0) announcer.add(info.cid)
    return info
  }

  function known(cid: CID): ArtifactInfo {
    const info = records.get(cid.toString())
    if (info === undefined) throw new VillageError('NOT_FOUND', `There is no artifact ${cid} on this node`)
    return info
  }

  return {
    name: 'artifacts',
    async start() {
      await blocks.open()
      await records.load()
      for (const { cid, complete, pins } of records.list())
        if (complete && pins.length > 0) announcer.add(cid)
      announcer.start()
      if (init.collectEveryMs === 0) return
      collectTimer = setInterval(() => {
        collectOnce().then(
          (result) => log.info(result, 'artifacts collected'),
          (error: unknown) => log.error({ err: error }, 'artifacts not collected'),
        )
      }, init.collectEveryMs)
      collectTimer.unref()
    },
    async stop() {
      stopping.abort(new VillageError('SHUTTING_DOWN'))
      clearInterval(collectTimer)
      await announcer.stop()
      await fetches.stop()
      await collecting?.catch((error: unknown) => log.debug({ err: error }, 'collection ended by stop'))
    },
    addBytes: (bytes, options = {}) =>
      publishSpan(() => addStream(library, [bytes], build, options)).then(announce),
    addStream: (source, options = {}) =>
      publishSpan(() => addStream(library, source, { ...build, ...signalOf(options) }, options)).then(
        announce,
      ),
    addPath: (source, options = {}) =>
      publishSpan(() => addPath(library, source, { ...build, ...signalOf(options) }, options)).then(announce),
    has: async (cid) => library.has(parseCid(cid)),
    info: async (cid) => records.get(parseCid(cid).toString()) ?? null,
    list: async () => records.list(),
    read: async (reference, range) => readRange(shared, reference, range),
    stream: (reference, options = {}) => streamFile(shared, reference, options.signal),
    async materialize(cid, directory) {
      // One spelling: two calls with two forms of one CID would write into the same place at once.
      const key = `${directory}\0${parseCid(cid)}`
      const running =
        materializing.get(key) ??
        materialize(shared, cid, directory).finally(() => {
          materializing.delete(key)
        })
      materializing.set(key, running)
      return await running
    },
    fetch: async (cid, options) => announce(await fetches.fetch(parseCid(cid), options)),
    async pin(cid, name, options = {}) {
      const { cid: root, complete } = known(parseCid(cid))
      await records.update(root, (info) => ({
        ...info,
        pins: [...new Set([...info.pins, name])],
        ...(options.private === true && mayHide(info) ? { private: true } : {}),
      }))
      if (complete) announcer.add(root)
    },
    async unpin(cid, name) {
      const { cid: root } = known(parseCid(cid))
      await records.update(root, (info) => ({ ...info, pins: info.pins.filter((pin) => pin !== name) }))
      if (records.get(root)?.pins.length === 0) announcer.remove(root)
    },
    async remove(cid, { force = false } = {}) {
      const root = known(parseCid(cid)).cid
      const manifest = await library.manifest(parseCid(root)).catch((error: unknown) => {
        log.debug({ err: toVillageError(error), cid: root }, 'artifact to remove has no manifest')
        return null
      })
      // Looked at without an await before the deletion: a job may just have pinned it.
      if (!force) refuseNeeded(known(parseCid(root)))
      await records.delete(root)
      onRemoved(root)
      if (manifest !== null)
        await library.discard([...manifest.nodes, ...manifest.leaves].map((block) => block.key))
    },
    collect: collectOnce,
    exportCar: (cids, options = {}) => exportCar(shared, cids.map(parseCid), options.signal),
    importCar: (source, options = {}) => importCar(shared, source, options),
    usage: () => ({ ...blocks.usage(), maxBytes: init.maxBytes, sentBytes, receivedBytes }),
  }
}

const signalOf = ({ signal }: { signal?: AbortSignal }) => (signal === undefined ? {} : { signal })
