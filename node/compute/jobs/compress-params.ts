/** Parameters of a `compress` job. */
import { VillageError } from '../../errors.ts'
import { isJsonObject, type JsonObject } from '../../json.ts'
import type { Codec } from '../codecs/codec.ts'
import { codecByName } from '../codecs/table.ts'
import { type AnySuite, defaultSuite, isItemSuite, suiteNamed } from '../evaluate/suite-table.ts'
import { checkModelId } from '../models/model-ids.ts'
import { invalid, type ParamsReader, readParams } from '../tasks/read-params.ts'

/** In the place of a codec's name: each tensor gets the codec that serves the target best. */
export const AUTO = 'auto'

/** What `auto` has to meet; exactly one of them. */
export type Target =
  /** Of the packed model, everything in it. */
  | { readonly sizeBytes: number }
  /** Size of the original over the size of the packed model. */
  | { readonly ratio: number }
  /** Bits of the packed model by parameter. */
  | { readonly bits: number }
  /** The smallest model of which the suite says that this share is kept. */
  | { readonly quality: number }

export interface CodecChoice extends JsonObject {
  readonly codec: string
  readonly params: JsonObject
}

export interface CompressParams extends JsonObject {
  readonly model: string
  /** Name of a codec, or `auto`. */
  readonly codec: string
  /** Of the codec, before it is fitted to a tensor. */
  readonly params: JsonObject
  /** Null unless the codec is `auto`. */
  readonly target: Target | null
  /** Tensors that get a codec of their own, by name. */
  readonly tensors: Readonly<Record<string, CodecChoice>>
  /** `auto`: where the model or the data allow it; `none`; or the CID of calibration data. */
  readonly calibrate: string
  /** How codecs run whose values onnxruntime has no operator for: requantised to 8 bits, or as floats. */
  readonly runtime: 'int8' | 'dense'
  /** The least share of the suite's quality that the compressed model has to keep; 0 measures nothing. */
  readonly keep: number
  /** The suite that measures it; null: the first that fits the model, if there is one. */
  readonly suite: string | null
  /** Publishes whatever is left of the model, and allows codecs that ruin ordinary ones. */
  readonly force: boolean
  /** Id of the compressed model; null makes one of model and codec. */
  readonly id: string | null
  /** Weights with fewer elements stay as they are; null takes what suits the size of the model (leastElements). */
  readonly minElements: number | null
}

/** The limit for large models. Jobs of daemons that knew no other limit were surveyed with it. */
export const MOST_LEAST_ELEMENTS = 16_384
/** The header and parameters of a slice would be more than two bits for each weight of a smaller one. */
const LEAST_ELEMENTS = 1_024
const LIMIT_SHARE = 256
const KEEP = 0.95
/** A floor of nothing would never be measured, and the search for it never end. */
const MIN_QUALITY = 0.01
const MAX_TENSORS = 10_000

/** Only codecs that can ruin a model know `force`; for the others there is nothing to force. */
function codecParams(codec: Codec, given: JsonObject, force: boolean): JsonObject {
  return codec.parseParams(force && codec.needsForce ? { ...given, force } : given)
}

/**
 * The limit that a job without one of its own gets: small matrices are the most sensitive part of a model, and hardly
 * count where each is less than a 256th of it.
 */
export const leastElements = (parameters: number): number =>
  Math.min(MOST_LEAST_ELEMENTS, Math.max(LEAST_ELEMENTS, Math.floor(parameters / LIMIT_SHARE)))

function readMinElements(reader: ParamsReader): number | null {
  const isGiven = reader.optionalNumber('minElements', 1, Number.MAX_SAFE_INTEGER) !== null
  return isGiven ? reader.integer('minElements', 1, Number.MAX_SAFE_INTEGER) : null
}

function readTarget(given: JsonObject): Target | null {
  const reader = readParams(given)
  const sizeBytes = reader.optionalNumber('sizeBytes', 1, Number.MAX_SAFE_INTEGER)
  const ratio = reader.optionalNumber('ratio', 1, 1_000)
  const bits = reader.optionalNumber('bits', 0.1, 32)
  const quality = reader.optionalNumber('quality', MIN_QUALITY, 1)
  reader.end()
  const set = Object.entries({ sizeBytes, ratio, bits, quality }).filter(([, value]) => value !== null)
  if (set.length > 1) throw invalid('target', 'one of sizeBytes, ratio, bits and quality')
  return set.length === 0 ? null : (Object.fromEntries(set) as Target)
}

function readTensors(given: JsonObject, force: boolean): Record<string, CodecChoice> {
  const entries = Object.entries(given)
  if (entries.length > MAX_TENSORS) throw invalid('tensors', `an object of at most ${MAX_TENSORS} tensors`)
  return Object.fromEntries(
    entries.map(([name, value]) => {
      if (!isJsonObject(value)) throw invalid(`tensors.${name}`, 'an object with a codec')
      const reader = readParams(value)
      const codec = codecByName(reader.text('codec', 32))
      const params = codecParams(codec, reader.object('params'), force)
      reader.end()
      return [name, { codec: codec.name, params }]
    }),
  )
}

/** Throws INVALID_ARGUMENT for a suite that is none, or that needs data, of which a compression knows nothing. */
function checkGateSuite(name: string): void {
  const suite = suiteNamed(name)
  if (isItemSuite(suite) && suite.files.required.length > 0)
    throw invalid('suite', `one that needs no data: evaluate the compressed model with "${name}" afterwards`)
}

/** Throws INVALID_ARGUMENT. What it returns it takes again, so that stored jobs can be read anew. */
export function parseCompressParams(input: unknown): CompressParams {
  const reader = readParams(input)
  const model = reader.text('model', 128)
  const name = reader.text('codec', 32)
  const codec = name === AUTO ? null : codecByName(name, [AUTO])
  const force = reader.flag('force')
  const given = reader.object('params')
  const target = readTarget(reader.object('target'))
  const id = reader.optionalText('id', 64)
  if (id !== null) checkModelId(id)
  const parsed = {
    calibrate: reader.optionalText('calibrate', 128) ?? 'auto',
    runtime: reader.choice('runtime', ['int8', 'dense']),
    keep: reader.optionalNumber('keep', 0, 1) ?? KEEP,
    suite: reader.optionalText('suite', 64),
    minElements: readMinElements(reader),
    tensors: readTensors(reader.object('tensors'), force),
  }
  reader.end()
  if (parsed.suite !== null) checkGateSuite(parsed.suite)
  if (codec === null && Object.keys(given).length > 0)
    throw invalid('params', `left out: "${AUTO}" chooses them by tensor`)
  if (codec !== null && target !== null) throw invalid('target', `left out: it is for the codec "${AUTO}"`)
  if (codec === null && target === null)
    throw new VillageError(
      'INVALID_ARGUMENT',
      `The codec "${AUTO}" needs a target: sizeBytes, ratio, bits or quality`,
      { fields: { argument: 'target' } },
    )
  const params = codec === null ? {} : codecParams(codec, given, force)
  return { model, codec: name, params, target, force, id, ...parsed }
}

/** The share that a model has to keep: a target of quality is its own floor. */
export const floorOf = ({ keep, target }: CompressParams): number =>
  target !== null && 'quality' in target ? target.quality : keep

/** The suite that the gate measures with; null when nothing is to be measured. */
export function gateSuite(params: CompressParams, model: { readonly kind: string }): AnySuite | null {
  if (floorOf(params) === 0 && params.suite === null) return null
  return params.suite === null ? defaultSuite(model) : suiteNamed(params.suite)
}
