/** Why nothing was found: the filters, or a field that no document has. */
import type { DocumentRecord } from '../document.ts'
import { fieldOf } from '../index/filter-documents.ts'
import type { FieldFilter } from '../search-types.ts'
import type { SearchWarning } from './search-answer.ts'

/** Documents that are looked at for the fields of a filter. */
export const FILTER_PROBE = 20

/** `found`: documents of the best passages without the filters; null where there are none either. */
export function filteredOut(
  filters: readonly FieldFilter[],
  found: readonly DocumentRecord[],
): SearchWarning | null {
  if (found.length === 0) return null
  const names = [...new Set(filters.map(({ field }) => field))]
  const absent = names.filter((name) => found.every((record) => fieldOf(record, name) === null))
  const why =
    absent.length === 0
      ? 'no document that would be found meets them'
      : `none of the ${found.length} best documents has the field ${absent.map((name) => `"${name}"`).join(', ')}`
  return { code: 'FILTERED_OUT', message: `Without the filters there are passages: ${why}.` }
}
