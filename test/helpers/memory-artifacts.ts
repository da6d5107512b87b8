/** An artifact store in memory: real CIDs, real codes, no disk and no peers. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { sha256 } from 'multiformats/hashes/sha2'
import type { ApiComponents } from '../../node/api/components.ts'
import { VillageError } from '../../node/errors.ts'
import type { Events } from '../../node/events.ts'
import type { ArtifactInfo } from '../../node/mesh/artifacts/artifacts.ts'

export interface MemoryArtifacts {
  readonly artifacts: ApiComponents['artifacts']
  add(bytes: Uint8Array, options?: { name?: string; pin?: string }): Promise<ArtifactInfo>
}

async function collect(source: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) {
    signal?.throwIfAborted()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

export function createMemoryArtifacts(init: {
  events: Events
  maxBytes: number
  nowMs: number
}): MemoryArtifacts {
  const blobs = new Map<string, { info: ArtifactInfo; bytes: Uint8Array }>()
  const need = (cid: string) => {
    const found = blobs.get(cid)
    if (found === undefined) throw new VillageError('ARTIFACT_MISSING', undefined, { fields: { cid } })
    return found
  }
  async function add(
    bytes: Uint8Array,
    options: { name?: string; pin?: string } = {},
  ): Promise<ArtifactInfo> {
    const held = [...blobs.values()].reduce((sum, blob) => sum + blob.info.sizeBytes, 0)
    if (held + bytes.byteLength > init.maxBytes) throw new VillageError('DISK_FULL')
    const cid = CID.create(1, raw.code, await sha256.digest(bytes)).toString()
    const info: ArtifactInfo = {
      cid,
      sizeBytes: bytes.byteLength,
      name: options.name ?? null,
      kind: 'file',
      pins: options.pin === undefined ? [] : [options.pin],
      addedAtMs: init.nowMs,
      complete: true,
    }
    blobs.set(cid, { info, bytes })
    init.events.emit('artifact:added', { cid, sizeBytes: info.sizeBytes, name: info.name })
    return info
  }
  const artifacts: ApiComponents['artifacts'] = {
    addStream: async (source, options = {}) => add(await collect(source, options.signal), options),
    async addPath(file, options = {}) {
      const bytes = await readFile(file).catch((error: unknown) => {
        throw new VillageError('FILE_UNREADABLE', `${file} cannot be read`, { cause: error })
      })
      return add(bytes, { name: path.basename(file), ...options })
    },
    info: async (cid) => blobs.get(cid)?.info ?? null,
    list: async () => [...blobs.values()].map((blob) => blob.info),
    async read(cid, range) {
      const { bytes } = need(cid)
      return range === undefined ? bytes : bytes.subarray(range.offset, range.offset + range.length)
    },
    async *stream(cid) {
      const { bytes } = need(cid)
      for (let offset = 0; offset < bytes.byteLength; offset += 65_536)
        yield bytes.subarray(offset, offset + 65_536)
    },
    async materialize(cid, directory) {
      const { bytes } = need(cid)
      await mkdir(directory, { recursive: true })
      const file = path.join(directory, cid)
      await writeFile(file, bytes)
      return file
    },
    async fetch(cid, options) {
      options.signal.throwIfAborted()
      const found = blobs.get(cid)
      if (found === undefined) throw new VillageError('ARTIFACT_UNAVAILABLE', undefined, { fields: { cid } })
      return found.info
    },
    async pin(cid, name) {
      const { info } = need(cid)
      if (!info.pins.includes(name)) info.pins.push(name)
    },
    async unpin(cid, name) {
      const { info } = need(cid)
      info.pins = info.pins.filter((pin) => pin !== name)
    },
    async remove(cid) {
      need(cid)
      blobs.delete(cid)
      init.events.emit('artifact:removed', { cid })
    },
    async collect() {
      const loose = [...blobs.values()].filter((blob) => blob.info.pins.length === 0)
      for (const { info } of loose) blobs.delete(info.cid)
      return {
        removedBlocks: loose.length,
        freedBytes: loose.reduce((sum, blob) => sum + blob.info.sizeBytes, 0),
      }
    },
    // Concatenation with lengths, not a real CAR file: the format is the real store's business and tested there.
    async *exportCar(cids) {
      for (const cid of cids) {
        const { bytes } = need(cid)
        const length = Buffer.alloc(4)
        length.writeUInt32LE(bytes.byteLength)
        yield length
        yield bytes
      }
    },
    async importCar(source, options = {}) {
      const bytes = Buffer.from(await collect(source, options.signal))
      const added: ArtifactInfo[] = []
      for (let offset = 0; offset < bytes.byteLength; ) {
        const length = bytes.readUInt32LE(offset)
        if (offset + 4 + length > bytes.byteLength) throw new VillageError('CAR_MALFORMED')
        added.push(await add(bytes.subarray(offset + 4, offset + 4 + length), options))
        offset += 4 + length
      }
      return added
    },
    usage: () => ({
      blocks: blobs.size,
      sizeBytes: [...blobs.values()].reduce((sum, blob) => sum + blob.info.sizeBytes, 0),
      maxBytes: init.maxBytes,
      sentBytes: 0,
      receivedBytes: 0,
    }),
  }
  return { artifacts, add }
}
