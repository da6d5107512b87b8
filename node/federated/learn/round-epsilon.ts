/** What the rounds so far have given away, for the report of each: the divergence of a round is computed once, it is the same in all. */
import { epsilonOfRdp, ORDERS, rdpOfRound } from '../privacy/accountant.ts'
import type { PrivacySpec } from './federate-spec.ts'

const divergences = new Map<string, readonly number[]>()
/** A thread serves few federations with privacy. */
const MAX_KEPT = 16

function divergencesOf({ samplingRate, noiseMultiplier }: PrivacySpec): readonly number[] {
  const key = `${samplingRate}/${noiseMultiplier}`
  const found = divergences.get(key)
  if (found !== undefined) return found
  const made = ORDERS.map((order) => rdpOfRound(samplingRate, noiseMultiplier, order))
  if (divergences.size >= MAX_KEPT) divergences.clear()
  divergences.set(key, made)
  return made
}

/** ε at the δ of the specification after so many rounds; null without privacy. The first call takes a second. */
export function epsilonAfter(rounds: number, privacy: PrivacySpec | null): number | null {
  if (privacy === null) return null
  const byOrder = divergencesOf(privacy).map((rdp, i) =>
    epsilonOfRdp(rounds * rdp, ORDERS[i]!, privacy.delta),
  )
  return byOrder.reduce((least, epsilon) => Math.min(least, epsilon), Number.POSITIVE_INFINITY)
}
