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
import { createEvaluations } from './compute/evaluate/evaluations.ts'
import { createGeneration } from './compute/generate/generation.ts'
import { createPulls } from './compute/hub/pulls.ts'
import { createJobs, type Jobs } from './compute/jobs/jobs.ts'
import { JOB_KINDS } from './compute/jobs/kinds.ts'
import { type Kernels, loadKernels } from './compute/kernels.ts'
import { announcedModels } from './compute/models/announced-models.ts'
import { createEmbedding } from './compute/models/embedding.ts'
import { createModels, type Models } from './compute/models/registry.ts'
import { createModelShares } from './compute/models/shares.ts'
import { createWrittenModels } from './compute/models/written-models.ts'
import { createPool } from './compute/pool.ts'
import { createResources } from './compute/resources.ts'
import { createSandbox } from './compute/sandbox/sandbox.ts'
import { TASK_KINDS } from './compute/tasks/table.ts'
import { createTracking } from './compute/tracking/tracking.ts'
import type { Config } from './config.ts'
import { createEvents } from './events.ts'
import { STRATEGIES } from './federated/evolve/table.ts'
import { federatedJobKinds, federatedTaskKinds } from './federated/kinds.ts'
import { createFederateClient } from './federated/learn/client.ts'
import { dataByName } from './federated/learn/consent.ts'
import { createFederations } from './federated/learn/federations.ts'
import type { FederatedOperations } from './federated/operations.ts'
import { createRounds, type Rounds } from './federated/rounds/rounds.ts'
import { createSelfEvolution } from './federated/self-evolution/self-evolution.ts'
import { WORKLOADS } from './federated/workloads/table.ts'
import { loadIdentity } from './identity.ts'
import { createLifecycle } from './lifecycle.ts'
import { createLog, type Log, type LogLevel } from './log.ts'
import { createArtifacts } from './mesh/artifacts/artifacts.ts'
import { signerFromIdentity } from './mesh/membership/keys.ts'
import { createMembership } from './mesh/membership/membership.ts'
import { createVillages, type VillageInfo } from './mesh/membership/villages.ts'
import { createMesh, type Mesh } from './mesh/mesh.ts'
import { openStore, type Store } from './store.ts'
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
  village(): VillageInfo | null
  start(): Promise<void>
  stop(): Promise<void>
}

const MAX_ANNOUNCED_MODELS = 64
const PUBLIC_HUB = 'https://huggingface.co'

/**
 * Opens the data directory and makes every service; nothing listens before start().
 * Throws DATA_DIR_LOCKED, DATA_DIR_READ_ONLY, DATA_CORRUPT, DATA_VERSION_UNSUPPORTED, IDENTITY_INVALID or DISK_FULL.
 */
export async function createDaemon(config: Config): Promise<Daemon> {
  const log = createLog({ level: config['log.level'] as LogLevel })
  const store = await openStore({ directory: config['data.dir'] })
  try {
    return await wire(config, log, store)
  } catch (error) {
    await store.close()
    throw error
  }
}

