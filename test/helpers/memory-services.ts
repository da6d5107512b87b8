/**
 * In-memory services with the interfaces of the real ones, for tests of what stands above them (the API, the command
 * line). They hold real state and throw the real codes; there is no network and no disk below them.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { KnownCollection } from '../../node/agents/rag/village/known-collection.ts'
import type { ApiComponents } from '../../node/api/components.ts'
import { createEvaluations } from '../../node/compute/evaluate/evaluations.ts'
import type { ModelEntry } from '../../node/compute/models/model-entry.ts'
import { OPERATIONS } from '../../node/compute/operations.ts'
import type { PauseReason } from '../../node/compute/resources.ts'
import { type Config, DEFAULT_CONFIG } from '../../node/config.ts'
import { createLiveConfig } from '../../node/config-live.ts'
import { VillageError } from '../../node/errors.ts'
import { createEvents } from '../../node/events.ts'
import { createHistogram } from '../../node/histogram.ts'
import type { JsonObject } from '../../node/json.ts'
import { createLog, type Log } from '../../node/log.ts'
import type { ArtifactInfo } from '../../node/mesh/artifacts/artifacts.ts'
import type { Member, OpenInvite, VillageInfo } from '../../node/mesh/membership/villages.ts'
import type { PeerInfo } from '../../node/mesh/mesh.ts'
import { createSettings } from '../../node/settings.ts'
import { memorySageRows } from './memory-agent-rows.ts'
import { memoryAgents } from './memory-agents.ts'
import { createMemoryArtifacts } from './memory-artifacts.ts'
import { memoryChatModels } from './memory-chat-models.ts'
import { type MemoryCollections, memoryCollections } from './memory-collections.ts'
import { memoryFederations } from './memory-federations.ts'
import { memoryGeneration } from './memory-generation.ts'
import { createMemoryJobs } from './memory-jobs.ts'
import { memoryKnowledge } from './memory-knowledge.ts'
import { memoryMonitor } from './memory-monitor.ts'
import { type MemoryPulls, memoryPulls } from './memory-pulls.ts'
import { memoryRounds } from './memory-rounds.ts'
import { memorySealedStore } from './memory-sealed-store.ts'
import { memorySearchEvaluations } from './memory-search-evaluations.ts'
import { memorySelfEvolution } from './memory-self-evolution.ts'

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

export interface MemoryServices extends ApiComponents {
  addArtifact(bytes: Uint8Array, options?: { name?: string; pin?: string }): Promise<ArtifactInfo>
  /** Moves a job on: what the real queue does when results come in. */
  finishTask(job: string, index: number, peer: string): void
  /** Ends a job with a result. */
  endJob(job: string, result: JsonObject): void
  readonly pulls: MemoryPulls
  readonly collections: MemoryCollections
  /** Collections of others, as knowledge lists them. */
  readonly known: KnownCollection[]
  readonly peerList: PeerInfo[]
  readonly pause: { reason: PauseReason | null }
}

