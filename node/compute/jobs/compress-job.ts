/** Job kind `compress`: a model's large weights, sliced by rows, through one codec. */
import path from 'node:path'
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import { codecByName } from '../codecs/table.ts'
import { MODEL_FILE } from '../models/model-card.ts'
import { checkModelId } from '../models/registry.ts'
import { readParams } from '../tasks/read-params.ts'
import { assembleCompressed, type SlicedWeight } from './compress-assemble.ts'
import type { JobKind, PlannedTask } from './job.ts'

export interface CompressParams extends JsonObject {
  readonly model: string
  readonly codec: string
  /** Of the codec, before it is fitted to a tensor. */
  readonly params: JsonObject
  /** Id of the compressed model; null makes one of model and codec. */
  readonly id: string | null
  readonly minElements: number
}

/** A second of `seedlm` on an ordinary core; other codecs take less. */
const WEIGHTS_BY_SLICE = 2 ** 18
/** Larger models have larger slices, so that a plan stays a plan. */
const MAX_SLICES = 20_000
/** Smaller weights stay as they are: they are a hundredth of a model and the most sensitive part of it. */
const MIN_ELEMENTS = 16_384

export const compressJob: JobKind = {
  kind: 'compress',
  parseParams(input) {
    const reader = readParams(input)
    const model = reader.text('model', 128)
    const codec = codecByName(reader.text('codec', 32))
    const force = reader.flag('force')
    const given = reader.object('params')
    const id = reader.optionalText('id', 64)
    if (id !== null) checkModelId(id)
    const minElements = reader.integer('minElements', 1, Number.MAX_SAFE_INTEGER, MIN_ELEMENTS)
    reader.end()
    // Only codecs that can ruin a model know `force`; for the others there is nothing to force.
    const params = codec.parseParams(force && codec.needsForce ? { ...given, force } : given)
    return { model, codec: codec.name, params, id, minElements }
  },
  async plan(params, context) {
    const { model: id, codec: codecName, params: codecParams, minElements } = params as CompressParams
    const codec = codecByName(codecName)
    const model = await context.models.need(id)
    if (params.id !== null && (await context.models.get(params.id as string)) !== null)
      throw new VillageError('MODEL_ID_TAKEN', `The id "${params.id}" belongs to another model`, {
        fields: { id: params.id as string },
      })
    const directory = await context.artifacts.materialize(model.cid, context.modelsDirectory)
    const modelPath = path.join(directory, MODEL_FILE)
    const { signal } = context
    const weights = await context.pool.run('model.weights', { modelPath, minElements }, { signal })
    if (weights.length === 0)
      throw new VillageError(
        'MODEL_NOTHING_TO_COMPRESS',
        model.parent === null
          ? undefined
          : `"${model.id}" is compressed already: compress "${model.parent}" instead`,
      )
    const total = weights.reduce((sum, { rows, cols }) => sum + rows * cols, 0)
    const target = Math.max(WEIGHTS_BY_SLICE, Math.ceil(total / MAX_SLICES))
    const plan: PlannedTask[] = []
    for (const { name, rows, cols } of weights) {
      const stats = await context.pool.run('model.tensorStats', { modelPath, name }, { signal })
      const fitted = codec.fit(codecParams, stats)
      const slices = Math.ceil(rows / Math.max(1, Math.floor(target / cols)))
      for (let index = 0; index < slices; index++) {
        const startRow = Math.floor((rows * index) / slices)
        const count = Math.floor((rows * (index + 1)) / slices) - startRow
        plan.push({
          kind: 'compress',
          params: {
            model: model.cid,
            tensor: name,
            startRow,
            rows: count,
            cols,
            codec: codecName,
            params: fitted,
          },
          after: [],
          label: `${name} rows ${startRow}-${startRow + count - 1}`,
        })
      }
    }
    return plan
  },
  async assemble(params, results, context) {
    const given = params as CompressParams
    const weights: SlicedWeight[] = []
    for (const result of results) {
      const { tensor, cols } = result.task.params as { tensor: string; cols: number }
      const last = weights.at(-1)
      if (last?.name === tensor) last.slices.push(result)
      else weights.push({ name: tensor, cols, slices: [result] })
    }
    const cid = results[0]!.task.params.model as string
    return assembleCompressed(given, cid, weights, context)
  },
}