async function wire(config: Config, log: Log, store: Store): Promise<Daemon> {
  const directory = config['data.dir']
  const modelsDirectory = path.join(directory, 'models')
  const startedAtMs = Date.now()

  const events = createEvents({
    onError: (error) => log.error({ err: error }, 'a listener of events failed'),
  })
  const identity = await loadIdentity({ log }, { directory })
  const signer = signerFromIdentity(identity.privateKey)
  const kernels = loadKernels({ native: config['compute.native'] as 'auto' | 'off' })
  if (!kernels.native)
    log.warn({ reason: kernels.reason }, 'the TypeScript reference serves: compression is many times slower')

  const resources = createResources({ log, events, config }, { directory })
  const limits = resources.limits()
  const threads = {
    threads: limits.cpuCores,
    native: config['compute.native'] as 'auto' | 'off',
    onIdleEnd: kernels.releaseMemory,
    workerUrl: new URL('./federated/worker.ts', import.meta.url),
  }
  const pool = createPool<FederatedOperations>({ log }, threads)
  // A training holds its thread for hours; here it is in nobody's way.
  const longPool = createPool<FederatedOperations>({ log }, threads)
  const taskKinds = [...TASK_KINDS, ...federatedTaskKinds({ pool })]

  const sandbox = createSandbox({ log }, { parallel: limits.cpuCores })

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
      maxBytes: limits.diskBytes,
      uploadBytesPerSecond: limits.uploadBytesPerSecond,
      collectEveryMs: config['artifacts.collectEveryMs'],
      published: (cid) => jobs.guestsMayRead(cid) || shares.isShared(cid) || knowledge.isPublic(cid),
      shared: (cid) => shares.isShared(cid) || knowledge.isShared(cid),
      lent: (cid) => jobs.lends(cid) || federations.lends(cid) || rounds.lends(cid),
      onMisbehaviour: (peer, code) =>
        log.warn({ peer, code }, 'a peer sent bytes that are not what it promised'),
    },
  )

  const writtenModels = createWrittenModels({ artifacts, events, log }, { directory: modelsDirectory })
  const models = createModels({ artifacts, pool, store, events, log }, { directory, modelsDirectory })
  const shares = createModelShares({ mesh, models, events, log })
  const pulls = createPulls(
    { models, artifacts, shares, store, events, log },
    {
      directory: path.join(directory, 'pulls'),
      modelsDirectory,
      hubUrl: config['models.hubUrl'] ?? process.env.HF_ENDPOINT ?? PUBLIC_HUB,
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

  // Capabilities are read synchronously at every announcement; the list of models is kept at hand for it.
  let heldModels: string[] = []
  const refreshModels = async () => {
    heldModels = await announcedModels({ models, artifacts }, MAX_ANNOUNCED_MODELS)
    mesh.announce()
  }
  mesh.advertise(() => {
    const { cpuCores, memoryBytes, power, accepting } = resources.snapshot()
    return {
      version: VERSION,
      cores: cpuCores,
      memoryBytes,
      power,
      profile: config.profile,
      native: kernels.native,
      accepting: accepting && config['jobs.work'],
      load: jobs.load(),
      taskKinds: taskKinds.flatMap(({ kind, ownerOnly }) => (ownerOnly === true ? [] : [kind])),
      models: heldModels,
      agents: agentComponents.villageAgents.announced(),
    }
  })
  resources.onChange(() => mesh.announce())
  events.subscribe(({ type }) => {
    if (['model:added', 'model:removed', 'model:shared'].includes(type))
      refreshModels().catch((error: unknown) => log.error({ err: error }, 'models could not be announced'))
  })

  const federateClient = createFederateClient(
    { mesh, artifacts, pool, longPool, resources, store, log },
    {
      peerId: identity.peerId,
      signer,
      directory: path.join(directory, 'federate-client'),
      modelsDirectory,
      consent: {
        data: dataByName(config['federate.data']),
        servers: config['federate.servers'],
        roundsByDay: config['federate.roundsByDay'],
        minutesByDay: config['federate.minutesByDay'],
        wattHoursByDay: config['federate.wattHoursByDay'],
      },
    },
  )
  const federations = createFederations(
    {
      mesh,
      artifacts,
      models,
      pool,
      longPool,
      resources,
      store,
      signer,
      events,
      log,
    },
    { peerId: identity.peerId, directory: path.join(directory, 'federations'), modelsDirectory },
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
      pool,
      sandbox,
      kernels,
      ...agentComponents,
    },
    { directory, version: VERSION, startedAtMs },
  )
  const lifecycle = createLifecycle({ log }, [
    resources,
    pool,
    longPool,
    sandbox,
    artifacts,
    writtenModels,
    mesh,
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
    village: () => villages.current(),
    async start() {
      await lifecycle.start()
      // Not before: what is private is known when the artifacts are loaded.
      await refreshModels()
    },
    async stop() {
      await lifecycle.stop()
      await settingsScoring.close()
      // Last, and also when nothing was started: every service writes to it until it has stopped.
      await store.close()
    },
  }
}
