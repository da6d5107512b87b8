/** Which chunks of a segment the filters of a query let through, worked out once and kept for the next query like it. */
import type { DocumentRecord } from '../document.ts'
import type { FieldFilter } from '../search-types.ts'
import type { Segment } from '../segment/segment.ts'
import { type Bits, createBits, setBit } from './tombstones.ts'

type FieldValue = string | number | boolean | null

/** Of each segment: values of the fields that were asked for last, and results of the last filters. */
const KEPT_COLUMNS = 4
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
function keep<T>(kept: Map<string, T>, key: string, most: number, make: () => T): T {
  const known = kept.get(key)
  const value = known ?? make()
  kept.delete(key)
  kept.set(key, value)
  if (kept.size > most) kept.delete(kept.keys().next().value!)
  return value
}

export interface DocumentFilter {
  /** The chunks of documents for which all filters hold; null: no filter, all chunks. */
  accepted(filters: readonly FieldFilter[]): Bits | null
}

export function createDocumentFilter(segment: Segment): DocumentFilter {
  const columns = new Map<string, FieldValue[]>()
  const results = new Map<string, Bits>()

  const columnOf = (field: string): FieldValue[] =>
    keep(columns, field, KEPT_COLUMNS, () => {
      const values: FieldValue[] = []
      for (const record of segment.documents()) values.push(fieldOf(record, field))
      return values
    })

  function work(filters: readonly FieldFilter[]): Bits {
    const { chunks, documents } = segment.header
    const bits = createBits(chunks)
    const holds = new Uint8Array(documents).fill(1)
    for (const filter of filters) {
      if (filter.field === 'document' && filter.test === 'equals') {
        const found = segment.findDocument(String(filter.value))
        for (let document = 0; document < documents; document++) if (document !== found) holds[document] = 0
        continue
      }
      const column = columnOf(filter.field)
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
    accepted(filters) {
      if (filters.length === 0) return null
      const key = JSON.stringify(filters.map(({ field, test, value }) => [field, test, value]).sort())
      return keep(results, key, KEPT_RESULTS, () => work(filters))
    },
  }
}
