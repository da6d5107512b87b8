import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  calibrateNoise,
  epsilonOf,
  epsilonOfRdp,
  ORDERS,
  privacySpent,
  rdpOfRound,
} from '../../../node/federated/privacy/accountant.ts'
import { logErfc } from '../../../node/federated/privacy/log-erfc.ts'

const test = suite('privacy accountant')

const near = (actual: number, expected: number, relative: number): void =>
  assert.ok(Math.abs(actual - expected) <= relative * Math.abs(expected), `${actual} is not ${expected}`)

/** ∫ N(0, σ²)(z) · (1 − q + q·exp((2z − 1)/2σ²))^α dz by the trapezium rule, in logarithms: the definition, with no series. */
function integratedRdp(q: number, sigma: number, order: number): number {
  const step = sigma / 100
  const logs: number[] = []
  for (let z = -14 * sigma; z <= order + 14 * sigma; z += step) {
    const exponent = (2 * z - 1) / (2 * sigma * sigma)
    // ln(1 − q + q·eˣ) without overflow.
    const mixture =
      exponent > 0
        ? exponent + Math.log(q + (1 - q) * Math.exp(-exponent))
        : Math.log1p(q * Math.expm1(exponent))
    logs.push(-(z * z) / (2 * sigma * sigma) + order * mixture)
  }
  const most = logs.reduce((a, b) => Math.max(a, b))
  const sum = logs.reduce((total, value) => total + Math.exp(value - most), 0)
  return (most + Math.log((sum * step) / (sigma * Math.sqrt(2 * Math.PI)))) / (order - 1)
}

test('one round equals the integral that defines it, at whole and other orders', () => {
  for (const q of [0.001, 0.2, 0.99])
    for (const sigma of [0.3, 1.1, 4])
      for (const order of [1.1, 2, 2.5, 10.9, 11, 40])
        near(rdpOfRound(q, sigma, order), integratedRdp(q, sigma, order), 1e-6)
})

test('Rényi divergences that dp-accounting publishes in its tests', () => {
  // google/differential-privacy, rdp_privacy_accountant_test.py, test_compute_rdp_poisson_sampled_gaussian.
  for (const [order, value] of [
    [5, 2.18075656e-3],
    [50, 2.38460375e-2],
    [100, 167.416308],
  ] as const)
    near(50 * rdpOfRound(0.01, 2.5, order), value, 1e-7)
  // Its values at other orders are bounds from above, by interpolation between whole ones.
  assert.ok(50 * rdpOfRound(0.01, 2.5, 1.5) < 6.70579741e-4)
  assert.ok(50 * rdpOfRound(0.01, 2.5, 2.5) < 1.0854871e-3)
})

test('published values of ε', () => {
  // tensorflow/privacy, compute_dp_sgd_privacy_test.py, Test0 and Test1.
  near(
    epsilonOf({ samplingRate: 150 / 60_000, noiseMultiplier: 1.3, rounds: 6_000, delta: 1e-5 }),
    0.7242234026109595,
    1e-9,
  )
  near(
    epsilonOf({ samplingRate: 0.001, noiseMultiplier: 1, rounds: 30_000, delta: 1e-7 }),
    1.4154988495444845,
    1e-9,
  )
  assert.is(privacySpent({ samplingRate: 0.001, noiseMultiplier: 1, rounds: 30_000 }, 1e-7).order, 13)
  // Opacus, accountants_test.py: between 7.3291 and 7.3292.
  near(epsilonOf({ samplingRate: 0.04, noiseMultiplier: 1.5, rounds: 2_250, delta: 1e-5 }), 7.32915, 1e-5)
})

