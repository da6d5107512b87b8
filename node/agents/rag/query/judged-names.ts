/** By which names judgements may call a document of a collection. */
import type { DocumentRecord } from '../document.ts'

export interface JudgedNames {
  isKnown(name: string): boolean
  of(document: string): readonly string[]
}

const PAGE = 500
/** Of JSON lines in BEIR's layout, and in many others. */
const ID_FIELDS = ['_id', 'id']

/** A document is known by its id, its source, and a field `_id` or `id`. */
export async function judgedNames(
  page: (request: { after?: string; limit: number }) => Promise<readonly DocumentRecord[]>,
): Promise<JudgedNames> {
  const names = new Map<string, readonly string[]>()
  const known = new Set<string>()
  for (let after: string | undefined; ; ) {
    const records = await page({ ...(after !== undefined && { after }), limit: PAGE })
    for (const record of records) {
      const own = namesOf(record)
      names.set(record.id, own)
      for (const name of own) known.add(name)
    }
    after = records.at(-1)?.id
    if (records.length < PAGE) break
  }
  return { isKnown: (name) => known.has(name), of: (document) => names.get(document) ?? [] }
}

function namesOf({ id, source, fields }: DocumentRecord): string[] {
  const values = ID_FIELDS.flatMap((field) => (Object.hasOwn(fields, field) ? [String(fields[field])] : []))
  return [...new Set([id, source, ...values])]
}
