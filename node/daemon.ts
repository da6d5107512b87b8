/**
 * The composition root: the only place that wires services to each other. Linear on purpose: what a service may use is
 * what it is handed here.
 */
import { hostname } from 'node:os'
import path from 'node:path'
import { createAgentServices } from './agents/agent-services.ts'
import { tunedCollections } from './agents/rag/collections/tuned-collections.ts'
import { createKnowledgeServices } from './agents/rag/knowledge-services.ts'
import { type Api, createApi } from './api/api.ts'
import { createBackups } from './backup-service.ts'
import { announceCapabilities } from './compute/announced-capabilities.ts'
import { createEvaluations } from './compute/evaluate/evaluations.ts'
import { createGeneration } from './compute/generate/generation.ts'
import { createPulls } from './compute/hub/pulls.ts'
import { createJobs, type Jobs } from './compute/jobs/jobs.ts'
import { JOB_KINDS } from './compute/jobs/kinds.ts'
import { type Kernels, loadKernels } from './compute/kernels.ts'
import { createEmbedding } from './compute/models/embedding.ts'
import { createModels, type Models } from './compute/models/registry.ts'
import { createModelShares } from './compute/models/shares.ts'
import { createWrittenModels } from './compute/models/written-models.ts'
import { createMonitor } from './compute/monitor/monitor.ts'
import { createPool } from './compute/pool.ts'
import { createResources } from './compute/resources.ts'
import { createSandbox } from './compute/sandbox/sandbox.ts'
import { TASK_KINDS } from './compute/tasks/table.ts'
import { createTracking } from './compute/tracking/tracking.ts'
import type { Config } from './config.ts'
import { type ConfigSources, resolveConfig } from './config-sources.ts'
import { type DaemonLog, openDaemonLog } from './daemon-log.ts'
import { createEvents, type Events } from './events.ts'
import { STRATEGIES } from './federated/evolve/table.ts'
import { federatedJobKinds, federatedTaskKinds } from './federated/kinds.ts'
import { createLearningServices } from './federated/learn/learning-services.ts'
import type { FederatedOperations } from './federated/operations.ts'
import { createRounds, type Rounds } from './federated/rounds/rounds.ts'
import { createSelfEvolution } from './federated/self-evolution/self-evolution.ts'
import { WORKLOADS } from './federated/workloads/table.ts'
import { loadIdentity } from './identity.ts'
import { createLifecycle } from './lifecycle.ts'
import { createArtifacts } from './mesh/artifacts/artifacts.ts'
import { signerFromIdentity } from './mesh/membership/keys.ts'
import { createMembership } from './mesh/membership/membership.ts'
import { createVillages, type VillageInfo } from './mesh/membership/villages.ts'
import { createMesh, type Mesh } from './mesh/mesh.ts'
import { profileLimits } from './profile-limits.ts'
import { createSettings, type Settings } from './settings.ts'
import { openStore, type Store } from './store.ts'
import { createTracing } from './tracing-service.ts'
import { VERSION } from './version.ts'

export interface Daemon {
  readonly peerId: string
  readonly kernels: Kernels
  readonly api: Api
  readonly jobs: Jobs
  readonly rounds: Rounds
  readonly models: Models
  /** Handlers and topics of whoever embeds the daemon are registered here, before the start. */
  readonly mesh: Mesh
  readonly settings: Settings
  readonly events: Events
  village(): VillageInfo | null
  start(): Promise<void>
  stop(): Promise<void>
}

const PUBLIC_HUB = 'https://huggingface.co'

/**
 * Opens the data directory and makes every service; nothing listens before start().
 * Throws DATA_DIR_LOCKED, DATA_DIR_READ_ONLY, DATA_CORRUPT, DATA_VERSION_UNSUPPORTED, IDENTITY_INVALID or DISK_FULL.
 */
export async function createDaemon(config: Config, sources: ConfigSources | null = null): Promise<Daemon> {
  const opened = openDaemonLog(config)
  const store = await openStore({ directory: config['data.dir'], profile: config.profile })
  try {
    return await wire({ ...opened, sources, store })
  } catch (error) {
    await store.close()
    throw error
  }
}

