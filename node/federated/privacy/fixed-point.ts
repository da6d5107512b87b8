/**
 * Updates as elements of a ring of 2^b, so that a sum of masked ones is exact: each value of an update is clipped to [−range, range], scaled
 * by the client's weight and rounded to a signed whole number of `valueBits`. So that no sum of `clients` of them overflows,
 * valueBits + log₂ clients is at most ringBits. The weight goes along as the last element.
 *
 * Rounding is stochastic (up with the probability of the fraction): a mean of many clients has no bias, and its error is at most
 * range / 2^(valueBits − 1) / √clients by coordinate, one standard deviation.
 */
import { VillageError } from '../../errors.ts'
import { MAX_RING_BITS, MIN_RING_BITS } from './ring-codec.ts'

export interface FixedPoint {
  /** Largest magnitude of a value of an update; larger ones are clipped. */
  readonly range: number
  /** Bits of one value with its sign. */
  readonly valueBits: number
  readonly ringBits: number
  /** The largest weight that counts; larger ones are taken as this one. */
  readonly maxWeight: number
  /** Clients that can be in a sum at most. */
  readonly clients: number
}

const largestLevel = ({ valueBits }: FixedPoint): number => 2 ** (valueBits - 1) - 1

/** Throws INVALID_ARGUMENT for numbers that make no sense, and for a sum that could overflow. */
export function checkFixedPoint(spec: FixedPoint): void {
  const { range, valueBits, ringBits, maxWeight, clients } = spec
  const isWhole = (value: number, low: number, high: number) =>
    Number.isInteger(value) && value >= low && value <= high
  const wrong = !(range > 0 && Number.isFinite(range))
    ? 'the range is above 0'
    : !(maxWeight > 0 && Number.isFinite(maxWeight))
      ? 'the largest weight is above 0'
      : !isWhole(ringBits, MIN_RING_BITS, MAX_RING_BITS)
        ? `ring elements have ${MIN_RING_BITS} to ${MAX_RING_BITS} bits`
        : !isWhole(valueBits, 2, ringBits)
          ? 'values have 2 bits up to those of the ring'
          : !isWhole(clients, 1, 2 ** 31)
            ? 'there is at least one client'
            : clients * largestLevel(spec) > 2 ** (ringBits - 1) - 1
              ? `the sum of ${clients} values of ${valueBits} bits does not fit into ${ringBits} bits`
              : null
  if (wrong !== null) throw new VillageError('INVALID_ARGUMENT', `Secure aggregation: ${wrong}`)
}

/** The widest values of which `clients` fit into the ring. */
export function widestValueBits(ringBits: number, clients: number): number {
  return Math.floor(Math.log2((2 ** (ringBits - 1) - 1) / clients + 1)) + 1
}

export interface EncodedInput {
  /** One element a coordinate and one for the weight, modulo 2^32. */
  readonly values: Uint32Array
  /** Coordinates that were outside the range. */
  readonly clipped: number
}

/**
 * `uniform` gives numbers from 0 up to 1, another each time. Throws UPDATE_INVALID for NaN and infinity and INVALID_ARGUMENT for a weight that is not
 * above 0.
 */
export function encodeInput(
  spec: FixedPoint,
  update: Float32Array,
  weight: number,
  uniform: () => number,
): EncodedInput {
  if (!(weight > 0)) throw new VillageError('INVALID_ARGUMENT', 'The weight of an update is above 0')
  const levels = largestLevel(spec)
  // Rounded before it is used, so that the weights that are summed are exactly those that scaled the updates.
  const weightLevel = Math.max(1, Math.round((Math.min(weight, spec.maxWeight) / spec.maxWeight) * levels))
  const scale = weightLevel / spec.range
  const values = new Uint32Array(update.length + 1)
  let clipped = 0
  for (let at = 0; at < update.length; at++) {
    const value = update[at]!
    if (!Number.isFinite(value))
      throw new VillageError('UPDATE_INVALID', `Coordinate ${at} of an update is not finite`)
    const level = value * scale
    if (level > weightLevel || level < -weightLevel) clipped += 1
    const bounded = Math.min(weightLevel, Math.max(-weightLevel, level))
    const below = Math.floor(bounded)
    values[at] = below + (uniform() < bounded - below ? 1 : 0)
  }
  values[update.length] = weightLevel
  return { values, clipped }
}

export interface DecodedSum {
  /** The mean of the updates, weighted. */
  readonly mean: Float32Array
  /** The sum of the weights, each at most `maxWeight` and to within maxWeight / 2^valueBits. */
  readonly weight: number
}

/** From the sum modulo 2^ringBits. Throws UPDATE_INVALID when the weights do not add up to what honest clients can send. */
export function decodeSum(spec: FixedPoint, sum: Uint32Array): DecodedSum {
  const levels = largestLevel(spec)
  const modulus = 2 ** spec.ringBits
  const signed = (element: number): number => {
    const value = element % modulus
    return value >= modulus / 2 ? value - modulus : value
  }
  const coordinates = sum.length - 1
  const weightLevels = signed(sum[coordinates] ?? 0)
  if (weightLevels < 1 || weightLevels > spec.clients * levels)
    throw new VillageError('UPDATE_INVALID', 'The weights of a secure sum do not add up')
  const mean = new Float32Array(coordinates)
  for (let at = 0; at < coordinates; at++) mean[at] = (signed(sum[at]!) / weightLevels) * spec.range
  return { mean, weight: (weightLevels / levels) * spec.maxWeight }
}
