/**
 * What is believed of the scores that scorers revealed. Pure: every member of a run computes it from the ledger.
 *
 * Two vectors *agree* where they differ on no more items than two honest machines may. At most `faulty` members lie, however they
 * conspire, so that of any faulty + 1 scorers one is honest:
 *
 * - a vector that faulty + 1 scorers agree with is within the tolerance of an honest one: it can be believed;
 * - a scorer with faulty + 1 others against it, who agree with one another, lied: an honest one has only liars against it.
 *
 * In villages of up to twelve members (faulty ≤ 3) every candidate needs faulty + 1 scorers who agree, so that neither a candidate
 * that is praised nor one that is sunk passes. In larger ones that would cost too much: there a candidate is believed on the
 * word of few (adaptive replication, reputation.ts), unless the selection would take it (`decisive`), its scorers disagree, or the hash
 * of the last block picks it for an audit; then it needs as many as can prove a lie, or one more pair of eyes.
 */
import { createHash } from 'node:crypto'
import { REPLICATION, STRICT_FAULTY } from './assignment.ts'
import type { CandidateEvidence, Judgement, JudgeRules, RevealedScores } from './judgement.ts'

/** In large villages, the share of candidates that are looked at again though nobody would choose them. */
const AUDIT_SHARE = 0.25
/** Scorers that a candidate gets on top of those of the first stage when it is audited. */
const AUDITORS = 2

/** Items on which two vectors differ by more than `closeness` steps. */
export function differences(a: Uint8Array, b: Uint8Array, closeness = 0): number {
  if (a.length !== b.length) return Math.max(a.length, b.length)
  let count = 0
  for (let item = 0; item < a.length; item++) if (Math.abs(a[item]! - b[item]!) > closeness) count++
  return count
}

const agree = (a: Uint8Array, b: Uint8Array, rules: JudgeRules): boolean =>
  differences(a, b, rules.closeness) <= Math.floor(rules.tolerance * a.length)

/** Who agrees with whom, by index; everybody with itself. */
function agreements(reveals: readonly RevealedScores[], rules: JudgeRules): boolean[][] {
  const matrix = reveals.map(() => new Array<boolean>(reveals.length).fill(true))
  for (let a = 0; a < reveals.length; a++)
    for (let b = 0; b < a; b++) {
      const same = agree(reveals[a]!.values, reveals[b]!.values, rules)
      matrix[a]![b] = same
      matrix[b]![a] = same
    }
  return matrix
}

/** Those who are proven to have lied about one candidate, with the items on which they stand alone. */
function liarsOf(reveals: readonly RevealedScores[], rules: JudgeRules): Map<string, number> {
  const matrix = agreements(reveals, rules)
  // One word against another proves nothing, even where nobody is thought to lie.
  const needed = Math.max(2, rules.faulty + 1)
  const found = new Map<string, number>()
  for (const [index, { scorer, values }] of reveals.entries()) {
    const against = [...reveals.keys()].filter((other) => !matrix[index]![other])
    const witness = against.find((one) => against.filter((other) => matrix[one]![other]).length >= needed)
    if (witness !== undefined)
      found.set(scorer, differences(values, reveals[witness]!.values, rules.closeness))
  }
  return found
}

interface Belief {
  readonly values: Uint8Array | null
  /** Scorers that are still missing. */
  readonly missing: number
  readonly valid: readonly string[]
  readonly doubtful: readonly string[]
  readonly isUnscorable: boolean
}

/** By item the lower median of some vectors: pessimistic where they are evenly split. */
function medianOf(vectors: readonly Uint8Array[]): Uint8Array {
  const middle = Math.floor((vectors.length - 1) / 2)
  const [first, ...rest] = vectors
  return first!.map((value, item) => {
    if (rest.every((other) => other[item] === value)) return value
    return vectors.map((values) => values[item]!).sort((a, b) => a - b)[middle]!
  })
}

/** Uniform in [0, 1) by slot and block hash. */
function auditDraw(seed: string, slot: number): number {
  const digest = createHash('sha256').update(['village/audit/1', seed, slot].join('\0')).digest()
  return digest.readUIntBE(0, 6) / 2 ** 48
}

/** How many scorers have to agree before a candidate is believed. */
function neededScorers(
  { slot }: CandidateEvidence,
  credible: readonly RevealedScores[],
  rules: JudgeRules,
  disagree: boolean,
): number {
  const { faulty, trusted, scorers = 1 } = rules
  const all = faulty + 1
  if (faulty <= STRICT_FAULTY || disagree || rules.decisive.includes(slot)) return all
  const areTrusted = credible.every(({ scorer }) => trusted?.has(scorer) === true)
  const few = Math.max(scorers, areTrusted ? REPLICATION.trusted : REPLICATION.new)
  const isAudited = rules.seed !== undefined && auditDraw(rules.seed, slot) < AUDIT_SHARE
  return Math.min(all, isAudited ? few + AUDITORS : few)
}