interface Opened extends DaemonLog {
  readonly sources: ConfigSources | null
  readonly store: Store
}

async function wire({ live, sources, log, store, ...file }: Opened): Promise<Daemon> {
  const { config } = live
  if (store.upgradedFrom !== null)
    log.warn({ from: store.upgradedFrom }, 'the data were brought to the format of this version')
  const directory = config['data.dir']
  const modelsDirectory = path.join(directory, 'models')
  const startedAtMs = Date.now()

  const events = createEvents({
    onError: (error) => log.error({ err: error }, 'a listener of events failed'),
  })
  const settings = createSettings(
    { live, events, log, reopenLog: file.reopen },
    { sources, resolved: sources === null ? null : await resolveConfig(sources) },
  )
  const identity = await loadIdentity({ log }, { directory })
  const signer = signerFromIdentity(identity.privateKey)
  const kernels = loadKernels({ native: config['compute.native'] as 'auto' | 'off' })
  if (config.profile === 'edge') kernels.keepMemorySmall()
  if (!kernels.native)
    log.warn({ reason: kernels.reason }, 'the TypeScript reference serves: compression is many times slower')

  const resources = createResources({ log, events, config }, { directory })
  const threads = {
    get threads() {
      return resources.limits().cpuCores
    },
    native: config['compute.native'] as 'auto' | 'off',
    idleMs: profileLimits(config.profile).idle.threadMs,
    onIdleEnd: kernels.releaseMemory,
    workerUrl: new URL('./federated/worker.ts', import.meta.url),
  }
  const pool = createPool<FederatedOperations>({ log }, threads)
  // A training holds its thread for hours; here it is in nobody's way.
  const longPool = createPool<FederatedOperations>({ log }, threads)
  const taskKinds = [...TASK_KINDS, ...federatedTaskKinds({ pool })]

  const sandbox = createSandbox(
    { log },
    {
      get parallel() {
        return resources.limits().cpuCores
      },
    },
  )

  const membership = createMembership({ log, events, store, identity }, { directory })
  const mesh = createMesh({ log, events, store, identity, membership }, { config, version: VERSION })
  const villages = createVillages(
    { log, membership, network: mesh, store },
    { name: config['node.name'] ?? hostname() },
  )
  const artifacts = createArtifacts(
    { mesh, store, log, events },
    {
      directory,
      get maxBytes() {
        return resources.limits().diskBytes
      },
      get uploadBytesPerSecond() {
        return resources.limits().uploadBytesPerSecond
      },
      collectEveryMs: config['artifacts.collectEveryMs'],
      published: (cid) => jobs.guestsMayRead(cid) || shares.isShared(cid) || knowledge.isPublic(cid),
      shared: (cid) => shares.isShared(cid) || knowledge.isShared(cid),
      lent: (cid) => jobs.lends(cid) || federations.lends(cid) || rounds.lends(cid),
      onMisbehaviour: (peer, code) =>
        log.warn({ peer, code }, 'a peer sent bytes that are not what it promised'),
    },
  )

  const monitor = createMonitor({ log, resources, mesh, artifacts }, { directory })

  const writtenModels = createWrittenModels({ artifacts, events, log }, { directory: modelsDirectory })
  const models = createModels({ artifacts, pool, store, events, log }, { directory, modelsDirectory })
  const shares = createModelShares({ mesh, models, events, log })
  const pulls = createPulls(
    { models, artifacts, shares, store, events, log },
    {
      directory: path.join(directory, 'pulls'),
      modelsDirectory,
      get hubUrl() {
        return config['models.hubUrl'] ?? process.env.HF_ENDPOINT ?? PUBLIC_HUB
      },
      token: process.env.VILLAGE_HUB_TOKEN ?? process.env.HF_TOKEN ?? null,
      environment: process.env,
      version: VERSION,
    },
  )
  const jobs = createJobs(
    { mesh, artifacts, pool, longPool, resources, models, sandbox, store, events, log },
    {
      peerId: identity.peerId,
      version: VERSION,
      config,
      directory,
      modelsDirectory,
      taskKinds,
      jobKinds: [...JOB_KINDS, ...federatedJobKinds({ pool, runState: (run) => rounds.details(run).state })],
    },
  )

  const refreshModels = announceCapabilities(
    { mesh, models, artifacts, jobs, resources, live, events, log },
    {
      ...{ config, taskKinds, version: VERSION, native: kernels.native },
      agents: () => agentComponents.villageAgents.announced(),
    },
  )
  events.subscribe(({ type }) => {
    if (['model:added', 'model:removed', 'model:shared'].includes(type))
      refreshModels().catch((error: unknown) => log.error({ err: error }, 'models could not be announced'))
  })

  const { federateClient, federations } = createLearningServices(
    { mesh, artifacts, models, pool, longPool, resources, store, signer, events, log },
    { config, directory, modelsDirectory, peerId: identity.peerId },
  )

  const rounds = createRounds(
    {
      mesh,
      artifacts,
      models,
      pool,
      resources,
      store,
      events,
      signer,
      // Made later: candidates that are settings of search are scored on what searches.
      search: { score: (...given) => settingsScoring.score(...given) },
      onLie: (peer, reason) => jobs.distrust(peer, { kind: 'round', reason }),
      log,
    },
    {
      directory,
      modelsDirectory,
      version: VERSION,
      config,
      tables: { workloads: WORKLOADS, strategies: STRATEGIES },
    },
  )

  const tracking = createTracking({ events, jobs, log }, { config })
  const evaluations = createEvaluations({ jobs, artifacts, pool })
  const generation = createGeneration(
    { models, artifacts, resources, events, log },
    { modelsDirectory, config },
  )
  const embedding = createEmbedding({ models, artifacts, pool }, { modelsDirectory })

  const { collections, knowledge, answers, searchEvaluations, settingsScoring, services } =
    createKnowledgeServices(
      { mesh, artifacts, models, embedding, generation, store, events, signer, log },
      { config, directory, peerId: identity.peerId },
    )

  const selfEvolution = createSelfEvolution(
    {
      ...{ rounds, models, artifacts, pool, resources, mesh, store, events, log },
      collections: tunedCollections(collections),
    },
    { config, tables: { workloads: WORKLOADS, strategies: STRATEGIES } },
  )

  const { services: agentServices, ...agentComponents } = createAgentServices(
    {
      ...{ mesh, villages, resources, artifacts, models, pulls, generation, embedding, evaluations },
      ...{ jobs, rounds, sandbox, collections, knowledge, answers, events, identity, store, log },
    },
    { config, directory, peerId: identity.peerId, version: VERSION },
  )

  const api = createApi(
    {
      log,
      events,
      config,
      settings,
      backup: createBackups({ store }, { directory, peer: identity.peerId, program: VERSION }),
      identity,
      mesh,
      villages,
      artifacts,
      models,
      shares,
      pulls,
      jobs,
      rounds,
      selfEvolution,
      evaluations,
      generation,
      embedding,
      collections,
      knowledge,
      answers,
      searchEvaluations,
      federations,
      federateClient,
      resources,
      monitor,
      pool,
      sandbox,
      kernels,
      logLoss: { lines: file.lostLines },
      ...agentComponents,
    },
    { directory, version: VERSION, startedAtMs },
  )
  const lifecycle = createLifecycle({ log }, [
    createTracing({ log }, { version: VERSION, instance: identity.peerId, environment: process.env }),
    resources,
    pool,
    longPool,
    sandbox,
    artifacts,
    writtenModels,
    mesh,
    monitor,
    tracking,
    jobs,
    rounds,
    federateClient,
    federations,
    shares,
    pulls,
    generation,
    ...services,
    selfEvolution,
    ...agentServices,
    api,
  ])

  return {
    peerId: identity.peerId,
    kernels,
    api,
    jobs,
    rounds,
    models,
    mesh,
    settings,
    events,
    village: () => villages.current(),
    async start() {
      await lifecycle.start()
      // Not before: what is private is known when the artifacts are loaded.
      await refreshModels()
      kernels.releaseMemory() // what only the start needed
    },
    async stop() {
      await lifecycle.stop()
      await settingsScoring.close()
      // Last, and also when nothing was started: every service writes to it until it has stopped.
      await store.close()
      file.close()
    },
  }
}
