/** What is known of the weights of a model before their compression is evolved: exact sizes, and what one would choose first. */
import path from 'node:path'
import type { WeightMatrix } from '../../compute/codecs/codec.ts'
import { codecByName } from '../../compute/codecs/table.ts'
import { REFERENCE } from '../../compute/compress-plan/candidates.ts'
import { sampledRows } from '../../compute/compress-plan/sampled-rows.ts'
import { MODEL_FILE } from '../../compute/models/model-files.ts'
import type { WeightSummary } from '../../compute/models/weight-source.ts'
import { invalid } from '../../compute/tasks/read-params.ts'
import { VillageError } from '../../errors.ts'
import type { CodecRow } from './compress-candidate.ts'
import { MAX_COMPRESS_GROUPS, type WeightGroup } from './compress-genome.ts'
import type { WorkloadContext } from './workload.ts'

export interface WeightsSurvey {
  /** From small to large. */
  readonly choices: readonly CodecRow[]
  readonly groups: readonly WeightGroup[]
  readonly budgetBytes: number
  readonly fullBytes: number
  readonly seeds: readonly (readonly number[])[]
}

/** Texts by which the movement of the outputs is measured. */
const SENSITIVITY_ITEMS = 32
const FLOAT_BYTES = 4
const BITS = 8

interface Surveyed {
  readonly weight: WeightSummary
  /** By choice. */
  readonly bytes: readonly number[]
  /** How far the outputs would move, by choice: to compare, no unit. */
  readonly loss: readonly number[]
}

async function surveyWeight(
  weight: WeightSummary,
  choices: readonly CodecRow[],
  modelDir: string,
  context: WorkloadContext,
  signal: AbortSignal,
): Promise<Surveyed> {
  const { pool, workDirectory } = context
  const { name, rows, cols } = weight
  const modelPath = path.join(modelDir, MODEL_FILE)
  const blocks: WeightMatrix[] = []
  for (const range of sampledRows(weight))
    blocks.push(await pool.run('model.readRows', { modelPath, name, ...range }, { signal }))
  const reference = { ...REFERENCE, params: codecByName(REFERENCE.codec).parseParams(REFERENCE.params) }
  const candidates = [...choices, reference]
  const probed = await pool.run('probe.candidates', { blocks, candidates }, { signal })
  const { movement } = await pool.run(
    'probe.sensitivity',
    {
      modelDirectory: modelDir,
      workDirectory,
      dataPath: null,
      items: SENSITIVITY_ITEMS,
      tensor: name,
      candidate: reference,
    },
    { signal },
  )
  const known = probed.at(-1)!.error
  // Outputs move about in proportion to the error; where nothing can be said, all of a weight counts alike.
  const scale = movement === null || known === 0 ? rows * cols : movement / known
  const own = probed.slice(0, -1)
  return {
    weight,
    bytes: own.map(
      ({ headerBytes, groupBytes, rowGroup }) => headerBytes + groupBytes * Math.ceil(rows / rowGroup),
    ),
    loss: own.map(({ error }) => error * scale),
  }
}

/** Weights side by side in the file share a group where there are more than genes. */
function joinGroups(surveyed: readonly Surveyed[]): Surveyed[][] {
  const size = Math.ceil(surveyed.length / MAX_COMPRESS_GROUPS)
  return Array.from({ length: Math.ceil(surveyed.length / size) }, (_, index) =>
    surveyed.slice(index * size, (index + 1) * size),
  )
}

const sumBy = (rows: readonly Surveyed[], value: (row: Surveyed) => number): number =>
  rows.reduce((sum, row) => sum + value(row), 0)

/** Throws INVALID_ARGUMENT for a budget that no choice meets, MODEL_UNSUPPORTED for a model without weights to compress. */
export async function surveyWeights(
  init: { readonly modelDir: string; readonly choices: readonly CodecRow[]; readonly bitsPerWeight: number },
  context: WorkloadContext,
  signal: AbortSignal,
): Promise<WeightsSurvey> {
  const { modelDir, bitsPerWeight } = init
  const { pool } = context
  const weights = await pool.run('model.weights', { modelPath: path.join(modelDir, MODEL_FILE) }, { signal })
  if (weights.length === 0)
    throw new VillageError('MODEL_UNSUPPORTED', 'The model has no weights to compress.')
  const rows: Surveyed[] = []
  for (const weight of weights) rows.push(await surveyWeight(weight, init.choices, modelDir, context, signal))
  // From small to large, so that like genes are like sizes.
  const order = init.choices
    .map((_, choice) => ({ choice, bytes: sumBy(rows, (row) => row.bytes[choice]!) }))
    .sort((a, b) => a.bytes - b.bytes || a.choice - b.choice)
    .map(({ choice }) => choice)
  const joined = joinGroups(rows)
  const groups = joined.map((own) => ({
    weights: own.map(({ weight }) => weight.name),
    bytes: order.map((choice) => sumBy(own, (row) => row.bytes[choice]!)),
  }))
  const elements = weights.reduce((sum, { rows: height, cols }) => sum + height * cols, 0)
  const budgetBytes = Math.floor((elements * bitsPerWeight) / BITS)
  const options = joined.map((own, group) =>
    order.map((choice, place) => ({
      cost: groups[group]!.bytes[place]!,
      loss: sumBy(own, (row) => row.loss[choice]!),
    })),
  )
  const planned = await pool.run('probe.allocate', { items: options, budget: budgetBytes }, { signal })
  if (planned === null) throw invalid('bitsPerWeight', 'larger: the smallest codecs take more')
  const uniform = order
    .map((_, choice) => groups.map(() => choice))
    .filter(
      (seed) => seed.reduce((sum, choice, group) => sum + groups[group]!.bytes[choice]!, 0) <= budgetBytes,
    )
  const choices = order.map((choice) => init.choices[choice]!)
  return {
    choices,
    groups,
    budgetBytes,
    fullBytes: elements * FLOAT_BYTES,
    seeds: [...uniform, planned.chosen],
  }
}
