/** What the HTTP API needs of the daemon: the smallest part of each service that its routes use. */
import type { Agents } from '../agents/agents.ts'
import type { ChatModel } from '../agents/chat/chat-model.ts'
import type { ChatModelInfo } from '../agents/chat/chat-models.ts'
import type { Conversations } from '../agents/conversations/conversations.ts'
import type { Decisions } from '../agents/king/decisions.ts'
import type { Approvals } from '../agents/loop/approvals.ts'
import type { Audit } from '../agents/loop/audit.ts'
import type { Answers } from '../agents/rag/answers/answers.ts'
import type { Collections } from '../agents/rag/collections/collections.ts'
import type { SearchEvaluations } from '../agents/rag/query/search-evaluations.ts'
import type { Knowledge } from '../agents/rag/village/knowledge.ts'
import type { McpTools } from '../agents/tools/mcp-tools.ts'
import type { Erasure } from '../agents/twin/erasure.ts'
import type { Twin } from '../agents/twin/twin.ts'
import type { VillageAgents } from '../agents/village/village-agents.ts'
import type { Evaluations } from '../compute/evaluate/evaluations.ts'
import type { Generation } from '../compute/generate/generation.ts'
import type { Pulls } from '../compute/hub/pulls.ts'
import type { Jobs } from '../compute/jobs/jobs.ts'
import type { Kernels } from '../compute/kernels.ts'
import type { Embedding } from '../compute/models/embedding.ts'
import type { Models } from '../compute/models/registry.ts'
import type { ModelShares } from '../compute/models/shares.ts'
import type { Monitor } from '../compute/monitor/monitor.ts'
import type { Pool } from '../compute/pool.ts'
import type { Resources } from '../compute/resources.ts'
import type { Sandbox } from '../compute/sandbox/sandbox.ts'
import type { Config } from '../config.ts'
import type { Events } from '../events.ts'
import type { FederateClient } from '../federated/learn/client.ts'
import type { Federations } from '../federated/learn/federations.ts'
import type { Rounds } from '../federated/rounds/rounds.ts'
import type { SelfEvolution } from '../federated/self-evolution/self-evolution.ts'
import type { Identity } from '../identity.ts'
import type { Log } from '../log.ts'
import type { Artifacts } from '../mesh/artifacts/artifacts.ts'
import type { Villages } from '../mesh/membership/villages.ts'
import type { Mesh } from '../mesh/mesh.ts'
import type { SealedStore } from '../sealed-store.ts'
import type { Settings } from '../settings.ts'
import type { StoredResponses } from './gateway/stored-responses.ts'
import type { Keys } from './keys/keys.ts'
import type { MetricsPage } from './metrics/metrics.ts'
import type { OnDemandA2a, OnDemandMcp } from './on-demand.ts'

