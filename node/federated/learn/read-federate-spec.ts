/** Reads the configuration of a federation, from a file of this node's owner or from the offer of a stranger: the same bounds. */
import path from 'node:path'
import { checkModelId } from '../../compute/models/model-ids.ts'
import { invalid, type ParamsReader, readParams } from '../../compute/tasks/read-params.ts'
import { toVillageError, VillageError } from '../../errors.ts'
import { isJsonObject, type JsonObject } from '../../json.ts'
import { checkCombination } from '../aggregate/exclusions.ts'
import { checkClients, parseAggregation } from '../aggregate/table.ts'
import { calibrateNoise } from '../privacy/accountant.ts'
import { MAX_COMPLETE_CLIENTS } from '../privacy/secure-messages.ts'
import {
  type ClientsSpec,
  type FederateConfig,
  type FederateSpec,
  type LocalSpec,
  type MethodSpec,
  MIN_SECURE_CLIENTS,
  type PrivacySpec,
  type SecureSpec,
  type SimulationSpec,
} from './federate-spec.ts'
import { SERVER_OPTIMISERS, serverDefaults } from './server-optimisers.ts'
import { asConfigError, checkKeys, FILE_KEYS, SECTION_KEYS, SPEC_KEYS } from './spec-keys.ts'
import { STRATEGIES, STRATEGY_TABLE, type StrategyName } from './strategies.ts'
import { UPDATE_CODECS } from './update-codec.ts'

const MAX_ROUNDS = 100_000
const MAX_CLIENTS = 100_000
const MAX_STEPS = 100_000
const MAX_SEED = 2 ** 32 - 1
const MAX_FILES = 16
const DATA_NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/

/** A section that may be left out; its keys are named `section.key` in errors. */
function section<T>(reader: ParamsReader, name: string, read: (part: ParamsReader) => T): T {
  const given = reader.object(name)
  checkKeys(given, SECTION_KEYS[name]!, `${name}.`)
  const part = readParams(given)
  try {
    const value = read(part)
    part.end()
    return value
  } catch (error) {
    const { message, fields } = toVillageError(error)
    const { argument } = fields
    if (argument === undefined || String(argument).startsWith(`${name}.`)) throw error
    throw new VillageError(
      'FEDERATION_CONFIG_INVALID',
      message.replace(`"${argument}"`, `"${name}.${argument}"`),
      {
        cause: error,
        fields: { argument: `${name}.${argument}` },
      },
    )
  }
}

function readClients(reader: ParamsReader, isSecure: boolean): ClientsSpec {
  const [least, most] = isSecure ? [MIN_SECURE_CLIENTS, MAX_COMPLETE_CLIENTS] : [1, MAX_CLIENTS]
  const minimum = reader.integer('minimum', least, most, Math.max(least, 2))
  return {
    minimum,
    target: reader.integer('target', minimum, most, Math.max(minimum, 4)),
    overSelection: reader.optionalNumber('overSelection', 1, 10) ?? 1.3,
    deadlineSeconds: reader.optionalNumber('deadlineSeconds', 1, 7 * 86_400) ?? 600,
    attempts: reader.integer('attempts', 1, 1_000, 5),
  }
}

function readLocal(reader: ParamsReader, strategy: StrategyName): LocalSpec {
  const usual = STRATEGY_TABLE[strategy].optimiser
  const optimiser = reader.choice('optimiser', usual === 'sgd' ? ['sgd', 'adamw'] : ['adamw', 'sgd'])
  const local: LocalSpec = {
    steps: reader.integer('steps', 1, MAX_STEPS, 10),
    batch: reader.integer('batch', 1, 4_096, 8),
    length: reader.integer('length', 8, 65_536, 128),
    learningRate: reader.optionalNumber('learningRate', 1e-9, 10) ?? (optimiser === 'sgd' ? 0.1 : 1e-3),
    clip: reader.optionalNumber('clip', 0, 1_000) ?? (strategy === 'scaffold' ? 0 : 1),
    optimiser,
    momentum: reader.optionalNumber('momentum', 0, 0.999) ?? 0,
    weightDecay: reader.optionalNumber('weightDecay', 0, 1) ?? 0,
    proximal: reader.optionalNumber('proximal', 0, 1_000) ?? (strategy === 'fedprox' ? 0.01 : 0),
    renewal: reader.choice('renewal', ['difference', 'gradient']),
  }
  if (
    strategy === 'scaffold' &&
    (local.optimiser !== 'sgd' || local.momentum > 0 || local.clip > 0 || local.weightDecay > 0)
  )
    throw invalid(
      'optimiser',
      'sgd without momentum, clip and weightDecay: control variates are means of plain gradients',
    )
  if (strategy !== 'fedprox' && local.proximal > 0) throw invalid('proximal', 'left out: it is of fedprox')
  if (local.optimiser === 'adamw' && local.momentum > 0) throw invalid('momentum', 'left out: it is of sgd')
  return local
}

