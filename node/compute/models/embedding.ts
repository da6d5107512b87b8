/** Embeddings as a service of the daemon: texts by a registered encoder, in pieces over the threads of the pool. */
import { VillageError } from '../../errors.ts'
import type { Artifacts } from '../../mesh/artifacts/artifacts.ts'
import type { Pool } from '../pool.ts'
import type { Models } from './registry.ts'
import type { Embeddings } from './sentence-encoder.ts'

export interface Embedding {
  /**
   * Vectors of texts, in their order. Throws MODEL_UNKNOWN, MODEL_NOT_ENCODER, SESSION_FAILED, TOKENIZER_INVALID, and the
   * signal's reason.
   */
  embed(model: string, texts: readonly string[], signal: AbortSignal): Promise<Embeddings>
}

/** Texts of one operation: small enough that several threads share the work and a cancelled request ends soon. */
const PIECE = 32

export function createEmbedding(
  components: {
    models: Pick<Models, 'need'>
    artifacts: Pick<Artifacts, 'materialize'>
    pool: Pick<Pool, 'run'>
  },
  init: { modelsDirectory: string },
): Embedding {
  const { models, artifacts, pool } = components
  return {
    async embed(model, texts, signal) {
      const entry = await models.need(model)
      if (entry.kind !== 'encoder')
        throw new VillageError('MODEL_NOT_ENCODER', `"${entry.id}" is of the kind ${entry.kind}`, {
          fields: { model: entry.id, kind: entry.kind },
        })
      const modelDir = await artifacts.materialize(entry.cid, init.modelsDirectory)
      const starts = Array.from({ length: Math.ceil(texts.length / PIECE) }, (_, index) => index * PIECE)
      const parts = await Promise.all(
        starts.map((start) =>
          pool.run('encoder.embed', { modelDir, texts: texts.slice(start, start + PIECE) }, { signal }),
        ),
      )
      const dims = parts[0]?.dims ?? 0
      const vectors = new Float32Array(texts.length * dims)
      const tokens = new Int32Array(texts.length)
      const truncated = new Uint8Array(texts.length)
      for (const [index, part] of parts.entries()) {
        vectors.set(part.vectors, index * PIECE * dims)
        tokens.set(part.tokens, index * PIECE)
        truncated.set(part.truncated, index * PIECE)
      }
      return { dims, vectors, tokens, truncated }
    },
  }
}
