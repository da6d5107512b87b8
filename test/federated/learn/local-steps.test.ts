/** Strategies on quadratic problems whose optimum is known: two clients that pull in different directions with different force. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { OptimiserInit } from '../../../node/compute/training/trainer.ts'
import { createFlatTrainer } from '../../../node/federated/learn/flat-trainer.ts'
import { type LocalInit, type LocalRule, trainLocally } from '../../../node/federated/learn/local-steps.ts'
import {
  controlStep,
  type ServerOptimiser,
  serverDefaults,
  serverMoments,
  serverStep,
} from '../../../node/federated/learn/server-optimisers.ts'
import { rejectsCode } from '../../helpers/throws.ts'

const signal = new AbortController().signal
const SGD: OptimiserInit = { kind: 'sgd', momentum: 0, weightDecay: 0 }
/** fᵢ(x) = Σ aᵢ/2 (x − bᵢ)². */
const CLIENTS = [
  { a: [1, 4], b: [0, 1] },
  { a: [10, 2], b: [1, -1] },
]
/** Where the mean of the two is least: Σ aᵢ bᵢ / Σ aᵢ. */
const OPTIMUM = [10 / 11, (4 - 2) / 6]

const trainerOf = ({ a, b }: (typeof CLIENTS)[number], optimiser: OptimiserInit = SGD) =>
  createFlatTrainer(
    {
      elements: a.length,
      gradient(_at, x, gradient) {
        let loss = 0
        for (let i = 0; i < a.length; i++) {
          gradient[i] = a[i]! * (x[i]! - b[i]!)
          loss += (a[i]! / 2) * (x[i]! - b[i]!) ** 2
        }
        return { loss, examples: 1 }
      },
    },
    optimiser,
  )

const INIT: LocalInit = {
  rule: 'plain',
  steps: 10,
  firstBatch: 0,
  learningRate: 0.05,
  clipNorm: null,
  proximal: 0,
  control: null,
  optimiser: null,
}

async function federate(init: {
  rule: LocalRule
  rounds: number
  local?: Partial<LocalInit>
  server?: ServerOptimiser
  renewal?: 'gradient' | 'difference'
}): Promise<Float32Array> {
  const server = init.server ?? serverDefaults('mean')
  const parameters = new Float32Array(2)
  const moments = serverMoments(server, 2)
  const control = new Float32Array(2)
  const own: Float32Array[] = CLIENTS.map(() => new Float32Array(2))
  for (let round = 0; round < init.rounds; round++) {
    const mean = new Float32Array(2)
    const change = new Float32Array(2)
    for (const [index, client] of CLIENTS.entries()) {
      const { renewal = 'difference' } = init
      const result = await trainLocally(
        trainerOf(client),
        parameters,
        {
          ...INIT,
          rule: init.rule,
          ...init.local,
          control: init.rule === 'control' ? { server: control, own: own[index]!, renewal } : null,
        },
        signal,
      )
      for (let i = 0; i < 2; i++) mean[i]! += result.delta[i]! / CLIENTS.length
      if (result.control === null) continue
      own[index] = result.control.own
      for (let i = 0; i < 2; i++) change[i]! += result.control.change[i]! / CLIENTS.length
    }
    serverStep(server, parameters, mean, moments)
    controlStep(control, change, { reported: 2, clients: 2 })
  }
  return parameters
}

const distance = (x: Float32Array) => Math.hypot(x[0]! - OPTIMUM[0]!, x[1]! - OPTIMUM[1]!)

/** Where FedAvg rests: each client shrinks its distance by (1 − η a)ᴷ, and the mean of the moves is zero. */
function restOfPlain(): number[] {
  return [0, 1].map((i) => {
    const pull = CLIENTS.map(({ a }) => 1 - (1 - INIT.learningRate * a[i]!) ** INIT.steps)
    return (pull[0]! * CLIENTS[0]!.b[i]! + pull[1]! * CLIENTS[1]!.b[i]!) / (pull[0]! + pull[1]!)
  })
}

test('FedAvg drifts with many local steps: it rests where its fixed point is, away from the optimum', async () => {
  const x = await federate({ rule: 'plain', rounds: 200 })
  for (const [i, rest] of restOfPlain().entries()) assert.ok(Math.abs(x[i]! - rest) < 1e-4, `${x[i]} ${rest}`)
  assert.ok(distance(x) > 0.15, String(distance(x)))
})

test('FedAvg with one local step is gradient descent, and finds the optimum', async () => {
  assert.ok(distance(await federate({ rule: 'plain', rounds: 400, local: { steps: 1 } })) < 1e-4)
})

