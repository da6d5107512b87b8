/** The model that a federation begins with, and the one that it ends with. */
import { rm } from 'node:fs/promises'
import path from 'node:path'
import { readLanguageCard } from '../../compute/models/language-card.ts'
import type { ModelEntry } from '../../compute/models/model-entry.ts'
import { invalid } from '../../compute/tasks/read-params.ts'
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import type { FederateConfig } from './federate-spec.ts'
import type { FederationRecord, RoundReport } from './federation-record.ts'
import { globalFile } from './federation-run.ts'
import type { FederationComponents } from './federations.ts'
import { runOfSpec } from './run-of-spec.ts'

/** Throws MODEL_UNKNOWN, ARTIFACT_MISSING, TRAIN_MODEL_UNSUITABLE, INVALID_ARGUMENT, MODEL_ID_TAKEN. */
export async function trainableModel(
  { models, artifacts }: Pick<FederationComponents, 'models' | 'artifacts'>,
  { spec, id }: FederateConfig,
  modelsDirectory: string,
): Promise<{ model: ModelEntry; modelDir: string }> {
  const model = await models.need(spec.model!)
  if (id !== null && (await models.get(id)) !== null)
    throw new VillageError('MODEL_ID_TAKEN', `The id "${id}" belongs to another model`, { fields: { id } })
  if (!(await artifacts.has(model.cid)))
    throw new VillageError('ARTIFACT_MISSING', `The files of the model "${model.id}" are not on this node`)
  const modelDir = await artifacts.materialize(model.cid, modelsDirectory)
  if (model.kind !== 'language')
    throw new VillageError('TRAIN_MODEL_UNSUITABLE', `"${model.id}" is no language model`)
  const { contextTokens, layout, adapters } = readLanguageCard(modelDir)
  if (layout !== 'village' || (spec.method.kind === 'lora' && adapters === null))
    throw new VillageError('TRAIN_MODEL_UNSUITABLE', `"${model.id}" cannot be trained in this way`)
  if (spec.local.length > contextTokens)
    throw invalid('local.length', `at most the ${contextTokens} tokens that the model can see`)
  return { model, modelDir }
}

/**
 * What is kept of a federation in the model's report: no names of files, no data. Peers are counted, not named. With privacy they are not
 * even counted, for who sees the model sees the report, and the ε says nothing about exact numbers.
 */
function reportOf(
  { id, config, clients, testLossBefore }: FederationRecord,
  rounds: readonly RoundReport[],
): JsonObject {
  const { model: _model, ...spec } = config.spec
  const last = rounds.at(-1)
  const measured = {
    federation: id,
    spec,
    epsilon: last?.epsilon ?? null,
    testLossBefore,
    testLoss: last?.testLoss ?? null,
  }
  if (spec.privacy !== null)
    return { ...measured, rounds: rounds.map(({ round, testLoss }) => ({ round, testLoss })) }
  return {
    ...measured,
    clients: Object.values(clients).filter(({ counted }) => counted !== null).length,
    sentBytes: rounds.reduce((sum, { sentBytes }) => sum + sentBytes, 0),
    receivedBytes: rounds.reduce((sum, { receivedBytes }) => sum + receivedBytes, 0),
    tokens: spec.secure === null ? rounds.reduce((sum, { tokens }) => sum + (tokens ?? 0), 0) : null,
    rounds: rounds.map(({ round, used, loss, testLoss, receivedBytes, tookMs }) => ({
      round,
      used,
      loss,
      testLoss,
      receivedBytes,
      tookMs,
    })),
  }
}

/** Registers the parameters of the last round as a model; returns its id. Private, as what is learned from private texts is. */
export async function publishFederation(
  components: FederationComponents,
  init: {
    record: FederationRecord
    rounds: readonly RoundReport[]
    directory: string
    modelsDirectory: string
  },
  signal: AbortSignal,
): Promise<string> {
  const { record, rounds, directory, modelsDirectory } = init
  const { artifacts, models, pool, longPool, resources } = components
  const { spec, id: wanted } = record.config
  const cid = record.modelCid!
  const modelDir = await artifacts.materialize(cid, modelsDirectory)
  const trained = path.join(directory, 'trained')
  await longPool.run(
    'federate.write',
    {
      modelDir,
      spec,
      threads: resources.limits().cpuCores,
      file: globalFile(directory, record.round),
      directory: trained,
    },
    { signal },
  )
  const base = await models.get(cid)
  const from = base?.id ?? cid
  const id = wanted ?? `${from.slice(0, 54)}-federated`
  const outDir = path.join(directory, 'model')
  await rm(outDir, { recursive: true, force: true })
  const title = `${base?.name ?? cid}, federated`
  const source = `federated from ${from}`
  const { parameters } = await pool.run(
    'train.publish',
    {
      modelDir,
      modelCid: cid,
      directory: trained,
      outDir,
      run: runOfSpec(spec, [trained]),
      adapter: false,
      name: id,
      title,
      source,
    },
    { signal },
  )
  const pin = `job:federation-${record.id}-result`
  const added = await artifacts.addPath(outDir, { name: id, pin, private: true, signal })
  const entry = await models.register({
    id,
    cid: added.cid,
    name: title,
    kind: 'language',
    parameters,
    sizeBytes: added.sizeBytes,
    source,
    parent: base?.id ?? null,
    report: reportOf(record, rounds),
    keeps: [],
  })
  // The registry keeps it from now on.
  await artifacts.unpin(added.cid, pin)
  return entry.id
}
