/**
 * How a token is chosen from logits: pure functions of logits, settings, what came before, and one random number.
 *
 * Order: allowed tokens, logit bias, penalties; temperature 0 takes the most likely token; else temperature, top-k, top-p of
 * what top-k left, min-p. Ties go to the lower token id, so that the same numbers give the same token everywhere.
 */
import { VillageError } from '../../errors.ts'
import type { Sampling } from './language-model.ts'

export type SamplingSettings = Required<Omit<Sampling, 'seed'>>

export const NEUTRAL_SAMPLING: SamplingSettings = {
  temperature: 0,
  topK: 0,
  topP: 1,
  minP: 0,
  repetitionPenalty: 1,
  presencePenalty: 0,
  frequencyPenalty: 0,
  logitBias: [],
}

/** Smallest and largest value, and whether it must be whole. */
export const SAMPLING_LIMITS = {
  temperature: [0, 100, false],
  topK: [0, 2 ** 22, true],
  topP: [0, 1, false],
  minP: [0, 1, false],
  repetitionPenalty: [0.01, 100, false],
  presencePenalty: [-100, 100, false],
  frequencyPenalty: [-100, 100, false],
} as const

export const MAX_LOGIT_BIAS = 100
const MAX_BIASED_TOKENS = 1024

const invalid = (field: string, expected: string) =>
  new VillageError('INVALID_ARGUMENT', `${field} must be ${expected}`, { fields: { field } })

/** Fills in what is left out and checks the rest. Throws INVALID_ARGUMENT that names the field. */
export function samplingSettings(given: Sampling, vocabulary: number): SamplingSettings {
  const { seed: _, ...rest } = given
  const settings = { ...NEUTRAL_SAMPLING, ...rest }
  for (const [field, [min, max, whole]] of Object.entries(SAMPLING_LIMITS)) {
    const value = settings[field as keyof typeof SAMPLING_LIMITS]
    if (!(value >= min && value <= max) || (whole && !Number.isInteger(value)))
      throw invalid(field, `${whole ? 'a whole number' : 'a number'} from ${min} to ${max}`)
  }
  if (settings.logitBias.length > MAX_BIASED_TOKENS)
    throw invalid('logitBias', `for at most ${MAX_BIASED_TOKENS} tokens`)
  for (const { token, bias } of settings.logitBias) {
    if (!Number.isInteger(token) || token < 0 || token >= vocabulary)
      throw invalid('logitBias', 'for tokens of the vocabulary')
    if (!(Math.abs(bias) <= MAX_LOGIT_BIAS))
      throw invalid('logitBias', `from -${MAX_LOGIT_BIAS} to ${MAX_LOGIT_BIAS}`)
  }
  return settings
}

export interface TokenHistory {
  /** Tokens of the prompt and of what was generated. */
  readonly seen: ReadonlySet<number>
  /** How often each token was generated. */
  readonly generated: ReadonlyMap<number, number>
}

/** One bit a token, 32 in a word from the lowest: 1 where it may come. Null where all may. */
export type TokenMask = Int32Array | null

const allows = (mask: Int32Array, token: number) => ((mask[token >>> 5]! >>> (token & 31)) & 1) === 1

/** The logits as they count: a copy where something changes them. */
export function adjustLogits(
  logits: Float32Array,
  settings: SamplingSettings,
  history: TokenHistory,
  mask: TokenMask,
): Float32Array {
  const { repetitionPenalty, presencePenalty, frequencyPenalty, logitBias } = settings
  const penalised = repetitionPenalty !== 1 || presencePenalty !== 0 || frequencyPenalty !== 0
  if (mask === null && !penalised && logitBias.length === 0) return logits
  const adjusted = logits.slice()
  for (const { token, bias } of logitBias) adjusted[token]! += bias
  if (repetitionPenalty !== 1)
    for (const token of history.seen) {
      const logit = adjusted[token]!
      adjusted[token] = logit > 0 ? logit / repetitionPenalty : logit * repetitionPenalty
    }
  if (presencePenalty !== 0 || frequencyPenalty !== 0)
    for (const [token, count] of history.generated)
      adjusted[token]! -= presencePenalty + count * frequencyPenalty
  if (mask !== null)
    for (let token = 0; token < adjusted.length; token++)
      if (!allows(mask, token)) adjusted[token] = Number.NEGATIVE_INFINITY
  return adjusted
}

/** The most likely token, or -1 where every logit is minus infinity or not a number. */
export function mostLikely(logits: Float32Array): number {
  let best = -1
  let highest = Number.NEGATIVE_INFINITY
  for (let token = 0; token < logits.length; token++)
    if (logits[token]! > highest) {
      highest = logits[token]!
      best = token
    }
  return best
}

