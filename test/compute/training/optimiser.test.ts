import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  checkOptimiser,
  globalNorm,
  momentCount,
  type Slot,
  update,
} from '../../../node/compute/training/optimiser.ts'
import type { OptimiserInit } from '../../../node/compute/training/trainer.ts'
import { throwsCode } from '../../helpers/throws.ts'

const test = suite('optimiser')

const ADAMW: OptimiserInit = { kind: 'adamw', betas: [0.9, 0.99], epsilon: 1e-8, weightDecay: 0.1 }
const SGD: OptimiserInit = { kind: 'sgd', momentum: 0.9, weightDecay: 0.1 }

function slotOf(init: OptimiserInit, values: readonly number[], decays = true): Slot {
  const moments = Array.from({ length: momentCount(init) }, () => new Float32Array(values.length))
  return {
    name: 'w',
    values: Float32Array.from(values),
    gradient: new Float32Array(values.length),
    moments,
    decays,
  }
}

/** d/dw of ½ c (w − a)² for each element. */
const TARGETS = [2, -1, 0.5]
const CURVATURES = [1, 3, 0.2]

/** The updates as the papers write them, in double precision, one number at a time. */
function byThePaper(init: OptimiserInit, start: readonly number[], steps: number, rate: number): number[] {
  return start.map((first, at) => {
    let w = first
    let m = 0
    let v = 0
    for (let t = 1; t <= steps; t++) {
      const g = CURVATURES[at]! * (w - TARGETS[at]!)
      if (init.kind === 'adamw') {
        const [b1, b2] = init.betas
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g ** 2
        const corrected = m / (1 - b1 ** t)
        w -= rate * (corrected / (Math.sqrt(v / (1 - b2 ** t)) + init.epsilon) + init.weightDecay * w)
      } else {
        m = init.momentum * m + g
        w -= rate * (m + init.weightDecay * w)
      }
    }
    return w
  })
}

function byTheOptimiser(
  init: OptimiserInit,
  start: readonly number[],
  steps: number,
  rate: number,
): Float32Array {
  const slot = slotOf(init, start)
  const scale = 0.25
  for (let step = 1; step <= steps; step++) {
    for (let at = 0; at < start.length; at++)
      slot.gradient[at] = (CURVATURES[at]! * (slot.values[at]! - TARGETS[at]!)) / scale
    update(init, slot, { learningRate: rate, scale, step })
  }
  return slot.values
}

for (const [title, init] of [
  ['AdamW', ADAMW],
  ['SGD with momentum', SGD],
  ['plain SGD', { ...SGD, momentum: 0 }],
] as const)
  test(`${title} makes the updates of its paper`, () => {
    const start = [0.3, -0.7, 1.1]
    const found = byTheOptimiser(init, start, 25, 0.02)
    for (const [at, expected] of byThePaper(init, start, 25, 0.02).entries())
      assert.ok(Math.abs(found[at]! - expected) < 1e-5, `${found[at]} for ${expected}`)
  })

test('what does not decay keeps its value where the gradient is zero', () => {
  for (const init of [ADAMW, SGD]) {
    const slot = slotOf(init, [1, -2, 3], false)
    update(init, slot, { learningRate: 0.5, scale: 1, step: 1 })
    assert.equal([...slot.values], [1, -2, 3])
    const decayed = slotOf(init, [1, -2, 3])
    update(init, decayed, { learningRate: 0.5, scale: 1, step: 1 })
    assert.ok(Math.abs(decayed.values[2]! - 3 * 0.95) < 1e-6)
  }
})

test('the norm is that of all gradients together', () => {
  assert.is(globalNorm([Float32Array.of(3, 0), Float32Array.of(0, 4)]), 5)
  assert.is(globalNorm([]), 0)
})

test('factors outside their ranges are refused', () => {
  const wrong: OptimiserInit[] = [
    { ...SGD, momentum: 1 },
    { ...SGD, weightDecay: -1 },
    { kind: 'adamw', betas: [0.9, 1], epsilon: 1e-8, weightDecay: 0 },
    { kind: 'adamw', betas: [0.9, 0.99], epsilon: 0, weightDecay: 0 },
    { kind: 'adamw', betas: [0.9, 0.99], epsilon: 1e-8, weightDecay: Number.NaN },
  ]
  for (const init of wrong) throwsCode(() => checkOptimiser(init), 'INVALID_ARGUMENT')
  for (const init of [ADAMW, SGD]) checkOptimiser(init)
})

test.run()
