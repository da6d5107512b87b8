/**
 * The Viterbi search of the trellis codec: the string of bits whose values come nearest to a row's targets.
 * Twin of native/trellis_search.h; float32 in the written order.
 *
 * A history is all bits of a state but the newest `bits`. The cost of a history after a weight is the least
 * over the 2^bits states that end in it; nothing else is stored, the way back computes the choices anew.
 */
import { STATES, type TrellisBits, trellisValues } from './trellis.ts'

/** The most weights that one search looks at. */
export const WINDOW = 512
/** The cost of a history that cannot be reached. */
const UNREACHABLE = 1e30
const f = Math.fround

export interface TrellisSearch {
  /** Forgets everything: the next weight comes after `history`. */
  begin(history: number): void
  /** Adds the next weight, at most WINDOW since `begin`. */
  add(target: number, weight: number): void
  /** Finds the best states of the weights that were added; writes the first `count` of them to `states` from `at` on. */
  trace(states: Uint16Array, at: number, count: number): void
}

/** The costs of all histories after 0, 1, .. WINDOW weights, and how they follow from each other. */
export interface TrellisCosts {
  readonly costs: Float32Array
  /** Fills the costs after `length` + 1 weights from those after `length`. */
  extend(target: number, weight: number, length: number): void
}

/** The plain oracle. */
export function plainCosts(bits: TrellisBits): TrellisCosts {
  const values = trellisValues(bits)
  const histories = STATES >>> bits
  const costs = new Float32Array((WINDOW + 1) * histories)
  return {
    costs,
    extend(target, weight, length) {
      const before = length * histories
      const after = before + histories
      for (let history = 0; history < histories; history++) {
        let least = Infinity
        for (let state = history; state < STATES; state += histories) {
          const error = f(target - values[state]!)
          const cost = f(f(error * f(error * weight)) + costs[before + (state >>> bits)]!)
          if (cost < least) least = cost
        }
        costs[after + history] = least
      }
    },
  }
}

export function createTrellisSearch(bits: TrellisBits, { costs, extend }: TrellisCosts): TrellisSearch {
  const values = trellisValues(bits)
  const histories = STATES >>> bits
  const targets = new Float32Array(WINDOW)
  const weights = new Float32Array(WINDOW)
  let length = 0

  function cheapest(): number {
    const at = length * histories
    let best = 0
    for (let history = 1; history < histories; history++)
      if (costs[at + history]! < costs[at + best]!) best = history
    return best
  }

  return {
    begin(history) {
      length = 0
      costs.fill(UNREACHABLE, 0, histories)
      costs[history] = 0
    },
    add(target, weight) {
      targets[length] = target
      weights[length] = weight
      extend(target, weight, length)
      length++
    },
    trace(states, at, count) {
      let history = cheapest()
      for (let step = length - 1; step >= 0; step--) {
        const before = step * histories
        let least = Infinity
        let chosen = 0
        for (let state = history; state < STATES; state += histories) {
          const error = f(targets[step]! - values[state]!)
          const cost = f(f(error * f(error * weights[step]!)) + costs[before + (state >>> bits)]!)
          if (cost < least) {
            least = cost
            chosen = state
          }
        }
        if (step < count) states[at + step] = chosen
        history = chosen >>> bits
      }
    },
  }
}
