/** Answers of the search protocol as values. What a peer sends is checked for its form here; for its truth, by routing/check-answer.ts. */
import { VillageError } from '../../../errors.ts'
import {
  type CandidateMessage,
  type ChunkMessage,
  SEARCH_LIMITS,
  type SearchResponseFrame,
} from '../../../mesh/protocols/search.ts'
import { readSections } from '../chunk-sections.ts'
import type { DocumentFields, DocumentRecord } from '../document.ts'
import type { Candidate, SearchOutcome, SegmentStatistics, StoredChunk } from '../search-types.ts'

export const NO_ANSWER: SearchResponseFrame = {
  code: '',
  statistics: [],
  lexical: [],
  vectors: [],
  chunks: [],
  absent: [],
}

function malformed(reason: string): VillageError {
  return new VillageError('PROTOCOL_MALFORMED', `An answer to a query is malformed: ${reason}`)
}

/** `asked` are the segments of the request, in its order. */
export function encodeStatisticsAnswer(
  asked: readonly string[],
  terms: readonly string[],
  found: readonly SegmentStatistics[],
): Pick<SearchResponseFrame, 'statistics' | 'absent'> {
  const bySegment = new Map(found.map((part) => [part.segment, part]))
  const absent: number[] = []
  const statistics = asked.flatMap((id, segment) => {
    const part = bySegment.get(id)
    if (part === undefined) {
      absent.push(segment)
      return []
    }
    const { chunks, totalLength, documentFrequency } = part
    const frequencies = terms.map((term) => documentFrequency.get(term) ?? 0)
    return [{ segment, chunks, totalLength, frequencies }]
  })
  return { statistics, absent }
}

/** Throws PROTOCOL_MALFORMED. */
export function decodeStatisticsAnswer(
  asked: readonly string[],
  terms: readonly string[],
  answer: SearchResponseFrame,
): SegmentStatistics[] {
  return answer.statistics.map(({ segment, chunks, totalLength, frequencies }) => {
    const id = asked[segment]
    if (id === undefined || frequencies.length !== terms.length)
      throw malformed('statistics are not of what was asked')
    const documentFrequency = new Map<string, number>()
    terms.forEach((term, index) => {
      if (frequencies[index]! > 0) documentFrequency.set(term, frequencies[index]!)
    })
    return { segment: id, chunks, totalLength, documentFrequency }
  })
}

/** Throws PROTOCOL_MALFORMED. */
export function decodeAbsent(asked: readonly string[], answer: SearchResponseFrame): string[] {
  return answer.absent.map((position) => {
    const id = asked[position]
    if (id === undefined) throw malformed('a segment is absent that was not asked for')
    return id
  })
}

export function encodeOutcome(
  asked: readonly string[],
  outcome: SearchOutcome,
): Pick<SearchResponseFrame, 'lexical' | 'vectors'> {
  const position = new Map(asked.map((id, index) => [id, index]))
  const encode = ({ segment, chunk, document, ordinal, lexical, cosine }: Candidate): CandidateMessage => ({
    segment: position.get(segment)!,
    chunk,
    document: Buffer.from(document, 'hex'),
    ordinal,
    lexical: lexical ?? undefined,
    cosine: cosine ?? undefined,
  })
  return { lexical: outcome.lexical.map(encode), vectors: outcome.vectors.map(encode) }
}

/** Throws PROTOCOL_MALFORMED. */
export function decodeOutcome(asked: readonly string[], answer: SearchResponseFrame): SearchOutcome {
  const decode = (message: CandidateMessage): Candidate => {
    const segment = asked[message.segment]
    if (segment === undefined) throw malformed('a candidate is of a segment that was not asked for')
    return {
      segment,
      chunk: message.chunk,
      document: Buffer.from(message.document).toString('hex'),
      ordinal: message.ordinal,
      lexical: message.lexical ?? null,
      cosine: message.cosine ?? null,
    }
  }
  return { lexical: answer.lexical.map(decode), vectors: answer.vectors.map(decode) }
}

/** Null where it does not fit into an answer: nobody wants a passage of a megabyte. */
export function encodeChunk(chunk: StoredChunk): ChunkMessage | null {
  const {
    segment,
    chunk: index,
    document,
    ordinal,
    title,
    headings,
    text,
    page,
    sections,
    start,
    end,
    language,
    record,
  } = chunk
  const content = Buffer.from(
    JSON.stringify({
      document,
      ordinal,
      title,
      headings,
      text,
      page,
      sections,
      start,
      end,
      language,
      record,
    }),
  )
  if (content.byteLength > SEARCH_LIMITS.maxTextBytes + SEARCH_LIMITS.maxRecordBytes) return null
  return { segment: Buffer.from(segment, 'hex'), chunk: index, content }
}

type Plain = Record<string, unknown>

const isPlain = (value: unknown): value is Plain =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const text = (value: unknown): string => {
  if (typeof value !== 'string') throw malformed('a passage has something else where a text must be')
  return value
}
const textOrNull = (value: unknown): string | null => (value === null ? null : text(value))
const count = (value: unknown): number => {
  if (!Number.isSafeInteger(value) || (value as number) < 0)
    throw malformed('a passage has no possible number')
  return value as number
}
const ID = /^[0-9a-f]{32}$/
const idOf = (value: unknown): string => {
  if (!ID.test(text(value))) throw malformed('a passage is of no document')
  return value as string
}

function decodeFields(value: unknown): DocumentFields {
  if (!isPlain(value)) throw malformed('a document has no fields')
  for (const field of Object.values(value))
    if (!['string', 'number', 'boolean'].includes(typeof field)) throw malformed('a field is of another type')
  return value as DocumentFields
}

function decodeRecord(value: unknown): DocumentRecord {
  if (!isPlain(value)) throw malformed('a passage has no document')
  const modifiedAtMs = value.modifiedAtMs
  if (typeof modifiedAtMs !== 'number' || !Number.isFinite(modifiedAtMs))
    throw malformed('a document has no possible time')
  return {
    id: idOf(value.id),
    source: text(value.source),
    title: textOrNull(value.title),
    language: textOrNull(value.language),
    mediaType: text(value.mediaType),
    contentHash: text(value.contentHash),
    sizeBytes: count(value.sizeBytes),
    modifiedAtMs,
    fields: decodeFields(value.fields),
  }
}

/** Throws PROTOCOL_MALFORMED. */
export function decodeChunk(message: ChunkMessage): StoredChunk {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(message.content).toString('utf8'))
  } catch (error) {
    throw new VillageError('PROTOCOL_MALFORMED', 'A passage of a peer cannot be read', { cause: error })
  }
  if (!isPlain(value) || !Array.isArray(value.headings)) throw malformed('a passage has not the parts of one')
  const record = decodeRecord(value.record)
  const document = idOf(value.document)
  if (record.id !== document) throw malformed('a passage is of another document than its record')
  const headings = value.headings.map(text)
  const sections =
    value.sections === undefined
      ? undefined
      : readSections(value.sections, { headings, text: text(value.text) })
  if (sections === null) throw malformed('the sections of a passage are none of it')
  return {
    segment: Buffer.from(message.segment).toString('hex'),
    chunk: message.chunk,
    document,
    ordinal: count(value.ordinal),
    title: text(value.title),
    headings,
    text: text(value.text),
    ...(sections !== undefined && { sections }),
    page: value.page === null ? null : count(value.page),
    start: count(value.start),
    end: count(value.end),
    language: textOrNull(value.language),
    record,
  }
}
