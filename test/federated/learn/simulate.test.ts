/** Whole federations with virtual clients: strategies, codecs, drop-outs, privacy, liars; and the task itself. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { counterRandom } from '../../../node/compute/training/philox.ts'
import { dirichlet } from '../../../node/federated/learn/dirichlet.ts'
import { readFederateConfig } from '../../../node/federated/learn/read-federate-spec.ts'
import { type SimulateInit, simulate } from '../../../node/federated/learn/simulate.ts'
import { createNetwork } from '../../../node/federated/learn/simulated-network.ts'
import { classificationWorld } from '../../../node/federated/learn/simulated-worlds.ts'

const signal = new AbortController().signal
const BASE = {
  name: 'simulated',
  rounds: 12,
  clients: { minimum: 2, target: 12, overSelection: 1 },
  local: { steps: 8, batch: 10, learningRate: 0.15 },
  simulation: { clients: 60, alpha: 0.3, classes: 5, features: 8, hidden: 12, examples: 40 },
}

async function run(over: object, init: Partial<SimulateInit> = {}) {
  const { spec } = readFederateConfig({ ...BASE, ...over }, true)
  const result = await simulate(
    spec,
    classificationWorld(spec),
    { nowMs: () => 0, onRound: () => undefined, ...init },
    signal,
  )
  return { ...result, last: result.rounds.at(-1)! }
}

test('the gradient of the network is that of central differences', () => {
  for (const hidden of [0, 5]) {
    const network = createNetwork({ features: 4, hidden, classes: 3 })
    const parameters = network.start(counterRandom(1, 2))
    const random = counterRandom(3, 4)
    const features = Float32Array.from({ length: 12 }, (_, i) => random.word(i) / 2 ** 31 - 1)
    const points = { features, labels: Uint8Array.of(0, 2, 1) }
    const gradient = new Float32Array(network.elements)
    network.gradient(parameters, points, [0, 1, 2], gradient)
    const unused = new Float32Array(network.elements)
    const STEP = 1 / 64
    for (let i = 0; i < network.elements; i++) {
      const at = (move: number) => {
        const moved = parameters.slice()
        moved[i]! += move
        return network.gradient(moved, points, [0, 1, 2], unused)
      }
      const difference = (8 * (at(STEP) - at(-STEP)) - (at(2 * STEP) - at(-2 * STEP))) / (12 * STEP)
      assert.ok(Math.abs(difference - gradient[i]!) < 2e-5, `${hidden}/${i}: ${difference} ${gradient[i]}`)
    }
  }
})

test('Dirichlet shares sum to 1, with the variance of their distribution', () => {
  for (const alpha of [0.1, 1, 20]) {
    const DRAWS = 3_000
    let squares = 0
    for (let draw = 0; draw < DRAWS; draw++) {
      const shares = dirichlet(4, alpha, counterRandom(draw, 1))
      assert.ok(Math.abs(shares.reduce((sum, share) => sum + share, 0) - 1) < 1e-9)
      squares += (shares[0]! - 0.25) ** 2 / DRAWS
    }
    const variance = (0.25 * 0.75) / (4 * alpha + 1)
    assert.ok(Math.abs(squares / variance - 1) < 0.12, `${alpha}: ${squares} ${variance}`)
  }
})

/** FedOpt's rates are those of their authors' tasks; these are for this one. */
const SETTINGS = {
  fedavg: {},
  fedprox: {},
  scaffold: {},
  fedadagrad: { server: { rate: 0.2 } },
  fedyogi: { server: { rate: 0.05 } },
  fedadam: { server: { rate: 0.05 } },
  diloco: { local: { steps: 8, batch: 10, learningRate: 0.02 } },
}

for (const [strategy, over] of Object.entries(SETTINGS))
  test(`${strategy} learns, and gives the same again`, async () => {
    const { last, rounds, testLossBefore, parameters } = await run({ strategy, ...over })
    assert.is(rounds.length, BASE.rounds)
    assert.ok(last.accuracy! > 0.6, String(last.accuracy))
    assert.ok(last.testLoss! < testLossBefore * 0.75)
    assert.equal((await run({ strategy, ...over })).parameters, parameters)
  })

test('int8 takes a quarter of the bytes at the same accuracy; top-k with feedback a tenth at a small loss', async () => {
  const plain = await run({ rounds: 20 })
  const int8 = await run({ rounds: 20, compression: { codec: 'int8' } })
  const sparse = await run({ rounds: 20, compression: { codec: 'topk-int8', share: 0.1 } })
  assert.ok(int8.last.receivedBytes < plain.last.receivedBytes * 0.3)
  assert.ok(Math.abs(int8.last.accuracy! - plain.last.accuracy!) < 0.03)
  assert.ok(sparse.last.receivedBytes < plain.last.receivedBytes * 0.1)
  assert.ok(
    sparse.last.accuracy! > plain.last.accuracy! - 0.12,
    `${sparse.last.accuracy} ${plain.last.accuracy}`,
  )
})

test('clients that drop out are missed, and over-selection makes up for them', async () => {
  const simulation = { ...BASE.simulation, dropOut: 0.3 }
  const few = await run({ simulation })
  assert.ok(few.rounds.some(({ answered }) => answered < 12))
  const clients = { minimum: 2, target: 12, overSelection: 2 }
  const enough = await run({ simulation, clients })
  assert.ok(enough.rounds.every(({ answered }) => answered === 12))
})

test('a liar turns the mean around, and a robust rule stands it; NaN is refused and named', async () => {
  const tamper = (client: number, delta: Float32Array) => {
    if (client % 5 === 0) for (let i = 0; i < delta.length; i++) delta[i]! *= -10
  }
  const honest = await run({})
  const mean = await run({}, { tamper })
  const trimmed = await run({ aggregation: { rule: 'trimmed-mean', adversaries: 4 } }, { tamper })
  assert.ok(
    mean.last.accuracy! < honest.last.accuracy! - 0.2,
    `${mean.last.accuracy} ${honest.last.accuracy}`,
  )
  assert.ok(trimmed.last.accuracy! > honest.last.accuracy! - 0.1, `${trimmed.last.accuracy}`)
  const broken = await run(
    { rounds: 2 },
    { tamper: (client, delta) => void (client % 2 === 0 && delta.fill(Number.NaN)) },
  )
  assert.ok(Object.values(broken.rounds[0]!.refused).every((code) => code === 'UPDATE_MALFORMED'))
  assert.ok(broken.rounds.some(({ refused }) => Object.keys(refused).length > 0))
})

test('with privacy the noise is of the size that is accounted for, whoever is there; a round without clients is noise alone', async () => {
  const noise = (target: Float32Array) => target.fill(1)
  const privacy = { clip: 0.5, noiseMultiplier: 2, delta: 1e-5, samplingRate: 1e-6 }
  for (const clients of [60, 61]) {
    const simulation = { ...BASE.simulation, clients }
    const config = { ...BASE, rounds: 1, privacy, simulation, clients: { target: 4 } }
    const { spec } = readFederateConfig(config, true)
    const world = classificationWorld(spec)
    const silent = { nowMs: () => 0, onRound: () => undefined, noise }
    const { parameters, rounds } = await simulate(spec, world, silent, signal)
    assert.is(rounds[0]!.answered, 0)
    // σ·C over the number that the specification expects: one client more must not change what others are divided by.
    const expected = (2 * 0.5) / 4
    for (const [i, value] of parameters.entries())
      assert.ok(Math.abs((value - world.start[i]!) / expected - 1) < 1e-3)
  }
})

test.run()
