/** A model with its matrices moved along random directions of low rank. Runs in worker threads. */
import type { JsonObject } from '../../json.ts'
import { addLowRankNoise, rootMeanSquare } from './low-rank-noise.ts'
import type { TensorCache } from './model-tensors.ts'
import type { PerturbStep } from './perturb-genome.ts'
import { type CandidateName, writeCandidate } from './write-candidate.ts'

export interface PerturbCandidateRequest {
  readonly modelDir: string
  /** Direction k has the seed `seed` + k. */
  readonly seed: number
  readonly steps: readonly PerturbStep[]
  readonly rank: number
  /** The largest step, as a share of the root mean square of a matrix. */
  readonly largest: number
  readonly outDir: string
  readonly card: CandidateName | null
}

/** Rows of names that are tables of constants in the graph, not weights. */
const CONSTANT = /^rotary\./

function moved(
  name: string,
  dims: readonly number[],
  base: Float32Array,
  request: PerturbCandidateRequest,
): Float32Array {
  const [rows, cols] = dims as readonly [number, number]
  const { seed, rank, largest, steps } = request
  const unit = rootMeanSquare(base) * largest
  const sums = Float64Array.from(base)
  for (const { direction, step } of steps)
    addLowRankNoise(sums, { tensor: name, rows, cols, rank, seed: seed + direction, scale: unit * step })
  return Float32Array.from(sums)
}

/** Vectors (norms, biases) stay as they are. Memory: the model in the cache, and three times its largest matrix. */
export async function buildPerturbed(
  cache: TensorCache,
  request: PerturbCandidateRequest,
): Promise<JsonObject> {
  const { modelDir, outDir, card } = request
  const model = cache.open(modelDir)
  const matrices = [...model.infos.values()].filter(
    ({ name, dims }) => dims.length === 2 && !CONSTANT.test(name),
  )
  const values = new Map(
    request.steps.length === 0
      ? []
      : matrices.map(({ name, dims }) => [name, () => moved(name, dims, model.read(name), request)] as const),
  )
  await writeCandidate({ modelDir, outDir, values, card })
  return { tensors: values.size }
}
