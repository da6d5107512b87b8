/** model.json of a sentence encoder, and of any model. */
import { asCardJson, cardFields, invalidCard, readCardJson } from './card-fields.ts'
import { type LanguageCard, parseLanguageCard } from './language-card.ts'

const CARD_VERSION = 1

/** How token vectors become one: `none` where the graph does it itself. */
export const POOLINGS = ['none', 'mean', 'cls', 'last'] as const
export type Pooling = (typeof POOLINGS)[number]

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
  readonly inputs: {
    readonly ids: string
    readonly mask: string
    /** Segment ids (token_type_ids), all zeros; null where the graph has no such input. */
    readonly types: string | null
  }
  readonly output: string
  /** What `output` holds: with `none` float32 [batch, dimensions], otherwise [batch, length, dimensions]. */
  readonly pooling: Pooling
  /** Whether vectors are scaled to length 1 after pooling. */
  readonly normalise: boolean
  /** Whether a text gets the special tokens at its ends that its tokenizer states ([CLS] and [SEP], or BOS and EOS). */
  readonly specialTokens: boolean
}

/** What a card means by leaving a field out. */
export const ENCODER_DEFAULTS = { pooling: 'none', normalise: false, specialTokens: false } as const

/** JSON of the card; fields at their defaults are left out, so that older readers take it where they can. */
export function encodeCard(card: EncoderCard): string {
  const { pooling, normalise, specialTokens, inputs, ...rest } = card
  const { types, ...ports } = inputs
  const { output, ...head } = rest
  const json = {
    ...head,
    inputs: types === null ? ports : { ...ports, types },
    output,
    ...(pooling === ENCODER_DEFAULTS.pooling ? {} : { pooling }),
    ...(normalise === ENCODER_DEFAULTS.normalise ? {} : { normalise }),
    ...(specialTokens === ENCODER_DEFAULTS.specialTokens ? {} : { specialTokens }),
  }
  return `${JSON.stringify(json, null, 2)}\n`
}

/** Reads and checks model.json of an encoder; MODEL_CARD_INVALID names what is wrong. */
export function readCard(modelDir: string): EncoderCard {
  return parseCard(readCardJson(modelDir))
}

export function parseCard(json: unknown): EncoderCard {
  const object = asCardJson(json)
  const { text, count, flag, choice } = cardFields(object)
  if (object.version !== CARD_VERSION) throw invalidCard('version')
  const inputsJson = asCardJson(object.inputs, 'inputs')
  const inputs = cardFields(inputsJson)
  return {
    version: CARD_VERSION,
    name: text('name'),
    title: text('title'),
    task: choice('task', ['sentence-embedding']),
    licence: text('licence'),
    source: text('source'),
    parameters: count('parameters', Number.MAX_SAFE_INTEGER),
    dimensions: count('dimensions', 65_536),
    maxTokens: count('maxTokens', 65_536),
    inputs: {
      ids: inputs.text('ids'),
      mask: inputs.text('mask'),
      types: (inputsJson.types ?? null) === null ? null : inputs.text('types'),
    },
    output: text('output'),
    pooling: choice('pooling', POOLINGS, ENCODER_DEFAULTS.pooling),
    normalise: flag('normalise', ENCODER_DEFAULTS.normalise),
    specialTokens: flag('specialTokens', ENCODER_DEFAULTS.specialTokens),
  }
}

/** The card of a model directory by its task; MODEL_CARD_INVALID where it is of neither. */
export function readAnyCard(modelDir: string): EncoderCard | LanguageCard {
  const json = readCardJson(modelDir)
  return json.task === 'text-generation' ? parseLanguageCard(json) : parseCard(json)
}
