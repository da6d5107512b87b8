/** What a node announces until its daemon says more. */
import { availableParallelism, totalmem } from 'node:os'
import type { Config } from '../config.ts'
import type { Capabilities } from './capabilities.ts'

export const bareCapabilities = (init: {
  readonly version: string
  readonly config: Pick<Config, 'profile'>
}): Capabilities => ({
  version: init.version,
  cores: availableParallelism(),
  memoryBytes: totalmem(),
  power: 'unknown',
  profile: init.config.profile,
  native: false,
  accepting: false,
  load: 0,
  taskKinds: [],
  models: [],
})
