/** Compares the gradients of a whole trainer with differences of its own loss. */
import type { Trainer, TrainerState, TrainingBatch } from '../../node/compute/training/trainer.ts'
import { derivative, spread } from './gradient-check.ts'

export interface CheckedParameter {
  readonly name: string
  /** Largest difference along a direction of length 1, as a share of the gradient's length. */
  readonly error: number
}

const ADAPTER_SCALE = 0.1
const NEVER = new AbortController().signal

/** Gradients of the mean loss, as a step of plain gradient descent (rate 1, no momentum, no decay) shows them. */
async function gradientsOf(trainer: Trainer, given: TrainingBatch): Promise<Map<string, Float32Array>> {
  const before = trainer.state()
  await trainer.accumulate(given, NEVER)
  trainer.step({ learningRate: 1, clipNorm: null })
  const after = trainer.state()
  trainer.restore(before)
  return new Map(
    [...before.parameters].map(([name, values]) => [
      name,
      values.map((value, at) => value - after.parameters.get(name)![at]!),
    ]),
  )
}

const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, at) => sum + value * b[at]!, 0)

function unit(values: Float32Array): Float32Array {
  const length = Math.sqrt(dot(values, values))
  return length === 0 ? values : values.map((value) => value / length)
}

/** The derivative of the mean loss along a direction in one parameter. */
async function slope(
  trainer: Trainer,
  given: TrainingBatch,
  state: TrainerState,
  name: string,
  direction: Float32Array,
): Promise<number> {
  const found = await derivative(async (step) => {
    const moved = state.parameters.get(name)!.map((value, i) => value + step * direction[i]!)
    trainer.restore({ ...state, parameters: new Map([...state.parameters, [name, moved]]) })
    const { lossSum, count } = await trainer.loss(given, NEVER)
    return lossSum / count
  })
  trainer.restore(state)
  return found
}

/**
 * Every parameter of a trainer with plain gradient descent, along its gradient and along a random direction. A gradient that
 * is shorter than `floor` of the longest one is compared with that: float32 cannot show it.
 */
export async function checkTrainer(
  trainer: Trainer,
  given: TrainingBatch,
  floor: number,
): Promise<CheckedParameter[]> {
  // Away from where adapters start: with B zero, A has no gradient.
  const start = trainer.state()
  const parameters = new Map(
    [...start.parameters].map(([name, values], at) => [
      name,
      name.includes('lora_') ? spread(values.length, at).map((value) => value * ADAPTER_SCALE) : values,
    ]),
  )
  const state = { ...start, parameters }
  trainer.restore(state)
  const gradients = await gradientsOf(trainer, given)
  const norms = [...gradients.values()].map((gradient) => Math.sqrt(dot(gradient, gradient)))
  const largest = Math.max(...norms)
  const checked: CheckedParameter[] = []
  for (const [index, [name, gradient]] of [...gradients].entries()) {
    const scale = Math.max(norms[index]!, largest * floor)
    let error = 0
    for (const direction of [unit(gradient), unit(spread(gradient.length, index))]) {
      const numeric = await slope(trainer, given, state, name, direction)
      error = Math.max(error, Math.abs(numeric - dot(gradient, direction)) / scale)
    }
    checked.push({ name, error })
  }
  trainer.restore(start)
  return checked
}
