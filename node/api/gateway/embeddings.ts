/** POST /v1/embeddings: vectors of texts by a sentence encoder of this node. */
import type { Embedding } from '../../compute/models/embedding.ts'
import { VillageError } from '../../errors.ts'
import type { Keys } from '../keys/keys.ts'
import type { GatewayRequest } from './chat-completions.ts'
import { checkFields, EMBEDDING_FIELDS } from './field-rules.ts'
import { listOf, numberOf, refuse, textOf, wrong } from './read-fields.ts'

export interface EmbeddingComponents {
  readonly embedding: Pick<Embedding, 'embed'>
  readonly keys: Pick<Keys, 'addTokens'>
}

const MAX_TEXTS = 2_048
const MAX_DIMENSIONS = 2 ** 20

function readTexts(value: unknown): readonly string[] {
  if (typeof value === 'string') return value === '' ? wrong('input', 'must not be empty') : [value]
  const list = listOf(value as never, 'input')
  if (list.length === 0 || list.length > MAX_TEXTS) wrong('input', `must hold 1 to ${MAX_TEXTS} texts`)
  return list.map((item, index) => {
    if (typeof item === 'number' || Array.isArray(item))
      return refuse('input', 'tokens have other numbers in every model: send texts')
    const text = textOf(item, `input[${index}]`)
    return text === '' ? wrong(`input[${index}]`, 'must not be empty') : text
  })
}

/** Little-endian 32-bit floats, as the API has them. */
function base64Of(vector: Float32Array): string {
  const bytes = Buffer.alloc(vector.length * 4)
  for (const [index, value] of vector.entries()) bytes.writeFloatLE(value, index * 4)
  return bytes.toString('base64')
}

/** Throws CHAT_FIELD_UNSUPPORTED, CONTEXT_TOO_LONG (a text is never cut in silence) and what Embedding throws. */
export async function embedTexts(
  { embedding, keys }: EmbeddingComponents,
  { body, principal, signal }: GatewayRequest,
): Promise<object> {
  const given = checkFields(EMBEDDING_FIELDS, body, false)
  const model = textOf(given.model, 'model')
  const format = given.encoding_format ?? 'float'
  if (format !== 'float' && format !== 'base64') return wrong('encoding_format', 'must be float or base64')
  const wanted = numberOf(given.dimensions, 'dimensions', { min: 1, max: MAX_DIMENSIONS, whole: true })
  const texts = readTexts(given.input)
  const { dims, vectors, tokens, truncated } = await embedding.embed(model, texts, signal)
  const used = tokens.reduce((sum, count) => sum + count, 0)
  keys.addTokens(principal, { promptTokens: used, completionTokens: 0 })
  if (wanted !== undefined && wanted !== dims)
    return refuse('dimensions', `the vectors of this model have ${dims}, and fewer would spoil them`)
  const cut = truncated.indexOf(1)
  if (cut >= 0)
    throw new VillageError('CONTEXT_TOO_LONG', `input[${cut}] is longer than the model reads`, {
      fields: { field: `input[${cut}]` },
    })
  return {
    object: 'list',
    model,
    data: texts.map((_, index) => {
      const vector = vectors.subarray(index * dims, (index + 1) * dims)
      return {
        object: 'embedding',
        index,
        embedding: format === 'base64' ? base64Of(vector) : Array.from(vector),
      }
    }),
    usage: { prompt_tokens: used, total_tokens: used },
  }
}
