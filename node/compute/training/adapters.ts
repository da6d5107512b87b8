/** LoRA (Hu et al., arXiv 2106.09685): which of a model's adapter matrices are trained, and how they start. */
import { VillageError } from '../../errors.ts'
import type { OnnxModel } from '../onnx/read.ts'
import { counterRandom } from './philox.ts'
import type { Trainable } from './trainer.ts'

export interface AdapterChoice {
  readonly trained: boolean
  readonly dims: readonly [number, number]
  /** What the value is multiplied with in the graph: alpha / rank for B. */
  readonly scale: number
}

const DOWN = '.lora_A'
const UP = '.lora_B'

/**
 * The adapter inputs of the graph by name. Throws TRAIN_MODEL_UNSUITABLE for LoRA on a graph that was built without, and
 * INVALID_ARGUMENT for modules that it does not have.
 */
export function chooseAdapters(model: OnnxModel, trainable: Trainable): Map<string, AdapterChoice> {
  const choices = new Map<string, AdapterChoice>()
  const modules: string[] = []
  const missing = new Set(trainable.kind === 'lora' ? trainable.modules : undefined)
  const wanted = [...missing]
  for (const { name, dims = [] } of model.graph.inputs) {
    const isDown = name.endsWith(DOWN)
    if (!isDown && !name.endsWith(UP)) continue
    const module = name.slice(0, -DOWN.length)
    if (isDown) modules.push(module)
    const hits = wanted.filter((part) => module === part || module.endsWith(`.${part}`))
    for (const part of hits) missing.delete(part)
    const trained = trainable.kind === 'lora' && (trainable.modules === undefined || hits.length > 0)
    const rank = trainable.kind === 'lora' ? trainable.rank : 1
    // The other axis is the rank, which is open.
    const size = Number(dims[isDown ? 0 : 1])
    choices.set(name, {
      trained,
      dims: isDown ? [size, rank] : [rank, size],
      scale: isDown || trainable.kind !== 'lora' ? 1 : trainable.alpha / rank,
    })
  }
  if (trainable.kind === 'lora' && modules.length === 0)
    throw new VillageError(
      'TRAIN_MODEL_UNSUITABLE',
      'The model was built without adapter inputs, which LoRA needs.',
    )
  const [unknown] = missing
  if (unknown !== undefined)
    throw new VillageError(
      'INVALID_ARGUMENT',
      `The model has no module "${unknown}" that an adapter can be added to.`,
      {
        fields: { module: unknown },
      },
    )
  return choices
}

/** A is uniform in ±1/√inputs, from a counter-based generator with a stream of its own for each module; B is zero. */
export function initialAdapter(
  name: string,
  dims: readonly number[],
  index: number,
  seed: number,
): Float32Array {
  const [inputs = 1, rank = 0] = dims
  const values = new Float32Array(inputs * rank)
  if (!name.endsWith(DOWN)) return values
  const random = counterRandom(seed, index)
  const bound = inputs ** -0.5
  for (let at = 0; at < values.length; at++) values[at] = ((random.word(at) + 0.5) / 2 ** 31 - 1) * bound
  return values
}