function readMethod(reader: ParamsReader): MethodSpec {
  const kind = reader.choice('kind', ['full', 'lora'])
  const rank = reader.integer('rank', 1, 512, 8)
  const modules = reader.optionalTexts('modules', 256, 256)
  if (kind === 'full' && modules !== null) throw invalid('modules', 'left out: it is for lora')
  return { kind, rank, alpha: reader.optionalNumber('alpha', 1e-3, 65_536) ?? 2 * rank, modules }
}

function readServer(reader: ParamsReader, strategy: StrategyName): FederateSpec['server'] {
  const usual = STRATEGY_TABLE[strategy].server
  const name = reader.choice('name', [usual, ...SERVER_OPTIMISERS])
  if (name !== usual) throw invalid('name', `left out: the strategy has its own, ${usual}`)
  const defaults = serverDefaults(name)
  return {
    name,
    rate: reader.optionalNumber('rate', 1e-6, 100) ?? defaults.rate,
    momentum: reader.optionalNumber('momentum', 0, 0.9999) ?? defaults.momentum,
    decay: reader.optionalNumber('decay', 0, 0.99999) ?? defaults.decay,
    adaptivity: reader.optionalNumber('adaptivity', 1e-9, 1) ?? defaults.adaptivity,
  }
}

function readSecure(reader: ParamsReader): SecureSpec {
  return {
    threshold: reader.optionalNumber('threshold', 0.5, 1) ?? 0.6,
    range: reader.optionalNumber('range', 1e-9, 1e6) ?? 1,
    ringBits: reader.integer('ringBits', 16, 32, 32),
  }
}

function readSimulation(reader: ParamsReader): SimulationSpec {
  return {
    clients: reader.integer('clients', 2, MAX_CLIENTS, 1_000),
    alpha: reader.optionalNumber('alpha', 1e-3, 1e6) ?? 0.5,
    dropOut: reader.optionalNumber('dropOut', 0, 0.9) ?? 0,
    classes: reader.integer('classes', 2, 255, 10),
    features: reader.integer('features', 1, 1_024, 16),
    hidden: reader.integer('hidden', 0, 1_024, 32),
    examples: reader.integer('examples', 1, 10_000, 60),
  }
}

/** Noise as it is asked for, or as much as keeps all rounds within an epsilon. */
function readPrivacy(reader: ParamsReader, rounds: number): PrivacySpec {
  const clip = reader.optionalNumber('clip', 1e-9, 1e9)
  const delta = reader.optionalNumber('delta', 1e-15, 0.1)
  const samplingRate = reader.optionalNumber('samplingRate', 1e-6, 1)
  const given = reader.optionalNumber('noiseMultiplier', 1e-2, 1e6)
  const epsilon = reader.optionalNumber('epsilon', 1e-3, 1e3)
  if (clip === null) throw invalid('clip', 'given: the largest norm of an update')
  if (delta === null) throw invalid('delta', 'given, well below one over the number of clients')
  if (samplingRate === null) throw invalid('samplingRate', 'given: the share of the clients in a round')
  if (given !== null && epsilon !== null)
    throw invalid('noiseMultiplier', 'left out where there is epsilon: it is worked out')
  if (given === null && epsilon === null) throw invalid('noiseMultiplier', 'given, or else epsilon')
  const noiseMultiplier = given ?? calibrateNoise({ samplingRate, rounds, epsilon: epsilon!, delta })
  return { clip, noiseMultiplier, delta, samplingRate }
}

const readCompression = (reader: ParamsReader): FederateSpec['compression'] => ({
  codec: reader.choice('codec', UPDATE_CODECS),
  share: reader.optionalNumber('share', 1e-5, 1) ?? 0.01,
})

/** The rule's own options beside the others, as in a configuration, or below `options`, as it is stored. */
function readAggregation(given: JsonObject): FederateSpec['aggregation'] {
  const { options = {}, ...rest } = given
  if (!isJsonObject(options)) throw invalid('aggregation.options', 'an object')
  return { ...parseAggregation({ ...rest, ...options }) }
}

