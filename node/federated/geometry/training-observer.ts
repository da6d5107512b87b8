/** Looks on while a model is trained (compute/training/observer.ts): the geometry of its hidden states, and the sign of grokking. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { MomentsKernels } from '../../compute/kernels/moments.ts'
import type { BatchSource } from '../../compute/training/batches.ts'
import type { TrainingObserver } from '../../compute/training/observer.ts'
import { IGNORED_LABEL, type Trainer } from '../../compute/training/trainer.ts'
import type { JsonObject, JsonValue } from '../../json.ts'
import { detectGrokking, type GrokkingLook } from './grokking.ts'
import type { MatrixReader } from './matrix-reader.ts'
import type { Points } from './nearest-neighbours.ts'
import { hiddenGeometry, weightsGeometry } from './snapshot.ts'

/** Hidden states that are looked at: a standard error of 3% of the dimension. */
const MAX_POINTS = 1_024
/** The trainer's weights are copied for the look. */
const MAX_PARAMETERS = 16_000_000

export function createTrainingObserver(components: {
  kernels: () => Pick<MomentsKernels, 'addMoments'>
  nowMs: () => number
}): TrainingObserver {
  return async (at, { trainer, data }, earlier, signal) => {
    const fromMs = components.nowMs()
    const pause = async () => {
      await nextTurn()
      signal.throwIfAborted()
    }
    const tools = { kernels: components.kernels(), pause }
    const hidden = await hiddenGeometry(await heldOutStates(trainer, data, signal), tools)
    const weights = await weightsGeometry(matricesOf(trainer), tools)
    const tookMs = Math.round(components.nowMs() - fromMs)
    const line = { ...at, ...hidden, ...weights, tookMs }
    const sign = detectGrokking([...earlier, line].map(lookOf)).at(-1)
    const isNew = sign !== undefined && sign.step === at.step
    return { line: { ...line, grokking: isNew }, finding: isNew ? sign : null }
  }
}

const numberOrNull = (value: JsonValue | undefined): number | null =>
  typeof value === 'number' ? value : null

/** A line that was written here, as far as the sign needs it. */
export const lookOf = (line: JsonObject): GrokkingLook => ({
  step: Number(line.step),
  loss: Number(line.loss),
  dimension: numberOrNull(line.dimension),
  standardError: numberOrNull(line.standardError),
})

/**
 * The last hidden states at tokens that predict something, evenly spread over the held-out batches. Neighbours in a row are no
 * independent points; with every row of the held-out part in it, they are few among many.
 */
async function heldOutStates(
  trainer: Pick<Trainer, 'hidden'>,
  data: Pick<BatchSource, 'heldOut' | 'heldOutBatches'>,
  signal: AbortSignal,
): Promise<Points> {
  const parts: Float32Array[] = []
  let dims = 1
  const share = Math.ceil(MAX_POINTS / Math.max(1, data.heldOutBatches))
  for (let index = 0; index < data.heldOutBatches; index++) {
    await nextTurn()
    const batch = data.heldOut(index)
    const states = await trainer.hidden(batch, signal)
    if (states === null) break
    dims = states.width
    const counted = [...batch.labels.keys()].filter((at) => batch.labels[at] !== IGNORED_LABEL)
    const most = Math.min(share, counted.length)
    for (let pick = 0; pick < most; pick++) {
      const at = counted[Math.floor((pick * counted.length) / most)]!
      parts.push(states.values.slice(at * dims, (at + 1) * dims))
    }
  }
  const values = new Float32Array(parts.length * dims)
  for (const [at, part] of parts.entries()) values.set(part, at * dims)
  return { values, count: parts.length, dims }
}

function matricesOf(trainer: Pick<Trainer, 'parameters' | 'state'>): MatrixReader[] {
  const { parameters } = trainer
  const size = parameters.reduce((sum, { dims }) => sum + dims.reduce((a, b) => a * b, 1), 0)
  if (size > MAX_PARAMETERS) return []
  const values = trainer.state().parameters
  return parameters
    .filter(({ dims }) => dims.length === 2)
    .map(({ name, dims: [rows, cols] }) => ({
      rows: rows!,
      cols: cols!,
      read: (start: number, count: number) =>
        values.get(name)!.subarray(start * cols!, (start + count) * cols!),
    }))
}
