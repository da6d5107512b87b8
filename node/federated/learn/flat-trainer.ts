/** A local trainer over one flat vector whose gradient is a function: simulated tasks, and problems whose optimum is known. */
import {
  checkOptimiser,
  globalNorm,
  momentCount,
  type Slot,
  update,
} from '../../compute/training/optimiser.ts'
import type { OptimiserInit } from '../../compute/training/trainer.ts'
import { VillageError } from '../../errors.ts'
import type { LocalTrainer } from './local-steps.ts'

export interface FlatProblem {
  readonly elements: number
  /** Writes the mean gradient of the batch at a place into `gradient`. */
  gradient(
    at: number,
    parameters: Readonly<Float32Array>,
    gradient: Float32Array,
  ): { loss: number; examples: number }
}

/** Throws INVALID_ARGUMENT for factors of the optimiser outside their ranges. */
export function createFlatTrainer(problem: FlatProblem, optimiser: OptimiserInit): LocalTrainer {
  checkOptimiser(optimiser)
  const { elements } = problem
  const make = () => new Float32Array(elements)
  const moments = Array.from({ length: momentCount(optimiser) }, make)
  const slot: Slot = { name: 'all', values: make(), gradient: make(), moments, decays: true }
  let stepsMade = 0
  return {
    elements,
    begin(parameters, from) {
      slot.values.set(parameters)
      stepsMade = from?.step ?? 0
      for (const [index, moment] of moments.entries())
        if (from === null) moment.fill(0)
        else moment.set(from.moments[index]!)
    },
    async step(at, { learningRate, clipNorm, correct }) {
      const { values, gradient } = slot
      const made = problem.gradient(at, values, gradient)
      const norm = globalNorm([gradient])
      if (!Number.isFinite(norm) || !Number.isFinite(made.loss))
        throw new VillageError('TRAIN_DIVERGED', `The loss is no number any more at step ${stepsMade + 1}`)
      if (clipNorm !== null && norm > clipNorm)
        for (let i = 0; i < elements; i++) gradient[i] = gradient[i]! * (clipNorm / norm)
      correct?.(0, gradient, values)
      stepsMade += 1
      update(optimiser, slot, { learningRate, scale: 1, step: stepsMade })
      return made
    },
    parameters: () => slot.values.slice(),
    optimiser: () => ({ step: stepsMade, moments: moments.map((moment) => moment.slice()) }),
  }
}
