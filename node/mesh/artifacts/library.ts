/**
 * The artifacts that lie on this node: manifests out of local blocks, what is complete, reading, and the bookkeeping of an
 * addition. Everything here works without a network.
 */
import type { CID } from 'multiformats/cid'
import { VillageError } from '../../errors.ts'
import type { Log } from '../../log.ts'
import type { BlockStore } from './blocks.ts'
import { type BlockKey, digestOf, keyOf, keyOfDigest, parseCid } from './cids.ts'
import { sweep } from './collect.ts'
import type { Hold, Holds } from './holds.ts'
import { type Manifest, type ManifestSource, readManifest } from './manifest.ts'
import { type ArtifactInfo, isHidden, mayHide, type Records } from './records.ts'

export interface Library {
  /** From local blocks. Throws ARTIFACT_MISSING when a node is not here, ARTIFACT_INVALID_MANIFEST. */
  manifest(cid: CID): Promise<Manifest>
  /** True when every block of the manifest is here. */
  holdsAll(manifest: Manifest): boolean
  /** True when the artifact is here whole. */
  has(cid: CID): Promise<boolean>
  /** Throws ARTIFACT_MISSING. */
  complete(cid: CID): Promise<Manifest>
  /**
   * Runs `work`, which stores blocks through `put`, and records the artifact that it returns. When it fails, the blocks that it
   * newly stored are removed again.
   */
  adding<T>(work: (put: Put) => Promise<T>): Promise<T>
  /** Removes those of the blocks that no artifact needs; `except` is a root whose hold does not count. */
  discard(keys: readonly BlockKey[], except?: string): Promise<void>
  /**
   * Writes the record of a complete artifact, keeping the name and pins it already had. What was pinned as public stays
   * public; what was private stays so until it is pinned as public.
   */
  record(
    manifest: Manifest,
    options: { name?: string; pin?: string; private?: boolean },
  ): Promise<ArtifactInfo>
  /** Marks what needs a lost block as incomplete, so that a fetch repairs it. */
  blockLost(key: BlockKey): Promise<void>
}

/** Stores a block durably; with `key` the bytes have to match it. */
export type Put = (bytes: Uint8Array, key?: BlockKey) => Promise<{ digest: Uint8Array; isNew: boolean }>

export interface LibraryComponents {
  blocks: BlockStore
  records: Records
  holds: Holds
  log: Log
  onRemoved(cid: string): void
  onAdded(info: ArtifactInfo): void
}

/** Manifests are kept by the number of their parts: 100,000 parts take about 15 MB. */
const CACHED_PARTS = 100_000

export function createLibrary(
  components: LibraryComponents,
  init: { maxBytes: number; now: () => number },
): Library {
  const { blocks, records, holds } = components
  const cache = new Map<string, Manifest>()

  const partsOf = (manifest: Manifest) =>
    manifest.files.reduce((sum, file) => sum + file.parts.length + 1, manifest.nodes.length)

  function remember(manifest: Manifest): void {
    cache.set(manifest.root.toString(), manifest)
    let total = [...cache.values()].reduce((sum, each) => sum + partsOf(each), 0)
    for (const [cid, oldest] of cache) {
      if (total <= CACHED_PARTS) break
      cache.delete(cid)
      total -= partsOf(oldest)
    }
  }

  const source: ManifestSource = {
    async ensure() {
      // Local nodes need no fetching; get() says which is missing.
    },
    get: (cid) => blocks.get(keyOf(cid)),
    sizeOf: (key) => blocks.sizeOf(key),
  }

  const library: Library = {
    async manifest(cid) {
      const text = cid.toString()
      const cached = cache.get(text)
      if (cached?.nodes.every((node) => blocks.has(node.key))) {
        cache.delete(text)
        cache.set(text, cached)
        return cached
      }
      cache.delete(text)
      const manifest = await readManifest(cid, source, { maxContentBytes: init.maxBytes })
      // A manifest read before its leaves came may lack sizes that the leaves tell.
      if (library.holdsAll(manifest)) remember(manifest)
      return manifest
    },
    holdsAll: (manifest) =>
      manifest.nodes.every((node) => blocks.has(node.key)) &&
      manifest.leaves.every((leaf) => blocks.has(leaf.key)),
    async has(cid) {
      if (!blocks.has(keyOf(cid))) return false
      try {
        return library.holdsAll(await library.manifest(cid))
      } catch (error) {
        if (error instanceof VillageError) return false
        throw error
      }
    },
    async complete(cid) {
      const missing = (cause?: unknown) =>
        new VillageError('ARTIFACT_MISSING', `This node does not hold ${cid} whole`, {
          cause,
          fields: { cid: cid.toString() },
        })
      if (!blocks.has(keyOf(cid))) throw missing()
      const manifest = await library.manifest(cid).catch((error: unknown) => {
        throw error instanceof VillageError && error.code === 'ARTIFACT_MISSING' ? missing(error) : error
      })
      if (!library.holdsAll(manifest)) throw missing()
      return manifest
    },
    async adding(work) {
      const hold: Hold = holds.open()
      const stored: BlockKey[] = []
      try {
        return await work(async (bytes, expected) => {
          const digest = digestOf(bytes)
          const key = keyOfDigest(digest)
          if (expected !== undefined && key !== expected)
            throw new VillageError('ARTIFACT_CORRUPT', 'A block does not match its hash')
          hold.block(key)
          const isNew = await blocks.putVerified(key, [bytes], { durable: true })
          if (isNew) stored.push(key)
          return { digest, isNew }
        })
      } catch (error) {
        hold.release()
        await library.discard(stored).catch((failure: unknown) => {
          components.log.warn({ err: failure }, 'blocks of a failed addition not cleaned up')
        })
        throw error
      } finally {
        hold.release()
      }
    },
    async discard(keys, except) {
      const present = keys.filter((key) => blocks.has(key))
      if (present.length > 0)
        await sweep({ ...components, manifest: (cid) => library.manifest(parseCid(cid)) }, present, except)
    },
    async record(manifest, options) {
      const cid = manifest.root.toString()
      const before = records.get(cid)
      const pins = new Set(before?.pins ?? [])
      if (options.pin !== undefined) pins.add(options.pin)
      const isPrivate =
        options.private === true ? mayHide(before) : options.pin === undefined && isHidden(before)
      const info: ArtifactInfo = {
        cid,
        sizeBytes: manifest.sizeBytes,
        name: options.name ?? before?.name ?? null,
        kind: manifest.kind,
        pins: [...pins],
        addedAtMs: before?.addedAtMs ?? init.now(),
        complete: true,
        ...(isPrivate ? { private: true } : {}),
      }
      const isSame =
        before?.name === info.name &&
        before.pins.length === info.pins.length &&
        isHidden(before) === isPrivate
      if (before?.complete === true && isSame) return before
      await records.put(info)
      if (before?.complete !== true) components.onAdded(info)
      return info
    },
    async blockLost(key) {
      for (const record of records.list()) {
        if (!record.complete) continue
        const cid = parseCid(record.cid)
        const manifest = await library.manifest(cid).catch(() => null)
        if (manifest !== null && library.holdsAll(manifest)) continue
        components.log.error({ cid: record.cid, block: key }, 'artifact damaged on disk')
        await records.update(record.cid, (info) => ({ ...info, complete: false }))
      }
    },
  }
  return library
}
