/** The agents and what stands around them, wired to each other: what the daemon starts and serves of this domain. */
import path from 'node:path'
import type { Embedding } from '../compute/models/embedding.ts'
import type { Models } from '../compute/models/registry.ts'
import type { Config } from '../config.ts'
import type { Events } from '../events.ts'
import type { Identity } from '../identity.ts'
import type { Log } from '../log.ts'
import type { Artifacts } from '../mesh/artifacts/artifacts.ts'
import type { Mesh } from '../mesh/mesh.ts'
import { createSealedStore, OWNER_SHARE } from '../sealed-store.ts'
import type { Store } from '../store.ts'
import { type Agents, createAgents } from './agents.ts'
import { createChatModels } from './chat/chat-models.ts'
import { createConversations } from './conversations/conversations.ts'
import { createAgentAsk } from './king/agent-ask.ts'
import { createDecisions } from './king/decisions.ts'
import { createKing } from './king/king.ts'
import { parseWeights } from './king/weigh.ts'
import { newAgentId, ownerLimits } from './loop/answer-request.ts'
import { createApprovals } from './loop/approvals.ts'
import { auditGroup, createAudit } from './loop/audit.ts'
import { createArgumentCheck } from './loop/check-arguments.ts'
import { SYSTEM_CLOCK } from './loop/clock.ts'
import { MAGI } from './magi/magi.ts'
import { createOwnNames } from './own-names.ts'
import { createCollectionEncoder } from './rag/collections/collection-encoder.ts'
import type { Collections } from './rag/collections/collections.ts'
import { SAGE } from './sage/sage.ts'
import { parseGrants } from './tools/granted-folders.ts'
import { createMcpTools } from './tools/mcp-tools.ts'
import { createTools, type ToolComponents } from './tools/table.ts'
import { createErasure } from './twin/erasure.ts'
import { speakerGroup } from './twin/records-of.ts'
import { createTwin } from './twin/twin.ts'
import { createVillageAgents, type VillageAgents } from './village/village-agents.ts'

interface Components extends Omit<ToolComponents, 'twin'> {
  readonly artifacts: ToolComponents['artifacts'] & Pick<Artifacts, 'read'>
  readonly collections: ToolComponents['collections'] & Pick<Collections, 'list'>
  readonly models: ToolComponents['models'] & Pick<Models, 'add' | 'list' | 'get' | 'need'>
  readonly embedding: Embedding
  readonly events: Events
  readonly identity: Pick<Identity, 'privateKey'>
  readonly mesh: ToolComponents['mesh'] & Pick<Mesh, 'handle' | 'open' | 'peers'>
  readonly store: Store
  readonly log: Log
}

interface Init {
  readonly config: Config
  /** The data directory. */
  readonly directory: string
  readonly peerId: string
  readonly version: string
}

const MIB = 2 ** 20
const RESPONSES = 10_000
const RESPONSE_BYTES = 256 * MIB
const RESPONSE_RECORD_BYTES = 8 * MIB
const AUDIT_BYTES = 256 * MIB
const DECISIONS_BYTES = 64 * MIB
const TWIN_BYTES = 64 * MIB
const CONVERSATIONS_BYTES = 256 * MIB
const MAX_CONVERSATION_BYTES = 4 * MIB

/** The configuration says what is kept of the owner; keys and members have their room beside that. */
const withOthers = (ofOwner: number): number => Math.ceil(ofOwner / OWNER_SHARE)

export type AgentServices = ReturnType<typeof createAgentServices>

