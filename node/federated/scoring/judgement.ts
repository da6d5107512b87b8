/** What the judge of scores takes and gives (judge.ts): pure, and computed alike by every member from the ledger. */

/** One revealed vector of scores of one candidate by one scorer. */
export interface RevealedScores {
  readonly scorer: string
  /** Quantised as the workload says, by item. */
  readonly values: Uint8Array
}

export interface CandidateEvidence {
  readonly slot: number
  /** Who proposed it: never among its own scorers where there are others. */
  readonly proposer: string
  readonly reveals: readonly RevealedScores[]
  /** Drawn, committed or not, and have not revealed by the deadline. */
  readonly silent: readonly string[]
}

export interface JudgeRules {
  /** Most members that may lie together: ⌊(participants − 1) / 3⌋. */
  readonly faulty: number
  /** Items on which two honest machines may differ, as a share of all (near ties). */
  readonly tolerance: number
  /** Candidates that the selection would take or lean on must be vouched for by more than `faulty` scorers. */
  readonly decisive: readonly number[]
}

export interface Judgement {
  /** By slot: what is believed, or null: not yet, or by nobody. */
  readonly accepted: ReadonlyMap<number, Uint8Array>
  /** More scorers are to be drawn for these slots, so many. */
  readonly wanted: ReadonlyMap<number, number>
  /** Proven by more than `faulty` scorers who agree against them: named in the ledger. */
  readonly liars: ReadonlyMap<string, { readonly slots: readonly number[]; readonly items: number }>
}
