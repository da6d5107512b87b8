/** What the generated index of the bench consists of: the process that fills it and the one that searches it agree on it. */
import type { GeneratorInit } from './rag-generated.ts'

export const GENERATED: GeneratorInit = { seed: 1, dims: 512, chunksPerDocument: 5, wordsPerChunk: 150 }
export const CHUNKS = 200_000