function believe(
  evidence: CandidateEvidence,
  credible: readonly RevealedScores[],
  failed: readonly string[],
  rules: JudgeRules,
): Belief {
  const matrix = agreements(credible, rules)
  const support = matrix.map((row) => row.filter(Boolean).length)
  const disagree = support.some((count) => count < credible.length)
  const needed = neededScorers(evidence, credible, rules, disagree)
  const most = Math.max(0, ...support)
  // The least scorer of those with most support, so that the order of the evidence does not matter.
  const best = [...credible.keys()]
    .filter((index) => support[index] === most)
    .sort((a, b) => (credible[a]!.scorer < credible[b]!.scorer ? -1 : 1))[0]
  // Where nobody is thought to lie, one against one, or two against two, is no answer.
  const isTied =
    rules.faulty === 0 &&
    best !== undefined &&
    support.some((count, index) => count === most && !matrix[best]![index])
  if (best === undefined || most < needed || isTied) {
    // One machine may be too small for it, and as many as lie may say what they like.
    const isUnscorable = failed.length >= Math.max(2, rules.faulty + 1)
    if (isUnscorable) return { values: null, missing: 0, valid: [], doubtful: [], isUnscorable }
    const spare = evidence.silent.length > 0 ? 1 : 0
    return {
      values: null,
      missing: Math.max(1, needed - most) + spare,
      valid: [],
      doubtful: [],
      isUnscorable,
    }
  }
  const values = medianOf(credible.filter((_, index) => matrix[best]![index]).map((one) => one.values))
  const isValid = ({ values: own }: RevealedScores) => agree(own, values, rules)
  return {
    values,
    missing: 0,
    valid: credible.filter(isValid).map(({ scorer }) => scorer),
    doubtful: credible.filter((one) => !isValid(one)).map(({ scorer }) => scorer),
    isUnscorable: false,
  }
}

/**
 * Judges a generation by all that was revealed so far. Ask again with the evidence of another stage while `wanted` is not empty;
 * a slot that is `exhausted` wants no more, and has no score where too few agree.
 */
export function judge(evidence: readonly CandidateEvidence[], rules: JudgeRules): Judgement {
  const excluded = new Set(rules.quarantined)
  const liars = new Map<string, { slots: number[]; items: number }>()
  const credibleOf = ({ reveals }: CandidateEvidence) => reveals.filter(({ scorer }) => !excluded.has(scorer))
  for (const one of evidence)
    for (const [scorer, items] of liarsOf(credibleOf(one), rules)) {
      const known = liars.get(scorer) ?? { slots: [], items: 0 }
      liars.set(scorer, { slots: [...known.slots, one.slot], items: known.items + items })
    }
  // What a proven liar said of other candidates counts for nothing either.
  for (const scorer of liars.keys()) excluded.add(scorer)
  const accepted = new Map<number, Uint8Array | null>()
  const wanted = new Map<number, number>()
  const valid = new Map<number, readonly string[]>()
  const doubtful = new Map<number, readonly string[]>()
  const unscorable = new Set<number>()
  for (const one of evidence) {
    const failed = (one.failed ?? []).filter((scorer) => !excluded.has(scorer))
    const belief = believe(one, credibleOf(one), failed, rules)
    accepted.set(one.slot, belief.values)
    valid.set(one.slot, belief.valid)
    doubtful.set(one.slot, belief.doubtful)
    if (belief.isUnscorable) unscorable.add(one.slot)
    if (belief.missing > 0 && one.exhausted !== true) wanted.set(one.slot, belief.missing)
  }
  return { accepted, wanted, liars, valid, doubtful, unscorable }
}

/**
 * Slots that a selection of `count` would take, by the best that any scorer says of them: praise is looked at before it is
 * believed. Ties go to the lower slot.
 */
export function decisiveSlots(evidence: readonly CandidateEvidence[], count: number): number[] {
  const praise = ({ reveals }: CandidateEvidence) =>
    Math.max(-1, ...reveals.map(({ values }) => values.reduce((sum, value) => sum + value, 0)))
  return evidence
    .map((one) => ({ slot: one.slot, praise: praise(one) }))
    .filter(({ praise }) => praise >= 0)
    .sort((a, b) => b.praise - a.praise || a.slot - b.slot)
    .slice(0, count)
    .map(({ slot }) => slot)
}
