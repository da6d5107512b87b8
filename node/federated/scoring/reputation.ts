/**
 * What a run thinks of its scorers: a fold over its ledger, so that every member thinks the same. After BOINC's adaptive replication
 * (Anderson, "BOINC: A Platform for Volunteer Computing", 2019, section 3.4), as jobs have it (compute/jobs/trust.ts): valid results
 * in a row earn trust, another result takes it away, a proven lie ends it for the run.
 */
import type { JsonObject } from '../../json.ts'
import type { CandidateEvidence, Judgement } from './judgement.ts'

export interface ScorerRecord extends JsonObject {
  /** Valid results in a row. */
  readonly valid: number
  /** Valid results in all. */
  readonly total: number
  /** Results that differed from what was believed, without proof of a lie. */
  readonly doubtful: number
  /** Times in a row that it was drawn and revealed nothing, or could not score what others could. */
  readonly silent: number
  /** Proven lies; more than none: it scores no more in this run. */
  readonly lies: number
}

export type Reputation = Readonly<Record<string, ScorerRecord>>

/** Valid results in a row from which on a scorer is trusted, as jobs.trustAfter has it. */
export const TRUST_AFTER = 10

const NEW_SCORER: ScorerRecord = { valid: 0, total: 0, doubtful: 0, silent: 0, lies: 0 }

export const recordOf = (reputation: Reputation, scorer: string): ScorerRecord =>
  Object.hasOwn(reputation, scorer) ? reputation[scorer]! : NEW_SCORER

export const isQuarantined = (reputation: Reputation, scorer: string): boolean =>
  recordOf(reputation, scorer).lies > 0

export const trustedScorers = (reputation: Reputation): ReadonlySet<string> =>
  new Set(
    Object.keys(reputation).filter((scorer) => {
      const { valid, lies } = recordOf(reputation, scorer)
      return valid >= TRUST_AFTER && lies === 0
    }),
  )

export const quarantinedScorers = (reputation: Reputation): ReadonlySet<string> =>
  new Set(Object.keys(reputation).filter((scorer) => isQuarantined(reputation, scorer)))

/**
 * The reputation after a generation, from its last judgement (the one that wants no more scorers) and all of its evidence.
 * Pure; the order of the evidence does not matter.
 */
export function afterGeneration(
  reputation: Reputation,
  evidence: readonly CandidateEvidence[],
  judgement: Judgement,
): Reputation {
  const next: Record<string, ScorerRecord> = { ...reputation }
  const change = (scorer: string, edit: (before: ScorerRecord) => ScorerRecord) => {
    next[scorer] = edit(recordOf(next, scorer))
  }
  const doubted = new Set<string>()
  for (const { slot, silent, failed = [] } of evidence) {
    for (const scorer of judgement.valid.get(slot) ?? [])
      change(scorer, (one) => ({ ...one, valid: one.valid + 1, total: one.total + 1, silent: 0 }))
    for (const scorer of judgement.doubtful.get(slot) ?? []) {
      change(scorer, (one) => ({ ...one, doubtful: one.doubtful + 1, silent: 0 }))
      doubted.add(scorer)
    }
    // Who could not score what nobody can score is not to blame, nor who was still trying.
    const blamed = judgement.unscorable.has(slot)
      ? []
      : [...silent, ...(judgement.accepted.get(slot) == null ? [] : failed)]
    for (const scorer of blamed) change(scorer, (one) => ({ ...one, silent: Math.min(one.silent + 1, 255) }))
  }
  // Behind all that counts up: a generation with one wrong result gives no streak, in whatever order its slots stand.
  for (const scorer of doubted) change(scorer, (one) => ({ ...one, valid: 0 }))
  for (const [scorer, { slots }] of judgement.liars)
    change(scorer, (one) => ({ ...one, valid: 0, lies: one.lies + slots.length }))
  return next
}