test('the first published figures, with the conversion of their time', () => {
  const before2020 = (q: number, sigma: number, rounds: number, delta: number): number =>
    Math.min(...ORDERS.map((order) => rounds * rdpOfRound(q, sigma, order) - Math.log(delta) / (order - 1)))
  // Abadi et al. 2016, arXiv 1607.00133, section 3.2: 1.26; the MNIST tutorial of tensorflow/privacy of 2019: 3.01.
  near(before2020(0.01, 4, 10_000, 1e-5), 1.26, 0.01)
  near(before2020(256 / 60_000, 1.1, 14_063, 1e-5), 3.01, 0.01)
  assert.ok(epsilonOf({ samplingRate: 0.01, noiseMultiplier: 4, rounds: 10_000, delta: 1e-5 }) < 1.26)
})

test('the conversion is that of a pure mechanism worked by hand, and never below 0', () => {
  // dp-accounting, test_compute_epsilon_delta_pure_dp: 1.1 at every order up to 32.
  near(epsilonOfRdp(1.1, 32, 1e-5), 1.32783806176, 1e-10)
  assert.is(epsilonOfRdp(0, 2, 0.99), 0)
  assert.is(epsilonOf({ samplingRate: 0.1, noiseMultiplier: 1, rounds: 0, delta: 1e-5 }), 0)
  assert.is(epsilonOf({ samplingRate: 0, noiseMultiplier: 1, rounds: 9, delta: 1e-5 }), 0)
})

test('more rounds, more clients a round and less noise cost more; smaller δ too', () => {
  const base = { samplingRate: 0.05, noiseMultiplier: 1, rounds: 200, delta: 1e-5 }
  const epsilon = epsilonOf(base)
  for (const costlier of [
    { rounds: 201 },
    { samplingRate: 0.051 },
    { noiseMultiplier: 0.99 },
    { delta: 0.9e-5 },
  ])
    assert.ok(epsilonOf({ ...base, ...costlier }) > epsilon)
  assert.ok(Number.isFinite(epsilonOf({ ...base, noiseMultiplier: 0.05 })))
  // Without sampling it is the plain Gaussian mechanism.
  assert.is(rdpOfRound(1, 2, 8), 1)
})

test('the noise that is found is enough, and hardly more', () => {
  for (const wanted of [
    { samplingRate: 0.1, rounds: 100, epsilon: 2, delta: 1e-5 },
    { samplingRate: 1, rounds: 10, epsilon: 8, delta: 1e-6 },
    { samplingRate: 0.01, rounds: 1_000, epsilon: 0.3, delta: 1e-5 },
  ]) {
    const noiseMultiplier = calibrateNoise(wanted)
    assert.ok(epsilonOf({ ...wanted, noiseMultiplier }) <= wanted.epsilon)
    assert.ok(epsilonOf({ ...wanted, noiseMultiplier: noiseMultiplier * 0.999 }) > wanted.epsilon)
  }
  assert.throws(() => calibrateNoise({ samplingRate: 1, rounds: 10, epsilon: 0, delta: 1e-5 }), /No noise/)
})

test('what is no probability or number is refused', () => {
  const base = { samplingRate: 0.05, noiseMultiplier: 1, rounds: 200, delta: 1e-5 }
  for (const wrong of [
    { samplingRate: 1.1 },
    { samplingRate: Number.NaN },
    { noiseMultiplier: 0 },
    { rounds: 1.5 },
    { rounds: -1 },
    { delta: 0 },
    { delta: 1 },
  ])
    assert.throws(() => epsilonOf({ ...base, ...wrong }), /Privacy cannot be accounted for/)
})

test('logarithm of erfc', () => {
  // Abramowitz and Stegun, table 7.1, and the asymptotic series where erfc itself is 0 in floating point.
  const known = [
    [0, 1],
    [0.5, 0.4795001222],
    [1, 0.1572992071],
    [2, 0.004677734981],
    [-1, 1.8427007929],
    [-3, 1.9999779095],
  ] as const
  for (const [x, erfc] of known) near(Math.exp(logErfc(x)), erfc, 1e-9)
  const x = 40
  const asymptotic = 1 - 1 / (2 * x * x) + 3 / (4 * x ** 4) - 15 / (8 * x ** 6)
  near(logErfc(x), -x * x - Math.log(x * Math.sqrt(Math.PI)) + Math.log(asymptotic), 1e-14)
})

test.run()