for (const renewal of ['gradient', 'difference'] as const)
  test(`SCAFFOLD finds the optimum with the same local steps, renewing by ${renewal}`, async () => {
    const x = await federate({ rule: 'control', rounds: 300, renewal })
    assert.ok(distance(x) < 1e-4, String(distance(x)))
  })

test('FedProx drifts less, the less the stronger its pull', async () => {
  const plain = distance(await federate({ rule: 'plain', rounds: 400 }))
  const weak = distance(await federate({ rule: 'proximal', rounds: 400, local: { proximal: 1 } }))
  const strong = distance(await federate({ rule: 'proximal', rounds: 400, local: { proximal: 8 } }))
  assert.ok(weak < plain * 0.97 && strong < weak * 0.8, `${plain} ${weak} ${strong}`)
})

test('the proximal rule adds μ (w − x) to the gradient', async () => {
  const from = Float32Array.of(0, 0)
  const { delta } = await trainLocally(
    trainerOf(CLIENTS[0]!),
    from,
    { ...INIT, rule: 'proximal', proximal: 3, steps: 2, learningRate: 0.1 },
    signal,
  )
  // Second coordinate by hand: w₁ = 0.4; gradient 4 (0.4 − 1) + 3 · 0.4 = −1.2; w₂ = 0.52.
  assert.ok(Math.abs(delta[1]! - 0.52) < 1e-6, String(delta[1]))
})

/** Three updates by hand, from the formulas of the papers in double precision. */
function byHand(init: ServerOptimiser, deltas: readonly number[]): number {
  let x = 0
  let m = 0
  let v = init.adaptivity ** 2
  for (const d of deltas) {
    if (init.name === 'mean') x += init.rate * d
    else if (init.name === 'nesterov') {
      // Sutskever's form: the gradient is −Δ, and the step looks ahead by one momentum.
      m = init.momentum * m + d
      x += init.rate * (init.momentum * m + d)
    } else {
      m = init.momentum * m + (1 - init.momentum) * d
      if (init.name === 'adagrad') v += d ** 2
      if (init.name === 'adam') v = init.decay * v + (1 - init.decay) * d ** 2
      if (init.name === 'yogi') v -= (1 - init.decay) * d ** 2 * Math.sign(v - d ** 2)
      x += (init.rate * m) / (Math.sqrt(v) + init.adaptivity)
    }
  }
  return x
}

for (const name of ['mean', 'adagrad', 'yogi', 'adam', 'nesterov'] as const)
  test(`the server optimiser ${name} makes the steps of its paper, and finds the optimum of a quadratic`, async () => {
    const init = serverDefaults(name)
    const deltas = [0.5, -0.25, 0.125]
    const x = new Float32Array(1)
    const moments = serverMoments(init, 1)
    for (const delta of deltas) serverStep(init, x, Float32Array.of(delta), moments)
    assert.ok(Math.abs(x[0]! - byHand(init, deltas)) < 1e-6)
    // Adagrad's steps shrink with every round: it needs a larger rate to come as far.
    const rate = name === 'adagrad' ? 0.3 : init.rate
    const found = await federate({
      rule: 'plain',
      rounds: 1500,
      local: { steps: 1 },
      server: { ...init, rate },
    })
    assert.ok(distance(found) < 0.02, `${name} ${distance(found)}`)
  })

test('the local optimiser goes on from its moments, and a loss that is no number ends the round', async () => {
  const adamw: OptimiserInit = { kind: 'adamw', betas: [0.9, 0.95], epsilon: 1e-8, weightDecay: 0 }
  const start = Float32Array.of(2, 2)
  const whole = await trainLocally(trainerOf(CLIENTS[0]!, adamw), start, { ...INIT, steps: 6 }, signal)
  const first = await trainLocally(trainerOf(CLIENTS[0]!, adamw), start, { ...INIT, steps: 3 }, signal)
  const middle = start.map((value, i) => value + first.delta[i]!)
  const second = await trainLocally(
    trainerOf(CLIENTS[0]!, adamw),
    middle,
    { ...INIT, steps: 3, optimiser: first.optimiser },
    signal,
  )
  for (let i = 0; i < 2; i++) assert.ok(Math.abs(first.delta[i]! + second.delta[i]! - whole.delta[i]!) < 1e-6)
  await rejectsCode(
    trainLocally(trainerOf({ a: [1e30, 1], b: [1e30, 0] }), start, { ...INIT, learningRate: 10 }, signal),
    'TRAIN_DIVERGED',
  )
})

test.run()
