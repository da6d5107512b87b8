/** Federated learning, wired: the part that takes part in the federations of others, and the one that leads those of this node. */
import path from 'node:path'
import { createFederateClient } from './client.ts'
import { type Consent, consentOf } from './consent.ts'
import { createFederations, type FederationComponents } from './federations.ts'

type Components = FederationComponents & Parameters<typeof createFederateClient>[0]

interface Init {
  readonly config: Parameters<typeof consentOf>[0]
  /** The data directory. */
  readonly directory: string
  readonly modelsDirectory: string
  readonly peerId: string
}

export function createLearningServices(components: Components, init: Init) {
  const { config, directory, modelsDirectory, peerId } = init
  const consent: Consent = consentOf(config)
  const federateClient = createFederateClient(components, {
    ...{ peerId, signer: components.signer, modelsDirectory, consent },
    directory: path.join(directory, 'federate-client'),
  })
  const federations = createFederations(components, {
    ...{ peerId, modelsDirectory },
    directory: path.join(directory, 'federations'),
  })
  return { federateClient, federations }
}
