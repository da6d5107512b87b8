/** The headings and pages of a chunk, and where in it each begins. */
import type { Chunk } from '../document.ts'
import type { Unit } from './units.ts'

interface Part {
  readonly start: number
  readonly page: number | null
  path: readonly string[]
  /** Nothing but headings so far: they belong to what follows them. */
  isOpening: boolean
}

/**
 * Of the chunk of these units. `lines` is a heading of the whole chunk (lines of source code), or null. A table that the chunk begins
 * in the middle of has its first line as a heading.
 */
export function chunkPlaces(
  units: readonly Unit[],
  lines: string | null,
): Pick<Chunk, 'headings' | 'page' | 'sections'> {
  const first = units[0]!
  const parts: Part[] = []
  for (const unit of units) {
    const isSameTable = first.tableHeader !== null && unit.tableHeader === first.tableHeader
    const path = isSameTable ? [...unit.path, first.tableHeader] : unit.path
    const last = parts.at(-1)
    const isHeading = unit.kind === 'heading'
    const continues =
      last !== undefined &&
      last.page === unit.page &&
      last.path.every((heading, level) => heading === path[level]) &&
      (last.path.length === path.length || last.isOpening)
    if (continues) {
      last.path = path
      last.isOpening &&= isHeading
    } else parts.push({ start: unit.start - first.start, page: unit.page, path, isOpening: isHeading })
  }
  const below = lines === null ? [] : [lines]
  const headings = [...new Set([...parts.flatMap(({ path }) => path), ...below])]
  if (parts.length === 1) return { headings, page: first.page }
  const sections = parts.map(({ start, page, path }) => ({
    start,
    page,
    headings: [...new Set([...path, ...below])].map((heading) => headings.indexOf(heading)),
  }))
  return { headings, page: first.page, sections }
}
