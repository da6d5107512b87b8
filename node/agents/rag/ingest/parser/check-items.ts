/**
 * What a parser process sends was made from hostile files by large libraries, so that it is checked like text from the network
 * before the daemon believes it. Anything that the process itself would never send ends it.
 */
import { VillageError } from '../../../../errors.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../../../../json.ts'
import { readSections } from '../../chunk-sections.ts'
import type { DocumentFields } from '../../document.ts'
import type { ChunkDraft } from '../parsed-file.ts'
import type { DocumentHead, FromParser, ParserItem } from './messages.ts'

const MAX_TEXT = 16 * 2 ** 20
const MAX_LINE = 4096
const MAX_LIST = 4096

function fail(what: string): never {
  throw new VillageError('PARSE_FAILED', `The parser process sent something that is not valid: ${what}.`)
}

function text(value: JsonValue | undefined, what: string, max = MAX_LINE): string {
  return typeof value === 'string' && value.length <= max ? value : fail(what)
}

function textOrNull(value: JsonValue | undefined, what: string): string | null {
  return value === null ? null : text(value, what)
}

function count(value: JsonValue | undefined, what: string): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : fail(what)
}

function list(value: JsonValue | undefined, what: string): readonly JsonValue[] {
  return Array.isArray(value) && value.length <= MAX_LIST ? value : fail(what)
}

function object(value: JsonValue | undefined, what: string): JsonObject {
  return isJsonObject(value) ? value : fail(what)
}

function fields(value: JsonValue | undefined): DocumentFields {
  const checked: Record<string, string | number | boolean> = {}
  for (const [name, one] of Object.entries(object(value, 'fields'))) {
    if (typeof one !== 'string' && typeof one !== 'number' && typeof one !== 'boolean') fail('a field')
    checked[name] = one
  }
  return checked
}

function head(value: JsonValue | undefined): DocumentHead {
  const one = object(value, 'a document')
  const language = textOrNull(one.language, 'a language')
  if (language !== null && !/^[a-z]{2}$/.test(language)) fail('a language')
  const contentHash = text(one.contentHash, 'a hash')
  if (!/^[0-9a-f]{64}$/.test(contentHash)) fail('a hash')
  return {
    source: text(one.source, 'a source'),
    contentHash,
    sizeBytes: count(one.sizeBytes, 'a size'),
    modifiedAtMs: count(one.modifiedAtMs, 'a time'),
    title: textOrNull(one.title, 'a title'),
    language,
    mediaType: text(one.mediaType, 'a media type'),
    fields: fields(one.fields),
    warnings: list(one.warnings, 'warnings').map((warning) => text(warning, 'a warning')),
    signature: textOrNull(one.signature, 'a signature'),
  }
}

function chunk(value: JsonValue): ChunkDraft {
  const one = object(value, 'a chunk')
  const start = count(one.start, 'an offset')
  const end = count(one.end, 'an offset')
  const body = text(one.text, 'the text of a chunk', MAX_TEXT)
  if (end - start !== body.length) fail('the offsets of a chunk')
  const headings = list(one.headings, 'headings').map((heading) => text(heading, 'a heading'))
  const sections =
    one.sections === undefined ? undefined : readSections(one.sections, { headings, text: body })
  if (sections === null) fail('the sections of a chunk')
  return {
    ordinal: count(one.ordinal, 'an ordinal'),
    title: text(one.title, 'a title'),
    headings,
    text: body,
    ...(sections !== undefined && { sections }),
    page: one.page === null ? null : count(one.page, 'a page'),
    start,
    end,
  }
}

function item(value: JsonValue): ParserItem {
  const one = object(value, 'an item')
  const file = count(one.file, 'an index')
  switch (one.kind) {
    case 'document':
      return { kind: 'document', file, head: head(one.head), chunkCount: count(one.chunkCount, 'a count') }
    case 'chunks':
      return { kind: 'chunks', file, chunks: list(one.chunks, 'chunks').map(chunk) }
    case 'problem':
      return {
        kind: 'problem',
        file,
        source: text(one.source, 'a source'),
        code: text(one.code, 'a code'),
        message: text(one.message, 'a message'),
      }
    case 'done':
      return { kind: 'done', file, isComplete: one.isComplete === true }
    default:
      return fail('the kind of an item')
  }
}

/** Throws PARSE_FAILED. */
export function checkFromParser(value: unknown): FromParser {
  const message = object(value as JsonValue, 'a message')
  if (message.type === 'ready') return { type: 'ready' }
  if (message.type !== 'results') return fail('the type of a message')
  return { type: 'results', items: list(message.items, 'items').map(item) }
}
