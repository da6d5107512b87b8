/** Nodes with mesh, artifacts, indexes and knowledge on loopback; documents are put into collections as they are, without files. */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import {
  type CollectionInfo,
  type CollectionSettings,
  collectionId,
} from '../../node/agents/rag/collections/collection.ts'
import type { Collections } from '../../node/agents/rag/collections/collections.ts'
import type { IndexedDocument } from '../../node/agents/rag/document.ts'
import { createIndexHost, type IndexHost } from '../../node/agents/rag/index/index-host.ts'
import type { Manifest } from '../../node/agents/rag/index/manifest.ts'
import { createSearch } from '../../node/agents/rag/query/search.ts'
import {
  createKnowledge,
  type Knowledge,
  type KnowledgeInit,
} from '../../node/agents/rag/village/knowledge.ts'
import { VillageError } from '../../node/errors.ts'
import { type Artifacts, createArtifacts } from '../../node/mesh/artifacts/artifacts.ts'
import { signerFromIdentity } from '../../node/mesh/membership/keys.ts'
import { patientSignal } from '../runner/deadline.ts'
import { type MeshNode, type MeshNodeInit, startMeshNode, TEST_LOG, villageOf } from './mesh.ts'

type Settings = CollectionSettings & { readonly name: string; readonly segmentChunks: number }

export interface KnowledgeNode {
  readonly mesh: MeshNode
  readonly peer: string
  readonly artifacts: Artifacts
  readonly host: IndexHost
  readonly knowledge: Knowledge
  /** Makes or changes a collection: settings first, then documents, in one commit. */
  put(name: string, settings: Partial<Settings>, documents?: readonly IndexedDocument[]): Promise<void>
  /** `compact` false: their text stays in the segments, as deleted. */
  removeDocuments(name: string, ids: readonly string[], compact?: boolean): Promise<void>
  /** The collection, its index and its settings. */
  removeCollection(name: string): Promise<void>
  stop(): Promise<void>
}

export interface KnowledgeNodeInit extends MeshNodeInit {
  knowledge?: Partial<KnowledgeInit>
}

const running = new Set<KnowledgeNode>()
/** One for all nodes of a test: an index is a directory, and threads for each node would cost more than all else. */
let shared: IndexHost | null = null

