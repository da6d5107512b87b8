/** Whether a text is the JSON that was asked for, where nothing but a promise of the model stands for it. */
import { Ajv2020 } from 'ajv/dist/2020.js'
import { VillageError } from '../../errors.ts'
import type { ChatFormat } from './chat-model.ts'
import { laxSchema } from './lax-schema.ts'

/** Throws CHAT_ENDPOINT_FAILED. Patterns are not looked at: they are a client's, and may take for ever. */
export function checkFormat(format: ChatFormat | undefined, text: string): void {
  if (format === undefined || format.kind === 'text') return
  const failed = (problem: string, cause?: unknown) =>
    new VillageError('CHAT_ENDPOINT_FAILED', `The model answered with ${problem}`, { cause })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw failed('something that is no JSON, which was asked for', error)
  }
  if (format.kind === 'json') {
    if (typeof value !== 'object' || value === null) throw failed('JSON that is no object')
    return
  }
  const validate = new Ajv2020({ strict: false }).compile(laxSchema(format.schema, { isClosed: false }))
  if (!validate(value)) throw failed('JSON that does not follow the schema')
}
