/**
 * JSON lines (jsonlines.org): a document a line, as corpora for retrieval have them: `_id` or `id`, `title`, and the text as
 * `text`, `contents`, `content`, `body` or `abstract`; other scalars become fields.
 */
import { createHash } from 'node:crypto'
import { VillageError } from '../../../../errors.ts'
import { isJsonObject, type JsonValue } from '../../../../json.ts'
import { paragraphs } from './blocks.ts'
import { normalizeLines } from './decode-text.ts'
import { type ParseContext, type ParsedBody, type ParsedPiece, toFields, toTitle } from './format.ts'

const TEXT_KEYS = ['text', 'contents', 'content', 'body', 'abstract'] as const
const LINE_FEED = 10

function parseLine(line: string): ParsedBody {
  let value: JsonValue
  try {
    value = JSON.parse(line) as JsonValue
  } catch (error) {
    throw new VillageError('LINE_MALFORMED', 'The line is not JSON.', { cause: error })
  }
  if (!isJsonObject(value)) throw new VillageError('LINE_MALFORMED', 'The line is not a JSON object.')
  const object = value
  const key = TEXT_KEYS.find((name) => typeof object[name] === 'string' && object[name].trim() !== '')
  const title = typeof object.title === 'string' ? toTitle(object.title) : null
  const { title: _title, metadata, _id, ...rest } = object
  const text = key === undefined ? '' : String(object[key])
  if (key !== undefined) delete (rest as Record<string, JsonValue>)[key]
  if (text === '' && title === null)
    throw new VillageError('LINE_MALFORMED', `The line has none of ${TEXT_KEYS.join(', ')} and no title.`)
  const language =
    typeof object.language === 'string' && /^[a-z]{2}$/.test(object.language) ? object.language : null
  return {
    title,
    language,
    // The identifier first, so that no number of other fields crowds it out.
    fields: toFields({
      ...(_id === undefined ? {} : { id: _id }),
      ...rest,
      ...(isJsonObject(metadata ?? null) ? (metadata as object) : {}),
    }),
    // A line with a title alone is found by it.
    blocks: paragraphs(normalizeLines(text === '' ? (title ?? '') : text)),
    warnings: [],
  }
}

/** Lines as bytes, without their ends; null for one that is longer than `maxBytes`. */
async function* byteLines(parts: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<Buffer | null> {
  let held: Buffer[] = []
  let heldBytes = 0
  let isTooLong = false
  for await (const part of parts) {
    let start = 0
    for (;;) {
      const end = part.indexOf(LINE_FEED, start)
      const piece = part.subarray(start, end < 0 ? part.length : end)
      heldBytes += piece.length
      isTooLong ||= heldBytes > maxBytes
      if (isTooLong) held = []
      else held.push(piece)
      if (end < 0) break
      yield isTooLong ? null : held.length === 1 ? held[0]! : Buffer.concat(held)
      held = []
      heldBytes = 0
      isTooLong = false
      start = end + 1
    }
  }
  if (heldBytes > 0) yield isTooLong ? null : Buffer.concat(held)
}

export async function* parseJsonLines(
  parts: AsyncIterable<Buffer>,
  context: ParseContext,
): AsyncGenerator<ParsedPiece> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let number = 0
  for await (const bytes of byteLines(parts, context.limits.partBytes)) {
    number++
    if (bytes === null) {
      const message = `The line is longer than ${context.limits.partBytes} bytes.`
      yield { kind: 'problem', number, code: 'FILE_TOO_LARGE', message }
      continue
    }
    try {
      const line = decoder.decode(bytes)
      if (line.trim() === '') continue
      yield {
        kind: 'document',
        number,
        contentHash: createHash('sha256').update(bytes).digest('hex'),
        sizeBytes: bytes.length,
        body: parseLine(line),
      }
    } catch (error) {
      const isOurs = error instanceof VillageError
      const code = isOurs ? error.code : 'LINE_MALFORMED'
      yield {
        kind: 'problem',
        number,
        code,
        message: isOurs ? error.message : 'The line is not valid UTF-8.',
      }
    }
  }
}
