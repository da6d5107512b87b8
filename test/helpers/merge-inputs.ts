/** Tensors that are related as those of models trained from one base are, and inputs of merge methods made of them. */
import { normalOfWord } from '../../node/compute/training/normal.ts'
import { counterRandom } from '../../node/compute/training/philox.ts'
import type {
  MergeInput,
  MergeMethod,
  ParameterSpec,
  Parameters,
} from '../../node/federated/merge/methods/method.ts'

function normals(elements: number, seed: number, stream: number): number[] {
  const random = counterRandom(seed, stream)
  return Array.from({ length: elements }, (_, at) => normalOfWord(random.word(at)))
}

/** A base of spread 0.05, and models that moved from it in a direction that they partly share. */
export function relatedTensors(init: { models: number; elements: number; seed: number }): {
  base: Float32Array
  tensors: Float32Array[]
} {
  const { models, elements, seed } = init
  const base = Float32Array.from(normals(elements, seed, 0), (value) => 0.05 * value)
  const shared = normals(elements, seed, 1)
  const tensors = Array.from({ length: models }, (_, model) => {
    const own = normals(elements, seed, 2 + model)
    return base.map((value, at) => value + 0.01 * (shared[at]! + own[at]!))
  })
  return { base, tensors }
}

const filled = (specs: Readonly<Record<string, ParameterSpec>>, given: Parameters): Parameters => ({
  ...Object.fromEntries(Object.entries(specs).map(([key, { absent }]) => [key, absent ?? 1])),
  ...given,
})

/** Parameters that are not given have their defaults, those without one are 1. */
export function mergeInput(
  method: MergeMethod,
  init: {
    name: string
    dims: readonly number[]
    tensors: readonly Float32Array[]
    base: Float32Array | null
    seed?: number
    parameters?: readonly Parameters[]
    globals?: Parameters
  },
): MergeInput {
  const { tensors, base, parameters, globals = {}, seed = 0 } = init
  return {
    name: init.name,
    dims: init.dims,
    models: tensors.length,
    read: (model) => tensors[model]!,
    readBase: base === null ? null : () => base,
    parameters: tensors.map((_, model) => filled(method.byModel, parameters?.[model] ?? {})),
    globals: filled(method.global, globals),
    seed,
  }
}