export interface ApiComponents {
  readonly log: Log
  readonly events: Events
  readonly config: Config
  readonly settings: Settings
  readonly backup: {
    stream(init: { withArtifacts: boolean }, signal: AbortSignal): AsyncIterable<Uint8Array>
  }
  readonly identity: Pick<Identity, 'peerId'>
  readonly mesh: Pick<
    Mesh,
    'village' | 'peers' | 'addresses' | 'addressesOf' | 'clockSkewsMs' | 'dial' | 'traffic' | 'transferred'
  >
  readonly villages: Villages
  readonly artifacts: Pick<
    Artifacts,
    | 'addStream'
    | 'addPath'
    | 'info'
    | 'list'
    | 'read'
    | 'stream'
    | 'materialize'
    | 'fetch'
    | 'pin'
    | 'unpin'
    | 'remove'
    | 'collect'
    | 'exportCar'
    | 'importCar'
    | 'usage'
  >
  readonly models: Pick<Models, 'add' | 'list' | 'need' | 'inspect' | 'remove' | 'unpack' | 'setShared'>
  readonly pulls: Pick<Pulls, 'pull' | 'list' | 'need' | 'cancel'>
  readonly shares: Pick<ModelShares, 'list'>
  readonly jobs: Pick<
    Jobs,
    | 'submit'
    | 'list'
    | 'get'
    | 'tasks'
    | 'history'
    | 'cancel'
    | 'setPriority'
    | 'remove'
    | 'trust'
    | 'pardon'
    | 'taskSeconds'
  >
  readonly rounds: Pick<
    Rounds,
    | 'plan'
    | 'announce'
    | 'list'
    | 'view'
    | 'details'
    | 'report'
    | 'act'
    | 'remove'
    | 'suggest'
    | 'blocks'
    | 'exportLedger'
    | 'verify'
    | 'verifyArchive'
  >
  readonly selfEvolution: Pick<SelfEvolution, 'status' | 'history' | 'run' | 'rollback' | 'resume'>
  readonly evaluations: Evaluations
  readonly resources: Pick<Resources, 'limits' | 'snapshot'>
  readonly monitor: Pick<Monitor, 'history' | 'latest' | 'disk' | 'children'>
  readonly generation: Pick<Generation, 'generate' | 'stats'>
  readonly embedding: Embedding
  readonly collections: Pick<
    Collections,
    | 'list'
    | 'need'
    | 'create'
    | 'update'
    | 'remove'
    | 'documents'
    | 'document'
    | 'removeDocuments'
    | 'unreadable'
    | 'index'
    | 'upload'
    | 'unwatch'
    | 'runs'
    | 'needRun'
    | 'cancelRun'
    | 'export'
    | 'import'
    | 'stats'
  >
  readonly knowledge: Pick<Knowledge, 'search' | 'chunks' | 'collections' | 'stats'>
  readonly answers: Answers
  readonly searchEvaluations: Pick<SearchEvaluations, 'evaluateFolder' | 'evaluateCollection' | 'tune'>
  readonly agents: Pick<Agents, 'ask' | 'callTool' | 'tools' | 'list' | 'stats' | 'onUsage' | 'isRunning'>
  readonly villageAgents: Pick<VillageAgents, 'offers'>
  readonly mcpTools: Pick<McpTools, 'servers' | 'accept' | 'refresh'>
  readonly approvals: Pick<Approvals, 'list' | 'decide'>
  readonly audit: Pick<Audit, 'list' | 'clear'>
  readonly decisions: Pick<Decisions, 'list' | 'get'>
  readonly erasure: Pick<Erasure, 'onErase' | 'eraseAll' | 'eraseSaid'>
  readonly twin: Pick<
    Twin,
    'isEnabled' | 'remember' | 'edit' | 'list' | 'search' | 'named' | 'forget' | 'export' | 'stats'
  >
  readonly conversations: Pick<
    Conversations,
    'create' | 'list' | 'need' | 'answering' | 'ask' | 'cancel' | 'rename' | 'remove'
  >
  readonly federations: Pick<Federations, 'begin' | 'list' | 'get' | 'end' | 'remove'>
  readonly federateClient: Pick<FederateClient, 'list'>
  readonly chatModels: {
    list(signal: AbortSignal): Promise<readonly Pick<ChatModelInfo, 'id' | 'place' | 'isExperimental'>[]>
    need(id: string): Promise<ChatModel>
  }
  /** Where responses of the gateway are kept (started and stopped by the daemon). */
  readonly responseStore: Pick<SealedStore, 'put' | 'getJson' | 'delete' | 'deleteMany' | 'list'>
  readonly pool: Pick<Pool, 'stats'>
  readonly sandbox: Pick<Sandbox, 'availability'>
  readonly kernels: Pick<Kernels, 'native' | 'reason' | 'simd'>
  readonly logLoss: { lines(): number }
}

export interface ApiInit {
  /** The data directory: api.token and api.json are kept in it. */
  readonly directory: string
  readonly version: string
  readonly startedAtMs: number
}

export interface Followers {
  /** Counts one more; the function that it returns takes it off. Throws API_TOO_MANY_CLIENTS. */
  enter(): () => void
  count(): number
}

/** What every route handler is given: the services, and the facts about this run of the daemon. */
export interface ApiContext extends ApiComponents, ApiInit {
  /** Differs between two runs of the daemon, so that a client notices a restart. */
  readonly instance: string
  /** `http://127.0.0.1:7480`, known once the server listens. */
  url(): string
  /** Clients that follow the events, of which there may be only so many. */
  readonly followers: Followers
  readonly keys: Keys
  readonly mcp: OnDemandMcp
  readonly a2a: OnDemandA2a
  readonly responses: StoredResponses
  /** `accept` is the header of the request. */
  metrics(accept: string | string[] | undefined): Promise<MetricsPage>
  openApi(): object
}
