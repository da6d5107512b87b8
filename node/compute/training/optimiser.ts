/** AdamW and SGD with momentum over plain arrays, in a fixed order: the same gradients give the same weights, bit for bit. */
import { VillageError } from '../../errors.ts'
import type { OptimiserInit } from './trainer.ts'

/** One parameter's values; all arrays have its length. */
export interface Slot {
  readonly name: string
  readonly values: Float32Array
  readonly gradient: Float32Array
  readonly moments: readonly Float32Array[]
  /** Matrices decay; biases and the scales of norms do not. */
  readonly decays: boolean
}

export interface Update {
  readonly learningRate: number
  /** What each gradient is multiplied with first: 1 / labels, and the clipping. */
  readonly scale: number
  /** 1 for the first update. */
  readonly step: number
}

/** How many running means the optimiser keeps for each parameter. */
export function momentCount(init: OptimiserInit): number {
  if (init.kind === 'adamw') return 2
  return init.momentum === 0 ? 0 : 1
}

/** Throws INVALID_ARGUMENT for factors outside their ranges. */
export function checkOptimiser(init: OptimiserInit): void {
  const inUnit = (value: number) => value >= 0 && value < 1
  const valid =
    init.weightDecay >= 0 &&
    Number.isFinite(init.weightDecay) &&
    (init.kind === 'adamw' ? init.betas.every(inUnit) && init.epsilon > 0 : inUnit(init.momentum))
  if (!valid) throw new VillageError('INVALID_ARGUMENT', 'A factor of the optimiser lies outside its range.')
}

export function update(init: OptimiserInit, slot: Slot, at: Update): void {
  if (init.kind === 'adamw') adamw(init, slot, at)
  else sgd(init, slot, at)
}

/** Decoupled weight decay (Loshchilov & Hutter, arXiv 1711.05101, algorithm 2) with bias correction (Kingma & Ba, arXiv 1412.6980). */
function adamw(init: Extract<OptimiserInit, { kind: 'adamw' }>, slot: Slot, at: Update): void {
  const { values, gradient, moments, decays } = slot
  const [mean, square] = moments as readonly [Float32Array, Float32Array]
  const { learningRate, scale, step } = at
  const [beta1, beta2] = init.betas
  const rate = learningRate / (1 - beta1 ** step)
  const correction = 1 / Math.sqrt(1 - beta2 ** step)
  const keep = decays ? 1 - learningRate * init.weightDecay : 1
  const { epsilon } = init
  for (let i = 0; i < values.length; i++) {
    const g = gradient[i]! * scale
    const m = beta1 * mean[i]! + (1 - beta1) * g
    const v = beta2 * square[i]! + (1 - beta2) * g * g
    mean[i] = m
    square[i] = v
    values[i] = values[i]! * keep - (rate * m) / (Math.sqrt(v) * correction + epsilon)
  }
}

/** Momentum as m ← μ m + g, w ← w − η m (Sutskever et al., ICML 2013, as most trainers write it); the decay is decoupled too. */
function sgd(init: Extract<OptimiserInit, { kind: 'sgd' }>, slot: Slot, at: Update): void {
  const { values, gradient, moments, decays } = slot
  const { learningRate, scale } = at
  const keep = decays ? 1 - learningRate * init.weightDecay : 1
  const [velocity] = moments
  for (let i = 0; i < values.length; i++) {
    let g = gradient[i]! * scale
    if (velocity !== undefined) {
      g += init.momentum * velocity[i]!
      velocity[i] = g
    }
    values[i] = values[i]! * keep - learningRate * g
  }
}

/** √Σ g² over all parameters, summed in double precision in their order. */
export function globalNorm(gradients: Iterable<Float32Array>): number {
  let sum = 0
  for (const gradient of gradients)
    for (let i = 0; i < gradient.length; i++) sum += gradient[i]! * gradient[i]!
  return Math.sqrt(sum)
}
