import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { VillageError } from '../../errors.ts'

/** Files of a model directory. */
export const MODEL_FILE = 'model.onnx'
export const TOKENIZER_FILE = 'tokenizer.json'
export const CARD_FILE = 'model.json'
/** Of the packed form of a compressed model. */
export const PACKED_FILE = 'packed.json'

/** Small files that go along with a model wherever it goes: its card, its tokenizer, and what trainers put beside weights. */
export const EXTRA_FILES = [
  CARD_FILE,
  TOKENIZER_FILE,
  'config.json',
  'generation_config.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'tokenizer.model',
  'vocab.json',
  'vocab.txt',
  'merges.txt',
  'chat_template.jinja',
  'model.safetensors.index.json',
] as const

const CARD_VERSION = 1
const MAX_CARD_BYTES = 64 * 1024

/** model.json of a sentence encoder: what it is, where it comes from, and how to call it. */
export interface EncoderCard {
  readonly version: typeof CARD_VERSION
  readonly name: string
  readonly title: string
  readonly task: 'sentence-embedding'
  readonly licence: string
  readonly source: string
  /** Numbers in the weight tensors. */
  readonly parameters: number
  /** Length of an embedding. */
  readonly dimensions: number
  readonly maxTokens: number
  readonly inputs: { readonly ids: string; readonly mask: string }
  readonly output: string
}

export function encodeCard(card: EncoderCard): string {
  return `${JSON.stringify(card, null, 2)}\n`
}

/** Reads and checks model.json of a model directory; MODEL_CARD_INVALID names what is wrong. */
export function readCard(modelDir: string): EncoderCard {
  let json: unknown
  try {
    const bytes = readFileSync(join(modelDir, CARD_FILE))
    if (bytes.length > MAX_CARD_BYTES)
      throw new VillageError('MODEL_CARD_INVALID', `${CARD_FILE} is too long.`)
    json = JSON.parse(bytes.toString('utf8'))
  } catch (error) {
    if (error instanceof VillageError) throw error
    throw new VillageError('MODEL_CARD_INVALID', `${CARD_FILE} cannot be read.`, { cause: error })
  }
  return parseCard(json)
}

export function parseCard(json: unknown): EncoderCard {
  const invalid = (field: string): VillageError =>
    new VillageError('MODEL_CARD_INVALID', `The field "${field}" of ${CARD_FILE} is not valid.`, {
      fields: { field },
    })
  if (typeof json !== 'object' || json === null) throw invalid('')
  const fields = json as Readonly<Record<string, unknown>>
  const text = (name: string, from = fields): string => {
    const value = from[name]
    if (typeof value !== 'string' || value.length === 0 || value.length > 1000) throw invalid(name)
    return value
  }
  const count = (name: string, max: number): number => {
    const value = fields[name]
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > max) throw invalid(name)
    return value
  }
  if (fields.version !== CARD_VERSION) throw invalid('version')
  if (fields.task !== 'sentence-embedding') throw invalid('task')
  if (typeof fields.inputs !== 'object' || fields.inputs === null) throw invalid('inputs')
  const inputs = fields.inputs as Readonly<Record<string, unknown>>
  return {
    version: CARD_VERSION,
    name: text('name'),
    title: text('title'),
    task: 'sentence-embedding',
    licence: text('licence'),
    source: text('source'),
    parameters: count('parameters', Number.MAX_SAFE_INTEGER),
    dimensions: count('dimensions', 65_536),
    maxTokens: count('maxTokens', 65_536),
    inputs: { ids: text('ids', inputs), mask: text('mask', inputs) },
    output: text('output'),
  }
}
