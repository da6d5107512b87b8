/** The first record of a federation: its configuration checked, its terms signed, its parameters on the disk. */
import { randomBytes, randomInt } from 'node:crypto'
import { stat } from 'node:fs/promises'
import path from 'node:path'
import { VillageError } from '../../errors.ts'
import type { FederateConfig } from './federate-spec.ts'
import { trainableModel } from './federation-model.ts'
import type { FederationRecord } from './federation-record.ts'
import { globalFile } from './federation-run.ts'
import type { FederationComponents, FederationsInit } from './federations.ts'
import { federationId, signTerms } from './terms.ts'

type BeginComponents = FederationComponents & { readonly now: () => number }

const ID_BYTES = 16
const SECRET_SEEDS = 2 ** 47

/** Keeps the model as long as the federation runs. */
export const modelPin = (id: string): string => `job:federation-${id}`

/** With virtual clients: there are no terms, for nobody else has to agree. */
export async function beginSimulated(
  components: BeginComponents,
  init: FederationsInit,
  config: FederateConfig,
): Promise<FederationRecord> {
  const { artifacts, now } = components
  const id = randomBytes(ID_BYTES).toString('hex')
  const record = freshRecord(id, config, now())
  if (config.spec.model === null) return record
  await checkReadable(config.texts)
  const { model } = await trainableModel(components, config, init.modelsDirectory)
  await artifacts.pin(model.cid, modelPin(id))
  return { ...record, modelCid: model.cid }
}

/** Throws VILLAGE_NONE, FILE_UNREADABLE, and what trainableModel() and the start of the parameters throw. */
export async function beginReal(
  components: BeginComponents,
  init: FederationsInit,
  config: FederateConfig,
): Promise<FederationRecord> {
  const { mesh, artifacts, longPool, resources, now } = components
  const village = mesh.village()
  if (village === null) throw new VillageError('VILLAGE_NONE')
  await checkReadable(config.test)
  const { model, modelDir } = await trainableModel(components, config, init.modelsDirectory)
  const createdAtMs = now()
  const spec = { ...config.spec, model: model.cid }
  const terms = { version: 1, server: init.peerId, village: village.id, createdAtMs, spec } as const
  const signed = signTerms(terms, components.signer)
  const id = federationId(signed.bytes)
  const { elements, layoutHash } = await longPool.run('federate.start', {
    modelDir,
    spec,
    threads: resources.limits().cpuCores,
    file: globalFile(path.join(init.directory, id), 0),
  })
  await artifacts.pin(model.cid, modelPin(id))
  return {
    ...freshRecord(id, { ...config, spec }, createdAtMs),
    terms: Buffer.from(signed.bytes).toString('base64'),
    signature: Buffer.from(signed.signature).toString('base64'),
    modelCid: model.cid,
    elements,
    layoutHash,
  }
}

async function checkReadable(files: readonly string[]): Promise<void> {
  for (const file of files)
    await stat(file).catch((error: unknown) => {
      throw new VillageError('FILE_UNREADABLE', `${file} cannot be read`, { cause: error })
    })
}

function freshRecord(id: string, config: FederateConfig, createdAtMs: number): FederationRecord {
  return {
    version: 1,
    id,
    config,
    terms: null,
    signature: null,
    modelCid: null,
    elements: 0,
    layoutHash: '',
    secretSeed: randomInt(SECRET_SEEDS),
    createdAtMs,
    finishedAtMs: null,
    state: 'running',
    error: null,
    round: 0,
    attempt: 0,
    current: null,
    clients: {},
    model: null,
    testLossBefore: null,
  }
}
