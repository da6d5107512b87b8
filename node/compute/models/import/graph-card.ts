/**
 * The card of a graph that was published for onnxruntime, from the names and shapes of its inputs and outputs and the
 * configuration beside it: a language model whose cache grows from run to run, or a sentence encoder.
 */
import { existsSync } from 'node:fs'
import path from 'node:path'
import { FLOAT16, FLOAT32 } from '../../onnx/data-types.ts'
import { inspectModel } from '../../onnx/inspect.ts'
import type { ValueInfo } from '../../onnx/model.ts'
import { type OnnxModel, openModel } from '../../onnx/read.ts'
import { type ConfigFields, configFields, readConfigFile } from '../builder/config-fields.ts'
import { readPooling } from '../builder/pooling.ts'
import type { LanguageCard } from '../language-card.ts'
import type { EncoderCard } from '../model-card.ts'
import { CONFIG_FILE, GENERATION_CONFIG_FILE, TOKENIZER_CONFIG_FILE, TOKENIZER_FILE } from '../model-files.ts'

export interface CardAbout {
  readonly name: string
  readonly title: string
  readonly licence: string
  readonly source: string
}

const IDS = 'input_ids'
const MASK = 'attention_mask'
const POSITIONS = 'position_ids'
const TYPES = 'token_type_ids'
const LOGITS = 'logits'
const PAST_KEY = /^past_key_values\.(\d+)\.(key|value)$/
const PRESENT = /^present\.(\d+)\.(key|value)$/
const MAX_VOCABULARY = 2 ** 22
const MAX_CONTEXT = 2 ** 24
const DEFAULT_CONTEXT = 2048
/** Outputs of encoders, best first, and whether they hold a vector a text or a vector a token. */
const ENCODER_OUTPUTS = [
  { name: 'sentence_embedding', perToken: false },
  { name: 'last_hidden_state', perToken: true },
  { name: 'token_embeddings', perToken: true },
  { name: 'pooler_output', perToken: false },
] as const

/** The card of a graph with config.json and tokenizer.json in `directory`, or null where it is neither. */
export function cardOfGraph(
  init: { graph: string; directory: string },
  about: CardAbout,
): LanguageCard | EncoderCard | null {
  const { directory: modelDir } = init
  const json = readConfigFile(modelDir, CONFIG_FILE)
  if (json === undefined || !existsSync(path.join(modelDir, TOKENIZER_FILE))) return null
  const config = configFields(json, CONFIG_FILE)
  using model = openModel(init.graph)
  const parameters = inspectModel(model).parameters as number
  const { inputs, outputs } = graphPorts(model)
  if (inputs.has(IDS) && outputs.has(LOGITS) && [...inputs.keys()].some((name) => PAST_KEY.test(name)))
    return languageCard({ inputs, outputs, config, modelDir, parameters, about })
  return encoderCard({ inputs, outputs, config, modelDir, parameters, about })
}

interface Found {
  readonly inputs: ReadonlyMap<string, ValueInfo>
  readonly outputs: ReadonlyMap<string, ValueInfo>
  readonly config: ConfigFields
  readonly modelDir: string
  readonly parameters: number
  readonly about: CardAbout
}

/** An input that is also an initializer has a default and need not be given. */
function graphPorts({ graph }: OnnxModel): Pick<Found, 'inputs' | 'outputs'> {
  return {
    inputs: new Map(
      graph.inputs.filter(({ name }) => !graph.initializers.has(name)).map((one) => [one.name, one]),
    ),
    outputs: new Map(graph.outputs.map((one) => [one.name, one])),
  }
}

/** A size of the graph, or of config.json where the graph leaves it open. */
function size(value: ValueInfo | undefined, axis: number, fromConfig: () => number): number {
  const dim = value?.dims?.at(axis)
  return typeof dim === 'number' ? dim : fromConfig()
}

