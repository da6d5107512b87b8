/** Lists that come in pages: oldest first, after a cursor that stays good while things are added and removed. */
import { VillageError } from '../errors.ts'
import { anyText, integer, type object, orNull } from './schemas.ts'

export interface PageQuery {
  readonly limit?: number
  readonly cursor?: string
}

const PAGE = 1_000
const MAX_PAGE = 10_000
const CURSOR = /^(\d{1,16})\.(.{1,255})$/

/** For the query of a route: both may be left out. */
export const PAGE_QUERY: Parameters<typeof object>[0] = {
  limit: integer(1, MAX_PAGE),
  cursor: { type: 'string', minLength: 1, maxLength: 280 },
}
/** For its answer: what to give as `cursor` for the next page; null after the last. */
export const NEXT: Parameters<typeof object>[0] = { next: orNull(anyText) }

interface Place {
  readonly addedAtMs: number
  readonly key: string
}

const order = (a: Place, b: Place) =>
  a.addedAtMs - b.addedAtMs || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)

function placeOf(cursor: string): Place {
  const [, addedAtMs, key] = CURSOR.exec(cursor) ?? []
  if (addedAtMs === undefined || key === undefined)
    throw new VillageError('INVALID_ARGUMENT', 'query.cursor must be the "next" of an earlier page', {
      fields: { field: 'query.cursor' },
    })
  return { addedAtMs: Number(addedAtMs), key }
}

/** `keyOf` gives the unique name of an item. Throws INVALID_ARGUMENT for a cursor that is none. */
export function pageOf<T extends { readonly addedAtMs: number }>(
  all: readonly T[],
  keyOf: (item: T) => string,
  { limit = PAGE, cursor }: PageQuery,
): { page: T[]; next: string | null } {
  const after = cursor === undefined ? null : placeOf(cursor)
  const rest = all
    .map((item) => ({ item, addedAtMs: item.addedAtMs, key: keyOf(item) }))
    .filter((place) => after === null || order(place, after) > 0)
    .sort(order)
  const page = rest.slice(0, limit)
  const last = page.at(-1)
  const next = last === undefined || page.length === rest.length ? null : `${last.addedAtMs}.${last.key}`
  return { page: page.map(({ item }) => item), next }
}
