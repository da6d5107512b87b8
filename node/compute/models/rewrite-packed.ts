import { VillageError } from '../../errors.ts'
import type { RuntimeForm } from '../codecs/codec.ts'
import type { Kernels } from '../kernels.ts'
import { openModel } from '../onnx/read.ts'
import { type RuntimeChoice, type RuntimeLoss, runnableForm } from '../onnx/requantize.ts'
import { type Replacement, type RewrittenWeight, rewriteModel } from '../onnx/rewrite.ts'
import { listWeights, type WeightPlan } from '../onnx/weights.ts'
import { packedSlices, type SliceSource, sliceForm } from './packed-slices.ts'
import { type PreparedSlice, takePrepared } from './prepared-slices.ts'

/** A weight as its slices. */
export type WeightToRun = SliceSource & {
  readonly name: string
  /** Slices that were made ready before, by their index; null for those that were not. */
  readonly prepared?: readonly (PreparedSlice | null)[]
}

export interface RewriteRequest {
  readonly modelPath: string
  readonly outPath: string
  /** How weights run whose codec has no grid of its own. */
  readonly runtime: RuntimeChoice
  /** Whether the copy keeps its data in a file of its own; as in the source, if absent. */
  readonly external?: boolean
  readonly weights: readonly WeightToRun[]
}

/** What became of a weight, and what running it in that form changes against its decoded values. */
export interface RunnableWeight extends RewrittenWeight, RuntimeLoss {}

/**
 * Writes a runnable copy of a model whose weights have the values of packed slices. One slice is unpacked at
 * a time. CODEC_MALFORMED for slices that are damaged or do not make up their weight, INVALID_ARGUMENT for a name that is
 * not a weight.
 */
export async function rewritePacked(
  components: { kernels: Kernels },
  request: RewriteRequest,
  signal: AbortSignal,
): Promise<RunnableWeight[]> {
  using model = openModel(request.modelPath)
  const plans = new Map(listWeights(model, { minElements: 1 }).map((plan) => [plan.name, plan]))
  const replacements = new Map<string, Replacement>()
  const losses = new Map<string, RuntimeLoss>()
  for (const source of request.weights) {
    const plan = plans.get(source.name)
    if (plan === undefined)
      throw new VillageError(
        'INVALID_ARGUMENT',
        `"${source.name}" is not a weight of the model that can be replaced.`,
      )
    const loss: RuntimeLoss = { squaredError: 0, squaredNorm: 0 }
    losses.set(plan.name, loss)
    replacements.set(plan.name, () => runnableForms(components, plan, source, request.runtime, loss))
  }
  const rewritten = await rewriteModel(model, request.outPath, replacements, {
    signal,
    ...(request.external !== undefined && { external: request.external }),
  })
  return rewritten.map((weight) => ({ ...weight, ...losses.get(weight.name)! }))
}

function* runnableForms(
  components: { kernels: Kernels },
  plan: WeightPlan,
  source: WeightToRun,
  wanted: RuntimeChoice,
  loss: RuntimeLoss,
): Generator<RuntimeForm> {
  const quantized = plan.runtime === 'quantized'
  const elementType = plan.tensor.type.code
  const { cols } = plan
  for (const slice of packedSlices(plan, source)) {
    const { index, rows } = slice
    const ready = source.prepared?.[index] ?? null
    // Each slice is summed up by itself: the sums are then the same to the last bit, whether it was made ready or not.
    const own: RuntimeLoss = { squaredError: ready?.squaredError ?? 0, squaredNorm: ready?.squaredNorm ?? 0 }
    const shape = { rows, cols, elementType, quantized }
    yield ready === null
      ? runnableForm(sliceForm(components, slice), shape, wanted, own)
      : takePrepared(ready.file, rows, cols)
    loss.squaredError += own.squaredError
    loss.squaredNorm += own.squaredNorm
  }
}