export function createAgentServices(components: Components, init: Init) {
  const { events, identity, store, log } = components
  const { config, directory, peerId, version } = init
  const sealed = path.join(directory, 'sealed')
  const erasure = createErasure({ log }, { directory: sealed })

  const auditStore = createSealedStore(
    { log, identity },
    {
      directory: path.join(sealed, 'audit'),
      name: 'audit',
      maxRecords: withOthers(config['agents.auditRecords']),
      maxBytes: AUDIT_BYTES,
      whenFull: 'drop-oldest',
      groupOf: auditGroup,
      // A call outlives the process that made it; a flush for each would cost more than the call.
      durability: 'process',
    },
  )
  const audit = createAudit({ store: auditStore }, { newId: newAgentId })
  // First: what goes on would write what the others have erased.
  erasure.onErase('running', 'said', (asker) => agents.endOf(asker))
  erasure.onErase('audit', 'done', async (asker) => {
    await audit.eraseAsker(asker)
  })
  const twinStore = createSealedStore(
    { log, identity },
    {
      directory: path.join(sealed, 'twin'),
      name: 'twin',
      maxRecords: config['twin.maxRecords'],
      maxBytes: TWIN_BYTES,
    },
  )
  const twin = createTwin(
    { store: twinStore, encoder: createCollectionEncoder(components), erasure, log },
    {
      get isEnabled() {
        return config['twin.enabled']
      },
      get mayLeave() {
        return config['agents.endpointsMaySee'] === 'all'
      },
    },
  )
  const conversationStore = createSealedStore(
    { log, identity },
    {
      directory: path.join(sealed, 'conversations'),
      name: 'conversations',
      maxRecords: withOthers(config['agents.conversations']),
      maxBytes: CONVERSATIONS_BYTES,
      maxRecordBytes: MAX_CONVERSATION_BYTES,
      whenFull: 'drop-oldest',
      groupOf: speakerGroup,
    },
  )

  const responseStore = createSealedStore(
    { log, identity },
    {
      directory: path.join(sealed, 'responses'),
      name: 'responses',
      maxRecords: RESPONSES,
      maxBytes: RESPONSE_BYTES,
      maxRecordBytes: RESPONSE_RECORD_BYTES,
      whenFull: 'drop-oldest',
      groupOf: speakerGroup,
      durability: 'process',
    },
  )
  const decisionStore = createSealedStore(
    { log, identity },
    {
      directory: path.join(sealed, 'decisions'),
      name: 'decisions',
      maxRecords: withOthers(config['agents.decisionRecords']),
      maxBytes: DECISIONS_BYTES,
      whenFull: 'drop-oldest',
      groupOf: speakerGroup,
      durability: 'process',
    },
  )
  const decisions = createDecisions({ store: decisionStore }, { now: Date.now })
  erasure.onErase('decisions', 'done', (asker) => decisions.eraseAsker(asker))
  const approvals = createApprovals(
    { events, clock: SYSTEM_CLOCK, newId: newAgentId },
    {
      get approvalMs() {
        return config['agents.approvalMs']
      },
    },
  )

  const builtIn = createTools(
    { ...components, twin },
    {
      get folders() {
        return parseGrants(config['agents.folders'])
      },
      dataDirectory: directory,
      version,
    },
  )
  const mcpTools = createMcpTools(
    { log, store },
    { servers: config['agents.mcpServers'], environment: process.env, version },
  )
  const agentAsk = createAgentAsk(
    {
      ask: (...given) => agents.ask(...given),
      village: {
        offers: () => villageAgents.offers(),
        askMember: (...given) => villageAgents.askMember(...given),
      },
      decisions,
    },
    {
      ...{ now: Date.now, newId: newAgentId },
      get limits() {
        return ownerLimits(config)
      },
      get weights() {
        return parseWeights(config['agents.weights'])
      },
      get hasModel() {
        return config['agents.model'] !== null
      },
    },
  )
  const tools = () => [...builtIn, agentAsk, ...mcpTools.list()]

  const ownNames = createOwnNames(components, { folders: () => parseGrants(config['agents.folders']) })
  const chatModels = createChatModels(components, { config, environment: process.env })
  const villageAgents: VillageAgents = createVillageAgents(
    { mesh: components.mesh, answer: (...given) => agents.ask(...given), log },
    { config },
  )
  const agents: Agents = createAgents(
    {
      rows: [createKing({ decisions }), SAGE, MAGI],
      tools,
      chatModels,
      async intendedCalls(...given) {
        const { intendedCalls } = await import('./king/intended-calls.ts')
        return intendedCalls(...given)
      },
      ownNames: () => ownNames.current(),
      twin,
      village: villageAgents,
      checkArguments: createArgumentCheck(),
      ...{ approvals, audit, events, log },
    },
    { config, peerId },
  )

  const conversations = createConversations(
    { store: conversationStore, agents, twin, erasure, log },
    {
      get learns() {
        return config['twin.learn']
      },
      async withholds(model = config['agents.model']) {
        if (model === null || config['agents.endpointsMaySee'] === 'all') return false
        return (await chatModels.need(model)).place === 'remote'
      },
    },
  )

  return {
    agents,
    villageAgents,
    twin,
    conversations,
    chatModels,
    approvals,
    audit,
    decisions,
    erasure,
    /** Of the gateway (api/gateway/stored-responses.ts). */
    responseStore,
    tools,
    mcpTools,
    /** In the order of their start. */
    services: [
      auditStore,
      decisionStore,
      responseStore,
      twinStore,
      conversationStore,
      erasure,
      twin,
      mcpTools,
      chatModels,
      ownNames,
      agents,
      villageAgents,
      conversations,
    ],
  }
}