/** Below every logit but minus infinity. */
const NOTHING = -Number.MAX_VALUE

/** Tokens with a logit of at least `least`, the most likely first. */
function ranked(logits: Float32Array, least: number): number[] {
  const tokens: number[] = []
  for (let token = 0; token < logits.length; token++) if (logits[token]! >= least) tokens.push(token)
  return tokens.sort((a, b) => logits[b]! - logits[a]! || a - b)
}

/** The k-th highest logit, by a heap of k whose root is the lowest. */
function kthHighest(logits: Float32Array, k: number): number {
  if (k >= logits.length) return Number.NEGATIVE_INFINITY
  const heap = logits.slice(0, k).sort()
  for (let token = k; token < logits.length; token++) {
    const logit = logits[token]!
    if (!(logit > heap[0]!)) continue
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= k) break
      if (child + 1 < k && heap[child + 1]! < heap[child]!) child++
      if (heap[child]! >= logit) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = logit
  }
  return heap[0]!
}

/** Weights of tokens, most likely first, relative to the most likely one. */
interface Candidates {
  readonly tokens: readonly number[]
  readonly weights: readonly number[]
}

/** The tokens that top-k, top-p and min-p leave. */
export function candidates(logits: Float32Array, settings: SamplingSettings): Candidates {
  const { temperature, topK, topP, minP } = settings
  const highest = logits[mostLikely(logits)]!
  const weigh = (logit: number) => Math.exp((logit - highest) / temperature)

  function share(tokens: readonly number[], total: number | null): Candidates {
    const weights = tokens.map((token) => weigh(logits[token]!))
    let end = weights.length
    if (topP < 1) {
      const whole = total ?? weights.reduce((sum, weight) => sum + weight, 0)
      let mass = 0
      end = 0
      while (end < weights.length && (end === 0 || mass < topP * whole)) mass += weights[end++]!
    }
    while (end > 1 && weights[end - 1]! < minP) end--
    return { tokens: tokens.slice(0, end), weights: weights.slice(0, end) }
  }

  // Ties at the k-th place go to lower ids.
  if (topK > 0) return share(ranked(logits, kthHighest(logits, topK)).slice(0, topK), null)
  if (topP === 1)
    return share(ranked(logits, minP > 0 ? highest + temperature * Math.log(minP) : NOTHING), null)
  // Only the few tokens that make up the share are sorted.
  let total = 0
  for (const logit of logits) total += weigh(logit)
  for (let depth = 4; depth < 1024; depth *= 2) {
    const floor = highest - depth * temperature
    let mass = 0
    for (const logit of logits) if (logit >= floor) mass += weigh(logit)
    if (mass >= topP * total) return share(ranked(logits, floor), total)
  }
  return share(ranked(logits, NOTHING), total)
}

/**
 * Chooses a token. `uniform` is a random number in [0, 1), not looked at where temperature is 0. Returns -1 where no token may
 * come (the mask and the bias leave none).
 */
export function chooseToken(
  logits: Float32Array,
  settings: SamplingSettings,
  history: TokenHistory,
  mask: TokenMask,
  uniform: number,
): number {
  const adjusted = adjustLogits(logits, settings, history, mask)
  const best = mostLikely(adjusted)
  const { temperature, topK, topP, minP } = settings
  if (best === -1 || temperature === 0 || topK === 1) return best
  if (topK === 0 && topP === 1 && minP === 0)
    return drawFromAll(adjusted, adjusted[best]!, temperature, uniform)
  const { tokens, weights } = candidates(adjusted, settings)
  let rest = uniform * weights.reduce((sum, weight) => sum + weight, 0)
  for (const [index, weight] of weights.entries()) {
    rest -= weight
    if (rest < 0) return tokens[index]!
  }
  // Rounding may leave a remainder.
  return tokens[tokens.length - 1]!
}

/** Draws from all tokens, in the order of their ids: nothing needs sorting. */
function drawFromAll(logits: Float32Array, highest: number, temperature: number, uniform: number): number {
  let total = 0
  for (const logit of logits) total += Math.exp((logit - highest) / temperature)
  let rest = uniform * total
  let last = -1
  for (let token = 0; token < logits.length; token++) {
    const weight = Math.exp((logits[token]! - highest) / temperature)
    if (weight === 0) continue
    last = token
    rest -= weight
    if (rest < 0) return token
  }
  return last
}

/** ln Σ exp(logits), with which the log-probability of a token is its logit minus this. */
export function logSumExp(logits: Float32Array): number {
  const best = mostLikely(logits)
  const highest = best === -1 ? 0 : logits[best]!
  let sum = 0
  for (const logit of logits) sum += Math.exp(logit - highest)
  return highest + Math.log(sum)
}
