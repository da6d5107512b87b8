import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fitPowerLaw, fitWithGoodness, MIN_TAIL } from '../../../node/federated/geometry/power-law.ts'
import { draws } from './clouds.ts'

const NO_PAUSE = async () => {}

/** Values of density ∝ x^−alpha above 1. */
function tail(alpha: number, count: number, seed: number): number[] {
  const draw = draws(seed)
  return Array.from({ length: count }, () => draw.uniform() ** (-1 / (alpha - 1)))
}

function exponential(count: number, seed: number): number[] {
  const draw = draws(seed)
  return Array.from({ length: count }, () => 1 - Math.log(draw.uniform()))
}

test('the exponent of a power law is found', () => {
  for (const alpha of [1.8, 2.5, 4]) {
    const fit = fitPowerLaw(tail(alpha, 5_000, 1))!
    assert.ok(Math.abs(fit.alpha - alpha) < 3 * fit.standardError + 0.02, `${alpha}: ${JSON.stringify(fit)}`)
    assert.is(fit.values, 5_000)
  }
})

test('the tail begins where the law begins', () => {
  const draw = draws(2)
  const body = Array.from({ length: 1_000 }, () => 10 * draw.uniform())
  const fit = fitPowerLaw([...body, ...tail(2.5, 1_000, 3).map((value) => 10 * value)])!
  // The nearest place of the tail by chance may lie further out, never in the body.
  assert.ok(fit.xMin > 9 && fit.xMin < 20, JSON.stringify(fit))
  assert.ok(Math.abs(fit.alpha - 2.5) < 0.2, JSON.stringify(fit))
})

test('the fit is the nearest of all places, tried one by one', () => {
  const values = tail(3, 60, 4).map((value, at) => value + (at % 7) * 0.1)
  const sorted = values.toSorted((a, b) => a - b)
  let best = { distance: 2, alpha: 0, xMin: 0 }
  for (let from = 0; from <= sorted.length - MIN_TAIL; from++) {
    const xMin = sorted[from]!
    const own = sorted.slice(from)
    const alpha = 1 + own.length / own.reduce((sum, value) => sum + Math.log(value / xMin), 0)
    const distance = Math.max(
      ...own.flatMap((value, at) => {
        const fitted = 1 - (value / xMin) ** (1 - alpha)
        return [Math.abs(fitted - at / own.length), Math.abs(fitted - (at + 1) / own.length)]
      }),
    )
    if (distance < best.distance) best = { distance, alpha, xMin }
  }
  const fit = fitPowerLaw(values)!
  for (const key of ['distance', 'alpha', 'xMin'] as const)
    assert.ok(Math.abs(fit[key] - best[key]) < 1e-9, key)
})

test('a power law fits well, an exponential does not', async () => {
  const init = { sets: 60, seed: 5 }
  const good = await fitWithGoodness(tail(2.5, 400, 6), init, NO_PAUSE)
  assert.ok(good!.p! > 0.1, JSON.stringify(good))
  const bad = await fitWithGoodness(exponential(4_000, 7), { ...init, sets: 30 }, NO_PAUSE)
  const loose = bad!.p! < 0.1 || bad!.tail < 400
  assert.ok(loose, JSON.stringify(bad))
  assert.equal(await fitWithGoodness(tail(2.5, 400, 6), init, NO_PAUSE), good)
  assert.is((await fitWithGoodness(tail(2.5, 400, 6), { sets: 0, seed: 1 }, NO_PAUSE))!.p, null)
})

test('too few values, or all the same, have no tail', () => {
  assert.is(fitPowerLaw(tail(2, MIN_TAIL - 1, 1)), null)
  assert.is(fitPowerLaw(new Array(50).fill(3)), null)
  assert.is(fitPowerLaw([0, -1, Number.NaN]), null)
})

test.run()
