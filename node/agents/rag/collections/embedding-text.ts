/** What of a chunk is embedded: with the words that stand above it, which its own text leaves out. */
import type { Chunk } from '../document.ts'

export function embeddingText({ title, headings, text }: Pick<Chunk, 'title' | 'headings' | 'text'>): string {
  // A document's first heading is often its title.
  const above = [title, ...headings].filter(
    (line, index, lines) => line !== '' && lines.indexOf(line) === index,
  )
  return [...above, text].join('\n')
}

/** Scales rows to length 1 in place; a row of zeros, which has no direction, stays. */
export function normaliseRows(vectors: Float32Array, dims: number): void {
  for (let start = 0; start < vectors.length; start += dims) {
    let squares = 0
    for (let at = start; at < start + dims; at++) squares += vectors[at]! * vectors[at]!
    if (squares === 0) continue
    const scale = 1 / Math.sqrt(squares)
    for (let at = start; at < start + dims; at++) vectors[at]! *= scale
  }
}
