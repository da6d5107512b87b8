/** What the village is told of this node: what it can do, and what it does at present. */
import type { Config, ConfigKey } from '../config.ts'
import type { LiveConfig } from '../config-live.ts'
import type { Events } from '../events.ts'
import type { Log } from '../log.ts'
import type { Artifacts } from '../mesh/artifacts/artifacts.ts'
import type { OfferedAgent } from '../mesh/capabilities.ts'
import type { Mesh } from '../mesh/mesh.ts'
import type { Jobs } from './jobs/jobs.ts'
import { announcedModels } from './models/announced-models.ts'
import type { Models } from './models/registry.ts'
import type { Resources } from './resources.ts'
import type { TaskKind } from './tasks/task.ts'

interface Components {
  readonly mesh: Pick<Mesh, 'advertise' | 'announce'>
  readonly models: Pick<Models, 'list'>
  readonly artifacts: Pick<Artifacts, 'info'>
  readonly jobs: Pick<Jobs, 'load'>
  readonly resources: Pick<Resources, 'snapshot' | 'onChange' | 'check'>
  readonly live: Pick<LiveConfig, 'onChange'>
  readonly events: Pick<Events, 'subscribe'>
  readonly log: Log
}

interface Init {
  readonly config: Pick<Config, 'profile' | 'jobs.work'>
  readonly version: string
  /** Whether compiled kernels serve. */
  readonly native: boolean
  readonly taskKinds: readonly TaskKind[]
  agents(): OfferedAgent[]
}

const MAX_ANNOUNCED_MODELS = 64
/** What members are told of this node, or what decides it. */
const KEYS: readonly ConfigKey[] = [
  'profile',
  'resources.maxCpuCores',
  'resources.maxMemoryBytes',
  'resources.maxTemperatureCelsius',
  'resources.onBattery',
  'jobs.work',
  'agents.offer',
  'agents.model',
]

/** Call it before the mesh starts. The function that it returns reads the list of models anew, and tells the village. */
export function announceCapabilities(components: Components, init: Init): () => Promise<void> {
  const { mesh, models, artifacts, jobs, resources, events, log } = components
  const { config, version, native } = init
  const taskKinds = init.taskKinds.flatMap(({ kind, ownerOnly }) => (ownerOnly === true ? [] : [kind]))
  // Capabilities are read synchronously at every announcement; the list of models is kept at hand for it.
  let heldModels: string[] = []
  const refreshModels = async () => {
    heldModels = await announcedModels({ models, artifacts }, MAX_ANNOUNCED_MODELS)
    mesh.announce()
  }
  mesh.advertise(() => {
    const { cpuCores, memoryBytes, power, accepting } = resources.snapshot()
    return {
      version,
      cores: cpuCores,
      memoryBytes,
      power,
      profile: config.profile,
      native,
      accepting: accepting && config['jobs.work'],
      load: jobs.load(),
      taskKinds,
      models: heldModels,
      agents: init.agents(),
    }
  })
  resources.onChange(() => mesh.announce())
  components.live.onChange(KEYS, () => {
    void resources.check()
    mesh.announce()
  })
  events.subscribe(({ type }) => {
    if (['model:added', 'model:removed', 'model:shared'].includes(type))
      refreshModels().catch((error: unknown) => log.error({ err: error }, 'models could not be announced'))
  })
  return refreshModels
}
