import { readFileSync } from 'node:fs'
import { VillageError } from '../../errors.ts'
import type { RuntimeForm } from '../codecs/codec.ts'
import { codecById } from '../codecs/table.ts'
import { readSlice } from '../codecs/wire.ts'
import type { Kernels } from '../kernels.ts'
import { joinForms } from '../onnx/nbits.ts'
import { openModel } from '../onnx/read.ts'
import { type RewrittenWeight, rewriteModel } from '../onnx/rewrite.ts'
import { listWeights, type WeightPlan } from '../onnx/weights.ts'

export interface RewriteRequest {
  readonly modelPath: string
  readonly outPath: string
  readonly weights: readonly {
    readonly name: string
    /** Packed slices, in the order of their rows: files, or their bytes. */
    readonly slices: readonly (string | Uint8Array)[]
  }[]
}

/**
 * Writes a runnable copy of a model whose weights have the values of packed slices. One weight is unpacked at
 * a time. CODEC_MALFORMED for a damaged slice, INVALID_ARGUMENT for slices that do not make up their weight.
 */
export async function rewritePacked(
  components: { kernels: Kernels },
  request: RewriteRequest,
  signal: AbortSignal,
): Promise<RewrittenWeight[]> {
  using model = openModel(request.modelPath)
  const plans = new Map(listWeights(model, { minElements: 1 }).map((plan) => [plan.name, plan]))
  const replacements = new Map<string, () => RuntimeForm>()
  for (const { name, slices } of request.weights) {
    const plan = plans.get(name)
    if (plan === undefined)
      throw new VillageError(
        'INVALID_ARGUMENT',
        `"${name}" is not a weight of the model that can be replaced.`,
      )
    replacements.set(name, () => unpackWeight(components.kernels, plan, slices))
  }
  return await rewriteModel(model, request.outPath, replacements, { signal })
}

function unpackWeight(
  kernels: Kernels,
  plan: WeightPlan,
  slices: readonly (string | Uint8Array)[],
): RuntimeForm {
  let rows = 0
  const forms = slices.map((source) => {
    const packed = typeof source === 'string' ? readFileSync(source) : source
    const slice = readSlice(packed)
    if (slice.cols !== plan.cols)
      throw new VillageError(
        'INVALID_ARGUMENT',
        `A slice of "${plan.name}" has ${slice.cols} columns, not ${plan.cols}.`,
      )
    rows += slice.rows
    return codecById(slice.codecId).runtimeForm(packed, kernels)
  })
  if (rows !== plan.rows)
    throw new VillageError(
      'INVALID_ARGUMENT',
      `The slices of "${plan.name}" have ${rows} rows, not ${plan.rows}.`,
    )
  return joinForms(plan.name, forms)
}
