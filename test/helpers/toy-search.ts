/** A search over a few passages in a space of three directions, for tests of the pipeline. */
import { createSearch } from '../../node/agents/rag/query/search.ts'
import type { SearchCollection, SearchOptions } from '../../node/agents/rag/query/search-options.ts'
import { createLog } from '../../node/log.ts'
import { createNaiveBackend, type NaiveDocument } from './naive-backend.ts'

export const log = createLog({ level: 'silent' })
export const signal = new AbortController().signal

/** A space of three directions: heat, water, birds. */
export const DIRECTIONS = ['heat', 'water', 'bird']
export const direction = (text: string): number[] => {
  const counts = DIRECTIONS.map((word) => (text.toLowerCase().includes(word) ? 1 : 0.1))
  const norm = Math.hypot(...counts)
  return counts.map((count) => count / norm)
}
export const asked: string[] = []
export const embed = async (model: string, texts: readonly string[]) => {
  asked.push(`${model}: ${texts.join('|')}`)
  const vectors = Float32Array.from(texts.flatMap((text) => direction(text).map((value) => value * 3)))
  return { dims: 3, vectors, tokens: new Int32Array(texts.length), truncated: new Uint8Array(texts.length) }
}
export const search = createSearch({ embed, log })

export const document = (source: string, title: string, ...texts: string[]): NaiveDocument => ({
  source,
  title,
  chunks: texts.map((text) => ({ text, vector: direction(`${title} ${text}`) })),
  fields: { year: source.length },
})
export const LIBRARY = [
  document(
    'slab.md',
    'Slabs',
    'Heat transfer through a composite slab.',
    'The slab was cooled by water.',
    'A slab again.',
  ),
  document('river.md', 'Rivers', 'Water flows where the transfer of heat is small.'),
  document('gull.md', 'Birds', 'A gull is a bird. Heat does not trouble it.'),
  document('thrift.md', 'Composite heat', 'Nothing of note is transferred here.'),
]
export const collection = (name: string, more: Partial<SearchCollection> = {}): SearchCollection => ({
  name,
  languages: ['en'],
  encoder: 'toy',
  weight: 0.5,
  chunks: 10,
  ...more,
})
export const run = (
  options: Partial<SearchOptions> & { text: string },
  backend = createNaiveBackend({ library: LIBRARY }),
) => search.search(backend, { collections: [collection('library')], ...options }, signal)
export const sources = (answer: Awaited<ReturnType<typeof run>>) =>
  answer.hits.map(({ record }) => record.source)
