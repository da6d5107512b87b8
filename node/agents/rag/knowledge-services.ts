/** The services of knowledge, wired to each other: what the daemon starts and serves of this domain. */
import path from 'node:path'
import type { Generation } from '../../compute/generate/generation.ts'
import type { Embedding } from '../../compute/models/embedding.ts'
import type { Models } from '../../compute/models/registry.ts'
import { memoryOfMachine } from '../../compute/resources.ts'
import type { Config } from '../../config.ts'
import type { Events } from '../../events.ts'
import type { Log } from '../../log.ts'
import type { Artifacts } from '../../mesh/artifacts/artifacts.ts'
import type { Signer } from '../../mesh/membership/keys.ts'
import type { Mesh } from '../../mesh/mesh.ts'
import { profileLimits } from '../../profile-limits.ts'
import type { Store } from '../../store.ts'
import { createAnswers } from './answers/answers.ts'
import { createCollectionEncoder } from './collections/collection-encoder.ts'
import { createCollections } from './collections/collections.ts'
import { createIndexHost } from './index/index-host.ts'
import { createIngest } from './ingest/ingest.ts'
import { createSettingsScoring } from './query/score-settings.ts'
import { createSearch } from './query/search.ts'
import { createSearchEvaluations } from './query/search-evaluations.ts'
import { createKnowledge } from './village/knowledge.ts'

interface Components {
  readonly mesh: Mesh
  readonly artifacts: Artifacts
  readonly models: Models
  readonly embedding: Embedding
  readonly generation: Generation
  readonly store: Store
  readonly events: Events
  readonly signer: Signer
  readonly log: Log
}

interface Init {
  readonly config: Config
  readonly directory: string
  readonly peerId: string
}

const MIB = 2 ** 20

/** A process beside the daemon: under a cap of memory both have to find room, and a daemon that searches holds up to 212 MiB. */
export const defaultParserMemory = (isEdge: boolean, machineBytes: number): number =>
  isEdge ? Math.min(384 * MIB, Math.floor(machineBytes / 3)) : 768 * MIB

export type KnowledgeServices = ReturnType<typeof createKnowledgeServices>

export function createKnowledgeServices(components: Components, { config, directory, peerId }: Init) {
  const { mesh, artifacts, models, embedding, generation, store, events, signer, log } = components
  const isEdge = config.profile === 'edge'
  const ingest = createIngest(
    { log },
    {
      maxFileBytes: config['knowledge.maxFileBytes'],
      maxStreamedBytes: config['knowledge.maxTextBytes'],
      parserTimeoutMs: config['knowledge.parserTimeoutMs'],
      parserMemoryBytes:
        config['knowledge.parserMemoryBytes'] ?? defaultParserMemory(isEdge, memoryOfMachine()),
      idleMs: profileLimits(config.profile).idle.parserMs,
      ...(isEdge ? { parsers: 1 } : {}),
    },
  )
  const indexHost = createIndexHost({ log })
  const encoder = createCollectionEncoder({ models, embedding })
  const collections = createCollections(
    { ingest, index: indexHost, encoder, store, events, log },
    {
      directory,
      peerId,
      maxFileBytes: config['knowledge.maxFileBytes'],
      commitEveryMs: config['knowledge.commitEveryMs'],
      watchDelayMs: config['knowledge.watchDelayMs'],
      isSmall: isEdge,
    },
  )
  const search = createSearch({ embed: encoder.embed, log })
  const knowledge = createKnowledge(
    { mesh, artifacts, collections, host: indexHost, search, encoder, events, store, signer, log },
    {
      directory,
      get replicaBytes() {
        return config['knowledge.replicaBytes']
      },
      get deadlineMs() {
        return config['knowledge.deadlineMs']
      },
      get maxPeers() {
        return config['knowledge.maxPeers']
      },
      requestsByMinute: config['knowledge.requestsByMinute'],
      repairAfterMs: config['knowledge.repairAfterMs'],
      forgetAfterMs: config['knowledge.forgetAfterMs'],
    },
  )
  const answers = createAnswers({ knowledge, embedding, generation, log }, { config })
  const searchEvaluations = createSearchEvaluations(
    { search, encoder, index: indexHost, collections, log },
    { directory: path.join(directory, 'evaluations'), peer: peerId },
  )
  const settingsScoring = createSettingsScoring({ evaluations: searchEvaluations })
  return {
    collections,
    knowledge,
    answers,
    searchEvaluations,
    settingsScoring,
    /** In the order of their start. */
    services: [ingest, indexHost, collections, knowledge],
  }
}
