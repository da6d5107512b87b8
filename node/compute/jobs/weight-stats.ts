/**
 * Statistics of a model's weights, each weight read once: a model is named by its hash and never changes, and who compresses one
 * often compresses it again, with another codec or target. Reading 500 MB of weights takes the owner of a job a second or two
 * of one core, while its peers have nothing to do yet.
 */
import type { TensorStats } from '../codecs/tensor-stats.ts'
import type { Pool } from '../pool.ts'

interface Weight {
  readonly name: string
  readonly rows: number
  readonly cols: number
}

export interface KnownStats {
  get(model: string, name: string): TensorStats | undefined
  add(model: string, name: string, stats: TensorStats): void
}

/** Parts of the model that are read at once. */
const READERS = 2
/** A part has about this many weights: opening the model costs little beside it, and a thread is soon free for others. */
const PART_WEIGHTS = 2 ** 24
/** Some hundred bytes each: a megabyte or two, a dozen large models. */
const MAX_KNOWN = 4_096

/** Forgets what came first beyond `most` weights. */
export function createKnownStats(most = MAX_KNOWN): KnownStats {
  const known = new Map<string, TensorStats>()
  const keyOf = (model: string, name: string) => `${model} ${name}`
  return {
    get: (model, name) => known.get(keyOf(model, name)),
    add(model, name, stats) {
      known.set(keyOf(model, name), stats)
      for (const oldest of known.keys()) {
        if (known.size <= most) break
        known.delete(oldest)
      }
    },
  }
}

/** Of the process: what is known holds for whoever asks. */
const KNOWN = createKnownStats()

/** The weights in their order, cut where a part has enough of them. */
function partsOf(weights: readonly Weight[]): Weight[][] {
  const parts: Weight[][] = []
  let room = 0
  for (const weight of weights) {
    if (room <= 0) {
      parts.push([])
      room = PART_WEIGHTS
    }
    parts.at(-1)!.push(weight)
    room -= weight.rows * weight.cols
  }
  return parts
}

/** In the order of the weights. Throws CODEC_NON_FINITE, and what reading the model throws. */
export async function statsOfWeights(
  components: { readonly pool: Pick<Pool, 'run'>; readonly known?: KnownStats },
  model: { readonly cid: string; readonly modelPath: string },
  weights: readonly Weight[],
  signal: AbortSignal,
): Promise<TensorStats[]> {
  const { pool, known = KNOWN } = components
  const { cid, modelPath } = model
  const found = new Map<string, TensorStats>()
  const unknown: Weight[] = []
  for (const weight of weights) {
    const stats = known.get(cid, weight.name)
    if (stats === undefined) unknown.push(weight)
    else found.set(weight.name, stats)
  }
  const left = partsOf(unknown).values()
  const read = async () => {
    for (const part of left) {
      const names = part.map(({ name }) => name)
      const stats = await pool.run('model.weightStats', { modelPath, names }, { signal })
      for (const [index, name] of names.entries()) {
        found.set(name, stats[index]!)
        known.add(cid, name, stats[index]!)
      }
    }
  }
  await Promise.all(Array.from({ length: READERS }, read))
  return weights.map(({ name }) => found.get(name)!)
}
