/** Which chunks of a segment the filters of a query let through, worked out once and kept for the next query like it. */
import type { DocumentRecord } from '../document.ts'
import type { FieldFilter } from '../search-types.ts'
import type { SearchWork, Steps } from '../search-work.ts'
import type { Segment } from '../segment/segment.ts'
import { type Bits, createBits, setBit } from './tombstones.ts'

type FieldValue = string | number | boolean | null

/** Of each segment: values of the fields that were asked for last, and results of the last filters. */
const KEPT_COLUMNS = 8
const KEPT_RESULTS = 16

/** What a document has in a field; null: nothing. */
export function fieldOf(record: DocumentRecord, field: string): FieldValue {
  if (field === 'document') return record.id
  if (field === 'language' || field === 'mediaType' || field === 'source' || field === 'title')
    return record[field]
  if (field === 'modifiedAtMs') return record.modifiedAtMs
  return Object.hasOwn(record.fields, field) ? record.fields[field]! : null
}

/** Numbers are compared as numbers and texts as texts; a document without the field is only ever `not-equals`. */
export function passes(value: FieldValue, { test, value: wanted }: FieldFilter): boolean {
  if (test === 'equals') return value === wanted
  if (test === 'not-equals') return value !== wanted
  if (value === null || typeof value !== typeof wanted) return false
  if (test === 'below') return value < wanted
  if (test === 'above') return value > wanted
  return typeof value === 'string' && value.startsWith(String(wanted))
}

/** The least recently used goes first. */
function keep<T>(kept: Map<string, T>, key: string, most: number, value: T): T {
  kept.delete(key)
  kept.set(key, value)
  if (kept.size > most) kept.delete(kept.keys().next().value!)
  return value
}

/** Of what a document's record always has. */
const COMMON_FIELDS = ['document', 'language', 'mediaType', 'source', 'title', 'modifiedAtMs']
/** Names that are remembered, so that a field which no document has is not looked for. */
const MOST_NAMES = 1_024
/** Of work: to read the record of a document, and to test a value. */
const RECORD_UNITS = 256
const TEST_UNITS = 1
const DOCUMENTS_IN_A_GO = 256

export interface DocumentFilter {
  /** The chunks of documents for which all filters hold; null: no filter, all chunks. */
  accepted(filters: readonly FieldFilter[], work: SearchWork): Steps<Bits | null>
}

export function createDocumentFilter(segment: Segment): DocumentFilter {
  const columns = new Map<string, FieldValue[]>()
  const results = new Map<string, Bits>()
  /** Null as long as the records were not read, or have too many. */
  let names: ReadonlySet<string> | null = null

  /** By field. What is not known yet is read from the records in one go, however many fields it is. */
  function* columnsOf(fields: Iterable<string>, work: SearchWork): Steps<Map<string, FieldValue[]>> {
    const wanted = new Map<string, FieldValue[]>()
    const read = new Map<string, FieldValue[]>()
    for (const field of fields) {
      const known = names?.has(field) === false ? [] : columns.get(field)
      if (known === undefined) read.set(field, [])
      wanted.set(field, known ?? read.get(field)!)
    }
    if (read.size > 0) {
      let inGo = 0
      const seen = new Set(COMMON_FIELDS)
      for (const record of segment.documents()) {
        for (const [field, values] of read) values.push(fieldOf(record, field))
        if (seen.size <= MOST_NAMES) for (const name of Object.keys(record.fields)) seen.add(name)
        if (++inGo < DOCUMENTS_IN_A_GO) continue
        if (work.spend(inGo * (RECORD_UNITS + read.size))) yield
        inGo = 0
      }
      if (work.spend(inGo * (RECORD_UNITS + read.size))) yield
      if (seen.size <= MOST_NAMES) names = seen
    }
    for (const [field, values] of wanted) if (values.length > 0) keep(columns, field, KEPT_COLUMNS, values)
    return wanted
  }

  const isById = ({ field, test }: FieldFilter): boolean => field === 'document' && test === 'equals'

  function* bitsOf(filters: readonly FieldFilter[], work: SearchWork): Steps<Bits> {
    const { chunks, documents } = segment.header
    const bits = createBits(chunks)
    const holds = new Uint8Array(documents).fill(1)
    const fields = new Set(filters.filter((filter) => !isById(filter)).map(({ field }) => field))
    const wanted = yield* columnsOf(fields, work)
    for (const filter of filters) {
      if (work.spend(documents * TEST_UNITS)) yield
      if (isById(filter)) {
        const found = segment.findDocument(String(filter.value))
        for (let document = 0; document < documents; document++) if (document !== found) holds[document] = 0
        continue
      }
      const column = wanted.get(filter.field)!
      for (let document = 0; document < documents; document++)
        if (!passes(column[document] ?? null, filter)) holds[document] = 0
    }
    for (let document = 0; document < documents; document++) {
      if (holds[document] === 0) continue
      const end = segment.firstChunk(document + 1)
      for (let chunk = segment.firstChunk(document); chunk < end; chunk++) setBit(bits, chunk)
    }
    return bits
  }

  return {
    *accepted(filters, work) {
      if (filters.length === 0) return null
      const key = JSON.stringify(filters.map(({ field, test, value }) => [field, test, value]).sort())
      return keep(results, key, KEPT_RESULTS, results.get(key) ?? (yield* bitsOf(filters, work)))
    },
  }
}
