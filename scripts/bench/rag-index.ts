/** An index of one directory, written and read in this thread: what the benches of search measure with. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { createIndexReader } from '../../node/agents/rag/index/index-reader.ts'
import { createIndexWriter } from '../../node/agents/rag/index/index-writer.ts'
import { createIndex } from '../../node/agents/rag/index/manifest-file.ts'
import { indexJudgedDocuments } from '../../node/agents/rag/query/judged-index.ts'
import { createLocalBackend, hostOfReader } from '../../node/agents/rag/query/local-backend.ts'
import { createSearch, type Search } from '../../node/agents/rag/query/search.ts'
import type { SearchCollection } from '../../node/agents/rag/query/search-options.ts'
import type { SearchBackend } from '../../node/agents/rag/search-types.ts'
import { createPassageEmbedder, type EmbedTexts } from '../../node/agents/rag/vectors/embed-passages.ts'
import type { JudgedDocument } from '../../node/compute/evaluate/judged-collection.ts'
import { writeEmbeddedEncoder } from '../../node/compute/models/embedded-encoder.ts'
import { workerEncoder } from '../../node/compute/models/worker-encoder.ts'
import { createLog } from '../../node/log.ts'
import type { BenchContext } from './bench.ts'

const DATA = fileURLToPath(new URL('../../../shared/data/ir/', import.meta.url))
const ENCODER = 'encoder'
const SAY_EVERY_MS = 10_000
/** As a collection has it by default. */
const SEGMENT_CHUNKS = 10_000

export const judgedFolder = (name: string): string => path.join(DATA, name)

export interface BenchIndex {
  readonly backend: SearchBackend
  readonly search: Search
  readonly collection: SearchCollection
}

/** A temporary directory with the embedded encoder in it; it is removed when `use` ends. */
export async function withEncoder(
  use: (embed: EmbedTexts, directory: string) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const directory = mkdtempSync(path.join(tmpdir(), 'village-bench-rag-'))
  try {
    const modelDir = path.join(directory, 'encoder')
    writeEmbeddedEncoder(modelDir)
    await use((texts) => workerEncoder.embed({ modelDir, texts }, signal), directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** `vectors` null: each document is embedded, which takes minutes for thousands. */
export async function withIndex(
  context: BenchContext,
  init: {
    directory: string
    name: string
    documents: readonly JudgedDocument[]
    embed: EmbedTexts
    dims: number
    vectorsOf?: (index: number) => Float32Array
  },
  use: (index: BenchIndex) => Promise<void>,
): Promise<void> {
  const { log, signal } = context
  const { name, documents, embed, dims, vectorsOf } = init
  const directory = path.join(init.directory, name)
  createIndex(directory, { maxSegmentChunks: SEGMENT_CHUNKS, dims })
  const writer = createIndexWriter(directory)
  let row = 0
  let saidAtMs = performance.now()
  const given = async (passages: readonly unknown[]) => {
    const vectors = new Float32Array(passages.length * dims)
    for (let at = 0; at < passages.length; at++) vectors.set(vectorsOf!(row++), at * dims)
    return { dims, vectors }
  }
  try {
    await indexJudgedDocuments(
      {
        target: { add: async (batch) => writer.add(batch), commit: async () => writer.commit() },
        embed: vectorsOf === undefined ? createPassageEmbedder(embed) : given,
      },
      documents,
      {
        language: 'en',
        onDocuments: (done) => {
          if (performance.now() - saidAtMs < SAY_EVERY_MS) return
          saidAtMs = performance.now()
          log(`${name}: ${done} of ${documents.length} documents`)
        },
      },
      signal,
    )
    while (writer.maintain()) signal.throwIfAborted()
  } finally {
    writer.close()
  }
  const reader = createIndexReader(directory)
  try {
    await use({
      backend: createLocalBackend(
        { host: hostOfReader(reader) },
        { indexes: [{ name, directory, encoder: ENCODER }], peer: 'bench' },
      ),
      search: createSearch({
        embed: async (_model, texts) => ({
          ...(await embed(texts)),
          truncated: new Uint8Array(texts.length),
        }),
        log: createLog({ level: 'silent' }),
      }),
      collection: { name, languages: ['en'], encoder: ENCODER, weight: 0.5, chunks: documents.length },
    })
  } finally {
    reader.close()
  }
}