function checkTogether(spec: FederateSpec): void {
  const { strategy, aggregation, privacy, secure, compression, model, data, simulation } = spec
  checkCombination({
    strategy,
    aggregation,
    compression: compression.codec,
    privacy: privacy !== null,
    secure: secure !== null,
  })
  // What no round can be made of is said before anybody trains.
  if (privacy === null) checkClients(aggregation, spec.clients.target)
  if (model === null && simulation === null)
    throw invalid('model', 'given: only a simulation does without one')
  if (simulation === null && data === null)
    throw invalid('data', 'given: the name under which members offer their data')
}

/** Throws FEDERATION_CONFIG_INVALID, FEDERATE_EXCLUDED, AGGREGATE_TOO_FEW_CLIENTS. What it returns it takes again. */
export const readFederateSpec = (input: unknown): FederateSpec => asConfigError(() => specFrom(input))

function specFrom(input: unknown): FederateSpec {
  if (!isJsonObject(input)) throw invalid('config', 'an object')
  // Sections that are null are those that were left out.
  const given = Object.fromEntries(Object.entries(input).filter(([, value]) => value !== null))
  checkKeys(given, [...SPEC_KEYS, ...FILE_KEYS], '')
  const reader = readParams(given)
  const optional = <T>(name: string, read: (part: ParamsReader) => T): T | null =>
    Object.hasOwn(given, name) ? section(reader, name, read) : null
  const strategy = reader.choice('strategy', STRATEGIES)
  const data = reader.optionalText('data', 64)
  if (data !== null && !DATA_NAME.test(data)) throw invalid('data', 'a name such as my-notes')
  const rounds = reader.integer('rounds', 1, MAX_ROUNDS)
  const spec: FederateSpec = {
    name: reader.title('name', 128),
    model: reader.optionalText('model', 128),
    data,
    strategy,
    rounds,
    seed: reader.integer('seed', 0, MAX_SEED, 0),
    clients: section(reader, 'clients', (part) => readClients(part, Object.hasOwn(given, 'secure'))),
    local: section(reader, 'local', (part) => readLocal(part, strategy)),
    method: section(reader, 'method', readMethod),
    server: section(reader, 'server', (part) => readServer(part, strategy)),
    aggregation: readAggregation(reader.object('aggregation')),
    compression: section(reader, 'compression', readCompression),
    privacy: optional('privacy', (part) => readPrivacy(part, rounds)),
    secure: optional('secure', readSecure),
    simulation: optional('simulation', readSimulation),
  }
  reader.end()
  checkTogether(spec)
  const isTargetGiven = isJsonObject(given.clients) && (given.clients.target ?? null) !== null
  return spec.privacy === null || isTargetGiven ? spec : withExpected(spec, spec.privacy)
}

/** With privacy the sum of a round is divided by `clients.target`: any other number than what comes makes other steps. */
function withExpected(spec: FederateSpec, { samplingRate }: PrivacySpec): FederateSpec {
  const { simulation, clients } = spec
  if (simulation === null)
    throw invalid('clients.target', 'given: the clients expected in a round, by which the sum is divided')
  const expected = Math.max(1, Math.round(samplingRate * simulation.clients))
  return { ...spec, clients: { ...clients, minimum: Math.min(clients.minimum, expected), target: expected } }
}

/** The same with what concerns the server alone. `simulate` fills in a simulation where the configuration has none. */
export const readFederateConfig = (input: unknown, simulate: boolean): FederateConfig =>
  asConfigError(() => configFrom(input, simulate))

function configFrom(input: unknown, simulate: boolean): FederateConfig {
  if (!isJsonObject(input)) throw invalid('config', 'an object')
  const { test = null, texts = null, id = null, simulation = null, ...rest } = input
  const reader = readParams({ test, texts, id })
  const files = (name: string): readonly string[] => {
    const given = reader.optionalTexts(name, MAX_FILES, 4_096) ?? []
    if (!given.every((file) => path.isAbsolute(file))) throw invalid(name, 'a list of absolute paths')
    return given
  }
  const named = reader.optionalText('id', 64)
  if (named !== null) checkModelId(named)
  const virtual = simulate ? (simulation ?? {}) : null
  const config = {
    spec: readFederateSpec({ ...rest, simulation: virtual }),
    test: files('test'),
    texts: files('texts'),
    id: named,
  }
  if (simulate && config.spec.secure !== null)
    throw invalid('secure', 'left out of a simulation: masks that cancel out change nothing in one process')
  if (simulate && config.spec.model !== null && config.texts.length === 0)
    throw invalid('texts', 'given: what the virtual clients of a model learn from')
  return config
}