function languageCard(found: Found): LanguageCard | null {
  const { inputs, outputs, config, modelDir, parameters, about } = found
  const known = (name: string) => [IDS, MASK, POSITIONS].includes(name) || PAST_KEY.test(name)
  if (![...inputs.keys()].every(known)) return null
  const cache = [...inputs.keys()].filter((name) => PAST_KEY.test(name))
  const layers = cache.length / 2
  const complete = Array.from({ length: layers }, (_, layer) => layer).every((layer) =>
    ['key', 'value'].every(
      (part) => inputs.has(`past_key_values.${layer}.${part}`) && outputs.has(`present.${layer}.${part}`),
    ),
  )
  const cacheTypes = new Set(cache.map((name) => inputs.get(name)!.elementType))
  const [cacheType = 0] = cacheTypes
  if (!complete || cacheTypes.size !== 1 || ![FLOAT32, FLOAT16].includes(cacheType)) return null
  if (![...outputs.keys()].every((name) => name === LOGITS || PRESENT.test(name))) return null
  const key = inputs.get('past_key_values.0.key')
  const heads = () =>
    config.count('num_attention_heads', { max: 4096, absent: config.raw('n_head') as number })
  const width = () => config.count('hidden_size', { max: 2 ** 20, absent: config.raw('n_embd') as number })
  const vocabulary = size(outputs.get(LOGITS), -1, () => config.count('vocab_size', { max: MAX_VOCABULARY }))
  return {
    version: 1,
    task: 'text-generation',
    ...about,
    parameters,
    architecture: 'onnx',
    layout: 'hub',
    layers,
    keyValueHeads: size(key, 1, () => config.count('num_key_value_heads', { max: 4096, absent: heads() })),
    headSize: size(key, 3, () => config.count('head_dim', { max: 4096, absent: width() / heads() })),
    vocabulary,
    contextTokens: contextOf(config),
    ...specialTokens(modelDir, config, vocabulary),
    positionInput: inputs.has(POSITIONS),
    cacheType: cacheType === FLOAT16 ? 'float16' : 'float32',
    adapters: null,
  }
}

function contextOf(config: ConfigFields): number {
  const older = config.raw('n_positions') ?? config.raw('n_ctx') ?? DEFAULT_CONTEXT
  return config.count('max_position_embeddings', { max: MAX_CONTEXT, absent: older as number })
}

/** End tokens of both files: chat models often have their own in generation_config.json alone. */
function specialTokens(
  modelDir: string,
  config: ConfigFields,
  vocabulary: number,
): Pick<LanguageCard, 'bosToken' | 'eosTokens' | 'padToken'> {
  const generation = readConfigFile(modelDir, GENERATION_CONFIG_FILE)
  const files =
    generation === undefined ? [config] : [config, configFields(generation, GENERATION_CONFIG_FILE)]
  const all = (key: string) => files.flatMap((fields) => fields.tokens(key, vocabulary))
  return {
    bosToken: all('bos_token_id')[0] ?? null,
    eosTokens: [...new Set(all('eos_token_id'))],
    padToken: all('pad_token_id')[0] ?? null,
  }
}

function encoderCard(found: Found): EncoderCard | null {
  const { inputs, outputs, config, modelDir, parameters, about } = found
  const known = (name: string) => [IDS, MASK, TYPES].includes(name)
  if (!inputs.has(IDS) || !inputs.has(MASK) || ![...inputs.keys()].every(known)) return null
  const chosen = ENCODER_OUTPUTS.find(({ name }) => outputs.has(name))
  if (chosen === undefined) return null
  const output = outputs.get(chosen.name)!
  if (output.elementType !== FLOAT32) return null
  const dimensions = size(output, -1, () => config.count('hidden_size', { max: 65_536 }))
  const pooling = readPooling(modelDir, { width: dimensions, longest: longestOf(modelDir, config) })
  return {
    version: 1,
    task: 'sentence-embedding',
    ...about,
    parameters,
    dimensions,
    maxTokens: pooling.maxTokens,
    inputs: { ids: IDS, mask: MASK, types: inputs.has(TYPES) ? TYPES : null },
    output: chosen.name,
    pooling: chosen.perToken ? pooling.pooling : 'none',
    normalise: pooling.normalise,
    specialTokens: true,
  }
}

/** Positions of a RoBERTa begin after its padding token. */
function longestOf(modelDir: string, config: ConfigFields): number {
  const isRoberta = /roberta/i.test(String(config.raw('model_type')))
  const positions = config.count('max_position_embeddings', { max: MAX_CONTEXT, absent: 512 })
  const limit = readConfigFile(modelDir, TOKENIZER_CONFIG_FILE)?.model_max_length
  const isLimit = typeof limit === 'number' && Number.isInteger(limit) && limit > 0
  return Math.min(65_536, isRoberta ? positions - 2 : positions, isLimit ? limit : Number.POSITIVE_INFINITY)
}
