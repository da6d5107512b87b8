/**
 * In-memory services with the interfaces of the real ones, for tests of what stands above them (the API, the command
 * line). They hold real state and throw the real codes; there is no network and no disk below them.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { sha256 } from 'multiformats/hashes/sha2'
import type { ApiComponents } from '../../node/api/components.ts'
import type { JobSummary, TaskSummary } from '../../node/compute/jobs/job.ts'
import type { ModelEntry } from '../../node/compute/models/registry.ts'
import type { PauseReason } from '../../node/compute/resources.ts'
import { type Config, DEFAULT_CONFIG } from '../../node/config.ts'
import { VillageError } from '../../node/errors.ts'
import { createEvents } from '../../node/events.ts'
import { createLog, type Log } from '../../node/log.ts'
import type { ArtifactInfo } from '../../node/mesh/artifacts/artifacts.ts'
import type { Member, VillageInfo } from '../../node/mesh/membership/villages.ts'
import type { PeerInfo } from '../../node/mesh/mesh.ts'

export const SELF = '12D3KooWSelfSelfSelfSelfSelfSelfSelfSelfSelfSelfSelf'
export const FRIEND = '12D3KooWFriendFriendFriendFriendFriendFriendFriendFr'
const NOW_MS = 1_760_000_000_000

export function memoryPeer(over: Partial<PeerInfo> = {}): PeerInfo {
  return {
    peer: FRIEND,
    name: 'friend',
    role: 'member',
    addresses: [`/ip4/127.0.0.1/tcp/4001/p2p/${FRIEND}`],
    direction: 'outbound',
    relayed: false,
    connectedAtMs: NOW_MS,
    latencyMs: 12,
    capabilities: {
      version: '0.1.0',
      cores: 4,
      memoryBytes: 8 * 2 ** 30,
      power: 'mains',
      profile: 'server',
      native: true,
      accepting: true,
      load: 0.25,
      taskKinds: ['compress', 'evaluate'],
      models: [],
    },
    ...over,
  }
}

type Writable<T> = { -readonly [K in keyof T]: T[K] }

export interface MemoryServices extends ApiComponents {
  addArtifact(bytes: Uint8Array, options?: { name?: string; pin?: string }): Promise<ArtifactInfo>
  /** Moves a job on: what the real queue does when results come in. */
  finishTask(job: string, index: number, peer: string): void
  readonly peerList: PeerInfo[]
  readonly pause: { reason: PauseReason | null }
}

