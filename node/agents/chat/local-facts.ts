/** What has to be known of a language model of the registry before it can be talked to, read from its files as they lie in the store. */

import { parseLanguageCard } from '../../compute/models/language-card.ts'
import type { ModelEntry } from '../../compute/models/model-entry.ts'
import { CARD_FILE, CHAT_TEMPLATE_FILE, TOKENIZER_CONFIG_FILE } from '../../compute/models/model-files.ts'
import { VillageError } from '../../errors.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import type { Artifacts } from '../../mesh/artifacts/artifacts.ts'
import { type CallForm, callFormOf } from './native-calls.ts'

export interface LocalFacts {
  readonly contextTokens: number
  /** False: conversations are written out as a plain transcript. */
  readonly hasTemplate: boolean
  /** Null: calls of tools are made by constrained JSON. */
  readonly form: CallForm | null
  /** Texts that the tokenizer takes for special tokens: they are broken up where they stand in what others wrote. */
  readonly specialTokens: readonly string[]
}

const MAX_CARD_BYTES = 2 ** 20
const MAX_CONFIG_BYTES = 16 * 2 ** 20
const MAX_TEMPLATE_BYTES = 256 * 1024
const MAX_SPECIAL_TOKENS = 4_096

/** Throws ARTIFACT_MISSING where its files are not here, MODEL_CARD_INVALID, CHAT_TEMPLATE_FAILED. */
export async function readLocalFacts(
  { artifacts }: { readonly artifacts: Pick<Artifacts, 'read'> },
  { cid }: Pick<ModelEntry, 'cid'>,
): Promise<LocalFacts> {
  const read = async (name: string, maxBytes: number): Promise<string | null> => {
    try {
      // One more than there may be: what is cut is told from what is whole.
      const bytes = await artifacts.read(`${cid}/${name}`, { offset: 0, length: maxBytes + 1 })
      if (bytes.byteLength <= maxBytes) return Buffer.from(bytes).toString('utf8')
    } catch (error) {
      if (error instanceof VillageError && error.code === 'NOT_FOUND') return null
      throw error
    }
    throw new VillageError('CHAT_TEMPLATE_FAILED', `${name} is larger than ${maxBytes} bytes`, {
      fields: { field: name },
    })
  }
  const card = parseLanguageCard(jsonIn((await read(CARD_FILE, MAX_CARD_BYTES)) ?? 'null', CARD_FILE))
  const config = jsonIn((await read(TOKENIZER_CONFIG_FILE, MAX_CONFIG_BYTES)) ?? '{}', TOKENIZER_CONFIG_FILE)
  const template = (await read(CHAT_TEMPLATE_FILE, MAX_TEMPLATE_BYTES)) ?? templateIn(config)
  return {
    contextTokens: card.contextTokens,
    hasTemplate: template !== null,
    form: template === null ? null : callFormOf(template),
    specialTokens: specialTokensIn(config),
  }
}

function jsonIn(text: string, field: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue
  } catch (error) {
    const code = field === CARD_FILE ? 'MODEL_CARD_INVALID' : 'CHAT_TEMPLATE_FAILED'
    throw new VillageError(code, `${field} is not JSON`, {
      cause: error,
      fields: { field },
    })
  }
}

/** All templates together: one of several is for tools. */
function templateIn(config: JsonValue): string | null {
  const given = isJsonObject(config) ? (config.chat_template ?? null) : null
  if (typeof given === 'string') return given
  if (!Array.isArray(given)) return null
  return (given as readonly JsonValue[])
    .flatMap((one) => (isJsonObject(one) && typeof one.template === 'string' ? [one.template] : []))
    .join('\n')
}

function specialTokensIn(config: JsonValue): string[] {
  if (!isJsonObject(config)) return []
  const textIn = (value: JsonValue | undefined): string[] => {
    if (typeof value === 'string') return [value]
    return isJsonObject(value) && typeof value.content === 'string' ? [value.content] : []
  }
  const added: JsonObject = isJsonObject(config.added_tokens_decoder) ? config.added_tokens_decoder : {}
  const named = Object.entries(config).filter(([name]) => name.endsWith('_token'))
  const texts = [...Object.values(added), ...named.map(([, value]) => value)].flatMap(textIn)
  // A single character cannot be broken up, and cannot stand for the end of a turn either.
  return [...new Set(texts)].filter((text) => text.length > 1).slice(0, MAX_SPECIAL_TOKENS)
}