export function createMemoryServices(init: { config?: Partial<Config>; log?: Log } = {}): MemoryServices {
  const events = createEvents()
  const config: Config = { ...DEFAULT_CONFIG, 'api.port': 0, ...init.config }
  const pause: { reason: PauseReason | null } = { reason: null }
  const peerList: PeerInfo[] = []
  const memory = createMemoryArtifacts({ events, maxBytes: config['resources.maxDiskBytes'], nowMs: NOW_MS })
  const models = new Map<string, ModelEntry>()
  const log = init.log ?? createLog({ level: 'silent' })
  const generated = memoryGeneration(models)
  const queue = createMemoryJobs({ events, nowMs: NOW_MS, friend: FRIEND })
  // The real service on real operations, which run here instead of on a worker thread.
  const evaluations = createEvaluations({
    jobs: queue.jobs,
    artifacts: memory.artifacts,
    pool: {
      run: async (name, input) =>
        OPERATIONS[name](input as never, new AbortController().signal, () => undefined) as never,
    },
  })
  const asked = memoryKnowledge({ log, config, identity: { peerId: SELF }, ...generated })
  const collections = memoryCollections({ events, identity: { peerId: SELF } })
  const withdrawn: string[] = []
  let village: VillageInfo | null = null
  let members: Member[] = []
  let opened: OpenInvite[] = []

  const inVillage = (): VillageInfo => {
    if (village === null) throw new VillageError('VILLAGE_NONE')
    return village
  }
  const member = (peer: string, name: string, role: Member['role']): Member => ({
    peer,
    name,
    role,
    joinedAtMs: NOW_MS,
    sponsor: null,
    revoked: null,
    leftAtMs: null,
    connected: true,
    self: peer === SELF,
  })
  return {
    log,
    events,
    config,
    backup: {
      async *stream() {
        yield Buffer.alloc(1024) // the end of an archive
      },
    },
    settings: createSettings(
      { live: createLiveConfig({ log }, config), events, log },
      {
        sources: {
          ...{ named: null, shipped: null, environment: {} },
          arguments: { 'data.dir': config['data.dir'] },
        },
        resolved: null,
      },
    ),
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
      addressesOf: async () => [],
      clockSkewsMs: () => new Map(),
      transferred: () => ({ receivedBytes: 1_000, sentBytes: 2_000 }),
      traffic: () => ({
        ...{ gossip: [], gossipSeconds: createHistogram().read() },
        ...{ streams: [], streamSeconds: createHistogram().read(), openStreams: [] },
      }),
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
        const made = { id: randomBytes(4).toString('hex'), role, expiresAtMs: NOW_MS + expiresInMs, uses }
        opened.push({ ...made, issuedAtMs: NOW_MS, used: 0 })
        return { ...made, invite: `village1${randomBytes(48).toString('hex')}` }
      },
      invites: async () => {
        inVillage()
        return opened
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
        opened = opened.filter(({ id }) => id !== inviteId)
      },
      async leave() {
        inVillage()
        village = null
        members = []
        events.emit('village:changed', { village: null })
      },
    },
    artifacts: memory.artifacts,
    ...generated,
    ...asked,
    models: {
      async add(given) {
        if ('artifact' in given) throw new VillageError('ARTIFACT_MISSING')
        const id = given.id ?? ('embedded' in given ? given.embedded : path.basename(given.path, '.onnx'))
        const bytes = 'embedded' in given ? Buffer.from('encoder') : await readFile(given.path)
        const { cid } = await memory.add(bytes, { name: id, pin: `model:${id}` })
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
          base: null,
          notes: [],
          doubt: null,
          shared: false,
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
        return {
          irVersion: 10,
          opsets: [{ domain: '', version: 21 }],
          inputs: [{ name: 'input_ids', type: 'int64', dims: ['batch', 4] }],
          outputs: [{ name: 'embedding', type: 'float32', dims: ['batch', 512] }],
          operators: { MatMul: 1 },
          tensors: [{ name: 'weight', type: 'float32', dims: [4, 512], sizeBytes: 8192, compressible: true }],
          externalFiles: 0,
          card: null,
        }
      },
      async remove(id) {
        if (!models.delete(id)) throw new VillageError('MODEL_UNKNOWN')
        events.emit('model:removed', { id })
      },
      async setShared(id, shared) {
        const found = models.get(id)
        if (found === undefined) throw new VillageError('MODEL_UNKNOWN')
        const entry = { ...found, shared }
        models.set(id, entry)
        events.emit('model:shared', { id, shared })
        return entry
      },
      async unpack(id, { directory, runtime }) {
        if (!models.has(id)) throw new VillageError('MODEL_UNKNOWN')
        await mkdir(directory)
        await writeFile(path.join(directory, 'model.onnx'), runtime)
      },
    },
    collections,
    ...memoryFederations({ nowMs: NOW_MS }),
    ...memoryAgents(memorySageRows({ ...asked, villages: { members: () => members } })),
    chatModels: memoryChatModels(),
    responseStore: memorySealedStore(),
    searchEvaluations: memorySearchEvaluations({ log, embedding: generated.embedding, collections }),
    shares: { list: () => [] },
    pulls: memoryPulls({ events }),
    jobs: queue.jobs,
    rounds: memoryRounds(),
    selfEvolution: memorySelfEvolution({ nowMs: NOW_MS }),
    evaluations,
    addArtifact: memory.add,
    finishTask: queue.finishTask,
    endJob: queue.endJob,
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
        batteryShare: null,
        temperatureCelsius: null,
        load: 0.5,
        accepting: pause.reason === null,
        acceptingOwn: true,
        reason: pause.reason,
      }),
    },
    monitor: memoryMonitor(NOW_MS),
    pool: { stats: () => ({ threads: 1, busy: 0, queued: 0 }) },
    sandbox: {
      availability: async () => ({ available: false, reason: 'it was not looked for', fix: 'Look for it.' }),
    },
    kernels: { native: false, reason: 'no compiler was found', simd: 'none' },
    logLoss: { lines: () => 3 },
  }
}