async function collect(source: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) {
    signal?.throwIfAborted()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

export function createMemoryServices(init: { config?: Partial<Config>; log?: Log } = {}): MemoryServices {
  const events = createEvents()
  const config: Config = { ...DEFAULT_CONFIG, 'api.port': 0, ...init.config }
  const pause: { reason: PauseReason | null } = { reason: null }
  const peerList: PeerInfo[] = []
  const blobs = new Map<string, { info: ArtifactInfo; bytes: Uint8Array }>()
  const models = new Map<string, ModelEntry>()
  const jobs = new Map<string, { summary: Writable<JobSummary>; tasks: Writable<TaskSummary>[] }>()
  const withdrawn: string[] = []
  const pardoned = new Set<string>()
  let village: VillageInfo | null = null
  let members: Member[] = []
  const traffic = { sentBytes: 0, receivedBytes: 0 }

  const need = (cid: string) => {
    const found = blobs.get(cid)
    if (found === undefined) throw new VillageError('ARTIFACT_MISSING', undefined, { fields: { cid } })
    return found
  }
  const inVillage = (): VillageInfo => {
    if (village === null) throw new VillageError('VILLAGE_NONE')
    return village
  }
  async function add(
    bytes: Uint8Array,
    options: { name?: string; pin?: string } = {},
  ): Promise<ArtifactInfo> {
    const held = [...blobs.values()].reduce((sum, blob) => sum + blob.info.sizeBytes, 0)
    if (held + bytes.byteLength > config['resources.maxDiskBytes']) throw new VillageError('DISK_FULL')
    const cid = CID.create(1, raw.code, await sha256.digest(bytes)).toString()
    const info: ArtifactInfo = {
      cid,
      sizeBytes: bytes.byteLength,
      name: options.name ?? null,
      kind: 'file',
      pins: options.pin === undefined ? [] : [options.pin],
      addedAtMs: NOW_MS,
      complete: true,
    }
    blobs.set(cid, { info, bytes })
    events.emit('artifact:added', { cid, sizeBytes: info.sizeBytes, name: info.name })
    return info
  }
  const member = (peer: string, name: string, role: Member['role']): Member => ({
    peer,
    name,
    role,
    joinedAtMs: NOW_MS,
    sponsor: null,
    revoked: null,
    connected: true,
    self: peer === SELF,
  })
  const changed = ({ summary }: { summary: JobSummary }) =>
    events.emit('job:changed', {
      job: summary.id,
      kind: summary.kind,
      state: summary.state,
      done: summary.done,
      total: summary.total,
    })
  const needJob = (id: string) => {
    const job = jobs.get(id)
    if (job === undefined) throw new VillageError('JOB_UNKNOWN')
    return job
  }

  return {
    log: init.log ?? createLog({ level: 'silent' }),
    events,
    config,
    identity: { peerId: SELF },
    peerList,
    pause,
    mesh: {
      village: () => village,
      peers: () => peerList,
      addresses: () => (village === null ? [] : [`/ip4/127.0.0.1/tcp/4001/p2p/${SELF}`]),
      async dial(address) {
        const peer = /\/p2p\/(\w+)$/.exec(address)?.[1]
        if (peer === undefined) throw new VillageError('PEER_UNREACHABLE')
        return peer
      },
    },
    villages: {
      current: () => village,
      async create({ name, open }) {
        if (village !== null) throw new VillageError('VILLAGE_ALREADY_JOINED')
        village = {
          id: 'village-id',
          name,
          open,
          createdAtMs: NOW_MS,
          role: 'admin',
          members: 1,
          revoked: null,
        }
        members = [member(SELF, 'self', 'admin')]
        events.emit('village:changed', { village: village.id })
        return village
      },
      async invite({ role, expiresInMs, uses }) {
        inVillage()
        return {
          invite: `village1${randomBytes(48).toString('hex')}`,
          id: randomBytes(4).toString('hex'),
          role,
          expiresAtMs: NOW_MS + expiresInMs,
          uses,
        }
      },
      async join(invite) {
        if (!invite.startsWith('village1')) throw new VillageError('INVITE_MALFORMED')
        if (village !== null) throw new VillageError('VILLAGE_ALREADY_JOINED')
        village = {
          id: 'other',
          name: 'other',
          open: false,
          createdAtMs: NOW_MS,
          role: 'member',
          members: 2,
          revoked: null,
        }
        members = [member(FRIEND, 'friend', 'admin'), member(SELF, 'self', 'member')]
        peerList.push(memoryPeer({ role: 'admin' }))
        events.emit('village:changed', { village: village.id })
        return village
      },
      members: () => members,
      async revoke(peer, reason) {
        inVillage()
        const found = members.find((candidate) => candidate.peer === peer)
        if (found === undefined) throw new VillageError('MEMBER_UNKNOWN')
        found.revoked = { atMs: NOW_MS, by: SELF, reason }
        events.emit('member:revoked', { peer })
      },
      async withdraw(inviteId) {
        inVillage()
        withdrawn.push(inviteId)
      },
      async leave() {
        inVillage()
        village = null
        members = []
        events.emit('village:changed', { village: null })
      },
    },
    artifacts: {
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
        if (found === undefined)
          throw new VillageError('ARTIFACT_UNAVAILABLE', undefined, { fields: { cid } })
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
        events.emit('artifact:removed', { cid })
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
        maxBytes: config['resources.maxDiskBytes'],
        ...traffic,
      }),
    },
    models: {
      async add(given) {
        const id = given.id ?? ('embedded' in given ? given.embedded : path.basename(given.path, '.onnx'))
        const bytes = 'embedded' in given ? Buffer.from('encoder') : await readFile(given.path)
        const { cid } = await add(bytes, { name: id, pin: `model:${id}` })
        const entry: ModelEntry = {
          id,
          cid,
          name: id,
          kind: 'embedded' in given ? 'encoder' : 'onnx',
          parameters: 6_980_000,
          sizeBytes: bytes.byteLength,
          addedAtMs: NOW_MS,
          source: 'embedded' in given ? 'embedded' : given.path,
          parent: null,
          report: null,
        }
        models.set(id, entry)
        events.emit('model:added', { id, name: entry.name })
        return entry
      },
      list: async () => [...models.values()],
      async need(id) {
        const found = models.get(id)
        if (found === undefined) throw new VillageError('MODEL_UNKNOWN')
        return found
      },
      async inspect(id) {
        if (!models.has(id)) throw new VillageError('MODEL_UNKNOWN')
        return { inputs: [], outputs: [], operators: {}, tensors: [] }
      },
      async remove(id) {
        if (!models.delete(id)) throw new VillageError('MODEL_UNKNOWN')
        events.emit('model:removed', { id })
      },
    },
    jobs: {
      async submit({ kind, params, priority }) {
        if (kind !== 'compress' && kind !== 'evaluate') throw new VillageError('JOB_KIND_UNKNOWN')
        const id = randomBytes(8).toString('hex')
        const tasks = [0, 1, 2, 3].map(
          (index): Writable<TaskSummary> => ({
            index,
            kind,
            state: 'ready',
            peers: [],
            attempts: 0,
            progress: 0,
            label: `slice ${index}`,
          }),
        )
        const summary: Writable<JobSummary> = {
          id,
          kind,
          state: 'running',
          priority: priority ?? 0,
          createdAtMs: NOW_MS,
          finishedAtMs: null,
          total: tasks.length,
          done: 0,
          params,
          result: null,
          error: null,
          shares: {},
        }
        jobs.set(id, { summary, tasks })
        changed({ summary })
        return summary
      },
      list: () => [...jobs.values()].map((job) => job.summary),
      get: (id) => jobs.get(id)?.summary ?? null,
      tasks: (id) => needJob(id).tasks,
      async cancel(id) {
        const job = needJob(id)
        if (job.summary.state !== 'running') throw new VillageError('JOB_FINISHED')
        job.summary.state = 'cancelled'
        changed(job)
      },
      async setPriority(id, priority) {
        needJob(id).summary.priority = priority
      },
      async remove(id) {
        if (needJob(id).summary.state === 'running') throw new VillageError('JOB_RUNNING')
        jobs.delete(id)
      },
      trust: () =>
        pardoned.has(FRIEND)
          ? []
          : [
              {
                peer: FRIEND,
                kind: 'compress',
                consecutiveValid: 0,
                quarantinedUntilMs: NOW_MS,
                reason: 'RESULT_INVALID',
              },
            ],
      async pardon(peer) {
        pardoned.add(peer)
      },
    },
    addArtifact: add,
    finishTask(id, index, peer) {
      const job = needJob(id)
      const task = job.tasks[index]!
      task.state = 'done'
      task.progress = 1
      task.peers = [peer]
      job.summary.done += 1
      const share = job.summary.shares[peer] ?? { tasks: 0, busyMs: 0, bytes: 0 }
      job.summary.shares = {
        ...job.summary.shares,
        [peer]: { tasks: share.tasks + 1, busyMs: share.busyMs + 100, bytes: share.bytes + 10 },
      }
      events.emit('task:changed', { job: id, task: index, state: 'done', peer, progress: 1 })
      if (job.summary.done === job.summary.total) {
        job.summary.state = 'done'
        job.summary.result = { model: 'encoder-int4', bitsPerWeight: 4.5 }
      }
      changed(job)
    },
    resources: {
      limits: () => ({
        cpuCores: 1,
        memoryBytes: 2 ** 30,
        diskBytes: config['resources.maxDiskBytes'],
        uploadBytesPerSecond: null,
      }),
      snapshot: () => ({
        cpuCores: 2,
        memoryBytes: 8 * 2 ** 30,
        freeMemoryBytes: 4 * 2 ** 30,
        rssBytes: process.memoryUsage.rss(),
        diskFreeBytes: 100 * 2 ** 30,
        power: 'mains',
        temperatureCelsius: null,
        load: 0.5,
        accepting: pause.reason === null,
        acceptingOwn: true,
        reason: pause.reason,
      }),
    },
    pool: { stats: () => ({ threads: 1, busy: 0, queued: 0 }) },
    kernels: { native: false, reason: 'no compiler was found', simd: 'none' },
  }
}
