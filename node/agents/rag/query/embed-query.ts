import type { Embedding } from '../../../compute/models/embedding.ts'
import { VillageError } from '../../../errors.ts'
import type { Log } from '../../../log.ts'
import type { QueryPlan } from './plan-query.ts'
import type { SearchWarning } from './search-answer.ts'

export interface QueryVector {
  /** Of length 1; null: the search goes by words alone. */
  readonly vector: Float32Array | null
  readonly warning: SearchWarning | null
}

/**
 * The vector of a query's words. Where words can do the work alone (`hybrid`), an encoder that is not on this node or fails is
 * a warning of the answer; in the mode `vectors` it is the error that it is.
 */
export async function embedQuery(
  components: { embed: Embedding['embed']; log: Log },
  plan: Pick<QueryPlan, 'encoder' | 'mode' | 'words'>,
  signal: AbortSignal,
): Promise<QueryVector> {
  const { encoder, mode, words } = plan
  if (encoder === null) return { vector: null, warning: null }
  try {
    const { vectors } = await components.embed(encoder, [words], signal)
    const vector = unit(vectors)
    if (vector === null)
      throw new VillageError('SESSION_FAILED', 'The encoder gave a vector without a direction.')
    return { vector, warning: null }
  } catch (error) {
    if (signal.aborted || mode === 'vectors') throw error
    const isKnown = error instanceof VillageError
    // The answer says so each time; the log only needs what nobody expects.
    components.log[isKnown ? 'debug' : 'warn'](
      { err: error, model: encoder },
      'a query could not be embedded',
    )
    const code = isKnown ? error.code : 'INTERNAL'
    return {
      vector: null,
      warning: {
        code: 'EMBEDDING_FAILED',
        message: `The query could not be embedded (${code}): passages are ranked by words alone.`,
      },
    }
  }
}

function unit(vector: Float32Array): Float32Array | null {
  let norm = 0
  for (const value of vector) norm += value ** 2
  if (!(norm > 0 && Number.isFinite(norm))) return null
  const scale = 1 / Math.sqrt(norm)
  return vector.map((value) => value * scale)
}
