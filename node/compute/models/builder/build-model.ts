/** From safetensors and config.json to an ONNX graph that onnxruntime runs. Synchronous: run it in a worker. */

import { randomBytes } from 'node:crypto'
import { readdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { VillageError } from '../../../errors.ts'
import type { TensorSource } from '../../onnx/encode.ts'
import { writeModel } from '../../onnx/write.ts'
import { openSafetensors, safetensorsFiles } from '../../safetensors/read.ts'
import { encodeLanguageCard, type LanguageCard } from '../language-card.ts'
import { type EncoderCard, encodeCard } from '../model-card.ts'
import { CARD_FILE, CONFIG_FILE, GENERATION_CONFIG_FILE, MODEL_FILE } from '../model-files.ts'
import { type ConfigFields, configFields, readConfigFile } from './config-fields.ts'
import { familyOf } from './families.ts'
import type { EncoderFamily, FamilySource, LanguageFamily } from './family.ts'
import { createSourceWeights } from './source-weights.ts'

/** What a card says that files do not tell. */
export interface ModelAbout {
  readonly name?: string
  readonly title?: string
  readonly licence?: string
  readonly source?: string
}

export interface BuildModelInit {
  /** A directory with config.json and safetensors: one file, or shards with their index. */
  readonly modelDir: string
  /** Where model.onnx, model.onnx.data (for large models) and model.json go; it may be `modelDir`. */
  readonly outDir: string
  /** Whether linear layers get LoRA matrices as inputs; they do if absent. */
  readonly adapters?: boolean
  readonly about?: ModelAbout
}

/** Weights above this lie beside the graph, where onnxruntime maps them instead of copying. */
const MIN_EXTERNAL_BYTES = 16 * 2 ** 20
const PICKLE = /\.(bin|pt|pth|ckpt|pkl|pickle)$/i

/**
 * Throws MODEL_PICKLE_REFUSED for a file name of a pickle: reading one runs whatever program it holds.
 */
export function refusePickle(file: string): void {
  if (PICKLE.test(file))
    throw new VillageError(
      'MODEL_PICKLE_REFUSED',
      `The weights are in ${file.slice(0, 200)}, a pickle: reading one runs whatever program is inside, so it is never read.`,
    )
}

/**
 * Writes model.onnx and, last, model.json. Besides the weights it reads config.json and generation_config.json, and for
 * encoders the files of sentence-transformers that say how they pool. Weights become float32; memory is one band of 32 MiB.
 *
 * Throws MODEL_ARCHITECTURE_UNSUPPORTED, MODEL_CONFIG_INVALID, MODEL_WEIGHT_MISSING, MODEL_WEIGHT_SHAPE, MODEL_WEIGHT_UNUSED,
 * MODEL_PICKLE_REFUSED, and what the reader of safetensors throws. What failed leaves no model.onnx behind.
 */
export function buildModel(init: BuildModelInit): LanguageCard | EncoderCard {
  const { modelDir, adapters = true } = init
  const json = readConfigFile(modelDir, CONFIG_FILE)
  if (json === undefined)
    throw new VillageError('MODEL_CONFIG_INVALID', 'The model has no config.json.', {
      fields: { file: CONFIG_FILE, field: '' },
    })
  if (safetensorsFiles(modelDir) === null) for (const file of readdirSync(modelDir)) refusePickle(file)
  const config = configFields(json, CONFIG_FILE)
  const family = familyOf(config)
  using model = openSafetensors(modelDir)
  const source = { config, weights: createSourceWeights(model), adapters, modelDir }
  return family.task === 'text-generation'
    ? buildLanguageModel(family, source, init)
    : buildEncoder(family, source, init)
}

function buildLanguageModel(
  family: LanguageFamily,
  source: FamilySource,
  init: BuildModelInit,
): LanguageCard {
  const { to, shape, ignored } = family.build(source)
  source.weights.checkAllUsed([...family.ignored, ...ignored])
  const spec = to.model(family.names.modelType)
  const tokens = specialTokens(source, shape.vocabulary)
  const card: LanguageCard = {
    version: 1,
    task: 'text-generation',
    ...aboutOf(init.about ?? {}, family.names.modelType),
    parameters: source.weights.parameters(),
    architecture: family.names.modelType,
    layout: 'village',
    layers: shape.layers,
    keyValueHeads: shape.keyValueHeads,
    headSize: shape.headSize,
    vocabulary: shape.vocabulary,
    contextTokens: shape.contextTokens,
    ...tokens,
    positionInput: to.positionInput,
    cacheType: 'float32',
    adapters: to.adapterModules.length === 0 ? null : { modules: to.adapterModules },
  }
  writeGraph(init.outDir, spec)
  writeWhole(join(init.outDir, CARD_FILE), encodeLanguageCard(card))
  return card
}

function buildEncoder(family: EncoderFamily, source: FamilySource, init: BuildModelInit): EncoderCard {
  const { model, card } = family.build(source)
  source.weights.checkAllUsed(family.ignored)
  const full: EncoderCard = {
    version: 1,
    task: 'sentence-embedding',
    ...aboutOf(init.about ?? {}, family.names.modelType),
    parameters: source.weights.parameters(),
    ...card,
  }
  writeGraph(init.outDir, model)
  writeWhole(join(init.outDir, CARD_FILE), encodeCard(full))
  return full
}

function aboutOf(about: ModelAbout, modelType: string): Required<ModelAbout> {
  return {
    name: modelType,
    title: `${modelType} model`,
    licence: 'not stated',
    source: 'local files',
    ...about,
  }
}

/** The end tokens of both files together: a chat model often has its own in generation_config.json alone. */
function specialTokens(source: FamilySource, vocabulary: number) {
  const json = readConfigFile(source.modelDir, GENERATION_CONFIG_FILE)
  const files: ConfigFields[] = [source.config]
  if (json !== undefined) files.push(configFields(json, GENERATION_CONFIG_FILE))
  const first = (key: string, below = vocabulary): number | null =>
    files.map((fields) => fields.tokens(key, below)[0]).find((token) => token !== undefined) ?? null
  // Some models name a token for padding that they do not have; the graphs need none.
  const padding = first('pad_token_id', Number.MAX_SAFE_INTEGER)
  return {
    bosToken: first('bos_token_id'),
    eosTokens: [...new Set(files.flatMap((fields) => fields.tokens('eos_token_id', vocabulary)))],
    padToken: padding !== null && padding < vocabulary ? padding : null,
  }
}

function writeGraph(outDir: string, spec: Parameters<typeof writeModel>[1]): void {
  const sizeBytes = spec.initializers.reduce((sum: number, tensor: TensorSource) => sum + tensor.sizeBytes, 0)
  writeModel(join(outDir, MODEL_FILE), spec, { external: sizeBytes > MIN_EXTERNAL_BYTES })
}

function writeWhole(path: string, text: string): void {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
  writeFileSync(temporary, text, { flush: true })
  renameSync(temporary, path)
}
