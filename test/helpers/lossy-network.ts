/** A network under a virtual clock that loses, delays, reorders, doubles and splits, until it is well. */
import type { VirtualClock } from './virtual-clock.ts'

export interface LossyNetwork<M extends { readonly index: number }> {
  /** False where the packet is lost; else it arrives some time later, perhaps twice. */
  carry(from: M, to: M, arrive: () => void): boolean
}

const DOUBLED = 0.05
const WELL_DELAY_MS = 100

export function createLossyNetwork<M extends { readonly index: number }>(init: {
  readonly clock: VirtualClock
  readonly random: () => number
  readonly members: number
  /** Share of packets that are lost while the network is bad. */
  readonly loss: number
  readonly maxDelayMs: number
  readonly partitions: number
  readonly healedAtMs: number
}): LossyNetwork<M> {
  const { clock, random, healedAtMs } = init
  const partitions = Array.from({ length: init.partitions }, () => {
    const fromMs = random() * healedAtMs * 0.8
    const toMs = fromMs + random() * (healedAtMs - fromMs)
    return { fromMs, toMs, side: Array.from({ length: init.members }, () => random() < 0.5) }
  })
  const isCut = (a: M, b: M) =>
    partitions.some(
      ({ fromMs, toMs, side }) =>
        clock.nowMs >= fromMs && clock.nowMs < toMs && side[a.index] !== side[b.index],
    )

  return {
    carry(from, to, arrive) {
      const isBad = clock.nowMs < healedAtMs
      if (isCut(from, to) || (isBad && random() < init.loss)) return false
      const delayMs = 1 + random() * (isBad ? init.maxDelayMs : Math.min(init.maxDelayMs, WELL_DELAY_MS))
      clock.later(delayMs, arrive)
      if (isBad && random() < DOUBLED) clock.later(delayMs * 2, arrive)
      return true
    },
  }
}
