/** model.json of a language model: what it is, where it comes from, and how its graph is called. */
import { asCardJson, type CardJson, cardFields, invalidCard, readCardJson } from './card-fields.ts'

const VERSION = 1
const MAX_VOCABULARY = 2 ** 22
const MAX_EOS_TOKENS = 256
const MAX_MODULES = 20_000

/** A linear layer whose LoRA matrices are inputs of the graph: `<name>.lora_A` [inputs, r] and `<name>.lora_B` [r, outputs]. */
export interface AdapterModule {
  readonly name: string
  readonly inputs: number
  readonly outputs: number
}

export interface LanguageCard {
  readonly version: typeof VERSION
  readonly task: 'text-generation'
  readonly name: string
  readonly title: string
  readonly licence: string
  readonly source: string
  /** Numbers in the weight tensors. */
  readonly parameters: number
  /** llama, qwen2, qwen3, mistral, gpt2, … or `onnx` where it came as a graph. */
  readonly architecture: string
  /**
   * `village`: as the project's builder writes it (a cache of fixed capacity that is written in place); `hub`: as published
   * for onnxruntime (a cache that grows by every run). docs/models.md has both tables of inputs and outputs.
   */
  readonly layout: 'village' | 'hub'
  readonly layers: number
  readonly keyValueHeads: number
  readonly headSize: number
  /** Columns of the logits. */
  readonly vocabulary: number
  readonly contextTokens: number
  readonly bosToken: number | null
  readonly eosTokens: readonly number[]
  readonly padToken: number | null
  /** Whether the graph has an input `position_ids`. */
  readonly positionInput: boolean
  readonly cacheType: 'float32' | 'float16'
  /** Modules whose LoRA matrices are inputs of the graph, or null. */
  readonly adapters: { readonly modules: readonly AdapterModule[] } | null
}

export function encodeLanguageCard(card: LanguageCard): string {
  return `${JSON.stringify(card, null, 2)}\n`
}

/** Reads and checks model.json; MODEL_CARD_INVALID names what is wrong. */
export function readLanguageCard(modelDir: string): LanguageCard {
  return parseLanguageCard(readCardJson(modelDir))
}

export function parseLanguageCard(json: unknown): LanguageCard {
  const object = asCardJson(json)
  const { text, count, flag, choice, token } = cardFields(object)
  if (object.version !== VERSION) throw invalidCard('version')
  const vocabulary = count('vocabulary', MAX_VOCABULARY)
  return {
    version: VERSION,
    task: choice('task', ['text-generation']),
    name: text('name'),
    title: text('title'),
    licence: text('licence'),
    source: text('source'),
    parameters: count('parameters', Number.MAX_SAFE_INTEGER),
    architecture: text('architecture'),
    layout: choice('layout', ['village', 'hub']),
    layers: count('layers', 1024),
    keyValueHeads: count('keyValueHeads', 4096),
    headSize: count('headSize', 4096),
    vocabulary,
    contextTokens: count('contextTokens', 2 ** 24),
    bosToken: token('bosToken', vocabulary),
    eosTokens: parseEosTokens(object.eosTokens, vocabulary),
    padToken: token('padToken', vocabulary),
    positionInput: flag('positionInput'),
    cacheType: choice('cacheType', ['float32', 'float16']),
    adapters: parseAdapters(object.adapters ?? null),
  }
}

function parseEosTokens(json: unknown, vocabulary: number): number[] {
  const isToken = (id: unknown): id is number =>
    typeof id === 'number' && Number.isInteger(id) && id >= 0 && id < vocabulary
  if (!Array.isArray(json) || json.length > MAX_EOS_TOKENS || !json.every(isToken))
    throw invalidCard('eosTokens')
  return [...new Set(json)]
}

function parseAdapters(json: unknown): LanguageCard['adapters'] {
  if (json === null) return null
  const { modules } = asCardJson(json, 'adapters')
  if (!Array.isArray(modules) || modules.length === 0 || modules.length > MAX_MODULES)
    throw invalidCard('adapters.modules')
  return {
    modules: (modules as CardJson[]).map((one, index) => {
      const field = `adapters.modules[${index}]`
      const { text, count } = cardFields(asCardJson(one, field), `${field}.`)
      return { name: text('name'), inputs: count('inputs'), outputs: count('outputs') }
    }),
  }
}
