/** What the judge of scores takes and gives (judge.ts): pure, and computed alike by every member from the ledger. */

/** One revealed vector of scores of one candidate by one scorer. */
export interface RevealedScores {
  readonly scorer: string
  /** Quantised as the workload says (quantise.ts), a byte an item. */
  readonly values: Uint8Array
}

export interface CandidateEvidence {
  readonly slot: number
  /** Who proposed it: never among its own scorers where there are others. */
  readonly proposer: string
  /** Of all stages so far. */
  readonly reveals: readonly RevealedScores[]
  /** Drawn, committed or not, and have not revealed by the deadline. */
  readonly silent: readonly string[]
  /** Said that it cannot be scored. Nobody if absent. */
  readonly failed?: readonly string[]
  /** Nobody is left who could be drawn: what there is decides. False if absent. */
  readonly exhausted?: boolean
}

export interface JudgeRules {
  /** Most members that may lie together: ⌊(participants − 1) / 3⌋. */
  readonly faulty: number
  /** Items on which two honest machines may differ, as a share of all (near ties). */
  readonly tolerance: number
  /** Values that are no further apart than this are the same, in steps of the quantised scores; 0 if absent. */
  readonly closeness?: number
  /** Candidates that the selection would take or lean on must be vouched for by more than `faulty` scorers. */
  readonly decisive: readonly number[]
  /** Scorers of a candidate at first, as the run says; 1 if absent. */
  readonly scorers?: number
  /** Scorers with enough valid results in a row (reputation.ts). Nobody if absent. */
  readonly trusted?: ReadonlySet<string>
  /** Proven liars of earlier generations: what they reveal counts for nothing. Nobody if absent. */
  readonly quarantined?: ReadonlySet<string>
  /**
   * Hash of the last block: draws which candidates are audited. Scorers committed before anybody could know it. Needed only in
   * villages so large that not every candidate has more than `faulty` scorers (judge.ts).
   */
  readonly seed?: string
}

export interface Judgement {
  /** By slot: what is believed, or null: not yet, or by nobody. */
  readonly accepted: ReadonlyMap<number, Uint8Array | null>
  /** More scorers are to be drawn for these slots, so many. Empty: the generation is scored. */
  readonly wanted: ReadonlyMap<number, number>
  /** Proven by more than `faulty` scorers who agree against them: named in the ledger. */
  readonly liars: ReadonlyMap<string, { readonly slots: readonly number[]; readonly items: number }>
  /** More than `faulty` scorers, and two at least, say that these slots cannot be scored: nobody else is asked. */
  readonly unscorable: ReadonlySet<number>
  /** Whose vector stands within the tolerance of what is believed, by slot; their streaks grow (reputation.ts). */
  readonly valid: ReadonlyMap<number, readonly string[]>
  /** Who differs from what is believed without being proven a liar. */
  readonly doubtful: ReadonlyMap<number, readonly string[]>
}