export async function startKnowledgeNode(init: KnowledgeNodeInit = {}): Promise<KnowledgeNode> {
  const parts: { artifacts?: Artifacts; host?: IndexHost; knowledge?: Knowledge } = {}
  const settings = new Map<string, Settings>()
  let root = ''
  const indexDirectory = (id: string) => path.join(root, id, 'index')
  let host: IndexHost
  const collections: Pick<Collections, 'list' | 'unreadable' | 'accessOf' | 'indexDirectory'> = {
    unreadable: () => [],
    indexDirectory,
    accessOf: (id) => settings.get(id)?.access ?? null,
    list: () => Promise.all([...settings.values()].map(infoOf)),
  }

  async function infoOf(given: Settings): Promise<CollectionInfo> {
    const id = collectionId(owner(), given.name)
    // As the real ones: a damaged index is told, and hides nothing.
    const { generation, segments } = await host
      .manifest(indexDirectory(id))
      .catch(() => ({ generation: 0, segments: [] as Manifest['segments'] }))
    const sum = (of: (segment: (typeof segments)[number]) => number) =>
      segments.reduce((total, segment) => total + of(segment), 0)
    return {
      ...given,
      id,
      owner: owner(),
      encoder: null,
      createdAtMs: 1,
      documents: sum(({ documents }) => documents),
      chunks: sum(({ chunks, deletedChunks }) => chunks - deletedChunks),
      sizeBytes: sum(({ sizeBytes }) => sizeBytes),
      generation,
      languages: ['en'],
      watched: [],
      problem: null,
      roots: [],
    }
  }

  const mesh = await startMeshNode({
    ...init,
    prepare(mesh, { store, events, directory, identity }) {
      const log = TEST_LOG
      root = path.join(directory, 'collections')
      shared ??= createIndexHost({ log })
      host = shared
      const artifacts: Artifacts = createArtifacts(
        { mesh, store, events, log },
        {
          directory,
          maxBytes: 2 ** 30,
          uploadBytesPerSecond: null,
          collectEveryMs: 0,
          published: (cid) => knowledge.isPublic(cid),
          shared: (cid) => knowledge.isShared(cid),
        },
      )
      const knowledge: Knowledge = createKnowledge(
        {
          mesh,
          artifacts,
          collections: collections as Collections,
          host,
          search: createSearch({
            embed: () => Promise.reject(new VillageError('MODEL_UNKNOWN')),
            log,
          }),
          encoder: { has: async () => true },
          events,
          store,
          signer: signerFromIdentity(identity.privateKey),
          log,
        },
        {
          directory,
          replicaBytes: 2 ** 28,
          deadlineMs: 2_000,
          maxPeers: 10,
          requestsByMinute: 100_000,
          repairAfterMs: 600_000,
          forgetAfterMs: 2_592_000_000,
          soonMs: 20,
          ...init.knowledge,
        },
      )
      Object.assign(parts, { artifacts, host, knowledge })
    },
  })
  const owner = () => mesh.mesh.peerId
  const { artifacts, knowledge } = parts as Required<typeof parts>
  await loadSettings()
  const signal = patientSignal(60_000)
  await artifacts.start(signal)
  await knowledge.start(signal)

  const fileOf = (id: string) => path.join(root, id, 'settings.json')

  async function loadSettings(): Promise<void> {
    for (const id of await readdir(root).catch(() => []))
      settings.set(id, JSON.parse(await readFile(path.join(root, id, 'settings.json'), 'utf8')) as Settings)
  }

  const node: KnowledgeNode = {
    mesh,
    peer: owner(),
    artifacts,
    host: host!,
    knowledge,
    async put(name, changes, documents = []) {
      const id = collectionId(owner(), name)
      const before = settings.get(id)
      const next: Settings = {
        name,
        access: 'private',
        replicas: 2,
        keepsCopy: true,
        weight: 0.5,
        feedback: false,
        candidates: null,
        segmentChunks: 50,
        ...before,
        ...changes,
      }
      if (before === undefined) {
        await mkdir(path.join(root, id), { recursive: true })
        await host.create(indexDirectory(id), { maxSegmentChunks: next.segmentChunks, dims: null })
      }
      if (documents.length > 0) {
        await host.add(indexDirectory(id), documents)
        await host.commit(indexDirectory(id))
      }
      settings.set(id, next)
      await writeFile(fileOf(id), JSON.stringify(next))
      mesh.events.emit('collection:changed', { collection: id, name, generation: 1 })
    },
    async removeDocuments(name, ids, compact = true) {
      const id = collectionId(owner(), name)
      await host.remove(indexDirectory(id), ids)
      await host.commit(indexDirectory(id))
      if (compact) await host.compact(indexDirectory(id))
      mesh.events.emit('collection:changed', { collection: id, name, generation: 1 })
    },
    async removeCollection(name) {
      const id = collectionId(owner(), name)
      settings.delete(id)
      await host.drop(indexDirectory(id))
      await rm(path.join(root, id), { recursive: true, force: true })
      mesh.events.emit('collection:removed', { collection: id, name })
    },
    async stop() {
      if (!running.delete(node)) return
      await knowledge.stop()
      await artifacts.stop()
      await mesh.stop()
    },
  }
  running.add(node)
  return node
}

export async function stopKnowledgeNodes(): Promise<void> {
  await Promise.all([...running].map((node) => node.stop()))
  await shared?.stop()
  shared = null
}

/** The first founds a village, the others join. */
export const startKnowledgeVillage = (
  count: number,
  init: (index: number) => KnowledgeNodeInit = () => ({}),
): Promise<KnowledgeNode[]> =>
  villageOf(
    Array.from({ length: count }, (_, index) => init(index)),
    startKnowledgeNode,
  )
