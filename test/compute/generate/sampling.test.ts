import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  adjustLogits,
  candidates,
  chooseToken,
  logSumExp,
  mostLikely,
  NEUTRAL_SAMPLING,
  samplingSettings,
} from '../../../node/compute/generate/sampling.ts'
import { throwsCode } from '../../helpers/throws.ts'

const test = suite('sampling')
const NOTHING = { seen: new Set<number>(), generated: new Map<number, number>() }
const logitsOf = fc
  .array(fc.double({ min: -12, max: 12, noNaN: true }), { minLength: 2, maxLength: 60 })
  .map((values) => Float32Array.from(values))
const share = fc.double({ min: 0.01, max: 1, noNaN: true })

/** Probabilities by the definition, largest first. */
function probabilities(logits: Float32Array, temperature: number): { token: number; p: number }[] {
  const highest = Math.max(...logits)
  const weights = Array.from(logits, (logit) => Math.exp((logit - highest) / temperature))
  const total = weights.reduce((a, b) => a + b, 0)
  return weights
    .map((weight, token) => ({ token, p: weight / total }))
    .sort((a, b) => logits[b.token]! - logits[a.token]! || a.token - b.token)
}

test('temperature 0 takes the most likely token, the lower id of equals', () => {
  assert.is(mostLikely(Float32Array.of(1, 3, 3, 2)), 1)
  assert.is(chooseToken(Float32Array.of(1, 3, 3, 2), NEUTRAL_SAMPLING, NOTHING, null, 0.99), 1)
  assert.is(mostLikely(Float32Array.of(Number.NEGATIVE_INFINITY, Number.NaN)), -1)
})

test('top-k, top-p and min-p leave the tokens that their definitions name', () => {
  fc.assert(
    fc.property(
      logitsOf,
      fc.integer({ min: 0, max: 70 }),
      share,
      share,
      fc.double({ min: 0.2, max: 3, noNaN: true }),
      (logits, topK, topP, minP, temperature) => {
        const settings = { ...NEUTRAL_SAMPLING, temperature, topK, topP, minP }
        const { tokens, weights } = candidates(logits, settings)
        let kept = probabilities(logits, temperature)
        if (topK > 0) kept = kept.slice(0, topK)
        const whole = kept.reduce((sum, { p }) => sum + p, 0)
        // Sums round: a token whose share is within that of a border may be on either side.
        const near = 1e-9
        let mass = 0
        const must = kept.filter(({ p }, index) => {
          const before = mass
          mass += p
          return index === 0 || (before < topP * whole - near && p > minP * kept[0]!.p + near)
        })
        mass = 0
        const may = kept.filter(({ p }, index) => {
          const before = mass
          mass += p
          return index === 0 || (before < topP * whole + near && p >= minP * kept[0]!.p - near)
        })
        for (const { token } of must) assert.ok(tokens.includes(token), `token ${token} is missing`)
        for (const token of tokens)
          assert.ok(
            may.some((one) => one.token === token),
            `token ${token} is too many`,
          )
        for (let index = 1; index < weights.length; index++) assert.ok(weights[index - 1]! >= weights[index]!)
      },
    ),
    { numRuns: 500 },
  )
})

test('tokens come as often as their probabilities say', () => {
  const logits = Float32Array.from([1, 0.5, -1, 2, 0])
  for (const settings of [
    { ...NEUTRAL_SAMPLING, temperature: 0.7 },
    { ...NEUTRAL_SAMPLING, temperature: 0.7, topP: 0.999999 },
  ]) {
    const draws = 4000
    const counts = new Array<number>(5).fill(0)
    // Evenly spaced numbers instead of random ones: the counts are then exact to the rounding.
    for (let draw = 0; draw < draws; draw++)
      counts[chooseToken(logits, settings, NOTHING, null, (draw + 0.5) / draws)]! += 1
    for (const { token, p } of probabilities(logits, 0.7))
      assert.ok(
        Math.abs(counts[token]! / draws - p) < 1e-3,
        `token ${token}: ${counts[token]! / draws} for ${p}`,
      )
  }
})

test('a token that the mask forbids never comes, whatever its logit', () => {
  fc.assert(
    fc.property(
      logitsOf,
      fc.array(fc.boolean(), { minLength: 64, maxLength: 64 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      fc.constantFrom(0, 1),
      (logits, bits, uniform, temperature) => {
        const mask = new Int32Array(2)
        for (const [token, allowed] of bits.entries()) if (allowed) mask[token >>> 5]! |= 1 << (token & 31)
        const token = chooseToken(logits, { ...NEUTRAL_SAMPLING, temperature }, NOTHING, mask, uniform)
        const some = bits.slice(0, logits.length).some((allowed) => allowed)
        assert.is(token === -1, !some)
        if (some) assert.ok(bits[token])
      },
    ),
  )
})

test('penalties and bias change the logits that they should, and no others', () => {
  const logits = Float32Array.of(2, -2, 1, 0)
  const history = { seen: new Set([0, 1]), generated: new Map([[1, 3]]) }
  const settings = {
    ...NEUTRAL_SAMPLING,
    repetitionPenalty: 2,
    presencePenalty: 0.5,
    frequencyPenalty: 0.25,
    logitBias: [{ token: 3, bias: 7 }],
  }
  assert.equal(Array.from(adjustLogits(logits, settings, history, null)), [1, -5.25, 1, 7])
  assert.equal(Array.from(logits), [2, -2, 1, 0])
  assert.is(adjustLogits(logits, NEUTRAL_SAMPLING, history, null), logits)
})

test('logSumExp of large and small logits', () => {
  assert.ok(Math.abs(logSumExp(Float32Array.of(1000, 1000)) - (1000 + Math.log(2))) < 1e-6)
  assert.ok(Math.abs(logSumExp(Float32Array.of(-1000, -1001)) + 1000 - Math.log(1 + Math.exp(-1))) < 1e-6)
})

test('settings that are out of range are refused with their name', () => {
  for (const bad of [
    { temperature: -1 },
    { temperature: Number.NaN },
    { topK: 1.5 },
    { topP: 1.1 },
    { minP: -0.1 },
    { repetitionPenalty: 0 },
    { presencePenalty: 1000 },
    { logitBias: [{ token: 9, bias: 1 }] },
    { logitBias: [{ token: 1, bias: Number.POSITIVE_INFINITY }] },
  ]) {
    const error = throwsCode(() => samplingSettings(bad, 9), 'INVALID_ARGUMENT')
    assert.is(error.fields.field, Object.keys(bad)[0])
  }
  assert.equal(samplingSettings({ seed: 3 }, 9), NEUTRAL_SAMPLING)
})

test.run()
