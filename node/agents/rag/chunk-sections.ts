/** Where in a chunk pages and headings begin: what a sentence of it is cited by. */
import type { Chunk, ChunkSection } from './document.ts'

/** Headings above one section: six levels, the header of a table, lines of code; some more is not refused. */
const MAX_ABOVE = 64

export interface Place {
  readonly page: number | null
  /** Outermost first. */
  readonly headings: readonly string[]
}

type Sectioned = Pick<Chunk, 'headings' | 'page' | 'sections'>

/** Index of the section that an offset in the chunk's text lies in; 0 where the chunk is all one. */
export function sectionAt(
  { sections = [] }: { readonly sections?: readonly Pick<ChunkSection, 'start'>[] },
  offset: number,
): number {
  let found = 0
  while (found + 1 < sections.length && sections[found + 1]!.start <= offset) found++
  return found
}

/** Page and headings at an offset in the chunk's text. */
export function placeAt(chunk: Sectioned, offset: number): Place {
  const section = chunk.sections?.[sectionAt(chunk, offset)]
  if (section === undefined) return { page: chunk.page, headings: chunk.headings }
  return { page: section.page, headings: section.headings.map((index) => chunk.headings[index]!) }
}

/**
 * Sections as they came from a file or a peer; null for what is none: there are two or more, they rise from 0 and lie within the
 * text, and their headings are of the chunk.
 */
export function readSections(
  value: unknown,
  chunk: { readonly headings: readonly string[]; readonly text: string },
): readonly ChunkSection[] | null {
  if (!Array.isArray(value) || value.length < 2 || value.length > chunk.text.length) return null
  const sections: ChunkSection[] = []
  let before = -1
  for (const given of value as unknown[]) {
    if (typeof given !== 'object' || given === null) return null
    const { start, page, headings } = given as Partial<Record<keyof ChunkSection, unknown>>
    const isNext = isCount(start) && start < chunk.text.length && (before < 0 ? start === 0 : start > before)
    if (!isNext || (page !== null && !isCount(page)) || !Array.isArray(headings)) return null
    const above: number[] = []
    for (const index of headings as unknown[]) {
      if (!isCount(index) || index >= chunk.headings.length || above.length === MAX_ABOVE) return null
      above.push(index)
    }
    sections.push({ start, page, headings: above })
    before = start
  }
  return sections
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 0xffff_ffff
}
