/** A configuration is read in a worker thread: to find the noise for an ε takes up to a second. */
import type { FederateConfig } from './federate-spec.ts'
import { readFederateConfig } from './read-federate-spec.ts'

/** Throws what readFederateConfig() throws. */
export async function readConfig(input: { config: unknown; simulate: boolean }): Promise<FederateConfig> {
  return readFederateConfig(input.config, input.simulate)
}
